//! What is under way between Kafka and Elasticsearch.
//!
//! In: values out of Kafka, and answers of Elasticsearch. Out: requests, specimens of what is
//! refused, and how far each partition is answered. It is driven by one thread, step by step, and
//! waits for nobody by itself.

use super::answer::{self, Answer, Cause, Item};
use super::batch::{Batch, Place};
use super::client::{NoReply, Reply};
use super::hold::Pauses;
use super::lane::{Lane, Limits};
use super::metrics::{End, Metrics};
use super::partitions::Partitions;
use super::record;
use super::refusals::{Refusal, Refusals};
use super::settings::Settings;
use crate::publish::kafka;
use crate::report::Stream;
use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// A batch that is to be sent to the data stream of its stream.
pub(super) struct Job {
    pub(super) stream: Stream,
    pub(super) batch: Batch,
}

/// What came of it.
pub(super) struct Done {
    pub(super) job: Job,
    pub(super) took: Duration,
    pub(super) result: Result<Reply, NoReply>,
}

/// Everything that was read and is not answered.
pub(super) struct Work {
    pub(super) partitions: Partitions,
    lanes: BTreeMap<Stream, Lane>,
    refusals: Refusals,
    topics: kafka::Topics,
    jobs: UnboundedSender<Job>,
    done: Receiver<Done>,
    metrics: Metrics,
    /// Most bytes of specimens, beyond which nothing is read.
    refused_bytes: usize,
    passed_over: PassedOver,
}

/// How many lines were written about what is passed over in the current second.
struct PassedOver {
    since: Instant,
    lines: u32,
}

impl Work {
    pub(super) fn new(
        settings: &Settings,
        topics: &kafka::Topics,
        refusals: Refusals,
        jobs: UnboundedSender<Job>,
        done: Receiver<Done>,
        metrics: Metrics,
    ) -> Self {
        let share = whole(settings.in_flight_bytes.as_u64()) / Stream::ALL.len();
        let limits = Limits {
            batch_records: settings.batch_records,
            batch_bytes: whole(settings.batch_bytes.as_u64()),
            linger: settings.linger,
            requests: settings.requests,
            bytes: share,
            pauses: pauses(settings),
        };
        Self {
            partitions: Partitions::default(),
            lanes: Stream::ALL.iter().map(|stream| (*stream, Lane::new(limits))).collect(),
            refusals,
            topics: topics.clone(),
            jobs,
            done,
            metrics,
            refused_bytes: share,
            passed_over: PassedOver { since: Instant::now(), lines: 0 },
        }
    }

    /// Takes in what stands at a place of a topic.
    pub(super) fn take(
        &mut self,
        stream: Stream,
        partition: i32,
        offset: i64,
        value: Option<&[u8]>,
        now: Instant,
    ) {
        if let Some(taken) = self.partitions.went_back(stream, partition, offset) {
            let topic = self.topics.of(stream);
            tracing::warn!(
                topic,
                partition,
                offset,
                taken,
                "{topic}/{partition} went back from offset {taken} to {offset}: it was made anew, \
                 or Kafka has lost its end"
            );
        }
        let Some(place) = self.partitions.take(stream, partition, offset) else { return };
        match record::id(value) {
            Ok(id) => {
                let Some(lane) = self.lanes.get_mut(&stream) else { return };
                lane.push(&id, value.unwrap_or_default(), place, now);
            }
            Err(unfit) => self.refuse(stream, place, value.unwrap_or_default(), unfit.told(), now),
        }
    }

    /// Hears what came of what was sent, and sends what is to be sent. `at_once` does not wait for
    /// company.
    pub(super) fn step(&mut self, now: Instant, at_once: bool) {
        while let Ok(done) = self.done.try_recv() {
            self.hear(done, now);
        }
        for (stream, place) in self.refusals.work(now) {
            if self.partitions.is_ours(stream, place) {
                self.metrics.count(stream, End::Refused, 1);
                self.partitions.done(stream, place);
            }
        }
        // What is under way may be refused as well, and Kafka takes no more specimens now.
        let may_send = self.refusals.bytes() <= self.refused_bytes;
        for (stream, lane) in self.lanes.iter_mut().filter(|_| may_send) {
            while let Some(batch) = lane.next(now, at_once) {
                self.metrics.batch_records.observe(batch.records() as f64);
                self.metrics.batch_bytes.observe(batch.bytes() as f64);
                // Whoever sends lives longer than this.
                let _ = self.jobs.send(Job { stream: *stream, batch });
            }
        }
        let bytes: usize = self.lanes.values().map(Lane::bytes).sum();
        let bytes = bytes + self.refusals.bytes();
        self.metrics.in_flight_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.held.set(self.lanes.values().any(Lane::is_held).into());
    }

