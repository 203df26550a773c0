//! When a batch is answered, and how.

use super::*;
use bytesize::ByteSize;
use std::process::Command;

#[test]
fn records_are_committed_before_the_answer() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let (seen, answer) = channel();
    let path = data.path().to_owned();
    let batch = records(3, "monorail", Timestamp::now(), 0);
    store
        .handle()
        .append(batch, move |result| {
            seen.send((result, count(&path, "clean"))).unwrap();
        })
        .unwrap();
    assert_eq!(answer.recv_timeout(PATIENCE).unwrap(), (Ok(()), 3));
}

#[test]
fn the_writer_syncs_every_commit() {
    let mut bench = Bench::new(&Settings::default());
    let connection = bench.writer.database().connection().unwrap();
    assert_eq!(query::<String>(connection, "PRAGMA journal_mode"), "wal");
    assert_eq!(query::<i64>(connection, "PRAGMA synchronous"), 2, "FULL");
}

#[test]
fn batches_that_wait_are_committed_together() {
    let mut bench = Bench::new(&Settings::default());
    let answers = ["a", "b", "c"].map(|app| append(&bench.handle, record(app)));
    bench.writer.step(PATIENCE);
    for answer in answers {
        assert_eq!(answer.try_recv(), Ok(Ok(())));
    }
    assert_eq!(bench.metrics.commits.get(), 1);
    assert!((bench.metrics.commit_records.get_sample_sum() - 3.0).abs() < 0.5);
    assert_eq!(bench.count("clean"), 3);
    assert_eq!(bench.metrics.queue_bytes.get(), 0);
}

#[test]
fn a_group_ends_at_its_limit() {
    let settings = Settings { commit_bytes: ByteSize::kib(12), ..Settings::default() };
    let mut bench = Bench::new(&settings);
    let answers =
        ["a", "b", "c"].map(|app| append(&bench.handle, records(1, app, Timestamp::now(), 5000)));
    bench.writer.step(PATIENCE);
    let answered = answers.each_ref().map(|answer| answer.try_recv().is_ok());
    assert!(answered[0] && !answered[2], "{answered:?}");
    bench.writer.step(PATIENCE);
    bench.handle.queue.close();
    while bench.writer.step(PATIENCE) {}
    assert_eq!(bench.count("clean"), 3);
}

#[test]
fn a_full_queue_gives_the_batch_back_at_once() {
    let settings = Settings { queue_bytes: ByteSize::kib(16), ..Settings::default() };
    let mut bench = Bench::new(&settings);
    let first = append(&bench.handle, records(2, "first", Timestamp::now(), 5000));
    assert!(bench.handle.is_ready());

    let refused = bench
        .handle
        .append(records(2, "second", Timestamp::now(), 5000), |_| panic!("never answered"))
        .unwrap_err();
    assert_eq!(refused.0.entries.len(), 2);
    assert!(!bench.handle.is_ready());

    bench.writer.step(PATIENCE);
    assert_eq!(first.try_recv(), Ok(Ok(())));
    assert!(bench.handle.is_ready());
    assert_eq!(bench.store(refused.0), Ok(()));
}

#[test]
fn a_batch_larger_than_the_queue_goes_alone() {
    let settings = Settings { queue_bytes: ByteSize::b(1), ..Settings::default() };
    let mut bench = Bench::new(&settings);
    assert_eq!(bench.store(record("monorail")), Ok(()));
}

#[test]
fn a_batch_without_records_needs_no_commit() {
    let bench = Bench::new(&Settings::default());
    assert_eq!(append(&bench.handle, Batch::default()).try_recv(), Ok(Ok(())));
    assert_eq!(bench.metrics.commits.get(), 0);
}

#[test]
fn closing_commits_what_is_queued() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let handle = store.handle();
    let answers: Vec<_> = (0..100).map(|_| append(&handle, record("monorail"))).collect();
    store.close();
    assert!(answers.iter().all(|answer| answer.try_recv() == Ok(Ok(()))));
    assert_eq!(count(data.path(), "clean"), 100);
    let log = data.path().join("cspipe.db-wal");
    assert_eq!(log.metadata().map_or(0, |file| file.len()), 0);

    assert_eq!(append(&handle, record("late")).try_recv(), Ok(Err(AppendError::Closed)));
    assert!(!handle.is_ready());
}

