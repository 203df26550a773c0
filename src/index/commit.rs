//! Commits, over what is answered and never further.
//!
//! In: how far each partition is answered. Out: offsets in Kafka. A thread of its own does it at
//! intervals and waits for Kafka's answer, so that nobody else has to: rdkafka 0.39 hands no answer
//! to a commit that is not waited for. Before partitions go away, and at the end, whoever gives them
//! away commits once more. One at a time, so that no older offset comes after a newer one.

use super::complaints::Complaints;
use super::consumer::{Context, lock};
use super::metrics::Metrics;
use super::work::Work;
use crate::publish::kafka;
use crate::report::Stream;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What there is to commit, and that it is done by one at a time.
pub(super) struct Commits {
    work: Arc<Mutex<Work>>,
    topics: kafka::Topics,
    metrics: Metrics,
    turn: Mutex<Turn>,
}

/// What whoever commits knows from before.
#[derive(Default)]
struct Turn {
    /// Partitions that could not be committed the last time. They are committed each by itself.
    apart: BTreeSet<(Stream, i32)>,
    complaints: Complaints,
}

impl Commits {
    pub(super) fn new(work: Arc<Mutex<Work>>, topics: kafka::Topics, metrics: Metrics) -> Self {
        Self { work, topics, metrics, turn: Mutex::default() }
    }

    /// Commits what is wanted of what is answered, and waits for Kafka to say so.
    pub(super) fn now(&self, client: &BaseConsumer<Context>, wanted: impl Fn(Stream, i32) -> bool) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let to_commit: Vec<_> = lock(&self.work)
            .partitions
            .to_commit()
            .filter(|(stream, partition, _)| wanted(*stream, *partition))
            .collect();
        let (mut apart, together): (Vec<_>, Vec<_>) = to_commit
            .into_iter()
            .partition(|(stream, partition, _)| turn.apart.contains(&(*stream, *partition)));
        if !together.is_empty()
            && let Err(error) = self.commit(client, &together)
        {
            if error.rdkafka_error_code().is_some_and(is_about_all) {
                tracing::warn!("offsets could not be committed this time: {error}");
                return;
            }
            // Kafka may have taken all but one, and librdkafka tells but one answer.
            apart.extend(together);
        }
        for offset in apart {
            let (stream, partition, at) = offset;
            match self.commit(client, &[offset]) {
                Ok(()) => {
                    turn.apart.remove(&(stream, partition));
                }
                // The next commit says the same again, of whoever has the partition then.
                Err(error) => {
                    turn.apart.insert((stream, partition));
                    let topic = self.topics.of(stream);
                    if turn.complaints.may_tell(&format!("{topic}/{partition}"), Instant::now()) {
                        tracing::warn!(
                            topic,
                            partition,
                            offset = at,
                            "offset {at} of {topic}/{partition} could not be committed, and is \
                             tried again: {error}"
                        );
                    }
                    if error.rdkafka_error_code().is_some_and(is_about_all) {
                        break;
                    }
                }
            }
        }
    }

    fn commit(
        &self,
        client: &BaseConsumer<Context>,
        offsets: &[(Stream, i32, i64)],
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (stream, partition, offset) in offsets {
            list.add_partition_offset(
                self.topics.of(*stream),
                *partition,
                Offset::Offset(*offset),
            )?;
        }
        client.commit(&list, CommitMode::Sync)?;
        self.metrics.commits.inc();
        let mut work = lock(&self.work);
        for (stream, partition, offset) in offsets {
            work.partitions.committed(*stream, *partition, *offset);
        }
        Ok(())
    }
}

/// Whether no other partition could be committed either.
const fn is_about_all(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::WaitingForCoordinator
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::RebalanceInProgress
            | Code::FencedInstanceId
            | Code::GroupAuthorizationFailed
    )
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
