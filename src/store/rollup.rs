//! Reports per hour, counted as they are stored, for graphs that need not read every record.
//!
//! In: the entries of one transaction. Out: upserts in the same transaction. Counts what is
//! stored: reports of which no record is kept are in the metrics only.

use crate::policy::Directive;
use crate::report::{Classification, Disposition, Entry, OTHER_APPS, Stream};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// The counts of one transaction. In order, so that neighbours in the table are written together
/// and the same entries always leave the same keys.
#[derive(Debug, Default)]
pub(super) struct Rollup<'b> {
    counts: BTreeMap<Hour, BTreeMap<Key<'b>, i64>>,
}

/// Hours since 1970.
type Hour = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'b> {
    stream: Stream,
    app: &'b str,
    classification: Option<Classification>,
    violation_type: Option<Directive>,
    disposition: Option<Disposition>,
}

impl<'b> Rollup<'b> {
    pub(super) fn add(&mut self, entry: &Entry, app: &'b str) {
        let key = Key {
            stream: entry.stream,
            app,
            classification: entry.classification,
            violation_type: entry.violation_type,
            disposition: entry.disposition,
        };
        let hour = entry.timestamp.as_second().div_euclid(3600);
        *self.counts.entry(hour).or_default().entry(key).or_default() += 1;
    }

    /// Adds the counts to those of the table.
    ///
    /// How many keys an hour has stands in a table of its own, so that nobody counts rows. Keys
    /// under [`OTHER_APPS`] are not among them: everything else about them is a closed set.
    pub(super) fn write(&self, connection: &Connection, max_keys: u32) -> rusqlite::Result<()> {
        for (&hour, counts) in &self.counts {
            let hour = hour_text(hour);
            let known = keys_of(connection, &hour)?;
            let mut keys = known;
            for (key, &reports) in counts {
                if key.increment(connection, &hour, reports)? {
                    continue;
                }
                if keys < i64::from(max_keys) {
                    keys += 1;
                    key.insert(connection, &hour, reports)?;
                } else {
                    Key { app: OTHER_APPS, ..*key }.insert(connection, &hour, reports)?;
                }
            }
            if keys != known {
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO hourly_keys (hour, keys) VALUES (?, ?)",
                    )?
                    .execute(params![hour, keys])?;
            }
        }
        Ok(())
    }
}

impl Key<'_> {
    /// Adds to a row that exists; tells whether it does.
    fn increment(
        self,
        connection: &Connection,
        hour: &str,
        reports: i64,
    ) -> rusqlite::Result<bool> {
        let (classification, violation_type, disposition) = self.names();
        let changed = connection
            .prepare_cached(
                "UPDATE hourly_count SET reports = reports + ?7
                 WHERE hour = ?1 AND stream = ?2 AND app = ?3 AND classification = ?4
                 AND violation_type = ?5 AND disposition = ?6",
            )?
            .execute(params![
                hour,
                self.stream.name(),
                self.app,
                classification,
                violation_type,
                disposition,
                reports
            ])?;
        Ok(changed > 0)
    }

    /// Makes the row, or adds to it where keys without room have met already.
    fn insert(self, connection: &Connection, hour: &str, reports: i64) -> rusqlite::Result<()> {
        let (classification, violation_type, disposition) = self.names();
        connection
            .prepare_cached(
                "INSERT INTO hourly_count
                 (hour, stream, app, classification, violation_type, disposition, reports)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET reports = reports + excluded.reports",
            )?
            .execute(params![
                hour,
                self.stream.name(),
                self.app,
                classification,
                violation_type,
                disposition,
                reports
            ])?;
        Ok(())
    }

    fn names(self) -> (&'static str, &'static str, &'static str) {
        (
            self.classification.map_or("", Classification::name),
            self.violation_type.map_or("", Directive::name),
            self.disposition.map_or("", Disposition::name),
        )
    }
}

fn keys_of(connection: &Connection, hour: &str) -> rusqlite::Result<i64> {
    let keys = connection
        .prepare_cached("SELECT keys FROM hourly_keys WHERE hour = ?")?
        .query_row([hour], |row| row.get(0))
        .optional()?;
    Ok(keys.unwrap_or(0))
}

/// The begin of an hour, in the form of the records' timestamps, so that the two compare.
pub(super) fn hour_text(hour: Hour) -> String {
    let begin = hour.checked_mul(3600).and_then(|second| Timestamp::from_second(second).ok());
    format!("{:.3}", begin.unwrap_or_default())
}
