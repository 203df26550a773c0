//! The database file: made, locked, opened, and opened again.

use super::damage;
use super::metrics::Metrics;
use super::pace::Pace;
use super::retention::{self, Checkpoint};
use super::schema::Schema;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The database's name in the data directory.
pub(super) const FILE_NAME: &str = "cspipe.db";
/// The file that is locked by the process which writes. The database itself stays unlocked, so
/// that others can read it.
pub(super) const LOCK_NAME: &str = "cspipe.lock";

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{}: cannot make the data directory: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("{}: the data directory is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("{}: another cspipe uses this data directory", path.display())]
    Locked { path: PathBuf },
    #[error(
        "{}: written by a newer cspipe (schema {found}, this one knows up to {known})",
        path.display()
    )]
    Newer { path: PathBuf, found: i32, known: i32 },
    #[error("{}: the database of another program", path.display())]
    Foreign { path: PathBuf },
    #[error("{}: there is no store here yet", path.display())]
    Missing { path: PathBuf },
    /// Only when it could not be set aside, or was opened for reading.
    #[error("{}: the database is damaged: {detail}", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{}: the file system does not allow a write-ahead log", path.display())]
    NoWal { path: PathBuf },
    #[error("{}: cannot open: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: cannot open the database: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// The writer's database, which is replaced when it is damaged.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    schema: Schema,
    /// Absent after an error that left it unusable.
    connection: Option<Connection>,
    metrics: Metrics,
    /// On a disk that damages whatever is written, no more than one file a minute is left behind.
    set_aside_pace: Pace,
    /// A write or a sync has failed since the log was moved into the database last.
    is_log_suspect: bool,
}

/// Opens the database of a data directory for reading, beside a store that may be running.
///
/// Queries see what was committed when their transaction began. As long as a transaction is open
/// the log cannot shrink, so keep it short.
pub fn open_read_only(data: &Path) -> Result<Connection, OpenError> {
    open_for_reading(data.join(FILE_NAME), Schema::Store)
}

/// Opens a database for reading.
pub(super) fn open_for_reading(path: PathBuf, schema: Schema) -> Result<Connection, OpenError> {
    open_prepared(path, schema, |_| Ok(()))
}

/// Opens a database for reading although it may be damaged, as far as SQLite allows.
pub(super) fn open_damaged(path: PathBuf, schema: Schema) -> Result<Connection, OpenError> {
    // With this SQLite opens files that are shorter than their head says, for whoever wants to
    // save what there is. Nothing can be written: the connection is for reading.
    open_prepared(path, schema, |connection| {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true).map(drop)
    })
}

fn open_prepared(
    path: PathBuf,
    schema: Schema,
    prepare: impl Fn(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing { path });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        prepare(&connection)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| OpenError::of(&path, error))?;
    match schema.recognise(&connection, &path)? {
        0 => Err(OpenError::Missing { path }),
        _ => Ok(connection),
    }
}

/// Makes the data directory, for its owner only, unless it exists.
pub(super) fn make_directory(path: &Path) -> Result<(), OpenError> {
    if path.exists() && !path.is_dir() {
        return Err(OpenError::NotADirectory { path: path.to_owned() });
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| OpenError::Directory { path: path.to_owned(), source })
}

/// Takes the lock, which lasts until the file is closed or the process ends, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let file = open_private(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

impl Database {
    /// A database that is opened when it is needed first.
    pub(super) const fn unopened(path: PathBuf, schema: Schema, metrics: Metrics) -> Self {
        Self {
            path,
            schema,
            connection: None,
            metrics,
            set_aside_pace: Pace::once_in(Duration::from_mins(1)),
            is_log_suspect: false,
        }
    }

