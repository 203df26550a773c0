//! `docker-compose.yml` against the program: its names, ports, limits and health checks.
//!
//! There is no engine where the tests run. What holds of the file by itself is held by
//! `scripts/compose-check`, with the library of Docker Compose; that writes `compose/model.json`,
//! the file as it is after anchors, variables and defaults, which is what is read here.

mod support;

use cspipe::settings::Settings;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use support::process::{Edge, cspipe, folder, run, succeed, texts};
use support::stack::{
    command, files, health, model, mounts, ports, read, service, services, text, variables,
};

#[test]
fn the_model_is_that_of_the_file() {
    for (name, sum) in model()["sources"].as_object().expect("sums") {
        let is: String =
            Sha256::digest(read(name)).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, &is, "{name} has changed: run scripts/compose-check --write");
    }
}

/// Logstash's side is in `tests/logstash.rs`.
#[test]
fn the_topics_are_those_of_the_program() {
    let made = text(&service("kafka-init")["environment"]["TOPICS"]);
    let made: BTreeSet<_> = made.split_whitespace().map(str::to_owned).collect();
    assert_eq!(made, topics());
}

#[test]
fn every_variable_is_a_setting() {
    let mut seen = 0;
    for (name, service) in services() {
        let variables = variables(&service);
        if text(&service["image"]).starts_with("cspipe:") {
            seen += 1;
            let (out, _) = succeed(&mut checked(&variables));
            assert!(out.contains("rules"), "{name}: {out}");
        } else {
            assert!(variables.is_empty(), "{name} is no cspipe, and has {variables:?}");
        }
    }
    assert!(seen >= 5, "{seen}");

    let wrong = |name: &str, value: &str| {
        let mut variables = variables(&service("edge"));
        variables.insert(name.to_owned(), value.to_owned());
        let output = run(&mut checked(&variables));
        (output.status.code(), texts(output).1)
    };
    for (name, value) in [("CSPIPE_KAFK", "x"), ("CSPIPE_KAFKA__TOPIC__CLEAN", "x")] {
        let (code, told) = wrong(name, value);
        assert!(code == Some(2) && told.contains("CSPIPE_KAF"), "{name}: {code:?} {told}");
    }
    assert_eq!(wrong("CSPIPE_HTTP__MAX_IN_FLIGHT", "64 Mb1").0, Some(2));
}

#[test]
fn every_command_is_one_of_the_program() {
    for (name, service) in services() {
        let command = command(&service);
        if !text(&service["image"]).starts_with("cspipe:") {
            continue;
        }
        match command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            // The image's own, `serve`.
            [] => assert!(read("Dockerfile").contains("CMD [\"serve\"]"), "{name}"),
            ["index", ref flags @ ..] => {
                let (help, _) = succeed(cspipe(folder().path()).args(["index", "--help"]));
                for flag in flags {
                    assert!(help.contains(flag), "{name}: {flag} is not in\n{help}");
                }
            }
            _ => panic!("{name}: {command:?}"),
        }
    }
}

#[test]
fn ports_are_those_of_the_image_and_of_the_defaults() {
    let dockerfile = read("Dockerfile");
    let defaults = Settings::default();
    let (public, private) = (defaults.http.listen.port(), defaults.http.private.port());
    for name in ["edge", "edge-lean"] {
        let ports: Vec<_> = ports(&service(name)).into_iter().map(|(inside, _)| inside).collect();
        assert_eq!(ports, [public, private], "{name}");
    }
    assert!(dockerfile.contains(&format!("CSPIPE_LISTEN=0.0.0.0:{public}")));
    assert!(dockerfile.contains(&format!("CSPIPE_PRIVATE=0.0.0.0:{private}")));
    let indexer = service("indexer");
    assert_eq!(variables(&indexer)["CSPIPE_INDEX_PRIVATE"], "0.0.0.0:8082");
    assert_eq!(ports(&indexer), [(8082, 8082)]);
    assert!(health(&indexer).contains("127.0.0.1:8082"));
    assert!(dockerfile.contains(&format!("EXPOSE {public} {private} 8082")));
    for (name, service) in services() {
        for (inside, published) in ports(&service) {
            // Kafka has two doors, and the others give way to Elasticsearch and Kibana.
            let other = ["kafka", "opensearch", "opensearch-dashboards"].contains(&name.as_str());
            assert!(inside == published || other, "{name}: {inside} and {published}");
        }
    }
}

