//! The consumer group: reading, holding back, committing, and partitions that come and go.
//!
//! In: the four topics. Out: values handed to [`Work`], and commits over what is answered, never
//! further. One thread does all of it, and goes on asking librdkafka while Elasticsearch is away,
//! for hours if need be: partitions are paused then, and the group does not notice.
//!
//! Partitions are moved one by one (`cooperative-sticky`): those that stay flow on. Before one is
//! given away, what is under way of it is waited for, shortly, and committed, so that the next one
//! begins behind it.

use super::answer::cut;
use super::commit::{self, Commits};
use super::complaints::Complaints;
use super::metrics::Metrics;
use super::work::Work;
use super::{Health, spawn};
use crate::publish::kafka;
use crate::report::Stream;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A member of the group.
pub(super) struct Consumer {
    client: Arc<BaseConsumer<Context>>,
    work: Arc<Mutex<Work>>,
    topics: kafka::Topics,
    paused: BTreeSet<(Stream, i32)>,
    /// Since when something is full and not paused.
    full_since: Option<Instant>,
    complaints: Complaints,
}

/// What librdkafka calls, on the thread that asks it.
pub(super) struct Context {
    work: Arc<Mutex<Work>>,
    topics: kafka::Topics,
    metrics: Metrics,
    health: Arc<Health>,
    commits: Commits,
    /// Partitions have come that may have to be paused.
    has_new: AtomicBool,
    /// What librdkafka says of the error that it hands out next, which is but a code.
    reason: Mutex<Option<Box<str>>>,
    /// What librdkafka has logged.
    complaints: Mutex<Complaints>,
}

impl Consumer {
    /// Makes a consumer that will join its group.
    pub(super) fn new(
        config: &ClientConfig,
        topics: &kafka::Topics,
        work: Arc<Mutex<Work>>,
        metrics: Metrics,
        health: Arc<Health>,
    ) -> KafkaResult<Self> {
        let context = Context {
            work: Arc::clone(&work),
            topics: topics.clone(),
            commits: Commits::new(Arc::clone(&work), topics.clone(), metrics.clone()),
            metrics,
            health,
            has_new: AtomicBool::new(false),
            reason: Mutex::default(),
            complaints: Mutex::default(),
        };
        let client = BaseConsumer::from_config_and_context(config, context)?;
        client.subscribe(&topics.names().map(|(_, name)| name))?;
        Ok(Self {
            client: Arc::new(client),
            work,
            topics: topics.clone(),
            paused: BTreeSet::new(),
            full_since: None,
            complaints: Complaints::default(),
        })
    }

    /// Reads and indexes until told to stop; then finishes what is under way, at most until a time,
    /// commits and leaves the group.
    ///
    /// # Errors
    ///
    /// When the group will never have this member again.
    pub(super) fn run(
        mut self,
        stop: &Arc<AtomicBool>,
        commit_interval: Duration,
        patience: Duration,
    ) -> Result<(), String> {
        let (client, told) = (Arc::clone(&self.client), Arc::clone(stop));
        let committing = spawn("cspipe-commit", move || {
            commit::keep(&client, commit_interval, &told);
        });
        let committing = committing.map_err(|error| error.to_string())?;
        let mut ended = Ok(());
        while !stop.load(Relaxed) {
            let now = Instant::now();
            let read = if self.may_read(now) { self.read(now) } else { Ok(0) };
            lock(&self.work).step(now, false);
            if matches!(read, Ok(0)) {
                // Without the lock, which others want too.
                thread::sleep(IDLE);
            }
            if let Err(why) = read {
                ended = Err(why);
                break;
            }
        }
        let deadline = Instant::now() + patience;
        loop {
            let mut work = lock(&self.work);
            work.step(Instant::now(), true);
            if work.is_empty() || work.is_stuck() || Instant::now() >= deadline {
                break;
            }
            drop(work);
            thread::sleep(IDLE);
        }
        // Or the thread would wait for the next time to commit.
        stop.store(true, Relaxed);
        // It ends the process when it panics.
        let _ = committing.join();
        self.client.context().commits.now(&self.client, |_, _| true);
        ended
    }

    /// Pauses what is full and resumes what has room; says whether anything may be read.
    fn may_read(&mut self, now: Instant) -> bool {
        let work = lock(&self.work);
        let all: BTreeSet<_> = work.partitions.all().collect();
        self.paused.retain(|partition| all.contains(partition));
        let is_full = |partition: &&_| {
            !self.paused.contains(*partition) && work.is_full(partition.0, partition.1)
        };
        let full: Vec<_> = all.iter().filter(is_full).copied().collect();
        let has_room = |(stream, partition): &&_| work.has_room(*stream, *partition);
        let empty: Vec<_> = self.paused.iter().filter(has_room).copied().collect();
        drop(work);
        if !empty.is_empty() {
            empty.iter().for_each(|partition| _ = self.paused.remove(partition));
            if let Err(error) = self.client.resume(&self.list(empty)) {
                tracing::warn!("cannot resume partitions that have room: {error}");
            }
        }
        let mut to_pause = Vec::new();
        if self.client.context().has_new.swap(false, Relaxed) {
            to_pause.extend(self.paused.iter().copied());
        }
        let mut may_read = true;
        if full.is_empty() {
            self.full_since = None;
        } else if now - *self.full_since.get_or_insert(now) < GRACE {
            // Pausing throws away what is fetched. An answer may be a moment away.
            may_read = false;
        } else {
            self.full_since = None;
            for partition in &full {
                self.tell_culprit(*partition, now);
            }
            to_pause.extend(full);
        }
        if !to_pause.is_empty() {
            self.paused.extend(to_pause.iter().copied());
            if let Err(error) = self.client.pause(&self.list(to_pause)) {
                tracing::warn!("cannot pause partitions that are full: {error}");
            }
        }
        may_read
    }

