//! librdkafka's producer, and what is heard from it.
//!
//! In: records, each with a tag. Out: one [`Report`] a record, sooner or later, into [`Heard`].
//! Sending never waits. What librdkafka says of itself becomes metrics and a few lines of the log.

use super::heard::{Failure, Heard, Report};
use super::settings::{Key, Settings, Topics};
use super::trouble::Trouble;
use crate::report::{Record, Stream};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::statistics::Statistics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use uuid::Uuid;

/// A record on its way to Kafka.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'r> {
    pub(super) tag: usize,
    pub(super) stream: Stream,
    pub(super) id: Uuid,
    pub(super) app: &'r str,
    pub(super) edge: &'r str,
    pub(super) json: &'r [u8],
}

/// A producer, and how records are addressed.
pub(super) struct Producer {
    /// There until the producer is dropped.
    client: Option<BaseProducer<Context>>,
    /// Whoever drops it waits until librdkafka has ended.
    is_last: AtomicBool,
    topics: Topics,
    key: Key,
    key_shards: u16,
}

/// What librdkafka calls.
struct Context(Arc<Heard>);

impl Producer {
    /// Makes a producer. It connects by itself, now or later.
    pub(super) fn new(
        settings: &Settings,
        edge: &str,
        heard: Arc<Heard>,
    ) -> Result<Self, KafkaError> {
        let mut config = settings.producer(edge);
        // What is logged is filtered here, by the context.
        config.set_log_level(RDKafkaLogLevel::Info);
        Ok(Self {
            client: Some(BaseProducer::from_config_and_context(&config, Context(heard))?),
            is_last: AtomicBool::new(false),
            topics: settings.topics.clone(),
            key: settings.key,
            key_shards: settings.key_shards,
        })
    }

    fn client(&self) -> &BaseProducer<Context> {
        self.client.as_ref().expect("it is there until the end")
    }

    /// Hands one record over. A report with its tag follows unless it is refused at once.
    pub(super) fn send(&self, record: &Outgoing<'_>) -> Result<(), Failure> {
        let mut id = Uuid::encode_buffer();
        let id = &*record.id.hyphenated().encode_lower(&mut id);
        let headers = [("id", id), ("app", record.app), ("schema", SCHEMA), ("edge", record.edge)]
            .into_iter()
            .fold(OwnedHeaders::new_with_capacity(4), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
        let key = match self.key {
            Key::None => None,
            Key::App => Some(format!("{}/{}", record.app, shard(record.id, self.key_shards))),
        };
        let mut message = BaseRecord::<str, [u8], usize>::with_opaque_to(
            self.topics.of(record.stream),
            record.tag,
        )
        .payload(record.json)
        .headers(headers);
        message.key = key.as_deref();
        self.client().send(message).map_err(|(error, _)| Failure::from(&error))
    }

    /// Serves what librdkafka has to tell, and returns when there is nothing more.
    ///
    /// Waiting is left to whoever calls: rdkafka's own wait spins for the last millisecond of the
    /// time it is given, and goes on until that is over.
    pub(super) fn poll(&self) {
        let heard = &self.client().context().0;
        for _ in 0..EVENTS {
            let before = heard.waiting();
            self.client().poll(Duration::ZERO);
            if heard.waiting() == before {
                return;
            }
        }
    }

    /// How many records have been sent and not been told of.
    pub(super) fn outstanding(&self) -> usize {
        usize::try_from(self.client().in_flight_count()).unwrap_or(0)
    }

    /// Takes back what is not acknowledged. Each record is told of as [`Trouble::Purged`].
    pub(super) fn purge(&self) {
        self.client().purge(PurgeConfig::default().queue().inflight());
    }

    /// The process ends with it: what librdkafka does should end first.
    pub(super) fn set_last(&self) {
        self.is_last.store(true, Relaxed);
    }

    /// Why it cannot go on, if it cannot.
    pub(super) fn fatal_error(&self) -> Option<(Trouble, String)> {
        let (code, text) = self.client().client().fatal_error()?;
        Some((Trouble::from(code), format!("{code}: {text}")))
    }
}

impl Drop for Producer {
    /// Librdkafka ends on a thread of its own, and is waited for only at the very end, for a moment:
    /// one of its threads may be asking for a broker's address, which nothing can cut short.
    fn drop(&mut self) {
        let (ended, end) = channel();
        let client = self.client.take();
        let thread = thread::Builder::new().name("cspipe-kafka-end".to_owned());
        let ending = thread.spawn(move || {
            drop(client);
            let _ = ended.send(());
        });
        if self.is_last.load(Relaxed) && ending.is_ok() && end.recv_timeout(END).is_err() {
            tracing::debug!("librdkafka takes long to end, and is not waited for");
        }
    }
}

impl ClientContext for Context {
    /// librdkafka's own lines are many during an outage, and say the same.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.complain(Failure::from(&error).trouble, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.metrics.show(&statistics);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    /// Only notes it down: whoever polls deals with all of them together.
    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let result = match result {
            Ok(message) => confirmed(message.offset()),
            Err((error, _)) => Err(of_a_batch(Failure::from(error))),
        };
        self.0.note(Report { tag, result });
    }
}

