//! Reads a `User-Agent` header: which browser, which major version, which system, which device.
//!
//! The `woothee` crate decides. It has not kept up with crawlers, in-app browsers, tools and newer
//! systems, so the tables of this module speak before it. Every name that leaves this module is one
//! of its literals: a sender cannot mint new values for a label.

mod names;
#[cfg(test)]
mod tests;

use crate::report::{Agent, Device};
use names::{BROWSERS, CRAWLERS, SYSTEMS, TOOLS, browser_name, os_name};
use woothee::parser::{Parser, WootheeResult};

/// How much of the header is read. Real strings stay below it, even those of Facebook's app.
const MAX_BYTES: usize = 512;

/// The highest number taken for a major version. Above it are build numbers, dates and jokes.
const MAX_MAJOR: u32 = 9_999;

/// Finds the version of the browser named by a token, which as a rule follows it.
fn row_version(ua: &str, token: &str) -> Option<u32> {
    match token {
        "FBAN/" | "FB_IAB/" => version(ua, &["FBAV/"]),
        // The names themselves are followed by the version or by a build number.
        "musical_ly" | "trill_" | "BytedanceWebview" => {
            version(ua, &["AppVersion/", "app_version/", "musical_ly_"])
        }
        "Opera" => version(ua, &["Version/", "Opera"]), // Presto's last ones stay at "Opera/9.80"
        "BB10" | "BlackBerry" => version(ua, &["Version/"]),
        // Since 2019 it gives the number of its WebKit, as Safari's token does.
        "Epiphany/" => version(ua, &["Epiphany/"]).filter(|&major| major < 600),
        _ => version(ua, &[token]),
    }
}

/// Gives the only system a browser runs on, for those that claim another one.
fn only_system(token: &str) -> Option<&'static str> {
    match token {
        "CriOS/" | "FxiOS/" | "EdgiOS/" | "OPiOS/" => Some("iOS"),
        "Silk/" => Some("Android"), // Amazon's Fire OS
        _ => None,
    }
}

/// Reads a user agent string. Total: what it cannot read is `None`.
pub fn parse(user_agent: &str) -> Agent {
    let ua = &user_agent[..user_agent.floor_char_boundary(MAX_BYTES)];
    crawler(ua).or_else(|| tool(ua)).or_else(|| visitor(ua)).unwrap_or_else(|| browser(ua))
}

/// Describes a program without a person before it.
fn automaton(device: Device, browser: Option<&'static str>, major: Option<u32>) -> Agent {
    Agent { browser, major, os: None, device: Some(device) }
}

/// Reads a robot's string: a known one's, or that of one which calls itself a robot.
fn crawler(ua: &str) -> Option<Agent> {
    let lower = ua.to_ascii_lowercase();
    let (browser, major) = lookup(CRAWLERS, &lower)
        .or_else(|| calls_itself_robot(&lower).then_some(("Crawler", None)))?;
    Some(automaton(Device::Crawler, Some(browser), major))
}

/// Says whether a word of a string in lower case is a robot's.
fn calls_itself_robot(lower: &str) -> bool {
    // Two makers of telephones, which give these as the model: "CUBOT_X30", "M bot 54".
    let is_model = |word: &str, rest: &str| {
        word == "cubot"
            || word == "bot"
                && rest
                    .strip_prefix(' ')
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    lower.contains("crawler")
        || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
            let rest = &lower[word.as_ptr() as usize - lower.as_ptr() as usize + word.len()..];
            (word.ends_with("bot") || word.ends_with("spider")) && !is_model(word, rest)
        })
}

/// Reads the string of a command line tool or a library.
fn tool(ua: &str) -> Option<Agent> {
    if ua.starts_with("Mozilla/") {
        return None;
    }
    let (browser, major) = lookup(TOOLS, ua)?;
    Some(automaton(Device::Misc, Some(browser), major))
}

/// Reads the string of a program that gives an address to complain to, as no browser does.
fn visitor(ua: &str) -> Option<Agent> {
    let gives_address = ["+http://", "+https://"].iter().any(|sign| ua.contains(sign));
    gives_address.then(|| automaton(Device::Crawler, Some("Crawler"), None))
}

/// Reads any other string, a browser's most likely.
fn browser(ua: &str) -> Agent {
    let seen = Parser::new().parse(ua).unwrap_or_default();
    let device = Device::from_name(seen.category);
    match device {
        Some(Device::Crawler) => return automaton(Device::Crawler, Some("Crawler"), None),
        Some(Device::Misc) => return automaton(Device::Misc, browser_name(seen.name), None),
        _ => {}
    }

    let row = BROWSERS.iter().find(|(token, _)| after(ua, token).is_some());
    let system = SYSTEMS.iter().find(|(token, ..)| ua.contains(token));
    let os = row
        .and_then(|(token, _)| only_system(token))
        .or(system.map(|&(_, os, _)| os))
        .or_else(|| os_name(seen.os));
    let (browser, major) = match row {
        Some(&(token, name)) => (Some(name), row_version(ua, token)),
        None => without_row(ua, &seen, os),
    };
    let device = device_on(ua, os, system.map(|&(.., device)| device).or(device));
    Agent { browser, major, os, device }
}

