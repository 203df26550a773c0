//! The whole edge, with a store behind it and rules in a folder.
//!
//! What the listeners make of odd requests is in `tests/http.rs`.

mod support;

use bytesize::ByteSize;
use cspipe::store;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::thread;
use support::edge::*;
use support::fixtures;

// What is stored.

#[test]
fn what_was_acknowledged_can_be_read_by_others_at_once() {
    let edge = edge();
    let reader = edge.reader();
    let mut stream = edge.connect();
    for sent in 1..=5 {
        assert_eq!(exchange(&mut stream, post("/csp/shop?enforce=1", REPORT)).status, 204);
        assert_eq!(reader.rows("clean WHERE app_name = 'shop'"), sent);
    }
    let query = "SELECT count(*) FROM clean WHERE blocked_host = 'cdn.example.net' \
                 AND effective_directive = 'script-src-elem' AND disposition = 'enforce'";
    assert_eq!(reader.number(query), 5);
}

#[test]
fn every_report_is_in_the_view_of_its_end() {
    const EXTENSION: &str = r#"{"csp-report":{"document-uri":"https://shop.example/","effective-directive":"font-src","blocked-uri":"chrome-extension"}}"#;
    const DEPRECATION: &str =
        r#"[{"type":"deprecation","url":"https://shop.example/","age":1,"body":{"id":"unload"}}]"#;
    const NO_BODY: &str = r#"[{"type":"csp-violation","body":5}]"#;
    for (name, body, status, view, column, value) in [
        ("a violation", REPORT, 204, "clean", "blocked_host", "cdn.example.net"),
        ("of an extension", EXTENSION, 204, "filtered", "filter_reason", "browser_extension"),
        ("another report", DEPRECATION, 204, "other", "report_type", "deprecation"),
        ("no JSON", "{\"csp-report\": oops", 400, "rejected", "reason", "syntax"),
        ("no content", NO_BODY, 400, "rejected", "reason", "no_body"),
    ] {
        let edge = edge();
        assert_eq!(edge.send(post("/csp/shop", body)).status, status, "{name}");
        let reader = edge.reader();
        // Nobody waits for a specimen.
        wait_until(name, || reader.rows(view) == 1 || status == 204);
        assert_eq!(reader.only(view, column), value, "{name}");
        assert_eq!(reader.only(view, "app_name"), "shop", "{name}");
        if view == "rejected" {
            assert_eq!(reader.only(view, "body"), body, "{name}");
        }
        for other in ["clean", "filtered", "other", "rejected"] {
            assert_eq!(reader.rows(other), i64::from(other == view), "{name}: {other}");
            assert_eq!(edge.numbers().ended(other), u64::from(other == view), "{name}: {other}");
        }
    }
}

#[test]
fn one_bad_entry_does_not_sink_its_batch() {
    let edge = edge();
    let batch = format!("[{REPORT},{{\"type\":\"csp-violation\",\"body\":5}},7,{REPORT}]");
    assert_eq!(edge.send(post("/reports/shop", &batch)).status, 204);
    let reader = edge.reader();
    assert_eq!((reader.rows("clean"), reader.rows("rejected")), (2, 2));
    assert_eq!(edge.ends(), (4, 0));
}

