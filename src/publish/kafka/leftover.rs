//! What Kafka has not acknowledged of a batch, and what is said of it.
//!
//! In: a batch, and what became of each record. Out: the records that are left, with specimens in
//! the place of those that Kafka will never take, and the answer that waits for the spool.

use super::flights::{Done, Fate};
use super::metrics::Metrics;
use super::trouble::{Remedy, Trouble};
use crate::publish::encode::encode_rejected;
use crate::publish::sink::{Landed, NotDurable, Unfit};
use crate::report::{Batch, Entry, RejectedRecord, Rejection, Stream};

/// What Kafka has not acknowledged of a batch: records as they are, and specimens of those that
/// it will never take.
pub(super) fn left_over(batch: &Batch, fates: &[Fate], edge: &str) -> (Batch, Vec<Unfit>) {
    let mut left = Batch::default();
    let mut unfit = Vec::new();
    for (at, (entry, fate)) in batch.entries.iter().zip(fates).enumerate() {
        let Fate::Failed(failure) = fate else { continue };
        match failure.trouble.remedy() {
            Remedy::Spool => copy(batch, entry, &mut left),
            // A specimen that is refused as well is a matter of how the topic is set up.
            Remedy::Reject if entry.stream == Stream::Rejected => copy(batch, entry, &mut left),
            Remedy::Reject => {
                let rejection = rejection(failure.trouble);
                let record = Specimen {
                    id: entry.id,
                    received_at: entry.received_at,
                    app: batch.app(entry),
                    json: batch.json(entry),
                };
                encode_specimen(&record, rejection, edge, &mut left);
                unfit.push(Unfit { place: at, stream: entry.stream, rejection });
            }
        }
    }
    (left, unfit)
}

/// The answer to a request of which something was spooled. Refuses when it is dropped.
pub(super) struct Answer {
    done: Option<Done>,
    spooled: u64,
    unfit: Vec<Unfit>,
    metrics: Metrics,
}

impl Answer {
    /// `left` is what is about to be spooled, specimens of what is unfit among it.
    pub(super) fn new(done: Done, left: &Batch, unfit: Vec<Unfit>, metrics: Metrics) -> Self {
        let spooled = (left.entries.len() - unfit.len()) as u64;
        Self { done: Some(done), spooled, unfit, metrics }
    }

    /// The spool has committed.
    pub(super) fn confirm(mut self) {
        if let Some(done) = self.done.take() {
            self.metrics.spooled.inc_by(self.spooled);
            self.metrics.rejected.inc_by(self.unfit.len() as u64);
            done(Ok(Landed { unfit: std::mem::take(&mut self.unfit) }));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            self.metrics.refused.inc_by(self.spooled + self.unfit.len() as u64);
            done(Err(NotDurable));
        }
    }
}

/// A record that Kafka does not take, as it is shown in the rejected stream.
pub(super) struct Specimen<'r> {
    pub(super) id: uuid::Uuid,
    pub(super) received_at: jiff::Timestamp,
    pub(super) app: &'r str,
    pub(super) json: &'r [u8],
}

/// Appends the specimen of a record to a batch. It keeps the record's id.
pub(super) fn encode_specimen(
    record: &Specimen<'_>,
    rejection: Rejection,
    edge: &str,
    batch: &mut Batch,
) {
    let record = RejectedRecord {
        id: record.id,
        received_at: record.received_at,
        rejection,
        detail: None,
        content_type: None,
        user_agent: None,
        app_name: record.app,
        // The specimen must not be too large itself.
        body: &record.json[..record.json.len().min(SPECIMEN)],
        edge,
    };
    encode_rejected(&record, batch);
}

/// Why a record is only a specimen.
pub(super) const fn rejection(trouble: Trouble) -> Rejection {
    match trouble {
        Trouble::TooLarge | Trouble::BatchTooLarge => Rejection::TooLargeForKafka,
        Trouble::Invalid
        | Trouble::Neighbour
        | Trouble::Unreachable
        | Trouble::AckTimeout
        | Trouble::QueueFull
        | Trouble::Replicas
        | Trouble::Config
        | Trouble::Fatal
        | Trouble::Purged
        | Trouble::Unconfirmed
        | Trouble::Other => Rejection::RefusedByKafka,
    }
}

/// Copies one record from a batch to another.
fn copy(from: &Batch, entry: &Entry, to: &mut Batch) {
    let shift = |range: &std::ops::Range<usize>| {
        range.start - entry.json.start + to.bytes.len()
            ..range.end - entry.json.start + to.bytes.len()
    };
    let moved = Entry { json: shift(&entry.json), app: shift(&entry.app), ..entry.clone() };
    to.bytes.extend_from_slice(from.json(entry));
    to.tally.add(entry.stream);
    to.entries.push(moved);
}

/// How much of a record its specimen shows.
const SPECIMEN: usize = 1024;
