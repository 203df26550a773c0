//! Faults of comparable collectors, each held off by a test.
//!
//! | fault, and where it was read | held off by |
//! | --- | --- |
//! | one filtered report turns its whole batch away (go-csp-collector) | here |
//! | an array on the path of `report-uri` is refused (go-csp-collector) | here |
//! | a line number as a string is refused (go-csp-collector) | here |
//! | a list in `X-Forwarded-For` fails to parse (go-csp-collector) | here |
//! | no cap on bodies, no timeouts (go-csp-collector) | `tests/http.rs`: `what_is_announced_too_large_is_refused_unread`, `a_slow_head_and_a_silent_client_are_cut_off`, `a_slow_body_is_cut_off` |
//! | the content type is compared for equality (CspBuilder, bifr0est, MediaWiki) | here |
//! | `reports+json` is let in, and its array refused (bifr0est) | here |
//! | one object under `reports+json` is refused (csp-report-worker) | here |
//! | a missing disposition is read as `enforce` (csp-report-worker) | here |
//! | the fingerprint holds whole URLs (csp-report-worker) | `tests/metamorphic.rs` |
//! | a body without a length is read whole before the cap, or passes it (csp-report-worker, bifr0est) | `tests/http.rs`: `a_chunked_body_is_counted_while_it_is_read` |
//! | 204 before anything is stored (csp-report-worker, Snowplow) | `tests/edge.rs`: `what_is_not_durable_is_not_acknowledged`; `tests/durability.rs` |
//! | the page's URL is a label of metrics (reporting-api-forwarder) | here |
//! | every unreadable report is answered with 500 (MediaWiki) | here |
//! | inline and eval are thrown away as "not http" (govuk-csp-forwarder) | here |
//! | `data:` is cut at its comma (CspBuilder) | here |
//! | expiry compares seconds with milliseconds (CspBuilder) | `src/store/tests/upkeep.rs` |
//! | a retry queue without bound (Snowplow) | `tests/edge.rs`: `a_full_queue_turns_away_until_it_has_room` |
//! | what cannot be delivered is counted and gone (Relay) | `tests/edge.rs`: `what_is_not_durable_is_not_acknowledged` |

mod support;

use std::path::Path;
use support::edge::*;

#[test]
fn one_filtered_report_turns_nothing_away() {
    let edge = edge();
    let extension = violation("chrome-extension", "font-src");
    let batch = format!("[{},{extension},{}]", violation("inline", "script-src-elem"), {
        violation("https://evil.example/x.js", "script-src-elem")
    });
    assert_eq!(edge.send(post("/reports/shop", &batch)).status, 204);
    let reader = edge.reader();
    assert_eq!((reader.rows("clean"), reader.rows("filtered")), (2, 1));
    // One that is filtered alone is taken as well: a refusal would bring it back.
    assert_eq!(edge.send(post("/reports/shop", &format!("[{extension}]"))).status, 204);
    assert_eq!(reader.rows("filtered"), 2);
}

#[test]
fn every_shape_is_taken_at_every_path_under_every_content_type() {
    let edge = edge();
    let one = violation("inline", "script-src-elem");
    let bodies = [format!("[{one}]"), one, REPORT.to_owned()];
    let types = [
        "application/csp-report",
        "application/csp-report; charset=utf-8",
        "application/reports+json",
        "APPLICATION/REPORTS+JSON;charset=UTF-8",
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
    ];
    let mut sent = 0;
    for path in ["/csp/shop", "/reports/shop", "/api/shop/security/", "/csp", "/reports"] {
        for content_type in types {
            for body in &bodies {
                let length = body.len();
                let request = format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                );
                assert_eq!(edge.send(request).status, 204, "{path} {content_type} {body}");
                sent += 1;
            }
        }
    }
    assert_eq!(edge.reader().rows("clean"), sent);
}

