//! What three real browsers sent for the same violations.

mod support;

use cspipe::pipeline::Taken;
use cspipe::report::Delivery;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use support::edge::{self, Edge};
use support::{Bench, noon};

/// Every request, sent again as it was captured, over a socket: what it is answered, and the
/// complete records that come of it, as a snapshot that somebody has read.
///
/// What all records of an engine have in common stands in that engine's own snapshot, so that the
/// others show what tells them apart.
#[test]
fn captures_become_their_records() {
    let edge = Edge::in_memory(&edge::patient());
    let replayed: Vec<Replayed> = all_captures()
        .iter()
        .enumerate()
        .map(|(at, capture)| Replayed::of(&edge, at + 1, capture))
        .collect();
    assert_eq!(replayed.len(), 102);
    // As many as the file holds: entries of arrays, and single objects.
    assert_eq!(replayed.iter().map(|one| one.records.len()).sum::<usize>(), 144);

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("captures");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for engine in ENGINES {
            let of_engine: Vec<_> = replayed.iter().filter(|one| one.engine == *engine).collect();
            let records: Vec<_> = of_engine.iter().flat_map(|one| &one.records).collect();
            let shared = shared_fields(&records);
            insta::assert_snapshot!(format!("000-{engine}"), fields(&shared, &Map::new()));
            for one in of_engine {
                insta::assert_snapshot!(one.name(), one.text(&shared));
            }
        }
    });
}

const ENGINES: &[&str] = &["chromium", "firefox", "webkitgtk"];

/// A capture that was sent again.
struct Replayed {
    number: usize,
    engine: String,
    /// What the page was about: `uri`, `to-hash`.
    page: String,
    request: String,
    answer: String,
    records: Vec<Map<String, Value>>,
}

impl Replayed {
    fn of(edge: &Edge, number: usize, capture: &Value) -> Self {
        let text = |key: &str| capture[key].as_str().expect(key);
        let method = text("method");
        let headers = capture["headers"].as_object().expect("headers");
        let header = |name: &str| headers.get(name).and_then(Value::as_str);
        let mut request = format!("{method} /csp/capture HTTP/1.1\r\nHost: edge.example\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {}\r\n", value.as_str().expect("a header is text"));
        }
        request += "\r\n";
        request += text("body");

        let answer = edge.send(&request);
        assert_eq!(answer.status, 204, "capture {number}: {}", answer.body);
        let mut head: Vec<_> =
            answer.head.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        head.retain(|line| !line.starts_with("date: "));

        let page = text("body").split("/page-").nth(1).unwrap_or("preflight");
        let page = page.split(['"', '\\']).next().unwrap_or(page);
        let page = page.trim_end_matches("-chrome").trim_end_matches("-firefox");
        let sent = [
            "content-type",
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
        ]
        .iter()
        .filter_map(|name| Some(format!("\n{name}: {}", header(name)?)))
        .collect::<String>();
        Self {
            number,
            engine: text("browser").split('-').next().expect("a name").to_owned(),
            page: page.trim_end_matches("-webkit").to_owned(),
            request: format!("{method} {}{sent}", text("path")),
            answer: head.join("\n"),
            records: edge.records().into_iter().map(without_chance).collect(),
        }
    }

    fn name(&self) -> String {
        let what = match &self.records[..] {
            [] => String::new(),
            [record] => {
                let key = ["effective_directive", "report_type"];
                let key = key.iter().find_map(|key| record.get(*key)?.as_str());
                format!("-{}", key.expect("a directive or a type"))
            }
            records => format!("-{}-reports", records.len()),
        };
        format!("{:03}-{}-{}{what}", self.number, self.engine, self.page)
    }

    fn text(&self, shared: &Map<String, Value>) -> String {
        let mut text = format!("{}\n\n{}\n", self.request, self.answer);
        for record in &self.records {
            text += "\n";
            text += &fields(record, shared);
        }
        text
    }
}

/// One field a line, without those that are shown elsewhere.
fn fields(record: &Map<String, Value>, without: &Map<String, Value>) -> String {
    record
        .iter()
        .filter(|(name, _)| !without.contains_key(*name))
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name:20}{text}\n"),
            other => format!("{name:20}{other}\n"),
        })
        .collect()
}

/// The fields that all of these records have, with one and the same value.
fn shared_fields(records: &[&Map<String, Value>]) -> Map<String, Value> {
    let (first, rest) = records.split_first().expect("an engine has records");
    first
        .iter()
        .filter(|(name, value)| rest.iter().all(|record| record.get(*name) == Some(*value)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The clock and the id are the edge's; what follows from the capture is how long ago it was.
fn without_chance(record: Value) -> Map<String, Value> {
    let Value::Object(mut record) = record else { panic!("{record}") };
    let time = |name: &str| -> jiff::Timestamp {
        record[name].as_str().and_then(|text| text.parse().ok()).expect("a time")
    };
    let received_at = time("received_at");
    let age = time("@timestamp").duration_until(received_at).as_millis();
    let since = received_at.duration_until(jiff::Timestamp::now());
    assert!(!since.is_negative() && since.as_hours() == 0, "{received_at}");
    let id = record["id"].as_str().expect("a record has an id");
    assert_eq!(uuid::Uuid::parse_str(id).expect("a UUID").get_version_num(), 7);
    record["@timestamp"] = format!("[{age} ms before received_at]").into();
    record["received_at"] = "[now]".into();
    record["id"] = "[uuid]".into();
    record
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

/// What an engine makes of a policy's text does not show in its hash. Pages of one name had one
/// policy, but for the browser's name in their URL.
#[test]
fn one_policy_has_one_hash_in_three_engines() {
    let bench = Bench::new();
    let mut seen: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for capture in captures() {
        for record in records(&bench, &capture, body(&capture)) {
            let Some(hash) = record["policy_hash"].as_str() else { continue };
            let path = record["path"].as_str().expect("a path");
            let (page, browser) = path.rsplit_once('-').expect("a browser behind the page");
            let (hashes, browsers) = seen.entry(page.to_owned()).or_default();
            hashes.insert(hash.to_owned());
            browsers.insert(browser.to_owned());
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
    for (page, (hashes, browsers)) in seen {
        assert_eq!(browsers.len(), 3, "{page}: {browsers:?}");
        assert_eq!(hashes.len(), 1, "{page}: {hashes:?}");
    }
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

fn all_captures() -> Vec<Value> {
    include_str!("captures/browsers.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        .collect()
}

fn captures() -> Vec<Value> {
    let mut captures = all_captures();
    captures.retain(|capture| capture["method"] == "POST");
    captures
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