#[test]
fn a_writer_that_dies_answers_what_waits() {
    let bench = Bench::new(&Settings::default());
    bench.handle.append(record("first"), |_| panic!("a callback that must not")).unwrap();
    let (writer, handle) = (bench.writer, bench.handle);
    let second = {
        // Too large to go with the first.
        let large = records(1, "second", Timestamp::now(), 5 << 20);
        append(&handle, large)
    };
    assert!(std::thread::spawn(|| writer.run()).join().is_err());
    assert_eq!(second.try_recv(), Ok(Err(AppendError::Closed)));
    assert!(!handle.is_ready());
}

#[test]
fn a_failed_commit_stores_nothing_and_the_next_is_tried() {
    let mut bench = Bench::new(&Settings::default());
    assert_eq!(bench.store(record("before")), Ok(()));

    // The database may not grow: SQLite calls the disk full.
    let connection = bench.writer.database().connection().unwrap();
    let pages: i64 = query(connection, "PRAGMA page_count");
    let _: i64 = query(connection, &format!("PRAGMA max_page_count = {pages}"));
    let large = records(100, "large", Timestamp::now(), 5000);
    assert_eq!(bench.store(large), Err(AppendError::DiskFull));
    assert!(!bench.handle.is_ready());
    assert_eq!(bench.count("clean"), 1);
    assert_eq!(
        query::<i64>(
            &open_read_only(bench.data.path()).unwrap(),
            "SELECT sum(reports) FROM hourly"
        ),
        1
    );
    assert_eq!(bench.metrics.queue_bytes.get(), 0);

    let connection = bench.writer.database().connection().unwrap();
    let _: i64 = query(connection, "PRAGMA max_page_count = 1000000");
    assert_eq!(bench.store(records(100, "large", Timestamp::now(), 5000)), Ok(()));
    assert!(bench.handle.is_ready());
    assert_eq!(bench.count("clean"), 101);
}

#[test]
fn an_idle_writer_becomes_ready_by_itself() {
    let mut bench = Bench::new(&Settings::default());
    let connection = bench.writer.database().connection().unwrap();
    let _: i64 = query(connection, "PRAGMA max_page_count = 1");
    let large = records(100, "large", Timestamp::now(), 5000);
    assert_eq!(bench.store(large), Err(AppendError::DiskFull));
    assert!(!bench.handle.is_ready());
    bench.writer.when_idle(Timestamp::now());
    assert!(bench.handle.is_ready());
}

#[test]
fn a_reader_with_an_open_transaction_holds_nobody_up() {
    let mut bench = Bench::new(&Settings::default());
    assert_eq!(bench.store(record("before")), Ok(()));
    let reader = open_read_only(bench.data.path()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(query::<i64>(&reader, "SELECT count(*) FROM clean"), 1);

    for _ in 0..10 {
        assert_eq!(bench.store(records(100, "during", Timestamp::now(), 5000)), Ok(()));
        bench.writer.when_idle(Timestamp::now());
    }
    assert_eq!(query::<i64>(&reader, "SELECT count(*) FROM clean"), 1);
    let held = bench.metrics.wal_bytes.get();
    assert!(held > 5_000_000, "the log holds what the reader does not let go: {held}");

    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(query::<i64>(&reader, "SELECT count(*) FROM clean"), 1001);
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(bench.metrics.wal_bytes.get(), 0);
}

#[test]
fn the_room_on_the_disk_is_told() {
    let mut bench = Bench::new(&Settings::default());
    bench.writer.look();
    let asked = Command::new("stat")
        .args(["--file-system", "--format", "%S %b"])
        .arg(bench.data.path())
        .output()
        .unwrap();
    let asked = String::from_utf8(asked.stdout).unwrap();
    let numbers: Vec<i64> =
        asked.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(bench.metrics.disk_size.get(), numbers[0] * numbers[1]);
    assert!((1..=bench.metrics.disk_size.get()).contains(&bench.metrics.disk_free.get()));
}
