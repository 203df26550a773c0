//! What the spool does with its database, beside what every database needs.
//!
//! In: the writer's connection. Out: rows at the end, rows from the front, and what is counted
//! about them. Each call is short; what is long is done in slices.

use super::note::Notes;
use super::room::Room;
use super::{Metrics, PutBehind, Settings, Spooled};
use crate::report::Stream;
use crate::store::pace::Pace;
use crate::store::queue::Append;
use crate::store::retention::{self, used_bytes};
use crate::store::schema::stream_code;
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The records of the spool: how they come, and how they go.
#[derive(Debug)]
pub(in crate::store) struct Keeper {
    room: Room,
    metrics: Metrics,
    notes: Arc<Notes>,
    note_pace: Pace,
    /// The number of the next record. Unknown until the database has been looked at.
    next: Option<i64>,
    /// How many records there are, and how many with those of a transaction that goes on.
    records: i64,
    records_then: i64,
    /// The oldest record that was put behind others: its number, and when it was received.
    put_behind: Option<(i64, i64)>,
}

impl Keeper {
    pub(super) fn new(
        data: &Path,
        settings: &Settings,
        metrics: Metrics,
        notes: Arc<Notes>,
    ) -> Self {
        let max_bytes = settings.max_bytes.as_u64();
        metrics.max_bytes.set(i64::try_from(max_bytes).unwrap_or(i64::MAX));
        Self {
            room: Room::new(data, settings),
            metrics,
            notes,
            note_pace: Pace::once_in(Duration::from_secs(5)),
            next: None,
            records: 0,
            records_then: 0,
            put_behind: None,
        }
    }

    /// How many batches of a group there is room for. The rest is counted as turned away.
    pub(in crate::store) fn fitting(
        &mut self,
        connection: &Connection,
        group: &[Append],
    ) -> rusqlite::Result<usize> {
        let level = self.room.level(used_bytes(connection)?);
        let sizes = group.iter().map(|append| append.batch.bytes.len() as u64);
        let fitting = self.room.fitting(level, sizes);
        let refused: usize = group[fitting..].iter().map(|append| append.batch.entries.len()).sum();
        if refused > 0 {
            self.metrics.full.inc_by(refused as u64);
            self.room.tell_refused(level, refused as u64);
        }
        Ok(fitting)
    }

    /// Writes a group within the caller's transaction.
    pub(in crate::store) fn insert(
        &mut self,
        connection: &Connection,
        group: &[Append],
    ) -> rusqlite::Result<()> {
        let first = self.survey(connection)?;
        let mut seq = first;
        let mut statement = connection.prepare_cached(
            "INSERT INTO spooled (seq, stream, id, received_at, app, json)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        for append in group {
            let batch = &append.batch;
            for entry in &batch.entries {
                // Text, so that it can be read with `sqlite3`, and the same bytes in any case.
                let json = ToSqlOutput::Borrowed(ValueRef::Text(batch.json(entry)));
                statement.execute(params![
                    seq,
                    stream_code(entry.stream),
                    entry.id.as_bytes().as_slice(),
                    entry.received_at.as_millisecond(),
                    batch.app(entry),
                    json,
                ])?;
                seq += 1;
            }
        }
        self.records_then = self.records + (seq - first);
        Ok(())
    }

    /// The transaction in which a group was written is on the disk.
    pub(in crate::store) fn committed(&mut self) {
        let written = self.records_then - self.records;
        self.next = self.next.map(|next| next + written);
        self.metrics.appended.inc_by(written.unsigned_abs());
        self.count(self.records_then);
    }

    /// Reads records, oldest first.
    pub(in crate::store) fn read(
        connection: &Connection,
        after: i64,
        records: u32,
        bytes: u64,
    ) -> rusqlite::Result<Vec<Spooled>> {
        let mut statement = connection.prepare_cached(
            "SELECT seq, stream, id, app, json FROM spooled WHERE seq > ? ORDER BY seq LIMIT ?",
        )?;
        let mut rows = statement.query(params![after, records.max(1)])?;
        let mut found = Vec::new();
        let mut size = 0;
        while let Some(row) = rows.next()? {
            let record = spooled(row)?;
            size += record.json.len() as u64;
            if size > bytes && !found.is_empty() {
                break;
            }
            found.push(record);
        }
        Ok(found)
    }

    /// Deletes a slice of the records up to a number. Returns whether there are more.
    pub(in crate::store) fn forget(
        &mut self,
        connection: &Connection,
        through: i64,
    ) -> rusqlite::Result<bool> {
        let Some((first, _)) = oldest(connection)?.filter(|(first, _)| *first <= through) else {
            return Ok(false);
        };
        let end = through.min(first.saturating_add(i64::from(retention::SLICE) - 1));
        let deleted =
            connection.prepare_cached("DELETE FROM spooled WHERE seq <= ?")?.execute([end])?;
        self.metrics.drained.inc_by(deleted as u64);
        self.survey(connection)?;
        Ok(end < through && self.records > 0)
    }

    /// Copies records to the end, all or none of those that are there; none on a file system that
    /// has too little left.
    pub(in crate::store) fn put_behind(
        &mut self,
        connection: &Connection,
        numbers: &[i64],
    ) -> rusqlite::Result<PutBehind> {
        let first = self.survey(connection)?;
        if !self.room.has_disk(self.room.level(used_bytes(connection)?)) {
            return Ok(PutBehind { first, records: 0 });
        }
        let transaction = connection.unchecked_transaction()?;
        let mut next = first;
        {
            let mut copy = transaction.prepare_cached(
                "INSERT INTO spooled (seq, stream, id, received_at, app, json)
                 SELECT ?, stream, id, received_at, app, json FROM spooled WHERE seq = ?",
            )?;
            for number in numbers {
                if copy.execute(params![next, number])? > 0 {
                    next += 1;
                }
            }
        }
        transaction.commit()?;
        // Counts the copies as appended.
        self.survey(connection)?;
        self.remember_oldest(connection, first)?;
        let records = (next - first).unsigned_abs();
        self.metrics.put_behind.inc_by(records);
        Ok(PutBehind { first, records })
    }

