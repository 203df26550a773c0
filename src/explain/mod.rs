//! One report, shown stage by stage.
//!
//! In: a body, as a browser would post it, and what the request would have said around it; or a
//! record that was stored. Out: an [`Explanation`], or an [`ExplainedRecord`], that reads as text and serializes as JSON: what was decoded, normalized,
//! derived, which rule decided by which block and value, and the record that comes of it.

mod text;

use crate::decode::{Entry, Scratch, decode};
use crate::filter::{RuleSet, RuleTrace, Subject};
use crate::pipeline::Stages;
use crate::publish;
use crate::replay::{Decision, StoredRecord};
use crate::report::{Batch, Delivery, Facts, RawReport, Record, Verdict, Violation};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// All reports of one body.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub reports: Vec<Report>,
}

/// One report.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Report {
    /// A violation, clean or filtered.
    Violation(Box<ExplainedViolation>),
    /// A report of another type.
    Other { report_type: String, url: Option<String>, body: Option<String> },
    /// It could not be read.
    Rejected { reason: &'static str, detail: String },
}

/// One violation, stage by stage.
#[derive(Debug, Serialize)]
pub struct ExplainedViolation {
    /// Absent for what was read back from the store, which keeps no raw report.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub decoded: Map<String, Value>,
    pub normalized: Map<String, Value>,
    pub derived: Map<String, Value>,
    pub verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_rule: Option<String>,
    /// The `keep` rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_by: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_filter: Vec<String>,
    /// The rules that match, then those that nearly do.
    pub rules: Vec<RuleTrace>,
    pub record: Value,
}

/// One violation that was stored, and what the rules say of it now.
#[derive(Debug, Serialize)]
pub struct ExplainedRecord {
    /// The decision of then: `clean`, or the rule that filtered it.
    pub stored_as: Decision,
    #[serde(flatten)]
    pub now: ExplainedViolation,
}

/// Judges a stored violation by the rules of a day. `json` is its record.
///
/// # Errors
///
/// When the text is no record of a violation.
pub fn explain_record(
    json: &str,
    stages: &Stages,
    rules: &RuleSet,
    today: Date,
) -> Result<ExplainedRecord, serde_json::Error> {
    let stored: StoredRecord<'_> = serde_json::from_str(json)?;
    let (_, judged) = stored
        .replay(stages, |violation, facts| judged(&rules.subject(violation, facts), rules, today));
    Ok(ExplainedRecord {
        stored_as: stored.decision(),
        now: ExplainedViolation { record: serde_json::from_str(json)?, ..judged },
    })
}

/// Takes a body through the stages and the rules.
pub fn explain(
    body: &[u8],
    delivery: &Delivery<'_>,
    stages: &Stages,
    rules: &RuleSet,
) -> Explanation {
    let delivery = &stages.bounded(delivery);
    let mut scratch = Scratch::default();
    let reports = match decode(body, &mut scratch, stages.max_reports) {
        Ok(entries) => entries
            .into_iter()
            .map(|entry| match entry {
                Entry::Violation(raw) => {
                    Report::Violation(Box::new(violation(raw, delivery, stages, rules)))
                }
                Entry::Other(report) => {
                    let report = stages.normalize_other(report);
                    Report::Other {
                        report_type: report.report_type.into_owned(),
                        url: report.document.map(|document| document.text().to_owned()),
                        body: report.body,
                    }
                }
                Entry::Rejected { rejection, .. } => {
                    Report::Rejected { reason: rejection.label(), detail: rejection.to_string() }
                }
            })
            .collect(),
        Err(crate::decode::Unreadable::Rejected(rejection)) => {
            vec![Report::Rejected { reason: rejection.label(), detail: rejection.to_string() }]
        }
        Err(crate::decode::Unreadable::TooMany(reports)) => vec![Report::Rejected {
            reason: "too_many",
            detail: format!(
                "{reports} reports in one body; at most {} are taken",
                stages.max_reports
            ),
        }],
    };
    Explanation { reports }
}

fn violation(
    raw: RawReport<'_>,
    delivery: &Delivery<'_>,
    stages: &Stages,
    rules: &RuleSet,
) -> ExplainedViolation {
    let decoded = decoded_fields(&raw);
    let violation = stages.normalize(raw);
    let facts = stages.derive(&violation, delivery);
    let subject = rules.subject(&violation, &facts);
    let today = jiff::tz::TimeZone::UTC.to_datetime(delivery.received_at).date();
    let (verdict, judged) = judged(&subject, rules, today);
    let record = record(&violation, &facts, &verdict, delivery);
    ExplainedViolation { decoded, record, ..judged }
}

