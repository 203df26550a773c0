//! `config/logstash/`: the pipelines of Logstash, against the topics and data streams of cspipe.
//!
//! Logstash itself cannot be run where the tests run, so its files are read here: as much of its
//! language as they use. `docker-compose.yml` is read as `tests/compose.rs` does.

mod support;

use cspipe::report::Stream;
use cspipe::settings::Settings;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::stack::{read, service};

/// Stream, topic, data stream.
fn streams() -> [(&'static str, String, String); 4] {
    let Settings { kafka, index, .. } = Settings::default();
    [
        (Stream::Clean, kafka.topics.clean),
        (Stream::Filtered, kafka.topics.filtered),
        (Stream::Rejected, kafka.topics.rejected),
        (Stream::Other, kafka.topics.other),
    ]
    .map(|(stream, topic)| (stream.name(), topic, index.data_stream(stream)))
}

#[test]
fn every_stream_goes_to_its_data_stream() {
    let environment = environment();
    for (stream, topic, index) in streams() {
        let text = read(&format!("config/logstash/pipeline/{stream}.conf"));
        let sections = parse(&text).unwrap_or_else(|why| panic!("{stream}.conf: {why}"));
        assert_eq!(check(stream, &topic, &index, &sections, &environment), Vec::<String>::new());
    }
}

/// A mistake in any of these would cost records, or write them where nobody looks.
#[test]
fn mistakes_are_found() {
    let environment = environment();
    let text = read("config/logstash/pipeline/clean.conf");
    for (from, to, told) in [
        ("[\"csp.clean\"]", "[\"csp.clear\"]", "topics"),
        ("logs-csp.violation-default", "logs-csp.violations-default", "index"),
        ("document_id => \"%{id}\"", "document_id => \"%{[event][id]}\"", "document_id"),
        ("action => \"create\"", "action => \"index\"", "action"),
        ("enable_auto_commit => false", "enable_auto_commit => true", "enable_auto_commit"),
        ("auto_offset_reset => \"earliest\"", "auto_offset_reset => \"latest\"", "auto_offset"),
        ("\"disabled\"", "\"v8\"", "codec"),
        ("data_stream => false", "data_stream => true", "data_stream"),
        ("manage_template => false", "manage_template => true", "manage_template"),
        ("ilm_enabled => false", "", "ilm_enabled"),
        ("[413]", "[400]", "dlq_custom_codes"),
        ("version_conflict_engine_exception", "version_conflict", "silence_errors_in_log"),
        ("if [id] {", "if [@metadata] {", "condition"),
        ("${KAFKA_BROKERS:", "${KAFKA_SERVERS:", "KAFKA_SERVERS"),
        ("logstash-csp-clean", "logstash-csp", "group_id"),
        ("output {", "filter { mutate { } }\noutput {", "sections"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let sections = parse(&broken).expect("it can still be read");
        let wrong =
            check("clean", "csp.clean", "logs-csp.violation-default", &sections, &environment);
        assert!(wrong.iter().any(|line| line.contains(told)), "{to}: {wrong:?}");
    }
    for broken in ["input {", "input { kafka { topics => } }", "input { kafka { a => 1 } } }"] {
        assert!(parse(broken).is_err(), "{broken}");
    }
}

/// What must stand in a pipeline; a line for each that does not.
fn check(
    stream: &str,
    topic: &str,
    index: &str,
    sections: &[Block],
    environment: &BTreeSet<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let names: Vec<_> = sections.iter().map(|section| section.name.as_str()).collect();
    let [Block { blocks: inputs, .. }, Block { blocks: outputs, .. }] = sections else {
        return vec![format!("sections: {names:?}")];
    };
    let ([kafka], [known, stranger]) = (&inputs[..], &outputs[..]) else {
        return vec![format!("sections: {sections:?}")];
    };
    let mut is = |block: &Block, key: &str, value: &str| {
        let found = block.options.get(key).map_or("", String::as_str);
        if found != value {
            wrong.push(format!("{}: {key} is {found:?}, not {value:?}", block.name));
        }
    };
    is(kafka, "topics", &format!("[\"{topic}\"]"));
    is(kafka, "group_id", &format!("logstash-csp-{stream}"));
    is(kafka, "auto_offset_reset", "earliest");
    is(kafka, "enable_auto_commit", "false");
    is(kafka, "auto_create_topics", "false");
    is(kafka, "codec", "json{ecs_compatibility=>\"disabled\"}");
    for (branch, data_stream) in [(known, index), (stranger, "logs-csp.rejected-default")] {
        let [output] = &branch.blocks[..] else {
            return vec![format!("sections: {branch:?}")];
        };
        is(output, "index", data_stream);
        is(output, "action", "create");
        is(output, "data_stream", "false");
        is(output, "manage_template", "false");
        is(output, "ilm_enabled", "false");
        is(output, "dlq_custom_codes", "[413]");
        is(output, "silence_errors_in_log", "[\"version_conflict_engine_exception\"]");
        // Without an id of cspipe's, Elasticsearch gives one.
        is(output, "document_id", if branch.name == known.name { "%{id}" } else { "" });
    }
    if names != ["input", "output"] || kafka.name != "kafka" {
        wrong.push(format!("sections: {names:?}, {}", kafka.name));
    }
    if known.name != "if[id]" || stranger.name != "else" {
        wrong.push(format!("condition: {}, {}", known.name, stranger.name));
    }
    let texts = [kafka, &known.blocks[0], &stranger.blocks[0]];
    for value in texts.iter().flat_map(|block| block.options.values()) {
        for variable in value.split("${").skip(1) {
            let name = variable.split([':', '}']).next().unwrap_or_default();
            if !environment.contains(name) {
                wrong.push(format!("${{{name}}} is not in docker-compose.yml"));
            }
        }
    }
    wrong
}

#[test]
fn every_pipeline_is_run_and_watched() {
    let pipelines = read("config/logstash/pipelines.yml");
    let ids: Vec<_> = pipelines.lines().filter_map(|l| l.strip_prefix("- pipeline.id: ")).collect();
    let paths: Vec<_> =
        pipelines.lines().filter_map(|line| line.strip_prefix("  path.config: ")).collect();
    assert_eq!(ids, streams().map(|(stream, _, _)| stream));
    let logstash = logstash();
    let mounted = |source: &str| {
        let volumes = logstash["volumes"].as_array().expect("volumes");
        let volume = volumes.iter().find(|volume| volume["source"] == source);
        volume.unwrap_or_else(|| panic!("{source}"))["target"].as_str().expect("a path").to_owned()
    };
    let folder = mounted("./config/logstash/pipeline");
    assert_eq!(paths, ids.iter().map(|id| format!("{folder}/{id}.conf")).collect::<Vec<_>>());
    let files = fs::read_dir("config/logstash/pipeline").expect("a folder").count();
    assert_eq!(files, ids.len());
    for name in ["logstash.yml", "pipelines.yml"] {
        let target = mounted(&format!("./config/logstash/{name}"));
        assert_eq!(target, format!("/usr/share/logstash/config/{name}"));
    }
    let health = logstash["healthcheck"]["test"].to_string();
    assert!(health.contains(&format!("for p in {};", ids.join(" "))), "{health}");
}

#[test]
fn queues_are_on_the_disk_and_refused_records_are_kept() {
    let text = read("config/logstash/logstash.yml");
    let settings: BTreeMap<_, _> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(": ").expect("a setting"))
        .collect();
    let told = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
    assert_eq!(settings.len(), told, "one stands twice");
    assert_eq!(settings["queue.type"], "persisted");
    assert_eq!(settings["dead_letter_queue.enable"], "true");
    assert_eq!(settings["api.http.host"], "0.0.0.0");
    // Both are below path.data, which has to outlive the container.
    let keeps = |volume: &Value| {
        volume["type"] == "volume" && volume["target"] == "/usr/share/logstash/data"
    };
    assert!(logstash()["volumes"].as_array().expect("volumes").iter().any(keeps));
    // The image would write such a variable into the file, which it may not.
    for name in environment() {
        let setting = name.to_lowercase().replace('_', ".");
        let roots = ["pipeline.", "queue.", "dead.", "api.", "http.", "log.", "path.", "node."];
        assert!(!roots.iter().any(|root| setting.starts_with(root)), "{name}");
    }
}

fn logstash() -> Value {
    service("logstash")
}

fn environment() -> BTreeSet<String> {
    logstash()["environment"].as_object().expect("variables").keys().cloned().collect()
}

/// A section, a condition or a plugin, and what is in it.
#[derive(Debug)]
struct Block {
    name: String,
    /// Values as they are written, without spaces, and without quotes around a text.
    options: BTreeMap<String, String>,
    blocks: Vec<Block>,
}

/// Reads as much of Logstash's language as the pipelines use.
fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut tokens = tokens(text).into_iter().peekable();
    let mut blocks = Vec::new();
    while tokens.peek().is_some() {
        blocks.push(block(&mut tokens)?);
    }
    Ok(blocks)
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<String>>;

fn block(tokens: &mut Tokens) -> Result<Block, String> {
    let mut name = String::new();
    loop {
        match tokens.next().as_deref() {
            Some("{") if !name.is_empty() => break,
            Some(part) if !["{", "}", "=>"].contains(&part) => name.push_str(part),
            other => return Err(format!("{name:?} goes on with {other:?}")),
        }
    }
    let (mut options, mut blocks) = (BTreeMap::new(), Vec::new());
    loop {
        let mut ahead = tokens.clone();
        match (ahead.next().as_deref(), ahead.next().as_deref()) {
            (Some("}"), _) => {
                tokens.next();
                return Ok(Block { name, options, blocks });
            }
            (Some(key), Some("=>")) => {
                let key = key.to_owned();
                tokens.nth(1);
                let value = value(tokens)?;
                if options.insert(key.clone(), value).is_some() {
                    return Err(format!("{key} stands twice"));
                }
            }
            (Some(_), Some(_)) => blocks.push(block(tokens)?),
            _ => return Err(format!("{name} does not end")),
        }
    }
}

/// A text, a number, a list, or a codec with its options.
fn value(tokens: &mut Tokens) -> Result<String, String> {
    let first = tokens.next().ok_or("a value is missing")?;
    let close = match first.as_str() {
        "[" => "]",
        "}" | "]" | "=>" | "{" => return Err(format!("{first} is no value")),
        _ if tokens.peek().is_some_and(|next| next == "{") => "}",
        text => return Ok(text.trim_matches('"').to_owned()),
    };
    let mut whole = first;
    for part in tokens.by_ref() {
        whole.push_str(&part);
        if part == close {
            return Ok(whole);
        }
    }
    Err(format!("{whole} does not end"))
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            '=' if rest.starts_with("=>") => 2,
            '{' | '}' | '[' | ']' | ',' => 1,
            _ => rest.find([' ', '\n', '{', '}', '[', ']', ',', '#']).unwrap_or(rest.len()).max(1),
        };
        if first != '#' {
            tokens.push(rest[..length].to_owned());
        }
        rest = rest[length..].trim_start();
    }
    tokens
}
