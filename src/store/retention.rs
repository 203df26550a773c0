//! Lets old records go, and gives their room back.
//!
//! In: the writer's connection and the time. Out: deletions in slices, each a transaction of its
//! own, so that a batch waits for one slice at most. Records expire by age and, when there are
//! too many of them, by their order. The roll-up expires by age; it gives way to records only
//! when it fills more than its share.

use super::Settings;
use super::metrics::Metrics;
use super::pace::Pace;
use super::rollup::hour_text;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::time::{Duration, Instant};

/// How many records one slice deletes, at least: some tens of milliseconds of work on a slow
/// disk.
pub(super) const SLICE: u32 = 500;

/// What is kept, and what has been said about what was not.
#[derive(Debug)]
pub(super) struct Retention {
    max_age: Duration,
    max_bytes: u64,
    metrics: Metrics,
    /// Records deleted for want of room since the last warning.
    untold: u64,
    warning: Pace,
}

/// How the log is moved into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// Not at all; asks how far it is.
    Look,
    /// As far as readers allow, waiting for nobody.
    Passive,
    /// All of it, and the log is cut to nothing, unless a reader is in the way.
    Truncate,
}

impl Retention {
    pub(super) const fn new(settings: &Settings, metrics: Metrics) -> Self {
        Self {
            max_age: settings.max_age,
            max_bytes: settings.max_bytes.as_u64(),
            metrics,
            untold: 0,
            warning: Pace::once_in(Duration::from_mins(1)),
        }
    }

    /// Deletes one slice of what is too old or too much. Returns whether there was any.
    pub(super) fn expire(
        &mut self,
        connection: &Connection,
        now: Timestamp,
        rows: u32,
    ) -> rusqlite::Result<bool> {
        let by_age = self.expire_by_age(connection, now, rows)?;
        let by_bytes = !by_age && self.expire_by_bytes(connection, rows)?;
        self.warn();
        Ok(by_age || by_bytes)
    }

    fn expire_by_age(
        &self,
        connection: &Connection,
        now: Timestamp,
        rows: u32,
    ) -> rusqlite::Result<bool> {
        // An age beyond the begin of time lets nothing expire.
        let oldest = now.checked_sub(self.max_age).unwrap_or(Timestamp::MIN);
        let records = connection
            .prepare_cached(
                "DELETE FROM record WHERE seq IN
                 (SELECT seq FROM record WHERE received_at < ? ORDER BY received_at LIMIT ?)",
            )?
            .execute(params![format!("{oldest:.3}"), rows])?;
        self.metrics.expired_by_age.inc_by(records as u64);
        // An hour goes once all of it is too old.
        let oldest_hour = hour_text(oldest.as_second().div_euclid(3600));
        let counts = expire_hour(connection, &oldest_hour)?;
        Ok(records > 0 || counts)
    }

    /// The log is not counted: deleting makes it grow, and a reader that keeps it from shrinking
    /// would make the store delete everything.
    fn expire_by_bytes(&mut self, connection: &Connection, rows: u32) -> rusqlite::Result<bool> {
        if used_bytes(connection)? <= self.max_bytes {
            return Ok(false);
        }
        if rollup_bytes(connection)? > self.max_bytes / ROLLUP_SHARE
            && expire_hour(connection, AFTER_EVERY_HOUR)?
        {
            return Ok(true);
        }
        let records = connection
            .prepare_cached(
                "DELETE FROM record WHERE seq IN (SELECT seq FROM record ORDER BY seq LIMIT ?)",
            )?
            .execute([rows])?;
        self.metrics.expired_by_bytes.inc_by(records as u64);
        self.untold += records as u64;
        Ok(records > 0)
    }

    fn warn(&mut self) {
        if self.untold > 0 && self.warning.allows(Instant::now()) {
            tracing::warn!(
                records = self.untold,
                max_bytes = self.max_bytes,
                "the store is full: {} of the oldest records were deleted before their time",
                self.untold
            );
            self.untold = 0;
        }
    }
}

/// Gives one slice of free pages back to the file system. Returns whether there are more.
///
/// Some stay: a store at its limit would otherwise shrink and grow with every slice.
pub(super) fn reclaim(connection: &Connection) -> rusqlite::Result<bool> {
    let before = free_pages(connection)?;
    let surplus = before.saturating_sub(KEPT_PAGES);
    if surplus == 0 {
        return Ok(false);
    }
    let pages = surplus.min(RECLAIMED_PAGES);
    // Every step frees one page, so that all of its rows have to be read.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    let after = free_pages(connection)?;
    Ok(after > KEPT_PAGES && after < before)
}

/// Moves the log into the database. Returns how many pages are still in the log only.
pub(super) fn checkpoint(connection: &Connection, how: Checkpoint) -> rusqlite::Result<i64> {
    let run = |sql| {
        connection.prepare_cached(sql)?.query_row([], |row| {
            let (log, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(log - moved)
        })
    };
    match how {
        Checkpoint::Look => run("PRAGMA wal_checkpoint(NOOP)"),
        Checkpoint::Passive => run("PRAGMA wal_checkpoint(PASSIVE)"),
        Checkpoint::Truncate => {
            // It would wait for readers, and every batch with it.
            connection.busy_timeout(Duration::ZERO)?;
            let pages = run("PRAGMA wal_checkpoint(TRUNCATE)");
            connection.busy_timeout(super::database::BUSY_TIMEOUT)?;
            pages
        }
    }
}

/// Bytes of the pages that hold something.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let bytes: i64 = connection
        .prepare_cached(
            "SELECT (page_count - freelist_count) * page_size
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(bytes.unsigned_abs())
}

fn free_pages(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "freelist_count", |row| row.get(0))
}

/// An estimate, as the table of counts is not to be read for it.
fn rollup_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let keys: i64 = connection
        .prepare_cached("SELECT coalesce(sum(keys), 0) FROM hourly_keys")?
        .query_row([], |row| row.get(0))?;
    Ok(keys.unsigned_abs().saturating_mul(KEY_BYTES))
}

/// Deletes the counts of the oldest hour if it is before the given one. Returns whether it was.
fn expire_hour(connection: &Connection, before: &str) -> rusqlite::Result<bool> {
    let oldest: Option<String> = connection
        .prepare_cached("SELECT min(hour) FROM hourly_keys")?
        .query_row([], |row| row.get(0))?;
    let Some(oldest) = oldest.filter(|hour| hour.as_str() < before) else {
        return Ok(false);
    };
    let transaction = connection.unchecked_transaction()?;
    transaction.prepare_cached("DELETE FROM hourly_count WHERE hour = ?")?.execute([&oldest])?;
    transaction.prepare_cached("DELETE FROM hourly_keys WHERE hour = ?")?.execute([&oldest])?;
    transaction.commit()?;
    Ok(true)
}

/// Sorts behind every timestamp.
const AFTER_EVERY_HOUR: &str = "~";
/// The roll-up may fill one part in so many of what the database may fill.
const ROLLUP_SHARE: u64 = 4;
/// A row of the roll-up with its overhead, measured with names of usual length.
const KEY_BYTES: u64 = 128;
/// Free pages that are not given back: 2 MiB.
const KEPT_PAGES: u32 = 512;
/// Free pages that are given back in one slice: 1 MiB.
const RECLAIMED_PAGES: u32 = 256;