/// A variable names a service by its name in the network, so it has to run in the same profile.
#[test]
fn every_address_is_one_of_the_stack() {
    let addresses = [
        ("edge", "CSPIPE_KAFKA", "kafka:9092"),
        ("logstash", "KAFKA_BROKERS", "kafka:9092"),
        ("logstash", "ELASTICSEARCH_URL", "http://elasticsearch:9200"),
        ("kibana", "ELASTICSEARCH_HOSTS", "http://elasticsearch:9200"),
        ("elasticsearch-init", "CSPIPE_ELASTICSEARCH", "http://elasticsearch:9200"),
        ("indexer", "CSPIPE_KAFKA", "kafka:9092"),
        ("indexer", "CSPIPE_ELASTICSEARCH", "http://opensearch:9200"),
        ("opensearch-init", "CSPIPE_ELASTICSEARCH", "http://opensearch:9200"),
        ("opensearch-dashboards", "OPENSEARCH_HOSTS", "[\"http://opensearch:9200\"]"),
    ];
    let model = model();
    for (from, variable, address) in addresses {
        assert_eq!(service(from)["environment"][variable], address, "{from}");
        let host = address.trim_start_matches("[\"").trim_start_matches("http://");
        let host = host.split(':').next().expect("a host");
        for (asked, enabled) in model["enabled"].as_object().expect("sets") {
            let enabled = |name: &str| enabled.as_array().expect("names").iter().any(|e| e == name);
            assert!(!enabled(from) || enabled(host), "with {asked}, {from} looks for {host}");
        }
    }
    let kafka = service("kafka");
    let told = text(&kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]);
    let (_, published) = ports(&kafka)[0];
    assert_eq!(told, format!("INTERNAL://kafka:9092,HOST://127.0.0.1:{published}"));
    let aliases = &service("edge-lean")["networks"]["default"]["aliases"];
    assert_eq!(aliases, &serde_json::json!(["edge"]));
}

#[test]
fn the_lean_profile_is_lean() {
    let model = model();
    let images: BTreeSet<_> = model["enabled"]["lean"]
        .as_array()
        .expect("names")
        .iter()
        .map(|name| text(&service(name.as_str().expect("a name"))["image"]))
        .map(|image| image.split(':').next().expect("a name").to_owned())
        .collect();
    let lean = ["cspipe", "grafana/grafana", "prom/prometheus"].map(str::to_owned);
    assert_eq!(images, lean.into());
    assert!(variables(&service("edge-lean")).keys().all(|name| !name.contains("KAFKA")));
}

/// What may pile up in an edge fits its limit, counted as in `deploy/systemd/cspipe.service`, and
/// there is time to answer it all.
#[test]
fn limits_fit_the_settings() {
    for name in ["edge", "edge-lean"] {
        let edge = service(name);
        let in_flight = bytes(&variables(&edge)["CSPIPE_HTTP__MAX_IN_FLIGHT"]);
        let defaults = Settings::default();
        let (kafka, disk) =
            (defaults.kafka.queue_bytes.as_u64(), defaults.store.queue_bytes.as_u64());
        assert_eq!(edge["tmpfs"], serde_json::json!(["/tmp:size=32m"]), "{name}");
        // The drain takes a quarter of Kafka's queue out of the spool; then the program, and /tmp.
        let most = in_flight + 3 * kafka + disk + kafka / 4 + (64 + 32) * 1024 * 1024;
        let limit: u64 = text(&edge["mem_limit"]).parse().expect("bytes");
        assert!(most <= limit, "{name}: {most} in {limit}");
        let grace = text(&edge["stop_grace_period"]);
        let grace: u64 = grace.trim_end_matches('s').parse().expect("seconds");
        assert!(grace > Settings::default().http.drain_timeout.as_secs() + 10, "{name}: {grace}");
    }
    let heaps = [
        ("kafka", "KAFKA_HEAP_OPTS"),
        ("logstash", "LS_JAVA_OPTS"),
        ("elasticsearch", "ES_JAVA_OPTS"),
        ("opensearch", "OPENSEARCH_JAVA_OPTS"),
    ];
    for (name, variable) in heaps {
        let java = service(name);
        let options = text(&java["environment"][variable]);
        let heap = options.split("-Xmx").nth(1).and_then(|rest| rest.strip_suffix('m'));
        let heap: u64 = heap.and_then(|text| text.parse().ok()).expect("megabytes");
        assert!(options.starts_with(&format!("-Xms{heap}m ")), "{name}: {options}");
        let limit: u64 = text(&java["mem_limit"]).parse().expect("bytes");
        assert!(heap * 2 * 1024 * 1024 <= limit, "{name}: a heap of {heap} MiB in {limit}");
    }
}