    /// Forgets what waits of partitions that are not ours any more.
    pub(super) fn forget_lost(&mut self) {
        let partitions = &self.partitions;
        for (stream, lane) in &mut self.lanes {
            lane.keep(|place| partitions.is_ours(*stream, place));
        }
    }

    /// Whether no more of a partition may be read.
    pub(super) fn is_full(&self, stream: Stream, partition: i32) -> bool {
        self.lanes.get(&stream).is_some_and(Lane::is_full)
            || self.partitions.window(stream, partition) > MAX_WINDOW
            || self.refusals.bytes() > self.refused_bytes
    }

    /// The offset that a partition waits for whose window is full.
    pub(super) fn culprit(&self, stream: Stream, partition: i32) -> Option<i64> {
        let is_full = self.partitions.window(stream, partition) > MAX_WINDOW;
        is_full.then(|| self.partitions.first_undone(stream, partition)).flatten()
    }

    /// Whether it is worth reading on.
    pub(super) fn has_room(&self, stream: Stream, partition: i32) -> bool {
        self.lanes.get(&stream).is_some_and(Lane::has_room)
            && self.partitions.window(stream, partition) <= MAX_WINDOW / 2
            && self.refusals.bytes() <= self.refused_bytes / 2
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.refusals.is_empty() && self.lanes.values().all(Lane::is_empty)
    }

    /// Whether all that is under way waits for Elasticsearch to take anything again.
    pub(super) fn is_stuck(&self) -> bool {
        self.refusals.is_empty()
            && self.lanes.values().all(|lane| lane.is_empty() || lane.is_held())
    }

    pub(super) fn topic(&self, stream: Stream) -> &str {
        self.topics.of(stream)
    }

    fn hear(&mut self, Done { job: Job { stream, batch }, took, result }: Done, now: Instant) {
        self.metrics.request_seconds.observe(took.as_secs_f64());
        let answer = match &result {
            // A record that is alone is not to blame for what is said of it.
            Ok(reply) if reply.is_cut && batch.records() > 1 => {
                Answer::Split("the answer is larger than anybody can want".into())
            }
            Ok(reply) => answer::read(reply.status, &reply.body, batch.records()),
            Err(why) => Answer::Nothing(Cause::Unreachable, answer::cut(&why.to_string())),
        };
        let Some(lane) = self.lanes.get_mut(&stream) else { return };
        lane.landed(&batch);
        match answer {
            Answer::Nothing(cause, why) => self.hold(stream, &batch, cause, &why, now),
            Answer::Split(why) => {
                let Some(batch) = self.ours(stream, &batch) else { return };
                let Some(lane) = self.lanes.get_mut(&stream) else { return };
                tell_progress(stream, lane.progress(now));
                match batch.halves() {
                    Some(halves) => lane.split(halves),
                    None => {
                        let places: Vec<_> = batch.places().collect();
                        for (at, place) in places.into_iter().enumerate() {
                            self.refuse(stream, place, batch.record(at), &why, now);
                        }
                    }
                }
            }
            Answer::Items(items) => self.settle(stream, &batch, &items, now),
        }
    }

    /// Goes through the answer to each record.
    fn settle(&mut self, stream: Stream, batch: &Batch, items: &[Item], now: Instant) {
        let first_again = items.iter().find_map(|item| match item {
            Item::Again(cause, why) => Some((*cause, why)),
            Item::Indexed | Item::Duplicate | Item::Refused(_) => None,
        });
        let is_again = |item: &Item| matches!(item, Item::Again(..));
        if let Some((cause, why)) = first_again
            && items.iter().all(is_again)
            // What is left of a batch says little about those that come after it.
            && batch.tries == 0
        {
            return self.hold(stream, batch, cause, why, now);
        }
        let (mut indexed, mut duplicates) = (0, 0);
        for (at, (item, place)) in items.iter().zip(batch.places()).enumerate() {
            match item {
                Item::Indexed => {
                    indexed += 1;
                    self.partitions.done(stream, place);
                }
                Item::Duplicate => {
                    duplicates += 1;
                    self.partitions.done(stream, place);
                }
                Item::Refused(why) => self.refuse(stream, place, batch.record(at), why, now),
                Item::Again(..) => {}
            }
        }
        self.metrics.count(stream, End::Indexed, indexed);
        self.metrics.count(stream, End::Duplicate, duplicates);
        let Some(lane) = self.lanes.get_mut(&stream) else { return };
        if !items.iter().all(is_again) {
            tell_progress(stream, lane.progress(now));
        }
        if let Some((cause, why)) = first_again
            && let Some(rest) = batch.only(|at, place| {
                items.get(at).is_some_and(is_again) && self.partitions.is_ours(stream, place)
            })
        {
            self.metrics.count_retry(cause);
            if let Some(Place { partition, offset, epoch: _ }) = rest.places().next()
                && batch.tries > 0
                && batch.tries.is_multiple_of(TELL_EVERY)
            {
                let (records, tries, topic) = (rest.records(), batch.tries, self.topics.of(stream));
                tracing::warn!(
                    topic,
                    partition,
                    offset,
                    tries,
                    records,
                    cause = cause.label(),
                    why = &**why,
                    "still not taken after {tries} tries: {topic}/{partition}, offset {offset}, \
                     and with it {records} in all: {why}"
                );
            }
            if batch.tries == 0 {
                let (name, records) = (stream.name(), rest.records());
                tracing::warn!(
                    stream = name,
                    records,
                    cause = cause.label(),
                    why = &**why,
                    "{records} records of {name} are sent again: {why}"
                );
            }
            lane.again(rest, now);
        } else {
            lane.let_go();
        }
    }

