//! What the indexer's consumer is told, and what of the edge's Kafka settings it cannot live with.
//!
//! Brokers and properties are shared with the edge; offsets are ours alone, as a commit is a promise.

use super::settings::{SettingError, Settings, wrong};
use crate::publish::kafka;
use bytesize::ByteSize;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

impl Settings {
    /// Finds what is wrong for an indexer in what it shares with the edge.
    ///
    /// # Errors
    ///
    /// The first mistake, with its key.
    pub fn check_kafka(&self, kafka: &kafka::Settings) -> Result<(), SettingError> {
        if let Some((name, why)) = kafka.properties.first_of(REFUSED) {
            let key = format!("kafka.properties.{name}");
            return Err(SettingError {
                key,
                message: format!("not to be set with [index]: {why}"),
            });
        }
        let names = kafka.topics.names();
        for (at, (name, topic)) in names.iter().enumerate() {
            if let Some((other, _)) = names[..at].iter().find(|(_, other)| other == topic) {
                let message = format!(
                    "{other} and {name} are both `{topic}`: the topic tells the indexer what a \
                     record is, so give each its own"
                );
                return Err(SettingError { key: "kafka.topics".to_owned(), message });
            }
        }
        let config = self.consumer(kafka, "check");
        let largest = ByteSize(largest_message(&config));
        if largest > self.fetch_bytes {
            let message = format!(
                "must not be less than kafka.properties.message.max.bytes, which is {largest}"
            );
            return wrong("fetch_bytes", &message);
        }
        config.create_native_config().map(drop).map_err(|error| {
            let told = kafka::PropertyError::from(&error).to_string();
            let (key, message) = told.split_once(": ").unwrap_or(("kafka.properties", &told));
            let key = key.trim_start_matches("key ").trim_matches('`').to_owned();
            SettingError { key, message: message.to_owned() }
        })
    }

    /// The configuration of a consumer that commits only what it is told to.
    pub(super) fn consumer(&self, kafka: &kafka::Settings, name: &str) -> ClientConfig {
        let mut config = kafka.client(name);
        for producer_only in PRODUCER_ONLY {
            config.remove(producer_only);
        }
        let mut set_default = |key: &str, value: &str| {
            if config.get(key).is_none() {
                config.set(key, value);
            }
        };
        // librdkafka's own 45 s would let the partitions of an indexer that was killed rest so long.
        set_default("session.timeout.ms", "10000");
        // Its own five minutes is how long a topic that is made later would not be read.
        set_default("topic.metadata.refresh.interval.ms", "10000");
        // Only what moves is taken away; the rest flows on.
        set_default("partition.assignment.strategy", "cooperative-sticky");
        let (fetch_bytes, largest) = (self.fetch_bytes.as_u64(), largest_message(&config));
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "false")
            .set("queued.max.messages.kbytes", (fetch_bytes / 1024).to_string())
            // Compressed, and unpacked all at once: records that are much alike are sixteen times
            // as large then.
            .set("fetch.max.bytes", (fetch_bytes / 16).max(largest).to_string())
            .set("fetch.queue.backoff.ms", "50")
            // What is logged is filtered by the context.
            .set_log_level(RDKafkaLogLevel::Info);
        config
    }
}

/// The bytes that one message may have. librdkafka wants to be able to fetch so many at once.
fn largest_message(config: &ClientConfig) -> u64 {
    // What is no number is told when the configuration is made.
    config
        .get("message.max.bytes")
        .and_then(|bytes| bytes.trim().parse().ok())
        .unwrap_or(LARGEST_MESSAGE)
}

/// What librdkafka takes for `message.max.bytes` where nothing is set.
const LARGEST_MESSAGE: u64 = 1_000_000;

const OWN: &str = "it decides what a commit means";
const BY_SETTING: &str = "use index.fetch_bytes";

