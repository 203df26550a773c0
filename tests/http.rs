//! The listeners over real sockets, against clients that do what browsers and attackers do.
//!
//! Here the records end in memory; `tests/edge.rs` has what needs a store.

mod support;

use cspipe::http::{Apps, Settings};
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;
use support::edge::*;
use support::fixtures;

// Taking reports.

#[test]
fn a_report_is_acknowledged_and_delivered_with_its_circumstances() {
    let edge = Edge::in_memory(&settings());
    let request = |body: &str| {
        format!(
            "POST /csp/shop/?enforce=1 HTTP/1.1\r\nHost: x\r\nUser-Agent: Fire\u{f6}\r\n\
             Content-Type: application/csp-report\r\nOrigin: null\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = edge.send(request(REPORT));
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("date").is_some() && answer.header("server").is_none());
    let record = &edge.records()[0];
    assert_eq!(record["app_name"], "shop");
    assert_eq!(record["disposition"], "enforce");
    assert_eq!(record["user_agent"], "Fire\u{f6}");
    let numbers = edge.numbers();
    assert_eq!(numbers.of("cspipe_http_responses_total{code=\"204\"}"), 1);
    assert_eq!(numbers.of("cspipe_ack_seconds_count"), 1);
    assert_eq!(numbers.of("cspipe_http_in_flight_bytes"), 0);

    assert_eq!(edge.send(request("bad")).status, 400);
    let specimen = &edge.records()[0];
    assert_eq!(specimen["body"], "bad");
    assert_eq!(specimen["content_type"], "application/csp-report");
}

#[test]
fn one_connection_carries_many_requests() {
    let edge = Edge::in_memory(&patient());
    let mut stream = edge.connect();
    let many = format!("[{}{REPORT}]", format!("{REPORT},").repeat(100));
    for (name, body, status) in [
        ("a report", REPORT, 204),
        ("no JSON", "bad", 400),
        ("no report", "{}", 400),
        ("101 reports", &many, 413),
        ("nothing", "", 400),
        ("a report again", REPORT, 204),
    ] {
        let answer = exchange(&mut stream, post("/reports", body));
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.header("retry-after"), None, "{name}");
        assert_eq!(answer.header("connection"), None, "{name}");
        assert_eq!(answer.body.lines().count(), usize::from(status != 204), "{name}");
    }
    assert_eq!(edge.ends(), (5, 101));
    let told = edge.send(post("/csp", "bad")).body;
    assert!(told.starts_with("byte 0: expected `{` or `[`"), "{told}");
    let told = edge.send(post("/csp", &many)).body;
    assert_eq!(told, "101 reports in one request; at most 100 are taken\n");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let edge = Edge::in_memory(&patient());
    let mut stream = edge.connect();
    let all = [post("/csp", REPORT), post("/csp", "bad"), post("/csp", REPORT)].concat();
    stream.write_all(all.as_bytes()).unwrap();
    let statuses = [0; 3].map(|_| answer(&mut stream).status);
    assert_eq!(statuses, [204, 400, 204]);
}

