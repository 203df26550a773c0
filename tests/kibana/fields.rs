//! Every field that the objects name, and what is done with it: the template must have it, with a type that can.

use crate::export::{Export, PRODUCTS, Product, ROOT, list, map, panels, str, unpacked};
use crate::{control_group, controls_of_a_visualization};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    /// Its values are grouped, counted, or shown beside a group.
    Grouped,
    /// It is a time: the axis, the first and the last.
    Time,
    /// It is asked for in KQL.
    Asked,
    /// It is a column of a saved search, read from the document.
    Shown,
}

/// The shapes of records, as `config/record.schema.json` and the data streams divide them.
fn shapes(streams: &str) -> Vec<&'static str> {
    streams
        .split(',')
        .map(|stream| match stream {
            "logs-csp.violation-*" => "clean",
            "logs-csp.filtered-*" => "filtered",
            "logs-csp.rejected-*" => "rejected",
            "logs-csp.other-*" => "other",
            _ => panic!("{stream} is no data stream of ours"),
        })
        .collect()
}

/// Whether records of that shape can have a field.
fn has(schema: &Value, shape: &str, field: &str) -> bool {
    let definition = match shape {
        "clean" | "filtered" => "violation",
        other => other,
    };
    let defined = schema["$defs"][definition]["properties"].get(field).is_some();
    defined && (shape == "filtered" || !field.starts_with("filter_"))
}

struct Fields {
    schema: Value,
    template: Map<String, Value>,
}

impl Fields {
    fn read() -> Self {
        let read = |path: &str| -> Value {
            let text =
                std::fs::read_to_string(format!("{ROOT}/config/{path}")).expect("it is there");
            serde_json::from_str(&text).expect("JSON")
        };
        let template = read("elasticsearch/component/csp-fields.json");
        let template = map(&template["template"]["mappings"]["properties"]).clone();
        Self { schema: read("record.schema.json"), template }
    }

    /// What is wrong with that use of a field, in those streams.
    fn mistake(&self, field: &str, used: Use, streams: &str) -> Option<String> {
        let Some(mapped) = self.template.get(field) else {
            return Some("the template does not have it".to_owned());
        };
        // In a view of two streams the filter's own fields stand beside violations that were kept.
        if !shapes(streams).iter().any(|shape| has(&self.schema, shape, field)) {
            return Some(format!("no record of {streams} has it"));
        }
        let kind = str(&mapped["type"]);
        let able = match used {
            Use::Grouped => {
                matches!(kind, "keyword" | "boolean" | "long" | "integer")
                    && mapped.get("doc_values").is_none()
            }
            Use::Time => kind == "date",
            Use::Asked => mapped.get("index").is_none(),
            Use::Shown => true,
        };
        (!able).then(|| format!("{kind} cannot be {used:?}"))
    }
}

/// The fields of a KQL: the words before a sign, outside of quotes.
fn asked_by(kql: &str) -> BTreeSet<String> {
    let (mut fields, mut word, mut quoted) = (BTreeSet::new(), String::new(), false);
    let mut complete = false;
    for c in kql.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            ':' | '<' | '>' => {
                fields.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                complete = true;
            }
            ' ' | '(' | ')' | '=' => complete = true,
            _ => {
                if std::mem::take(&mut complete) {
                    word.clear();
                }
                word.push(c);
            }
        }
    }
    assert!(!quoted, "{kql}: a quote that does not end");
    fields
}

/// Each field that an export names, what is done with it, in which streams, and where.
struct Named {
    uses: Vec<(String, Use, String, String)>,
}

impl Named {
    fn in_export(product: Product) -> Self {
        let export = Export::of(product);
        let mut named = Self { uses: Vec::new() };
        for object in &export.objects {
            let at = str(&object["id"]);
            match str(&object["type"]) {
                "index-pattern" => {
                    let view = &object["attributes"];
                    named.add(str(&view["timeFieldName"]), Use::Time, str(&view["title"]), at);
                }
                "search" => named.search(&export, object),
                "visualization" => named.visualization(&export, object),
                _ => named.dashboard(&export, object),
            }
        }
        named
    }

    fn add(&mut self, field: &str, used: Use, streams: &str, at: &str) {
        self.uses.push((field.to_owned(), used, streams.to_owned(), at.to_owned()));
    }

    fn kql(&mut self, query: &Value, streams: &str, at: &str) {
        assert_eq!(query["language"], "kuery", "{at}");
        for field in asked_by(str(&query["query"])) {
            self.add(&field, Use::Asked, streams, at);
        }
    }

