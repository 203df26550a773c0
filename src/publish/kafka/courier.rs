//! Sends batches, or spools them where Kafka is not to be asked.
//!
//! In: batches from any thread. Out: records on their way, each under a tag. [`Courier::publish`]
//! never waits. What became of the records is `listener`'s.

use super::breaker::{Breaker, Change};
use super::drain::DRAINED;
use super::flights::{Done, Flights};
use super::heard::{Failure, Heard, Report};
use super::lane::Acknowledged;
use super::metrics::Metrics;
use super::producer::{Outgoing, Producer};
use super::settings::{PropertyError, Settings};
use super::trouble::Trouble;
use super::turn::SpooledRecords;
use crate::publish::sink::{Landed, NoRoom, NotDurable};
use crate::report::{Batch, Stream};
use crate::store::spool;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The way into Kafka mode.
#[derive(Debug, Clone)]
pub struct Handle(pub(super) Arc<Courier>);

/// What all threads of Kafka mode share.
#[derive(Debug)]
pub(super) struct Courier {
    settings: Settings,
    edge: String,
    pub(super) producer: ArcSwap<Producer>,
    pub(super) heard: Arc<Heard>,
    flights: Mutex<Flights>,
    breaker: Mutex<Breaker>,
    pub(super) spool: spool::Handle,
    pub(super) metrics: Metrics,
    /// What requests have put into the spool.
    pub(super) spooled: Arc<SpooledRecords>,
    /// What Kafka has taken, of requests and out of the spool.
    pub(super) acknowledged: Acknowledged,
    /// Records of requests so far; the drain keeps pace with it.
    pub(super) taken: AtomicU64,
    /// How often the breaker has opened.
    pub(super) outages: AtomicU64,
    /// The drain has nothing under way, so that only a request can find out about Kafka.
    pub(super) drain_is_idle: AtomicBool,
    /// Nothing that the drain has can find out about Kafka, now or later.
    pub(super) drain_is_blind: AtomicBool,
    /// The end is near: nothing more is sent.
    is_ending: AtomicBool,
    stop_by: Mutex<Option<Instant>>,
}

impl Handle {
    /// Hands a batch over and returns at once. `done` is called once, unless there is no room.
    pub(in crate::publish) fn publish(&self, batch: Batch, done: Done) -> Result<(), NoRoom> {
        self.0.publish(batch, done)
    }

    /// Whether a batch can be expected to become durable now, in Kafka or in the spool.
    ///
    /// Also when it is time to find out about Kafka and only a request can: without one that would
    /// stay unknown for ever.
    pub fn is_ready(&self) -> bool {
        self.0.spool.is_ready() || self.0.may_ask_kafka(Instant::now())
    }
}

impl Courier {
    pub(super) fn new(
        settings: &Settings,
        edge: &str,
        spool: spool::Handle,
        metrics: Metrics,
    ) -> Result<Self, PropertyError> {
        let heard = Arc::new(Heard::new(metrics.clone()));
        let producer = Producer::new(settings, edge, Arc::clone(&heard))
            .map_err(|error| PropertyError::from(&error))?;
        Ok(Self {
            settings: settings.clone(),
            edge: edge.to_owned(),
            producer: ArcSwap::from_pointee(producer),
            heard,
            flights: Mutex::default(),
            breaker: Mutex::new(Breaker::new(&settings.breaker)),
            spool,
            metrics,
            spooled: Arc::default(),
            acknowledged: Acknowledged::new(Instant::now()),
            taken: AtomicU64::new(0),
            outages: AtomicU64::new(0),
            drain_is_idle: AtomicBool::new(true),
            drain_is_blind: AtomicBool::new(true),
            is_ending: AtomicBool::new(false),
            stop_by: Mutex::default(),
        })
    }

    fn publish(&self, batch: Batch, done: Done) -> Result<(), NoRoom> {
        if batch.entries.is_empty() {
            done(Ok(Landed::default()));
            return Ok(());
        }
        self.taken.fetch_add(batch.entries.len() as u64, Relaxed);
        let has_room = self.has_room(batch.bytes.len() as u64);
        if !has_room {
            self.fail(Trouble::QueueFull);
        }
        if !(has_room && self.asks_kafka()) {
            let records = batch.entries.len() as u64;
            return self.spool_whole(batch, done).inspect_err(|_| self.refuse(records));
        }
        let batch = Arc::new(batch);
        let slot = self.flights().begin(Arc::clone(&batch), done, Instant::now());
        let producer = self.producer.load();
        for (at, entry) in batch.entries.iter().enumerate() {
            let tag = tag(slot, at);
            let sent = producer.send(&Outgoing {
                tag,
                stream: entry.stream,
                id: entry.id,
                app: batch.app(entry),
                edge: &self.edge,
                json: batch.json(entry),
            });
            if let Err(failure) = sent {
                self.heard.tell(Report { tag, result: Err(failure) });
            }
        }
        self.heard.wake();
        Ok(())
    }