#[test]
fn a_body_in_pieces_or_chunks_is_put_together() {
    let edge = Edge::in_memory(&patient());
    let mut stream = edge.connect();
    let request = post("/csp", &format!("[{},{REPORT}]", padded(200_000)));
    for piece in request.as_bytes().chunks(50_000) {
        stream.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(answer(&mut stream).status, 204);
    assert_eq!(edge.records().len(), 2);
    let (front, back) = REPORT.split_at(20);
    let chunked = format!(
        "POST /csp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         14\r\n{front}\r\n{:x};a=b\r\n{back}\r\n0\r\nTrailer: x\r\n\r\n",
        back.len()
    );
    for _ in 0..2 {
        let answer = exchange(&mut stream, &chunked);
        assert_eq!((answer.status, answer.header("connection")), (204, None));
        assert_eq!(edge.records()[0]["blocked_host"], "cdn.example.net");
    }
}

// Methods, paths, applications.

#[test]
fn preflights_are_answered_for_every_ingest_path() {
    let apps = Apps { closed: true, known: vec![], retired: vec!["old".into()] };
    let edge = Edge::in_memory(&Settings { apps, ..settings() });
    for path in ["/csp", "/csp/unknown", "/csp/old", "/reports/a/", "/api/7/security/"] {
        let answer = edge.send(format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\
             Access-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: content-type\r\n\r\n"
        ));
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-methods"), Some("post, options"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
        assert_eq!(answer.header("access-control-max-age"), Some("86400"));
    }
    assert_eq!(edge.send("OPTIONS /x HTTP/1.1\r\nHost: x\r\n\r\n").status, 404);
    assert_eq!(edge.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").status, 404);
}

#[test]
fn other_methods_are_told_what_is_allowed() {
    let edge = Edge::in_memory(&settings());
    for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = edge.send(format!("{method} /csp/shop HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("post, options"));
    }
    let connect = edge.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    assert_eq!(connect.status, 405);

    let mut stream = edge.connect();
    stream.write_all(b"HEAD /csp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let all = until_closed(&mut stream);
    assert!(all.starts_with("HTTP/1.1 405 ") && all.ends_with("\r\n\r\n"), "{all}");
    assert_eq!(edge.ends(), (0, 0));
}

#[test]
fn paths_and_applications_that_do_not_exist() {
    let apps = Apps { closed: true, known: vec!["shop".into()], retired: vec!["old".into()] };
    let edge = Edge::in_memory(&Settings { apps, ..settings() });
    for (path, status) in [
        ("/csp/shop", 204),
        ("/api/shop/security", 204),
        ("http://elsewhere.example/csp/shop", 204),
        ("/csp/other", 404),
        ("/csp", 404),
        ("/csp/a%20b", 404),
        ("/", 404),
        ("/metrics", 404),
        ("/demo", 404),
        ("/csp/old", 410),
        ("/reports/old/", 410),
    ] {
        assert_eq!(edge.send(post(path, REPORT)).status, status, "{path}");
    }
    assert!(edge.send(post("/csp/a%20b", REPORT)).body.contains("letters, digits, dots"));
    assert_eq!(edge.ends(), (3, 0));
}

/// 410 makes Chromium forget the endpoint, and a redirect turns a POST into a GET.
#[test]
fn nothing_redirects_and_only_a_retired_application_is_gone() {
    let apps = Apps { retired: vec!["old".into()], ..Apps::default() };
    let edge = Edge::in_memory(&Settings { apps, ..settings() });
    let fixtures = fixtures();
    for (path, is_retired) in [
        ("/csp", false),
        ("/csp/shop", false),
        ("/csp/", false),
        ("/csp//", false),
        ("/csp?app=old", false),
        ("/csp/Old", false),
        ("/csp/a%20b", false),
        ("/reports", false),
        ("/reports/shop/", false),
        ("/api/shop/security/", false),
        ("/api/security", false),
        ("/", false),
        ("//csp", false),
        ("/nothing", false),
        ("/metrics", false),
        ("/csp/old", true),
        ("/reports/old/", true),
        ("/api/old/security/?sentry_key=x", true),
    ] {
        for fixture in &fixtures {
            let mut request = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {}\r\nUser-Agent: {}\r\n\
                 Content-Length: {}\r\n\r\n",
                fixture.content_type.as_deref().unwrap_or_default(),
                fixture.user_agent.as_deref().unwrap_or_default(),
                fixture.body.len()
            )
            .into_bytes();
            request.extend_from_slice(&fixture.body);
            let status = edge.send(request).status;
            assert!(!(300..400).contains(&status), "{path} {}: {status}", fixture.name);
            assert_eq!(status == 410, is_retired, "{path} {}: {status}", fixture.name);
        }
        for method in ["GET", "OPTIONS", "PUT", "DELETE", "TRACE"] {
            let status = edge.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")).status;
            assert!([204, 404, 405].contains(&status), "{method} {path}: {status}");
        }
    }
}

// Limits.

#[test]
fn what_is_announced_too_large_is_refused_unread() {
    let edge = Edge::in_memory(&patient());
    let mut stream = edge.connect();
    let head = "POST /csp HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    let answer = exchange(&mut stream, head);
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(answer.body, "the body is larger than 512.0 KiB\n");
    // The rest may come for a moment, so that the answer is not lost; then it is over.
    wait_until("closed", || stream.write_all(&[b'x'; 16 * 1024]).is_err());
    assert_eq!(edge.ends(), (0, 1));
}

#[test]
fn a_body_sent_along_with_its_head_does_not_lose_the_refusal() {
    let edge = Edge::in_memory(&patient());
    assert_eq!(edge.send(post("/csp", &padded(520 * 1024))).status, 413);
    assert_eq!(edge.ends(), (0, 1));
}

#[test]
fn a_chunked_body_is_counted_while_it_is_read() {
    let edge = Edge::in_memory(&patient());
    let mut stream = edge.connect();
    stream
        .write_all(b"POST /csp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    // One chunk more than there is room for.
    for _ in 0..33 {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    let answer = answer(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(edge.ends(), (0, 1));
    assert_eq!(edge.numbers().of("cspipe_http_in_flight_bytes"), 0);
}

#[test]
fn the_largest_body_is_taken() {
    let edge = Edge::in_memory(&patient());
    let largest = padded(512 * 1024);
    assert_eq!(edge.send(post("/csp", &largest)).status, 204);
    let head = "POST /csp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(edge.send(format!("{head}{}", chunks(&largest))).status, 204);
}

#[test]
fn compressed_bodies_are_refused_unread() {
    let edge = Edge::in_memory(&settings());
    for (encoding, status) in
        [("gzip", 415), ("br", 415), ("gzip, identity", 415), ("Identity", 204)]
    {
        let answer = edge.send(format!(
            "POST /csp HTTP/1.1\r\nHost: x\r\nContent-Encoding: {encoding}\r\n\
             Content-Length: {}\r\n\r\n{REPORT}",
            REPORT.len()
        ));
        assert_eq!(answer.status, status, "{encoding}");
        assert_eq!(answer.header("accept-encoding").is_some(), status == 415);
    }
    assert_eq!(edge.ends(), (1, 3));
}

#[test]
fn bytes_in_flight_are_limited() {
    let edge = Edge::in_memory(&Settings {
        max_in_flight: bytesize::ByteSize::b(1000),
        max_body: bytesize::ByteSize::b(800),
        ..patient()
    });
    let mut first = edge.connect();
    first.write_all(b"POST /csp HTTP/1.1\r\nHost: x\r\nContent-Length: 800\r\n\r\n").unwrap();
    edge.wait_for("cspipe_http_in_flight_bytes", |bytes| bytes == 800);
    let busy = edge.send(post("/csp", &padded(300)));
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("5")));
    assert_eq!(edge.send(post("/csp", &padded(200))).status, 204);
    assert_eq!(exchange(&mut first, padded(800)).status, 204);
    assert_eq!(edge.send(post("/csp", &padded(300))).status, 204);
    assert_eq!(edge.ends(), (3, 1));
}

#[test]
fn heads_are_limited() {
    let edge = Edge::in_memory(&settings());
    let uri = |length: usize| format!("/csp?{}", "a".repeat(length - 5));
    assert_eq!(edge.send(post(&uri(2048), REPORT)).status, 204);
    assert_eq!(edge.send(post(&uri(2049), REPORT)).status, 414);
    for large in ["A: b\r\n".repeat(64), format!("A: {}\r\n", "a".repeat(33 * 1024))] {
        assert_eq!(edge.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{large}\r\n")).status, 431);
    }
    // hyper has sent these two, and they are counted when it has closed.
    edge.wait_for("cspipe_http_responses_total{code=\"431\"}", |count| count == 2);
}

#[test]
fn a_slow_head_and_a_silent_client_are_cut_off() {
    let edge = Edge::in_memory(&settings());
    for bytes in
        ["", "P", "PRI * HTT", "POST /csp HTTP/1.1\r\nHost", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = edge.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        assert_eq!(until_closed(&mut stream), "", "{bytes}");
    }
    // Dripping does not help.
    let mut stream = edge.connect();
    wait_until("closed", || stream.write_all(b"X").is_err());
    // An idle connection is a head that does not begin.
    let mut stream = edge.connect();
    assert_eq!(exchange(&mut stream, post("/csp", REPORT)).status, 204);
    assert_eq!(until_closed(&mut stream), "");
}

#[test]
fn a_slow_body_is_cut_off() {
    let edge = Edge::in_memory(&Settings { head_timeout: PATIENCE, ..settings() });
    let mut stream = edge.connect();
    stream.write_all(b"POST /csp HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n").unwrap();
    for _ in 0..3 {
        stream.write_all(b"x").unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    let answer = answer(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert_eq!(edge.ends(), (0, 1));
}

#[test]
fn a_client_gone_mid_body_is_counted_once() {
    let edge = Edge::in_memory(&patient());
    for head in ["Content-Length: 50", "Transfer-Encoding: chunked"] {
        let mut stream = edge.connect();
        let head = format!("POST /csp HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n2\r\nab");
        stream.write_all(head.as_bytes()).unwrap();
    }
    edge.wait_for("cspipe_reports_total{outcome=\"refused\"}", |count| count == 2);
    let odd = edge.send(
        "POST /csp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    );
    assert_eq!(odd.status, 400);
    edge.wait_for("cspipe_http_connections", |open| open == 0);
    assert_eq!(edge.ends(), (0, 3));
}

#[test]
fn connections_beyond_the_most_wait() {
    let edge = Edge::in_memory(&Settings { max_connections: 1.try_into().unwrap(), ..patient() });
    let mut first = edge.connect();
    assert_eq!(exchange(&mut first, post("/csp", REPORT)).status, 204);
    let mut second = edge.connect();
    second.write_all(post("/csp", REPORT).as_bytes()).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(second.read(&mut [0]).is_err());
    assert_eq!(edge.numbers().of("cspipe_http_connections"), 1);
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(answer(&mut second).status, 204);
    assert_ne!(edge.numbers().of("cspipe_http_accept_waits_total"), 0);
}

#[test]
fn an_old_connection_is_closed_between_requests() {
    let edge =
        Edge::in_memory(&Settings { max_connection_age: Duration::from_secs(1), ..patient() });
    let mut stream = edge.connect();
    let request = post("/csp", REPORT);
    let (front, back) = request.split_at(request.len() - 10);
    stream.write_all(front.as_bytes()).unwrap();
    edge.wait_for("cspipe_http_in_flight_bytes", |bytes| bytes > 0);
    thread::sleep(Duration::from_millis(1200));
    let answer = exchange(&mut stream, back);
    assert_eq!((answer.status, answer.header("connection")), (204, Some("close")));
    assert_eq!(until_closed(&mut stream), "");
}

#[test]
fn a_busy_connection_grows_old_without_losing_a_request() {
    let edge =
        Edge::in_memory(&Settings { max_connection_age: Duration::from_millis(100), ..patient() });
    let (mut stream, mut closed) = (edge.connect(), 0);
    while closed < 10 {
        let answer = exchange(&mut stream, post("/csp", REPORT));
        assert_eq!(answer.status, 204);
        if answer.header("connection") == Some("close") {
            closed += 1;
            assert_eq!(until_closed(&mut stream), "");
            stream = edge.connect();
        }
    }
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let edge = Edge::in_memory(&Settings {
        max_connection_age: Duration::from_millis(300),
        head_timeout: Duration::from_millis(300),
        drain_timeout: Duration::from_millis(300),
        ..patient()
    });
    let mut stream = edge.connect();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let request = "OPTIONS /csp HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    while stream.write_all(request.as_bytes()).is_ok() {}
    edge.wait_for("cspipe_http_connections", |open| open == 0);
}

// Framing.

#[test]
fn a_continue_comes_only_after_the_checks() {
    let edge = Edge::in_memory(&patient());
    let request = |length: usize| {
        format!(
            "POST /csp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut stream = edge.connect();
    assert_eq!(exchange(&mut stream, request(REPORT.len())).status, 100);
    assert_eq!(exchange(&mut stream, REPORT).status, 204);

    assert_eq!(edge.send(request(1_000_000)).status, 413);
}

#[test]
fn requests_whose_end_is_in_doubt_are_refused() {
    let edge = Edge::in_memory(&patient());
    let body = chunks(REPORT);
    let length = body.len();
    for head in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
        format!("Transfer-Encoding: chunked\r\ncOnTeNt-lEnGtH:{length}"),
        format!("Content-Length: {length}\r\nContent-Length: 14"),
        format!("Content-Length: +{length}"),
        format!("Content-Length: {length}, {length}"),
        "Transfer-Encoding: gzip".to_owned(),
        "Transfer-Encoding: gzip, chunked".to_owned(),
        "Transfer-Encoding: chunked, chunked".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked".to_owned(),
    ] {
        let mut stream = edge.connect();
        let request = format!("POST /csp HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}");
        assert_eq!(exchange(&mut stream, request).status, 400, "{head}");
        assert_eq!(until_closed(&mut stream), "", "{head}");
    }
    // Also where it comes second, and the first was in order.
    let mut stream = edge.connect();
    let smuggled = format!(
        "{}POST /csp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n{body}",
        post("/csp", REPORT)
    );
    assert_eq!(exchange(&mut stream, smuggled).status, 204);
    assert_eq!(answer(&mut stream).status, 400);

    for head in ["", "Host: x\r\nHost: y\r\n"] {
        assert_eq!(edge.send(format!("POST /csp HTTP/1.1\r\n{head}\r\n")).status, 400, "{head}");
    }
    assert_eq!(edge.ends(), (1, 0));
    let old = format!("POST /csp HTTP/1.0\r\nContent-Length: {}\r\n\r\n{REPORT}", REPORT.len());
    assert_eq!(edge.send(old).status, 204);
}

// Stopping; what waits for the store meanwhile is in `tests/edge.rs`.

#[test]
fn a_connection_just_made_is_still_served() {
    let mut edge = Edge::in_memory(&settings());
    let mut stream = edge.connect();
    let stopping = edge.begin_to_stop();
    assert_eq!(exchange(&mut stream, post("/csp", REPORT)).status, 204);
    stopping.join().unwrap();
    assert_eq!(edge.ends(), (1, 0));
}

#[test]
fn draining_ends() {
    let mut edge =
        Edge::in_memory(&Settings { drain_timeout: Duration::from_millis(400), ..patient() });
    let mut stream = edge.connect();
    stream.write_all(b"POST /csp HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{").unwrap();
    edge.wait_for("cspipe_http_in_flight_bytes", |bytes| bytes > 0);
    edge.stop();
    // Had it waited for the body, there would be a 408.
    assert_eq!(until_closed(&mut stream), "");
    assert_eq!(edge.ends(), (0, 1));
}

#[test]
fn a_taken_port_is_told() {
    let edge = Edge::in_memory(&settings());
    let error = start_another(&edge, &Settings { listen: edge.public, ..settings() }).unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with(&format!("cannot listen on {}: ", edge.public)), "{told}");
}

// The private side.

#[test]
fn the_private_side_answers() {
    let edge = Edge::in_memory(&settings());
    for (method, path, status, body) in [
        ("GET", "/healthz", 200, "ok\n"),
        ("GET", "/readyz", 200, "ready\n"),
        ("GET", "/version", 200, "{\"version\":\"1.2.3\",\"revision\":\"abc\"}\n"),
        ("GET", "/csp", 404, "nothing here; GET / lists what there is\n"),
        ("POST", "/csp", 404, "nothing here; GET / lists what there is\n"),
        ("POST", "/healthz", 405, "use GET, HEAD\n"),
        ("GET", "/reload", 405, "use POST\n"),
        ("POST", "/reload", 422, "no rules to read\n"),
    ] {
        let answer = edge.ask(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    assert_eq!(edge.get("/version").header("content-type"), Some("application/json"));
    assert_eq!(edge.get("/metrics").header("content-type"), Some("text/plain; version=0.0.4"));
    assert!(edge.get("/").body.contains("/reload"));
    let foreign = "POST /reload HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n";
    assert_eq!(edge.ask(foreign).status, 403);
}
