//! The spool: what Kafka could not take, kept on the disk until it can.
//!
//! In: batches, as the embedded store takes them, and from the other end what has been delivered.
//! Out: one answer per batch, and records in the order in which they came. It is the store's
//! queue, writer and database with other upkeep: records never expire, nothing is counted by the
//! hour, and a spool that is full refuses where the store would delete. It never changes a record,
//! never deletes one that it was not told to forget, and never gives a number out twice.
//!
//! # Numbers
//!
//! Records are numbered one after the other, and deleted from the front only. So the numbers in
//! the file are without gaps, and how many records there are follows from the first and the last:
//! opening a spool of twenty gigabytes reads two pages. Numbers go on rising when the file was
//! emptied, and within a process also when it was set aside as damaged and a new one begun:
//! whoever still holds an old number can do no harm with it.

mod job;
mod keeper;
mod metrics;
mod note;
mod reading;
mod reserve;
mod room;
mod settings;

#[cfg(test)]
mod tests;

pub use metrics::Metrics;
pub use reading::{Export, ReadError, Reader, Status, set_aside};
pub use settings::Settings;

pub(super) use job::Job;
pub(super) use keeper::Keeper;

use super::database::{self, Database, LOCK_NAME};
use super::queue::Queue;
use super::schema::Schema;
use super::writer::{Purpose, Running, Writer};
use super::{AppendError, OpenError, QueueFull};
use crate::report::{Batch, Stream};
use note::Notes;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// The spool's name in the data directory.
pub const FILE_NAME: &str = "spool.db";

/// The spool of one data directory. Dropping it is the same as closing it.
#[derive(Debug)]
pub struct Spool {
    running: Running,
    notes: Arc<Notes>,
}

/// The way into the spool, and out of it.
#[derive(Debug, Clone)]
pub struct Handle {
    queue: Arc<Queue>,
    notes: Arc<Notes>,
}

/// A record in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Its number: larger than that of every record that came before.
    pub seq: i64,
    pub stream: Stream,
    pub id: Uuid,
    pub app: String,
    /// The edge that took it in, as its JSON says; empty where that says nothing.
    pub edge: String,
    /// Byte for byte what was appended.
    pub json: Vec<u8>,
}

/// What came of putting records behind all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutBehind {
    /// The number of the first of the copies; all later records have larger ones.
    pub first: i64,
    /// How many there are now. Records that were not found have none.
    pub records: u64,
}

impl Spool {
    /// Opens the spool of a data directory, which is made when it is missing.
    ///
    /// A damaged database is set aside and a new one begun. Where the disk is full the spool is
    /// opened all the same: it is not ready, refuses what comes, and tries again once a second.
    /// Of the store's settings it takes those of the queue and of commits.
    pub fn open(
        data: &Path,
        settings: &Settings,
        store: &super::Settings,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        database::make_directory(data)?;
        let lock = database::lock(&data.join(LOCK_NAME))?;
        let queue = Arc::new(Queue::new(store, metrics.store.queue_bytes.clone()));
        let path = data.join(FILE_NAME);
        let notes = Arc::new(Notes::default());
        let store_metrics = metrics.store.clone();
        let mut keeper = Keeper::new(data, settings, metrics, notes.clone());
        let open = || Database::open(path.clone(), Schema::Spool, store_metrics.clone());
        let opened = match open() {
            Err(error) if error.is_disk_full() && keeper.release_reserve() => open(),
            opened => opened,
        };
        let database = match opened {
            Ok(database) => database,
            Err(error) if error.is_disk_full() => {
                tracing::error!("the spool cannot be opened, and will be tried again: {error}");
                queue.set_failing(true);
                Database::unopened(path, Schema::Spool, store_metrics.clone())
            }
            Err(error) => return Err(error),
        };
        let mut writer =
            Writer::new(queue, database, Purpose::Spool(Box::new(keeper)), store_metrics);
        // Whoever asks next is told whether there is room.
        writer.look();
        let running = Running::start(writer, lock)
            .map_err(|source| OpenError::Io { path: data.to_owned(), source })?;
        Ok(Self { running, notes })
    }

    pub fn handle(&self) -> Handle {
        Handle { queue: self.running.queue(), notes: self.notes.clone() }
    }

    /// Does what is queued, empties the log and ends the writer.
    ///
    /// Blocks until that is done. Handles outlive it; what they ask for is answered with
    /// [`AppendError::Closed`].
    pub fn close(self) {
        drop(self);
    }
}

impl Handle {
    /// Queues the records of one request and returns at once.
    ///
    /// As [`super::Handle::append`], and with [`AppendError::SpoolFull`] when there is no room.
    pub fn append(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), AppendError>) + Send + 'static,
    ) -> Result<(), QueueFull> {
        self.queue.push(batch, Box::new(done))
    }

    /// Whether the next batch can be expected to be stored.
    ///
    /// As [`super::Handle::is_ready`], and `false` while there is no room, which is looked at
    /// again about once a second.
    pub fn is_ready(&self) -> bool {
        self.queue.is_ready()
    }

    /// Reads the oldest records whose number is larger than `after`, in order.
    ///
    /// Hands over at most `records` of them and about `bytes` of JSON, but one if there is any.
    /// `done` is called exactly once, on the writer's thread: it must not block and must not panic.
    pub fn read(
        &self,
        after: i64,
        records: u32,
        bytes: u64,
        done: impl FnOnce(Result<Vec<Spooled>, AppendError>) + Send + 'static,
    ) {
        self.queue.push_job(Job::Read { after, records, bytes, done: Box::new(done) });
    }

    /// Deletes the records up to a number, that one included.
    ///
    /// They are gone for good once `done` is called with `Ok`; otherwise some of them may be.
    /// `done` is called exactly once, on the writer's thread: it must not block and must not panic.
    pub fn forget(
        &self,
        through: i64,
        done: impl FnOnce(Result<(), AppendError>) + Send + 'static,
    ) {
        self.queue.push_job(Job::Forget { through, done: Box::new(done) });
    }

    /// Copies records to the end of the spool, where they come up again under new numbers.
    ///
    /// The records themselves stay until they are forgotten. A full spool takes the copies all the
    /// same: the room is given back with the records. `done` is called exactly once, on the
    /// writer's thread: it must not block and must not panic.
    pub fn put_behind(
        &self,
        numbers: Vec<i64>,
        done: impl FnOnce(Result<PutBehind, AppendError>) + Send + 'static,
    ) {
        self.queue.push_job(Job::PutBehind { numbers, done: Box::new(done) });
    }

    /// Keeps what went wrong with Kafka last, for whoever looks at the spool.
    ///
    /// Written down every few seconds at most, and when the spool is closed.
    pub fn note(&self, error: String) {
        self.notes.put(error);
    }
}
