//! A slow and obvious decoder, to hold the fast one against.
//!
//! It reads a body with `serde_json` into a tree of its own and looks every key up by its name;
//! it shares no code with `cspipe::decode`. In: bytes. Out: one plain map a report, or nothing
//! where it does not judge.
//!
//! **Where it judges:** bodies that are strict JSON (RFC 8259) once a byte order mark, white space
//! around and bytes that are no UTF-8 are taken care of; several such objects in a row; a body
//! that is one JSON string around any of these; the form of old WebKit. **Where it does not:**
//! everything else that has to be mended (lone surrogates, control characters in strings, words
//! that are no number or one that no type holds, anything but objects among several values, an
//! end that comes
//! too early, bytes behind the end), and what is nested deeper than any report. There the fast
//! decoder's own tests say what comes out.

pub mod form;
mod plain;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

pub use plain::check;

/// A report as a plain map: each field by its name. `kind` is `violation`, `other` or `rejected`.
pub type Plain = BTreeMap<&'static str, String>;

/// A JSON value that forgets nothing: keys stand in their order, and twice if they came twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Whole(i128),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads a body as far as it judges: `None` where it does not, else the reports in their order,
/// or the label of the rejection of the whole.
pub fn read(body: &[u8]) -> Option<Result<Vec<Plain>, &'static str>> {
    let body = around(body);
    let inner;
    let mut body = body;
    if body.first() == Some(&b'"')
        && let Ok(text) = serde_json::from_slice::<String>(body)
    {
        inner = text;
        body = around(inner.as_bytes());
        if body.is_empty() {
            // A string around nothing: neither says what is wrong with it.
            return None;
        }
    }
    match body.first() {
        None => return Some(Err("empty")),
        Some(b'{' | b'[') => {}
        Some(_) => return Some(read_form(body)),
    }

    let text = String::from_utf8_lossy(body);
    let is_mended = matches!(text, std::borrow::Cow::Owned(_));
    let values: Vec<Json> = serde_json::Deserializer::from_str(&text)
        .into_iter::<Json>()
        .collect::<Result<_, _>>()
        .ok()?;
    let is_row = values.len() > 1;
    let has_more = values.iter().any(|value| !matches!(value, Json::Object(_)));
    if values.iter().any(|value| depth(value) > MAX_DEPTH || !value.is_ordinary())
        || is_row && has_more
        // Values of a mended array are read one by one, and a list among them is opened.
        || is_mended && values.iter().any(Json::has_list_inside)
    {
        return None;
    }

    let (in_array, entries) = match &values[..] {
        [Json::List(entries)] => (true, entries.clone()),
        _ => (false, values.clone()),
    };
    let reports: Vec<Plain> =
        entries.iter().map(|entry| read_entry(entry, in_array, is_mended, is_row)).collect();
    Some(match &reports[..] {
        [only] if only["kind"] == "rejected" => Err(label_of(only)),
        _ => Ok(reports),
    })
}

/// Without a byte order mark, and then the white space around.
fn around(body: &[u8]) -> &[u8] {
    let body = if body.starts_with(b"\xef\xbb\xbf") { &body[3..] } else { body };
    body.trim_ascii()
}

fn label_of(rejected: &Plain) -> &'static str {
    let labels = ["not_an_object", "not_a_report", "no_body", "says_nothing"];
    labels.into_iter().find(|label| rejected["label"] == *label).expect("one of these")
}