    fn search(&mut self, export: &Export, search: &Value) {
        let (at, attributes) = (str(&search["id"]), &search["attributes"]);
        let streams = streams(export, search, SOURCE);
        for column in list(&attributes["columns"]) {
            self.add(str(column), Use::Shown, &streams, at);
        }
        for sort in list(&attributes["sort"]) {
            self.add(str(&sort[0]), Use::Time, &streams, at);
        }
        let source = unpacked(&attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]);
        self.kql(&source["query"], &streams, at);
    }

    fn visualization(&mut self, export: &Export, object: &Value) {
        let at = str(&object["id"]);
        for control in controls_of_a_visualization(object) {
            let streams = streams(export, object, str(&control["indexPatternRefName"]));
            self.add(str(&control["fieldName"]), Use::Grouped, &streams, at);
        }
        let state = unpacked(&object["attributes"]["visState"]);
        if list(&state["aggs"]).is_empty() {
            return;
        }
        let streams = streams(export, object, SOURCE);
        let source = unpacked(&object["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]);
        self.kql(&source["query"], &streams, at);
        for agg in list(&state["aggs"]) {
            let params = &agg["params"];
            match str(&agg["type"]) {
                "count" => continue,
                "date_histogram" | "min" | "max" => {
                    self.add(str(&params["field"]), Use::Time, &streams, at);
                }
                "top_hits" => self.add(str(&params["sortField"]), Use::Time, &streams, at),
                "terms" | "cardinality" => {}
                other => panic!("{at}: {other}"),
            }
            if ["terms", "cardinality", "top_hits"].contains(&str(&agg["type"])) {
                self.add(str(&params["field"]), Use::Grouped, &streams, at);
            }
        }
    }

    fn dashboard(&mut self, export: &Export, dashboard: &Value) {
        for (id, control) in control_group(dashboard) {
            let name = format!("controlGroup_{id}:optionsListDataView");
            let streams = streams(export, dashboard, &name);
            self.add(str(&control["explicitInput"]["fieldName"]), Use::Grouped, &streams, &id);
        }
        for panel in panels(dashboard) {
            if panel["type"] == "lens" {
                self.lens(
                    export,
                    &panel["embeddableConfig"]["attributes"],
                    str(&panel["panelIndex"]),
                );
            }
        }
    }

    fn lens(&mut self, export: &Export, lens: &Value, at: &str) {
        let streams = streams(export, lens, str(&lens["references"][0]["name"]));
        self.kql(&lens["state"]["query"], &streams, at);
        for layer in map(&lens["state"]["datasourceStates"]["formBased"]["layers"]).values() {
            for column in map(&layer["columns"]).values() {
                let field = str(&column["sourceField"]);
                match str(&column["operationType"]) {
                    "count" => assert_eq!(field, "___records___", "{at}"),
                    "date_histogram" | "min" | "max" => self.add(field, Use::Time, &streams, at),
                    "terms" | "unique_count" => self.add(field, Use::Grouped, &streams, at),
                    "last_value" => {
                        self.add(field, Use::Grouped, &streams, at);
                        self.add(str(&column["params"]["sortField"]), Use::Time, &streams, at);
                    }
                    other => panic!("{at}: {other}"),
                }
                if !column["filter"].is_null() {
                    self.kql(&column["filter"], &streams, at);
                }
            }
        }
    }
}

const SOURCE: &str = "kibanaSavedObjectMeta.searchSourceJSON.index";

/// The data streams behind a reference.
fn streams(export: &Export, from: &Value, name: &str) -> String {
    str(&export.referred(from, name)["attributes"]["title"]).to_owned()
}

#[test]
fn every_field_exists_with_a_type_that_can_do_what_is_asked() {
    let fields = Fields::read();
    for product in PRODUCTS {
        let named = Named::in_export(product);
        assert!(named.uses.len() > 100, "{product:?}: {}", named.uses.len());
        let mistakes: Vec<_> = named
            .uses
            .iter()
            .filter_map(|(field, used, streams, at)| {
                fields.mistake(field, *used, streams).map(|why| format!("{at}: {field}: {why}"))
            })
            .collect();
        assert!(mistakes.is_empty(), "{product:?}: {mistakes:#?}");
    }
}

/// A check that finds nothing must be one that could.
#[test]
fn a_wrong_field_would_be_found() {
    let fields = Fields::read();
    let wrong = |field, used, streams| fields.mistake(field, used, streams).is_some();
    assert!(wrong("blocked_hosts", Use::Grouped, "logs-csp.violation-*"));
    assert!(wrong("original_policy", Use::Grouped, "logs-csp.violation-*"));
    assert!(wrong("original_policy", Use::Asked, "logs-csp.violation-*"));
    assert!(wrong("app_name", Use::Time, "logs-csp.violation-*"));
    assert!(wrong("@timestamp", Use::Grouped, "logs-csp.violation-*"));
    assert!(wrong("filter_rule", Use::Grouped, "logs-csp.violation-*"));
    assert!(wrong("reason", Use::Shown, "logs-csp.filtered-*"));
    assert!(wrong("reason", Use::Shown, "logs-csp.violation-*,logs-csp.filtered-*"));
    assert!(!wrong("filter_rule", Use::Grouped, "logs-csp.filtered-*"));
    let asked = asked_by(r#"a: "x:y" and (not b >= now-1d or c:d*) and e < 2"#);
    assert_eq!(asked, ["a", "b", "c", "e"].map(ToOwned::to_owned).into());
}
