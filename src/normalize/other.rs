//! Reports of other types: their page, and a body without secrets.

use super::address::{self, Role};
use super::scrub;
use super::settings::Settings;
use crate::report::{
    NormalizedOther, OtherReport, Repairs, SchemeKind, UrlParts, scheme_kind, split_scheme,
};
use serde_json::Value;
use std::borrow::Cow;

/// Scrubs a report of another type.
pub fn normalize_other<'b>(report: OtherReport<'b>, settings: &Settings) -> NormalizedOther<'b> {
    let mut repairs = report.repairs;
    let document =
        address::place(report.url, Role::Document, settings.document, settings, &mut repairs);
    let is_name = |name: &str| {
        (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    NormalizedOther {
        wire: report.wire,
        report_type: if is_name(&report.report_type) {
            report.report_type
        } else {
            Cow::Borrowed("unknown")
        },
        document,
        age: report.age.and_then(super::age),
        user_agent: report
            .user_agent
            .map(|agent| super::cut(agent, settings.max_user_agent.as_u64(), &mut repairs)),
        body: report
            .body
            .filter(|body| settings.other_bodies && fits(body, settings))
            .and_then(|body| scrubbed(&body, settings)),
        repairs,
    }
}

fn fits(body: &str, settings: &Settings) -> bool {
    u64::try_from(body.len()).is_ok_and(|len| len <= settings.max_other_body.as_u64())
}

fn scrubbed(body: &str, settings: &Settings) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    scrub_strings("", &mut body, settings);
    let says_nothing = body.is_null() || body.as_str() == Some("");
    (!says_nothing).then(|| body.to_string())
}

/// A URL is kept as far as that of a violation would be, by its key; all other text loses what
/// looks like a secret. Header maps of network error logging may hold cookies, and go.
fn scrub_strings(key: &str, value: &mut Value, settings: &Settings) {
    match value {
        Value::String(text) => *text = scrubbed_text(key, text, settings),
        Value::Array(values) => {
            for value in values {
                scrub_strings(key, value, settings);
            }
        }
        Value::Object(fields) => {
            fields.retain(|name, _| !is_header_map(name));
            for (name, value) in fields {
                scrub_strings(name, value, settings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn scrubbed_text(key: &str, text: &str, settings: &Settings) -> String {
    let key = folded(key);
    let keep = match key.as_str() {
        "documenturl" => Some(settings.document),
        "sourcefile" => Some(settings.source),
        "referrer" => settings.referrer.of_url(),
        _ => Some(settings.blocked),
    };
    let Some(keep) = keep else { return String::new() };
    // The digest of a script is what a `csp-hash` report is about (CSP3 section 5.6).
    if ["sha256-", "sha384-", "sha512-"].iter().any(|prefix| text.starts_with(prefix)) {
        return text.to_owned();
    }
    let is_url = UrlParts::split(text).is_some()
        || split_scheme(text)
            .is_some_and(|(scheme, _)| scheme_kind(scheme) == SchemeKind::Extension);
    if !is_url {
        return scrub::prose(text);
    }
    let mut repairs = Repairs::default();
    let text = Some(Cow::Borrowed(text));
    address::place(text, Role::Source, keep, settings, &mut repairs)
        .map(|kept| kept.text().to_owned())
        .unwrap_or_default()
}

fn is_header_map(name: &str) -> bool {
    matches!(folded(name).as_str(), "requestheaders" | "responseheaders")
}

/// `request_headers`, `requestHeaders` and `request-headers` are one key.
fn folded(key: &str) -> String {
    key.chars()
        .filter(|letter| !matches!(letter, '_' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}
