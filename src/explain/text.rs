//! An explanation as a person reads it.

use super::{ExplainedRecord, ExplainedViolation, Explanation, Report};
use crate::filter::RuleTrace;
use crate::replay::Decision;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::{self, Write};

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

impl fmt::Display for ExplainedRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.now)?;
        out.write_str("Stored as\n")?;
        match &self.stored_as {
            Decision::Clean => out.write_str("  clean\n"),
            Decision::Filtered(rule) => writeln!(out, "  filtered by `{rule}`"),
        }
    }
}

impl fmt::Display for ExplainedViolation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.decoded.is_empty() {
            section(out, "Decoded, as the browser wrote it", &self.decoded)?;
        }
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
