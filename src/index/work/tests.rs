//! The work step by step, as the consumer's thread drives it, without Kafka and Elasticsearch.

use super::*;
use prometheus::Registry;
use serde_json::{Value, json};
use std::sync::mpsc::{Sender, channel};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Work, and the other ends of its channels.
struct Bench {
    work: Work,
    jobs: UnboundedReceiver<Job>,
    done: Sender<Done>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let (settings, kafka) = (Settings::default(), kafka::Settings::default());
        let refusals = Refusals::new(&kafka, "test", pauses(&settings)).expect("a producer");
        let metrics = Metrics::register(&Registry::new()).expect("metrics");
        let ((jobs, told), (done, heard)) = (unbounded_channel(), channel());
        let work = Work::new(&settings, &kafka.topics, refusals, jobs, heard, metrics);
        Self { work, jobs: told, done, now: Instant::now() }
    }

    fn take(&mut self, partition: i32, offset: i64) {
        let value = format!(r#"{{"id":"{partition}/{offset}"}}"#);
        self.work.take(Stream::Clean, partition, offset, Some(value.as_bytes()), self.now);
    }

    /// Sends all that is to be sent, and answers each record by its id. Returns how many there were.
    fn answer(&mut self, status: impl Fn(&str) -> u16) -> usize {
        self.work.step(self.now, true);
        let mut answered = 0;
        while let Ok(job) = self.jobs.try_recv() {
            let items: Vec<Value> = (0..job.batch.records())
                .map(|at| {
                    let record: Value = serde_json::from_slice(job.batch.record(at)).expect("JSON");
                    let status = status(record["id"].as_str().expect("an id"));
                    json!({ "create": { "status": status } })
                })
                .collect();
            answered += items.len();
            let body = json!({ "items": items }).to_string().into();
            let result = Ok(Reply { status: 200, body, is_cut: false });
            self.done.send(Done { job, took: Duration::ZERO, result }).expect("it is heard");
        }
        self.now += Duration::from_mins(5);
        self.work.step(self.now, false);
        answered
    }
}

#[test]
fn a_record_that_is_never_taken_holds_up_its_partition_only() {
    let mut bench = Bench::new();
    bench.work.partitions.assign(Stream::Clean, 0);
    bench.work.partitions.assign(Stream::Clean, 1);
    let mut offset = 0;
    while !bench.work.is_full(Stream::Clean, 0) {
        for _ in 0..5000 {
            bench.take(0, offset);
            offset += 1;
        }
        while bench.answer(|id| if id == "0/0" { 503 } else { 201 }) > 1 {}
        assert!(offset < 1_000_000, "it is never full");
    }
    assert_eq!(bench.work.culprit(Stream::Clean, 0), Some(0));
    assert!(!bench.work.is_full(Stream::Clean, 1) && bench.work.has_room(Stream::Clean, 1));
    bench.take(1, 7);
    bench.answer(|id| if id == "0/0" { 503 } else { 201 });
    assert_eq!(bench.work.partitions.to_commit().collect::<Vec<_>>(), [(Stream::Clean, 1, 8)]);
    while bench.answer(|_| 201) > 0 {}
    assert!(bench.work.has_room(Stream::Clean, 0) && bench.work.is_empty());
    let all: Vec<_> = bench.work.partitions.to_commit().collect();
    assert_eq!(all, [(Stream::Clean, 0, offset), (Stream::Clean, 1, 8)]);
}
