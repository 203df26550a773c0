//! Looking into a spool from outside, beside an edge that may be running.
//!
//! In: a data directory, or a file that was set aside as damaged. Out: how the spool is, and its
//! records, page by page, so that no transaction stays open for long. It never changes a record.

use super::keeper::{oldest, spooled};
use super::{FILE_NAME, Spooled};
use crate::store::OpenError;
use crate::store::damage::is_damage;
use crate::store::database::{open_damaged, open_for_reading};
use crate::store::retention::used_bytes;
use crate::store::schema::Schema;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// A spool, for reading.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
    kind: Kind,
}

/// How far a file can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is in use: what is missing at the front was delivered meanwhile, or put behind others.
    InUse,
    /// It was named by somebody, who knows why: numbers that are missing are damage.
    Named,
}

/// The spool could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot read the spool: {source}", path.display())]
pub struct ReadError {
    path: PathBuf,
    source: rusqlite::Error,
}

/// How a spool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub records: u64,
    /// Bytes of the pages that hold something.
    pub bytes: u64,
    /// When the oldest record was received.
    pub oldest: Option<Timestamp>,
    /// What went wrong last with Kafka.
    pub last_error: Option<(Timestamp, String)>,
}

/// What came of handing records over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Export {
    /// Records handed over.
    pub records: u64,
    /// Records that are, or may have been, where the file cannot be read.
    pub unreadable: u64,
}

/// What is known on the way through a file.
struct Walk {
    /// The number of the last record that was read or given up.
    after: i64,
    /// The number of the last record there is.
    last: i64,
    done: Export,
}

