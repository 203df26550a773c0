//! A disk that is full to the last byte, which no limit can stand for: a small file system of the
//! edge's own, in a namespace of its own. That takes root, or user namespaces for everybody.
//!
//! Whoever fills the disk, what was answered with 204 gets to Kafka once that is back, and then
//! the edge takes reports again.

mod support;

use serde_json::json;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::edge::wait_until;
use support::kafka::Cluster;
use support::process::{Edge, folder, run, shell, texts};

#[test]
fn what_the_spool_filled_drains() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.down();
    let edge = on_a_small_disk(folder.path(), &cluster);
    let answered = fill(&edge);
    cluster.up();
    assert_drained(&edge, &cluster, answered);
    edge.stop();
}

#[test]
fn what_others_filled_drains() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.down();
    let edge = on_a_small_disk(folder.path(), &cluster);
    let mut answered = fill(&edge);
    stuff(&data(&edge));
    cluster.up();
    wait_until("an empty spool", || edge.numbers().of("cspipe_spool_records") == 0);
    // And once more what the spool has given back.
    stuff(&data(&edge));
    cluster.down();
    for number in 0..20 {
        let release = format!("late-{number}");
        if post(&edge, &release) == 204 {
            answered.insert(release);
        }
    }
    cluster.up();
    wait_until("an empty spool", || edge.numbers().of("cspipe_spool_records") == 0);
    std::fs::remove_file(data(&edge).join(STUFFING)).expect("it was there");
    assert_drained(&edge, &cluster, answered);
    edge.stop();
}

#[test]
fn a_start_on_a_full_disk_drains() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.down();
    let edge = on_a_small_disk(folder.path(), &cluster);
    let answered = fill(&edge);
    // The file system lasts as long as somebody holds it.
    let namespaces = ["user", "mnt"]
        .map(|name| File::open(format!("/proc/{}/ns/{name}", edge.id())).expect("a namespace"));
    let data = File::open(data(&edge)).expect("a folder");
    edge.kill();
    stuff(&path(&data));

    let [user, mount] = namespaces.each_ref().map(|file| path(file).display().to_string());
    let enter = ["nsenter".to_owned(), format!("--user={user}"), format!("--mount={mount}")];
    let script = format!("cd {} && exec \"$0\" \"$@\"", folder.path().display());
    let edge = Edge::spawn(&mut isolated(&enter, &script, folder.path(), &cluster));
    assert_eq!(edge.get("/healthz").status, 200);
    cluster.up();
    wait_until("a word from Kafka", || edge.numbers().of("cspipe_spool_drained_total") > 0);
    assert_drained(&edge, &cluster, answered);
    edge.stop();
}

/// An edge whose `data` is a file system of 16 MiB.
fn on_a_small_disk(folder: &Path, cluster: &Cluster) -> Edge {
    let isolate = ["unshare", "--map-root-user", "--mount"].map(str::to_owned);
    let (program, options) = isolate.split_first().expect("a program");
    let mut probe = Command::new(program);
    let output = run(probe.args(options).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]));
    let code = output.status.code();
    assert_eq!(
        code,
        Some(0),
        "a full disk can only be tried where a file system can be mounted: by root, or with user \
         namespaces: {}",
        texts(output).1
    );
    std::fs::create_dir(folder.join("data")).expect("a folder");
    let script = "mount -t tmpfs -o size=16m tmpfs data && exec \"$0\" \"$@\"";
    Edge::spawn(&mut isolated(&isolate, script, folder, cluster))
}

/// An edge that a script starts, in namespaces that a command enters.
fn isolated(enter: &[String], script: &str, folder: &Path, cluster: &Cluster) -> Command {
    let inner = shell(script, folder);
    let (program, options) = enter.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(options).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(folder);
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["--kafka", &cluster.addresses()]).env("CSPIPE_SPOOL__MIN_FREE", "4 KiB");
    command
}

/// Posts until the edge has no more room; returns what was answered with 204.
fn fill(edge: &Edge) -> BTreeSet<String> {
    let mut answered = BTreeSet::new();
    let mut number = 0;
    wait_until("a full disk", || {
        number += 1;
        let release = number.to_string();
        match post(edge, &release) {
            204 => answered.insert(release),
            status => {
                assert_eq!(status, 503);
                return true;
            }
        };
        false
    });
    assert!(number > 10, "{number}");
    answered
}

fn post(edge: &Edge, release: &str) -> u16 {
    let padding = "x".repeat(1000);
    let batch: serde_json::Value = (0..BATCH)
        .map(|number| {
            json!({ "type": "csp-violation", "age": 0, "url": "https://shop.example/", "body": {
                "documentURL": "https://shop.example/",
                "effectiveDirective": "script-src-elem",
                "blockedURL": format!("https://cdn.example.net/{number}.js"),
                "originalPolicy": format!("script-src 'self' {padding}"),
            } })
        })
        .collect();
    edge.post(&format!("/csp/shop?release={release}"), &batch.to_string()).status
}

/// Takes every byte that the file system still has.
fn stuff(data: &Path) {
    let file = File::options().create(true).append(true).open(data.join(STUFFING));
    let mut file = file.expect("a file");
    let error = loop {
        if let Err(error) = file.write_all(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

/// The edge's `data` as only the edge sees it.
fn data(edge: &Edge) -> PathBuf {
    format!("/proc/{}/cwd/data", edge.id()).into()
}

/// Where others find a file that this process has open.
fn path(file: &File) -> PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

/// All that was answered gets to Kafka, and the edge takes reports again.
fn assert_drained(edge: &Edge, cluster: &Cluster, answered: BTreeSet<String>) {
    wait_until("an empty spool", || edge.numbers().of("cspipe_spool_records") == 0);
    wait_until("room for reports", || edge.get("/readyz").status == 200);
    assert_eq!(post(edge, "last"), 204);
    let numbers = edge.numbers();
    let appended = numbers.of("cspipe_spool_appended_total");
    assert_eq!(numbers.of("cspipe_spool_set_aside_records_total"), 0);
    // The first edge's are drained as well.
    assert!(appended <= numbers.of("cspipe_spool_drained_total"), "{appended}");
    let read = cluster.read((answered.len() + 1) * BATCH);
    let mut ids = std::collections::BTreeMap::<_, BTreeSet<_>>::new();
    for record in read {
        let json = record.json();
        let text = |field: &str| json[field].as_str().unwrap_or_default().to_owned();
        ids.entry(text("release")).or_default().insert(text("id"));
    }
    for release in answered {
        assert_eq!(ids.get(&release).map(BTreeSet::len), Some(BATCH), "{release}");
    }
}

const STUFFING: &str = "stuffing";
/// Reports in one request.
const BATCH: usize = 50;
