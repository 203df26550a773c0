//! Reports of other types: their page, and a body without secrets.

use super::address::{self, Role};
use super::settings::Settings;
use crate::report::{NormalizedOther, OtherReport, Repairs};
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
    scrub_strings(&mut body, settings);
    let says_nothing = body.is_null() || body.as_str() == Some("");
    (!says_nothing).then(|| body.to_string())
}

/// Every string that is a URL is treated as a blocked one would be. Header maps of network error
/// logging may hold cookies, and go.
fn scrub_strings(value: &mut Value, settings: &Settings) {
    match value {
        Value::String(text) => {
            if text.contains("://") {
                let mut repairs = Repairs::default();
                let kept = address::place(
                    Some(Cow::Borrowed(text.as_str())),
                    Role::Source,
                    settings.blocked,
                    settings,
                    &mut repairs,
                );
                *text = kept.map(|kept| kept.text().to_owned()).unwrap_or_default();
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| scrub_strings(value, settings));
        }
        Value::Object(fields) => {
            fields.retain(|name, _| name != "request_headers" && name != "response_headers");
            fields.values_mut().for_each(|value| scrub_strings(value, settings));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
