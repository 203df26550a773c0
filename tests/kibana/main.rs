//! `config/kibana/cspipe.ndjson` and `config/opensearch-dashboards/cspipe.ndjson`: nothing in them points nowhere.
//!
//! Neither product runs here. What can be held without them is that the files are what their declaration says,
//! that references resolve, that panels have a place, and that every field exists, in the streams that are asked
//! for it, with a type that can do what is asked. `scripts/kibana-proof` sends the questions to a real server.

mod export;
mod fields;

use export::{Export, PRODUCTS, Product, ROOT, list, map, panels, path, str, text, unpacked};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[test]
fn the_files_are_what_the_declaration_says() {
    let output = Command::new("python3")
        .args([&format!("{ROOT}/config/kibana/generate"), "--check"])
        .output()
        .expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_object_is_of_a_known_kind_and_version_and_the_summary_counts_them() {
    for product in PRODUCTS {
        let export = Export::of(product);
        let mut ids = BTreeSet::new();
        for object in &export.objects {
            let (kind, id) = (str(&object["type"]), str(&object["id"]));
            assert!(id.starts_with("cspipe-"), "{id} could be somebody else's");
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || "-_".contains(c)), "{id}");
            assert!(ids.insert(id), "{id} is there twice");
            let version = match product {
                Product::Kibana => {
                    assert_eq!(object["coreMigrationVersion"], "8.8.0", "{id}");
                    str(&object["typeMigrationVersion"])
                }
                Product::OpenSearchDashboards => str(&object["migrationVersion"][kind]),
            };
            let known = match (product, kind) {
                (Product::Kibana, "index-pattern") => "8.0.0",
                (Product::Kibana, "search") => "10.5.0",
                (Product::Kibana, "dashboard") => "10.2.0",
                (Product::OpenSearchDashboards, "index-pattern") => "7.6.0",
                (Product::OpenSearchDashboards, "visualization") => "7.10.0",
                (Product::OpenSearchDashboards, "search" | "dashboard") => "7.9.3",
                _ => panic!("{id} is a {kind}"),
            };
            assert_eq!(version, known, "{id}");
        }
        assert_eq!(export.summary["exportedCount"], export.objects.len(), "{product:?}");
        assert_eq!(export.summary["missingRefCount"], 0, "{product:?}");
        assert!(list(&export.summary["missingReferences"]).is_empty(), "{product:?}");
        for word in ["http://", "https://", "\"updated_at\"", "\"version\":\"W"] {
            assert!(!text(product).contains(word), "{word} in {}", path(product));
        }
    }
}

/// The attributes that Kibana's own schemas take for those versions; a dashboard with another is refused.
#[test]
fn attributes_are_those_that_kibana_takes() {
    for object in &Export::of(Product::Kibana).objects {
        let known: &[&str] = match str(&object["type"]) {
            "index-pattern" => &[
                "allowHidden",
                "fieldAttrs",
                "fieldFormatMap",
                "fields",
                "name",
                "runtimeFieldMap",
                "sourceFilters",
                "timeFieldName",
                "title",
            ],
            "search" => &[
                "columns",
                "description",
                "grid",
                "hideChart",
                "isTextBasedQuery",
                "kibanaSavedObjectMeta",
                "sort",
                "timeRange",
                "timeRestore",
                "title",
            ],
            _ => &[
                "controlGroupInput",
                "description",
                "kibanaSavedObjectMeta",
                "optionsJSON",
                "panelsJSON",
                "refreshInterval",
                "timeFrom",
                "timeRestore",
                "timeTo",
                "title",
                "version",
            ],
        };
        for attribute in map(&object["attributes"]).keys() {
            assert!(known.contains(&attribute.as_str()), "{}: {attribute}", object["id"]);
        }
    }
}

/// Every reference that is declared, and every name of one that is used.
#[test]
fn references_resolve_and_are_used() {
    for product in PRODUCTS {
        let export = Export::of(product);
        for object in &export.objects {
            let mut declared = BTreeSet::new();
            for reference in list(&object["references"]) {
                let name = str(&reference["name"]);
                export.get(str(&reference["type"]), str(&reference["id"]));
                assert!(declared.insert(name.to_owned()), "{}: {name} twice", object["id"]);
            }
            assert_eq!(declared, names_used(object), "{}", object["id"]);
        }
    }
}

fn names_used(object: &Value) -> BTreeSet<String> {
    let attributes = &object["attributes"];
    let source = unpacked_or_null(&attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]);
    let mut used: BTreeSet<String> =
        source["indexRefName"].as_str().map(str::to_owned).into_iter().collect();
    for control in controls_of_a_visualization(object) {
        used.insert(str(&control["indexPatternRefName"]).to_owned());
    }
    for id in control_group(object).keys() {
        used.insert(format!("controlGroup_{id}:optionsListDataView"));
    }
    if object["type"] == "dashboard" {
        for panel in panels(object) {
            let own = |name: &str| format!("{}:{name}", str(&panel["panelIndex"]));
            // OpenSearch Dashboards names a panel's reference without the panel.
            if let Some(name) = panel["panelRefName"].as_str() {
                used.insert(if panel["type"] == "search" { own(name) } else { name.to_owned() });
            }
            if panel["type"] == "lens" {
                let lens = &panel["embeddableConfig"]["attributes"];
                let layers = map(&lens["state"]["datasourceStates"]["formBased"]["layers"]);
                let wanted: Vec<_> =
                    layers.keys().map(|id| format!("indexpattern-datasource-layer-{id}")).collect();
                let names: Vec<_> =
                    list(&lens["references"]).iter().map(|one| str(&one["name"])).collect();
                assert_eq!(names, wanted, "{}", panel["panelIndex"]);
                used.extend(names.into_iter().map(own));
            }
        }
    }
    used
}