#[test]
fn a_line_number_may_be_a_string() {
    let edge = edge();
    let body = r#"{"csp-report":{"document-uri":"https://shop.example/","violated-directive":"img-src","blocked-uri":"data","line-number":"12","status-code":"200"}}"#;
    assert_eq!(edge.send(post("/csp/shop", body)).status, 204);
    let reader = edge.reader();
    assert_eq!(reader.number("SELECT line_number FROM clean"), 12);
    assert_eq!(reader.number("SELECT page_status FROM clean"), 200);
}

#[test]
fn what_proxies_say_of_clients_is_not_looked_at() {
    let edge = edge();
    let length = REPORT.len();
    for clients in ["203.0.113.7", "203.0.113.7, 198.51.100.1, 10.0.0.1", "unknown", "[::1]:x, ,"] {
        let request = format!(
            "POST /csp/shop HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {clients}\r\n\
             Forwarded: for=\"{clients}\"\r\nContent-Length: {length}\r\n\r\n{REPORT}"
        );
        assert_eq!(edge.send(request).status, 204, "{clients}");
    }
    let reader = edge.reader();
    assert_eq!(reader.rows("clean"), 4);
    let found = "SELECT count(*) FROM record WHERE json LIKE '%203.0.113.7%'";
    assert_eq!(reader.number(found), 0);
}

#[test]
fn a_missing_disposition_is_not_known() {
    let edge = edge();
    let body = r#"{"csp-report":{"document-uri":"https://shop.example/","violated-directive":"img-src","blocked-uri":"data"}}"#;
    assert_eq!(edge.send(post("/csp/shop", body)).status, 204);
    let reader = edge.reader();
    assert_eq!(reader.only("clean", "disposition"), "unknown");
    assert_eq!(reader.number("SELECT count(*) FROM clean WHERE report_only IS NULL"), 1);
}

#[test]
fn pages_are_no_labels_of_metrics() {
    let edge = edge();
    let series = || edge.get("/metrics").body.lines().count();
    let send = |from: usize| {
        for at in from..from + 50 {
            let body = format!(
                r#"{{"csp-report":{{"document-uri":"https://shop.example/page{at}","violated-directive":"img-src","blocked-uri":"https://h{at}.example/"}}}}"#
            );
            assert_eq!(edge.send(post("/csp/shop", &body)).status, 204);
        }
    };
    send(0);
    let before = series();
    send(50);
    assert_eq!(series(), before);
    assert!(!edge.get("/metrics").body.contains("page7"));
}

#[test]
fn what_cannot_be_read_is_the_clients_fault() {
    let edge = edge();
    for body in ["", "{", "[]", "7", "null", "{\"csp-report\":7}", "<html>", "\u{0}\u{1}"] {
        let answer = edge.send(post("/csp/shop", body));
        assert!(matches!(answer.status, 204 | 400), "{body:?}: {}", answer.status);
    }
}

#[test]
fn inline_and_eval_and_data_are_violations() {
    let edge = edge();
    for (blocked, stored) in [
        ("inline", "inline"),
        ("eval", "eval"),
        ("data:text/javascript;base64,YWxlcnQoMSk=,x", "data"),
    ] {
        let body = format!("[{}]", violation(blocked, "script-src-elem"));
        assert_eq!(edge.send(post("/reports/shop", &body)).status, 204, "{blocked}");
        let rows = format!("clean WHERE blocked_uri = '{stored}'");
        assert_eq!(edge.reader().rows(&rows), 1, "{blocked}");
    }
}

fn violation(blocked: &str, directive: &str) -> String {
    serde_json::json!({
        "type": "csp-violation",
        "age": 1,
        "url": "https://shop.example/cart",
        "body": {
            "documentURL": "https://shop.example/cart",
            "blockedURL": blocked,
            "effectiveDirective": directive,
            "disposition": "enforce",
        },
    })
    .to_string()
}

fn edge() -> Edge {
    Edge::with_store(&patient(), &cspipe::store::Settings::default(), None::<&Path>)
}
