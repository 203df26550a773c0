//! What a 204 means, held against the program itself: killed, told to stop, out of room.

mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::edge::{PATIENCE, REPORT, answer, connect, wait_until};
use support::process::{Edge, database, folder, number, serve, shell};

#[test]
fn nothing_that_was_answered_is_lost_when_the_process_is_killed() {
    let folder = folder();
    let rounds = std::env::var("CSPIPE_KILL_ROUNDS");
    let rounds = rounds.map_or(8, |rounds| rounds.parse().expect("a number of rounds"));
    let load = Load::default();
    for _ in 0..rounds {
        let edge = Edge::start(folder.path());
        load.verify(folder.path());
        load.press(edge.public, || {
            load.wait_for_answers(1 + random(150));
            thread::sleep(Duration::from_micros(random(3000)));
            edge.kill();
        });
    }
    let edge = Edge::start(folder.path());
    load.verify(folder.path());
    assert_eq!(edge.numbers().of("cspipe_store_damaged_total"), 0);
    edge.stop();
}

#[test]
fn sigterm_answers_everything_that_was_sent() {
    let folder = folder();
    let edge = Edge::start(folder.path());
    let load = Load::default();
    load.press(edge.public, || {
        load.wait_for_answers(100);
        assert_eq!(edge.get("/readyz").status, 200);
        load.told_to_stop.store(true, SeqCst);
        edge.stop();
    });
    assert!(!folder.path().join("data/cspipe.db-wal").exists(), "the log is emptied at the end");
    let unanswered = load.unanswered.lock().expect("not poisoned");
    assert!(unanswered.is_empty(), "{unanswered:?}");
    load.verify(folder.path());
}

#[test]
fn sigterm_waits_for_bodies_that_are_on_their_way() {
    let folder = folder();
    let edge = Edge::spawn(
        serve(folder.path())
            .env("CSPIPE_HTTP__BODY_TIMEOUT", "60s")
            .env("CSPIPE_HTTP__DRAIN_TIMEOUT", "60s"),
    );
    let head = format!(
        "POST /csp/shop HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        REPORT.len()
    );
    let mut uploads: Vec<_> = (0..5).map(|_| connect(edge.public)).collect();
    for upload in &mut uploads {
        upload.write_all(head.as_bytes()).expect("it listens");
        assert_eq!(answer(upload).status, 100);
    }
    edge.signal("TERM");
    wait_until("stopping", || edge.get("/readyz").body == "stopping\n");
    for upload in &mut uploads {
        upload.write_all(REPORT.as_bytes()).expect("it listens");
        assert_eq!(answer(upload).status, 204);
    }
    let (code, log) = edge.ended();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(number(folder.path(), "SELECT count(*) FROM clean"), 5);
}

#[test]
fn a_disk_that_takes_no_more_is_told_and_comes_back() {
    let folder = folder();
    runs_out_of_room(folder.path(), Stdio::piped());
}

#[test]
fn a_log_on_the_disk_that_takes_no_more_makes_no_difference() {
    let folder = folder();
    let log = File::create(folder.path().join("log")).expect("a file");
    runs_out_of_room(folder.path(), log.into());
}

/// Forbids a running edge to write to files, and allows it again.
///
/// A limit of the process stands for a full disk: that would take a file system to fill.
fn runs_out_of_room(folder: &Path, log: Stdio) {
    // By default the signal for it ends the process.
    let edge = Edge::spawn_with_log(&mut shell("trap '' XFSZ; exec \"$0\" \"$@\"", folder), log);
    let limit_files_to = |size: &str| {
        let mut command = Command::new("prlimit");
        command.arg(format!("--pid={}", edge.id())).arg(format!("--fsize={size}:unlimited"));
        let status = command.status().expect("prlimit, of Debian's package util-linux");
        assert!(status.success());
    };
    assert_eq!(edge.post("/csp/shop?release=before", REPORT).status, 204);

    limit_files_to("0");
    for _ in 0..3 {
        let refused = edge.post("/csp/shop?release=meanwhile", REPORT);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    }
    assert_eq!(edge.get("/readyz").status, 503);
    assert_eq!(edge.get("/healthz").status, 200);

    limit_files_to("unlimited");
    wait_until("room for reports", || edge.get("/readyz").status == 200);
    assert_eq!(edge.post("/csp/shop?release=after", REPORT).status, 204);
    edge.stop();
    for release in ["before", "after"] {
        let query = format!("SELECT count(*) FROM clean WHERE release = '{release}'");
        assert_eq!(number(folder, &query), 1, "{release}");
    }
}

/// Requests that have numbers, and what became of them.
#[derive(Default)]
struct Load {
    next: AtomicU32,
    answered: Mutex<BTreeSet<u32>>,
    told_to_stop: AtomicBool,
    /// Requests that were sent before the edge was told to stop, and had no answer.
    unanswered: Mutex<Vec<u32>>,
}

