//! `docs/semantics.md` is what the stages say, row by row.

#[path = "../support/mod.rs"]
mod support;

use cspipe::http::app_of_path;
use cspipe::pipeline::Taken;
use cspipe::report::{Classification, Delivery};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{LazyLock, Mutex};
use support::{Bench, noon};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    /// By its short name, what stands in the column of sources.
    sources: BTreeMap<String, String>,
    topic: Vec<Topic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    title: String,
    #[serde(default)]
    intro: String,
    /// The fields of the record that are shown.
    #[serde(default)]
    show: Vec<String>,
    /// The fields that are compared, in a topic of pairs.
    #[serde(default)]
    same: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    what: String,
    #[serde(default)]
    who: String,
    keys: Option<String>,
    body: Option<String>,
    /// The keys of the second report of a pair.
    other: Option<String>,
    path: Option<String>,
    #[serde(default)]
    sources: Vec<String>,
}

/// Held equal to the code; written anew with `UPDATE_DOCS=1 cargo test --test semantics`.
#[test]
fn the_document_says_what_the_code_does() {
    let mut text = String::from(HEAD);
    for topic in &BOOK.topic {
        let _ = writeln!(text, "\n## {}\n", topic.title);
        if !topic.intro.is_empty() {
            let _ = writeln!(text, "{}\n", topic.intro);
        }
        if topic.same.is_empty() { shown(topic, &mut text) } else { compared(topic, &mut text) }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/semantics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).expect("the document can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "docs/semantics.md is not what the code does; write it anew with \
         `UPDATE_DOCS=1 cargo test --test semantics`, and read what changed"
    );
}

#[test]
fn every_classification_has_its_sample() {
    let topic = BOOK.topic.iter().find(|topic| topic.title == "Classification").expect("a topic");
    let shown: BTreeSet<_> = topic
        .rows
        .iter()
        .map(|row| record(row, row.keys.as_deref())["classification"].to_string())
        .collect();
    let all: BTreeSet<_> =
        Classification::ALL.iter().map(|class| format!("\"{}\"", class.name())).collect();
    assert_eq!(shown, all);
}

/// A claim without a source is one that nobody can check, and says so.
#[test]
fn every_row_names_its_source() {
    for topic in BOOK.topic.iter().filter(|topic| topic.same.is_empty()) {
        for row in &topic.rows {
            assert!(!row.sources.is_empty(), "{}: {}", topic.title, row.what);
        }
    }
    let named: BTreeSet<_> =
        BOOK.topic.iter().flat_map(|topic| &topic.rows).flat_map(|row| &row.sources).collect();
    assert_eq!(named, BOOK.sources.keys().collect(), "sources that are named, and that there are");
}

/// A table of reports and of what becomes of each.
fn shown(topic: &Topic, text: &mut String) {
    let has_who = topic.rows.iter().any(|row| !row.who.is_empty());
    let mut head = vec!["what".to_owned()];
    head.extend(has_who.then(|| "who".to_owned()));
    head.push("what comes in".to_owned());
    head.extend(topic.show.iter().map(|field| format!("`{field}`")));
    head.push("source".to_owned());
    table_row(text, &head);
    table_row(text, &vec!["---".to_owned(); head.len()]);
    for row in &topic.rows {
        let record = record(row, row.keys.as_deref());
        let mut cells = vec![row.what.clone()];
        cells.extend(has_who.then(|| row.who.clone()));
        let came = row.keys.as_deref().or(row.body.as_deref()).unwrap_or_default();
        let path = row.path.as_ref().map_or(String::new(), |path| format!("`{path}` "));
        cells.push(format!("{path}`{came}`"));
        cells.extend(topic.show.iter().map(|field| cell(&record[field])));
        let sources = row.sources.iter().map(|name| BOOK.sources[name].clone());
        cells.push(sources.collect::<Vec<_>>().join(", "));
        table_row(text, &cells);
    }
}

/// A table of pairs, and of what is the same in both.
fn compared(topic: &Topic, text: &mut String) {
    let mut head: Vec<_> = ["what differs", "one", "the other"].map(str::to_owned).into();
    head.extend(topic.same.iter().map(|field| format!("same `{field}`")));
    table_row(text, &head);
    table_row(text, &vec!["---".to_owned(); head.len()]);
    for row in &topic.rows {
        let (one, other) = (record(row, row.keys.as_deref()), record(row, row.other.as_deref()));
        let quoted = |keys: &Option<String>| format!("`{}`", keys.as_deref().unwrap_or_default());
        let mut cells = vec![row.what.clone(), quoted(&row.keys), quoted(&row.other)];
        cells.extend(topic.same.iter().map(|field| match (&one[field], &other[field]) {
            (Value::Null, Value::Null) => String::new(),
            (one, other) if one == other => "yes".to_owned(),
            _ => "no".to_owned(),
        }));
        table_row(text, &cells);
    }
}

fn table_row(text: &mut String, cells: &[String]) {
    // A bar would end a cell.
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => format!("`{other}`"),
    }
}

/// The record of a row's report.
fn record(row: &Row, keys: Option<&str>) -> Value {
    let body = match (keys, &row.body) {
        (Some(keys), _) if keys.contains("\"document-uri\"") => {
            format!(r#"{{"csp-report":{{{keys}}}}}"#)
        }
        (Some(keys), _) => {
            format!(r#"{{"csp-report":{{"document-uri":"https://shop.example/cart",{keys}}}}}"#)
        }
        (None, Some(body)) => body.clone(),
        (None, None) => panic!("{}: neither keys nor a body", row.what),
    };
    let path = row.path.as_deref().unwrap_or("/csp/shop");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let delivery = Delivery {
        received_at: noon(),
        app: app_of_path(path).expect("reports are taken there"),
        query: Some(query),
        user_agent: None,
        content_type: None,
    };
    let bench = BENCH.lock().expect("not poisoned");
    let taken = bench.pipeline.take(body.as_bytes(), &delivery);
    assert!(matches!(taken, Taken::Accepted(_)), "{}: {taken:?} for {body}", row.what);
    bench.records().remove(0)
}

static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| Mutex::new(Bench::new()));

static BOOK: LazyLock<Book> =
    LazyLock::new(|| toml::from_str(include_str!("topics.toml")).expect("the topics are TOML"));

const HEAD: &str = "# Semantics

What reports become. The rows stand in `tests/semantics/topics.toml`; what becomes of each is what
the stages say, and a test holds this file to it. What three browsers of today really send is in
[`browsers.md`](browsers.md).

Whoever doubts a row gives it to `cspipe explain`. Keys belong into a body for
`https://shop.example/cart`:

```console
$ echo '{\"csp-report\":{\"document-uri\":\"https://shop.example/cart\",\"violated-directive\":\"script-src\",\"blocked-uri\":\"self\"}}' |
    cspipe explain --path /csp/shop | grep classification
  classification  \"inline_script\"
    \"classification\": \"inline_script\",
```
";