impl Reader {
    /// Opens the spool of a data directory.
    ///
    /// # Errors
    ///
    /// When there is none, or it is damaged, foreign or newer than this program.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(FILE_NAME);
        let connection = open_for_reading(path.clone(), Schema::Spool)?;
        Ok(Self { path, connection, kind: Kind::InUse })
    }

    /// Opens a spool by the name of its file: one that was set aside, for example.
    ///
    /// # Errors
    ///
    /// As for [`Reader::open`], but a damaged file is opened as long as its head can be read.
    pub fn open_file(path: PathBuf) -> Result<Self, OpenError> {
        let connection = open_damaged(path.clone(), Schema::Spool)?;
        Ok(Self { path, connection, kind: Kind::Named })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the spool is now.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn status(&self) -> Result<Status, ReadError> {
        self.look().map_err(|source| self.error(source))
    }

    fn look(&self) -> rusqlite::Result<Status> {
        // One moment for all of it.
        let transaction = self.connection.unchecked_transaction()?;
        let first = oldest(&transaction)?;
        let last = newest(&transaction)?;
        let last_error = transaction
            .query_row("SELECT at, error FROM last_error", [], |row| {
                Ok((moment(row.get(0)?), row.get(1)?))
            })
            .optional()?;
        Ok(Status {
            // Numbers are without gaps.
            records: first
                .zip(last)
                .map_or(0, |((first, _), last)| (last - first + 1).unsigned_abs()),
            bytes: used_bytes(&transaction)?,
            oldest: first.map(|(_, received_at)| moment(received_at)),
            last_error,
        })
    }

    /// Hands over the records that are there, oldest first, until told not to go on.
    ///
    /// Beside a running edge a record may be put behind all others before it was read, so that what
    /// has come meanwhile is read as well; some records may be handed over twice.
    ///
    /// Where a file is damaged, what cannot be read is passed over and counted.
    ///
    /// # Errors
    ///
    /// When nothing can be read at all, for another reason than damage. What was handed over
    /// until then was right.
    pub fn export(&self, mut see: impl FnMut(&Spooled) -> bool) -> Result<Export, ReadError> {
        let last = self.last().map_err(|source| self.error(source))?;
        let mut walk = Walk { after: 0, last, done: Export::default() };
        for _ in 0..LEGS {
            if !self.walk(&mut walk, &mut see)? || self.kind == Kind::Named {
                break;
            }
            let newest = newest(&self.connection).map_err(|source| self.error(source))?;
            match newest {
                Some(newest) if newest > walk.last => walk.last = newest,
                _ => break,
            }
        }
        Ok(walk.done)
    }

    /// Goes on to the last record of the walk. Returns whether it was not told to stop.
    fn walk(
        &self,
        walk: &mut Walk,
        see: &mut impl FnMut(&Spooled) -> bool,
    ) -> Result<bool, ReadError> {
        while walk.after < walk.last {
            match self.page(walk, see) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if is_unreadable(&error) => {
                    self.pass_over(walk).map_err(|source| self.error(source))?;
                }
                Err(source) => return Err(self.error(source)),
            }
        }
        Ok(true)
    }

    /// The number of the last record there is, as far as the file can tell.
    fn last(&self) -> rusqlite::Result<i64> {
        let known = newest(&self.connection);
        match (self.kind, known) {
            (Kind::InUse, known) => Ok(known?.unwrap_or(0)),
            (Kind::Named, Err(error)) if !is_unreadable(&error) => Err(error),
            // Where the way to the last record is damaged, the number that was given out last
            // stands elsewhere; but nothing is missing behind the last of a whole file.
            (Kind::Named, known) => {
                let given: rusqlite::Result<Option<i64>> = self
                    .connection
                    .query_row(
                        "SELECT seq FROM sqlite_sequence WHERE name = 'spooled'",
                        [],
                        |row| row.get(0),
                    )
                    .optional();
                match (known, given) {
                    (Ok(None), _) => Ok(0),
                    (Ok(known), Ok(given)) => Ok(known.max(given).unwrap_or(0)),
                    (Ok(known), Err(_)) => Ok(known.unwrap_or(0)),
                    (Err(_), Ok(given)) => Ok(given.unwrap_or(0)),
                    (Err(error), Err(_)) => Err(error),
                }
            }
        }
    }

    /// Hands over one page. Returns whether to go on.
    fn page(
        &self,
        walk: &mut Walk,
        see: &mut impl FnMut(&Spooled) -> bool,
    ) -> rusqlite::Result<bool> {
        let mut records = Vec::new();
        let read = self.read_page(walk, &mut records);
        // Nothing is being read any more: whoever sees the records may take any time.
        for record in records {
            if !see(&record) {
                return Ok(false);
            }
            walk.done.records += 1;
        }
        read.map(|()| true)
    }

    /// Reads a page, or its beginning where the rest cannot be read.
    fn read_page(&self, walk: &mut Walk, records: &mut Vec<Spooled>) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, stream, id, app, json FROM spooled WHERE seq > ? AND seq <= ?
             ORDER BY seq LIMIT ?",
        )?;
        let mut rows = statement.query(params![walk.after, walk.last, PAGE])?;
        let (mut any, mut bytes) = (false, 0);
        while bytes < PAGE_BYTES
            && let Some(row) = rows.next()?
        {
            let record = spooled(row)?;
            // Numbers that are out of order are damage that SQLite did not look for.
            if record.seq <= walk.after {
                continue;
            }
            if walk.after > 0 {
                walk.miss(self.kind, record.seq - 1);
            }
            walk.after = record.seq;
            any = true;
            // Nor does it look into values.
            if serde_json::from_slice::<serde::de::IgnoredAny>(&record.json).is_err() {
                walk.done.unreadable += 1;
                continue;
            }
            bytes += record.json.len();
            records.push(record);
        }
        if !any {
            walk.miss(self.kind, walk.last);
            walk.after = walk.last;
        }
        Ok(())
    }

    /// Moves on to the next record that can be read, behind one that cannot.
    ///
    /// One by one at first, which finds what is sound between two damaged pages; then in strides
    /// that double, and back to where the damage ends.
    fn pass_over(&self, walk: &mut Walk) -> rusqlite::Result<()> {
        let begin = walk.after;
        let mut unreadable = begin;
        let mut step = 1;
        let mut readable = loop {
            let next = unreadable.saturating_add(step).min(walk.last);
            if next == walk.last || self.is_readable_after(next)? {
                break next;
            }
            unreadable = next;
            if next - begin > ONE_BY_ONE {
                step *= 2;
            }
        };
        while readable - unreadable > 1 {
            let middle = unreadable + (readable - unreadable) / 2;
            if self.is_readable_after(middle)? {
                readable = middle;
            } else {
                unreadable = middle;
            }
        }
        walk.after = readable;
        walk.done.unreadable += (readable - begin).unsigned_abs();
        Ok(())
    }

    /// Whether the first record behind a number can be read, or there is none.
    fn is_readable_after(&self, after: i64) -> rusqlite::Result<bool> {
        let probed = self
            .connection
            .prepare_cached(
                "SELECT seq, stream, id, app, json FROM spooled WHERE seq > ? ORDER BY seq LIMIT 1",
            )
            .and_then(|mut statement| statement.query_row([after], spooled).optional());
        match probed {
            Ok(_) => Ok(true),
            Err(error) if is_unreadable(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn error(&self, source: rusqlite::Error) -> ReadError {
        ReadError { path: self.path.clone(), source }
    }
}

impl Walk {
    /// Counts what should have come up to a number, and did not.
    const fn miss(&mut self, kind: Kind, through: i64) {
        match kind {
            Kind::InUse => {}
            Kind::Named => {
                self.done.unreadable += through.saturating_sub(self.after).unsigned_abs();
            }
        }
    }
}

/// The spools of a data directory that were set aside as damaged, the oldest first, and how large
/// each of them is.
pub fn set_aside(data: &Path) -> std::io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_one = name.to_str().is_some_and(|name| {
            name.strip_prefix(FILE_NAME).is_some_and(|rest| {
                // Its log keeps belonging to it under the same name with an ending.
                rest.starts_with(".damaged-") && rest.ends_with('Z')
            })
        });
        if is_one {
            found.push((entry.path(), entry.metadata()?.len()));
        }
    }
    found.sort();
    Ok(found)
}

fn newest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT max(seq) FROM spooled", [], |row| row.get(0))
}

/// Whether the error is of the place that was read rather than of the moment. A file that was cut
/// off ends within a page.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// How often what has come meanwhile is read as well: more than once only where as much comes as is
/// read.
const LEGS: usize = 16;
/// How many records are read in one transaction, and about how many bytes of them.
const PAGE: i64 = 1000;
const PAGE_BYTES: usize = 4 << 20;
/// How many records the pages below one that is damaged may hold, if they are short.
const ONE_BY_ONE: i64 = 20_000;