/// What the rules of a day say of one violation, without what was before and what comes of it.
fn judged<'r>(
    subject: &Subject<'_>,
    rules: &'r RuleSet,
    today: Date,
) -> (Verdict<'r>, ExplainedViolation) {
    let Subject { violation, facts, own_hosts: _ } = *subject;
    let verdict = rules.judge(subject, today);
    let mut traces = rules.explain(subject, today);
    traces.sort_by_key(|trace| !trace.matched);
    let explained = ExplainedViolation {
        decoded: Map::new(),
        normalized: decoded_fields(&violation.to_raw()),
        derived: derived_fields(facts),
        verdict: if verdict.filtered_by.is_some() { "filtered" } else { "clean" },
        filter_rule: verdict.filtered_by.map(|matched| matched.rule.to_owned()),
        kept_by: verdict.kept_by.map(|matched| matched.rule.to_owned()),
        would_filter: verdict.observed.iter().map(|matched| matched.rule.to_owned()).collect(),
        rules: traces,
        record: Value::Null,
    };
    (verdict, explained)
}

fn decoded_fields(raw: &RawReport<'_>) -> Map<String, Value> {
    let texts = [
        ("document-uri", &raw.document_uri),
        ("request", &raw.request),
        ("envelope url", &raw.envelope_url),
        ("referrer", &raw.referrer),
        ("blocked-uri", &raw.blocked_uri),
        ("violated-directive", &raw.violated_directive),
        ("effective-directive", &raw.effective_directive),
        ("original-policy", &raw.original_policy),
        ("disposition", &raw.disposition),
        ("script-sample", &raw.script_sample),
        ("source-file", &raw.source_file),
        ("user_agent", &raw.user_agent),
    ];
    let numbers = [
        ("status-code", raw.status_code.map(i64::from)),
        ("line-number", raw.line_number.map(i64::from)),
        ("column-number", raw.column_number.map(i64::from)),
        ("age", raw.age),
    ];
    let mut fields = Map::new();
    if let Some(wire) = raw.wire {
        fields.insert("wire".to_owned(), wire.name().into());
    }
    for (name, text) in texts {
        if let Some(text) = text {
            fields.insert(name.to_owned(), text.as_ref().into());
        }
    }
    for (name, number) in numbers {
        if let Some(number) = number {
            fields.insert(name.to_owned(), number.into());
        }
    }
    let repairs: Vec<_> = raw.repairs.iter().map(|repair| repair.name()).collect();
    if !repairs.is_empty() {
        fields.insert("repaired".to_owned(), repairs.into());
    }
    fields
}

fn derived_fields(facts: &Facts<'_>) -> Map<String, Value> {
    let texts = [
        ("app_name", Some(&*facts.app_name)),
        ("environment", facts.environment.as_deref()),
        ("release", facts.release.as_deref()),
        ("disposition", Some(facts.disposition.name())),
        ("classification", Some(facts.classification.name())),
        ("violation_type", facts.violation_type.as_ref().map(|name| name.name())),
        ("blocked_domain", facts.blocked_domain),
        ("report_domain", facts.report_domain),
        ("relation", facts.relation.map(|relation| relation.name())),
        ("browser", facts.agent.browser),
        ("os", facts.agent.os),
        ("device", facts.agent.device.map(|device| device.name())),
    ];
    let mut fields = Map::new();
    for (name, text) in texts {
        if let Some(text) = text {
            fields.insert(name.to_owned(), text.into());
        }
    }
    if let Some(major) = facts.agent.major {
        fields.insert("browser_major".to_owned(), major.into());
    }
    fields.insert("fingerprint".to_owned(), facts.fingerprint.to_string().into());
    fields
}

/// The record as it would be published. Its id is all zeros: nothing is.
fn record(
    violation: &Violation<'_>,
    facts: &Facts<'_>,
    verdict: &Verdict<'_>,
    delivery: &Delivery<'_>,
) -> Value {
    let mut batch = Batch::default();
    publish::encode(
        &Record {
            id: Uuid::nil(),
            received_at: delivery.received_at,
            violation,
            facts,
            verdict,
            edge: "explain",
        },
        &mut batch,
    );
    serde_json::from_slice(&batch.bytes).unwrap_or(Value::Null)
}
