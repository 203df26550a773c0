//! Records as a stranger would like them: none changes a mapping, and none takes a neighbour along.
//!
//! Each hostile document stands between two harmless ones in the same `_bulk`. Only two kinds are
//! refused: those without one readable `@timestamp`, which no data stream takes, and those that
//! write to an alias. Everything else is kept whole.

use crate::elastic::client::Client;
use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

/// A document, and whether it has to be refused.
struct Hostile {
    name: String,
    document: Value,
    is_refused: bool,
}

/// How many were sent, and how many of them refused.
pub struct Tally {
    pub sent: usize,
    pub refused: usize,
}

/// Sends all of them to a data stream, which is made by the first.
pub fn prove(client: &Client, stream: &str, fields: &Map<String, Value>) -> Result<Tally> {
    client.bulk(stream, &[("first".to_owned(), plain().to_string())])?;
    let mapping = format!("/{stream}/_mapping");
    let before = client.get(&mapping)?;
    let all = all(fields);
    for batch in all.chunks(BATCH) {
        let mut documents = Vec::new();
        for hostile in batch {
            documents.push((hostile.name.clone(), hostile.document.to_string()));
            documents.push((format!("after {}", hostile.name), plain().to_string()));
        }
        let items = client.bulk(stream, &documents)?;
        for (hostile, pair) in batch.iter().zip(items.chunks(2)) {
            let expected = if hostile.is_refused { 400 } else { 201 };
            let reason = pair[0].reason.as_deref().unwrap_or_default();
            ensure!(
                pair[0].status == expected,
                "{}: {} instead of {expected}: {reason:.300}",
                hostile.name,
                pair[0].status
            );
            ensure!(pair[1].status == 201, "the neighbour of {}: {}", hostile.name, pair[1].status);
        }
    }
    ensure!(client.get(&mapping)? == before, "a record of a stranger has changed the mapping");
    client.refresh(stream)?;
    let refused = all.iter().filter(|hostile| hostile.is_refused).count();
    let found = client.count(stream, &json!({ "match_all": {} }))?;
    let expected = 1 + 2 * all.len() - refused;
    ensure!(found == expected as u64, "{found} of {expected} are there");
    whole(client, stream, &all)?;
    Ok(Tally { sent: all.len(), refused })
}

/// What was taken is kept as it came, however little of it was indexed.
fn whole(client: &Client, stream: &str, all: &[Hostile]) -> Result<()> {
    let kept: std::collections::HashMap<_, _> = client.scroll(stream)?.into_iter().collect();
    for hostile in all.iter().filter(|hostile| !hostile.is_refused) {
        let is_whole = kept.get(&hostile.name) == Some(&hostile.document.to_string());
        ensure!(is_whole, "{} was changed", hostile.name);
    }
    Ok(())
}

fn all(fields: &Map<String, Value>) -> Vec<Hostile> {
    let mut all = Vec::new();
    let mut add = |name: String, extra: Value, is_refused: bool| {
        let mut document = plain();
        if let (Some(document), Some(extra)) = (document.as_object_mut(), extra.as_object()) {
            document.extend(extra.clone());
        }
        all.push(Hostile { name, document, is_refused });
    };
    for (name, mapping) in fields {
        if mapping["type"] == "alias" {
            add(format!("alias {name}"), json!({ name: "x" }), true);
            continue;
        }
        for (what, value) in values() {
            // A data stream wants exactly one time.
            let is_time = name == "@timestamp";
            add(format!("{what} in {name}"), json!({ name: value }), is_time && what != "a float");
        }
        add(format!("below {name}"), json!({ format!("{name}.x"): "x" }), false);
    }
    let names: Map<String, Value> = (0..10_000).map(|n| (format!("name{n}"), json!(n))).collect();
    add("10,000 names".to_owned(), Value::Object(names), false);
    add("names deep down".to_owned(), json!({ "deep": deep(100) }), false);
    add(
        "a body of any names".to_owned(),
        json!({ "body": { "": { ".": [[1]], "a..b": 2 } } }),
        false,
    );
    add("a body of a long text".to_owned(), json!({ "body": "é".repeat(50_000) }), false);
    add("a body in depth".to_owned(), json!({ "body": deep(100) }), false);
    let logstash = json!({ "@version": "1", "host": "x", "event": { "original": "{}" } });
    add("what Logstash adds".to_owned(), logstash, false);
    add("a time of long ago".to_owned(), json!({ "@timestamp": "1970-01-01T00:00:00Z" }), false);
    add("a time to come".to_owned(), json!({ "@timestamp": "9999-12-31T23:59:59.999Z" }), false);
    let elsewhere = json!({ "@timestamp": "2026-11-24T12:00:00+14:00" });
    add("a time of elsewhere".to_owned(), elsewhere, false);
    all.push(Hostile { name: "no time".to_owned(), document: json!({}), is_refused: true });
    all
}

/// What to put where something else belongs. Not deeper than the rig itself can read back.
fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("32 KiB", json!("x".repeat(32 << 10))),
        ("100 KB", json!("é".repeat(50_000))),
        ("a word", json!("word")),
        ("a float", json!(1.5)),
        ("a large number", json!(1e30)),
        ("a flag", json!(true)),
        ("an object", json!({ "x": { "y": 1 } })),
        ("objects", json!([{ "x": 1 }, { "x": "y" }])),
        ("lists", json!([[["x", 1]], "y"])),
        ("depth", deep(100)),
        ("null", Value::Null),
    ]
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!("x"), |inner, _| json!({ "x": inner }))
}

fn plain() -> Value {
    json!({ "@timestamp": "2026-11-24T12:00:00.000Z", "app_name": "shop" })
}

/// Documents of one request; some are 100 KB.
const BATCH: usize = 100;