    /// Sends a record of the spool. Its report goes to the drain.
    pub(super) fn resend(&self, record: &spool::Spooled) -> Result<(), Failure> {
        let tag = DRAINED | usize::try_from(record.seq).unwrap_or(0);
        self.producer.load().send(&Outgoing {
            tag,
            stream: record.stream,
            id: record.id,
            app: &record.app,
            edge: &record.edge,
            json: &record.json,
        })?;
        self.heard.wake();
        Ok(())
    }

    pub(super) fn stop_by(&self) -> Option<Instant> {
        *self.stop_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_stop_by(&self, time: Instant) {
        self.is_ending.store(true, Relaxed);
        *self.stop_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
        self.heard.wake();
    }

    fn spool_whole(&self, batch: Batch, done: Done) -> Result<(), NoRoom> {
        let (metrics, spooled) = (self.metrics.clone(), Arc::clone(&self.spooled));
        let records = batch.entries.len() as u64;
        let counts = SpooledRecords::count(&batch);
        let append = self.spool.append(batch, move |result| match result {
            Ok(()) => {
                metrics.spooled.inc_by(records);
                spooled.add(&counts);
                done(Ok(Landed::default()));
            }
            Err(_) => {
                metrics.refused.inc_by(records);
                done(Err(NotDurable));
            }
        });
        append.map_err(|_| NoRoom)
    }

    /// Whether librdkafka may be given so many bytes more. Requests that ask at the same time may
    /// go beyond the limit by a body each.
    fn has_room(&self, bytes: u64) -> bool {
        self.flights().held() + bytes <= self.settings.queue_bytes.as_u64()
    }

    fn refuse(&self, records: u64) {
        self.metrics.refused.inc_by(records);
    }

    /// Whether a request should try Kafka now.
    fn asks_kafka(&self) -> bool {
        if self.is_ending.load(Relaxed) {
            return false;
        }
        let mut breaker = self.breaker();
        // As long as the drain has something under way, that finds out, and no request has to wait.
        !breaker.is_open() || (self.drain_is_idle.load(Relaxed) && breaker.admits(Instant::now()))
    }

    /// Whether Kafka can be expected to take a request, or only a request can find out.
    fn may_ask_kafka(&self, now: Instant) -> bool {
        let breaker = self.breaker();
        !breaker.is_open() || (self.drain_is_blind.load(Relaxed) && breaker.is_probe_due(now))
    }

    /// Kafka has acknowledged something in time.
    pub(super) fn succeed(&self, now: Instant) {
        let change = self.breaker().succeed(now);
        self.note(change, None);
    }

    fn fail(&self, trouble: Trouble) {
        self.metrics.count_error(trouble);
        self.note_failure(trouble.into(), Instant::now());
    }

    pub(super) fn note_failure(&self, failure: Failure, now: Instant) {
        let change = self.breaker().fail(now);
        self.note(change, Some(failure));
    }

    fn note(&self, change: Option<Change>, failure: Option<Failure>) {
        match change {
            None => {}
            Some(Change::Opened) => {
                self.outages.fetch_add(1, Relaxed);
                self.metrics.breaker_open.set(1);
                let mut why = failure.map_or_else(String::new, |failure| failure.to_string());
                let words = self.heard.last_words();
                if !words.is_empty() {
                    why.push_str("; librdkafka said last: ");
                    why.push_str(&words);
                }
                tracing::warn!("records go to the spool until Kafka acknowledges again: {why}");
                self.spool.note(why);
            }
            Some(Change::Closed(after)) => {
                self.metrics.breaker_open.set(0);
                let seconds = after.as_secs_f64();
                tracing::info!(seconds, "Kafka acknowledges again after {seconds:.1} s");
            }
        }
    }

    /// Counts the failure of one record that was handed to librdkafka.
    pub(super) fn count_failure(&self, trouble: Trouble) {
        self.metrics.count_error(trouble);
        if trouble == Trouble::Unconfirmed {
            self.heard.say_unconfirmed();
        }
        if trouble.may_have_arrived() {
            self.metrics.maybe_duplicates.inc();
        }
    }

    pub(super) fn say_config(&self, topic: &str, failure: Failure) {
        let what = format!("topic {topic}: {failure}");
        self.heard.say_config(&what);
        self.spool.note(what);
    }

    pub(super) fn topic_of(&self, stream: Stream) -> &str {
        self.settings.topics.of(stream)
    }

    pub(super) fn edge(&self) -> &str {
        &self.edge
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slot and place of a record in one number.
const fn tag(slot: usize, entry: usize) -> usize {
    slot << ENTRY_BITS | entry
}

pub(super) const fn untag(tag: usize) -> (usize, usize) {
    (tag >> ENTRY_BITS, tag & ((1 << ENTRY_BITS) - 1))
}

/// A body holds fewer reports than this can count; slots are bounded by `queue_bytes`.
const ENTRY_BITS: u32 = 24;
const _: () = assert!(usize::BITS == 64, "tags need 64 bits");
