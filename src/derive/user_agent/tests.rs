//! Strings that were really sent, each with who wrote it down, in `cases.tsv`, and behind them forms
//! that no suite has, whose source is `none`; and what no string may do.

use super::*;

use Device::*;

/// A row of `cases.tsv`: a string, what is expected of it, and where it is from.
struct Case {
    name: &'static str,
    user_agent: &'static str,
    agent: [&'static str; 4],
    source: &'static str,
}

/// Rows of seven columns; an empty one stands for "not known". The first line names them.
fn cases() -> Vec<Case> {
    let rows = include_str!("cases.tsv").lines().skip(1);
    rows.map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let [name, user_agent, browser, major, os, device, source] = columns[..] else {
            panic!("seven columns: {line}")
        };
        Case { name, user_agent, agent: [browser, major, os, device], source }
    })
    .collect()
}

#[test]
fn table() {
    let mut failures = String::new();
    for Case { name, user_agent, agent: expected, .. } in cases() {
        let actual = parse(user_agent);
        let major = actual.major.map(|major| major.to_string()).unwrap_or_default();
        let device = actual.device.map_or("", Device::name);
        let actual = [actual.browser.unwrap_or(""), &major, actual.os.unwrap_or(""), device];
        if actual != expected {
            failures += &format!("{name}\n  expected {expected:?}\n  actual   {actual:?}\n");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_row_has_a_name_of_its_own_and_a_source() {
    let cases = cases();
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() >= 150);
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().all(|case| !case.name.is_empty() && !case.source.is_empty()));
}

#[test]
fn says_nothing_of_garbage() {
    for ua in [
        "",
        " ",
        "-",
        "\0",
        "Mozilla/5.0",
        "asdf",
        "(((((",
        ";;;",
        "/",
        "////",
        "é",
        "🦀🦀🦀",
        "null",
        "undefined",
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "Online/7",
        "9999999999",
    ] {
        assert_eq!(parse(ua), Agent::default(), "{ua:?}");
    }
}

#[test]
fn keeps_versions_small() {
    let chrome = |version: &str| {
        parse(&format!("Mozilla/5.0 (Windows NT 10.0) Chrome/{version} Safari/537.36"))
    };
    assert_eq!(chrome("9999.0").major, Some(9_999));
    for version in ["10000", "99999999999999999999999", "", ".", "x"] {
        assert_eq!(chrome(version).major, None, "{version:?}");
    }
}

#[test]
fn cuts_on_a_boundary() {
    // From 501 on the token no longer fits.
    for padding in 501..520 {
        let ua = format!("{}€ Firefox/133.0", "x".repeat(padding));
        assert_eq!(parse(&ua).browser, None, "{padding}");
    }
    assert_eq!(parse(&"é€🦀".repeat(100_000)), Agent::default());
}

#[test]
fn never_panics() {
    for ua in cases().iter().map(|case| case.user_agent) {
        for (at, c) in ua.char_indices().step_by(3) {
            // Cut at either end, with something odd in place, or twisted.
            parse(&ua[..at]);
            parse(&ua[at..]);
            parse(&format!("{}🦀{}", &ua[..at], &ua[at + c.len_utf8()..]));
        }
        parse(&ua.chars().rev().collect::<String>());
        parse(&ua.to_uppercase());
        parse(&ua.to_lowercase());
    }
    for (token, _) in BROWSERS.iter().chain(CRAWLERS).chain(TOOLS) {
        for ua in
            [token.to_string(), format!("é{token}€"), token.repeat(300), format!("{token}//__  1")]
        {
            parse(&ua);
        }
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2_000 {
        let ua: String = std::iter::from_fn(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from_u32((state % 0x500) as u32)
        })
        .take(100)
        .collect();
        parse(&ua);
    }
}

#[test]
fn names_devices() {
    let names = [Pc, Smartphone, Tablet, MobilePhone, Crawler, Appliance, Misc].map(Device::name);
    assert_eq!(
        names,
        ["pc", "smartphone", "tablet", "mobilephone", "crawler", "appliance", "misc"]
    );
}

/// Rules may ask for these names only, so none may be missing there; and one that no string can
/// give would be a question that never holds.
#[test]
fn all_names_are_known_to_rules() {
    let woothee = woothee::dataset::DATASET.values().map(|row| row.name);
    let browsers: std::collections::BTreeSet<_> = BROWSERS
        .iter()
        .chain(CRAWLERS)
        .chain(TOOLS)
        .map(|&(_, name)| name)
        .chain(woothee.filter_map(browser_name))
        .chain(["Crawler", "Android WebView", "iOS WebView", "macOS WebView", "Android Browser"])
        .collect();
    let known: std::collections::BTreeSet<_> = Agent::BROWSERS.iter().copied().collect();
    assert_eq!(browsers, known, "report::Agent::BROWSERS");
    let systems = SYSTEMS.iter().map(|&(_, os, _)| os);
    let unknown: Vec<_> = systems.filter(|os| !Agent::SYSTEMS.contains(os)).collect();
    assert!(unknown.is_empty(), "{unknown:?} must stand in report::Agent::SYSTEMS");
}

/// Every version of the browsers that people have, as their makers write it, on each system.
#[test]
fn every_major_version_is_read() {
    let expect = |ua: &str, browser: &str, major: u32| {
        let agent = parse(ua);
        assert_eq!((agent.browser, agent.major), (Some(browser), Some(major)), "{ua}");
    };
    let desktops = [
        "Windows NT 5.1",
        "Windows NT 6.1; WOW64",
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_8_5",
        "X11; Linux x86_64",
    ];
    for major in 14..=156 {
        // Chromium's user agent reduction froze the rest of the version in 101.
        let version = if major < 101 {
            format!("{major}.0.{}.60", major * 40)
        } else {
            format!("{major}.0.0.0")
        };
        let kit = match major {
            14..16 => "535.1",
            16..19 => "535.11",
            19..23 => "537.1",
            23..27 => "537.11",
            _ => "537.36",
        };
        for system in desktops.iter().chain(&["X11; CrOS x86_64 14541.0.0"]) {
            let ua = format!(
                "Mozilla/5.0 ({system}) AppleWebKit/{kit} (KHTML, like Gecko) Chrome/{version} Safari/{kit}"
            );
            expect(&ua, "Chrome", major);
        }
        let phone = format!(
            "Mozilla/5.0 (Linux; Android 4.4.2; Nexus 5 Build/KOT49H) AppleWebKit/{kit} (KHTML, like Gecko) Chrome/{version} Mobile Safari/{kit}"
        );
        let iphone = format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 7_0 like Mac OS X) AppleWebKit/537.51.1 (KHTML, like Gecko) CriOS/{version} Mobile/11A465 Safari/8536.25"
        );
        expect(&phone, "Chrome", major);
        expect(&iphone, "Chrome", major);
        if major >= 79 {
            let chrome = format!("AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}");
            expect(
                &format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36 Edg/{version}"
                ),
                "Edge",
                major,
            );
            expect(
                &format!(
                    "Mozilla/5.0 (Linux; Android 10; HD1913) {chrome} Mobile Safari/537.36 EdgA/{version}"
                ),
                "Edge",
                major,
            );
            expect(
                &format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 EdgiOS/{version} Mobile/15E148 Safari/605.1.15"
                ),
                "Edge",
                major,
            );
        }
        if major >= 28 {
            let opera = major - 13;
            expect(
                &format!(
                    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Safari/537.36 OPR/{opera}.0.1147.153"
                ),
                "Opera",
                opera,
            );
        }
    }
    for major in 4..=153 {
        for system in desktops {
            expect(
                &format!("Mozilla/5.0 ({system}; rv:{major}.0) Gecko/20100101 Firefox/{major}.0"),
                "Firefox",
                major,
            );
        }
        expect(
            &format!(
                "Mozilla/5.0 (Android; Mobile; rv:{major}.0) Gecko/{major}.0 Firefox/{major}.0"
            ),
            "Firefox",
            major,
        );
        expect(
            &format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/{major}.0 Mobile/15E148 Safari/605.1.15"
            ),
            "Firefox",
            major,
        );
    }
    for major in 5..=26 {
        for version in [format!("{major}.0"), format!("{major}.1.2")] {
            expect(
                &format!(
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_5) AppleWebKit/537.78.2 (KHTML, like Gecko) Version/{version} Safari/537.78.2"
                ),
                "Safari",
                major,
            );
            for device in
                ["iPhone; CPU iPhone OS 7_0", "iPad; CPU OS 6_0", "iPod; CPU iPhone OS 5_1"]
            {
                expect(
                    &format!(
                        "Mozilla/5.0 ({device} like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) Version/{version} Mobile/10A403 Safari/8536.25"
                    ),
                    "Safari",
                    major,
                );
            }
        }
    }
    // Opera of before Blink says 9.80 for ever, and its version behind that.
    for version in ["10.00", "11.50", "11.64", "12.00", "12.16", "12.18"] {
        let major = version[..2].parse().expect("a number");
        for system in desktops {
            expect(
                &format!("Opera/9.80 ({system}) Presto/2.12.388 Version/{version}"),
                "Opera",
                major,
            );
        }
    }
    for (major, chrome) in [
        (12, "42.0.2311.135"),
        (13, "46.0.2486.0"),
        (14, "51.0.2704.79"),
        (15, "52.0.2743.116"),
        (16, "58.0.3029.110"),
        (17, "64.0.3282.140"),
        (18, "64.0.3282.140"),
    ] {
        expect(
            &format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome} Safari/537.36 Edge/{major}.10240"
            ),
            "Edge",
            major,
        );
    }
    for (major, trident) in
        [(7, ""), (8, "; Trident/4.0"), (9, "; Trident/5.0"), (10, "; Trident/6.0")]
    {
        expect(
            &format!("Mozilla/5.0 (compatible; MSIE {major}.0; Windows NT 6.1; WOW64{trident})"),
            "Internet Explorer",
            major,
        );
    }
    expect(
        "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
        "Internet Explorer",
        11,
    );
    expect(
        "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+",
        "BlackBerry",
        10,
    );
    expect(
        "Mozilla/5.0 (BlackBerry; U; BlackBerry 9900; en) AppleWebKit/534.11+ (KHTML, like Gecko) Version/7.1.0.346 Mobile Safari/534.11+",
        "BlackBerry",
        7,
    );
    let headless = parse(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome Safari/537.36",
    );
    assert_eq!((headless.browser, headless.major), (Some("HeadlessChrome"), None));
}
