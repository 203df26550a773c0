//! Strings that were really sent, each with who wrote it down, in `cases.tsv`; and what no string
//! may do.

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