    /// Remembers the oldest of the records that were copied from this number on: behind younger ones
    /// it is not seen otherwise.
    fn remember_oldest(&mut self, connection: &Connection, first: i64) -> rusqlite::Result<()> {
        let oldest: Option<(i64, i64)> = connection
            .prepare_cached(
                "SELECT seq, received_at FROM spooled WHERE seq >= ? ORDER BY received_at LIMIT 1",
            )?
            .query_row([first], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let is_older = |(_, received_at): &(i64, i64)| {
            self.put_behind.is_none_or(|(_, known)| *received_at <= known)
        };
        if let Some(oldest) = oldest.filter(is_older) {
            self.put_behind = Some(oldest);
        }
        Ok(())
    }

    /// Looks at what there is. Returns whether there is room for more.
    pub(in crate::store) fn look(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        self.survey(connection)?;
        self.room.restore_reserve();
        let now = Timestamp::now().as_millisecond();
        let front = oldest(connection)?;
        self.put_behind =
            self.put_behind.filter(|(number, _)| front.is_some_and(|(first, _)| first <= *number));
        let times =
            [front, self.put_behind].into_iter().flatten().map(|(_, received_at)| received_at);
        let age = times.min().map_or(0, |received_at| (now - received_at).max(0));
        self.metrics.oldest_seconds.set(age / 1000);
        let used = used_bytes(connection)?;
        self.metrics.bytes.set(i64::try_from(used).unwrap_or(i64::MAX));
        Ok(self.room.is_free(self.room.level(used)))
    }

    /// Gives the reserve to whoever has met a full disk. Returns whether there was any.
    pub(in crate::store) fn release_reserve(&mut self) -> bool {
        self.room.release_reserve()
    }

    /// The slice of upkeep that follows a commit.
    ///
    /// Free pages are given back when there is time, or at once when the disk is short of them.
    pub(in crate::store) fn upkeep(&self, connection: &Connection) -> rusqlite::Result<()> {
        let level = self.room.level(used_bytes(connection)?);
        if self.room.is_short_of_disk(level) {
            retention::reclaim(connection)?;
        }
        Ok(())
    }

    /// Writes the last error down, unless one was written just now.
    pub(in crate::store) fn write_note(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.notes.is_empty() || !self.note_pace.allows(Instant::now()) {
            return Ok(());
        }
        self.write_last_note(connection)
    }

    /// Writes the last error down.
    pub(in crate::store) fn write_last_note(
        &self,
        connection: &Connection,
    ) -> rusqlite::Result<()> {
        if let Some(note) = self.notes.take() {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO last_error (only, at, error) VALUES (1, ?, ?)",
                )?
                .execute(params![note.at.as_millisecond(), note.error])?;
        }
        Ok(())
    }

    /// A new file has taken the place of the one in which the records were.
    pub(in crate::store) fn begun_anew(&mut self) {
        self.metrics.set_aside.inc_by(self.records.unsigned_abs());
        self.count(0);
    }

    /// Finds out which numbers are in the file. Returns that of the next record.
    fn survey(&mut self, connection: &Connection) -> rusqlite::Result<i64> {
        let first = oldest(connection)?.map(|(first, _)| first);
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(seq) FROM spooled")?
            .query_row([], |row| row.get(0))?;
        let given: Option<i64> = connection
            .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'spooled'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let free = last.max(given).unwrap_or(0) + 1;
        let next = match self.next {
            // A commit whose sync failed came back when the file was opened again.
            Some(next) if next < free => {
                self.metrics.appended.inc_by((free - next).unsigned_abs());
                free
            }
            Some(next) => next,
            None => free,
        };
        self.next = Some(next);
        self.count(first.zip(last).map_or(0, |(first, last)| last - first + 1));
        Ok(next)
    }

    fn count(&mut self, records: i64) {
        self.records = records;
        self.metrics.records.set(records);
        if records == 0 {
            self.metrics.oldest_seconds.set(0);
        }
    }

    #[cfg(test)]
    pub(super) const fn room(&mut self) -> &mut Room {
        &mut self.room
    }
}

/// The number of the oldest record, and when it was received.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached("SELECT seq, received_at FROM spooled ORDER BY seq LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// A record from its row.
///
/// SQLite has no checksums: a value may be nonsense where the pages are sound. No record is held
/// back for that, and none holds others back.
pub(super) fn spooled(row: &Row<'_>) -> rusqlite::Result<Spooled> {
    /// What is looked for in the JSON.
    #[derive(Default, Deserialize)]
    struct Fields<'j> {
        #[serde(borrow, default)]
        edge: Cow<'j, str>,
    }

    let code = row.get_ref(1)?.as_i64().ok();
    let json = bytes(row, 4)?;
    let fields: Fields<'_> = serde_json::from_slice(&json).unwrap_or_default();
    let edge = fields.edge.into_owned();
    Ok(Spooled {
        seq: row.get(0)?,
        stream: Stream::ALL
            .iter()
            .copied()
            .find(|stream| Some(stream_code(*stream)) == code)
            .unwrap_or(Stream::Rejected),
        id: Uuid::from_slice(&bytes(row, 2)?).unwrap_or_default(),
        app: String::from_utf8_lossy(&bytes(row, 3)?).into_owned(),
        edge,
        json,
    })
}

/// The bytes of a text or a blob; none of anything else.
fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    })
}
