//! The record as JSON: the contract with Kafka, the store and Elasticsearch.
//!
//! One flat object on one line. A field that is unknown is absent; it is never `null` and never
//! an empty string.

use crate::report::{
    Address, Agent, Batch, Device, Disposition, Entry, OtherRecord, Record, RejectedRecord,
    Relation, Repair, Repairs, Stream,
};
use jiff::Timestamp;
use std::io::Write;

/// Appends a violation's record to a batch.
pub fn encode(record: &Record<'_>, batch: &mut Batch) {
    let Record { violation, facts, verdict, .. } = record;
    let start = batch.bytes.len();
    let mut object = Object::begin(&mut batch.bytes);
    let timestamp = facts.timestamp;
    object.timestamp("@timestamp", timestamp);
    object.timestamp("received_at", record.received_at);
    object.display("id", &record.id);
    object.number("schema", Some(Record::SCHEMA));
    object.text("stream", Some(record.stream().name()));
    object.text("report_type", Some("csp-violation"));
    let app = object.located_text("app_name", &facts.app_name);
    object.text("environment", facts.environment.as_deref());
    object.text("release", facts.release.as_deref());
    object.text("disposition", Some(facts.disposition.name()));
    object.bool(
        "report_only",
        match facts.disposition {
            Disposition::Enforce => Some(false),
            Disposition::Report => Some(true),
            Disposition::Unknown => None,
        },
    );
    object.number("page_status", facts.page_status.map(u32::from));
    object.text("classification", Some(facts.classification.name()));
    object.text("violation_type", facts.violation_type.as_ref().map(|name| name.name()));
    object.text("violated_directive", violation.violated.as_ref().map(|name| name.name()));
    object.text("effective_directive", violation.effective.as_ref().map(|name| name.name()));

    let blocked = violation.blocked.address();
    object.text("blocked_host", blocked.and_then(Address::host));
    object.text("blocked_domain", facts.blocked_domain);
    object.text("blocked_scheme", blocked.and_then(Address::scheme));
    object.text("blocked_path", blocked.and_then(Address::path));
    object.text("blocked_uri", violation.blocked.text());
    object.text("relation", facts.relation.map(Relation::name));

    let document = violation.document.as_ref();
    object.text("document_uri", document.map(Address::text));
    object.text("report_host", document.and_then(Address::host));
    object.text("report_domain", facts.report_domain);
    object.text("path", document.and_then(Address::path));
    object.text("referrer", violation.referrer.as_ref().map(Address::text));

    let source = violation.source.as_ref();
    object.text("source_file", source.map(Address::text));
    object.text("source_host", source.and_then(Address::host));
    object.text("source_scheme", source.and_then(Address::scheme));
    object.number("line_number", violation.line);
    object.number("column_number", violation.column);
    object.text("sample", violation.sample.as_deref());

    object.agent(&facts.agent, facts.user_agent);
    object.text("original_policy", violation.policy.as_deref());
    object.text("policy_hash", facts.policy_hash.as_ref().map(|hash| hash.0.as_str()));
    object.list(
        "tags",
        verdict
            .tags
            .iter()
            .copied()
            .map(Label::Plain)
            .chain(verdict.observed.iter().map(|matched| Label::Observed(matched.rule))),
    );
    object.text("filter_rule", verdict.filtered_by.map(|matched| matched.rule));
    object.text("filter_reason", verdict.filtered_by.map(|matched| matched.reason.name()));
    object.display("fingerprint", &facts.fingerprint);
    object.text("wire", Some(violation.wire.name()));
    object.repairs(violation.repairs);
    object.text("edge", Some(record.edge));
    object.end();

    let json = start..batch.bytes.len();
    batch.tally.add(record.stream());
    batch.entries.push(Entry {
        stream: record.stream(),
        id: record.id,
        received_at: record.received_at,
        timestamp,
        json,
        app,
        classification: Some(facts.classification),
        violation_type: facts.violation_type.as_ref().and_then(|name| name.known()),
        disposition: Some(facts.disposition),
    });
}

/// Appends the record of a report of another type to a batch.
pub fn encode_other(record: &OtherRecord<'_>, batch: &mut Batch) {
    let start = batch.bytes.len();
    let mut object = Object::begin(&mut batch.bytes);
    object.timestamp("@timestamp", record.timestamp);
    object.timestamp("received_at", record.received_at);
    object.display("id", &record.id);
    object.number("schema", Some(Record::SCHEMA));
    object.text("stream", Some(Stream::Other.name()));
    object.text("report_type", Some(&record.report.report_type));
    let app = object.located_text("app_name", record.app_name);
    let document = record.report.document.as_ref();
    object.text("document_uri", document.map(Address::text));
    object.text("report_host", document.and_then(Address::host));
    object.text("report_domain", record.report_domain);
    object.text("path", document.and_then(Address::path));
    object.agent(&record.agent, record.user_agent);
    object.raw("body", record.report.body.as_deref());
    object.text("wire", Some(record.report.wire.name()));
    object.repairs(record.report.repairs);
    object.text("edge", Some(record.edge));
    object.end();
    let json = start..batch.bytes.len();
    push_plain(batch, Stream::Other, record.id, record.received_at, record.timestamp, json, app);
}

