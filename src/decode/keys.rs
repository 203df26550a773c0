//! The keys of a violation report, in every spelling that has been seen.
//!
//! Hyphens are CSP3's for `report-uri` (section 5.3), camel case is the Reporting API's
//! (section 5.2); `document-url` is WebKit's before 2012, underscores come from proxies that
//! serialize reports anew, `URI` for `URL` from collectors that forward them.

use super::scalar;
use crate::report::{RawReport, Repairs};
use simd_json::prelude::TypedScalarValue;
use simd_json::tape::{Object, Value};
use std::borrow::Cow;

/// A key of a violation report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    DocumentUri,
    Referrer,
    BlockedUri,
    ViolatedDirective,
    EffectiveDirective,
    OriginalPolicy,
    Disposition,
    StatusCode,
    ScriptSample,
    SourceFile,
    LineNumber,
    ColumnNumber,
    /// Firefox 5 to 13.
    Request,
}

impl Key {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "document-uri" | "documentURL" | "document-url" | "document_uri" | "document_url"
            | "documentURI" => Self::DocumentUri,
            "referrer" => Self::Referrer,
            "blocked-uri" | "blockedURL" | "blocked-url" | "blocked_uri" | "blocked_url"
            | "blockedURI" => Self::BlockedUri,
            "violated-directive" | "violatedDirective" | "violated_directive" => {
                Self::ViolatedDirective
            }
            "effective-directive" | "effectiveDirective" | "effective_directive" => {
                Self::EffectiveDirective
            }
            "original-policy" | "originalPolicy" | "original_policy" => Self::OriginalPolicy,
            "disposition" => Self::Disposition,
            "status-code" | "statusCode" | "status_code" => Self::StatusCode,
            "script-sample" | "sample" | "scriptSample" | "script_sample" => Self::ScriptSample,
            "source-file" | "sourceFile" | "source_file" => Self::SourceFile,
            "line-number" | "lineNumber" | "line_number" => Self::LineNumber,
            "column-number" | "columnNumber" | "column_number" => Self::ColumnNumber,
            "request" => Self::Request,
            _ => return None,
        })
    }

    /// Whether the key alone makes an object without an envelope a violation report.
    ///
    /// `referrer`, `disposition` or `sample` stand in other reports too.
    pub const fn is_telling(self) -> bool {
        matches!(self, Self::BlockedUri | Self::ViolatedDirective | Self::EffectiveDirective)
    }
}

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
