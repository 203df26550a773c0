//! The sentence: decode, normalize, derive, filter, publish.
//!
//! In: the bytes of one request and its delivery. Out: a receipt, or the reason why there is none.
//! Every report that comes in is counted once when it arrives and once when its end is known, so
//! that received = clean + filtered + rejected + other + refused.
//!
//! It never waits and never looks at HTTP; whoever calls it awaits the receipt.

mod metrics;
mod settings;
mod specimens;
mod stages;

pub use metrics::Metrics;
pub use publish::{NotDurable, Receipt};
pub use settings::Settings;
pub use stages::Stages;

use crate::decode::{Entry, Scratch, Unreadable, decode};
use crate::filter::RuleSet;
use crate::publish::{self, Sink};
use crate::report::{
    Batch, Delivery, OtherRecord, OtherReport, Outcome, RawReport, Record, RejectedRecord,
    Rejection, Wire,
};
use arc_swap::ArcSwap;
use jiff::civil::Date;
use metrics::Settling;
use specimens::Specimens;
use std::cell::RefCell;
use std::sync::Arc;
use uuid::Uuid;

/// All stages with what they need, shared by every connection.
pub struct Pipeline {
    stages: Arc<Stages>,
    rules: Arc<ArcSwap<RuleSet>>,
    sink: Sink,
    metrics: Metrics,
    specimens: Specimens,
    edge: String,
}

/// What became of one request.
#[derive(Debug)]
pub enum Taken {
    /// Everything that could be read is on its way to the sink.
    Accepted(Receipt),
    /// Nothing in the body could be read.
    Unreadable(Rejection),
    /// More reports than a browser ever queues.
    TooMany { reports: usize, limit: usize },
    /// The sink has no room.
    Overloaded,
}

impl Pipeline {
    /// Puts a pipeline together.
    pub fn new(
        stages: Arc<Stages>,
        rules: Arc<ArcSwap<RuleSet>>,
        sink: Sink,
        settings: &Settings,
        metrics: Metrics,
    ) -> Self {
        Self {
            stages,
            rules,
            sink,
            metrics,
            specimens: Specimens::new(settings.specimens_per_second),
            edge: settings.edge_name(),
        }
    }

    /// Takes the body of one request.
    pub fn take(&self, body: &[u8], delivery: &Delivery<'_>) -> Taken {
        let delivery = &self.stages.bounded(delivery);
        SCRATCH.with_borrow_mut(|scratch| match decode(body, scratch, self.stages.max_reports) {
            Ok(entries) => self.publish(entries, body, delivery),
            Err(Unreadable::Rejected(rejection)) => {
                self.reject_body(rejection, body, delivery);
                Taken::Unreadable(rejection)
            }
            Err(Unreadable::TooMany(reports)) => {
                self.metrics.received(Wire::Unread, reports);
                self.metrics.ended(Outcome::Refused, reports);
                Taken::TooMany { reports, limit: self.stages.max_reports }
            }
        })
    }

    /// Counts one report that was turned away before its body was read.
    pub fn refuse(&self) {
        self.metrics.received(Wire::Unread, 1);
        self.metrics.ended(Outcome::Refused, 1);
    }

    /// Whether a report can be expected to become durable now.
    pub fn is_ready(&self) -> bool {
        self.sink.is_ready()
    }

    fn publish(&self, entries: Vec<Entry<'_>>, body: &[u8], delivery: &Delivery<'_>) -> Taken {
        let rules = self.rules.load();
        let today = jiff::tz::TimeZone::UTC.to_datetime(delivery.received_at).date();
        let mut batch = Batch::default();
        batch.bytes.reserve(body.len() + 1024);
        let mut settling = Settling::default();
        let mut first_rejection = None;
        for entry in entries {
            match entry {
                Entry::Violation(raw) => {
                    self.take_violation(raw, delivery, &rules, today, &mut batch, &mut settling);
                }
                Entry::Other(report) => self.take_other(report, delivery, &mut batch),
                Entry::Rejected { rejection, specimen } => {
                    first_rejection.get_or_insert(rejection);
                    // A value that is no JSON has no text of its own; the body shows it.
                    let specimen = if specimen.is_empty() { body } else { specimen.as_bytes() };
                    self.reject(rejection, specimen, delivery, &mut batch);
                }
            }
        }
        let nothing_was_read = batch.tally.total() == batch.tally.rejected;
        match first_rejection {
            Some(rejection) if nothing_was_read => {
                self.hand_over_specimens(batch);
                Taken::Unreadable(rejection)
            }
            _ => self.hand_over(batch, settling),
        }
    }

