//! What Elasticsearch refuses, on its way to the rejected topic.
//!
//! In: a record, where it stood and why it was refused. Out: its place, once a specimen of it is
//! acknowledged by Kafka. One that Kafka does not take is sent again, with growing pauses, for as
//! long as the process lives.
//!
//! A specimen keeps the id of its record, or gets one that follows from the record's place, so that
//! a record that is refused twice, after a crash, has one specimen in Elasticsearch all the same.

use super::batch::Place;
use super::complaints::Complaints;
use super::hold::{Pauses, chance};
use crate::publish::{encode_rejected, kafka};
use crate::report::{Batch, Record, RejectedRecord, Rejection, Stream, is_app_name};
use jiff::Timestamp;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use serde_json::Value;
use sha2::{Digest, Sha256};
use slab::Slab;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A record that was refused.
pub(super) struct Refusal<'r> {
    pub(super) stream: Stream,
    pub(super) topic: &'r str,
    pub(super) place: Place,
    pub(super) record: &'r [u8],
    pub(super) why: &'r str,
}

/// The producer of specimens, and those that are not acknowledged.
pub(super) struct Refusals {
    settings: kafka::Settings,
    name: String,
    producer: BaseProducer<Context>,
    heard: Heard,
    open: Slab<Specimen>,
    /// Those that are to be sent, now or again.
    waiting: Vec<usize>,
    bytes: usize,
    pauses: Pauses,
    tries: u32,
    until: Option<Instant>,
    /// When a new producer was last asked for.
    mended: Option<Instant>,
    complaints: Complaints,
}

/// One specimen, until it is acknowledged.
struct Specimen {
    stream: Stream,
    place: Place,
    id: String,
    app: String,
    edge: String,
    json: Vec<u8>,
}

/// What Kafka said of specimens, by their tags, since somebody asked.
type Heard = Arc<Mutex<Vec<(usize, Result<(), String>)>>>;

/// What librdkafka calls.
struct Context(Heard);

impl Refusals {
    /// Makes the producer. It connects by itself when there is something to send.
    pub(super) fn new(
        settings: &kafka::Settings,
        name: &str,
        pauses: Pauses,
    ) -> Result<Self, KafkaError> {
        let heard = Arc::default();
        Ok(Self {
            producer: producer(settings, name, &heard)?,
            settings: settings.clone(),
            name: name.to_owned(),
            heard,
            open: Slab::new(),
            waiting: Vec::new(),
            bytes: 0,
            pauses,
            tries: 0,
            until: None,
            mended: None,
            complaints: Complaints::default(),
        })
    }

    /// Takes a refused record in.
    pub(super) fn take(&mut self, refusal: &Refusal<'_>) {
        let specimen = self.specimen(refusal);
        self.bytes += specimen.json.len();
        let tag = self.open.insert(specimen);
        self.waiting.push(tag);
    }

    /// Sends what is to be sent, and tells what is acknowledged since the last time.
    pub(super) fn work(&mut self, now: Instant) -> Vec<(Stream, Place)> {
        // Also while there is nothing to send: librdkafka keeps what it has to say until asked.
        self.producer.poll(Duration::ZERO);
        if self.open.is_empty() {
            return Vec::new();
        }
        if self.until.is_none_or(|until| now >= until) {
            self.until = None;
            for tag in std::mem::take(&mut self.waiting) {
                if let Err(why) = self.send(tag) {
                    self.failed(tag, &why, now);
                }
            }
        }
        let mut done = Vec::new();
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        for (tag, result) in heard {
            match result {
                Ok(()) => {
                    if let Some(specimen) = self.open.try_remove(tag) {
                        self.bytes -= specimen.json.len();
                        self.tries = 0;
                        done.push((specimen.stream, specimen.place));
                    }
                }
                Err(why) => self.failed(tag, &why, now),
            }
        }
        self.mend(now);
        done
    }

