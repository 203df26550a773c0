//! The four topics of one scenario, and questions to a cluster.
//!
//! Each scenario has topics of its own, so that scenarios share one broker and nothing else.

use anyhow::{Context as _, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// The streams, each a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    Clean,
    Filtered,
    Rejected,
    Other,
}

impl Stream {
    pub const ALL: [Self; 4] = [Self::Clean, Self::Filtered, Self::Rejected, Self::Other];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Filtered => "filtered",
            Self::Rejected => "rejected",
            Self::Other => "other",
        }
    }
}

/// The names of a scenario's topics.
#[derive(Debug, Clone)]
pub struct Topics {
    prefix: String,
}

impl Topics {
    pub fn of(scenario: &str) -> Self {
        Self { prefix: Self::prefix(scenario) }
    }

    /// What the names of a scenario's topics begin with.
    pub fn prefix(scenario: &str) -> String {
        format!("csp.{scenario}")
    }

    pub fn name(&self, stream: Stream) -> String {
        format!("{}.{}", self.prefix, stream.name())
    }

    /// What tells cspipe their names.
    pub fn environment(&self) -> Vec<(String, String)> {
        Stream::ALL
            .map(|stream| {
                let variable = format!("CSPIPE_KAFKA__TOPICS__{}", stream.name().to_uppercase());
                (variable, self.name(stream))
            })
            .to_vec()
    }

    /// Makes them, and waits until each partition has a leader.
    pub fn create(&self, brokers: &str, replication: i32) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = client(brokers).create()?;
        let names = Stream::ALL.map(|stream| self.name(stream));
        let topics: Vec<_> = names
            .iter()
            .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(replication)))
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        for made in block_on(admin.create_topics(&topics, &options))?? {
            if let Err((name, code)) = made {
                bail!("topic {name} cannot be made: {code}");
            }
        }
        let consumer: BaseConsumer = client(brokers).create()?;
        for name in &names {
            let began = Instant::now();
            while partitions(&consumer, name).is_none_or(|partitions| partitions.is_empty()) {
                if began.elapsed() > Duration::from_secs(30) {
                    bail!("topic {name} has no leaders");
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }
}

/// How to reach a cluster.
pub fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    // A node that comes back is found at once.
    config.set("reconnect.backoff.max.ms", "500");
    config
}

/// How many brokers a cluster tells of; nothing while it does not answer, or while a partition
/// has no leader.
pub fn brokers_ready(brokers: &str) -> Option<usize> {
    let consumer: BaseConsumer = client(brokers).create().ok()?;
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(2)).ok()?;
    let has_leaders = metadata
        .topics()
        .iter()
        .all(|topic| topic.partitions().iter().all(|partition| partition.leader() >= 0));
    has_leaders.then_some(metadata.brokers().len())
}

/// The partitions of a topic; nothing while one of them has no leader.
pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Option<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(5)).ok()?;
    let topic = metadata.topics().iter().find(|found| found.name() == topic)?;
    let partitions = topic.partitions().iter();
    partitions.map(|partition| (partition.leader() >= 0).then(|| partition.id())).collect()
}

/// Waits for a future, as the only thing this thread does.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(output);
        }
        let left = deadline.checked_duration_since(Instant::now()).context("no answer")?;
        thread::park_timeout(left);
    }
}

/// As the settings of cspipe make them.
const PARTITIONS: i32 = 6;
