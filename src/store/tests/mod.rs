//! The store on real files. Nothing here measures time; what could wait for ever gives up.

mod commit;
mod damaged;
mod opening;
mod upkeep;
mod views;

use super::database::{Database, FILE_NAME};
use super::embedded::Embedded;
use super::queue::Queue;
use super::schema::Schema;
use super::writer::{Purpose, Writer};
use super::{AppendError, Handle, Metrics, Settings, Store, open_read_only};
use crate::policy::Directive;
use crate::report::{Batch, Classification, Disposition, Entry, Stream};
use jiff::Timestamp;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// Longer than anything here lasts, shorter than a test runner waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

type Answer = Result<(), AppendError>;

/// A writer without its thread, so that a test does step by step what the thread would do.
struct Bench {
    data: TempDir,
    handle: Handle,
    writer: Writer,
    metrics: Metrics,
}

impl Bench {
    fn new(settings: &Settings) -> Self {
        let data = TempDir::new().unwrap();
        let metrics = metrics();
        let path = data.path().join(FILE_NAME);
        let database = Database::open(path, Schema::Store, metrics.clone()).unwrap();
        let queue = Arc::new(Queue::new(settings, metrics.queue_bytes.clone()));
        let purpose = Purpose::Store(Embedded::new(settings, metrics.clone()));
        let writer = Writer::new(queue.clone(), database, purpose, metrics.clone());
        Self { data, handle: Handle { queue }, writer, metrics }
    }

    /// Appends a batch and lets the writer do one step.
    fn store(&mut self, batch: Batch) -> Answer {
        let answer = append(&self.handle, batch);
        self.writer.step(PATIENCE);
        answer.try_recv().unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        count(self.data.path(), table)
    }
}

fn metrics() -> Metrics {
    Metrics::register(&prometheus::Registry::new()).unwrap()
}

fn open(data: &Path) -> Store {
    Store::open(data, &Settings::default(), metrics()).unwrap()
}

fn append(handle: &Handle, batch: Batch) -> Receiver<Answer> {
    let (answered, answer) = channel();
    handle.append(batch, move |result| answered.send(result).unwrap()).unwrap();
    answer
}

fn store(store: &Store, batch: Batch) -> Answer {
    append(&store.handle(), batch).recv_timeout(PATIENCE).unwrap()
}

fn query<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn count(data: &Path, table: &str) -> i64 {
    query(&open_read_only(data).unwrap(), &format!("SELECT count(*) FROM {table}"))
}

/// One record of a violation, received just now.
pub(super) fn record(app: &str) -> Batch {
    records(1, app, Timestamp::now(), 0)
}

/// Equal records, as long as wanted.
pub(super) fn records(number: usize, app: &str, time: Timestamp, padding: usize) -> Batch {
    let mut batch = Batch::default();
    let sample = "x".repeat(padding);
    for _ in 0..number {
        let json = serde_json::json!({ "app_name": app, "sample": sample });
        add(&mut batch, Stream::Clean, app, time, &json);
    }
    batch
}

pub(super) fn add(
    batch: &mut Batch,
    stream: Stream,
    app: &str,
    time: Timestamp,
    json: &serde_json::Value,
) {
    let json_start = batch.bytes.len();
    batch.bytes.extend_from_slice(json.to_string().as_bytes());
    let json = json_start..batch.bytes.len();
    batch.bytes.extend_from_slice(app.as_bytes());
    let is_violation = matches!(stream, Stream::Clean | Stream::Filtered);
    batch.tally.add(stream);
    batch.entries.push(Entry {
        stream,
        id: Uuid::now_v7(),
        received_at: time,
        timestamp: time,
        app: json.end..batch.bytes.len(),
        json,
        classification: is_violation.then_some(Classification::InlineScript),
        violation_type: is_violation.then_some(Directive::ScriptSrc),
        disposition: is_violation.then_some(Disposition::Enforce),
    });
}
