//! The embedded store: one SQLite file, written by one thread.
//!
//! In: the [`Batch`] of one request, through a [`Handle`] that any task may hold. Out: one answer
//! per batch, and a database that anybody may read with `sqlite3` while the store runs. It never
//! reads a record's fields, never waits inside [`Handle::append`], never holds more than
//! `queue_bytes` of records in memory, and never deletes a file: a database that is damaged is
//! set aside under another name.
//!
//! # What a 204 relies on
//!
//! A batch is answered with `Ok` after `COMMIT` has returned for the one transaction that holds
//! all of its records. The database is in WAL mode with `synchronous=FULL`, so `COMMIT` returns
//! only after the log has been synced to the disk. From then on the records survive `kill -9` and,
//! as far as the disk keeps its word, a loss of power. A batch is answered with an error when none
//! of its records was committed; a batch whose sync failed may come back after a restart all the
//! same, and is then there twice once the browser has repeated it.
//!
//! # How it works
//!
//! A sync costs the same for one record as for thousands. Batches that arrive while a commit runs
//! wait in a queue, and the writer takes them together as its next group. Between commits it moves
//! the log into the database, lets old records expire and gives free space back, all in slices
//! small enough that no batch waits long behind one.
//!
//! [`spool`] is the same queue, writer and file behind Kafka, with other upkeep.

mod damage;
mod database;
mod embedded;
mod failure;
mod metrics;
mod pace;
mod queue;
mod reading;
mod retention;
mod rollup;
mod schema;
mod settings;
pub mod spool;
mod writer;

#[cfg(test)]
mod tests;

pub use database::{OpenError, open_read_only};
pub use metrics::Metrics;
pub use reading::{ReadError, Reader, Span};
pub use settings::Settings;

use crate::report::Batch;
use database::{Database, FILE_NAME, LOCK_NAME};
use embedded::Embedded;
use queue::Queue;
use rusqlite::ErrorCode;
use schema::Schema;
use std::path::Path;
use std::sync::Arc;
use writer::{Purpose, Running, Writer};

/// The store of one data directory. Dropping it is the same as closing it.
#[derive(Debug)]
pub struct Store {
    running: Running,
}

/// The way into the store.
#[derive(Debug, Clone)]
pub struct Handle {
    queue: Arc<Queue>,
}

/// The queue has no room for the batch, which is given back.
#[derive(Debug, thiserror::Error)]
#[error("the store's queue is full")]
pub struct QueueFull(pub Batch);

/// Why a batch could not be made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the disk is full")]
    DiskFull,
    #[error("the disk cannot be written to")]
    Io,
    #[error("the database is damaged")]
    Damaged,
    /// Another program has held the write lock for longer than the writer waits.
    #[error("the database is locked by another program")]
    Busy,
    /// There is no room in the spool, or too little on its file system.
    #[error("the spool is full")]
    SpoolFull,
    #[error("the store is closed")]
    Closed,
    #[error("the database refused the records")]
    Other,
}

impl Store {
    /// Opens the store of a data directory, which is made when it is missing.
    ///
    /// A damaged database is set aside and a new one begun. A second store on the same directory
    /// is refused, in this process or any other.
    pub fn open(data: &Path, settings: &Settings, metrics: Metrics) -> Result<Self, OpenError> {
        database::make_directory(data)?;
        let lock = database::lock(&data.join(LOCK_NAME))?;
        let database = Database::open(data.join(FILE_NAME), Schema::Store, metrics.clone())?;

        let queue = Arc::new(Queue::new(settings, metrics.queue_bytes.clone()));
        let purpose = Purpose::Store(Embedded::new(settings, metrics.clone()));
        let writer = Writer::new(queue, database, purpose, metrics);
        let running = Running::start(writer, lock)
            .map_err(|source| OpenError::Io { path: data.to_owned(), source })?;
        Ok(Self { running })
    }

    pub fn handle(&self) -> Handle {
        Handle { queue: self.running.queue() }
    }

    /// Commits and answers what is queued, empties the log and ends the writer.
    ///
    /// Blocks until that is done. Handles outlive it; what they append is answered with
    /// [`AppendError::Closed`].
    pub fn close(self) {
        drop(self);
    }
}

impl Handle {
    /// Queues the records of one request and returns at once.
    ///
    /// `done` is called exactly once unless the queue is full: with `Ok` once all the records are
    /// durable. It runs on the writer's thread, where everybody waits for it: it must not block
    /// and must not panic. Where nothing has to be awaited (a batch without records, a closed
    /// store), it is called before `append` returns.
    pub fn append(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), AppendError>) + Send + 'static,
    ) -> Result<(), QueueFull> {
        self.queue.push(batch, Box::new(done))
    }

    /// Whether the next batch can be expected to be stored.
    ///
    /// `false` from a failed commit until one succeeds, from a full queue until it has room again,
    /// and once the store is closed. After a failure the writer tries by itself once a second, so
    /// that an instance which is sent no more requests becomes ready again.
    pub fn is_ready(&self) -> bool {
        self.queue.is_ready()
    }
}

impl AppendError {
    /// Every error, for whoever wants to register their counters ahead.
    pub const ALL: [Self; 7] = [
        Self::DiskFull,
        Self::Io,
        Self::Damaged,
        Self::Busy,
        Self::SpoolFull,
        Self::Closed,
        Self::Other,
    ];

    /// The closed metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Io => "io",
            Self::Damaged => "damaged",
            Self::Busy => "busy",
            Self::SpoolFull => "spool_full",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }
}

impl From<&rusqlite::Error> for AppendError {
    fn from(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied,
            ) => Self::Io,
            _ => Self::Other,
        }
    }
}
