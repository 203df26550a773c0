//! A spool that has no room.

use super::*;

#[test]
fn a_full_spool_refuses_until_there_is_room_again() {
    let settings = Settings { max_bytes: ByteSize::mib(1), ..settings() };
    let mut bench = Bench::new(&settings);
    let mut stored = 0;
    let error = loop {
        match bench.append(now(20, "shop", 1000)) {
            Ok(()) => stored += 20,
            Err(error) => break error,
        }
    };
    assert_eq!(error, AppendError::SpoolFull);
    assert!(stored > 500, "{stored}");
    assert!(!bench.handle.is_ready());
    bench.writer.when_idle(Timestamp::now());
    assert!(!bench.handle.is_ready(), "time alone makes no room");
    assert_eq!(bench.metrics.full.get(), 20);
    assert_eq!(bench.metrics.records.get(), i64::from(stored));
    assert!(bench.metrics.bytes.get() <= 1 << 20);
    let file = bench.data.path().join(FILE_NAME).metadata().unwrap().len();
    assert!(file <= (1 << 20) + (1 << 16), "{file}");

    // What is there can be read and deleted.
    assert_eq!(bench.read(0, 1, 0).unwrap()[0].seq, 1);
    bench.forget(i64::from(stored) / 2).unwrap();
    bench.writer.when_idle(Timestamp::now());
    assert!(bench.handle.is_ready());
    assert_eq!(bench.append(now(20, "shop", 1000)), Ok(()));
    assert_eq!(bench.numbers().last(), Some(&i64::from(stored + 20)), "no gap");
}

#[test]
fn what_fits_of_a_group_is_stored() {
    let settings = Settings { max_bytes: ByteSize::kib(128), ..settings() };
    let mut bench = Bench::new(&settings);
    let answers = [1, 1, 200, 1].map(|records| append(&bench.handle, now(records, "shop", 1000)));
    bench.writer.step(PATIENCE);
    let full = Ok(Err(AppendError::SpoolFull));
    assert_eq!(answers.map(|answer| answer.try_recv()), [Ok(Ok(())), Ok(Ok(())), full, full]);
    assert_eq!(bench.numbers(), [1, 2]);
    assert_eq!(bench.metrics.full.get(), 201);
    assert_eq!(bench.metrics.store.queue_bytes.get(), 0);
}

#[test]
fn free_pages_make_room() {
    let settings = Settings { max_bytes: ByteSize::mib(1), ..settings() };
    let mut bench = Bench::new(&settings);
    for _ in 0..10 {
        // Without any upkeep in between, so that the file does not shrink.
        bench.append(now(600, "shop", 1000)).unwrap();
        bench.forget(i64::MAX).unwrap();
    }
    assert_eq!(bench.metrics.full.get(), 0);
}

#[test]
fn a_file_system_with_too_little_left_refuses_until_it_has_more() {
    let mut bench = Bench::new(&settings());
    bench.append(record("shop")).unwrap();
    bench.keeper().room().set_min_free(u64::MAX);
    assert_eq!(bench.append(record("shop")), Err(AppendError::SpoolFull));
    assert!(!bench.handle.is_ready());
    assert_eq!(bench.forget(1), Ok(()));
    bench.keeper().room().set_min_free(0);
    bench.writer.when_idle(Timestamp::now());
    assert!(bench.handle.is_ready());
    assert_eq!(bench.append(record("shop")), Ok(()));
    assert_eq!(bench.metrics.full.get(), 1);
}

#[test]
fn too_little_room_is_noticed_before_anything_comes() {
    let settings = Settings { min_free: ByteSize::b(u64::MAX), ..settings() };
    let data = TempDir::new().unwrap();
    let spool =
        Spool::open(data.path(), &settings, &store::Settings::default(), metrics()).unwrap();
    assert!(!spool.handle().is_ready());
}

