//! What can be set about Kafka, and what that means to librdkafka.
//!
//! In: the section `kafka` of the settings. Out: librdkafka's own configuration. A property that
//! would break what a 204 means is refused by its name; all others are librdkafka's to judge.

use super::properties::Properties;
use bytesize::ByteSize;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Settings of Kafka mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `host:port`, several with commas between. Absent: records go to the embedded store.
    pub brokers: Option<String>,
    /// How long a request waits for Kafka before its records go to the spool.
    #[serde(with = "duration")]
    pub ack_timeout: Duration,
    /// How long a record waits for company in its batch to a broker.
    #[serde(with = "duration")]
    pub linger: Duration,
    /// How batches are compressed.
    pub compression: Compression,
    /// How many bytes of records may wait for Kafka. What comes beyond that goes to the spool.
    pub queue_bytes: ByteSize,
    /// What decides about a record's partition.
    pub key: Key,
    /// Over how many keys the records of one application are spread when `key` is `app`.
    pub key_shards: u16,
    pub topics: Topics,
    pub breaker: Breaker,
    /// Properties of librdkafka, by their names there: `"security.protocol" = "SASL_SSL"`.
    pub properties: Properties,
}

/// The topics, and how they are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    pub clean: String,
    pub filtered: String,
    pub rejected: String,
    pub other: String,
    /// Whether missing topics are made at the start.
    pub create: bool,
    /// How many partitions a topic gets that is made.
    pub partitions: u16,
    /// On how many brokers a topic that is made is kept.
    pub replication: u16,
}

/// When Kafka is not asked any more, and when it is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// So many requests in a row without an acknowledgement open the breaker.
    pub failures: u16,
    /// How long it stays open before Kafka is tried again; doubled with each try that fails.
    #[serde(with = "duration")]
    pub probe_after: Duration,
    /// The longest time between two tries.
    #[serde(with = "duration")]
    pub probe_max: Duration,
}

/// What decides about a record's partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// No key: records spread evenly, whatever they say. Anyone may post any application's name;
    /// with a key he would choose the partition.
    #[default]
    None,
    /// The application and the number of a shard: `shop/7`.
    App,
}

