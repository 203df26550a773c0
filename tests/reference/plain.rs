//! What the fast decoder says, as the plain maps that the slow one speaks in.

use super::{Json, Plain, read};
use cspipe::decode::{Entry, Scratch, Unreadable, decode};
use cspipe::report::{RawReport, Repairs};
use std::collections::BTreeSet;

/// Holds both decoders against each other for one body; true where the slow one judged.
pub fn check(body: &[u8]) -> bool {
    let Some(slow) = read(body) else { return false };
    let mut scratch = Scratch::default();
    let fast = match decode(body, &mut scratch, MAX_REPORTS) {
        Ok(entries) => Ok(entries.iter().map(plain).collect::<Vec<_>>()),
        Err(Unreadable::Rejected(rejection)) => Err(rejection.label()),
        Err(Unreadable::TooMany(many)) => {
            assert_eq!(slow.map(|reports| reports.len()), Ok(many));
            return true;
        }
    };
    assert_eq!(fast, slow, "the fast decoder, then the slow one: {}", body.escape_ascii());
    true
}

fn plain(entry: &Entry<'_>) -> Plain {
    match entry {
        Entry::Violation(report) => violation(report),
        Entry::Other(report) => {
            let mut plain = Plain::new();
            plain.insert("kind", "other".to_owned());
            plain.insert("wire", report.wire.name().to_owned());
            plain.insert("type", report.report_type.to_string());
            put(&mut plain, "envelope_url", report.url.as_ref());
            put(&mut plain, "age", report.age.as_ref());
            put(&mut plain, "user_agent", report.user_agent.as_ref());
            put(&mut plain, "body", report.body.as_deref().map(tree).as_ref());
            plain.insert("repairs", names(report.repairs));
            plain
        }
        Entry::Rejected { rejection, specimen } => {
            let mut plain = Plain::new();
            plain.insert("kind", "rejected".to_owned());
            plain.insert("label", rejection.label().to_owned());
            if !specimen.is_empty() {
                plain.insert("specimen", tree(specimen));
            }
            plain
        }
    }
}

fn violation(report: &RawReport<'_>) -> Plain {
    let mut plain = Plain::new();
    plain.insert("kind", "violation".to_owned());
    put(&mut plain, "wire", report.wire.map(|wire| wire.name()).as_ref());
    put(&mut plain, "document_uri", report.document_uri.as_ref());
    put(&mut plain, "referrer", report.referrer.as_ref());
    put(&mut plain, "blocked_uri", report.blocked_uri.as_ref());
    put(&mut plain, "violated_directive", report.violated_directive.as_ref());
    put(&mut plain, "effective_directive", report.effective_directive.as_ref());
    put(&mut plain, "original_policy", report.original_policy.as_ref());
    put(&mut plain, "disposition", report.disposition.as_ref());
    put(&mut plain, "status_code", report.status_code.as_ref());
    put(&mut plain, "script_sample", report.script_sample.as_ref());
    put(&mut plain, "source_file", report.source_file.as_ref());
    put(&mut plain, "line_number", report.line_number.as_ref());
    put(&mut plain, "column_number", report.column_number.as_ref());
    put(&mut plain, "request", report.request.as_ref());
    put(&mut plain, "envelope_url", report.envelope_url.as_ref());
    put(&mut plain, "age", report.age.as_ref());
    put(&mut plain, "user_agent", report.user_agent.as_ref());
    plain.insert("repairs", names(report.repairs));
    plain
}

fn put(plain: &mut Plain, field: &'static str, value: Option<&impl ToString>) {
    if let Some(value) = value {
        plain.insert(field, value.to_string());
    }
}

fn names(repairs: Repairs) -> String {
    let names: BTreeSet<_> = repairs.iter().map(|repair| repair.name()).collect();
    format!("{names:?}")
}

/// A text of JSON, in the spelling of the slow decoder's tree.
fn tree(text: &str) -> String {
    let value: Json = serde_json::from_str(text).expect("what is kept of an entry is JSON");
    format!("{value:?}")
}

const MAX_REPORTS: usize = 100;
