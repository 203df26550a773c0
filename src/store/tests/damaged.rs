//! Databases that SQLite can no longer read.

use super::*;
use std::fs;

/// Makes a store with some records, breaks its file while it is closed, and opens it again.
fn opens_after(name: &str, damage: impl FnOnce(&mut Vec<u8>)) {
    let data = TempDir::new().unwrap();
    let first = open(data.path());
    store(&first, records(300, "before", Timestamp::now(), 500)).unwrap();
    first.close();

    let path = data.path().join(FILE_NAME);
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, &bytes).unwrap();

    let metrics = metrics();
    let second = Store::open(data.path(), &Settings::default(), metrics.clone()).expect(name);
    assert_eq!(metrics.damaged.get(), 1, "{name}");
    assert_eq!(store(&second, record("after")), Ok(()), "{name}");
    assert_eq!(count(data.path(), "clean"), 1, "{name}");
    let aside = set_aside(data.path());
    assert_eq!(aside.len(), 1, "{name}: {aside:?}");
    let is_untouched = fs::read(data.path().join(&aside[0])).unwrap() == bytes;
    assert!(is_untouched, "{name}");
}

/// The names of databases that were set aside.
fn set_aside(data: &Path) -> Vec<String> {
    fs::read_dir(data)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("cspipe.db.damaged-") && name.ends_with('Z'))
        .collect()
}

#[test]
fn a_damaged_database_is_set_aside_when_opened() {
    opens_after("garbage", |bytes| {
        *bytes = b"this is no database, whatever it is ".repeat(1000);
    });
    opens_after("less than a header", |bytes| bytes.truncate(50));
    opens_after("truncated", |bytes| bytes.truncate(bytes.len() / 2));
    opens_after("flipped in the middle", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8192].iter_mut().for_each(|byte| *byte = !*byte);
    });
    opens_after("flipped in the schema", |bytes| {
        bytes[100..4096].iter_mut().for_each(|byte| *byte = !*byte);
    });
}

#[test]
fn an_undamaged_database_stays() {
    let data = TempDir::new().unwrap();
    let first = open(data.path());
    store(&first, records(300, "before", Timestamp::now(), 500)).unwrap();
    first.close();
    let _second = open(data.path());
    assert_eq!(count(data.path(), "clean"), 300);
    assert_eq!(set_aside(data.path()), Vec::<String>::new());
}

/// Writes over the file of an open database, and makes SQLite forget what it has in memory.
fn damage(bench: &mut Bench) {
    let connection = bench.writer.database().connection().unwrap();
    let _: i64 = query(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    let path = bench.data.path().join(FILE_NAME);
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0xA5; usize::try_from(size).unwrap()]).unwrap();
    bench.writer.database().connection().unwrap().execute_batch("PRAGMA shrink_memory").unwrap();
}

#[test]
fn a_database_that_is_damaged_while_running_is_set_aside_and_the_group_stored() {
    let mut bench = Bench::new(&Settings::default());
    bench.store(records(300, "before", Timestamp::now(), 500)).unwrap();
    damage(&mut bench);
    assert_eq!(bench.store(record("after")), Ok(()));
    assert_eq!(bench.metrics.damaged.get(), 1);
    assert_eq!(bench.count("clean"), 1);
    assert!(bench.handle.is_ready());

    // A disk that damages everything is not filled with what it damaged.
    damage(&mut bench);
    assert_eq!(bench.store(record("again")), Err(AppendError::Damaged));
    assert!(!bench.handle.is_ready());
    assert_eq!(set_aside(bench.data.path()).len(), 1);
}

#[test]
fn damage_is_found_by_upkeep_too() {
    let mut bench = Bench::new(&Settings::default());
    bench.store(records(300, "before", Timestamp::now(), 500)).unwrap();
    damage(&mut bench);
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(bench.metrics.damaged.get(), 1);
    assert_eq!(bench.store(record("after")), Ok(()));
    assert_eq!(bench.count("clean"), 1);
}

#[test]
fn a_database_that_is_removed_while_running_is_begun_anew() {
    let mut bench = Bench::new(&Settings::default());
    bench.store(record("before")).unwrap();
    fs::remove_file(bench.data.path().join(FILE_NAME)).unwrap();
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(bench.store(record("after")), Ok(()));
    assert_eq!(bench.count("clean"), 1);
}