/// The health check of the edge, run against the edge.
#[test]
fn the_health_check_asks_whether_reports_can_be_stored() {
    let folder = folder();
    let edge = Edge::start(folder.path());
    assert!(ask(edge.private.port()).status.success());
    edge.stop();

    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("an address").port();
    let not_ready = thread::spawn(move || {
        let (mut client, _) = closed.accept().expect("a client");
        let mut request = [0; 1024];
        let length = client.read(&mut request).expect("a request");
        client.write_all(b"HTTP/1.0 503 Service Unavailable\r\n\r\n").expect("an answer");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    assert!(!ask(port).status.success(), "503 is not ready");
    assert!(not_ready.join().expect("it was asked").starts_with("GET /readyz "));
    // Nothing listens there any more.
    assert!(!ask(port).status.success());
}

/// Where Prometheus looks is in the stack, and Grafana looks where Prometheus is.
#[test]
fn numbers_are_looked_for_where_they_are() {
    let targets = fs::read_to_string("config/prometheus/prometheus.yml");
    // That every mounted file is there is for scripts/compose-check to say.
    if let Ok(text) = targets {
        let targets: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- targets: ["))
            .flat_map(|list| list.trim_end_matches(']').split(',').map(str::trim))
            .collect();
        assert!(targets.contains("edge:8081") && targets.contains("indexer:8082"), "{targets:?}");
        for target in targets {
            let (host, port) = target.split_once(':').expect("host and port");
            let port: u16 = port.parse().expect("a port");
            let host = if host == "localhost" { "prometheus" } else { host };
            assert!(ports(&service(host)).iter().any(|(inside, _)| *inside == port), "{target}");
        }
    }
    let provisioning = Path::new("grafana/provisioning");
    if provisioning.exists() {
        let texts: String = files(provisioning)
            .iter()
            .map(|file| fs::read_to_string(file).expect("text"))
            .collect();
        let folder = mounts(&service("grafana"))["./grafana/dashboards"].clone();
        assert!(texts.contains("http://prometheus:9090"), "{texts}");
        assert!(texts.contains(&format!("path: {folder}")), "no `path: {folder}`");
    }
    for (step, file) in
        [("kibana-init", "kibana"), ("opensearch-dashboards-init", "opensearch-dashboards")]
    {
        let command = command(&service(step)).concat();
        let inside = mounts(&service(step))[&format!("./config/{file}")].clone();
        assert!(command.contains(&format!("file=@{inside}/cspipe.ndjson")), "{command}");
        let folder = Path::new("config").join(file);
        assert!(!folder.exists() || folder.join("cspipe.ndjson").exists(), "{}", folder.display());
    }
    let demo = command(&service("demo"));
    assert!(demo.contains(&mounts(&service("demo"))["./scripts/demo-traffic"]), "{demo:?}");
}

/// The document says what is true of the file: images, addresses, sums.
#[test]
fn the_document_says_the_same() {
    let (document, file) = (read("docs/stack.md"), read("docker-compose.yml"));
    for (name, service) in services() {
        let image = text(&service["image"]);
        assert!(document.contains(&image), "{name}: {image}");
        for (_, published) in ports(&service) {
            assert!(document.contains(&format!(":{published}")), "{name}: {published}");
        }
    }
    let head = file.replace("\n# ", " ");
    for asked in ["full", "opensearch", "lean"] {
        let sum: u64 = model()["enabled"][asked]
            .as_array()
            .expect("names")
            .iter()
            .map(|name| service(name.as_str().expect("a name")))
            // A step has ended when the others begin.
            .filter(|service| service["restart"] != "no")
            .map(|service| text(&service["mem_limit"]).parse::<u64>().expect("bytes"))
            .sum();
        let told = format!("{:.1} GiB", sum as f64 / f64::from(1 << 30));
        assert!(head.contains(&format!("{asked} {told}")), "docker-compose.yml: {asked} {told}");
        let row = document.lines().find(|line| line.starts_with(&format!("| `{asked}`")));
        assert!(row.is_some_and(|row| row.contains(&told)), "{told} is not in {row:?}");
    }
}

/// `cspipe check` as it would be run in the container.
fn checked(variables: &BTreeMap<String, String>) -> Command {
    let mut command = cspipe(Path::new(env!("CARGO_MANIFEST_DIR")));
    // What the image sets.
    let dockerfile = read("Dockerfile");
    let line = dockerfile.lines().find_map(|line| line.strip_prefix("ENV ")).expect("ENV");
    command.envs(line.split(' ').map(|pair| pair.split_once('=').expect("a value")));
    command.arg("check").envs(variables);
    if variables.contains_key("CSPIPE_FILTERS") {
        let mounted = &mounts(&service("edge"))["./filters"];
        assert_eq!(&variables["CSPIPE_FILTERS"], mounted);
        command.env("CSPIPE_FILTERS", "filters");
    }
    let nowhere = folder();
    command.env("CSPIPE_DATA", nowhere.path().join("data"));
    command
}

/// The edge's health check, with another port in the image's environment.
fn ask(port: u16) -> Output {
    let service = service("edge");
    let test = service["healthcheck"]["test"].as_array().expect("a command");
    assert_eq!(test[..2], ["CMD", "cspipe"]);
    let folder = folder();
    let arguments = test[2..].iter().map(text);
    run(cspipe(folder.path()).args(arguments).env("CSPIPE_PRIVATE", format!("0.0.0.0:{port}")))
}

fn topics() -> BTreeSet<String> {
    let settings = Settings::default().kafka.topics;
    [settings.clean, settings.filtered, settings.rejected, settings.other].into()
}

fn bytes(size: &str) -> u64 {
    let mebibytes = size.strip_suffix(" MiB").expect("a size in MiB");
    mebibytes.parse::<u64>().expect("a number") * 1024 * 1024
}
