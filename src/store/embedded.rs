//! What the embedded store does with its database, beside what every database needs.
//!
//! In: the writer's connection. Out: rows, the counts of the roll-up, and what expires.

use super::metrics::Metrics;
use super::queue::Append;
use super::retention::{self, Retention};
use super::rollup::Rollup;
use super::{Settings, schema};
use crate::report::Batch;
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// The records of the embedded store: how they come, and how they go.
#[derive(Debug)]
pub(super) struct Embedded {
    retention: Retention,
    rollup_max_keys: u32,
}

impl Embedded {
    pub(super) const fn new(settings: &Settings, metrics: Metrics) -> Self {
        Self {
            retention: Retention::new(settings, metrics),
            rollup_max_keys: settings.rollup_max_keys,
        }
    }

    /// Writes a group within the caller's transaction.
    pub(super) fn insert(&self, connection: &Connection, group: &[Append]) -> rusqlite::Result<()> {
        let mut rollup = Rollup::default();
        for append in group {
            insert(connection, &append.batch)?;
            for entry in &append.batch.entries {
                rollup.add(entry, append.batch.app(entry));
            }
        }
        rollup.write(connection, self.rollup_max_keys)
    }

    /// The slice of upkeep that follows a commit of so many records.
    pub(super) fn upkeep(&mut self, connection: &Connection, records: u32) -> rusqlite::Result<()> {
        // Twice what has come: so that a store at its limit gets ahead of any load.
        let rows = records.saturating_mul(2).max(retention::SLICE);
        self.retention.expire(connection, Timestamp::now(), rows).map(drop)
    }

    /// Lets one slice expire that is too old or too much. Returns whether there was any.
    pub(super) fn expire(
        &mut self,
        connection: &Connection,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        self.retention.expire(connection, now, retention::SLICE)
    }
}

fn insert(connection: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO record (stream, received_at, timestamp, app, json) VALUES (?, ?, ?, ?, ?)",
    )?;
    for entry in &batch.entries {
        statement.execute(params![
            schema::stream_code(entry.stream),
            format!("{:.3}", entry.received_at),
            format!("{:.3}", entry.timestamp),
            batch.app(entry),
            String::from_utf8_lossy(batch.json(entry)),
        ])?;
    }
    Ok(())
}