impl Topics {
    pub(crate) fn of(&self, stream: Stream) -> &str {
        match stream {
            Stream::Clean => &self.clean,
            Stream::Filtered => &self.filtered,
            Stream::Other => &self.other,
            Stream::Rejected => &self.rejected,
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Producer").field("outstanding", &self.outstanding()).finish()
    }
}

/// What a broker says of a record: it judges batches, and refuses all of one that is too large.
/// Only librdkafka itself says that of a single record, when it is handed over.
const fn of_a_batch(failure: Failure) -> Failure {
    match failure.trouble {
        Trouble::TooLarge => Failure { trouble: Trouble::BatchTooLarge, ..failure },
        _ => failure,
    }
}

/// Whether a record that librdkafka calls delivered was acknowledged by a broker.
///
/// When a batch succeeds while an earlier one of its partition waits to be sent again, librdkafka
/// calls the earlier one delivered as well: its sequence numbers could not be missing. But a broker
/// that does not know the producer yet takes any number to begin with, and so the earlier batch may
/// be nowhere, for instance when its leader was just being elected (`rd_kafka_dr_implicit_ack` in
/// librdkafka 2.12; confluent-kafka-go 921). Such a record has no offset. `tests/kafka.rs` shows it
/// on the mock cluster; the most likely cause of two lost reports in 38,806 on new topics of Kafka
/// 4.3, before this was asked.
fn confirmed(offset: i64) -> Result<(), Failure> {
    if offset == NO_OFFSET { Err(Trouble::Unconfirmed.into()) } else { Ok(()) }
}

/// The shard of a record: from the random bits of its id, so that a repeat gets the same.
fn shard(id: Uuid, shards: u16) -> u16 {
    let [.., high, low] = *id.as_bytes();
    u16::from_be_bytes([high, low]) % shards
}

/// How long librdkafka may take to end.
const END: Duration = Duration::from_secs(1);
/// `RD_KAFKA_OFFSET_INVALID`, the offset of a record that no answer was about.
pub(crate) const NO_OFFSET: i64 = -1001;
/// How many events are served in a row; each may tell of thousands of records.
const EVENTS: usize = 64;
/// The version of the record's shape, as a header says it.
const SCHEMA: &str = "1";
const _: () = assert!(Record::SCHEMA == 1, "the header says 1");

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::topic_partition_list::Offset;

    #[test]
    fn only_what_has_an_offset_is_acknowledged() {
        assert_eq!(Offset::Invalid.to_raw(), Some(NO_OFFSET));
        assert_eq!(confirmed(NO_OFFSET), Err(Trouble::Unconfirmed.into()));
        assert_eq!(confirmed(0), Ok(()));
        // Kafka's answer to a repeat; the record is there.
        assert_eq!(confirmed(-1), Ok(()));
    }

    #[test]
    fn a_record_keeps_its_shard() {
        let id = Uuid::now_v7();
        assert_eq!(shard(id, 16), shard(id, 16));
        let shards: std::collections::BTreeSet<_> =
            (0..2000).map(|_| shard(Uuid::now_v7(), 16)).collect();
        assert_eq!(shards.len(), 16);
    }
}
