//! Reads topics as a plain consumer does: every partition from its beginning, or from where it was
//! read up to, to its end.

use crate::process::wait_until;
use crate::topics::{self, Stream, Topics};
use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// One message.
pub struct Delivered<'m> {
    pub stream: Stream,
    pub key: Option<&'m [u8]>,
    pub headers: Vec<(&'m str, &'m [u8])>,
    pub payload: &'m [u8],
}

/// Up to where partitions were read, by topic and number.
pub type Offsets = HashMap<(String, i32), i64>;

/// Shows every message of all four topics that was not read before, up to the end that they have
/// now.
pub fn read_on(
    brokers: &str,
    topics: &Topics,
    offsets: &mut Offsets,
    mut look: impl FnMut(&Delivered<'_>),
) -> Result<()> {
    let mut config = topics::client(brokers);
    config.set("group.id", "cspipe-rig").set("enable.auto.commit", "false");
    config.set("enable.partition.eof", "false");
    let consumer: BaseConsumer = config.create()?;
    let names: HashMap<String, Stream> =
        Stream::ALL.map(|stream| (topics.name(stream), stream)).into();
    let mut assignment = TopicPartitionList::new();
    // The last offset of each partition that has any.
    let mut ends = HashMap::new();
    for name in names.keys() {
        for (partition, low, high) in watermarks(&consumer, name)? {
            let place = (name.clone(), partition);
            let low = offsets.get(&place).map_or(low, |read| low.max(*read));
            if high > low {
                assignment.add_partition_offset(name, partition, Offset::Offset(low))?;
                ends.insert(place, high);
            }
        }
    }
    consumer.assign(&assignment)?;
    let mut last = Instant::now();
    while !ends.is_empty() {
        let message = match consumer.poll(Duration::from_millis(500)) {
            Some(Ok(message)) => message,
            // A broker that comes and goes is an error on the way, and no end.
            Some(Err(_)) | None if last.elapsed() < PATIENCE => continue,
            Some(Err(error)) => return Err(error.into()),
            None => bail!("nothing more comes from {:?}", ends.keys()),
        };
        last = Instant::now();
        let place = (message.topic().to_owned(), message.partition());
        let Some(&end) = ends.get(&place) else { continue };
        if message.offset() < end {
            look(&delivered(&message, names[&place.0])?);
        }
        if message.offset() + 1 >= end {
            ends.remove(&place);
            offsets.insert(place, end);
        }
    }
    Ok(())
}

/// The partitions of a topic, each with its first offset and the one after its last.
///
/// A broker that has just come back names leaders before they serve.
fn watermarks(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64, i64)>> {
    let ask = || -> Result<_> {
        let partitions = topics::partitions(consumer, topic);
        let partitions = partitions.with_context(|| format!("{topic} has no leader"))?;
        let mark = |partition| -> Result<_> {
            let (low, high) =
                consumer.fetch_watermarks(topic, partition, Duration::from_secs(20))?;
            Ok((partition, low, high))
        };
        partitions.into_iter().map(mark).collect()
    };
    let mut answer = ask();
    wait_until(PATIENCE, || {
        answer.is_ok() || {
            answer = ask();
            answer.is_ok()
        }
    });
    answer
}

fn delivered(message: &impl Message, stream: Stream) -> Result<Delivered<'_>> {
    let headers = message.headers().map(|headers| {
        // `iter` wants a type with a size.
        (0..headers.count()).map(|at| headers.get(at)).collect::<Vec<_>>()
    });
    let headers = headers.unwrap_or_default();
    ensure!(headers.iter().all(|header| header.value.is_some()), "a header without a value");
    Ok(Delivered {
        stream,
        key: message.key(),
        headers: headers
            .into_iter()
            .map(|header| (header.key, header.value.unwrap_or_default()))
            .collect(),
        payload: message.payload().unwrap_or_default(),
    })
}

const PATIENCE: Duration = Duration::from_secs(30);