fn read_entry(entry: &Json, in_array: bool, is_mended: bool, is_row: bool) -> Plain {
    let Json::Object(keys) = entry else { return rejected("not_an_object", entry, is_mended) };
    let mut plain = Plain::new();
    let mut repairs = Vec::new();
    if is_mended {
        repairs.push("invalid_utf8");
    }

    let report_type = match last(keys, &["type"]) {
        Some(Json::Text(text)) => Some(text.trim().to_owned()),
        _ => None,
    };
    put_text(&mut plain, "envelope_url", last(keys, &["url"]), &mut repairs);
    put_text(&mut plain, "user_agent", last(keys, &["user_agent"]), &mut repairs);
    // Every spelling of an envelope's number is looked at, the last one counts.
    if let Some(age) = last(keys, &["age"]).and_then(|age| whole(age, &mut repairs)) {
        plain.insert("age", age.to_string());
    }
    // What stands earlier under the same name leaves its mark.
    for (name, value) in keys {
        match name.as_str() {
            "url" | "user_agent" if !matches!(value, Json::Text(_) | Json::Null) => {
                repairs.push("wrong_type");
            }
            "age" => drop(whole(value, &mut repairs)),
            _ => {}
        }
    }

    let given = |names: &[&str]| {
        keys.iter()
            .rev()
            .find(|(name, value)| names.contains(&name.as_str()) && *value != Json::Null)
            .map(|(_, value)| value)
    };
    let body = given(&["body"]);
    let content = given(&["csp-report", "csp_report", "cspReport"]);
    let retired = keys.iter().rev().find_map(|(name, value)| match name.as_str() {
        "expect-ct-report" => Some(("expect-ct", value)),
        "expect-staple-report" => Some(("expect-staple", value)),
        _ => None,
    });
    let is_telling = |(name, _): &(String, Json)| TELLING.contains(&name.as_str());
    let has_telling_key = keys.iter().any(is_telling);
    let named = report_type.as_deref().unwrap_or("");

    let (wire, content) = if FOREIGN.contains(&named) {
        return other(plain, named, body, in_array, &repairs);
    } else if let Some(content) = content {
        (if report_type.is_some() { "hybrid" } else { "report_uri" }, Some(content))
    } else if named == "csp-violation" {
        (if in_array { "report_to" } else { "report_to_single" }, body)
    } else if !named.is_empty() && !has_telling_key {
        return other(plain, named, body, in_array, &repairs);
    } else if let Some((name, content)) = retired {
        return other(plain, name, Some(content), in_array, &repairs);
    } else if keys.iter().any(|(name, _)| name == "known-pins") {
        return other(plain, "hpkp", None, in_array, &repairs);
    } else if has_telling_key {
        // Nothing but the report's own keys counts without an envelope.
        plain.clear();
        ("bare", Some(entry))
    } else {
        return rejected("not_a_report", entry, is_mended || is_row);
    };

    let Some(Json::Object(content)) = content else {
        return rejected("no_body", entry, is_mended || is_row);
    };
    put_report(&mut plain, content, &mut repairs);
    let says_something = ["violated_directive", "effective_directive", "document_uri", "request"]
        .iter()
        .any(|field| plain.contains_key(field))
        || plain.get("blocked_uri").is_some_and(|blocked| !blocked.is_empty());
    if !says_something {
        return rejected("says_nothing", entry, is_mended || is_row);
    }
    plain.insert("kind", "violation".to_owned());
    plain.insert("wire", wire.to_owned());
    put_repairs(&mut plain, &repairs);
    plain
}

/// The fields of a report by all their spellings, as the facts about report formats list them.
fn put_report(plain: &mut Plain, keys: &[(String, Json)], repairs: &mut Vec<&'static str>) {
    for (field, names) in FIELDS {
        let mut found = None;
        for (name, value) in keys {
            if !names.contains(&name.as_str()) || *value == Json::Null {
                continue;
            }
            found = if NUMBERS.contains(field) {
                whole(value, repairs).and_then(|number| {
                    let fits = u32::try_from(number);
                    if fits.is_err() {
                        repairs.push("number");
                    }
                    fits.ok().filter(|number| *number != 0).map(|number| number.to_string())
                })
            } else if let Json::Text(text) = value {
                Some(text.clone()).filter(|text| *field == "blocked_uri" || !text.is_empty())
            } else {
                repairs.push("wrong_type");
                None
            };
        }
        if let Some(value) = found {
            plain.insert(field, value);
        }
    }
}

fn read_form(body: &[u8]) -> Result<Vec<Plain>, &'static str> {
    let mut plain = Plain::new();
    let mut repairs = Vec::new();
    let mut is_report = false;
    for (name, value) in form::pairs(body).into_iter().take(32) {
        let Some((field, _)) = FIELDS.iter().find(|(_, names)| names.contains(&name.as_str()))
        else {
            continue;
        };
        if value.contains('\u{fffd}') {
            repairs.push("invalid_utf8");
        }
        is_report |= TELLING.contains(&name.as_str()) && !value.is_empty();
        let value = if NUMBERS.contains(field) {
            whole(&Json::Text(value), &mut repairs)
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number != 0)
                .map(|number| number.to_string())
        } else {
            Some(value).filter(|value| *field == "blocked_uri" || !value.is_empty())
        };
        match value {
            Some(value) => drop(plain.insert(field, value)),
            None => drop(plain.remove(field)),
        }
    }
    if !is_report {
        return Err("syntax");
    }
    plain.insert("kind", "violation".to_owned());
    plain.insert("wire", "form".to_owned());
    put_repairs(&mut plain, &repairs);
    Ok(vec![plain])
}

