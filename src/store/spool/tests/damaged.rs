//! Spools that SQLite can no longer read.

use super::*;
use std::fs;

/// Writes over the file of an open database, and makes SQLite forget what it has in memory.
fn damage(bench: &mut Bench) {
    let connection = bench.connection();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    connection.execute_batch("PRAGMA shrink_memory").unwrap();
    let path = bench.data.path().join(FILE_NAME);
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0xA5; usize::try_from(size).unwrap()]).unwrap();
}

fn set_aside(data: &Path) -> usize {
    fs::read_dir(data)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("spool.db.damaged-") && name.ends_with('Z'))
        .count()
}

fn spool_with_records() -> Bench {
    let mut bench = Bench::new(&settings());
    bench.append(now(300, "before", 500)).unwrap();
    bench.forget(100).unwrap();
    bench
}

fn assert_begun_anew(bench: &Bench) {
    assert_eq!(bench.metrics.store.damaged.get(), 1);
    assert_eq!(bench.metrics.set_aside.get(), 200);
    assert_eq!(set_aside(bench.data.path()), 1);
}

#[test]
fn damage_is_found_while_appending_and_the_group_stored() {
    let mut bench = spool_with_records();
    damage(&mut bench);
    assert_eq!(bench.append(record("after")), Ok(()));
    assert_begun_anew(&bench);
    assert!(bench.handle.is_ready());
    // Whoever holds a number of the old file does no harm with it.
    assert_eq!(bench.forget(300), Ok(()));
    assert_eq!(bench.numbers(), [301]);
    assert_eq!(bench.read(300, 10, 0).unwrap().len(), 1);
    let metrics = &bench.metrics;
    let put_in = metrics.appended.get();
    let out = metrics.drained.get() + metrics.set_aside.get();
    assert_eq!(put_in, out + metrics.records.get().unsigned_abs());
}

#[test]
fn damage_is_found_while_reading() {
    let mut bench = spool_with_records();
    damage(&mut bench);
    assert_eq!(bench.read(100, 10, u64::MAX), Ok(Vec::new()));
    assert_begun_anew(&bench);
    assert_eq!(bench.metrics.records.get(), 0);
    assert_eq!(bench.append(record("after")), Ok(()));
    assert_eq!(bench.numbers(), [301]);
}

#[test]
fn damage_is_found_while_deleting() {
    let mut bench = spool_with_records();
    damage(&mut bench);
    assert_eq!(bench.forget(200), Ok(()));
    assert_begun_anew(&bench);
    assert_eq!(bench.metrics.drained.get(), 100, "what was set aside was not delivered");
}

#[test]
fn damage_is_found_by_upkeep() {
    let mut bench = spool_with_records();
    damage(&mut bench);
    bench.writer.when_idle(Timestamp::now());
    assert_begun_anew(&bench);
    assert_eq!(bench.append(record("after")), Ok(()));
    assert_eq!(bench.numbers(), [301]);
}

#[test]
fn damage_is_found_when_opened() {
    let data = TempDir::new().unwrap();
    let spool = open(data.path());
    append(&spool.handle(), now(300, "before", 500)).recv_timeout(PATIENCE).unwrap().unwrap();
    spool.close();
    let path = data.path().join(FILE_NAME);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let spool = open(data.path());
    assert_eq!(set_aside(data.path()), 1);
    assert!(spool.handle().is_ready());
    let after = append(&spool.handle(), record("after")).recv_timeout(PATIENCE).unwrap();
    assert_eq!(after, Ok(()));
}

#[test]
fn a_file_that_is_removed_while_running_is_begun_anew() {
    let mut bench = spool_with_records();
    fs::remove_file(bench.data.path().join(FILE_NAME)).unwrap();
    bench.writer.when_idle(Timestamp::now());
    assert_eq!((bench.metrics.records.get(), bench.metrics.set_aside.get()), (0, 200));
    assert_eq!(bench.append(record("after")), Ok(()));
    assert_eq!(bench.numbers(), [301]);
}