impl Load {
    /// Lets several clients send until nobody listens, and does something meanwhile, which has to
    /// end the edge.
    fn press(&self, address: SocketAddr, meanwhile: impl FnOnce()) {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| self.send(address));
            }
            meanwhile();
        });
    }

    fn send(&self, address: SocketAddr) {
        while let Ok(mut stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let number = self.next.fetch_add(1, SeqCst);
            let sent = stream.write_all(request(number).as_bytes());
            let must_be_answered = sent.is_ok() && !self.told_to_stop.load(SeqCst);
            match status(&mut stream).as_deref() {
                Some("204") => {
                    self.answered.lock().expect("not poisoned").insert(number);
                }
                Some(status) => panic!("request {number} was answered with {status}"),
                None if must_be_answered => {
                    self.unanswered.lock().expect("not poisoned").push(number);
                }
                None => {}
            }
        }
    }

    /// Waits until so many more requests have been answered.
    fn wait_for_answers(&self, more: u64) {
        let answers = || self.answered.lock().expect("not poisoned").len() as u64;
        let goal = answers() + more;
        wait_until("answers", || answers() >= goal);
    }

    /// Holds the database against what was sent and what was answered.
    fn verify(&self, folder: &Path) {
        let stored = stored(folder);
        for (&number, found) in &stored {
            assert!(number < self.next.load(SeqCst), "request {number} was never sent");
            // All of a request or nothing, each report once and as it was sent.
            assert_eq!(*found, reports(number), "request {number}");
        }
        for number in &*self.answered.lock().expect("not poisoned") {
            assert!(stored.contains_key(number), "request {number} was answered and is lost");
        }
        let records: usize = stored.values().map(Vec::len).sum();
        let counted = number(folder, "SELECT coalesce(sum(reports), 0) FROM hourly");
        assert_eq!(usize::try_from(counted), Ok(records), "counted with the records");
    }
}

/// One report as the database should show it.
#[derive(Debug, PartialEq)]
struct Report {
    stream: String,
    app: String,
    release: String,
    page_status: u32,
    document: String,
    blocked: String,
    line: u32,
    policy: String,
}

/// The reports of a request. Everything about them follows from its number.
fn reports(number: u32) -> Vec<Report> {
    let count = if number.is_multiple_of(3) { 4 } else { 1 };
    let report = |line: u32| {
        let is_noise = line.is_multiple_of(4);
        let origin =
            if is_noise { "chrome-extension://abcdefghijklmnop" } else { "https://a.test" };
        let hosts = (0..line % 50).map(|host| format!(" https://{line}-{host}.example"));
        Report {
            stream: if is_noise { "filtered" } else { "clean" }.to_owned(),
            app: format!("shop-{}", number % 5),
            release: format!("r{number}"),
            page_status: 200 + number % 300,
            document: format!("https://shop.example/page/{number}"),
            blocked: format!("{origin}/{line}.js"),
            line,
            policy: format!("script-src 'self'{}", hosts.collect::<String>()),
        }
    };
    (0..count).map(|place| report(number * MAX_REPORTS + place + 1)).collect()
}

/// The request as it is sent: the one report in one envelope, several in the other.
fn request(number: u32) -> String {
    let reports = reports(number);
    let body = match &reports[..] {
        [report] => json!({ "csp-report": {
            "document-uri": report.document,
            "blocked-uri": report.blocked,
            "effective-directive": "script-src-elem",
            "line-number": report.line,
            "original-policy": report.policy,
        } }),
        reports => reports.iter().map(entry).collect(),
    };
    let body = body.to_string();
    let Report { app, release, page_status, .. } = &reports[0];
    format!(
        "POST /csp/{app}?release={release}&status={page_status} HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn entry(report: &Report) -> Value {
    json!({ "type": "csp-violation", "age": 0, "url": report.document, "body": {
        "documentURL": report.document,
        "blockedURL": report.blocked,
        "effectiveDirective": "script-src-elem",
        "lineNumber": report.line,
        "originalPolicy": report.policy,
    } })
}

/// The code of an answer; nothing when it never came.
fn status(stream: &mut TcpStream) -> Option<String> {
    let mut answer = Vec::new();
    // The edge closes when it has answered, and may be killed at any byte.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).ok()?;
    answer.strip_prefix("HTTP/1.1 ")?.get(..3).map(str::to_owned)
}

/// What the database holds, sound as it has to be, by the numbers of the requests.
fn stored(folder: &Path) -> BTreeMap<u32, Vec<Report>> {
    let database = database(folder);
    let check = database.query_row("PRAGMA quick_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.as_deref(), Ok("ok"));
    let columns = "stream, app_name, release, page_status, document_uri, blocked_uri, line_number, \
                   original_policy";
    let mut query = database
        .prepare(&format!(
            "SELECT {columns} FROM clean UNION ALL SELECT {columns} FROM filtered ORDER BY 7"
        ))
        .expect("the views are there");
    let rows = query.query_map([], |row| {
        Ok(Report {
            stream: row.get(0)?,
            app: row.get(1)?,
            release: row.get(2)?,
            page_status: row.get(3)?,
            document: row.get(4)?,
            blocked: row.get(5)?,
            line: row.get(6)?,
            policy: row.get(7)?,
        })
    });
    let mut stored: BTreeMap<u32, Vec<Report>> = BTreeMap::new();
    for report in rows.expect("it can be read") {
        let report = report.expect("every field is there");
        stored.entry(report.line / MAX_REPORTS).or_default().push(report);
    }
    stored
}

/// A number below a limit.
fn random(limit: u64) -> u64 {
    RandomState::new().hash_one(limit) % limit
}

const CLIENTS: usize = 6;

/// The line of a report is the number of its request times this, and its place in it from 1 on.
const MAX_REPORTS: u32 = 10;
