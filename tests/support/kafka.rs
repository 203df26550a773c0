//! A Kafka cluster in this process, by librdkafka's mock, and who reads what arrived there.
//!
//! The edge under test is another process and reaches it over TCP, as it would any cluster.

use super::edge::{PATIENCE, wait_until};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A cluster of so many brokers, with the topics of cspipe.
pub struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
    brokers: i32,
    /// The ports of brokers that are down. Or somebody's connection could be given one of them,
    /// and the mock ends the process when it cannot have it back.
    held: RefCell<Vec<Socket>>,
}

/// A record as somebody else reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    pub topic: &'static str,
    pub key: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub payload: String,
}

impl Cluster {
    pub fn start(brokers: i32) -> Self {
        let mock = MockCluster::new(brokers).expect("a mock cluster");
        for topic in TOPICS {
            mock.create_topic(topic, PARTITIONS, brokers).expect("a topic");
        }
        Self { mock, brokers, held: RefCell::default() }
    }

    pub fn addresses(&self) -> String {
        self.mock.bootstrap_servers()
    }

    /// Cuts all connections, and takes no new ones.
    pub fn down(&self) {
        (1..=self.brokers).for_each(|id| self.mock.broker_down(id).expect("a broker"));
        for address in self.addresses().split(',') {
            let address: SocketAddr = address.parse().expect("an address");
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_reuse_address(true).expect("an option");
            // The mock lets go of it on a thread of its own.
            wait_until("the broker's port", || socket.bind(&address.into()).is_ok());
            self.held.borrow_mut().push(socket);
        }
    }

    pub fn up(&self) {
        self.held.borrow_mut().clear();
        (1..=self.brokers).for_each(|id| self.mock.broker_up(id).expect("a broker"));
    }

    pub fn broker_down(&self, id: i32) {
        self.mock.broker_down(id).expect("a broker");
    }

    /// Lets all answers take so long.
    pub fn round_trip(&self, time: Duration) {
        (1..=self.brokers)
            .for_each(|id| self.mock.broker_round_trip_time(id, time).expect("a broker"));
    }

    /// Makes another broker the leader of every partition.
    pub fn lead(&self, broker: i32) {
        for topic in TOPICS {
            for partition in 0..PARTITIONS {
                self.mock.partition_leader(topic, partition, Some(broker)).expect("a partition");
            }
        }
    }

    /// Lets the next so many produce requests fail.
    pub fn fail_produce(&self, error: RDKafkaRespErr, times: usize) {
        self.mock.request_errors(RDKafkaApiKey::Produce, &vec![error; times]);
    }

    /// Lets the next so many commits of offsets fail for each of their partitions.
    pub fn fail_commit(&self, error: RDKafkaRespErr, times: usize) {
        self.mock.request_errors(RDKafkaApiKey::OffsetCommit, &vec![error; times]);
    }

    /// Lets the next so many producers that ask for an id be told so.
    pub fn fail_producer_id(&self, error: RDKafkaRespErr, times: usize) {
        self.mock.request_errors(RDKafkaApiKey::InitProducerId, &vec![error; times]);
    }

    /// Lets a topic be none that can be written to.
    pub fn topic_error(&self, topic: &str, error: RDKafkaRespErr) {
        self.mock.topic_error(topic, error).expect("a topic");
    }

    pub fn no_more_failures(&self) {
        self.mock.clear_request_errors(RDKafkaApiKey::Produce);
    }

    /// Waits until a topic, or all, hold at least so many records, and reads them.
    pub fn read(&self, records: usize) -> Vec<Read> {
        let mut read = Vec::new();
        wait_until("records in Kafka", || {
            read = self.read_now();
            read.len() >= records
        });
        read
    }

    /// All records of all topics.
    pub fn read_now(&self) -> Vec<Read> {
        self.read_of(&TOPICS)
    }

    /// All records of some topics.
    pub fn read_of(&self, topics: &[&'static str]) -> Vec<Read> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.addresses())
            .set("group.id", "reader")
            .create()
            .expect("a consumer");
        let mut all = TopicPartitionList::new();
        let mut left = 0;
        for topic in topics {
            for partition in 0..PARTITIONS {
                // A leader may just be moving.
                let mut ends = None;
                wait_until("watermarks", || {
                    ends = consumer.fetch_watermarks(topic, partition, PATIENCE).ok();
                    ends.is_some()
                });
                let (low, high) = ends.expect("watermarks");
                left += high - low;
                all.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
            }
        }
        consumer.assign(&all).expect("an assignment");
        let mut read = Vec::new();
        let began = Instant::now();
        while left > 0 {
            assert!(began.elapsed() < PATIENCE, "{left} records cannot be read");
            // A broker that is down is told of as well.
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            read.push(Read {
                topic: TOPICS.iter().find(|topic| **topic == message.topic()).expect("ours"),
                key: message.key().map(|key| String::from_utf8(key.to_vec()).expect("text")),
                headers: message
                    .headers()
                    .into_iter()
                    .flat_map(|headers| headers.iter())
                    .map(|header| {
                        let value = header.value.map(<[u8]>::to_vec).expect("a value");
                        (header.key.to_owned(), String::from_utf8(value).expect("text"))
                    })
                    .collect(),
                payload: String::from_utf8(message.payload().expect("a payload").to_vec())
                    .expect("text"),
            });
            left -= 1;
        }
        read
    }
}

impl Read {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.payload).expect("JSON")
    }

    /// A text of the record.
    pub fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_default().to_owned()
    }
}

pub const TOPICS: [&str; 4] = ["csp.clean", "csp.filtered", "csp.rejected", "csp.other"];
const PARTITIONS: i32 = 3;
