//! The fast decoder against a slow and obvious one that shares no code with it.

mod reference;
mod support;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reference::check;
use support::bodies::{body, report_body};
use support::fixtures;

/// Of the fixtures the slow decoder judges nearly all; those that have to be mended are named.
#[test]
fn fixtures_are_decoded_alike() {
    let fixtures = fixtures();
    let unjudged: Vec<_> = fixtures
        .iter()
        .filter(|fixture| !check(&fixture.body))
        .map(|fixture| fixture.name.as_str())
        .collect();
    assert_eq!(unjudged, MENDED);
}

#[test]
fn captures_are_decoded_alike() {
    let mut judged = 0;
    for line in include_str!("captures/browsers.jsonl").lines() {
        let capture: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        if capture["method"] == "POST" {
            assert!(check(capture["body"].as_str().expect("a body").as_bytes()), "{line}");
            judged += 1;
        }
    }
    assert!(judged > 90, "{judged}");
}

/// Random bodies, of which the slow decoder must be able to judge a good part.
#[test]
fn random_bodies_are_decoded_alike() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8192) };
    for (what, bodies, at_least) in
        [("nearly reports", report_body().boxed(), 4), ("anything", body().boxed(), 4)]
    {
        let judged = std::cell::Cell::new(0);
        TestRunner::new(config.clone())
            .run(&bodies, |body| {
                judged.set(judged.get() + u32::from(check(&body)));
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        // Shrinking asks again, so this is a bound and no count.
        assert!(judged.get() >= config.cases / at_least, "{what}: {} judged", judged.get());
    }
}

/// Fixtures that are no strict JSON.
const MENDED: &[&str] = &[
    "line-number-overflows-a-double",
    "lone-surrogate-in-sample",
    "raw-tab-and-newline-in-a-string",
    "trailing-comma",
    "truncated-json",
    "unknown-field-200-levels-deep",
];
