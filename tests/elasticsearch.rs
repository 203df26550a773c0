//! The templates of `config/elasticsearch` and `config/opensearch` say of records what
//! `config/record.schema.json` says. What servers make of them shows `scripts/elasticsearch-proof`.

use cspipe::report::Stream;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FLAVOURS: [&str; 2] = ["elasticsearch", "opensearch"];

/// The only field that is not mapped: its shape is a stranger's.
const UNMAPPED: &str = "body";

fn config(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(path)
}

fn read(path: &str) -> Value {
    let text =
        std::fs::read_to_string(config(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn fields(flavour: &str) -> Map<String, Value> {
    let component = read(&format!("{flavour}/component/csp-fields.json"));
    component["template"]["mappings"]["properties"].as_object().expect("fields").clone()
}

/// Every field that a record of any stream can have, as the schema describes it.
fn described() -> Vec<(String, Value)> {
    let schema = read("record.schema.json");
    let mut described = Vec::new();
    for shape in ["violation", "other", "rejected"] {
        for (name, field) in schema["$defs"][shape]["properties"].as_object().expect("properties") {
            let reference = field["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
            let field = reference.map_or(field, |name| &schema["$defs"][name]);
            described.push((name.clone(), field.clone()));
        }
    }
    described
}

fn is_alias(mapping: &Value) -> bool {
    mapping["type"] == "alias"
}

/// Whether every value that the schema allows can be found under a mapping.
fn fits(schema: &Value, mapping: &Value) -> bool {
    if schema["type"] == "array" {
        // To these servers, one value and many are the same.
        return fits(&schema["items"], mapping);
    }
    let one_of = schema["enum"].as_array().and_then(|values| values.first());
    let example = schema.get("const").or(one_of);
    let kind = schema["type"].as_str().unwrap_or_else(|| match example {
        Some(Value::Number(_)) => "integer",
        Some(Value::String(_)) => "string",
        other => panic!("{other:?} in {schema}"),
    });
    let mapped = mapping["type"].as_str().expect("a type");
    match (kind, mapped) {
        ("string", "date") => schema["format"] == "date-time",
        ("string", "keyword") => {
            let most = mapping["ignore_above"].as_u64();
            let is_found = schema["maxLength"].as_u64().is_none_or(|length| most >= Some(length));
            schema["format"] != "date-time" && is_found
        }
        ("integer", "integer") => {
            let most = schema["maximum"].as_u64().or(example.and_then(Value::as_u64));
            most.is_some_and(|most| i32::try_from(most).is_ok())
        }
        ("integer", "long") | ("boolean", "boolean") => true,
        _ => false,
    }
}

#[test]
fn every_field_of_a_record_is_mapped_and_nothing_else() {
    for flavour in FLAVOURS {
        let fields = fields(flavour);
        let mut names = BTreeSet::new();
        for (name, schema) in described() {
            if name == UNMAPPED {
                assert!(!fields.contains_key(UNMAPPED), "{flavour}: no mapping takes every body");
                continue;
            }
            let mapping =
                fields.get(&name).unwrap_or_else(|| panic!("{flavour}: {name} is missing"));
            assert!(fits(&schema, mapping), "{flavour}: {name}: {schema} is no {mapping}");
            names.insert(name);
        }
        for name in fields.iter().filter(|(_, mapping)| !is_alias(mapping)).map(|(name, _)| name) {
            assert!(names.contains(name), "{flavour}: no record has {name}");
        }
    }
}

#[test]
fn an_alias_stands_for_a_field_and_never_in_the_way_of_one() {
    let fields = fields("elasticsearch");
    let described: BTreeSet<String> = described().into_iter().map(|(name, _)| name).collect();
    let aliases: Vec<_> = fields.iter().filter(|(_, mapping)| is_alias(mapping)).collect();
    for (alias, mapping) in &aliases {
        let path = mapping["path"].as_str().expect("a path");
        assert!(described.contains(path) && path != UNMAPPED, "{alias}: {path}");
        assert_ne!(fields[path]["index"], json!(false), "{alias}: nothing is found in {path}");
        assert!(!described.contains(*alias), "a record with {alias} would be refused");
        assert!(alias.contains('.'), "{alias} is no name of ECS");
    }
    for name in [
        "event.id",
        "event.hash",
        "event.created",
        "http.request.referrer",
        "http.response.status_code",
        "rule.name",
        "service.name",
        "url.domain",
        "url.full",
        "url.path",
        "user_agent.name",
        "user_agent.original",
        "user_agent.os.name",
    ] {
        assert!(aliases.iter().any(|(alias, _)| *alias == name), "{name} is promised");
    }
}

#[test]
fn no_value_is_too_long_for_lucene() {
    for (name, mapping) in fields("elasticsearch") {
        if mapping["type"] != "keyword" || mapping["doc_values"] == false {
            continue;
        }
        let most = mapping["ignore_above"].as_u64().unwrap_or_else(|| panic!("{name}: no limit"));
        assert!(most * MOST_BYTES <= LONGEST_TERM, "{name}: {most} characters");
    }
}

/// What a character takes in UTF-8, and the longest term in bytes.
const MOST_BYTES: u64 = 4;
const LONGEST_TERM: u64 = 32_766;

#[test]
fn strangers_cannot_add_fields_and_there_are_few() {
    for flavour in FLAVOURS {
        let component = read(&format!("{flavour}/component/csp-fields.json"));
        assert_eq!(component["template"]["mappings"]["dynamic"], false, "{flavour}");
        let fields = fields(flavour);
        let inner = |mapping: &Value| mapping["fields"].as_object().map_or(0, Map::len);
        let count = fields.len() + fields.values().map(inner).sum::<usize>();
        assert!(count < 100, "{flavour}: {count} fields");
    }
}

#[test]
fn opensearch_differs_in_what_it_does_not_know_and_nothing_else() {
    let [mut fields, mut settings] = ["csp-fields", "csp-settings"]
        .map(|name| read(&format!("elasticsearch/component/{name}.json")));
    let mappings = fields["template"]["mappings"].as_object_mut().expect("mappings");
    assert_eq!(mappings.remove("subobjects"), Some(json!(false)));
    mappings.insert("disable_objects".to_owned(), json!(true));
    assert_eq!(fields, read("opensearch/component/csp-fields.json"));

    let template = settings["template"].as_object_mut().expect("a template");
    assert_eq!(template.remove("lifecycle"), Some(json!({ "data_retention": RETENTION })));
    let own = template["settings"].as_object_mut().expect("settings");
    assert_eq!(own.remove("index.mode"), Some(json!("standard")));
    let beyond = "index.mapping.total_fields.ignore_dynamic_beyond_limit";
    assert_eq!(own.remove(beyond), Some(json!(true)));
    assert_eq!(settings["template"], read("opensearch/component/csp-settings.json")["template"]);
}

/// How long records are kept, wherever it is said.
const RETENTION: &str = "30d";

#[test]
fn every_stream_has_a_template_of_its_own() {
    let streams = [Stream::Clean, Stream::Filtered, Stream::Rejected, Stream::Other];
    let mut patterns = Vec::new();
    for stream in streams {
        let dataset = match stream {
            Stream::Clean => "violation",
            Stream::Filtered | Stream::Rejected | Stream::Other => stream.name(),
        };
        let template = read(&format!("elasticsearch/template/csp-{dataset}.json"));
        let pattern = format!("logs-csp.{dataset}-*");
        assert_eq!(template["index_patterns"], json!([pattern]));
        assert_eq!(template["composed_of"], json!(["csp-fields", "csp-settings"]));
        assert_eq!(template["data_stream"], json!({}), "{dataset}");
        assert_eq!(template["priority"], 500, "{dataset}");
        patterns.push(pattern);
    }
    let files = std::fs::read_dir(config("elasticsearch/template")).expect("templates");
    assert_eq!(files.count(), streams.len());

    let policy = read("opensearch/ism-policy.json");
    assert_eq!(policy["policy"]["ism_template"][0]["index_patterns"], json!(patterns));
    let transition = &policy["policy"]["states"][0]["transitions"][0];
    assert_eq!(transition["conditions"]["min_rollover_age"], RETENTION);
    let policy = read("elasticsearch/ilm-policy.json");
    assert_eq!(policy["policy"]["phases"]["delete"]["min_age"], RETENTION);
}

#[test]
fn the_order_of_installation_names_every_file() {
    let text = std::fs::read_to_string(config("elasticsearch/README.md")).expect("a text");
    let mut requests = Vec::new();
    for line in text.lines().filter(|line| line.contains("`PUT _")) {
        let mut words = line.split('`');
        let (file, request) = (words.nth(1).expect("a file"), words.nth(1).expect("a request"));
        let name = Path::new(file).file_stem().and_then(|name| name.to_str()).expect("a name");
        let part = if file.starts_with("component/") { "component" } else { "index" };
        assert_eq!(request, format!("PUT _{part}_template/{name}"), "{file}");
        assert!(config("elasticsearch").join(file).exists(), "{file}");
        requests.push(part);
    }
    // An index template is refused before what it is composed of is there.
    assert_eq!(requests, ["component", "component", "index", "index", "index", "index"]);
}