/// The compressions that every broker understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// A property that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    #[error("key `kafka.properties.{name}`: not to be set: {why}")]
    Refused { name: String, why: &'static str },
    #[error("key `kafka.properties`: {0}")]
    Librdkafka(String),
    #[error("key `kafka.{key}`: {message}")]
    Invalid { key: &'static str, message: String },
}

impl From<&KafkaError> for PropertyError {
    /// Says what is wrong without the value, which may be a password.
    fn from(error: &KafkaError) -> Self {
        Self::Librdkafka(match error {
            KafkaError::ClientConfig(_, description, ..) => description.clone(),
            KafkaError::ClientCreation(description) => description.clone(),
            other => other.to_string(),
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: None,
            ack_timeout: Duration::from_millis(500),
            linger: Duration::from_millis(5),
            compression: Compression::Zstd,
            queue_bytes: ByteSize::mib(64),
            key: Key::None,
            key_shards: 16,
            topics: Topics::default(),
            breaker: Breaker::default(),
            properties: Properties::default(),
        }
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            clean: "csp.clean".to_owned(),
            filtered: "csp.filtered".to_owned(),
            rejected: "csp.rejected".to_owned(),
            other: "csp.other".to_owned(),
            create: false,
            partitions: 6,
            replication: 3,
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            probe_after: Duration::from_millis(500),
            probe_max: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// Finds what no single value can get wrong, and properties that are not to be set or that
    /// librdkafka does not know. Connects to nobody.
    ///
    /// # Errors
    ///
    /// The first mistake, with its key.
    pub fn check(&self) -> Result<(), PropertyError> {
        let invalid = |key, message: String| Err(PropertyError::Invalid { key, message });
        if self.brokers.as_deref().is_some_and(|brokers| brokers.trim().is_empty()) {
            return invalid("brokers", "empty; leave it out to store on this machine".to_owned());
        }
        if self.ack_timeout.is_zero() {
            return invalid("ack_timeout", "must be longer than nothing".to_owned());
        }
        if self.linger >= self.ack_timeout {
            let message = format!("must be shorter than ack_timeout, {:?}", self.ack_timeout);
            return invalid("linger", message);
        }
        if self.queue_bytes < LEAST_QUEUE || self.queue_bytes > MOST_QUEUE {
            let message = format!("must be between {LEAST_QUEUE} and {MOST_QUEUE}");
            return invalid("queue_bytes", message);
        }
        if self.key_shards == 0 {
            return invalid("key_shards", "must be at least 1".to_owned());
        }
        if self.topics.partitions == 0 || self.topics.replication == 0 {
            return invalid("topics", "partitions and replication must be at least 1".to_owned());
        }
        if self.breaker.failures == 0 || self.breaker.probe_after.is_zero() {
            let message = "failures and probe_after must be above zero".to_owned();
            return invalid("breaker", message);
        }
        for (name, topic) in self.topics.names() {
            if !is_topic(topic) {
                let message = format!(
                    "topics.{name} = `{topic}` is no name of a topic: letters, digits, `.`, `_` \
                     and `-`, up to 249 of them"
                );
                return invalid("topics", message);
            }
        }
        if let Some((name, why)) = self.properties.refused() {
            return Err(PropertyError::Refused { name: name.to_owned(), why });
        }
        let mechanism =
            self.properties.of("sasl.mechanism").or_else(|| self.properties.of("sasl.mechanisms"));
        if mechanism == Some("OAUTHBEARER")
            && self.properties.of("sasl.oauthbearer.method") != Some("oidc")
        {
            let message = "OAUTHBEARER needs \"sasl.oauthbearer.method\" = \"oidc\": nobody else \
                           would give it a token";
            return Err(PropertyError::Librdkafka(message.to_owned()));
        }
        // Names and values one by one; what goes together is seen when the producer is made.
        self.producer("check")
            .create_native_config()
            .map(drop)
            .map_err(|error| PropertyError::from(&error))
    }

    /// The configuration of a producer that keeps what a 204 promises.
    pub(crate) fn producer(&self, edge: &str) -> ClientConfig {
        let mut config = self.client(edge);
        let queue_kib = self.queue_bytes.as_u64() / 1024;
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", self.compression.name())
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("message.timeout.ms", self.message_timeout().as_millis().to_string())
            .set("queue.buffering.max.kbytes", queue_kib.to_string())
            // Bytes are what is bounded; the least record has some hundreds of them.
            .set("queue.buffering.max.messages", (queue_kib * 1024 / 128).to_string())
            .set("statistics.interval.ms", "5000");
        config
    }

    /// The configuration of any client.
    pub(crate) fn client(&self, edge: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        // librdkafka's own 10 s would let an outage of one second last eleven.
        config
            .set("client.id", format!("cspipe-{edge}"))
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            // A broker that hangs is noticed within this time, not within a minute.
            .set("socket.timeout.ms", "10000")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("socket.keepalive.enable", "true")
            // Looks for a new leader as soon as one is gone. A producer looks for a topic that is
            // missing as well.
            .set("topic.metadata.refresh.fast.interval.ms", "100")
            .set("topic.metadata.propagation.max.ms", "2000")
            // Or a broker that leads none of the topics looks as if it were down.
            .set("enable.sparse.connections", "false");
        for (name, value) in self.properties.iter() {
            config.set(name, value);
        }
        config.set("bootstrap.servers", self.brokers.as_deref().unwrap_or_default());
        config
    }

    /// How long librdkafka keeps trying. A request's records are in the spool long before; what
    /// comes out of the spool has no other patience than this, and must reach a slow broker too.
    fn message_timeout(&self) -> Duration {
        (self.ack_timeout * 20).max(Duration::from_secs(10))
    }
}

impl Topics {
    pub(crate) fn names(&self) -> [(&'static str, &str); 4] {
        [
            ("clean", &self.clean),
            ("filtered", &self.filtered),
            ("rejected", &self.rejected),
            ("other", &self.other),
        ]
    }
}

impl Compression {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// What Kafka takes for the name of a topic.
fn is_topic(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(is_allowed)
}

const LEAST_QUEUE: ByteSize = ByteSize::mib(1);
const MOST_QUEUE: ByteSize = ByteSize::gib(2);
