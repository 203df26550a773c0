//! From Kafka to Elasticsearch or OpenSearch: what `cspipe index` runs.
//!
//! In: the four topics that edges write. Out: documents in data streams, each with the `id` of its
//! record, and offsets that are committed over what Elasticsearch has answered, never further. So a
//! record is in Elasticsearch once, whatever is killed, restarted or away in between: what was not
//! committed is read again, and what is there already is answered with 409.
//!
//! # The way of a record
//!
//! `consumer` reads it. `record` finds its id, or says why it can be none. `work` puts it into the
//! `lane` of its stream, which gathers `batch`es; `dispatch` sends them by the `client`, and `answer`
//! says what became of each record. `partitions` knows up to where everything of a partition is
//! done. What is not taken, and may be later, is sent again after a pause (`hold`); what never will be
//! goes to the rejected topic (`refusals`), and is done when Kafka has acknowledged that.
//!
//! # What is in memory
//!
//! What librdkafka has fetched (`fetch_bytes`), and what is not answered (`in_flight_bytes`, a fourth
//! of it for each stream). When a stream's share is used up its partitions are paused, while the
//! group goes on being asked.

mod answer;
mod batch;
mod client;
mod commit;
mod complaints;
mod consumer;
mod credentials;
mod dispatch;
mod hold;
mod lag;
mod lane;
mod metrics;
mod partitions;
mod properties;
mod record;
mod refusals;
mod settings;
mod setup;
mod work;

pub use credentials::Secret;
pub use metrics::Metrics;
pub use settings::{SettingError, Settings};
pub use setup::{SetupError, set_up};

use crate::publish::kafka;
use crate::report::Stream;
use client::Client;
use consumer::Consumer;
use refusals::Refusals;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use work::Work;

/// A running indexer.
#[derive(Debug)]
pub struct Indexer {
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
    /// What the reading thread ended with.
    ended: mpsc::Receiver<Result<(), String>>,
    lag: Option<JoinHandle<()>>,
}

/// What `/readyz` asks for.
#[derive(Debug, Default)]
struct Health {
    joined: AtomicBool,
    answered: Mutex<Option<Instant>>,
}

/// Why there is no indexer. An outage of Kafka or Elasticsearch is no reason.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Kafka(#[from] kafka::PropertyError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl Indexer {
    /// Starts the threads. Waits neither for Kafka nor for Elasticsearch.
    ///
    /// # Errors
    ///
    /// When a setting or a file that it names is wrong, or a thread cannot be had.
    pub fn start(
        settings: &Settings,
        kafka: &kafka::Settings,
        name: &str,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        settings.check()?;
        settings.check_kafka(kafka)?;
        if kafka.brokers.is_none() {
            let message = "not set; --kafka HOST:PORT".to_owned();
            return Err(SettingError { key: "kafka.brokers".to_owned(), message }.into());
        }
        let client = Client::new(settings)?;
        if client.is_open() {
            tracing::warn!("credentials go to Elasticsearch over http, for all to see; use https");
        }
        let made = |error: rdkafka::error::KafkaError| kafka::PropertyError::from(&error);
        let (jobs, work_to_do) = tokio::sync::mpsc::unbounded_channel();
        let (done, heard) = mpsc::channel();
        let health = Arc::new(Health::default());
        let refusals = Refusals::new(kafka, name, work::pauses(settings)).map_err(made)?;
        let work = Work::new(settings, &kafka.topics, refusals, jobs, heard, metrics.clone());
        let work = Arc::new(Mutex::new(work));
        let config = settings.consumer(kafka, name);
        let consumer = Consumer::new(
            &config,
            &kafka.topics,
            Arc::clone(&work),
            metrics.clone(),
            Arc::clone(&health),
        )
        .map_err(made)?;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime?;
        let data_streams =
            Stream::ALL.iter().map(|stream| (*stream, settings.data_stream(*stream))).collect();
        let heard_by = Arc::clone(&health);
        spawn("cspipe-bulk", move || {
            dispatch::run(&runtime, client, &data_streams, work_to_do, &done, &heard_by);
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let (told, topics, metrics) = (Arc::clone(&stop), kafka.topics.clone(), metrics.clone());
        let watched = Arc::clone(&work);
        let lag =
            spawn("cspipe-lag", move || lag::watch(&config, &topics, &watched, &metrics, &told))?;
        let (ended, end) = mpsc::channel();
        let (told, interval) = (Arc::clone(&stop), settings.commit_interval);
        spawn("cspipe-index", move || {
            // Nobody may be left to hear it.
            let _ = ended.send(consumer.run(&told, interval, PATIENCE));
        })?;
        Ok(Self { stop, health, ended: end, lag: Some(lag) })
    }

    /// Says whether it can do its work, or why not.
    pub fn readiness(&self) -> impl Fn() -> Result<(), &'static str> + Send + Sync + use<> {
        let health = Arc::clone(&self.health);
        move || health.readiness()
    }

    /// Why it has ended by itself, if it has.
    pub fn failure(&self) -> Option<String> {
        match self.ended.try_recv() {
            Ok(Err(why)) => Some(why),
            Ok(Ok(())) | Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some("a thread has gone".to_owned()),
        }
    }

    /// Stops: finishes what is under way, commits and leaves the group. Says whether that was done
    /// in time; what was not is done again by the next indexer, and found to be there.
    pub fn stop(mut self, limit: Duration) -> bool {
        self.stop.store(true, Relaxed);
        let deadline = Instant::now() + limit;
        let is_done = self.ended.recv_timeout(limit).is_ok();
        if let Some(lag) = self.lag.take() {
            while !lag.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        is_done
    }
}

impl Health {
    fn joined(&self) {
        self.joined.store(true, Relaxed);
    }

    /// The group has given its partitions to others.
    fn left(&self) {
        self.joined.store(false, Relaxed);
    }

    fn elasticsearch_answered(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn readiness(&self) -> Result<(), &'static str> {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.joined.load(Relaxed) {
            Err("not in the consumer group yet")
        } else if answered.is_none_or(|answered| answered.elapsed() > SILENCE) {
            Err("Elasticsearch does not answer")
        } else {
            Ok(())
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let run = move || {
        let guard = Guard;
        run();
        drop(guard);
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Ends the process when one of its threads panics: nothing would be indexed any more, and nobody
/// would see it. Nothing is lost by it, and whoever runs the indexer starts it again.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a thread of the indexer has panicked: the process ends");
            std::process::abort();
        }
    }
}

/// How long what is under way may take at the end.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long Elasticsearch may say nothing before the indexer calls itself not ready.
const SILENCE: Duration = Duration::from_secs(20);
