//! Fills a violation report from its keys, in every spelling that has been seen.

use super::scalar;
pub use crate::report::ReportKey as Key;
use crate::report::{RawReport, Repairs};
use simd_json::prelude::TypedScalarValue;
use simd_json::tape::{Object, Value};
use std::borrow::Cow;

/// Fills a report from the object that holds its keys. Of a key that comes twice the last value
/// counts, as in every JSON parser of the browsers; `null` and unknown keys are skipped.
pub fn fill<'s>(report: &mut RawReport<'s>, object: &Object<'_, 's>) {
    for (name, value) in object {
        if let Some(key) = Key::from_name(name).filter(|_| !value.is_null()) {
            set(report, key, &value);
        }
    }
}

fn set<'s>(report: &mut RawReport<'s>, key: Key, value: &Value<'_, 's>) {
    let repairs = &mut report.repairs;
    match key {
        Key::StatusCode => report.status_code = scalar::count(value, repairs),
        Key::LineNumber => report.line_number = scalar::count(value, repairs),
        Key::ColumnNumber => report.column_number = scalar::count(value, repairs),
        _ => {
            let text = scalar::text(value, repairs);
            set_text(report, key, text);
        }
    }
}

/// Sets the field of a key from a text, wherever the text came from.
pub fn set_text<'s>(report: &mut RawReport<'s>, key: Key, text: Option<Cow<'s, str>>) {
    let field = match key {
        // An empty blocked-uri means something; see `normalize`.
        Key::BlockedUri => {
            report.blocked_uri = text;
            return;
        }
        Key::StatusCode => {
            report.status_code = parse_count(text, &mut report.repairs);
            return;
        }
        Key::LineNumber => {
            report.line_number = parse_count(text, &mut report.repairs);
            return;
        }
        Key::ColumnNumber => {
            report.column_number = parse_count(text, &mut report.repairs);
            return;
        }
        Key::DocumentUri => &mut report.document_uri,
        Key::Referrer => &mut report.referrer,
        Key::ViolatedDirective => &mut report.violated_directive,
        Key::EffectiveDirective => &mut report.effective_directive,
        Key::OriginalPolicy => &mut report.original_policy,
        Key::Disposition => &mut report.disposition,
        Key::ScriptSample => &mut report.script_sample,
        Key::SourceFile => &mut report.source_file,
        Key::Request => &mut report.request,
    };
    *field = text.filter(|text| !text.is_empty());
}

fn parse_count(text: Option<Cow<'_, str>>, repairs: &mut Repairs) -> Option<u32> {
    let number = scalar::parse_whole_number(&text?, repairs)?;
    u32::try_from(number).ok().filter(|count| *count != 0)
}