    /// Opens the database, a new one where it is missing or damaged.
    pub(super) fn open(path: PathBuf, schema: Schema, metrics: Metrics) -> Result<Self, OpenError> {
        let mut database = Self::unopened(path, schema, metrics);
        let opened = connect(&database.path, schema).and_then(|connection| {
            match damage::find(&connection, &database.path) {
                Ok(None) => Ok(connection),
                Ok(Some(detail)) => Err(OpenError::Damaged { path: database.path.clone(), detail }),
                Err(error) => Err(OpenError::of(&database.path, error)),
            }
        });
        match opened {
            Ok(connection) => {
                // The process before may have ended after a sync that failed: see `connection`.
                if let Err(error) = move_log(&connection) {
                    tracing::warn!(%error, "the log of the database stays as it was: {error}");
                    database.is_log_suspect = true;
                }
                database.connection = Some(connection);
            }
            Err(OpenError::Damaged { detail, .. }) => {
                database.set_aside(detail)?;
                database.connection()?;
            }
            Err(error) => return Err(error),
        }
        Ok(database)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn schema(&self) -> Schema {
        self.schema
    }

    /// The connection, opened again where the last one was given up.
    ///
    /// After a sync that failed, the system takes what it could not write for written, and SQLite
    /// finds it again in the log; what is synced behind it would hang in the air after a loss of
    /// power. So the whole log is moved into the database and synced there first.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, OpenError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let connection = connect(&self.path, self.schema)?;
                if self.is_log_suspect {
                    move_log(&connection).map_err(|error| OpenError::of(&self.path, error))?;
                    self.is_log_suspect = false;
                }
                Ok(none.insert(connection))
            }
        }
    }

    /// Gives the connection up unless it can go on after the error.
    pub(super) fn recover_from(&mut self, is_passing: bool) {
        let is_usable =
            is_passing && self.connection.as_ref().is_none_or(Connection::is_autocommit);
        if !is_usable {
            self.is_log_suspect = true;
            self.disconnect();
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Sets the damaged file aside; the next connection begins a new one.
    pub(super) fn set_aside(&mut self, detail: String) -> Result<(), OpenError> {
        self.disconnect();
        if !self.set_aside_pace.allows(Instant::now()) {
            return Err(OpenError::Damaged { path: self.path.clone(), detail });
        }
        let aside = damage::set_aside(&self.path, Timestamp::now())
            .map_err(|source| OpenError::Io { path: self.path.clone(), source })?;
        self.metrics.damaged.inc();
        tracing::error!(
            path = %self.path.display(),
            aside = %aside.display(),
            detail,
            "the database is damaged: it was set aside as {}, and a new one is begun",
            aside.display()
        );
        Ok(())
    }
}

impl OpenError {
    /// Whether it can be opened once others have made room on the disk.
    pub(super) fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => is_disk_full(source),
            Self::Io { source, .. } | Self::Directory { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::NotADirectory { .. }
            | Self::Locked { .. }
            | Self::Newer { .. }
            | Self::Foreign { .. }
            | Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::NoWal { .. } => false,
        }
    }

    /// Tells damage from everything else that SQLite may say.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if damage::is_damage(&error) {
            Self::Damaged { path, detail: error.to_string() }
        } else {
            Self::Sqlite { path, source: error }
        }
    }
}

/// Whether SQLite found the disk full.
pub(super) fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| FULL_DISK_CODES.contains(&error.extended_code))
}

/// Moves all of the log into the database, or fails.
fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    let left = retention::checkpoint(connection, Checkpoint::Passive)?;
    if left == 0 {
        return Ok(());
    }
    let busy = ffi::Error::new(ffi::SQLITE_BUSY);
    let words = format!("a reader keeps {left} pages of the log from being moved");
    Err(rusqlite::Error::SqliteFailure(busy, Some(words)))
}

/// Opens the file for writing and brings it to this version.
fn connect(path: &Path, schema: Schema) -> Result<Connection, OpenError> {
    // SQLite would make the file with the permissions of the umask; what it makes beside it has
    // the permissions of the file.
    drop(open_private(path)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let of = |error| OpenError::of(path, error);
    let mut connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(of)?;
    let version = schema.recognise(&connection, path)?;
    if version == 0 {
        // Has an effect only before anything is written to the file.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(of)?;
    }
    let mode = configure(&connection, schema).map_err(of)?;
    if mode != "wal" {
        return Err(OpenError::NoWal { path: path.to_owned() });
    }
    schema.migrate(&mut connection, version).map_err(of)?;
    Ok(connection)
}

/// Settles how the connection writes; returns the journal mode it really got.
fn configure(connection: &Connection, schema: Schema) -> rusqlite::Result<String> {
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A transaction of the usual size stays in memory until it is committed.
    connection.pragma_update(None, "cache_size", -(CACHE_KIB))?;
    // The writer moves the log into the database between commits. SQLite would do so inside a
    // commit, while batches wait for their answer; it steps in only if the writer does not.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 8192, |_| Ok(()))?;
    // What a long reader made grow is cut back to this once it has gone.
    let limit = match schema {
        Schema::Store => 16 << 20,
        // A spool that is full needs the room.
        Schema::Spool => 4 << 20,
    };
    connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
    Ok(mode)
}

/// Opens a file, and makes it readable by its owner only where it is missing.
fn open_private(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| OpenError::Io { path: path.to_owned(), source })
}

/// How long to wait for another program that holds the write lock, a `sqlite3` shell for example.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What SQLite says on a full disk: in a file, and in the index of its log.
const FULL_DISK_CODES: [i32; 2] = [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE];

const CACHE_KIB: i32 = 16 * 1024;
