//! The envelopes around reports, told by their keys alone.

use super::keys::{self, Key};
use super::{Entry, Unreadable, scalar};
use crate::report::{OtherReport, RawReport, Rejection, Repairs, Wire};
use simd_json::base::Writable;
use simd_json::prelude::TypedScalarValue;
use simd_json::tape::{Object, Value};
use std::borrow::Cow;

/// Reads the entries of one top-level value, or of one that stood in an array.
pub fn read<'s>(
    value: &Value<'_, 's>,
    in_array: bool,
    repairs: Repairs,
    max_reports: usize,
) -> Result<Vec<Entry<'s>>, Unreadable> {
    if let Some(object) = value.as_object() {
        return match read_object(&object, repairs, in_array) {
            Ok(entry) => Ok(vec![entry]),
            Err(rejection) => Err(Unreadable::Rejected(rejection)),
        };
    }
    let Some(array) = value.as_array() else {
        return Err(Unreadable::Rejected(Rejection::NotAnObject));
    };
    if array.len() > max_reports {
        return Err(Unreadable::TooMany(array.len()));
    }
    let entries: Vec<_> = array
        .iter()
        .map(|value| {
            let entry = match value.as_object() {
                Some(object) => read_object(&object, repairs, true),
                None => Err(Rejection::NotAnObject),
            };
            entry
                .unwrap_or_else(|rejection| Entry::Rejected { rejection, specimen: value.encode() })
        })
        .collect();
    match entries[..] {
        [Entry::Rejected { rejection, .. }] => Err(Unreadable::Rejected(rejection)),
        _ => Ok(entries),
    }
}

/// The keys of an envelope, in one look.
#[derive(Default)]
struct Envelope<'t, 's> {
    report_type: Option<Cow<'s, str>>,
    url: Option<Cow<'s, str>>,
    age: Option<i64>,
    user_agent: Option<Cow<'s, str>>,
    body: Option<Value<'t, 's>>,
    csp_report: Option<Value<'t, 's>>,
    /// A retired report that names its type by its only key, and its content.
    retired: Option<(&'static str, Value<'t, 's>)>,
    has_telling_key: bool,
    has_known_pins: bool,
}

fn read_object<'s>(
    object: &Object<'_, 's>,
    mut repairs: Repairs,
    in_array: bool,
) -> Result<Entry<'s>, Rejection> {
    let mut envelope = Envelope::default();
    for (name, value) in object {
        match name {
            "csp-report" | "csp_report" | "cspReport" if !value.is_null() => {
                envelope.csp_report = Some(value);
            }
            "type" => envelope.report_type = scalar::string(&value).map(Cow::Borrowed),
            "url" => envelope.url = scalar::text(&value, &mut repairs),
            "age" => envelope.age = scalar::whole_number(&value, &mut repairs),
            "user_agent" => envelope.user_agent = scalar::text(&value, &mut repairs),
            "body" if !value.is_null() => envelope.body = Some(value),
            "expect-ct-report" => envelope.retired = Some(("expect-ct", value)),
            "expect-staple-report" => envelope.retired = Some(("expect-staple", value)),
            "known-pins" => envelope.has_known_pins = true,
            _ => {
                envelope.has_telling_key |= Key::from_name(name).is_some_and(Key::is_telling);
            }
        }
    }

    let report_type = envelope.report_type.as_deref().map_or("", str::trim);
    if is_foreign(report_type) {
        let report_type = Cow::Owned(report_type.to_owned());
        let body = envelope.body.map(|body| body.encode());
        return Ok(other(in_array, report_type, body, envelope, repairs));
    }
    if let Some(content) = envelope.csp_report {
        let wire = match envelope.report_type {
            Some(_) => Wire::Hybrid,
            None => Wire::ReportUri,
        };
        return violation(wire, &content, envelope, repairs);
    }
    match report_type {
        "csp-violation" => {
            let wire = if in_array { Wire::ReportTo } else { Wire::ReportToSingle };
            let content = envelope.body.ok_or(Rejection::NoBody)?;
            violation(wire, &content, envelope, repairs)
        }
        _ if !report_type.is_empty() && !envelope.has_telling_key => {
            let report_type = Cow::Owned(report_type.to_owned());
            let body = envelope.body.map(|body| body.encode());
            Ok(other(in_array, report_type, body, envelope, repairs))
        }
        _ if envelope.retired.is_some() => {
            let (report_type, content) = envelope.retired.ok_or(Rejection::NotAReport)?;
            Ok(other(in_array, report_type.into(), Some(content.encode()), envelope, repairs))
        }
        // HPKP has no envelope at all (RFC 7469 section 3).
        _ if envelope.has_known_pins => Ok(other(in_array, "hpkp".into(), None, envelope, repairs)),
        _ if envelope.has_telling_key => {
            let mut report = RawReport { wire: Some(Wire::Bare), repairs, ..RawReport::default() };
            keys::fill(&mut report, object);
            said_something(report)
        }
        _ => Err(Rejection::NotAReport),
    }
}

/// Types of which no key may make a violation (Reporting API section 3.2, and the specifications
/// of each).
fn is_foreign(report_type: &str) -> bool {
    matches!(
        report_type,
        "coep"
            | "coop"
            | "coop-access-violation"
            | "crash"
            | "csp-hash"
            | "deprecation"
            | "document-policy-violation"
            | "integrity-violation"
            | "intervention"
            | "network-error"
            | "permissions-policy-violation"
            | "potential-permissions-policy-violation"
            | "test"
    )
}

fn violation<'s>(
    wire: Wire,
    content: &Value<'_, 's>,
    envelope: Envelope<'_, 's>,
    repairs: Repairs,
) -> Result<Entry<'s>, Rejection> {
    let content = content.as_object().ok_or(Rejection::NoBody)?;
    let mut report = RawReport {
        wire: Some(wire),
        repairs,
        envelope_url: envelope.url.filter(|url| !url.is_empty()),
        age: envelope.age,
        user_agent: envelope.user_agent.filter(|agent| !agent.is_empty()),
        ..RawReport::default()
    };
    keys::fill(&mut report, &content);
    said_something(report)
}

fn said_something(report: RawReport<'_>) -> Result<Entry<'_>, Rejection> {
    if report.says_something() { Ok(Entry::Violation(report)) } else { Err(Rejection::SaysNothing) }
}

fn other<'s>(
    in_array: bool,
    report_type: Cow<'s, str>,
    body: Option<String>,
    envelope: Envelope<'_, 's>,
    repairs: Repairs,
) -> Entry<'s> {
    Entry::Other(OtherReport {
        wire: if in_array { Wire::ReportTo } else { Wire::ReportToSingle },
        repairs,
        report_type,
        url: envelope.url.filter(|url| !url.is_empty()),
        age: envelope.age,
        user_agent: envelope.user_agent.filter(|agent| !agent.is_empty()),
        body,
    })
}
