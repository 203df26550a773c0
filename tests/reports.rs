//! Every fixture becomes the records that stand beside it.

mod support;

use cspipe::pipeline::Taken;
use serde_json::{Value, json};
use support::{Bench, fixtures};

/// The whole result of each fixture, as a snapshot that somebody has read.
#[test]
fn fixtures_become_their_records() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let bench = Bench::new();
        for fixture in fixtures() {
            let taken = match bench.pipeline.take(&fixture.body, &fixture.delivery()) {
                Taken::Accepted(_) => "accepted".to_owned(),
                Taken::Unreadable(rejection) => format!("unreadable: {rejection}"),
                Taken::TooMany { reports, limit } => format!("{reports} reports, limit {limit}"),
                Taken::Overloaded => "overloaded".to_owned(),
            };
            let records: Vec<Value> = bench.records().into_iter().map(without_chance).collect();
            insta::assert_json_snapshot!(
                fixture.name.as_str(),
                json!({ "taken": taken, "records": records })
            );
        }
    });
}

/// The id is made anew each time; everything else follows from the fixture.
fn without_chance(mut record: Value) -> Value {
    let id = record["id"].as_str().expect("a record has an id");
    assert_eq!(uuid::Uuid::parse_str(id).expect("a UUID").get_version_num(), 7);
    record["id"] = "[uuid]".into();
    record
}

/// Nothing that a page, a URL or a header kept secret is found in any record.
#[test]
fn no_secret_survives() {
    let bench = Bench::new();
    for fixture in fixtures() {
        bench.pipeline.take(&fixture.body, &fixture.delivery());
        for record in bench.records() {
            // What could not be read is kept as it came, for a person to look at.
            if record["stream"] == "rejected" {
                continue;
            }
            let record = record.to_string();
            for secret in SECRETS {
                assert!(!record.contains(secret), "{}: {secret} in {record}", fixture.name);
            }
        }
    }
}

const SECRETS: &[&str] = &[
    "cookie-secret",
    "Ym90OmF1dGgtc2VjcmV0",
    "query-secret",
    "custom-scheme-secret",
    "path-secret",
    "page-password",
    "blocked-password",
    "-fragment",
    "eyJ",
    "anna.muster",
    "4111111111111111",
];
