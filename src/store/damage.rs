//! What to do with a database that SQLite can no longer read.
//!
//! It is renamed, never deleted and never repaired: what can be saved of it is for a person and
//! `sqlite3 .recover` to find out, while the store goes on with a new file.

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Up to this size a database is checked whenever it is opened. A check reads every page, and
/// the start should stay under a second.
const CHECKED_BYTES: u64 = 64 * 1024 * 1024;

/// Whether the error says that the file is not what SQLite wrote.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Looks for damage in a database that is small enough; tells the first one found.
pub(super) fn find(connection: &Connection, path: &Path) -> rusqlite::Result<Option<String>> {
    let is_small = path.metadata().is_ok_and(|file| file.len() <= CHECKED_BYTES);
    if !is_small {
        return Ok(None);
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((verdict != "ok").then_some(verdict))
}

/// Renames a database that nobody has open, with its log, and returns its new name.
///
/// The names keep belonging together, so that SQLite finds the log of the renamed file. The
/// database goes last: SQLite deletes a log beside which it finds no database.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let time = now.strftime("%Y%m%dT%H%M%S%.3fZ");
    let aside = with_suffix(path, &format!(".damaged-{time}"));
    for suffix in ["-wal", "-shm", ""] {
        match std::fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside)
}

/// The file that SQLite keeps beside a database under the same name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
