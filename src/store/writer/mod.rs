//! The one thread that writes.
//!
//! In: groups of batches from the queue. Out: one transaction per group, and an answer per batch.
//! Between groups it does a slice of upkeep. An error ends a transaction, never the thread. What
//! is written, and what upkeep there is, depends on what the database is for.

mod running;
mod spooling;

pub(super) use running::Running;

use super::AppendError;
use super::damage::with_suffix;
use super::database::Database;
use super::embedded::Embedded;
use super::failure::Failure;
use super::metrics::Metrics;
use super::pace::Pace;
use super::queue::{Append, Next, Queue};
use super::retention::{self, Checkpoint};
use super::spool;
use jiff::Timestamp;
use rusqlite::TransactionBehavior;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The writer and everything it owns.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue>,
    database: Database,
    purpose: Purpose,
    metrics: Metrics,
    /// When the files were looked at last.
    looked: Instant,
    error_log: Pace,
    wal_log: Pace,
}

/// What the database is for, with what is needed for it.
#[derive(Debug)]
pub(super) enum Purpose {
    Store(Embedded),
    Spool(Box<spool::Keeper>),
}

/// Answers what is queued when the writer ends, even by a panic: nobody else would.
struct Abandon(Arc<Queue>);

impl Writer {
    pub(super) fn new(
        queue: Arc<Queue>,
        database: Database,
        purpose: Purpose,
        metrics: Metrics,
    ) -> Self {
        Self {
            queue,
            database,
            purpose,
            metrics,
            looked: Instant::now(),
            error_log: Pace::once_in(Duration::from_secs(10)),
            wal_log: Pace::once_in(Duration::from_mins(1)),
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _abandon = Abandon(self.queue.clone());
        self.look();
        while self.step(IDLE_AFTER) {}
        let noted = match &self.purpose {
            Purpose::Store(_) => Ok(()),
            Purpose::Spool(_) => {
                self.with_spool(|keeper, connection| keeper.write_last_note(connection))
            }
        };
        self.note(noted);
        let emptied = self.with_reserve(Self::empty_log);
        self.note(emptied);
    }

    /// Does what is next. Returns whether there can be more.
    pub(super) fn step(&mut self, patience: Duration) -> bool {
        match self.queue.next(patience) {
            Next::Group(group) => {
                let records = self.commit(group);
                let upkept = self.with_reserve(|writer| writer.upkeep(records));
                self.note(upkept);
                if self.looked.elapsed() >= IDLE_AFTER {
                    self.look();
                }
                true
            }
            Next::Job(job) => {
                self.work(job);
                self.after_work();
                true
            }
            Next::Idle => {
                self.when_idle(Timestamp::now());
                true
            }
            Next::Closed => false,
        }
    }

    /// Stores a group and answers it. Returns how many records there were.
    fn commit(&mut self, mut group: Vec<Append>) -> u32 {
        self.turn_away(&mut group);
        if group.is_empty() {
            return 0;
        }
        let begin = Instant::now();
        let mut stored = self.store(&group);
        if let Err(failure) = &stored
            && failure.is_damage()
        {
            // The group is whole in memory. What was answered before is in the file that is set
            // aside; refusing this group as well would save nothing.
            stored = self.replace(failure.to_string()).and_then(|()| self.store(&group));
        }
        let records = group.iter().map(|append| append.batch.entries.len()).sum::<usize>();
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        let answer = match stored {
            Ok(()) => {
                self.metrics.commits.inc();
                self.metrics.commit_seconds.observe(begin.elapsed().as_secs_f64());
                self.metrics.commit_records.observe(f64::from(records));
                let bytes = group.iter().map(Append::bytes).sum::<u64>();
                self.metrics.commit_bytes.observe(bytes as f64);
                Ok(())
            }
            Err(failure) => Err(self.fail(&failure)),
        };
        // First, so that whoever asks when it has its answer is not told of the commit before.
        self.queue.set_failing(answer.is_err());
        self.queue.answer(group, answer);
        records
    }

    fn store(&mut self, group: &[Append]) -> Result<(), Failure> {
        let connection = self.database.connection()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match &mut self.purpose {
            Purpose::Store(store) => {
                store.insert(&transaction, group)?;
                transaction.commit()?;
            }
            Purpose::Spool(keeper) => {
                keeper.insert(&transaction, group)?;
                transaction.commit()?;
                keeper.committed();
            }
        }
        Ok(())
    }

    /// The slice of upkeep that follows a commit of so many records.
    fn upkeep(&mut self, records: u32) -> Result<(), Failure> {
        if self.queue.is_failing() {
            return Ok(());
        }
        let connection = self.database.connection()?;
        let large = match &self.purpose {
            Purpose::Store(_) => CHECKPOINT_PAGES,
            Purpose::Spool(_) => SPOOL_CHECKPOINT_PAGES,
        };
        if retention::checkpoint(connection, Checkpoint::Look)? >= large {
            retention::checkpoint(connection, Checkpoint::Passive)?;
        }
        match &mut self.purpose {
            Purpose::Store(store) => store.upkeep(connection, records)?,
            Purpose::Spool(keeper) => keeper.upkeep(connection)?,
        }
        Ok(())
    }

    /// The upkeep for which nobody waits. Stops as soon as somebody does.
    pub(super) fn when_idle(&mut self, now: Timestamp) {
        if self.queue.is_failing() {
            let tried = self.try_commit();
            self.queue.set_failing(tried.is_err());
            self.note(tried);
        }
        // Where the log cannot be emptied, what is tidied away need not be moved.
        let tidied = self.with_reserve(|writer| writer.tidy(now));
        self.note(tidied);
        let emptied = self.with_reserve(Self::empty_log);
        self.note(emptied);
        self.look();
    }

    /// Lets everything expire that is too old or too much, and gives its room back.
    fn tidy(&mut self, now: Timestamp) -> Result<(), Failure> {
        let connection = self.database.connection()?;
        match &mut self.purpose {
            Purpose::Store(store) => {
                while self.queue.is_quiet() && store.expire(connection, now)? {}
            }
            // Nothing expires.
            Purpose::Spool(_) => {}
        }
        while self.queue.is_quiet() && retention::reclaim(connection)? {}
        Ok(())
    }

    fn empty_log(&mut self) -> Result<(), Failure> {
        if file_size(&self.database, "-wal") > 0 {
            retention::checkpoint(self.database.connection()?, Checkpoint::Truncate)?;
        }
        Ok(())
    }

    /// Writes one page to see whether commits succeed again.
    fn try_commit(&mut self) -> Result<(), Failure> {
        let version = self.database.schema().version();
        Ok(self.database.connection()?.pragma_update(None, "user_version", version)?)
    }

    /// As if nothing had been looked at for a while.
    #[cfg(test)]
    pub(super) fn let_time_pass(&mut self) {
        self.looked = self.looked.checked_sub(2 * IDLE_AFTER).unwrap();
    }

    #[cfg(test)]
    pub(super) const fn purpose(&mut self) -> &mut Purpose {
        &mut self.purpose
    }

    #[cfg(test)]
    pub(super) const fn database(&mut self) -> &mut Database {
        &mut self.database
    }

    /// Looks at the files: how large they are, and whether the database is still there.
    pub(super) fn look(&mut self) {
        self.looked = Instant::now();
        if !self.database.path().exists() {
            tracing::error!(
                path = %self.database.path().display(),
                "the database was removed while in use: a new one is begun"
            );
            self.database.disconnect();
            let opened = self.database.connection().map(drop).map_err(Failure::from);
            self.begun_anew();
            self.note(opened);
        }
        if !self.queue.is_failing() {
            let looked = self.look_into();
            self.note(looked);
        }
        let wal_bytes = file_size(&self.database, "-wal");
        self.metrics.store_bytes.set(file_size(&self.database, ""));
        self.metrics.wal_bytes.set(wal_bytes);
        if let Ok(disk) = rustix::fs::statvfs(self.database.path()) {
            self.metrics.show_disk(&disk);
        }
        if wal_bytes >= LARGE_LOG && self.wal_log.allows(self.looked) {
            tracing::warn!(
                wal_bytes,
                "the write-ahead log has {wal_bytes} bytes: a reader keeps its transaction open"
            );
        }
    }

    /// Looks at what is in the database, where somebody wants to know.
    fn look_into(&mut self) -> Result<(), Failure> {
        match &mut self.purpose {
            Purpose::Store(_) => Ok(()),
            Purpose::Spool(keeper) => {
                let connection = self.database.connection()?;
                self.queue.set_room(keeper.look(connection)?);
                Ok(keeper.write_note(connection)?)
            }
        }
    }

    /// Handles a failure of upkeep, for which nobody waits.
    fn note(&mut self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            let replaced =
                if failure.is_damage() { self.replace(failure.to_string()) } else { Err(failure) };
            if let Err(failure) = replaced {
                self.fail(&failure);
            }
        }
    }

