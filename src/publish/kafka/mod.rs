//! Kafka as a sink, and the spool behind it.
//!
//! In: the [`Batch`] of one request. Out: its end, told once: every record acknowledged by all
//! replicas that are in sync, or on this machine's disk in the spool. Handing over never waits.
//!
//! # The way of a batch
//!
//! `courier` sends each record with a tag and notes the batch down in `flights`. `listener` hears
//! what became of them and deals with all it has heard at once. When the last record of a batch is
//! acknowledged, its request is answered. When that takes longer than `ack_timeout`, or Kafka
//! fails the record, what is not acknowledged goes to the [spool] and the
//! request is answered once that has committed. After several failures in a row `breaker` sends
//! requests to the spool at once, so that an outage costs the patience of a few. A record that
//! Kafka will never take, as it is too large or not valid there, becomes a specimen in the rejected
//! stream.
//!
//! An acknowledgement is a broker's, with an offset: librdkafka also calls records delivered of
//! which no broker has said so, and those are sent again.
//!
//! `drain` empties the spool into Kafka, oldest first. It also is what finds out that Kafka is
//! back: its acknowledgement closes the breaker.
//! `lane` knows how the topic of each stream does. Records of one that takes nothing while others do
//! are put behind all others in the spool, when `turn` says that it helps.
//!
//! A producer that cannot go on is followed by another, which `replacing` makes.
//!
//! # What is in memory
//!
//! Records that librdkafka has are bounded by `queue_bytes`, counted twice: our copy, and
//! librdkafka's with what it needs beside. A batch for which there is no room goes to the spool.

mod breaker;
mod courier;
mod drain;
mod flights;
mod heard;
mod lane;
mod late;
mod leftover;
mod listener;
mod metrics;
mod pace;
mod producer;
mod properties;
mod replacing;
mod settings;
mod topics;
mod trouble;
mod turn;

pub use courier::Handle;
pub use metrics::Metrics;
pub(crate) use producer::NO_OFFSET;
pub use properties::Properties;
pub use settings::{PropertyError, Settings, Topics};

use crate::store::spool;
use courier::Courier;
use drain::Drain;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[cfg(doc)]
use crate::report::Batch;

/// Kafka mode: the producer, and the threads that listen to it and empty the spool.
#[derive(Debug)]
pub struct Kafka {
    courier: Arc<Courier>,
    listener: Option<JoinHandle<()>>,
    drain: Option<JoinHandle<()>>,
    stop: Arc<Stop>,
}

/// How the threads are told to end.
#[derive(Debug)]
pub(in crate::publish) struct Stop {
    /// Nothing more is taken out of the spool.
    asked: AtomicBool,
    /// Nothing more is waited for.
    at_once: AtomicBool,
}

/// Why Kafka mode cannot be had. An outage is no reason.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] PropertyError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl Kafka {
    /// Starts the producer and the threads. Never waits for Kafka, which may be away.
    ///
    /// # Errors
    ///
    /// When a setting or a property of librdkafka is wrong, or a thread cannot be had.
    pub fn start(
        settings: &Settings,
        drain: &spool::Settings,
        edge: &str,
        spool: spool::Handle,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        settings.check()?;
        let stop =
            Arc::new(Stop { asked: AtomicBool::new(false), at_once: AtomicBool::new(false) });
        let courier = Arc::new(Courier::new(settings, edge, spool, metrics)?);
        if settings.topics.create {
            topics::create(settings, edge, Arc::clone(&stop)).map_err(StartError::Thread)?;
        }
        let (heard, acknowledgements) = mpsc::channel();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let run = move || {
                let guard = Guard;
                run();
                drop(guard);
            };
            std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(StartError::Thread)
        };
        let drain = Drain::new(Arc::clone(&courier), drain, acknowledgements, Arc::clone(&stop));
        let drain = spawn("cspipe-drain", Box::new(move || drain.run()))?;
        let (listening, told) = (Arc::clone(&courier), Arc::clone(&stop));
        let listener = spawn("cspipe-kafka", Box::new(move || listening.listen(&told, &heard)))?;
        Ok(Self { courier, listener: Some(listener), drain: Some(drain), stop })
    }

    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.courier))
    }

    /// A switch that ends [`Kafka::stop`] early: what Kafka has not acknowledged goes to the spool.
    pub fn hurry(&self) -> impl Fn() + Send + Sync + 'static {
        let stop = Arc::clone(&self.stop);
        move || stop.at_once.store(true, Relaxed)
    }

    /// Stops: waits for what has been sent, at most so long, and takes back the rest, which then is
    /// in the spool. Blocks until that is done; the spool must be closed afterwards.
    pub fn stop(mut self, patience: Duration) {
        self.finish(patience);
    }

    fn finish(&mut self, patience: Duration) {
        self.stop.asked.store(true, Relaxed);
        self.courier.set_stop_by(Instant::now() + patience);
        for thread in [self.listener.take(), self.drain.take()].into_iter().flatten() {
            if thread.join().is_err() {
                tracing::error!("a thread of Kafka mode had panicked");
            }
        }
        self.courier.producer.load().set_last();
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if self.listener.is_some() {
            self.finish(Duration::ZERO);
        }
    }
}

/// Ends the process when a thread of Kafka mode panics: requests would wait for ever. What was
/// answered is in Kafka or in the spool, and whoever runs the edge starts it again.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a thread of Kafka mode has panicked: the process ends");
            std::process::abort();
        }
    }
}

impl Stop {
    fn is_asked(&self) -> bool {
        self.asked.load(Relaxed)
    }

    fn is_at_once(&self) -> bool {
        self.at_once.load(Relaxed)
    }
}
