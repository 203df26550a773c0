//! The smuggled query against a slow and obvious reader of it.
#![no_main]

#[path = "../../tests/reference/form.rs"]
mod form;

use cspipe::report::{Disposition, RawReport, Violation};
use cspipe_fuzz::{delivery, stages};
use std::sync::LazyLock;

libfuzzer_sys::fuzz_target!(|query: &str| {
    let facts = stages().derive(&VIOLATION, &delivery(Some(query)));
    let pairs = form::pairs(query.as_bytes());
    let first = |names: &[&str], read: fn(&str) -> Option<String>| {
        pairs
            .iter()
            .take(32)
            .filter(|(name, _)| names.contains(&name.as_str()))
            .find_map(|(_, value)| read(value))
    };

    assert_eq!(
        (facts.app_name != "unknown").then(|| facts.app_name.to_string()),
        first(&["app", "app_name"], app).filter(|app| app != "unknown")
    );
    assert_eq!(
        facts.environment.as_deref(),
        first(&["environment", "env", "sentry_environment"], label).as_deref()
    );
    assert_eq!(facts.release.as_deref(), first(&["release", "sentry_release"], label).as_deref());
    assert_eq!(facts.page_status.map(|status| status.to_string()), first(&["status"], status));
    let said = pairs.iter().take(32).find_map(|(name, value)| {
        let is_so = match value.to_ascii_lowercase().as_str() {
            "" | "1" | "true" | "yes" | "on" => true,
            "0" | "false" | "no" | "off" => false,
            _ => return None,
        };
        match name.as_str() {
            "enforce" | "enforced" => Some(is_so),
            "report_only" => Some(!is_so),
            _ => None,
        }
    });
    let disposition = match said {
        Some(true) => Disposition::Enforce,
        Some(false) => Disposition::Report,
        None => Disposition::Unknown,
    };
    assert_eq!(facts.disposition, disposition);

    // What somebody appends to the URL changes nothing that was said.
    let longer = format!("{query}&app=intruder&enforce=0&report_only=0&status=599&env=x&release=x");
    let later = stages().derive(&VIOLATION, &delivery(Some(&longer)));
    if facts.app_name != "unknown" {
        assert_eq!(facts.app_name, later.app_name);
    }
    if facts.disposition != Disposition::Unknown {
        assert_eq!(facts.disposition, later.disposition);
    }
    assert!(facts.page_status.is_none() || facts.page_status == later.page_status);
    assert!(facts.environment.is_none() || facts.environment == later.environment);
    assert!(facts.release.is_none() || facts.release == later.release);
    // Nothing of the query is part of what the violation is.
    assert_eq!(facts.fingerprint, later.fingerprint);
});

fn app(value: &str) -> Option<String> {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    let is_name = (1..=64).contains(&value.len())
        && value.chars().all(letters)
        && value.chars().any(|letter| letter.is_ascii_alphanumeric());
    is_name.then(|| value.to_owned())
}

fn label(value: &str) -> Option<String> {
    let fits = (1..=200).contains(&value.len()) && !value.chars().any(char::is_control);
    fits.then(|| value.to_owned())
}

fn status(value: &str) -> Option<String> {
    let number: u16 = value.parse().ok()?;
    (100..1000).contains(&number).then(|| number.to_string())
}

static VIOLATION: LazyLock<Violation<'static>> = LazyLock::new(|| {
    stages().normalize(RawReport {
        document_uri: Some("https://shop.example/cart".into()),
        blocked_uri: Some("inline".into()),
        effective_directive: Some("script-src-elem".into()),
        ..RawReport::default()
    })
});
