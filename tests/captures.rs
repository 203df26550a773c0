//! What three real browsers sent for the same violations.

mod support;

use cspipe::pipeline::Taken;
use cspipe::report::Delivery;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use support::{Bench, noon};

#[test]
fn every_capture_is_read() {
    let bench = Bench::new();
    let mut reports = 0;
    for capture in captures() {
        let records = records(&bench, &capture, body(&capture));
        assert!(!records.is_empty(), "{capture}");
        for record in &records {
            assert!(matches!(record["stream"].as_str(), Some("clean" | "other")), "{record}");
            assert_eq!(record["report_host"], "localhost", "{record}");
            assert_ne!(record["classification"], "unknown", "{record}");
        }
        reports += records.len();
    }
    // As many as the file holds: entries of arrays, and single objects.
    assert_eq!(reports, 144);
}

/// The pages are named after the browser that visited them; without that the violations are the
/// same, and so are their fingerprints, over engines and delivery ways.
#[test]
fn one_violation_has_one_fingerprint_in_three_engines() {
    let bench = Bench::new();
    let mut seen: BTreeMap<(String, String), (BTreeSet<String>, BTreeSet<String>)> =
        BTreeMap::new();
    for capture in captures() {
        let same_page = same_page(body(&capture));
        for record in records(&bench, &capture, &same_page) {
            if record["stream"] == "other" {
                continue;
            }
            let text = |key: &str| record[key].as_str().unwrap_or("").to_owned();
            let violation = (text("violation_type"), text("blocked_uri"));
            let (fingerprints, engines) = seen.entry(violation).or_default();
            fingerprints.insert(text("fingerprint"));
            let browser = capture["browser"].as_str().expect("a browser");
            engines.insert(browser.split('-').next().expect("a name").to_owned());
        }
    }
    let mut in_all_engines = 0;
    for (violation, (fingerprints, engines)) in &seen {
        assert_eq!(fingerprints.len(), 1, "{violation:?} from {engines:?}");
        in_all_engines += usize::from(engines.len() == 3);
    }
    assert!(in_all_engines >= 6, "{seen:#?}");
    let all: BTreeSet<_> = seen.values().flat_map(|(fingerprints, _)| fingerprints).collect();
    assert_eq!(all.len(), seen.len(), "two violations share a fingerprint");
}

/// `…/page-to-hash-xtra-chrome` → `…/page`.
fn same_page(body: &str) -> String {
    let mut same = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("/page-") {
        same.push_str(&rest[..at]);
        same.push_str("/page");
        let tail = &rest[at + "/page-".len()..];
        let end = tail
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
            .unwrap_or(tail.len());
        rest = &tail[end..];
    }
    same.push_str(rest);
    same
}

fn captures() -> Vec<Value> {
    include_str!("captures/browsers.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        .filter(|capture| capture["method"] == "POST")
        .collect()
}

fn body(capture: &Value) -> &str {
    capture["body"].as_str().expect("a body")
}

fn records(bench: &Bench, capture: &Value, body: &str) -> Vec<Value> {
    let delivery = Delivery {
        received_at: noon(),
        app: Some("capture"),
        query: None,
        user_agent: capture["headers"]["user-agent"].as_str(),
        content_type: capture["headers"]["content-type"].as_str(),
    };
    let taken = bench.pipeline.take(body.as_bytes(), &delivery);
    assert!(matches!(taken, Taken::Accepted(_)), "{taken:?} for {body}");
    bench.records()
}
