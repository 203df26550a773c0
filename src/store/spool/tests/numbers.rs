//! In which order records come and go, and under which numbers.

use super::*;
use serde_json::json;

#[test]
fn records_come_back_as_they_were_and_in_order() {
    let mut bench = Bench::new(&settings());
    let mut batch = Batch::default();
    let time = Timestamp::now();
    for &stream in Stream::ALL {
        let json = json!({ "stream": stream.name(), "edge": "ber-\u{e9}\"1", "sample": "na\u{ef}ve \u{0}" });
        add(&mut batch, stream, "shop", time, &json);
    }
    let expected: Vec<_> = batch
        .entries
        .iter()
        .map(|entry| (entry.stream, entry.id, batch.json(entry).to_vec()))
        .collect();
    assert_eq!(bench.append(batch), Ok(()));
    assert_eq!(bench.append(record("later")), Ok(()));

    let read = bench.read(0, 100, u64::MAX).unwrap();
    assert_eq!(read.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let (first, last) = read.split_at(4);
    for (record, expected) in first.iter().zip(expected) {
        assert_eq!((record.stream, record.id, record.json.clone()), expected);
        assert_eq!((&*record.app, &*record.edge), ("shop", "ber-\u{e9}\"1"));
    }
    assert_eq!((&*last[0].app, &*last[0].edge), ("later", ""));
}

#[test]
fn a_record_that_is_no_utf_8_comes_back_byte_for_byte() {
    let mut bench = Bench::new(&settings());
    let mut batch = record("shop");
    let json = batch.entries[0].json.clone();
    batch.bytes[json.start + 2] = 0xFF;
    let expected = batch.json(&batch.entries[0]).to_vec();
    bench.append(batch).unwrap();
    let read = bench.read(0, 1, 0).unwrap();
    assert_eq!((&read[0].json, &*read[0].edge), (&expected, ""));
}

#[test]
fn a_read_ends_at_its_limits() {
    let mut bench = Bench::new(&settings());
    bench.append(now(10, "shop", 1000)).unwrap();
    for (name, after, records, bytes, expected) in [
        ("records", 0, 3, u64::MAX, vec![1, 2, 3]),
        ("from the middle", 3, 3, u64::MAX, vec![4, 5, 6]),
        ("bytes", 3, 100, 2500, vec![4, 5]),
        ("at least one", 3, 100, 0, vec![4]),
        ("at least one of none", 3, 0, 0, vec![4]),
        ("the end", 8, 100, u64::MAX, vec![9, 10]),
        ("nothing", 10, 100, u64::MAX, vec![]),
    ] {
        let read = bench.read(after, records, bytes).unwrap();
        assert_eq!(read.iter().map(|record| record.seq).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn records_are_deleted_from_the_front() {
    let mut bench = Bench::new(&settings());
    bench.append(now(10, "shop", 0)).unwrap();
    assert_eq!(bench.metrics.records.get(), 10);
    assert_eq!(bench.forget(4), Ok(()));
    assert_eq!(bench.numbers(), [5, 6, 7, 8, 9, 10]);
    assert_eq!(bench.forget(4), Ok(()), "once more is no mistake");
    assert_eq!((bench.metrics.records.get(), bench.metrics.drained.get()), (6, 4));
    assert_eq!(bench.forget(i64::MAX), Ok(()));
    assert_eq!(bench.numbers(), [0; 0]);
    assert_eq!((bench.metrics.records.get(), bench.metrics.drained.get()), (0, 10));
    assert_eq!(bench.metrics.appended.get(), 10);
}

#[test]
fn records_are_put_behind_all_others() {
    let mut bench = Bench::new(&settings());
    bench.append(now(4, "shop", 0)).unwrap();
    let before = bench.read(0, 4, u64::MAX).unwrap();
    assert_eq!(bench.put_behind(&[1, 3, 99]), Ok(PutBehind { first: 5, records: 2 }));
    bench.append(record("later")).unwrap();
    assert_eq!(bench.numbers(), [1, 2, 3, 4, 5, 6, 7]);
    let after = bench.read(4, 2, u64::MAX).unwrap();
    for (copy, original) in after.iter().zip([&before[0], &before[2]]) {
        assert_eq!(Spooled { seq: original.seq, ..copy.clone() }, *original);
    }
    bench.forget(4).unwrap();
    let Metrics { appended, drained, put_behind, records, .. } = &bench.metrics;
    let counts = [appended.get(), drained.get(), put_behind.get()];
    assert_eq!((counts, records.get()), ([7, 4, 2], 3));
    let mut bench = bench.restart(&settings());
    assert_eq!(bench.numbers(), [5, 6, 7]);
}

#[test]
fn what_is_put_behind_keeps_its_age() {
    let mut bench = Bench::new(&settings());
    let then = Timestamp::now() - jiff::SignedDuration::from_secs(90);
    bench.append(records(1, "old", then, 0)).unwrap();
    bench.append(now(1, "young", 0)).unwrap();
    bench.put_behind(&[1]).unwrap();
    bench.forget(1).unwrap();
    bench.writer.look();
    assert!((90..120).contains(&bench.metrics.oldest_seconds.get()));
    bench.forget(3).unwrap();
    bench.append(now(1, "young", 0)).unwrap();
    bench.writer.look();
    assert!(bench.metrics.oldest_seconds.get() < 60);
}

#[test]
fn nothing_is_put_behind_where_the_disk_is_short() {
    let mut bench = Bench::new(&settings());
    bench.append(now(2, "shop", 0)).unwrap();
    let mut bench = bench.restart(&Settings { min_free: ByteSize::pib(1), ..settings() });
    assert_eq!(bench.put_behind(&[1]).map(|put| put.records), Ok(0));
    assert_eq!(bench.numbers(), [1, 2]);
}

#[test]
fn an_export_misses_nothing_that_is_put_behind_meanwhile() {
    let mut bench = Bench::new(&settings());
    bench.append(now(3000, "shop", 0)).unwrap();
    let reader = Reader::open(bench.data.path()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let exported = reader.export(|record| {
        if seen.is_empty() {
            bench.put_behind(&[2500]).unwrap();
            bench.forget(2500).unwrap();
        }
        seen.insert(record.id)
    });
    assert_eq!(exported.unwrap().records, 1501, "one page, what was not forgotten, and the copy");
}

#[test]
fn a_full_spool_can_still_put_records_behind() {
    let mut bench = Bench::new(&Settings { max_bytes: ByteSize::mib(1), ..settings() });
    while bench.append(now(10, "shop", 1000)).is_ok() {}
    assert_eq!(bench.put_behind(&[1]).map(|put| put.records), Ok(1));
}

#[test]
fn batches_go_between_the_slices_of_a_long_deletion() {
    let mut bench = Bench::new(&settings());
    bench.append(now(1200, "shop", 0)).unwrap();
    let forgotten = forget(&bench.handle, 1200);
    let appended = append(&bench.handle, record("between"));
    let mut steps = 0;
    while forgotten.try_recv() != Ok(Ok(())) {
        bench.writer.step(PATIENCE);
        steps += 1;
        if steps == 2 {
            assert_eq!(appended.try_recv(), Ok(Ok(())));
            assert_eq!(bench.metrics.records.get(), 701);
        }
        assert!(steps < 10);
    }
    assert_eq!(steps, 4, "three slices and a group");
    assert_eq!(bench.numbers(), [1201]);
}

#[test]
fn jobs_go_between_groups() {
    let mut bench = Bench::new(&settings());
    // Too large to go in one group.
    let batches = [0, 1, 2].map(|_| append(&bench.handle, now(1, "shop", 5 << 20)));
    let (answered, read) = channel();
    bench.handle.read(0, 10, 0, move |records| answered.send(records).unwrap());
    bench.writer.step(PATIENCE);
    bench.writer.step(PATIENCE);
    assert!(read.try_recv().is_ok());
    assert_eq!(batches[0].try_recv(), Ok(Ok(())));
    assert!(batches[2].try_recv().is_err());
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut bench = Bench::new(&settings());
    bench.append(now(10, "shop", 0)).unwrap();
    bench.forget(4).unwrap();
    let mut bench = bench.restart(&settings());
    assert_eq!(bench.metrics.records.get(), 6);
    assert_eq!(bench.metrics.appended.get(), 0, "they were there");
    assert_eq!(bench.numbers(), [5, 6, 7, 8, 9, 10]);
    bench.append(record("shop")).unwrap();
    assert_eq!(bench.numbers().last(), Some(&11));
    assert_eq!(bench.metrics.records.get(), 7);
}

#[test]
fn numbers_are_not_given_out_twice() {
    let mut bench = Bench::new(&settings());
    bench.append(now(3, "shop", 0)).unwrap();
    bench.forget(3).unwrap();
    bench.append(record("shop")).unwrap();
    assert_eq!(bench.numbers(), [4]);
    bench.forget(4).unwrap();
    let mut bench = bench.restart(&settings());
    bench.append(record("shop")).unwrap();
    assert_eq!(bench.numbers(), [5]);
}

#[test]
fn a_commit_that_was_thought_lost_is_counted_when_it_comes_back() {
    let mut bench = Bench::new(&settings());
    bench.append(now(3, "shop", 0)).unwrap();
    // What a failed sync may leave behind: rows of which the writer does not know.
    bench
        .connection()
        .execute_batch(
            "INSERT INTO spooled (stream, id, received_at, app, json) VALUES (1, x'', 0, '', '{}')",
        )
        .unwrap();
    bench.append(record("shop")).unwrap();
    assert_eq!(bench.numbers(), [1, 2, 3, 4, 5]);
    assert_eq!((bench.metrics.records.get(), bench.metrics.appended.get()), (5, 5));
}

#[test]
fn the_age_of_the_oldest_is_told() {
    let mut bench = Bench::new(&settings());
    assert_eq!(bench.metrics.oldest_seconds.get(), 0);
    let hour_ago = Timestamp::now() - std::time::Duration::from_hours(1);
    bench.append(records(1, "shop", hour_ago, 0)).unwrap();
    bench.append(record("shop")).unwrap();
    bench.writer.when_idle(Timestamp::now());
    assert!(bench.metrics.oldest_seconds.get() >= 3600);
    assert!(bench.metrics.bytes.get() > 0);
    bench.forget(2).unwrap();
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(bench.metrics.oldest_seconds.get(), 0);
}