    /// What of a batch is in partitions that are ours still. When that is nothing, its lane may
    /// have nothing to wait for any more.
    fn ours(&mut self, stream: Stream, batch: &Batch) -> Option<Batch> {
        let ours = batch.only(|_, place| self.partitions.is_ours(stream, place));
        if ours.is_none()
            && let Some(lane) = self.lanes.get_mut(&stream)
        {
            lane.let_go();
        }
        ours
    }

    fn hold(&mut self, stream: Stream, batch: &Batch, cause: Cause, why: &str, now: Instant) {
        self.metrics.count_retry(cause);
        let Some(batch) = self.ours(stream, batch) else { return };
        let Some(lane) = self.lanes.get_mut(&stream) else { return };
        let (is_new, name) = (lane.hold(batch, now), stream.name());
        match cause {
            _ if !is_new => tracing::debug!(stream = name, cause = cause.label(), "still: {why}"),
            Cause::Configuration => tracing::error!(
                stream = name,
                cause = cause.label(),
                why,
                "Elasticsearch takes nothing of {name} until somebody changes something; it is \
                 held back, nothing is lost: {why}"
            ),
            Cause::Throttled | Cause::ServerError | Cause::Unreachable => tracing::warn!(
                stream = name,
                cause = cause.label(),
                why,
                "Elasticsearch takes nothing of {name}; it is held back, nothing is lost: {why}"
            ),
        }
    }

    /// Deals with a record that will never be taken.
    fn refuse(&mut self, stream: Stream, place: Place, record: &[u8], why: &str, now: Instant) {
        if !self.partitions.is_ours(stream, place) {
            return;
        }
        match stream {
            Stream::Clean | Stream::Filtered | Stream::Other => {
                let topic = self.topics.of(stream);
                self.refusals.take(&Refusal { stream, topic, place, record, why });
            }
            // It would come back from there for ever. It stays in Kafka for as long as that keeps it.
            Stream::Rejected => {
                let Place { partition, offset, epoch: _ } = place;
                let topic = self.topic(stream).to_owned();
                if self.passed_over.may_tell(now) {
                    tracing::error!(
                        topic,
                        partition,
                        offset,
                        why,
                        "passed over: Elasticsearch refuses what was rejected already: topic \
                         {topic}, partition {partition}, offset {offset}: {why}"
                    );
                }
                self.metrics.count(stream, End::Refused, 1);
                self.partitions.done(stream, place);
            }
        }
    }
}

impl PassedOver {
    /// So that a flood of them is no flood of lines.
    fn may_tell(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) > Duration::from_secs(1) {
            *self = Self { since: now, lines: 0 };
        }
        self.lines += 1;
        self.lines <= LINES_A_SECOND
    }
}

fn tell_progress(stream: Stream, held: Option<Duration>) {
    if let Some(held) = held {
        let (name, seconds) = (stream.name(), held.as_secs());
        tracing::info!(
            stream = name,
            seconds,
            "Elasticsearch takes {name} again after {seconds} s"
        );
    }
}

pub(super) fn pauses(settings: &Settings) -> Pauses {
    Pauses { first: settings.pause, longest: settings.pause_max }
}

fn whole(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// How many records of a partition may be behind one that is not done; then it rests, and the others
/// go on. What is behind it is sent again after a crash, and answered with 409.
const MAX_WINDOW: usize = 200_000;

const LINES_A_SECOND: u32 = 20;

/// After how many tries a record that is sent again is told once more.
const TELL_EVERY: u32 = 10;

#[cfg(test)]
mod tests;
