//! Reading records back, beside a store that may be running.
//!
//! In: a data directory, and which records are wanted. Out: their JSON texts, page by page, so
//! that no transaction stays open for long: as long as one does, the log cannot shrink. It never
//! writes, and never looks into a record.

use super::database::{FILE_NAME, OpenError, open_read_only};
use super::schema::stream_code;
use crate::report::Stream;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The records of one data directory, for reading.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// The database could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot read the database: {source}", path.display())]
pub struct ReadError {
    path: PathBuf,
    source: rusqlite::Error,
}

/// Where a walk over the records begins and ends, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    first: i64,
    last: i64,
    /// How many records of all streams there are in it.
    pub records: u64,
}

impl Reader {
    /// Opens the database of a data directory.
    ///
    /// # Errors
    ///
    /// When there is none, or it is damaged, foreign or newer than this program.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        Ok(Self { path: data.join(FILE_NAME), connection: open_read_only(data)? })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The records that were received at or after a moment; none that arrive from now on.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn since(&self, since: Timestamp) -> Result<Span, ReadError> {
        let sql = "SELECT min(seq), max(seq), count(*) FROM record WHERE received_at >= ?";
        self.connection
            .query_row(sql, [written(since)], |row| {
                let first: Option<i64> = row.get(0)?;
                let last: Option<i64> = row.get(1)?;
                let records: i64 = row.get(2)?;
                Ok(Span {
                    first: first.unwrap_or(0),
                    last: last.unwrap_or(-1),
                    records: u64::try_from(records).unwrap_or(0),
                })
            })
            .map_err(|source| self.error(source))
    }

    /// Hands over every violation of a span, clean or filtered, in the order of storing.
    ///
    /// `see` gets the stream, the JSON text, and how many records were passed by then.
    ///
    /// # Errors
    ///
    /// When the database cannot be read. What was handed over until then was right.
    pub fn violations(
        &self,
        span: Span,
        mut see: impl FnMut(Stream, &str, u64),
    ) -> Result<(), ReadError> {
        let mut next = span.first;
        let mut passed = 0;
        while next <= span.last {
            let after =
                self.page(next, span.last, &mut passed, &mut see).map_err(|e| self.error(e))?;
            match after {
                Some(after) => next = after,
                None => break,
            }
        }
        Ok(())
    }

    /// One page from `next` on. Returns where the next one begins.
    fn page(
        &self,
        next: i64,
        last: i64,
        passed: &mut u64,
        see: &mut impl FnMut(Stream, &str, u64),
    ) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT seq, stream, json FROM record WHERE seq >= :next AND seq <= :last \
                   ORDER BY seq LIMIT :page";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows =
            statement.query(named_params! { ":next": next, ":last": last, ":page": PAGE })?;
        let mut after = None;
        while let Some(row) = rows.next()? {
            after = Some(row.get::<_, i64>(0)? + 1);
            *passed += 1;
            if let Some(stream) = violation_stream(row.get(1)?) {
                // SQLite keeps text as it was given, and it was given UTF-8.
                if let Ok(json) = row.get_ref(2)?.as_str() {
                    see(stream, json, *passed);
                }
            }
        }
        Ok(after)
    }

    /// The record of an id, of whatever stream: its stream and its JSON text.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn find(&self, id: Uuid) -> Result<Option<(Stream, String)>, ReadError> {
        // An id carries the time at which it was made, just after the receipt that the index is
        // of. A clock that was set in between is rare; then all records are looked at.
        if let Some(made) = made_at(id) {
            let from = made.checked_sub(RECEIPT_SLACK).unwrap_or(Timestamp::UNIX_EPOCH);
            let to = made.checked_add(RECEIPT_SLACK).unwrap_or(Timestamp::MAX);
            if let Some(found) = self.find_between(id, from, to)? {
                return Ok(Some(found));
            }
        }
        self.find_between(id, Timestamp::UNIX_EPOCH, Timestamp::MAX)
    }

    fn find_between(
        &self,
        id: Uuid,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<(Stream, String)>, ReadError> {
        let sql = "SELECT stream, json FROM record \
                   WHERE received_at BETWEEN ? AND ? AND json ->> 'id' = ? LIMIT 1";
        self.connection
            .query_row(sql, params![written(from), written(to), id.to_string()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
            .map(|found| {
                let (code, json) = found?;
                let stream = Stream::ALL.iter().find(|stream| stream_code(**stream) == code)?;
                Some((*stream, json))
            })
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: rusqlite::Error) -> ReadError {
        ReadError { path: self.path.clone(), source }
    }
}

fn violation_stream(code: i64) -> Option<Stream> {
    [Stream::Clean, Stream::Filtered].into_iter().find(|stream| stream_code(*stream) == code)
}

/// A moment as `received_at` is written, so that texts compare as times do.
fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// The time in a UUIDv7 (RFC 9562 section 5.7); `None` for other versions.
fn made_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) =
        id.get_timestamp().filter(|_| id.get_version_num() == 7)?.to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// How many records are read in one transaction.
const PAGE: i64 = 1000;
/// A body may take its time between its receipt and the making of its records' ids.
const RECEIPT_SLACK: SignedDuration = SignedDuration::from_mins(5);
