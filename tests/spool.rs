//! `cspipe spool`, on spools of the library's own making.

mod support;

use cspipe::report::{Batch, Entry, Stream};
use cspipe::store::spool::{FILE_NAME, Handle, Metrics, Settings, Spool};
use jiff::{SignedDuration, Timestamp};
use prometheus::Registry;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::channel;
use support::edge::PATIENCE;
use support::process::{cspipe, folder, run, succeed, texts};
use uuid::Uuid;

fn open(folder: &Path) -> Spool {
    let settings = Settings { min_free: bytesize::ByteSize::b(0), ..Settings::default() };
    let metrics = Metrics::register(&Registry::new()).expect("metrics");
    Spool::open(&folder.join("data"), &settings, &cspipe::store::Settings::default(), metrics)
        .expect("a spool")
}

/// Appends records of these streams, and returns their JSON texts.
fn append(handle: &Handle, streams: &[Stream], padding: usize) -> Vec<String> {
    let mut batch = Batch::default();
    let mut texts = Vec::new();
    let received_at = Timestamp::now() - SignedDuration::from_mins(90);
    for (number, &stream) in streams.iter().enumerate() {
        let text = json!({
            "id": Uuid::now_v7(),
            "number": number,
            "sample": "naïve\n".repeat(padding),
            "edge": "edge-1",
        })
        .to_string();
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(text.as_bytes());
        let json = start..batch.bytes.len();
        batch.bytes.extend_from_slice(b"shop");
        batch.entries.push(Entry {
            stream,
            id: Uuid::now_v7(),
            received_at,
            timestamp: received_at,
            app: json.end..batch.bytes.len(),
            json,
            classification: None,
            violation_type: None,
            disposition: None,
        });
        texts.push(text);
    }
    let (answered, answer) = channel();
    handle.append(batch, move |result| answered.send(result).expect("a test waits")).expect("room");
    answer.recv_timeout(PATIENCE).expect("an answer").expect("stored");
    texts
}

/// The file's name that a damaged spool would have been given.
fn aside(folder: &Path) -> PathBuf {
    folder.join("data").join(format!("{FILE_NAME}.damaged-20261124T120000.000Z"))
}

#[test]
fn without_a_spool_there_is_one_line() {
    let folder = folder();
    for arguments in [&["spool"][..], &["spool", "status"], &["spool", "export"]] {
        let output = run(cspipe(folder.path()).args(arguments));
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let (out, errors) = texts(output);
        assert_eq!(out, "", "{arguments:?}");
        assert_eq!(errors, "cspipe: data/spool.db: there is no spool here\n", "{arguments:?}");
    }
    assert!(!folder.path().join("data").exists(), "nothing is made by looking");
}

#[test]
fn the_status_is_told_beside_a_running_spool() {
    let folder = folder();
    let spool = open(folder.path());
    let (out, _) = succeed(cspipe(folder.path()).arg("spool"));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..2], ["spool: data/spool.db", "records: 0"], "{out}");
    assert_eq!(lines[3..], ["oldest: none, the spool is empty", "last error: none"], "{out}");

    append(&spool.handle(), &[Stream::Clean; 12], 10);
    let (forgotten, answer) = channel();
    spool.handle().forget(5, move |result| forgotten.send(result).expect("a test waits"));
    answer.recv_timeout(PATIENCE).expect("an answer").expect("deleted");
    fs::write(aside(folder.path()), "whatever").expect("a file");
    let (out, _) = succeed(cspipe(folder.path()).args(["spool", "status"]));
    assert!(out.contains("\nrecords: 7\n") && out.contains("Z, 1h 30m"), "{out}");
    let told = format!(
        "\nset aside as damaged: data/{0} (8 B); cspipe spool export --file data/{0}\n",
        aside(folder.path()).file_name().and_then(|name| name.to_str()).expect("a name")
    );
    assert!(out.contains(&told), "{out}");

    spool.handle().note("all brokers are down\n\u{1b}[31m".to_owned());
    spool.close();
    let (out, _) = succeed(cspipe(folder.path()).args(["spool", "--data", "data"]));
    assert!(out.contains(" ago: all brokers are down\\n\\u{1b}[31m\n"), "{out}");
    let (out, _) = succeed(cspipe(folder.path()).args(["spool", "--format", "json"]));
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["spool"], "data/spool.db");
    assert_eq!(told["records"], 7);
    assert!(told["bytes"].as_u64() > Some(4096), "{out}");
    assert!(told["oldest_seconds"].as_i64() >= Some(5400), "{out}");
    assert!(told["oldest"].as_str().is_some_and(|at| at.parse::<Timestamp>().is_ok()), "{out}");
    assert_eq!(told["last_error"]["error"], "all brokers are down\n\u{1b}[31m");
    assert_eq!(told["set_aside"][0]["bytes"], 8);
}