    /// The sentence itself.
    fn take_violation<'b>(
        &self,
        raw: RawReport<'b>,
        delivery: &Delivery<'b>,
        rules: &RuleSet,
        today: Date,
        batch: &mut Batch,
        settling: &mut Settling,
    ) {
        self.metrics.received(raw.wire.unwrap_or(Wire::Bare), 1);
        let violation = self.stages.normalize(raw);
        let facts = self.stages.derive(&violation, delivery);
        let verdict = rules.judge(&rules.subject(&violation, &facts), today);
        let record = Record {
            id: Uuid::now_v7(),
            received_at: delivery.received_at,
            violation: &violation,
            facts: &facts,
            verdict: &verdict,
            edge: &self.edge,
        };
        let place = batch.entries.len();
        publish::encode(&record, batch);
        self.metrics.judged(place, &facts, &verdict, settling);
    }

    fn take_other(&self, report: OtherReport<'_>, delivery: &Delivery<'_>, batch: &mut Batch) {
        self.metrics.received(report.wire, 1);
        let report = self.stages.normalize_other(report);
        let facts = self.stages.derive_other(&report, delivery);
        publish::encode_other(
            &OtherRecord {
                id: Uuid::now_v7(),
                received_at: delivery.received_at,
                timestamp: facts.timestamp,
                app_name: &facts.app_name,
                report: &report,
                report_domain: facts.report_domain,
                user_agent: facts.user_agent,
                agent: facts.agent,
                edge: &self.edge,
            },
            batch,
        );
    }

    /// Counts a report that cannot be read, and keeps a specimen as long as there are few.
    fn reject(
        &self,
        rejection: Rejection,
        specimen: &[u8],
        delivery: &Delivery<'_>,
        batch: &mut Batch,
    ) {
        self.metrics.received(Wire::Unreadable, 1);
        self.metrics.rejected(rejection);
        if self.specimens.has_room(delivery.received_at) {
            publish::encode_rejected(
                &RejectedRecord {
                    id: Uuid::now_v7(),
                    received_at: delivery.received_at,
                    rejection,
                    detail: None,
                    content_type: delivery.content_type,
                    user_agent: delivery.user_agent,
                    app_name: &self.stages.app_name(delivery),
                    body: specimen,
                    edge: &self.edge,
                },
                batch,
            );
        } else {
            batch.tally.add(crate::report::Stream::Rejected);
        }
    }

    fn reject_body(&self, rejection: Rejection, body: &[u8], delivery: &Delivery<'_>) {
        let mut batch = Batch::default();
        self.reject(rejection, body, delivery, &mut batch);
        self.hand_over_specimens(batch);
    }

    /// A rejected report has met its end already; its specimen is worth no 503.
    fn hand_over_specimens(&self, batch: Batch) {
        let _ = self.sink.publish(batch, |_| {});
    }

    fn hand_over(&self, batch: Batch, settling: Settling) -> Taken {
        let tally = batch.tally;
        let metrics = self.metrics.clone();
        let readable = (tally.total() - tally.rejected) as usize;
        let published = self.sink.publish(batch, move |result| match result {
            Ok(landed) => metrics.settled(tally, &settling, &landed),
            Err(NotDurable) => metrics.ended(Outcome::Refused, readable),
        });
        published.map_or_else(
            |_| {
                self.metrics.ended(Outcome::Refused, readable);
                Taken::Overloaded
            },
            Taken::Accepted,
        )
    }
}

thread_local! {
    /// One set of buffers a thread: decoding never waits, so nobody else can want them.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}