/// Names a browser that no row knows, from woothee's answer and what the system tells of it.
fn without_row(
    ua: &str,
    seen: &WootheeResult,
    os: Option<&str>,
) -> (Option<&'static str>, Option<u32>) {
    // The marker came with Android 5; the web view of 4.4 has a Version/, which Chrome never had.
    // The engine's version is the useful one: woothee's is 4 for every web view.
    let is_web_view = ua.contains("; wv)") || ua.contains("Version/4.0 Chrome/");
    match (seen.name, os) {
        ("Chrome" | "Webview", Some("Android")) if is_web_view => {
            (Some("Android WebView"), version(ua, &["Chrome/"]))
        }
        // Pages kept on the home screen look the same. No version is given but the system's.
        ("Webview", Some("iOS")) => (Some("iOS WebView"), None),
        // Woothee sees a web view wherever the letters wv stand, even in a model's name.
        ("Webview", _) => (Some("Chrome"), version(ua, &["Chrome/"])),
        // Debatable, as it may as well be an app on an iPad that asks for desktop pages.
        ("UNKNOWN", Some("macOS")) if ua.contains("AppleWebKit/") => (Some("macOS WebView"), None),
        ("Safari", Some("Android")) => (Some("Android Browser"), number(seen.version)),
        // Compatibility view lowers the MSIE token, but not the engine's, which trails it by four.
        ("Internet Explorer", _) => {
            let major = match version(ua, &["Trident/"]) {
                Some(trident) => Some(trident + 4),
                None => number(seen.version),
            };
            (Some("Internet Explorer"), major)
        }
        // An Xbox, to woothee.
        (_, _) if ua.contains("Trident/") => {
            (Some("Internet Explorer"), version(ua, &["Trident/"]).map(|trident| trident + 4))
        }
        // Without the Safari/ token that woothee waits for: old telephones, and apps of today.
        ("UNKNOWN", _) if version(ua, &["Chrome/"]).is_some() => {
            (Some("Chrome"), version(ua, &["Chrome/"]))
        }
        (name, _) => {
            let browser = browser_name(name);
            (browser, browser.and_then(|_| number(seen.version)))
        }
    }
}

/// Corrects the device: woothee takes tablets for smartphones and most televisions for a pc.
fn device_on(ua: &str, os: Option<&str>, device: Option<Device>) -> Option<Device> {
    let mobile = ua.contains("Mobile");
    Some(match os {
        Some("iOS") if ua.contains("iPad") || ua.contains("Macintosh") => Device::Tablet,
        Some("iOS") => Device::Smartphone,
        Some("Android" | "Linux" | "Tizen") if is_television(ua) => Device::Appliance,
        Some("Android" | "HarmonyOS" | "Firefox OS") if ua.contains("Tablet") => Device::Tablet,
        // Google's rule for WebKit and Blink; others, such as Opera's Presto, do not follow it.
        Some("Android") if !mobile && ua.contains("AppleWebKit/") => Device::Tablet,
        Some("Android") => Device::Smartphone,
        Some("Linux") if mobile => Device::Smartphone,
        _ => return device,
    })
}

/// Says whether a string names a television: a word in TV, a Chromecast, a model of Fire TV.
fn is_television(ua: &str) -> bool {
    ua.contains("CrKey/")
        || ua.contains("; AFT")
        || ua.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.ends_with("TV"))
}

/// Finds the first row of a table whose token the string has, and the number behind it.
fn lookup(table: &[(&str, &'static str)], ua: &str) -> Option<(&'static str, Option<u32>)> {
    table.iter().find_map(|&(token, name)| after(ua, token).map(|rest| (name, number(rest))))
}

/// Finds the major version behind the first of `tokens` that has one.
fn version(ua: &str, tokens: &[&str]) -> Option<u32> {
    tokens.iter().find_map(|token| after(ua, token).and_then(number))
}

/// Gives what follows a token that begins a word: "Line/" is not in "Online/".
fn after<'a>(ua: &'a str, token: &str) -> Option<&'a str> {
    ua.match_indices(token)
        .find(|&(at, _)| !ua[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
        .map(|(at, _)| &ua[at + token.len()..])
}

/// Reads the number at the start of `text`, past one of the separators that apps put before it.
fn number(text: &str) -> Option<u32> {
    let text = text.strip_prefix(['/', ' ', '_']).unwrap_or(text);
    let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|&major| major <= MAX_MAJOR)
}