#[test]
fn records_are_exported_as_they_are_and_stay() {
    let folder = folder();
    let spool = open(folder.path());
    let streams = Stream::ALL.repeat(600);
    let all = append(&spool.handle(), &streams, 5);
    for _ in 0..2 {
        let (out, errors) = succeed(cspipe(folder.path()).args(["spool", "export"]));
        assert_eq!(errors, "");
        assert!(out.lines().eq(&all));
    }
    let (out, _) = succeed(cspipe(folder.path()).args(["spool", "export", "--stream", "rejected"]));
    let of = |wanted: &[Stream]| -> Vec<&String> {
        let with_stream = all.iter().zip(&streams);
        with_stream.filter(|(_, stream)| wanted.contains(stream)).map(|(text, _)| text).collect()
    };
    assert!(out.lines().eq(of(&[Stream::Rejected])));
    let two = ["spool", "export", "--stream", "clean", "--stream", "other"];
    let (out, _) = succeed(cspipe(folder.path()).args(two));
    assert!(out.lines().eq(of(&[Stream::Clean, Stream::Other])));

    let output = run(cspipe(folder.path()).args(["spool", "export", "--stream", "dirty"]));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = folder();
    let spool = open(folder.path());
    append(&spool.handle(), &[Stream::Clean; 3000], 50);
    let mut child = cspipe(folder.path())
        .args(["spool", "export"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    drop(out);
    let mut errors = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    assert_eq!(errors, "");
}

/// Makes a spool of so many records, closes it, breaks its file and gives it a name of its own.
fn damaged(folder: &Path, records: usize, damage: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let spool = open(folder);
    let all = append(&spool.handle(), &vec![Stream::Clean; records], 100);
    spool.close();
    let path = folder.join("data").join(FILE_NAME);
    let mut bytes = fs::read(&path).expect("a file");
    fs::remove_file(&path).expect("it goes");
    damage(&mut bytes);
    fs::write(aside(folder), bytes).expect("a file");
    all
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_exported() {
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 4] = [
        ("two pages in the middle", |bytes| {
            let middle = bytes.len() / 2 / 4096 * 4096;
            bytes[middle..middle + 4096].fill(0xA5);
            bytes[middle + 5 * 4096..middle + 6 * 4096].fill(0xA5);
        }),
        ("the end", |bytes| bytes.truncate(bytes.len() / 2)),
        ("the begin of the records", |bytes| bytes[5 * 4096..40 * 4096].fill(0xA5)),
        ("values", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 300].iter_mut().for_each(|byte| *byte = b'?');
        }),
    ];
    for (name, damage) in cases {
        let folder = folder();
        let all = damaged(folder.path(), 2000, damage);
        let file = aside(folder.path());
        let before = fs::read(&file).expect("a file");
        let output = run(cspipe(folder.path())
            .env("CSPIPE_DATA", "elsewhere")
            .args(["spool", "export", "--file"])
            .arg(&file));
        let code = output.status.code();
        let (out, errors) = texts(output);
        assert_eq!(code, Some(1), "{name}: {errors}");
        let lines: Vec<&str> = out.lines().collect();
        let mut rest = all.iter();
        for line in &lines {
            assert!(rest.any(|text| text == line), "{name}: no record, or not in order");
        }
        let missing = all.len() - lines.len();
        assert!(missing > 0 && missing < 1990, "{name}: {missing} are missing");
        let told = format!(": {} records were read, up to {missing} could not be\n", lines.len());
        assert!(errors.ends_with(&told), "{name}: {errors}");
        assert!(fs::read(&file).expect("a file") == before, "{name}: it was changed");
    }
}

#[test]
fn of_a_file_without_a_head_nothing_is_read() {
    let folder = folder();
    damaged(folder.path(), 10, |bytes| bytes[..4096].fill(0xA5));
    let file = aside(folder.path());
    let output = run(cspipe(folder.path()).args(["spool", "export", "--file"]).arg(&file));
    assert_eq!(output.status.code(), Some(3));
    let (out, errors) = texts(output);
    assert_eq!(out, "");
    assert_eq!(errors.lines().count(), 1);
    assert!(errors.contains("the database is damaged"), "{errors}");
}
