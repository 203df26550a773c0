//! `config/record.schema.json` says of records what the code writes, no less and no more.

mod support;

use cspipe::report::{
    Agent, Classification, Delivery, Device, Disposition, Reason, Rejection, Relation, Repair,
    Stream, Wire,
};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Bench, bodies, fixtures, noon};

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/record.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("it is there")).expect("JSON")
}

fn validator() -> Validator {
    jsonschema::meta::validate(&schema()).expect("a schema");
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema())
        .expect("a schema")
}

/// What is wrong with a record, place by place.
fn mistakes(validator: &Validator, record: &Value) -> Vec<String> {
    validator
        .iter_errors(record)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The records of every fixture and of every request that was captured from a browser.
fn records() -> Vec<(String, Value)> {
    let bench = Bench::new();
    let mut records = Vec::new();
    for fixture in fixtures() {
        bench.pipeline.take(&fixture.body, &fixture.delivery());
        records.extend(bench.records().into_iter().map(|record| (fixture.name.clone(), record)));
    }
    for (at, line) in include_str!("captures/browsers.jsonl").lines().enumerate() {
        let capture: Value = serde_json::from_str(line).expect("a line is JSON");
        let body = capture["body"].as_str().expect("a body");
        let delivery = Delivery {
            received_at: noon(),
            app: Some("capture"),
            query: Some("env=test&release=1.2"),
            user_agent: capture["headers"]["user-agent"].as_str(),
            content_type: capture["headers"]["content-type"].as_str(),
        };
        bench.pipeline.take(body.as_bytes(), &delivery);
        let name = format!("capture {}", at + 1);
        records.extend(bench.records().into_iter().map(|record| (name.clone(), record)));
    }
    bench.pipeline.take(MENDED.as_bytes(), &fixtures()[0].delivery());
    records.extend(bench.records().into_iter().map(|record| ("mended".to_owned(), record)));
    records
}

/// A report of another type that had to be mended, which no fixture is.
const MENDED: &str =
    r#"[{"type":"deprecation","url":"https://a.example/","body":{"message":"cut \ud83d"}}]"#;

#[test]
fn every_record_of_every_fixture_keeps_the_contract() {
    let validator = validator();
    let records = records();
    for (name, record) in &records {
        let mistakes = mistakes(&validator, record);
        assert!(mistakes.is_empty(), "{name}: {mistakes:#?} in {record:#}");
    }
    let streams: BTreeSet<_> = records.iter().map(|(_, record)| text(&record["stream"])).collect();
    assert_eq!(streams, Stream::ALL.iter().map(|stream| stream.name()).collect());
}

/// A field that no fixture has would stand in the schema unproven, and might be misspelt there.
#[test]
fn every_field_of_the_schema_stands_in_a_record() {
    let records = records();
    let schema = schema();
    for (shape, streams) in [
        ("violation", &["clean", "filtered"][..]),
        ("other", &["other"]),
        ("rejected", &["rejected"]),
    ] {
        let described: BTreeSet<_> = keys(&schema["$defs"][shape]["properties"]).collect();
        let written: BTreeSet<_> = records
            .iter()
            .filter(|(_, record)| streams.contains(&text(&record["stream"])))
            .flat_map(|(_, record)| keys(record))
            .collect();
        let unproven: Vec<_> = described.difference(&written).collect();
        assert!(unproven.is_empty(), "{shape}: {unproven:?}");
    }
}

#[test]
fn the_records_of_any_body_keep_the_contract() {
    let validator = validator();
    let bench = Bench::new();
    let bodies = prop_oneof![bodies::report_body(), bodies::body()];
    let circumstances = (bodies, "\\PC{0,60}", "[a-z_]{0,12}=[\\PC]{0,20}");
    let config = Config { cases: 512, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&circumstances, |(body, user_agent, query)| {
            let delivery = Delivery {
                received_at: noon(),
                app: None,
                query: Some(&query),
                user_agent: Some(&user_agent),
                content_type: Some(&user_agent),
            };
            bench.pipeline.take(&body, &delivery);
            for record in bench.records() {
                let mistakes = mistakes(&validator, &record);
                prop_assert!(mistakes.is_empty(), "{mistakes:#?} in {record:#}");
            }
            Ok(())
        })
        .expect("the law holds");
}

#[test]
fn closed_sets_are_those_of_the_code() {
    macro_rules! names {
        ($set:ident) => {
            $set::ALL.iter().map(|member| member.name()).collect::<Vec<_>>()
        };
    }
    let schema = schema();
    let defs = &schema["$defs"];
    // A record has no envelope that could not be read, or was not.
    let wires = Wire::ALL.iter().filter(|wire| !matches!(wire, Wire::Unreadable | Wire::Unread));
    for (described, code) in [
        (&schema["properties"]["stream"]["enum"], names!(Stream)),
        (&defs["classification"]["enum"], names!(Classification)),
        (&defs["disposition"]["enum"], names!(Disposition)),
        (&defs["relation"]["enum"], names!(Relation)),
        (&defs["device"]["enum"], names!(Device)),
        (&defs["browser"]["enum"], Agent::BROWSERS.to_vec()),
        (&defs["os"]["enum"], Agent::SYSTEMS.to_vec()),
        (&defs["filter_reason"]["enum"], names!(Reason)),
        (&defs["wire"]["enum"], wires.map(|wire| wire.name()).collect()),
        (&defs["repaired"]["items"]["enum"], names!(Repair)),
        (&defs["rejected"]["properties"]["reason"]["enum"], Rejection::LABELS.to_vec()),
    ] {
        assert_eq!(*described, json!(code));
    }
    assert_eq!(defs["schema"]["const"], json!(cspipe::report::Record::SCHEMA));
}

/// What a person reads of a field is there for every field.
#[test]
fn every_field_is_described() {
    let schema = schema();
    for shape in ["violation", "other", "rejected"] {
        for (name, field) in schema["$defs"][shape]["properties"].as_object().expect("fields") {
            let field = match field["$ref"].as_str() {
                Some(_) => &schema["$defs"][name],
                None => field,
            };
            assert!(text(&field["description"]).ends_with('.'), "{shape}: {name}");
        }
    }
}

/// Records that break the contract, each in one way: the schema can refuse.
#[test]
fn what_breaks_the_contract_is_refused() {
    let validator = validator();
    let records = records();
    let first = |stream: &str| {
        let found = records.iter().find(|(_, record)| record["stream"] == stream);
        found.expect(stream).1.clone()
    };
    let mut broken = 0;
    let mut refuse = |what: &str, record: &Value| {
        assert!(!validator.is_valid(record), "{what}: {record:#}");
        broken += 1;
    };
    let schema = schema();
    for stream in Stream::ALL {
        let record = first(stream.name());
        let shape = match stream {
            Stream::Clean | Stream::Filtered => "violation",
            Stream::Other => "other",
            Stream::Rejected => "rejected",
        };
        for required in schema["$defs"][shape]["required"].as_array().expect("required") {
            let mut less = record.clone();
            less.as_object_mut().expect("a record").remove(text(required)).expect("it was there");
            refuse(&format!("{} without {required}", stream.name()), &less);
        }
        for name in keys(&record) {
            for worse in [json!(null), json!(""), json!([]), json!({})] {
                // A body of another report may be of any shape.
                if (name, shape) == ("body", "other") && !worse.is_null() && worse != "" {
                    continue;
                }
                let mut bad = record.clone();
                bad[name] = worse;
                refuse(name, &bad);
            }
        }
        let mut more = record.clone();
        more["client_ip"] = json!("192.0.2.1");
        refuse("one more field", &more);
    }
    for (stream, field, value) in [
        ("clean", "stream", json!("filtered")),
        ("clean", "stream", json!("violations")),
        ("clean", "filter_rule", json!("ads")),
        ("filtered", "stream", json!("clean")),
        ("filtered", "filter_reason", json!("annoying")),
        ("clean", "classification", json!("InlineScript")),
        ("clean", "wire", json!("unreadable")),
        ("clean", "schema", json!(2)),
        ("clean", "id", json!("b4ba1a9c-4ba0-4a3c-9d2c-1f6f3a2d9a10")),
        ("clean", "@timestamp", json!("2026-02-30T12:00:00.000Z")),
        ("clean", "received_at", json!("2026-11-24T12:00:00Z")),
        ("clean", "app_name", json!("a b")),
        ("clean", "fingerprint", json!("ABCDEF")),
        ("clean", "page_status", json!(0)),
        ("clean", "line_number", json!("12")),
        ("clean", "browser", json!("Netscape")),
        ("clean", "tags", json!([""])),
        ("clean", "repaired", json!(["number", "number"])),
        ("other", "report_type", json!("a b")),
        ("other", "classification", json!("unknown")),
        ("rejected", "reason", json!("boring")),
        ("rejected", "body", json!("x".repeat(8193))),
    ] {
        let mut bad = first(stream);
        bad[field] = value;
        refuse(&format!("{stream}: {field}"), &bad);
    }
    assert!(broken > 300, "{broken}");
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value.as_object().expect("an object").keys().map(String::as_str)
}