/// The law that nothing is dropped without a number, and that numbers and rows agree.
#[test]
fn under_load_from_many_sides_nothing_goes_uncounted() {
    let mut edge = edge();
    let many = format!("[{}{REPORT}]", format!("{REPORT},").repeat(100));
    let too_large = padded(513 * 1024);
    let mut bodies: Vec<Vec<u8>> = fixtures().into_iter().map(|fixture| fixture.body).collect();
    bodies.extend([b"bad".to_vec(), many.into_bytes(), too_large.into_bytes()]);
    let address = edge.public;
    thread::scope(|scope| {
        for first in 0..8 {
            let bodies = &bodies;
            scope.spawn(move || {
                let mut stream = connect(address);
                let length = bodies.len();
                for body in bodies.iter().cycle().skip(first * length / 8).take(length) {
                    let head = format!(
                        "POST /csp/app-{first} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    let answer = exchange(&mut stream, [head.as_bytes(), body].concat());
                    assert!([204, 400, 413].contains(&answer.status), "{answer:?}");
                    if answer.header("connection") == Some("close") {
                        stream = connect(address);
                    }
                }
            });
        }
    });

    let numbers = Numbers(edge.get("/metrics").body);
    let outcomes = ["clean", "filtered", "rejected", "other", "refused"];
    let ended: u64 = outcomes.iter().map(|outcome| numbers.ended(outcome)).sum();
    assert_eq!(numbers.of("cspipe_reports_received_total"), ended);
    assert_eq!(numbers.ended("refused"), 8 * 102);
    assert_eq!(numbers.of("cspipe_rejected_total"), numbers.ended("rejected"));
    assert_eq!(numbers.of("cspipe_violations_total"), numbers.ended("clean"));
    assert_eq!(numbers.of("cspipe_violations_by_browser_total"), numbers.ended("clean"));
    assert_eq!(numbers.of("cspipe_filtered_total"), numbers.ended("filtered"));

    // The last specimens are stored when the store is closed.
    edge.stop();
    edge.close_the_store();
    let reader = edge.reader();
    for view in ["clean", "filtered", "rejected", "other"] {
        let count = i64::try_from(numbers.ended(view)).unwrap();
        assert!(count > 0, "{view}");
        assert_eq!(reader.rows(view), count, "{view}");
        let hourly = format!("SELECT sum(reports) FROM hourly WHERE stream = '{view}'");
        assert_eq!(reader.number(&hourly), count, "{view}");
    }
}

// A store that cannot take.

#[test]
fn a_full_queue_turns_away_until_it_has_room() {
    let store = store::Settings { queue_bytes: ByteSize::b(1), ..store::Settings::default() };
    let edge = Edge::with_store(&patient(), &store, None);
    let held_up = edge.hold_up_the_store();
    let mut first = edge.connect();
    first.write_all(post("/csp", REPORT).as_bytes()).unwrap();
    edge.wait_for("cspipe_store_queue_bytes", |bytes| bytes > 0);

    let mut second = edge.connect();
    let full = exchange(&mut second, post("/csp", REPORT));
    assert_eq!((full.status, full.header("retry-after")), (503, Some("5")));
    assert_eq!(
        (full.body.as_str(), full.header("connection")),
        ("too busy; come back later\n", None)
    );
    let ready = edge.get("/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (503, "reports cannot be stored\n"));
    // What cannot be read is not worth coming back for.
    assert_eq!(exchange(&mut second, post("/csp", "bad")).status, 400);

    drop(held_up);
    assert_eq!(answer(&mut first).status, 204);
    edge.wait_for("cspipe_store_queue_bytes", |bytes| bytes == 0);
    assert_eq!(edge.get("/readyz").status, 200);
    assert_eq!(exchange(&mut second, post("/csp", REPORT)).status, 204);
    assert_eq!(edge.ends(), (3, 1));
    assert_eq!(edge.reader().rows("clean"), 2);
}

#[test]
fn what_is_not_durable_is_not_acknowledged() {
    let mut edge = edge();
    edge.close_the_store();
    let mut stream = edge.connect();
    for _ in 0..2 {
        let lost = exchange(&mut stream, post("/csp", REPORT));
        assert_eq!((lost.status, lost.header("retry-after")), (503, Some("5")));
        assert_eq!(lost.body, "the reports could not be stored; come back later\n");
        assert_eq!(lost.header("connection"), None);
    }
    assert_eq!(edge.get("/readyz").status, 503);
    assert_eq!(edge.ends(), (0, 2));
    assert_eq!(edge.reader().rows("clean"), 0);
}

#[test]
fn a_client_that_shut_its_side_down_still_gets_its_answer() {
    let edge = edge();
    let held_up = edge.hold_up_the_store();
    let mut stream = edge.connect();
    stream.write_all(post("/csp", REPORT).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    edge.wait_for("cspipe_store_queue_bytes", |bytes| bytes > 0);
    drop(held_up);
    assert_eq!(answer(&mut stream).status, 204);
}

#[test]
fn a_report_is_stored_although_its_client_has_gone() {
    let edge = edge();
    let held_up = edge.hold_up_the_store();
    let mut stream = edge.connect();
    stream.write_all(post("/csp", REPORT).as_bytes()).unwrap();
    edge.wait_for("cspipe_store_queue_bytes", |bytes| bytes > 0);
    drop((stream, held_up));
    edge.wait_for("cspipe_reports_total{outcome=\"clean\"}", |count| count == 1);
    assert_eq!(edge.reader().rows("clean"), 1);
    assert_eq!(edge.ends(), (1, 0));
}

#[test]
fn stopping_answers_what_is_being_asked() {
    let mut edge = edge();
    let (public, private) = (edge.public, edge.private);
    let mut idle = edge.connect();
    assert_eq!(exchange(&mut idle, post("/csp", REPORT)).status, 204);
    let mut uploading = edge.connect();
    let request = post("/csp", REPORT);
    let (front, back) = request.split_at(request.len() - 10);
    uploading.write_all(front.as_bytes()).unwrap();
    edge.wait_for("cspipe_http_in_flight_bytes", |bytes| bytes > 0);
    let held_up = edge.hold_up_the_store();
    let mut waiting = edge.connect();
    waiting.write_all(request.as_bytes()).unwrap();
    edge.wait_for("cspipe_store_queue_bytes", |bytes| bytes > 0);

    let stopping = edge.begin_to_stop();
    assert_eq!(edge.get("/readyz").status, 503);
    wait_until("nothing is accepted", || TcpStream::connect(public).is_err());
    uploading.write_all(back.as_bytes()).unwrap();
    drop(held_up);
    for mut stream in [waiting, uploading] {
        let last = answer(&mut stream);
        assert_eq!((last.status, last.header("connection")), (204, Some("close")));
    }
    stopping.join().unwrap();
    assert_eq!(until_closed(&mut idle), "");
    wait_until("nothing is accepted", || TcpStream::connect(private).is_err());
    assert_eq!(edge.reader().rows("clean"), 3);
    assert_eq!(edge.ends(), (3, 0));
}

// Rules that change while reports flow.

#[test]
fn broken_rules_leave_the_old_ones_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    std::fs::write(&file, rule_against("first")).unwrap();
    let edge = with_rules(folder.path());
    let old = edge.numbers().label("cspipe_rules_info");
    assert_eq!(ends_of_two(&edge), (1, 1));

    std::fs::write(&file, rule_against("second").replace("\"filter\"", "\"filtre\"")).unwrap();
    let broken = edge.ask(RELOAD);
    assert_eq!(broken.status, 422);
    let place = format!("{}:7:", file.display());
    assert!(broken.body.starts_with(&place), "{}", broken.body);
    let numbers = Numbers(edge.get("/metrics").body);
    assert_eq!(numbers.of("cspipe_rules_last_reload_ok"), 0);
    assert_eq!(numbers.label("cspipe_rules_info"), old);
    assert_eq!(ends_of_two(&edge), (2, 2));
    assert_eq!(edge.reader().rows("filtered WHERE blocked_scheme = 'first'"), 2);

    std::fs::write(&file, rule_against("second")).unwrap();
    let mended = edge.ask(RELOAD);
    let numbers = Numbers(edge.get("/metrics").body);
    let new = numbers.label("cspipe_rules_info");
    assert_ne!(new, old);
    assert_eq!((mended.status, mended.body), (200, format!("hash {new}\n")));
    assert_eq!(numbers.of("cspipe_rules_last_reload_ok"), 1);
    assert_eq!(ends_of_two(&edge), (3, 3));
    assert_eq!(edge.reader().rows("filtered WHERE blocked_scheme = 'second'"), 1);
}

#[test]
fn a_changed_file_is_read_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    std::fs::write(&file, rule_against("first")).unwrap();
    let edge = with_rules(folder.path());
    let _watch = edge.reloader.as_ref().unwrap().watch().unwrap();
    let hash = || Numbers(edge.get("/metrics").body).label("cspipe_rules_info");
    let old = hash();

    std::fs::write(&file, "format = oops").unwrap();
    edge.wait_for("cspipe_rules_reloads_total{result=\"error\"}", |count| count > 0);
    assert_eq!(hash(), old);

    // As editors do: beside it first, then in its place.
    let beside = folder.path().join("site.toml~");
    std::fs::write(&beside, rule_against("second")).unwrap();
    std::fs::rename(&beside, &file).unwrap();
    wait_until("new rules", || !["", old.as_str()].contains(&hash().as_str()));
    edge.wait_for("cspipe_rules_last_reload_ok", |ok| ok == 1);
    ends_of_two(&edge);
    assert_eq!(edge.reader().rows("filtered WHERE blocked_scheme = 'second'"), 1);
}

// The private side.

#[test]
fn the_demo_names_the_real_places() {
    let edge = edge();
    let page = edge.get("/demo");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    let endpoint = format!("http://{}/csp/demo?enforce=1", edge.public);
    assert!(policy.contains(&format!("report-uri {endpoint}")), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(page.body.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
    assert!(page.body.contains(&edge.database().display().to_string()));
}

fn edge() -> Edge {
    Edge::with_store(&patient(), &store::Settings::default(), None)
}

fn with_rules(folder: &Path) -> Edge {
    Edge::with_store(&patient(), &store::Settings::default(), Some(folder))
}

/// Sends what the two rules are against, and tells how many were clean and filtered so far.
fn ends_of_two(edge: &Edge) -> (u64, u64) {
    for scheme in ["first", "second"] {
        let report = REPORT.replace("https://cdn.example.net/x.js", scheme);
        assert_eq!(edge.send(post("/csp", &report)).status, 204);
    }
    (edge.numbers().ended("clean"), edge.numbers().ended("filtered"))
}

/// A rule file; its action is in line 7.
fn rule_against(scheme: &str) -> String {
    format!(
        r#"format = 1

[[rule]]
id = "site-scheme"
title = "A scheme of our own"
reason = "browser_extension"
action = "filter"
evidence = ["the test"]

[[rule.any]]
blocked_scheme = {{ in = ["{scheme}"] }}

[[rule.example]]
match = true
report = {{ blocked-uri = "{scheme}", effective-directive = "img-src", document-uri = "https://shop.example/" }}

[[rule.example]]
match = false
why = "no scheme at all"
report = {{ blocked-uri = "inline", effective-directive = "img-src", document-uri = "https://shop.example/" }}

[[rule.example]]
match = false
why = "a host of that name"
report = {{ blocked-uri = "https://{scheme}/", effective-directive = "img-src", document-uri = "https://shop.example/" }}
"#
    )
}

const RELOAD: &str = "POST /reload HTTP/1.1\r\nHost: x\r\n\r\n";
