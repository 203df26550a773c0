//! A record carries all that is needed to judge it again.

mod support;

use cspipe::filter::{self, RuleSet};
use cspipe::pipeline::{Stages, Taken};
use cspipe::proof;
use cspipe::publish;
use cspipe::replay::StoredRecord;
use cspipe::report::{Batch, Record};
use serde_json::Value;
use support::{Bench, fixtures, rules_for_localhost, stages};

/// Record → stages → rules → record: byte for byte the same, over all fixtures.
#[test]
fn a_record_judged_again_is_the_same_record() {
    let stages = stages();
    let rules = rules(&stages);
    let mut records = 0;
    for (name, record) in records_of_fixtures() {
        assert_eq!(again(&record, &stages, &rules), record, "{name}");
        records += 1;
    }
    assert!(records > 100, "{records}");
}

/// Rules that filter other things give another verdict, and the record can tell.
#[test]
fn a_record_is_judged_by_the_rules_of_now() {
    let stages = stages();
    let all = filter::Sources {
        origin: "a test".to_owned(),
        files: vec![("all.toml".to_owned(), EVERY_STYLE.to_owned())],
        ..filter::Sources::default()
    };
    let rules = proof::prove(&all, &stages).expect("the rule holds");
    let mut moved = 0;
    for (name, record) in records_of_fixtures() {
        let before: Value = serde_json::from_str(&record).expect("JSON");
        let after: Value = serde_json::from_str(&again(&record, &stages, &rules)).expect("JSON");
        let is_style = before["violation_type"] == "style-src";
        assert_eq!(after["filter_rule"] == "every-style", is_style, "{name}");
        assert_eq!(after["fingerprint"], before["fingerprint"], "{name}");
        moved += usize::from(is_style && before["stream"] == "clean");
    }
    assert!(moved > 3, "{moved}");
}

/// Judges a record anew and writes it down again.
fn again(record: &str, stages: &Stages, rules: &RuleSet) -> String {
    let stored: StoredRecord<'_> = serde_json::from_str(record).expect("a record is read");
    let today = jiff::tz::TimeZone::UTC.to_datetime(stored.received_at).date();
    stored.replay(stages, |violation, facts| {
        let verdict = rules.judge(&rules.subject(violation, facts), today);
        let mut batch = Batch::default();
        publish::encode(
            &Record {
                id: stored.id,
                received_at: stored.received_at,
                violation,
                facts,
                verdict: &verdict,
                edge: stored.edge.as_deref().expect("an edge"),
            },
            &mut batch,
        );
        String::from_utf8(batch.bytes).expect("text")
    })
}

/// The violations of all fixtures as the pipeline publishes them.
fn records_of_fixtures() -> Vec<(String, String)> {
    let bench = Bench::new();
    let mut records = Vec::new();
    for fixture in fixtures() {
        let taken = bench.pipeline.take(&fixture.body, &fixture.delivery());
        assert!(!matches!(taken, Taken::Overloaded), "{}", fixture.name);
        for batch in std::mem::take(&mut *bench.batches.lock().expect("not poisoned")) {
            for entry in batch.entries.iter().filter(|entry| entry.classification.is_some()) {
                let json = std::str::from_utf8(batch.json(entry)).expect("text");
                records.push((fixture.name.clone(), json.to_owned()));
            }
        }
    }
    records
}

fn rules(stages: &Stages) -> RuleSet {
    proof::prove(&rules_for_localhost(), stages).expect("the shipped rules hold")
}

const EVERY_STYLE: &str = r#"
format = 1
[[rule]]
id = "every-style"
title = "Every style"
reason = "site"
action = "filter"
may_match_canary = ["*"]
evidence = ["a test"]
[rule.all]
violation_type = { is = "style-src" }
[[rule.example]]
match = true
report = { effective-directive = "style-src", blocked-uri = "https://a.example/a.css" }
[[rule.example]]
match = false
why = "no style"
report = { effective-directive = "img-src", blocked-uri = "https://a.example/a.png" }
[[rule.example]]
match = false
why = "no style either"
report = { effective-directive = "font-src", blocked-uri = "https://a.example/a.woff2" }
"#;
