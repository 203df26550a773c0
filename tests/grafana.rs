//! Dashboards, alert rules and the runbook hold together, and name only what the code counts.
//!
//! That their expressions return something is shown by `scripts/prometheus-proof`, with a real
//! Prometheus; here is what can be said of the files alone.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Everything wrong is told at once, each with its place.
#[derive(Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn assert_none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

#[test]
fn dashboards_can_be_loaded_side_by_side() {
    let mut mistakes = Mistakes::default();
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        let uid = text(&dashboard["uid"]);
        mistakes.unless(uid == name, || format!("{name}: its uid is {uid}"));
        mistakes.unless(uid.len() <= 40, || format!("{name}: Grafana takes uids up to 40 bytes"));
        mistakes.unless(uids.insert(uid.to_owned()), || format!("{name}: its uid is taken"));
        let schema = dashboard["schemaVersion"].as_u64().unwrap();
        mistakes.unless((39..=42).contains(&schema), || format!("{name}: schema {schema}"));
        mistakes
            .unless(dashboard["id"].is_null(), || format!("{name}: an id is one Grafana's own"));
        mistakes.unless(!text(&dashboard["description"]).is_empty(), || format!("{name}: why?"));
        // The links between them go by this tag.
        let linked = list(&dashboard["links"]).any(|link| link["tags"][0] == "cspipe");
        let tagged = list(&dashboard["tags"]).any(|tag| tag == "cspipe");
        mistakes.unless(linked && tagged, || format!("{name}: is not linked with the others"));
    }
    assert_eq!(uids.len(), 3);
    mistakes.assert_none();
}

#[test]
fn panels_are_told_apart_and_have_their_place() {
    let mut mistakes = Mistakes::default();
    for (name, dashboard) in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeMap::new());
        for panel in list(&dashboard["panels"]) {
            let title = format!("{name}: {}", text(&panel["title"]));
            mistakes.unless(ids.insert(panel["id"].as_u64().unwrap()), || format!("{title}: id"));
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
            mistakes.unless(w > 0 && h > 0 && x + w <= 24, || format!("{title}: {x} + {w}"));
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                let other = taken.insert(cell, title.clone());
                mistakes.unless(other.is_none(), || format!("{title}: lies over {other:?}"));
            }
        }
    }
    mistakes.assert_none();
}

#[test]
fn panels_say_what_they_show_and_ask_the_chosen_data_source() {
    let mut mistakes = Mistakes::default();
    for (name, dashboard) in dashboards() {
        let variables: Vec<_> = list(&dashboard["templating"]["list"]).collect();
        let source = variables.iter().find(|variable| variable["type"] == "datasource").unwrap();
        assert_eq!(
            (&source["name"], &source["query"]),
            (&"datasource".into(), &"prometheus".into())
        );
        for asking in variables.iter().filter(|variable| variable["type"] == "query") {
            let uid = &asking["datasource"]["uid"];
            mistakes.unless(uid == "${datasource}", || format!("{name}: {}", asking["name"]));
        }
        for panel in list(&dashboard["panels"]).filter(|panel| panel["type"] != "row") {
            let title = format!("{name}: {}", text(&panel["title"]));
            let known = ["stat", "timeseries", "bargauge", "table"].contains(&text(&panel["type"]));
            mistakes.unless(known, || format!("{title}: type {}", panel["type"]));
            let description = text(&panel["description"]);
            mistakes.unless(description.ends_with('.'), || format!("{title}: no description"));
            let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
            mistakes.unless(!unit.is_empty(), || format!("{title}: no unit"));
            let targets: Vec<_> = list(&panel["targets"]).collect();
            mistakes.unless(!targets.is_empty(), || format!("{title}: asks nothing"));
            let mut letters = BTreeSet::new();
            for target in &targets {
                let letter = text(&target["refId"]);
                mistakes.unless(letters.insert(letter), || format!("{title}: {letter} twice"));
                let uid = &target["datasource"]["uid"];
                mistakes.unless(uid == "${datasource}", || format!("{title}: {uid}"));
                let expr = text(&target["expr"]).to_lowercase();
                mistakes.unless(expr.contains("cspipe"), || format!("{title}: {expr}"));
                let named = !text(&target["legendFormat"]).is_empty() || panel["type"] == "table";
                mistakes.unless(named, || format!("{title}: {letter} has no legend"));
            }
        }
    }
    mistakes.assert_none();
}

