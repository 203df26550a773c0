//! Commits, over what is answered and never further.
//!
//! In: how far each partition is answered. Out: offsets in Kafka. A thread of its own does it at
//! intervals and waits for Kafka's answer, so that nobody else has to: rdkafka 0.39 hands no answer
//! to a commit that is not waited for. Before partitions go away, and at the end, whoever gives them
//! away commits once more. One at a time, so that no older offset comes after a newer one.

use super::consumer::{Context, lock, stream_of};
use super::metrics::Metrics;
use super::work::Work;
use crate::publish::kafka;
use crate::report::Stream;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What there is to commit, and that it is done by one at a time.
pub(super) struct Commits {
    work: Arc<Mutex<Work>>,
    topics: kafka::Topics,
    metrics: Metrics,
    turn: Mutex<()>,
}

impl Commits {
    pub(super) const fn new(
        work: Arc<Mutex<Work>>,
        topics: kafka::Topics,
        metrics: Metrics,
    ) -> Self {
        Self { work, topics, metrics, turn: Mutex::new(()) }
    }

    /// Commits what is wanted of what is answered, and waits for Kafka to say so.
    pub(super) fn now(&self, client: &BaseConsumer<Context>, wanted: impl Fn(Stream, i32) -> bool) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = TopicPartitionList::new();
        for (stream, partition, offset) in lock(&self.work).partitions.to_commit() {
            if wanted(stream, partition) {
                let topic = self.topics.of(stream);
                // It fails for offsets only that no partition can have.
                let _ = list.add_partition_offset(topic, partition, Offset::Offset(offset));
            }
        }
        if list.count() == 0 {
            return;
        }
        match client.commit(&list, CommitMode::Sync) {
            Ok(()) => {
                self.metrics.commits.inc();
                let mut work = lock(&self.work);
                for part in list.elements() {
                    if let (Some(stream), Offset::Offset(offset)) =
                        (stream_of(&self.topics, part.topic()), part.offset())
                    {
                        work.partitions.committed(stream, part.partition(), offset);
                    }
                }
            }
            // The next commit says the same again, of whoever has the partitions then.
            Err(error) => tracing::warn!("offsets could not be committed this time: {error}"),
        }
    }
}

/// Commits now and then, until told to stop.
pub(super) fn keep(client: &BaseConsumer<Context>, interval: Duration, stop: &AtomicBool) {
    let mut next = Instant::now() + interval;
    while !stop.load(Relaxed) {
        thread::sleep(STEP.min(interval));
        if Instant::now() >= next {
            client.context().commits().now(client, |_, _| true);
            next = Instant::now() + interval;
        }
    }
}

const STEP: Duration = Duration::from_millis(100);