    fn replace(&mut self, detail: String) -> Result<(), Failure> {
        self.database.set_aside(detail)?;
        self.begun_anew();
        self.database.connection()?;
        Ok(())
    }

    /// A new file has taken the place of another.
    fn begun_anew(&mut self) {
        match &mut self.purpose {
            Purpose::Store(_) => {}
            Purpose::Spool(keeper) => keeper.begun_anew(),
        }
    }

    /// Counts a failure, tells it, and leaves the database ready for the next try.
    fn fail(&mut self, failure: &Failure) -> AppendError {
        let error = failure.kind();
        self.metrics.count_error(error);
        if self.error_log.allows(Instant::now()) {
            tracing::error!(
                path = %self.database.path().display(),
                cause = error.label(),
                "the store cannot write: {failure}"
            );
        }
        self.database.recover_from(matches!(error, AppendError::DiskFull | AppendError::Busy));
        error
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The size of the database or of a file beside it; 0 where there is none.
fn file_size(database: &Database, suffix: &str) -> i64 {
    let size = with_suffix(database.path(), suffix).metadata().map_or(0, |file| file.len());
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Without a batch for this long, the writer turns to upkeep.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// The log is moved into the database when it has so many pages: 8 MiB, so that pages which
/// change with every commit are not written twice for every commit.
const CHECKPOINT_PAGES: i64 = 2048;

/// In the spool records come at the end and go from the front, so that few pages change twice:
/// 1 MiB. What is in the log needs its room again in the database, which a full disk has not.
const SPOOL_CHECKPOINT_PAGES: i64 = 256;

/// A log of this size is worth a warning: 256 MiB.
const LARGE_LOG: i64 = 256 << 20;
