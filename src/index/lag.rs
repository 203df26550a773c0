//! How far behind the indexer is.
//!
//! In: what is committed of each partition that is here. Out: a number for each: the records
//! between that and the end of the partition. It asks Kafka by a client of its own, so that the
//! number grows while partitions are paused, and nobody waits for it.

use super::consumer::{lock, stream_of};
use super::metrics::Metrics;
use super::work::Work;
use crate::publish::kafka;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
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
    let mut next = Instant::now();
    while !stop.load(Relaxed) {
        thread::sleep(STEP);
        if Instant::now() < next {
            continue;
        }
        next = Instant::now() + EVERY;
        if let Err(error) = measure(&client, topics, work, metrics, stop) {
            tracing::debug!("the lag is not known: {error}");
        }
    }
}

fn measure(
    client: &BaseConsumer,
    topics: &kafka::Topics,
    work: &Mutex<Work>,
    metrics: &Metrics,
    stop: &AtomicBool,
) -> KafkaResult<()> {
    let positions: Vec<_> = lock(work).partitions.positions().collect();
    let mut unknown = TopicPartitionList::new();
    for (stream, partition, committed) in &positions {
        if committed.is_none() {
            unknown.add_partition(topics.of(*stream), *partition);
        }
    }
    let mut before = BTreeMap::new();
    if unknown.count() > 0 {
        for part in client.committed_offsets(unknown, PATIENCE)?.elements() {
            if let (Some(stream), Offset::Offset(offset)) =
                (stream_of(topics, part.topic()), part.offset())
            {
                before.insert((stream, part.partition()), offset);
            }
        }
    }
    for (stream, partition, committed) in positions {
        if stop.load(Relaxed) {
            return Ok(());
        }
        let name = topics.of(stream);
        let (low, high) = client.fetch_watermarks(name, partition, PATIENCE)?;
        let from = committed.or_else(|| before.get(&(stream, partition)).copied()).unwrap_or(low);
        // It may have gone to another indexer meanwhile.
        if lock(work).partitions.all().any(|here| here == (stream, partition)) {
            metrics.show_lag(name, partition, (high - from.max(low)).max(0));
        }
    }
    Ok(())
}

const EVERY: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(200);
