//! Records against the table, field by field.

use crate::kinds::{Expected, Fields};
use serde_json::Value;

/// The fields that are looked at in every record; one that is not expected must be absent.
const FIELDS: &[&str] = &[
    "stream",
    "app_name",
    "disposition",
    "report_only",
    "page_status",
    "classification",
    "violation_type",
    "violated_directive",
    "effective_directive",
    "blocked_host",
    "blocked_domain",
    "blocked_scheme",
    "blocked_path",
    "blocked_uri",
    "relation",
    "report_host",
    "report_domain",
    "path",
    "source_file",
    "sample",
    "browser",
    "browser_major",
    "os",
    "device",
    "user_agent",
    "tags",
    "filter_rule",
    "wire",
    "repaired",
];

/// What is wrong with the records of a visit; nothing where all is right.
pub fn compare(expected: &Expected, rows: &[Value]) -> Vec<String> {
    let mut found: Vec<Fields> = rows.iter().map(fields).collect();
    let mut missing = Vec::new();
    for record in &expected.records {
        match found.iter().position(|row| differences(record, row).is_empty()) {
            Some(at) => drop(found.remove(at)),
            None => missing.push(record),
        }
    }
    if expected.repeats && missing.is_empty() {
        let is_known = |row: &Fields| {
            expected.records.iter().any(|record| differences(record, row).is_empty())
        };
        found.retain(|row| !is_known(row));
    }
    // What is left on both sides is told pair by pair.
    let mut wrong = Vec::new();
    for (at, record) in missing.iter().enumerate() {
        match found.get(at) {
            Some(row) => wrong.extend(differences(record, row)),
            None => wrong.push(format!("no record of {}", text(record))),
        }
    }
    let unexpected = found.iter().skip(missing.len());
    wrong.extend(unexpected.map(|row| format!("unexpected: {}", text(row))));
    wrong
}

/// The fields of a row that are looked at, as texts.
fn fields(row: &Value) -> Fields {
    FIELDS
        .iter()
        .filter_map(|&name| {
            let text = match row.get(name)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some((name.to_owned(), text))
        })
        .collect()
}

fn differences(expected: &Fields, found: &Fields) -> Vec<String> {
    FIELDS
        .iter()
        .filter_map(|&name| {
            let (wanted, found) = (expected.get(name), found.get(name));
            let is_any = wanted.is_some_and(|value| value == "*") && found.is_some();
            let is_right = is_any
                || match wanted.and_then(|value| value.strip_prefix('~')) {
                    // What may be absent too.
                    Some(value) => found.is_none_or(|found| found == value),
                    None => wanted == found,
                };
            let shown = |value: Option<&String>| {
                value.map_or_else(|| "absent".to_owned(), |value| format!("{value:?}"))
            };
            let wrong = || format!("{name} is {}, expected {}", shown(found), shown(wanted));
            (!is_right).then(wrong)
        })
        .collect()
}

fn text(fields: &Fields) -> String {
    let text = |name: &str| fields.get(name).map_or("-", String::as_str);
    format!("{} {} {}", text("classification"), text("effective_directive"), text("blocked_uri"))
}
