//! How a spool begins and ends, and what is written beside its records.

use super::*;
use crate::store::Store;

fn last_error(data: &Path) -> Option<String> {
    let connection = open_for_reading(data.join(FILE_NAME), Schema::Spool).unwrap();
    connection.query_row("SELECT error FROM last_error", [], |row| row.get(0)).ok()
}

#[test]
fn the_writer_syncs_every_commit() {
    let mut bench = Bench::new(&settings());
    let query = |connection: &Connection, sql: &str| -> String {
        connection
            .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    };
    assert_eq!(query(bench.connection(), "PRAGMA journal_mode"), "Text(\"wal\")");
    assert_eq!(query(bench.connection(), "PRAGMA synchronous"), "Integer(2)");
}

#[test]
fn a_data_directory_has_one_writer() {
    let data = TempDir::new().unwrap();
    let spool = open(data.path());
    let store_metrics = store::Metrics::register(&Registry::new()).unwrap();
    let store = Store::open(data.path(), &store::Settings::default(), store_metrics);
    assert!(matches!(store.unwrap_err(), OpenError::Locked { .. }));
    spool.close();
    open(data.path());
}

#[test]
fn a_store_is_not_taken_for_a_spool() {
    let data = TempDir::new().unwrap();
    let store_metrics = store::Metrics::register(&Registry::new()).unwrap();
    Store::open(data.path(), &store::Settings::default(), store_metrics).unwrap().close();
    std::fs::rename(data.path().join("cspipe.db"), data.path().join(FILE_NAME)).unwrap();
    let refused = Spool::open(data.path(), &settings(), &store::Settings::default(), metrics());
    assert!(matches!(refused.unwrap_err(), OpenError::Foreign { .. }));
}

#[test]
fn closing_does_what_is_queued_and_answers_the_rest() {
    let data = TempDir::new().unwrap();
    let spool = open(data.path());
    let handle = spool.handle();
    let appended = append(&handle, now(1200, "shop", 0));
    let forgotten = forget(&handle, 1100);
    handle.note("too late to be written at once".to_owned());
    spool.close();
    assert_eq!(appended.try_recv(), Ok(Ok(())));
    assert_eq!(forgotten.try_recv(), Ok(Ok(())));
    assert_eq!(last_error(data.path()).as_deref(), Some("too late to be written at once"));

    assert!(!handle.is_ready());
    assert_eq!(append(&handle, record("late")).try_recv(), Ok(Err(AppendError::Closed)));
    assert_eq!(forget(&handle, 1200).try_recv(), Ok(Err(AppendError::Closed)));
    let (answered, read) = channel();
    handle.read(0, 1, 1, move |records| answered.send(records).unwrap());
    assert_eq!(read.try_recv(), Ok(Err(AppendError::Closed)));
}

#[test]
fn a_writer_that_dies_answers_what_waits() {
    let bench = Bench::new(&settings());
    bench.handle.read(0, 1, 1, |_| panic!("a callback that must not"));
    let forgotten = forget(&bench.handle, 1);
    let (writer, handle) = (bench.writer, bench.handle);
    assert!(std::thread::spawn(|| writer.run()).join().is_err());
    assert_eq!(forgotten.try_recv(), Ok(Err(AppendError::Closed)));
    assert!(!handle.is_ready());
}

#[test]
fn the_last_error_is_kept_and_not_written_all_the_time() {
    let mut bench = Bench::new(&settings());
    bench.handle.note("first".to_owned());
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(last_error(bench.data.path()).as_deref(), Some("first"));
    bench.handle.note("second".to_owned());
    bench.handle.note("third".repeat(1000));
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(last_error(bench.data.path()).as_deref(), Some("first"), "so soon");
    let mut bench = bench.restart(&settings());
    assert_eq!(bench.numbers(), [0; 0]);
    assert_eq!(last_error(bench.data.path()).as_deref(), Some("first"), "it outlives the process");
}

#[test]
fn a_spool_that_could_not_be_opened_is_opened_later() {
    let data = TempDir::new().unwrap();
    let mut bench = Bench::on(data, &settings());
    bench.append(now(3, "shop", 0)).unwrap();
    bench.writer.database().disconnect();
    // As after a start on a full disk.
    let Bench { data, handle, writer, metrics: _ } = bench;
    drop(writer);
    let metrics = metrics();
    let database =
        Database::unopened(data.path().join(FILE_NAME), Schema::Spool, metrics.store.clone());
    handle.queue.set_failing(true);
    let keeper = Keeper::new(data.path(), &settings(), metrics.clone(), handle.notes.clone());
    let mut writer = Writer::new(
        handle.queue.clone(),
        database,
        Purpose::Spool(Box::new(keeper)),
        metrics.store.clone(),
    );
    writer.look();
    assert!(!handle.is_ready());
    writer.when_idle(Timestamp::now());
    assert!(handle.is_ready());
    assert_eq!(metrics.records.get(), 3);
    let appended = append(&handle, record("shop"));
    writer.step(PATIENCE);
    assert_eq!(appended.try_recv(), Ok(Ok(())));
    assert_eq!((metrics.records.get(), metrics.appended.get()), (4, 1));
}

#[test]
fn an_export_that_takes_long_holds_no_log_up() {
    let mut bench = Bench::new(&settings());
    bench.append(now(3000, "shop", 0)).unwrap();
    let reader = Reader::open(bench.data.path()).unwrap();
    let (mut seen, mut left) = (0, Vec::new());
    let exported = reader.export(|_| {
        seen += 1;
        if seen % 700 == 0 {
            bench.append(record("later")).unwrap();
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            let busy = bench.connection().query_row(sql, [], |row| row.get::<_, i64>(0));
            left.push(busy.unwrap());
        }
        true
    });
    assert_eq!(exported.unwrap(), Export { records: 3004, unreadable: 0 });
    assert_eq!(left, [0; 4], "a reader was in the way");
}
