//! What a database looks like.
//!
//! Views are the contract with whoever reads the database; tables are not. A record is stored as
//! the JSON text it was published as, and views take their columns out of it, so that a new field
//! needs no new table.

use super::OpenError;
use crate::report::Stream;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// Of the embedded store.
    Store,
    /// Of the spool.
    Spool,
}

/// Columns of `clean` and `filtered`, in this order. `other` has them too, and `body`.
pub(super) const RECORD_COLUMNS: &[&str] = &[
    "timestamp",
    "received_at",
    "id",
    "schema",
    "stream",
    "report_type",
    "app_name",
    "environment",
    "release",
    "disposition",
    "report_only",
    "page_status",
    "classification",
    "violation_type",
    "violated_directive",
    "effective_directive",
    "blocked_host",
    "blocked_domain",
    "blocked_scheme",
    "blocked_path",
    "blocked_uri",
    "relation",
    "document_uri",
    "report_host",
    "report_domain",
    "path",
    "referrer",
    "source_file",
    "source_host",
    "source_scheme",
    "line_number",
    "column_number",
    "sample",
    "browser",
    "browser_major",
    "browser_bucket",
    "os",
    "device",
    "user_agent",
    "original_policy",
    "policy_hash",
    "tags",
    "filter_rule",
    "filter_reason",
    "fingerprint",
    "wire",
    "repaired",
    "edge",
];

/// Columns of `rejected`, in this order.
pub(super) const REJECTED_COLUMNS: &[&str] =
    &["id", "received_at", "reason", "detail", "content_type", "user_agent", "app_name", "body"];

/// Columns of `hourly`, in this order.
pub(super) const HOURLY_COLUMNS: &[&str] =
    &["hour", "app_name", "classification", "violation_type", "disposition", "stream", "reports"];

/// How a stream is written in the table of records. Numbers are never used again.
pub(super) const fn stream_code(stream: Stream) -> i64 {
    match stream {
        Stream::Clean => 1,
        Stream::Filtered => 2,
        Stream::Other => 3,
        Stream::Rejected => 4,
    }
}

/// The columns of a stream's view. The view itself has the stream's name.
pub(super) fn columns(stream: Stream) -> Vec<&'static str> {
    match stream {
        Stream::Clean | Stream::Filtered => RECORD_COLUMNS.to_vec(),
        Stream::Other => [RECORD_COLUMNS, &["body"]].concat(),
        Stream::Rejected => REJECTED_COLUMNS.to_vec(),
    }
}

impl Schema {
    /// Marks the file as ours, whatever it is called.
    const fn application_id(self) -> i32 {
        match self {
            // "cspi" in ASCII.
            Self::Store => 0x6373_7069,
            // "csps": so that neither is ever taken for the other.
            Self::Spool => 0x6373_7073,
        }
    }

    const fn migrations(self) -> &'static [&'static str] {
        match self {
            Self::Store => MIGRATIONS,
            Self::Spool => SPOOL_MIGRATIONS,
        }
    }

    fn views(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Store => views(),
            // It is read through `cspipe spool`.
            Self::Spool => Vec::new(),
        }
    }

    /// The version that this program writes: how many migrations it knows.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "there are a handful"
    )]
    pub(super) const fn version(self) -> i32 {
        self.migrations().len() as i32
    }

    /// Refuses a database that another program, or a newer version of this one, has written.
    ///
    /// Returns its version, which is 0 for an empty file. Changes nothing.
    pub(super) fn recognise(self, connection: &Connection, path: &Path) -> Result<i32, OpenError> {
        let number = |pragma| {
            connection
                .pragma_query_value(None, pragma, |row| row.get::<_, i32>(0))
                .map_err(|error| OpenError::of(path, error))
        };
        let application = number("application_id")?;
        let version = number("user_version")?;
        let is_empty = connection
            .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))
            .map_err(|error| OpenError::of(path, error))?;
        if application != self.application_id() && !(application == 0 && is_empty) {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
        let known = self.version();
        if version > known {
            return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
        }
        Ok(version)
    }

    /// Brings a database from the given version up to this one's, all of it or nothing.
    pub(super) fn migrate(self, connection: &mut Connection, version: i32) -> rusqlite::Result<()> {
        let Some(missing) =
            usize::try_from(version).ok().and_then(|known| self.migrations().get(known..))
        else {
            return Ok(());
        };
        if missing.is_empty() {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for script in missing {
            transaction.execute_batch(script)?;
        }
        for (name, sql) in self.views() {
            transaction.execute_batch(&format!("DROP VIEW IF EXISTS {name}; {sql}"))?;
        }
        transaction.pragma_update(None, "application_id", self.application_id())?;
        transaction.pragma_update(None, "user_version", self.version())?;
        transaction.commit()
    }
}

/// One script per version, oldest first. Released scripts do not change. Views are not among
/// them: they are made anew whenever a script has run.
///
/// `record_by_receipt` serves retention, `record_by_time` the views. Absent values of
/// `hourly_count` are empty texts, as a primary key without a row id holds no NULL.
const MIGRATIONS: &[&str] = &["
CREATE TABLE record (
    seq INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    app TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX record_by_time ON record (stream, timestamp);
CREATE INDEX record_by_receipt ON record (received_at);
CREATE TABLE hourly_count (
    hour TEXT NOT NULL,
    stream TEXT NOT NULL,
    app TEXT NOT NULL,
    classification TEXT NOT NULL,
    violation_type TEXT NOT NULL,
    disposition TEXT NOT NULL,
    reports INTEGER NOT NULL,
    PRIMARY KEY (hour, stream, app, classification, violation_type, disposition)
) WITHOUT ROWID;
CREATE TABLE hourly_keys (
    hour TEXT NOT NULL PRIMARY KEY,
    keys INTEGER NOT NULL
) WITHOUT ROWID;
"];

/// The same of the spool.
///
/// Numbers are never given out twice, which is what `AUTOINCREMENT` remembers. There is no index:
/// records are only ever taken from the front. Times are milliseconds since 1970.
const SPOOL_MIGRATIONS: &[&str] = &["
CREATE TABLE spooled (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL,
    id BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    app TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE TABLE last_error (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at INTEGER NOT NULL,
    error TEXT NOT NULL
);
"];

/// Every view, by name and by the statement that makes it.
fn views() -> Vec<(&'static str, String)> {
    let mut views: Vec<_> = Stream::ALL
        .iter()
        .map(|&stream| {
            let columns: Vec<_> =
                columns(stream).into_iter().map(|column| expression(stream, column)).collect();
            let sql = format!(
                "CREATE VIEW {} AS SELECT {} FROM record WHERE stream = {}",
                stream.name(),
                columns.join(", "),
                stream_code(stream)
            );
            (stream.name(), sql)
        })
        .collect();
    let hourly: Vec<_> = HOURLY_COLUMNS
        .iter()
        .map(|&column| match column {
            "app_name" => "app AS app_name".to_owned(),
            "classification" | "violation_type" | "disposition" => {
                format!("nullif({column}, '') AS {column}")
            }
            _ => column.to_owned(),
        })
        .collect();
    views.push((
        "hourly",
        format!("CREATE VIEW hourly AS SELECT {} FROM hourly_count", hourly.join(", ")),
    ));
    views
}

/// Where a view's column comes from: the table where it has it, else the record's JSON.
fn expression(stream: Stream, column: &str) -> String {
    match column {
        "timestamp" | "received_at" => column.to_owned(),
        "app_name" => "app AS app_name".to_owned(),
        "stream" => format!("'{}' AS stream", stream.name()),
        _ => format!("json ->> '{column}' AS {column}"),
    }
}