/// Properties that would break what a commit promises, or that are settings of the indexer.
const REFUSED: &[(&str, &str)] = &[
    ("enable.auto.commit", OWN),
    ("auto.commit.enable", OWN),
    ("auto.commit.interval.ms", OWN),
    ("enable.auto.offset.store", OWN),
    ("auto.offset.reset", "what is in the topics is indexed from its beginning"),
    ("isolation.level", "there are no transactions here"),
    ("enable.partition.eof", "an end is no record"),
    ("group.id", "use index.group"),
    ("group.protocol", "only the classic protocol was tried"),
    ("queued.max.messages.kbytes", BY_SETTING),
    ("fetch.max.bytes", BY_SETTING),
];

/// Properties of [kafka.properties] that mean something to a producer alone.
const PRODUCER_ONLY: &[&str] = &[
    "batch.num.messages",
    "batch.size",
    "compression.level",
    "msg.order.cmp",
    "partitioner",
    "produce.offset.report",
    "queue.buffering.backpressure.threshold",
    "queuing.strategy",
    "request.timeout.ms",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Settings::default().check_kafka(&kafka::Settings::default()), Ok(()));
    }

    #[test]
    fn what_would_break_a_commit_is_refused_by_its_name() {
        for name in ["enable.auto.commit", "isolation.level", "group.id"] {
            let kafka: kafka::Settings =
                serde_json::from_value(serde_json::json!({"properties": {name: "x"}}))
                    .expect("settings");
            let told = Settings::default().check_kafka(&kafka).expect_err(name).to_string();
            assert!(told.contains(&format!("kafka.properties.{name}")), "{told}");
        }
    }

    #[test]
    fn a_producers_property_does_not_reach_the_consumer() {
        let kafka: kafka::Settings = serde_json::from_value(serde_json::json!({
            "brokers": "b:1",
            "properties": {"batch.size": 5, "security.protocol": "ssl", "session.timeout.ms": 7000},
        }))
        .expect("settings");
        let config = Settings::default().consumer(&kafka, "x");
        assert_eq!(config.get("batch.size"), None);
        assert_eq!(config.get("security.protocol"), Some("ssl"));
        assert_eq!(config.get("session.timeout.ms"), Some("7000"));
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
    }

    #[test]
    fn what_is_fetched_at_once_holds_the_largest_message() {
        let (mebi, none) = (1024 * 1024, serde_json::json!({}));
        let large = serde_json::json!({"message.max.bytes": 12 * mebi});
        for (fetch_bytes, properties, told) in [
            (ByteSize(2 * mebi - 1), &none, "index.fetch_bytes"),
            (ByteSize::mib(2), &none, ""),
            (ByteSize::mib(11), &large, "index.fetch_bytes"),
            (ByteSize::mib(16), &large, ""),
        ] {
            let settings = Settings { fetch_bytes, ..Settings::default() };
            let mut kafka = serde_json::json!({"brokers": "127.0.0.1:1"});
            kafka["properties"] = properties.clone();
            let kafka: kafka::Settings = serde_json::from_value(kafka).expect("settings");
            let checked = settings.check().and_then(|()| settings.check_kafka(&kafka));
            let checked = checked.err().map(|error| error.key).unwrap_or_default();
            assert_eq!(checked, told, "{fetch_bytes} {properties}");
            if told.is_empty() {
                // librdkafka compares the two only when it makes a client.
                let consumer: Result<rdkafka::consumer::BaseConsumer, _> =
                    settings.consumer(&kafka, "x").create();
                assert!(consumer.is_ok(), "{fetch_bytes} {properties}: {:?}", consumer.err());
            }
        }
    }

    #[test]
    fn two_streams_on_one_topic_are_told() {
        let topics = serde_json::json!({"topics": {"rejected": "csp.clean"}});
        let kafka: kafka::Settings = serde_json::from_value(topics).expect("settings");
        let told = Settings::default().check_kafka(&kafka).expect_err("no").to_string();
        assert!(told.starts_with("key `kafka.topics`: ") && told.contains("csp.clean"), "{told}");
    }
}
