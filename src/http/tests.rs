//! What can be tested without a socket: paths, endings, headers, settings.

use super::cors;
use super::metrics::Metrics;
use super::route::{Route, route};
use super::settings::{Apps, Settings};
use super::status::{Answers, Code, Ending};
use crate::report::Rejection;
use hyper::header;
use prometheus::Registry;
use std::time::Duration;

#[test]
fn paths_lead_where_they_should() {
    let ingest = |app| Route::Ingest { app };
    let long = format!("/csp/{}", "a".repeat(65));
    for (path, expected) in [
        ("/csp", ingest(None)),
        ("/csp/", ingest(None)),
        ("/reports", ingest(None)),
        ("/csp/shop", ingest(Some("shop"))),
        ("/csp/shop/", ingest(Some("shop"))),
        ("/reports/a.b-c_1", ingest(Some("a.b-c_1"))),
        ("/csp/csp", ingest(Some("csp"))),
        ("/api/42/security/", ingest(Some("42"))),
        ("/api/42/security", ingest(Some("42"))),
        ("/csp//", Route::NoAppName),
        ("/csp/a%20b", Route::NoAppName),
        ("/csp/münchen", Route::NoAppName),
        ("/api//security/", Route::NoAppName),
        (&long, Route::NoAppName),
        ("", Route::Unknown),
        ("*", Route::Unknown),
        ("/", Route::Unknown),
        ("//csp", Route::Unknown),
        ("/CSP", Route::Unknown),
        ("/csp/a/b", Route::Unknown),
        ("/csp/a//", Route::Unknown),
        ("/cspx", Route::Unknown),
        ("/api", Route::Unknown),
        ("/api/42", Route::Unknown),
        ("/api/42/store/", Route::Unknown),
        ("/api/42/security/x", Route::Unknown),
        ("/metrics", Route::Unknown),
    ] {
        assert_eq!(route(path), expected, "{path}");
    }
}

/// Every ending there is.
const ENDINGS: [(Ending, u16); 18] = [
    (Ending::Durable, 204),
    (Ending::Preflight, 204),
    (Ending::Unreadable(Rejection::Empty), 400),
    (Ending::Malformed("odd"), 400),
    (Ending::BrokenOff, 400),
    (Ending::UnknownPath, 404),
    (Ending::NoAppName, 404),
    (Ending::UnknownApp, 404),
    (Ending::WrongMethod, 405),
    (Ending::TooSlow, 408),
    (Ending::Retired, 410),
    (Ending::TooLarge { limit: 512 * 1024 }, 413),
    (Ending::TooMany { reports: 101, limit: 100 }, 413),
    (Ending::UriTooLong { limit: 2048 }, 414),
    (Ending::Encoded, 415),
    (Ending::Busy, 503),
    (Ending::Overloaded, 503),
    (Ending::NotDurable, 503),
];

#[test]
fn every_ending_has_its_code_and_says_why_in_one_line() {
    let answers = Answers::new(Duration::from_secs(5));
    for (ending, status) in ENDINGS {
        let answer = answers.to(ending);
        assert_eq!(answer.status().as_u16(), status, "{ending:?}");
        let text = ending.to_string();
        assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{text}");
        let headers = answer.headers();
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers.contains_key(header::RETRY_AFTER), status == 503, "{ending:?}");
        assert_eq!(headers.contains_key(header::ALLOW), status == 405, "{ending:?}");
        assert_eq!(headers.contains_key(header::ACCEPT_ENCODING), status == 415, "{ending:?}");
        assert_eq!(headers.contains_key(header::CONTENT_TYPE), status != 204, "{ending:?}");
    }
}

#[test]
fn no_code_redirects_and_only_retired_is_gone() {
    for code in Code::ALL {
        assert!(!code.status().is_redirection(), "{code:?}");
    }
    for (ending, _) in ENDINGS {
        assert_eq!(ending.code() == Code::Gone, ending == Ending::Retired, "{ending:?}");
    }
}

#[test]
fn codes_stand_in_their_order() {
    for (at, code) in Code::ALL.into_iter().enumerate() {
        assert_eq!(code as usize, at, "{code:?}");
    }
}

#[test]
fn a_limit_is_told_with_its_unit() {
    let text = Ending::TooLarge { limit: 512 * 1024 }.to_string();
    assert_eq!(text, "the body is larger than 512.0 KiB");
}

#[test]
fn clients_are_asked_back_in_whole_seconds() {
    for (retry_after, header) in [(0, "1"), (1, "1"), (1500, "2"), (5000, "5")] {
        let answer = Answers::new(Duration::from_millis(retry_after)).to(Ending::Busy);
        assert_eq!(answer.headers()[header::RETRY_AFTER], header, "{retry_after} ms");
    }
}

#[test]
fn the_preflight_allows_what_chromium_asks_for() {
    let headers = cors::preflight();
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_METHODS], "POST, OPTIONS");
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "content-type");
    assert_eq!(headers[header::ACCESS_CONTROL_MAX_AGE], "86400");
    assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

#[test]
fn every_code_has_its_counter_from_the_start() {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    metrics.count_response(Code::Gone);
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for code in Code::ALL {
        let count = u32::from(code == Code::Gone);
        let line =
            format!("cspipe_http_responses_total{{code=\"{}\"}} {count}\n", code.status().as_u16());
        assert!(text.contains(&line), "{line}");
    }
}

#[test]
fn the_defaults_survive_a_round_trip() {
    let text = toml::to_string(&Settings::default()).unwrap();
    assert_eq!(toml::from_str::<Settings>(&text).unwrap(), Settings::default());
    for line in
        ["listen = \"127.0.0.1:8080\"", "max_body = \"512.0 KiB\"", "body_timeout = \"10s\""]
    {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn wrong_settings_are_refused() {
    for text in [
        "listen = \"localhost\"",
        "max_connections = 0",
        "body_timeout = 10",
        "[apps]\nknown = [\"a b\"]",
        "[apps]\nretired = [\"\"]",
        "[apps]\nopen = true",
    ] {
        assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
    }
    let apps: Apps = toml::from_str("closed = true\nknown = [\"shop\"]").unwrap();
    assert_eq!(apps.known, ["shop"]);
}
