//! One raw report, shown stage by stage.
//!
//! In: a body, as a browser would post it, and what the request would have said around it. Out: an
//! [`Explanation`] that reads as text and serializes as JSON: what was decoded, normalized,
//! derived, which rule decided by which block and value, and the record that comes of it.

use crate::decode::{Entry, Scratch, decode};
use crate::filter::{RuleSet, RuleTrace};
use crate::pipeline::Stages;
use crate::publish;
use crate::report::{Batch, Delivery, Facts, RawReport, Record, Verdict, Violation};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::{self, Write};
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
    let verdict = rules.judge(&subject, today);
    let mut traces = rules.explain(&subject, today);
    traces.sort_by_key(|trace| !trace.matched);
    ExplainedViolation {
        decoded,
        normalized: decoded_fields(&violation.to_raw()),
        derived: derived_fields(&facts),
        verdict: if verdict.filtered_by.is_some() { "filtered" } else { "clean" },
        filter_rule: verdict.filtered_by.map(|matched| matched.rule.to_owned()),
        kept_by: verdict.kept_by.map(|matched| matched.rule.to_owned()),
        would_filter: verdict.observed.iter().map(|matched| matched.rule.to_owned()).collect(),
        rules: traces,
        record: record(&violation, &facts, &verdict, delivery),
    }
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

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.reports.len();
        if count == 0 {
            return out.write_str("The body holds no report.\n");
        }
        for (at, report) in self.reports.iter().enumerate() {
            if count > 1 {
                writeln!(out, "{}Report {} of {count}", if at > 0 { "\n" } else { "" }, at + 1)?;
            }
            match report {
                Report::Violation(explained) => write!(out, "{explained}")?,
                Report::Other { report_type, url, body } => {
                    writeln!(out, "other: a report of type `{report_type}`, no violation")?;
                    if let Some(url) = url {
                        writeln!(out, "  url   {url}")?;
                    }
                    if let Some(body) = body {
                        writeln!(out, "  body  {body}")?;
                    }
                }
                Report::Rejected { reason, detail } => {
                    writeln!(out, "rejected ({reason}): {detail}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedViolation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(out, "Decoded, as the browser wrote it", &self.decoded)?;
        section(out, "Normalized, without the browser's quirks", &self.normalized)?;
        section(out, "Derived", &self.derived)?;
        out.write_str("Rules\n")?;
        if self.rules.is_empty() {
            out.write_str("  no rule comes near\n")?;
        }
        for trace in &self.rules {
            rule(out, trace)?;
        }
        match &self.filter_rule {
            Some(rule) => writeln!(out, "Verdict\n  filtered by `{rule}`")?,
            None => out.write_str("Verdict\n  clean\n")?,
        }
        if let Some(rule) = &self.kept_by {
            writeln!(out, "  kept by `{rule}`, whatever else matches")?;
        }
        for rule in &self.would_filter {
            writeln!(out, "  `{rule}` observes, or is past its date, and would have filtered it")?;
        }
        let record = serde_json::to_string_pretty(&self.record).map_err(|_| fmt::Error)?;
        writeln!(out, "Record\n{}", indented(&record))
    }
}

fn section(out: &mut fmt::Formatter<'_>, title: &str, fields: &Map<String, Value>) -> fmt::Result {
    writeln!(out, "{title}")?;
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in fields {
        // Quotes would hide where a text begins, and JSON shows control characters.
        writeln!(out, "  {name:width$}  {value}")?;
    }
    Ok(())
}

fn rule(out: &mut fmt::Formatter<'_>, trace: &RuleTrace) -> fmt::Result {
    let verb = if trace.matched { "matches" } else { "does not match" };
    writeln!(
        out,
        "  `{}` {verb} ({}; {}, {}; {}:{})",
        trace.rule, trace.title, trace.action, trace.mode, trace.file, trace.line
    )?;
    for decided in &trace.decided {
        let mark = if decided.holds { "yes" } else { "no " };
        // A whole policy stands above, among what was normalized.
        let value = match &decided.value {
            Some(value) => format!("{:?}", short(value, 200)),
            None => "missing".to_owned(),
        };
        // A list of forty schemes says less than the one that was met.
        let condition = short(&decided.condition, 70);
        write!(out, "    {mark} {}: {condition}; it is {value}", trace.block)?;
        match decided.note {
            Some(note) => writeln!(out, ", {note}")?,
            None => out.write_str("\n")?,
        }
    }
    if let Some(stopped_by) = &trace.stopped_by {
        writeln!(out, "    stopped by {stopped_by}")?;
    }
    Ok(())
}

/// A text cut at a number of characters, with a sign that it was.
fn short(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().count() <= max {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(max - 3).collect();
    short.push_str("...");
    Cow::Owned(short)
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let _ = write!(out, "{}  {line}", if out.is_empty() { "" } else { "\n" });
        out
    })
}