    /// Says what a partition waits for whose window is full, which somebody may have to look at.
    fn tell_culprit(&mut self, (stream, partition): (Stream, i32), now: Instant) {
        let topic = self.topics.of(stream);
        if let Some(offset) = lock(&self.work).culprit(stream, partition)
            && self.complaints.may_tell(&format!("{topic}/{partition} rests"), now)
        {
            tracing::error!(
                topic,
                partition,
                offset,
                "{topic}/{partition} is read no further: too much waits behind offset {offset}, \
                 which is not taken"
            );
        }
    }

    /// Reads what is there, up to a share; says how many records that were.
    fn read(&mut self, now: Instant) -> Result<usize, String> {
        for read in 0..SHARE {
            let message = match self.client.poll(Duration::ZERO) {
                None => return Ok(read),
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    let told = self.client.context().reason(&code);
                    return Err(format!("Kafka does not want this consumer any more: {told}"));
                }
                Some(Err(error)) => {
                    let told = self.client.context().reason(&error);
                    if self.complaints.may_tell(&told, now) {
                        tracing::warn!("cannot read from Kafka, and goes on trying: {told}");
                    }
                    return Ok(read);
                }
                Some(Ok(message)) => message,
            };
            let Some(stream) = stream_of(&self.topics, message.topic()) else { continue };
            let (partition, offset) = (message.partition(), message.offset());
            let mut work = lock(&self.work);
            work.take(stream, partition, offset, message.payload(), now);
            if !self.paused.contains(&(stream, partition)) && work.is_full(stream, partition) {
                return Ok(read + 1);
            }
        }
        Ok(SHARE)
    }

    fn list(&self, partitions: Vec<(Stream, i32)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (stream, partition) in partitions {
            list.add_partition(self.topics.of(stream), partition);
        }
        list
    }
}

impl Context {
    /// Waits shortly for what is under way of partitions that are about to go, and commits it.
    fn give_away(&self, client: &BaseConsumer<Self>, list: &TopicPartitionList) {
        if client.assignment_lost() {
            self.health.left();
        }
        let going: BTreeSet<_> = self.of(list).collect();
        let deadline = Instant::now() + SETTLE;
        loop {
            let mut work = lock(&self.work);
            work.step(Instant::now(), true);
            let is_settled = going
                .iter()
                .all(|(stream, partition)| work.partitions.is_settled(*stream, *partition));
            if is_settled || work.is_stuck() || Instant::now() >= deadline {
                break;
            }
            drop(work);
            thread::sleep(IDLE);
        }
        self.commits.now(client, |stream, partition| going.contains(&(stream, partition)));
        let mut work = lock(&self.work);
        for (stream, partition) in going {
            work.partitions.revoke(stream, partition);
            self.metrics.forget_lag(work.topic(stream), partition);
        }
        work.forget_lost();
    }

    fn of<'l>(&'l self, list: &'l TopicPartitionList) -> impl Iterator<Item = (Stream, i32)> + 'l {
        list.elements()
            .into_iter()
            .filter_map(|part| Some((stream_of(&self.topics, part.topic())?, part.partition())))
    }
}

impl Context {
    pub(super) const fn commits(&self) -> &Commits {
        &self.commits
    }

    /// What is wrong, in librdkafka's words if there are any.
    fn reason(&self, error: &dyn std::fmt::Display) -> String {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        reason.map_or_else(|| error.to_string(), |reason| format!("{error} ({reason})"))
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as Level;
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning => {
                let message = cut(message);
                let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
                if complaints.may_tell(&format!("{facility}: {message}"), Instant::now()) {
                    tracing::warn!(facility, "librdkafka: {message}");
                }
            }
            Level::Notice | Level::Info | Level::Debug => {
                tracing::debug!(facility, "librdkafka: {message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut(reason));
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.give_away(client, list),
            Rebalance::Assign(list) => {
                // librdkafka remembers that a partition was paused when it goes and comes back, and
                // nobody but who has it may resume it. What is full still is paused again by
                // `may_read`, and to resume what is not paused does nothing.
                if let Err(error) = client.resume(&(*list).clone()) {
                    tracing::warn!("cannot resume partitions that have come: {error}");
                }
            }
            Rebalance::Error(error) => tracing::error!("the group cannot share out: {error}"),
        }
    }

    fn post_rebalance(&self, _client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.metrics.rebalances.inc();
        let mut work = lock(&self.work);
        if let Rebalance::Assign(list) = rebalance {
            for (stream, partition) in self.of(list) {
                work.partitions.assign(stream, partition);
            }
            self.has_new.store(true, Relaxed);
            self.health.joined();
        }
        let partitions = work.partitions.all().count();
        tracing::info!(
            partitions,
            "the group has been shared out: {partitions} partitions are here"
        );
    }
}

pub(super) fn stream_of(topics: &kafka::Topics, name: &str) -> Option<Stream> {
    Stream::ALL.iter().copied().find(|stream| topics.of(*stream) == name)
}

pub(super) fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long is waited when there is nothing to do.
const IDLE: Duration = Duration::from_millis(5);

/// How many records are read before answers are heard again.
const SHARE: usize = 1000;

/// How long a stream may be full before its partitions are paused.
const GRACE: Duration = Duration::from_millis(250);

/// How long the group waits for what is under way of partitions that go. It is well below what
/// the group allows for a rebalance, five minutes.
const SETTLE: Duration = Duration::from_secs(3);