#[test]
fn every_metric_that_is_asked_for_is_counted() {
    let counted = counted();
    assert!(counted.contains("cspipe_reports_total"), "the code was not read right");
    let mut mistakes = Mistakes::default();
    let asked = [expressions(), rules().concat()].concat();
    for name in words(&asked, "cspipe_") {
        // A histogram is asked by its parts. `cspipe_(violations|filtered)_total` are two names.
        let parts = ["_bucket", "_sum", "_count"];
        let whole = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(&name);
        let known = counted.contains(&name) || counted.contains(whole) || name == "cspipe_";
        mistakes.unless(known, || format!("{name} is counted nowhere"));
    }
    for name in recorded_names(&asked) {
        let records = rules().concat().contains(&format!("record: {name}\n"));
        mistakes.unless(records, || format!("{name} is recorded nowhere"));
    }
    mistakes.assert_none();
}

#[test]
fn every_alert_says_what_to_do_and_is_tested_both_ways() {
    let mut mistakes = Mistakes::default();
    let runbook = read("docs/monitoring.md");
    let tests: String = texts("config/prometheus/tests", "yml").concat();
    let mut alerts = 0;
    for alert in rules().iter().flat_map(|file| file.split("- alert: ").skip(1)) {
        let name = alert.lines().next().unwrap();
        alerts += 1;
        let severity = ["critical", "warning", "info"]
            .iter()
            .any(|severity| alert.contains(&format!("severity: {severity}\n")));
        mistakes.unless(severity, || format!("{name}: no severity"));
        for key in ["summary:", "description:"] {
            mistakes.unless(alert.contains(key), || format!("{name}: no {key}"));
        }
        mistakes.unless(alert.contains("{{ $value"), || format!("{name}: tells no number"));
        let anchor = format!("runbook: docs/monitoring.md#{}\n", name.to_lowercase());
        mistakes.unless(alert.contains(&anchor), || format!("{name}: no {anchor}"));
        mistakes
            .unless(runbook.contains(&format!("### {name}\n")), || format!("{name}: no runbook"));
        let cases: Vec<_> = tests
            .split("  - name: ")
            .filter(|case| case.contains(&format!("alertname: {name}\n")))
            .collect();
        let fires = cases.iter().any(|case| case.contains("exp_labels:"));
        let is_quiet = cases.iter().any(|case| case.contains("exp_alerts: []"));
        mistakes
            .unless(fires && is_quiet, || format!("{name}: fires {fires}, is quiet {is_quiet}"));
    }
    assert!(alerts >= 20, "{alerts} alerts were found");
    let sections = runbook.lines().filter(|line| line.starts_with("### Cspipe")).count();
    mistakes.unless(sections == alerts, || format!("{sections} runbooks for {alerts} alerts"));
    mistakes.assert_none();
}

/// The dashboards by the names of their files.
fn dashboards() -> Vec<(String, Value)> {
    files("grafana/dashboards", "json")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            (
                name,
                serde_json::from_str(&fs::read_to_string(path).expect("it can be read"))
                    .expect("JSON"),
            )
        })
        .collect()
}

fn rules() -> Vec<String> {
    texts("config/prometheus/rules", "yml")
}

/// All that dashboards ask of Prometheus, variables and annotations included.
fn expressions() -> String {
    fn collect(value: &Value, found: &mut String) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if let ("expr" | "definition", Value::String(text)) = (key.as_str(), value) {
                        *found += text;
                        found.push('\n');
                    }
                    collect(value, found);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = String::new();
    dashboards().iter().for_each(|(_, dashboard)| collect(dashboard, &mut found));
    found
}

/// The names of all metrics, as they stand in the code.
fn counted() -> BTreeSet<String> {
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a folder").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(path).expect("it can be read");
                let literals = text.split('"').skip(1).step_by(2);
                found.extend(literals.filter(|text| is_word(text)).map(str::to_owned));
            }
        }
    }
    fn is_word(text: &str) -> bool {
        text.starts_with("cspipe_")
            && words(text, "cspipe_").first().is_some_and(|word| word == text)
    }
    let mut found = BTreeSet::new();
    collect(&root().join("src"), &mut found);
    found
}

/// The words of a text that begin so, outside of the names of recorded series.
fn words(text: &str, begin: &str) -> Vec<String> {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == ':';
    let words: BTreeSet<_> =
        text.split(|sign| !is_part(sign)).filter(|word| word.starts_with(begin)).collect();
    words.into_iter().map(str::to_owned).collect()
}

/// The recorded series that a text names: level, metric and operation, with colons between.
fn recorded_names(text: &str) -> Vec<String> {
    let names = words(text, "environment");
    names.into_iter().filter(|name| name.matches(':').count() == 2).collect()
}

fn texts(folder: &str, end: &str) -> Vec<String> {
    files(folder, end)
        .into_iter()
        .map(|path| fs::read_to_string(path).expect("it can be read"))
        .collect()
}

fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder))
        .expect("a folder")
        .map(|entry| entry.expect("a folder").path());
    let mut found: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|found| found == end)).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} has no files");
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("it can be read")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