    fn send(&self, tag: usize) -> Result<(), String> {
        let Some(specimen) = self.open.get(tag) else { return Ok(()) };
        let schema = Record::SCHEMA.to_string();
        let headers = [
            ("id", specimen.id.as_str()),
            ("app", &specimen.app),
            ("schema", &schema),
            ("edge", &specimen.edge),
        ]
        .into_iter()
        .fold(OwnedHeaders::new_with_capacity(4), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let message =
            BaseRecord::<str, [u8], usize>::with_opaque_to(&self.settings.topics.rejected, tag)
                .payload(&specimen.json)
                .headers(headers);
        self.producer.send(message).map_err(|(error, _)| error.to_string())
    }

    fn failed(&mut self, tag: usize, why: &str, now: Instant) {
        self.waiting.push(tag);
        if self.until.is_none() {
            self.tries = self.tries.saturating_add(1);
            self.until = Some(now + self.pauses.after(self.tries, chance()));
            let topic = &self.settings.topics.rejected;
            tracing::error!(
                topic,
                why,
                "refused records wait: Kafka does not take them in {topic}: {why}"
            );
        }
    }

    /// A producer that has lost its thread is made anew. What it had is sent again.
    fn mend(&mut self, now: Instant) {
        if self.producer.client().fatal_error().is_none()
            || self.mended.is_some_and(|last| now.saturating_duration_since(last) < MEND_AGAIN)
        {
            return;
        }
        self.mended = Some(now);
        let heard = Arc::default();
        match producer(&self.settings, &self.name, &heard) {
            Ok(producer) => {
                self.producer = producer;
                self.heard = heard;
                self.waiting = self.open.iter().map(|(tag, _)| tag).collect();
            }
            Err(error) => {
                if self.complaints.may_tell("no producer", now) {
                    tracing::error!("no producer for refused records: {error}");
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn specimen(&self, refusal: &Refusal<'_>) -> Specimen {
        let now = Timestamp::now();
        // Only what is read of it is taken from it; it may be anything.
        let value: Value = serde_json::from_slice(refusal.record).unwrap_or_default();
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let id = text("id")
            .and_then(|id| Uuid::parse_str(id).ok())
            .filter(|id| id.get_version_num() == 7)
            .unwrap_or_else(|| id_of(refusal.topic, refusal.place));
        let app = text("app_name").filter(|name| is_app_name(name)).unwrap_or("unknown").to_owned();
        let edge = text("edge").filter(|edge| !edge.is_empty()).unwrap_or(&self.name).to_owned();
        let mut batch = Batch::default();
        encode_rejected(
            &RejectedRecord {
                id,
                received_at: now,
                rejection: Rejection::RefusedByElasticsearch,
                detail: Some(&format!(
                    "{} (topic {}, partition {}, offset {})",
                    refusal.why, refusal.topic, refusal.place.partition, refusal.place.offset
                )),
                content_type: None,
                user_agent: None,
                app_name: &app,
                body: &refusal.record[..refusal.record.len().min(SPECIMEN)],
                edge: &edge,
            },
            &mut batch,
        );
        Specimen {
            stream: refusal.stream,
            place: refusal.place,
            id: id.to_string(),
            app,
            edge,
            json: batch.bytes,
        }
    }
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("the producer of refused records: {error}: {reason}");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let result = match result {
            // What has no offset was acknowledged by no broker; `publish/kafka` tells how that comes.
            Ok(message) if message.offset() == kafka::NO_OFFSET => {
                Err("not acknowledged by a broker".to_owned())
            }
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.to_string()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((tag, result));
    }
}

fn producer(
    settings: &kafka::Settings,
    name: &str,
    heard: &Heard,
) -> Result<BaseProducer<Context>, KafkaError> {
    let mut config = settings.producer(name);
    config.set("statistics.interval.ms", "0").set_log_level(RDKafkaLogLevel::Info);
    BaseProducer::from_config_and_context(&config, Context(Arc::clone(heard)))
}

/// The id of a specimen whose record has none: always the same for the same place, and so without
/// the time that other ids begin with.
fn id_of(topic: &str, place: Place) -> Uuid {
    let text = format!("{topic}/{}/{}", place.partition, place.offset);
    let hash = Sha256::digest(text.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash[..10]);
    uuid::Builder::from_unix_timestamp_millis(0, &random).into_uuid()
}

/// How long it takes, at least, from one new producer to the next.
const MEND_AGAIN: Duration = Duration::from_secs(1);

/// How much of a record its specimen shows.
const SPECIMEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_id() {
        let place = Place { partition: 3, epoch: 1, offset: 9 };
        let id = id_of("csp.clean", place);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id, id_of("csp.clean", Place { epoch: 2, ..place }));
        assert_ne!(id, id_of("csp.clean", Place { offset: 10, ..place }));
        assert_ne!(id, id_of("csp.other", place));
    }
}