#[test]
fn a_disk_that_is_full_is_no_full_spool() {
    let mut bench = Bench::new(&settings());
    bench.append(record("shop")).unwrap();
    let pages: i64 =
        bench.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = |bench: &mut Bench, pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        bench.connection().query_row(&sql, [], |_| Ok(())).unwrap();
    };
    limit(&mut bench, pages);
    assert_eq!(bench.append(now(100, "shop", 5000)), Err(AppendError::DiskFull));
    assert!(!bench.handle.is_ready());
    assert_eq!(bench.metrics.records.get(), 1);
    limit(&mut bench, 1_000_000);
    assert_eq!(bench.append(now(100, "shop", 5000)), Ok(()));
    assert!(bench.handle.is_ready());
    assert_eq!((bench.metrics.records.get(), bench.metrics.appended.get()), (101, 101));
    assert_eq!(bench.numbers().last(), Some(&101), "no number is lost to a failed commit");
}

#[test]
fn a_drained_spool_gives_its_room_back() {
    let mut bench = Bench::new(&settings());
    for _ in 0..8 {
        bench.append(now(500, "shop", 1000)).unwrap();
    }
    bench.writer.when_idle(Timestamp::now());
    let size = |bench: &Bench| bench.data.path().join(FILE_NAME).metadata().unwrap().len();
    let before = size(&bench);
    bench.forget(i64::MAX).unwrap();
    bench.writer.when_idle(Timestamp::now());
    // Free pages stay in the file up to 2 MiB.
    assert!(before > 4 << 20 && size(&bench) < (2 << 20) + (1 << 16), "{before} {}", size(&bench));
}

#[test]
fn who_asks_all_the_time_keeps_no_upkeep_away() {
    let mut bench = Bench::new(&settings());
    for _ in 0..8 {
        bench.append(now(500, "shop", 1000)).unwrap();
    }
    bench.writer.when_idle(Timestamp::now());
    bench.forget(i64::MAX).unwrap();
    bench.handle.queue.set_failing(true);
    bench.writer.let_time_pass();
    assert_eq!(bench.read(0, 1, 0), Ok(Vec::new()));
    assert!(bench.handle.is_ready(), "a failing writer tries again");
    let size = bench.data.path().join(FILE_NAME).metadata().unwrap().len();
    assert!(size < (2 << 20) + (1 << 16), "{size}");
}

#[test]
fn a_reserve_is_held_until_the_disk_is_full() {
    let mut bench = Bench::new(&settings());
    let reserve = bench.data.path().join(reserve::FILE_NAME);
    let size = reserve.metadata().unwrap().len();
    assert!(size > 0);
    assert_eq!(reserve::Reserve::find(bench.data.path()).missing(), 0, "it has no hole");

    assert!(bench.keeper().release_reserve());
    assert!(!reserve.exists());
    assert!(!bench.keeper().release_reserve(), "there is none any more");
    bench.keeper().room().set_min_free(u64::MAX - size);
    bench.writer.when_idle(Timestamp::now());
    assert!(!reserve.exists(), "there is no room for it");
    bench.keeper().room().set_min_free(0);
    bench.writer.when_idle(Timestamp::now());
    assert_eq!(reserve.metadata().unwrap().len(), size);
}

#[test]
fn a_reserve_outlives_a_restart_and_one_with_a_hole_is_none() {
    let bench = Bench::new(&settings());
    let reserve = bench.data.path().join(reserve::FILE_NAME);
    let mut bench = bench.restart(&Settings { min_free: ByteSize::b(u64::MAX), ..settings() });
    assert!(bench.keeper().release_reserve());
    // As long as it was, and nothing in it.
    std::fs::File::create(&reserve).unwrap().set_len(8 << 20).unwrap();
    assert!(reserve::Reserve::find(bench.data.path()).missing() > 0);
    let bench = bench.restart(&settings());
    assert!(reserve.exists());
    assert_eq!(reserve::Reserve::find(bench.data.path()).missing(), 0);
}