/// Appends a specimen of what could not be read to a batch.
pub fn encode_rejected(record: &RejectedRecord<'_>, batch: &mut Batch) {
    let start = batch.bytes.len();
    let mut object = Object::begin(&mut batch.bytes);
    object.timestamp("@timestamp", record.received_at);
    object.timestamp("received_at", record.received_at);
    object.display("id", &record.id);
    object.number("schema", Some(Record::SCHEMA));
    object.text("stream", Some(Stream::Rejected.name()));
    object.text("reason", Some(record.rejection.label()));
    let own = record.rejection.to_string();
    object.text("detail", Some(record.detail.unwrap_or(&own)));
    let app = object.located_text("app_name", record.app_name);
    object.text("content_type", record.content_type);
    object.text("user_agent", record.user_agent);
    let body = &record.body[..record.body.len().min(MAX_SPECIMEN)];
    object.text("body", Some(&String::from_utf8_lossy(body)));
    object.text("edge", Some(record.edge));
    object.end();
    let json = start..batch.bytes.len();
    push_plain(
        batch,
        Stream::Rejected,
        record.id,
        record.received_at,
        record.received_at,
        json,
        app,
    );
}

fn push_plain(
    batch: &mut Batch,
    stream: Stream,
    id: uuid::Uuid,
    received_at: Timestamp,
    timestamp: Timestamp,
    json: std::ops::Range<usize>,
    app: std::ops::Range<usize>,
) {
    batch.tally.add(stream);
    batch.entries.push(Entry {
        stream,
        id,
        received_at,
        timestamp,
        json,
        app,
        classification: None,
        violation_type: None,
        disposition: None,
    });
}

/// An item of the `tags` list.
enum Label<'a> {
    Plain(&'a str),
    /// A rule on trial would have filtered the violation.
    Observed(&'a str),
}

/// Writes one JSON object, field by field.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Object<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    fn end(self) {
        self.out.push(b'}');
    }

    /// Writes a name, which is one of ours and needs no escapes.
    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.name(name);
            self.string(text);
        }
    }

    /// Writes a text that needs no escapes, and tells where it stands.
    fn located_text(&mut self, name: &str, text: &str) -> std::ops::Range<usize> {
        self.name(name);
        self.string(text);
        let end = self.out.len() - 1;
        end - text.len()..end
    }

    fn number(&mut self, name: &str, number: Option<u32>) {
        if let Some(number) = number {
            self.name(name);
            self.write(format_args!("{number}"));
        }
    }

    fn bool(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.name(name);
            self.write(format_args!("{value}"));
        }
    }

    fn timestamp(&mut self, name: &str, timestamp: Timestamp) {
        self.name(name);
        self.write(format_args!("\"{timestamp:.3}\""));
    }

    /// Writes a value whose text needs no escapes.
    fn display(&mut self, name: &str, value: &impl std::fmt::Display) {
        self.name(name);
        self.write(format_args!("\"{value}\""));
    }

    /// Writes JSON as it is.
    fn raw(&mut self, name: &str, json: Option<&str>) {
        if let Some(json) = json {
            self.name(name);
            self.out.extend_from_slice(json.as_bytes());
        }
    }

    fn list<'a>(&mut self, name: &str, items: impl Iterator<Item = Label<'a>>) {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return;
        }
        self.name(name);
        for (at, item) in items.enumerate() {
            self.out.push(if at == 0 { b'[' } else { b',' });
            match item {
                Label::Plain(text) => self.string(text),
                Label::Observed(rule) => self.string(&format!("{OBSERVED}{rule}")),
            }
        }
        self.out.push(b']');
    }

    fn repairs(&mut self, repairs: Repairs) {
        self.list("repaired", repairs.iter().map(Repair::name).map(Label::Plain));
    }

    fn agent(&mut self, agent: &Agent, user_agent: Option<&str>) {
        self.text("browser", agent.browser);
        self.number("browser_major", agent.major);
        if let Some((browser, major)) = agent.browser.zip(agent.major) {
            self.name("browser_bucket");
            self.write(format_args!("\"{browser} {major}\""));
        }
        self.text("os", agent.os);
        self.text("device", agent.device.map(Device::name));
        self.text("user_agent", user_agent);
    }

    fn string(&mut self, text: &str) {
        // Writing to a Vec cannot fail, and neither can a string.
        let _ = serde_json::to_writer(&mut *self.out, text);
    }

    fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(arguments);
    }
}

/// What stands before the id of a rule on trial, in the `tags` of what it would have filtered.
pub const OBSERVED: &str = "would-filter:";

/// How much of what could not be read is kept.
const MAX_SPECIMEN: usize = 8 * 1024;
