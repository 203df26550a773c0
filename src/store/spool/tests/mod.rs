//! The spool on real files. Nothing here measures time; what could wait for ever gives up.

mod damaged;
mod full;
mod numbers;
mod opening;

use super::*;
use crate::store;
use crate::store::database::open_for_reading;
use crate::store::tests::{PATIENCE, add, record, records};
use bytesize::ByteSize;
use jiff::Timestamp;
use prometheus::Registry;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;

type Answer<T> = Result<T, AppendError>;

/// A writer without its thread, so that a test does step by step what the thread would do.
struct Bench {
    data: TempDir,
    handle: Handle,
    writer: Writer,
    metrics: Metrics,
}

/// Settings under which the disk of whoever runs the tests does not matter.
fn settings() -> Settings {
    Settings { min_free: ByteSize::b(0), ..Settings::default() }
}

fn metrics() -> Metrics {
    Metrics::register(&Registry::new()).unwrap()
}

fn open(data: &Path) -> Spool {
    Spool::open(data, &settings(), &store::Settings::default(), metrics()).unwrap()
}

impl Bench {
    fn new(settings: &Settings) -> Self {
        Self::on(TempDir::new().unwrap(), settings)
    }

    fn on(data: TempDir, settings: &Settings) -> Self {
        let metrics = metrics();
        let path = data.path().join(FILE_NAME);
        let database = Database::open(path, Schema::Spool, metrics.store.clone()).unwrap();
        let queue =
            Arc::new(Queue::new(&store::Settings::default(), metrics.store.queue_bytes.clone()));
        let notes = Arc::new(Notes::default());
        let keeper = Keeper::new(data.path(), settings, metrics.clone(), notes.clone());
        let mut writer = Writer::new(
            queue.clone(),
            database,
            Purpose::Spool(Box::new(keeper)),
            metrics.store.clone(),
        );
        writer.look();
        Self { data, handle: Handle { queue, notes }, writer, metrics }
    }

    /// Ends the process, and begins the next one on the same files.
    fn restart(self, settings: &Settings) -> Self {
        let Self { data, writer, handle, metrics: _ } = self;
        handle.queue.close();
        drop(writer);
        Self::on(data, settings)
    }

    fn append(&mut self, batch: Batch) -> Answer<()> {
        let answer = append(&self.handle, batch);
        self.writer.step(PATIENCE);
        answer.try_recv().unwrap()
    }

    fn read(&mut self, after: i64, records: u32, bytes: u64) -> Answer<Vec<Spooled>> {
        let (answered, answer) = channel();
        self.handle.read(after, records, bytes, move |read| answered.send(read).unwrap());
        self.writer.step(PATIENCE);
        answer.try_recv().unwrap()
    }

    /// The numbers of all records.
    fn numbers(&mut self) -> Vec<i64> {
        let read = self.read(0, u32::MAX, u64::MAX).unwrap();
        read.iter().map(|record| record.seq).collect()
    }

    fn forget(&mut self, through: i64) -> Answer<()> {
        let answer = forget(&self.handle, through);
        for _ in 0..1000 {
            self.writer.step(PATIENCE);
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
        panic!("never answered");
    }

    fn put_behind(&mut self, numbers: &[i64]) -> Answer<PutBehind> {
        let (answered, answer) = channel();
        self.handle.put_behind(numbers.to_vec(), move |put| answered.send(put).unwrap());
        self.writer.step(PATIENCE);
        answer.try_recv().unwrap()
    }

    fn connection(&mut self) -> &Connection {
        self.writer.database().connection().unwrap()
    }

    fn keeper(&mut self) -> &mut Keeper {
        match self.writer.purpose() {
            Purpose::Spool(keeper) => keeper,
            Purpose::Store(_) => panic!("a spool"),
        }
    }
}

fn append(handle: &Handle, batch: Batch) -> Receiver<Answer<()>> {
    let (answered, answer) = channel();
    handle.append(batch, move |result| answered.send(result).unwrap()).unwrap();
    answer
}

fn forget(handle: &Handle, through: i64) -> Receiver<Answer<()>> {
    let (answered, answer) = channel();
    handle.forget(through, move |result| answered.send(result).unwrap());
    answer
}

fn now(number: usize, app: &str, padding: usize) -> Batch {
    records(number, app, Timestamp::now(), padding)
}
