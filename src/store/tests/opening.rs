//! What is opened, what is refused, and what is made.

use super::*;
use crate::store::OpenError;
use std::os::unix::fs::PermissionsExt;

fn refusal(data: &Path) -> OpenError {
    Store::open(data, &Settings::default(), metrics()).unwrap_err()
}

#[test]
fn what_is_made_is_for_its_owner_only() {
    let parent = TempDir::new().unwrap();
    let data = parent.path().join("deep/data");
    let store = open(&data);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["cspipe.db", "cspipe.db-wal", "cspipe.db-shm", "cspipe.lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    store.close();
}

#[test]
fn records_survive_opening_again() {
    let data = TempDir::new().unwrap();
    let first = open(data.path());
    store(&first, record("monorail")).unwrap();
    first.close();
    let second = open(data.path());
    store(&second, record("monorail")).unwrap();
    assert_eq!(count(data.path(), "clean"), 2);
}

/// What a process that was killed left in the log may have been the rest of a sync that failed.
#[test]
fn the_log_of_a_process_that_was_killed_is_moved_into_the_database() {
    let (data, copy, moved) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = open(data.path());
    store(&first, record("monorail")).unwrap();
    for file in ["cspipe.db", "cspipe.db-wal"] {
        std::fs::copy(data.path().join(file), copy.path().join(file)).unwrap();
    }
    let second = open(copy.path());
    std::fs::copy(copy.path().join("cspipe.db"), moved.path().join("cspipe.db")).unwrap();
    assert_eq!(count(moved.path(), "clean"), 1);
    second.close();
    first.close();
}

#[test]
fn a_second_store_on_the_same_directory_is_refused() {
    let data = TempDir::new().unwrap();
    let first = open(data.path());
    assert!(matches!(refusal(data.path()), OpenError::Locked { .. }));
    first.close();
    open(data.path());
}

#[test]
fn a_newer_database_is_refused_and_not_touched() {
    let data = TempDir::new().unwrap();
    open(data.path()).close();
    let path = data.path().join(FILE_NAME);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();

    let error = refusal(data.path());
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("written by a newer cspipe"), "{error}");
    assert!(matches!(open_read_only(data.path()), Err(OpenError::Newer { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn the_database_of_another_program_is_refused_and_not_touched() {
    let data = TempDir::new().unwrap();
    let path = data.path().join(FILE_NAME);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(refusal(data.path()), OpenError::Foreign { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_directory_that_cannot_be_one_is_refused() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(refusal(&file), OpenError::NotADirectory { .. }));
    assert!(matches!(refusal(&file.join("data")), OpenError::Directory { .. }));
}

#[test]
fn a_directory_in_the_database_s_place_is_refused() {
    let data = TempDir::new().unwrap();
    std::fs::create_dir(data.path().join(FILE_NAME)).unwrap();
    assert!(matches!(refusal(data.path()), OpenError::Io { .. }));
}

#[test]
fn there_is_nothing_to_read_before_the_first_start() {
    let data = TempDir::new().unwrap();
    assert!(matches!(open_read_only(data.path()), Err(OpenError::Missing { .. })));
    std::fs::write(data.path().join(FILE_NAME), "").unwrap();
    assert!(matches!(open_read_only(data.path()), Err(OpenError::Missing { .. })));
}

#[test]
fn readers_cannot_write() {
    let data = TempDir::new().unwrap();
    let _store = open(data.path());
    let reader = open_read_only(data.path()).unwrap();
    assert!(reader.execute("DELETE FROM record", []).is_err());
}

#[test]
fn every_refusal_is_one_line_that_names_the_path() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = refusal(&file).to_string();
    assert!(message.starts_with(file.to_str().unwrap()), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}