fn other(
    mut plain: Plain,
    report_type: &str,
    body: Option<&Json>,
    in_array: bool,
    repairs: &[&'static str],
) -> Plain {
    plain.insert("kind", "other".to_owned());
    plain.insert("wire", if in_array { "report_to" } else { "report_to_single" }.to_owned());
    plain.insert("type", report_type.to_owned());
    if let Some(body) = body {
        plain.insert("body", format!("{body:?}"));
    }
    put_repairs(&mut plain, repairs);
    plain
}

/// An entry that cannot be read; its text is kept where it was not mended.
fn rejected(label: &str, entry: &Json, without_text: bool) -> Plain {
    let mut plain = Plain::new();
    plain.insert("kind", "rejected".to_owned());
    plain.insert("label", label.to_owned());
    if !without_text {
        plain.insert("specimen", format!("{entry:?}"));
    }
    plain
}

fn put_text(
    plain: &mut Plain,
    field: &'static str,
    value: Option<&Json>,
    repairs: &mut Vec<&'static str>,
) {
    match value {
        None | Some(Json::Null) => {}
        Some(Json::Text(text)) if text.is_empty() => {}
        Some(Json::Text(text)) => drop(plain.insert(field, text.clone())),
        Some(_) => repairs.push("wrong_type"),
    }
}

fn put_repairs(plain: &mut Plain, repairs: &[&'static str]) {
    let names: std::collections::BTreeSet<_> = repairs.iter().copied().collect();
    plain.insert("repairs", format!("{names:?}"));
}

/// A whole number of any sign, from a number or from a text.
fn whole(value: &Json, repairs: &mut Vec<&'static str>) -> Option<i64> {
    let number = match value {
        Json::Null => return None,
        Json::Text(text) if text.trim().is_empty() => return None,
        Json::Text(text) => text.trim().parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
        Json::Float(float) => (float.fract() == 0.0 && float.abs() < 9e15).then_some(*float as i64),
        Json::Whole(number) => i64::try_from(*number).ok(),
        Json::Bool(_) | Json::List(_) | Json::Object(_) => None,
    };
    if number.is_none() {
        repairs.push("wrong_type");
    }
    number
}

fn last<'j>(keys: &'j [(String, Json)], names: &[&str]) -> Option<&'j Json> {
    keys.iter().rev().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value)
}

fn depth(value: &Json) -> usize {
    match value {
        Json::List(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Json::Object(keys) => 1 + keys.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}

impl Json {
    /// Whether every number in it is one that both parsers hold alike.
    fn is_ordinary(&self) -> bool {
        match self {
            // Whole ones beyond 64 bits arrive here as floats.
            Self::Float(float) => float.abs() < 9e18,
            Self::List(values) => values.iter().all(Self::is_ordinary),
            Self::Object(keys) => keys.iter().all(|(_, value)| value.is_ordinary()),
            Self::Null | Self::Bool(_) | Self::Whole(_) | Self::Text(_) => true,
        }
    }

    fn has_list_inside(&self) -> bool {
        matches!(self, Self::List(values) if values.iter().any(|one| matches!(one, Self::List(_))))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Whole(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // `-0` is a float to one parser and whole to the other; zero is zero.
        Ok(if value == 0.0 { Json::Whole(0) } else { Json::Float(value) })
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = from.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut keys = Vec::new();
        while let Some(pair) = from.next_entry()? {
            keys.push(pair);
        }
        Ok(Json::Object(keys))
    }
}

const MAX_DEPTH: usize = 32;

const NUMBERS: &[&str] = &["status_code", "line_number", "column_number"];

const TELLING: &[&str] = &[
    "blocked-uri",
    "blockedURL",
    "blocked-url",
    "blocked_uri",
    "blocked_url",
    "blockedURI",
    "violated-directive",
    "violatedDirective",
    "violated_directive",
    "effective-directive",
    "effectiveDirective",
    "effective_directive",
];

const FIELDS: &[(&str, &[&str])] = &[
    (
        "document_uri",
        &[
            "document-uri",
            "documentURL",
            "document-url",
            "document_uri",
            "document_url",
            "documentURI",
        ],
    ),
    ("referrer", &["referrer"]),
    (
        "blocked_uri",
        &["blocked-uri", "blockedURL", "blocked-url", "blocked_uri", "blocked_url", "blockedURI"],
    ),
    ("violated_directive", &["violated-directive", "violatedDirective", "violated_directive"]),
    ("effective_directive", &["effective-directive", "effectiveDirective", "effective_directive"]),
    ("original_policy", &["original-policy", "originalPolicy", "original_policy"]),
    ("disposition", &["disposition"]),
    ("status_code", &["status-code", "statusCode", "status_code"]),
    ("script_sample", &["script-sample", "sample", "scriptSample", "script_sample"]),
    ("source_file", &["source-file", "sourceFile", "source_file"]),
    ("line_number", &["line-number", "lineNumber", "line_number"]),
    ("column_number", &["column-number", "columnNumber", "column_number"]),
    ("request", &["request"]),
];

const FOREIGN: &[&str] = &[
    "coep",
    "coop",
    "coop-access-violation",
    "crash",
    "csp-hash",
    "deprecation",
    "document-policy-violation",
    "integrity-violation",
    "intervention",
    "network-error",
    "permissions-policy-violation",
    "potential-permissions-policy-violation",
    "test",
];