fn unpacked_or_null(value: &Value) -> Value {
    if value.is_null() { Value::Null } else { unpacked(value) }
}

fn control_group(dashboard: &Value) -> Map<String, Value> {
    let group = unpacked_or_null(&dashboard["attributes"]["controlGroupInput"]["panelsJSON"]);
    group.as_object().cloned().unwrap_or_default()
}

fn controls_of_a_visualization(object: &Value) -> Vec<Value> {
    let state = unpacked_or_null(&object["attributes"]["visState"]);
    state["params"]["controls"].as_array().cloned().unwrap_or_default()
}

#[test]
fn every_panel_has_a_place_of_its_own_and_says_what_it_answers() {
    for product in PRODUCTS {
        let export = Export::of(product);
        for dashboard in export.kind("dashboard") {
            let mut taken = BTreeSet::new();
            let mut indexes = BTreeSet::new();
            assert!(str(&dashboard["attributes"]["title"]).ends_with('?'));
            assert_eq!(dashboard["attributes"]["timeRestore"], true);
            for panel in panels(dashboard) {
                let index = str(&panel["panelIndex"]);
                let place = |name: &str| panel["gridData"][name].as_u64().expect("a number");
                assert_eq!(panel["gridData"]["i"], index);
                assert!(indexes.insert(index.to_owned()), "{index} twice");
                assert!(
                    place("w") > 0 && place("h") > 0 && place("x") + place("w") <= 48,
                    "{index}"
                );
                for x in place("x")..place("x") + place("w") {
                    for y in place("y")..place("y") + place("h") {
                        assert!(taken.insert((x, y)), "{index} lies on another panel");
                    }
                }
                assert!(!str(&panel["title"]).is_empty(), "{index} has no title");
                let described = match product {
                    Product::Kibana => panel["embeddableConfig"]["description"].clone(),
                    Product::OpenSearchDashboards => {
                        let name = str(&panel["panelRefName"]);
                        export.referred(dashboard, name)["attributes"]["description"].clone()
                    }
                };
                assert!(!str(&described).is_empty(), "{index} has no description");
            }
        }
    }
}

/// The titles of the panels of a dashboard, less the filters, which are no panel in Kibana.
fn questions(export: &Export) -> BTreeMap<String, Vec<String>> {
    let titles = |dashboard: &Value| {
        panels(dashboard)
            .iter()
            .map(|panel| str(&panel["title"]).to_owned())
            .filter(|title| !title.ends_with(" Filters"))
            .collect()
    };
    export.kind("dashboard").map(|one| (str(&one["id"]).to_owned(), titles(one))).collect()
}

#[test]
fn both_products_are_asked_the_same() {
    let [kibana, opensearch] = PRODUCTS.map(|product| questions(&Export::of(product)));
    assert_eq!(kibana, opensearch);
    let wanted = ["cspipe-blocked", "cspipe-browsers", "cspipe-filter", "cspipe-since-yesterday"];
    assert!(kibana.keys().eq(wanted));
}

/// What Lens refuses to draw, or draws as nothing.
#[test]
fn the_columns_of_lens_agree_with_what_draws_them() {
    let mut drawn = 0;
    for dashboard in Export::of(Product::Kibana).kind("dashboard") {
        for panel in panels(dashboard).iter().filter(|panel| panel["type"] == "lens") {
            let key = &panel["panelIndex"];
            let state = &panel["embeddableConfig"]["attributes"]["state"];
            for layer in map(&state["datasourceStates"]["formBased"]["layers"]).values() {
                let columns = map(&layer["columns"]);
                let order: Vec<_> = list(&layer["columnOrder"]).iter().map(str).collect();
                assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), columns.len(), "{key}");
                let buckets: Vec<_> =
                    order.iter().map(|id| columns[*id]["isBucketed"] == true).collect();
                assert!(buckets.is_sorted_by_key(|bucket| !bucket), "{key}: rows come first");
                let shifts: BTreeSet<_> =
                    columns.values().map(|column| column["timeShift"].as_str()).collect();
                for column in columns.values().filter(|column| column["operationType"] == "terms") {
                    let by = &columns[str(&column["params"]["orderBy"]["columnId"])];
                    assert!(
                        by["isBucketed"] == false && by["operationType"] != "last_value",
                        "{key}"
                    );
                    assert_eq!(
                        shifts.len(),
                        1,
                        "{key}: rows of values and a shift exclude each other"
                    );
                }
                let mut named = BTreeSet::new();
                column_ids(&state["visualization"], &mut named);
                assert_eq!(named, order.iter().map(|id| (*id).to_owned()).collect(), "{key}");
                drawn += 1;
            }
        }
    }
    assert!(drawn > 20);
}

/// Every column that a visualization names, by the keys under which each kind names them.
fn column_ids(visualization: &Value, found: &mut BTreeSet<String>) {
    const KEYS: [&str; 7] = [
        "columnId",
        "metricAccessor",
        "xAccessor",
        "splitAccessor",
        "accessors",
        "primaryGroups",
        "metrics",
    ];
    match visualization {
        Value::Object(object) => {
            for (key, value) in object {
                if KEYS.contains(&key.as_str()) && !value.is_object() {
                    let one = std::slice::from_ref(value);
                    found.extend(
                        value
                            .as_array()
                            .map_or(one, Vec::as_slice)
                            .iter()
                            .map(|id| str(id).to_owned()),
                    );
                } else if !KEYS.contains(&key.as_str()) {
                    column_ids(value, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| column_ids(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
