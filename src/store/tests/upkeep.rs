//! What is deleted, and what becomes of its room.

use super::*;
use crate::report::OTHER_APPS;
use crate::store::retention::used_bytes;
use bytesize::ByteSize;
use std::collections::BTreeMap;

fn file_bytes(bench: &Bench) -> u64 {
    bench.data.path().join(FILE_NAME).metadata().unwrap().len()
}

#[test]
fn old_records_go_and_the_file_shrinks() {
    let mut bench = Bench::new(&Settings::default());
    let now = Timestamp::now();
    let old = now - Duration::from_hours(24);
    for _ in 0..8 {
        bench.store(records(500, "old", old, 1000)).unwrap();
    }
    bench.store(records(10, "new", now, 1000)).unwrap();
    bench.writer.when_idle(Timestamp::now());
    let before = file_bytes(&bench);
    assert_eq!(bench.count("clean"), 4010, "nothing is 30 days old");

    bench.writer.when_idle(now + Duration::from_hours(29 * 24 + 12));
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(bench.count("clean"), 10);
    assert_eq!(bench.count("hourly"), 1);
    assert_eq!(bench.count("hourly_keys"), 1);
    assert_eq!(bench.metrics.expired_by_age.get(), 4000);
    assert_eq!(bench.metrics.expired_by_bytes.get(), 0);
    let after = file_bytes(&bench);
    assert!(after < before / 2, "{before} bytes became {after}");
}

#[test]
fn the_oldest_records_go_when_there_are_too_many() {
    let max_bytes = ByteSize::mib(2);
    let mut bench = Bench::new(&Settings { max_bytes, ..Settings::default() });
    for index in 0..20 {
        bench.store(records(300, &format!("app{index}"), Timestamp::now(), 1000)).unwrap();
        let used = used_bytes(bench.writer.database().connection().unwrap()).unwrap();
        // Upkeep follows every commit, so that the store is never far beyond its limit.
        assert!(used <= max_bytes.as_u64() + (1 << 20), "{used}");
    }
    bench.writer.when_idle(Timestamp::now());
    let used = used_bytes(bench.writer.database().connection().unwrap()).unwrap();
    assert!(used <= max_bytes.as_u64(), "{used}");
    assert!(used > max_bytes.as_u64() / 4, "no more goes than must: {used}");
    // Free pages stay in the file up to 2 MiB.
    assert!(file_bytes(&bench) <= 2 * max_bytes.as_u64() + (1 << 18), "{}", file_bytes(&bench));

    let kept = bench.count("clean");
    assert_eq!(bench.metrics.expired_by_bytes.get(), 6000 - kept.unsigned_abs());
    let reader = open_read_only(bench.data.path()).unwrap();
    assert_eq!(query::<i64>(&reader, "SELECT count(*) FROM clean WHERE app_name = 'app19'"), 300);
    assert_eq!(query::<i64>(&reader, "SELECT count(*) FROM clean WHERE app_name = 'app0'"), 0);
    assert_eq!(query::<i64>(&reader, "SELECT sum(reports) FROM hourly"), 6000, "counts stay");
}

#[test]
fn the_roll_up_gives_way_when_it_fills_more_than_its_share() {
    let max_bytes = ByteSize::kib(512);
    let mut bench = Bench::new(&Settings { max_bytes, ..Settings::default() });
    let now = Timestamp::now();
    for hours in [3, 2, 1] {
        let mut batch = Batch::default();
        for index in 0..1000 {
            let app = format!("application-{index}");
            let time = now - Duration::from_hours(hours);
            add(&mut batch, Stream::Clean, &app, time, &serde_json::json!({ "app_name": app }));
        }
        bench.store(batch).unwrap();
    }
    bench.writer.when_idle(Timestamp::now());
    assert!(bench.count("hourly") < 3000);
    assert!(bench.count("clean") > 0);
}

#[test]
fn the_roll_up_counts_by_key_and_hour() {
    let mut bench = Bench::new(&Settings::default());
    let time: Timestamp = "2026-11-23T09:12:33.123Z".parse().unwrap();
    let mut batch = records(3, "monorail", time, 0);
    add(&mut batch, Stream::Other, "monorail", time, &serde_json::json!({}));
    bench.store(batch).unwrap();
    bench.store(records(2, "monorail", time + Duration::from_mins(47), 0)).unwrap();
    bench.store(records(1, "monorail", time + Duration::from_mins(48), 0)).unwrap();

    let reader = open_read_only(bench.data.path()).unwrap();
    let mut statement = reader
        .prepare("SELECT hour, app_name || ' ' || stream || ' ' || coalesce(classification || ' ' || violation_type || ' ' || disposition, '-'), reports FROM hourly ORDER BY hour, stream")
        .unwrap();
    let rows: Vec<(String, String, i64)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let violation = "monorail clean inline_script script-src enforce".to_owned();
    assert_eq!(
        rows,
        [
            ("2026-11-23T09:00:00.000Z".to_owned(), violation.clone(), 5),
            ("2026-11-23T09:00:00.000Z".to_owned(), "monorail other -".to_owned(), 1),
            ("2026-11-23T10:00:00.000Z".to_owned(), violation, 1),
        ]
    );
}

#[test]
fn keys_beyond_the_limit_are_counted_together() {
    let mut bench = Bench::new(&Settings { rollup_max_keys: 2, ..Settings::default() });
    let time: Timestamp = "2026-11-23T09:12:33.123Z".parse().unwrap();
    for app in ["a", "b", "c", "d", "a", "c"] {
        bench.store(records(1, app, time, 0)).unwrap();
    }
    let reader = open_read_only(bench.data.path()).unwrap();
    let mut statement = reader.prepare("SELECT app_name, reports FROM hourly").unwrap();
    let rows: BTreeMap<String, i64> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let expected = [("a", 2), ("b", 1), (OTHER_APPS, 3)].map(|(app, n)| (app.to_owned(), n));
    assert_eq!(rows, BTreeMap::from(expected));

    // Every hour has its own limit.
    bench.store(records(1, "c", time + Duration::from_hours(1), 0)).unwrap();
    assert_eq!(query::<i64>(&reader, "SELECT count(*) FROM hourly WHERE app_name = 'c'"), 1);
}

#[test]
fn the_log_is_moved_into_the_database_under_load() {
    let mut bench = Bench::new(&Settings::default());
    for _ in 0..40 {
        bench.store(records(100, "monorail", Timestamp::now(), 5000)).unwrap();
    }
    let log = bench.data.path().join("cspipe.db-wal").metadata().unwrap().len();
    // 20 MB went through it.
    assert!(log < 12 << 20, "{log}");
    assert!(file_bytes(&bench) > 8 << 20);
}
