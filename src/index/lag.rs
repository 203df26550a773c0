//! How far behind the indexer is, and what Kafka deletes before it gets there.
//!
//! In: what is committed of each partition that is here. Out: a number for each, the records
//! between that and the end of the partition; and a count of those that Kafka's retention has
//! deleted. It asks Kafka by a client of its own, so that the number grows while partitions are
//! paused, and nobody waits for it.

use super::consumer::{lock, stream_of};
use super::metrics::Metrics;
use super::work::Work;
use crate::publish::kafka;
use crate::report::Stream;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Shows the lag now and then, until told to stop.
pub(super) fn watch(
    config: &ClientConfig,
    topics: &kafka::Topics,
    work: &Mutex<Work>,
    metrics: &Metrics,
    stop: &AtomicBool,
) {
    let client: BaseConsumer = match config.create() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!("the lag cannot be told: {error}");
            return;
        }
    };
    let mut lag = Lag { client, topics, work, metrics, seen: BTreeMap::new() };
    let mut next = Instant::now();
    while !stop.load(Relaxed) {
        thread::sleep(STEP);
        lag.empty_queue();
        // Before the first commit of a partition, which hides what was deleted before it came.
        if Instant::now() < next && !lag.has_new() {
            continue;
        }
        next = Instant::now() + EVERY;
        lag.measure(stop);
    }
}

/// What is measured, and with what.
struct Lag<'w> {
    client: BaseConsumer,
    topics: &'w kafka::Topics,
    work: &'w Mutex<Work>,
    metrics: &'w Metrics,
    seen: BTreeMap<(Stream, i32), Seen>,
}

/// What was seen of a partition.
struct Seen {
    /// When it was measured, or was to be for the first time.
    at: Instant,
    /// Where the partition began.
    low: i64,
    /// How many of the deleted records are counted.
    expired: i64,
}

impl Lag<'_> {
    /// Nobody wants what librdkafka says of this client, and it keeps it until asked.
    fn empty_queue(&self) {
        for _ in 0..ROUNDS {
            if self.client.poll(Duration::ZERO).is_none() {
                break;
            }
        }
    }

    /// Whether a partition has come that nobody has looked at.
    fn has_new(&self) -> bool {
        lock(self.work).partitions.all().any(|here| !self.seen.contains_key(&here))
    }

    fn measure(&mut self, stop: &AtomicBool) {
        let positions: Vec<_> = lock(self.work).partitions.positions().collect();
        let here: BTreeSet<_> =
            positions.iter().map(|(stream, partition, _)| (*stream, *partition)).collect();
        self.seen.retain(|partition, _| here.contains(partition));
        let before = self.committed(&positions);
        for (stream, partition, committed) in positions {
            if stop.load(Relaxed) {
                return;
            }
            let key = (stream, partition);
            let before = before.get(&key).copied();
            // Nobody knows where it stands, which is not the same as at the beginning.
            let is_known = committed.is_some() || before.is_some();
            let name = self.topics.of(stream);
            let marks = is_known.then(|| self.client.fetch_watermarks(name, partition, PATIENCE));
            match marks {
                Some(Ok(marks)) => self.show(key, committed, before.flatten(), marks),
                Some(Err(error)) => {
                    tracing::debug!("the lag of {name}/{partition} is not known: {error}");
                    self.forget(key);
                }
                None => self.forget(key),
            }
        }
    }

    /// What Kafka knows to be committed of what was not committed from here; nothing of a partition
    /// of which nothing ever was.
    fn committed(
        &self,
        positions: &[(Stream, i32, Option<i64>)],
    ) -> BTreeMap<(Stream, i32), Option<i64>> {
        let mut unknown = TopicPartitionList::new();
        for (stream, partition, committed) in positions {
            if committed.is_none() {
                unknown.add_partition(self.topics.of(*stream), *partition);
            }
        }
        if unknown.count() == 0 {
            return BTreeMap::new();
        }
        let told = match self.client.committed_offsets(unknown, PATIENCE) {
            Ok(told) => told,
            Err(error) => {
                tracing::debug!("what is committed is not known: {error}");
                return BTreeMap::new();
            }
        };
        let elements = told.elements().into_iter().filter(|part| part.error().is_ok());
        elements
            .filter_map(|part| {
                let offset = match part.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                };
                Some(((stream_of(self.topics, part.topic())?, part.partition()), offset))
            })
            .collect()
    }

    fn show(
        &mut self,
        (stream, partition): (Stream, i32),
        committed: Option<i64>,
        before: Option<i64>,
        (low, high): (i64, i64),
    ) {
        let name = self.topics.of(stream);
        let from = committed.or(before).unwrap_or(low);
        let work = lock(self.work);
        // It may have gone to another indexer meanwhile. It goes under the same lock.
        if !work.partitions.all().any(|here| here == (stream, partition)) {
            return;
        }
        self.metrics.show_lag(name, partition, (high - from.max(low)).max(0));
        let expired = work.partitions.expired(stream, partition, before, low);
        drop(work);
        let seen = self.seen.entry((stream, partition));
        let seen = seen.or_insert(Seen { at: Instant::now(), low: 0, expired: 0 });
        seen.at = Instant::now();
        // A series that is there before the first loss shows it as a growth.
        self.metrics.count_expired(name, 0);
        // Only Kafka deletes: what grows while the beginning rests was counted, and is being
        // committed.
        if low > seen.low && expired > seen.expired {
            let grown = expired - seen.expired;
            self.metrics.count_expired(name, grown.unsigned_abs());
            tracing::error!(
                topic = name,
                partition,
                "{grown} records of {name}/{partition} were deleted by Kafka's retention before \
                 they were indexed"
            );
        }
        *seen = Seen { at: seen.at, low, expired };
    }

    /// A number that is not measured any more is not to be taken for a true one.
    fn forget(&mut self, (stream, partition): (Stream, i32)) {
        let now = Instant::now();
        let seen = self.seen.entry((stream, partition));
        let seen = seen.or_insert(Seen { at: now, low: 0, expired: 0 });
        if now.saturating_duration_since(seen.at) > STALE {
            self.metrics.forget_lag(self.topics.of(stream), partition);
        }
    }
}

const EVERY: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(200);

/// How long a lag is shown after it was measured.
const STALE: Duration = Duration::from_mins(1);

/// How many events are taken out of the queue in a step.
const ROUNDS: usize = 100;
