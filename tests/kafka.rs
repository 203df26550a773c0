//! Kafka mode, held against a cluster that is made to fail: whatever happens there, a report that
//! was answered with 204 is in Kafka or on this machine's disk.

mod support;

use rdkafka::types::RDKafkaRespErr as Error;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::edge::{PATIENCE, REPORT, connect, exchange, post, wait_until};
use support::kafka::{Cluster, Read};
use support::process::{Edge, cspipe, folder, run, serve, texts};

#[test]
fn every_stream_has_its_topic() {
    let (folder, cluster) = (folder(), Cluster::start(3));
    let edge = Edge::spawn(kafka(folder.path(), &cluster).env("CSPIPE_KAFKA__ACK_TIMEOUT", "30s"));
    let filtered = REPORT.replace("https://cdn.example.net", "chrome-extension://abcdefgh");
    let other =
        r#"[{"type":"deprecation","age":0,"url":"https://shop.example/","body":{"id":"x"}}]"#;
    for body in [REPORT, &filtered, other] {
        assert_eq!(edge.post("/csp/shop", body).status, 204);
    }
    assert_eq!(edge.post("/csp/shop", "{").status, 400);
    let both = json!([entry(1), 7, entry(2)]).to_string();
    assert_eq!(edge.post("/csp/shop", &both).status, 204);

    let read = cluster.read(7);
    let mut topics: Vec<_> = read.iter().map(|record| record.topic).collect();
    topics.sort_unstable();
    assert_eq!(
        topics,
        [
            "csp.clean",
            "csp.clean",
            "csp.clean",
            "csp.filtered",
            "csp.other",
            "csp.rejected",
            "csp.rejected"
        ]
    );
    for record in &read {
        let json = record.json();
        assert_eq!(format!("csp.{}", record.text("stream")), record.topic);
        assert_eq!(record.key, None);
        for (header, field) in [("id", "id"), ("app", "app_name"), ("edge", "edge")] {
            assert_eq!(record.headers[header], record.text(field), "{header}");
        }
        assert_eq!(record.headers["schema"], json["schema"].to_string());
        assert_eq!(record.headers.len(), 4);
    }
    let numbers = edge.numbers();
    assert_eq!(numbers.of("cspipe_kafka_records_total{end=\"delivered\"}"), 7);
    assert_conserved(&edge);
    assert_eq!(spooled(folder.path()), 0);
    assert!(!folder.path().join("data/cspipe.db").exists());
    edge.stop();
}

#[test]
fn with_a_key_an_application_stays_together() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(
        kafka(folder.path(), &cluster)
            .env("CSPIPE_KAFKA__KEY", "app")
            .env("CSPIPE_KAFKA__KEY_SHARDS", "2")
            .env("CSPIPE_KAFKA__TOPICS__CLEAN", "csp.other"),
    );
    for number in 0..20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    let read = cluster.read(20);
    let keys: BTreeSet<_> = read.iter().map(|record| record.key.clone()).collect();
    assert_eq!(keys, ["shop/0", "shop/1"].map(|key| Some(key.to_owned())).into());
    assert!(read.iter().all(|record| record.topic == "csp.other"));
    edge.stop();
}

#[test]
fn it_starts_without_kafka_and_delivers_when_that_is_there() {
    let (folder, cluster) = (folder(), Cluster::start(2));
    cluster.down();
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    for number in 0..20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    assert_eq!(edge.get("/readyz").status, 200);
    assert_eq!(edge.get("/healthz").status, 200);
    assert_eq!(spooled(folder.path()), 20);
    assert_eq!(edge.numbers().of("cspipe_kafka_breaker_open"), 1);

    cluster.up();
    assert_delivered(&cluster, 20);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    wait_until("a closed breaker", || edge.numbers().of("cspipe_kafka_breaker_open") == 0);
    assert_eq!(edge.post("/csp/shop", &report(20)).status, 204);
    assert_delivered(&cluster, 21);
    let numbers = edge.numbers();
    assert_eq!(numbers.of("cspipe_spool_appended_total"), 20);
    assert_eq!(numbers.of("cspipe_spool_drained_total"), 20);
    assert_eq!(numbers.of("cspipe_spool_records"), 0);
    assert_conserved(&edge);
    edge.stop();
}

#[test]
fn an_outage_costs_the_patience_of_a_few() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    cluster.down();
    for number in 1..=60 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    let waited = edge.numbers().of("cspipe_kafka_errors_total{class=\"ack_timeout\"}");
    assert!((1..=5).contains(&waited), "{waited} requests have waited");
    cluster.up();
    assert_delivered(&cluster, 61);
    edge.signal("TERM");
    let (code, log) = edge.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("records go to the spool until Kafka acknowledges again: "), "{log}");
    assert!(log.contains("Kafka acknowledges again after"), "{log}");
}

#[test]
fn what_passes_is_retried_and_arrives_once() {
    for error in [
        Error::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Error::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ] {
        let (folder, cluster) = (folder(), Cluster::start(3));
        let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
        assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
        cluster.fail_produce(error, 2);
        for number in 1..10 {
            assert_eq!(edge.post("/csp/shop", &report(number)).status, 204, "{error:?}");
        }
        assert_delivered(&cluster, 10);
        wait_until("an empty spool", || spooled(folder.path()) == 0);
        assert_conserved(&edge);
        edge.stop();
    }
}

#[test]
fn too_few_replicas_for_long_are_bridged_by_the_spool() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    cluster.fail_produce(Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 1000);
    for number in 0..20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    assert!(spooled(folder.path()) > 0);
    cluster.no_more_failures();
    assert_delivered(&cluster, 20);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    edge.stop();
}

#[test]
fn a_record_that_is_too_large_becomes_a_specimen_and_the_next_one_flows() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(
        kafka(folder.path(), &cluster).env("CSPIPE_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES", "4000"),
    );
    let large = json!({ "csp-report": {
        "document-uri": "https://shop.example/cart",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://cdn.example.net/large.js",
        "original-policy": format!("script-src{}", " https://cdn.example.net".repeat(200)),
    } });
    assert_eq!(edge.post("/csp/shop", &large.to_string()).status, 204);
    assert_eq!(edge.post("/csp/shop", &report(2)).status, 204);

    let read = cluster.read(2);
    let specimen = read.iter().find(|record| record.topic == "csp.rejected").expect("a specimen");
    assert_eq!(specimen.text("reason"), "too_large_for_kafka");
    assert_eq!(specimen.headers["id"], specimen.text("id"));
    let body = specimen.text("body");
    assert!(body.contains(&specimen.text("id")), "the id stays: {body}");
    let clean = read.iter().find(|record| record.topic == "csp.clean").expect("a record");
    assert_eq!(clean.text("blocked_uri"), "https://cdn.example.net/2.js");

    let numbers = edge.numbers();
    assert_eq!((numbers.ended("clean"), numbers.ended("rejected")), (1, 1));
    assert_eq!(numbers.of("cspipe_rejected_total{reason=\"too_large_for_kafka\"}"), 1);
    assert_eq!(numbers.of("cspipe_kafka_records_total{end=\"rejected\"}"), 1);
    assert_eq!(numbers.of("cspipe_violations_total"), 1);
    assert_eq!(numbers.of("cspipe_kafka_breaker_open"), 0);
    assert_conserved(&edge);
    edge.stop();
}

#[test]
fn a_batch_that_is_too_large_costs_none_of_its_records() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    cluster.read(1);
    cluster.fail_produce(Error::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
    let batch: serde_json::Value = (1..20).map(entry).collect();
    assert_eq!(edge.post("/csp/shop", &batch.to_string()).status, 204);
    assert_delivered(&cluster, 20);
    assert!(cluster.read_now().iter().all(|record| record.topic == "csp.clean"));
    edge.stop();
}

#[test]
fn a_topic_that_takes_nothing_holds_up_no_other() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    cluster.topic_error("csp.other", Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    let other =
        r#"[{"type":"deprecation","age":0,"url":"https://shop.example/","body":{"id":"x"}}]"#;
    for _ in 0..20 {
        assert_eq!(edge.post("/csp/shop", other).status, 204);
    }
    for number in 0..20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    // What is behind them in the spool, and what comes by itself.
    let clean = |records: &[Read]| records.iter().filter(|r| r.topic == "csp.clean").count();
    let mut read = Vec::new();
    wait_until("clean records in Kafka", || {
        read = cluster.read_of(&["csp.clean"]);
        clean(&read) >= 20
    });
    wait_until("a closed breaker", || {
        assert_eq!(edge.post("/csp/shop", &report(20)).status, 204);
        edge.numbers().of("cspipe_kafka_breaker_open") == 0
    });
    assert!(spooled(folder.path()) >= 20, "these wait for the topic");
    edge.stop();
}

#[test]
fn a_topic_that_takes_nothing_holds_up_no_longer_spool() {
    const OTHER: &str =
        r#"[{"type":"deprecation","age":0,"url":"https://shop.example/","body":{"id":"x"}}]"#;
    // One is enough to hold up all; or there are so many that those behind are not seen.
    for (others, reports) in [(1_u32, 1000), (300, 300)] {
        let (folder, cluster) = (folder(), Cluster::start(1));
        cluster.topic_error("csp.other", Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        cluster.down();
        let edge = Edge::spawn(
            kafka(folder.path(), &cluster).env("CSPIPE_KAFKA__BREAKER__PROBE_AFTER", "100ms"),
        );
        for _ in 0..others {
            assert_eq!(edge.post("/csp/shop", OTHER).status, 204);
        }
        for number in 0..reports {
            assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
        }
        cluster.up();
        wait_until("what others left in the spool", || spooled(folder.path()) == i64::from(others));
        assert_eq!(cluster.read_of(&["csp.clean"]).len(), reports as usize, "each once");
        assert!(edge.numbers().of("cspipe_spool_put_behind_total") >= u64::from(others));
        assert_conserved(&edge);

        cluster.topic_error("csp.other", Error::RD_KAFKA_RESP_ERR_NO_ERROR);
        wait_until("an empty spool", || spooled(folder.path()) == 0);
        assert_eq!(cluster.read_of(&["csp.other"]).len(), others as usize, "each once");
        assert_conserved(&edge);
        edge.stop();
    }
}

#[test]
fn a_record_that_turns_out_too_large_when_the_spool_is_emptied_becomes_a_specimen() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.down();
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    for number in 0..3 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    edge.stop();
    assert_eq!(spooled(folder.path()), 3);
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    // Three times by itself: it may have shared a batch the first time.
    cluster.fail_produce(Error::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 3);
    cluster.up();
    let read = cluster.read(3);
    assert_eq!(read.iter().filter(|record| record.topic == "csp.rejected").count(), 1);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    assert_eq!(edge.numbers().of("cspipe_spool_specimens_total"), 1);
    assert_eq!(edge.numbers().of("cspipe_kafka_records_total{end=\"rejected\"}"), 0);
    assert_eq!(edge.numbers().of("cspipe_spool_max_bytes"), 1 << 30);
    let ids: BTreeSet<_> = cluster.read_now().iter().map(|record| record.text("id")).collect();
    assert_eq!(ids.len(), 3);
    edge.stop();
}

#[test]
fn what_an_operator_must_mend_is_told_and_loses_nothing() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    cluster.fail_produce(Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1000);
    for number in 0..10 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    assert_eq!(edge.get("/readyz").status, 200);
    assert_eq!(spooled(folder.path()), 10);
    assert!(edge.numbers().of("cspipe_kafka_errors_total{class=\"config\"}") > 0);
    cluster.no_more_failures();
    assert_delivered(&cluster, 10);
    edge.signal("TERM");
    let (code, log) = edge.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("ERROR Kafka does not take what is sent: topic csp.clean: "), "{log}");
}

#[test]
fn a_slow_kafka_gets_every_record_once() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    cluster.round_trip(Duration::from_millis(800));
    for number in 1..=20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    assert_delivered(&cluster, 21);
    cluster.round_trip(Duration::ZERO);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    assert_eq!(cluster.read_now().len(), 21, "what arrives late is not sent again");
    assert_eq!(edge.numbers().of("cspipe_kafka_maybe_duplicates_total"), 0);
    edge.stop();
}

/// librdkafka calls a batch delivered when a later one of its partition is acknowledged: it could
/// not be missing. A broker that does not know the producer yet takes any sequence number.
#[test]
fn a_producer_that_cannot_go_on_is_made_anew() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    // librdkafka calls that fatal: this producer never sends anything again.
    cluster.fail_producer_id(Error::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1);
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    for number in 0..20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    assert_delivered(&cluster, 20);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    assert_eq!(edge.post("/csp/shop", &report(20)).status, 204);
    assert_delivered(&cluster, 21);
    assert_conserved(&edge);
    edge.signal("TERM");
    let (code, log) = edge.ended();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("the producer cannot go on and is made anew").count(), 1, "{log}");
}

#[test]
fn a_producer_without_permission_is_made_anew_now_and_then() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.fail_producer_id(Error::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 4);
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    let mut number = 0;
    wait_until("an open breaker", || {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
        number += 1;
        edge.numbers().of("cspipe_kafka_breaker_open") == 1
    });
    wait_until("an empty spool", || edge.numbers().of("cspipe_spool_records") == 0);
    assert_delivered(&cluster, number as usize);
    let config = edge.numbers().of("cspipe_kafka_errors_total{class=\"config\"}");
    edge.signal("TERM");
    let (code, log) = edge.ended();
    assert_eq!((code, config), (Some(0), 4), "{log}");
    // With pauses of 1, 2 and 4 seconds between them, however much is sent.
    assert_eq!(log.matches("the producer cannot go on and is made anew").count(), 4, "{log}");
}

#[test]
fn what_only_librdkafka_calls_delivered_is_sent_again() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(
        kafka(folder.path(), &cluster)
            .env("CSPIPE_KAFKA__ACK_TIMEOUT", "30s")
            .env("CSPIPE_KAFKA__KEY", "app")
            .env("CSPIPE_KAFKA__KEY_SHARDS", "1"),
    );
    // Makes the connection. Its key leads to another partition than the one of `shop`.
    assert_eq!(edge.post("/csp/blog", &report(0)).status, 204);
    cluster.read(1);
    cluster.round_trip(Duration::from_millis(300));
    cluster.fail_produce(Error::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 1);
    let public = edge.public;
    std::thread::scope(|scope| {
        for number in [1, 2] {
            scope.spawn(move || {
                let answer = exchange(&mut connect(public), post("/csp/shop", &report(number)));
                assert_eq!(answer.status, 204);
            });
            // So that they are batches of their own, both under way.
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    cluster.round_trip(Duration::ZERO);
    assert_delivered(&cluster, 3);
    assert_eq!(edge.numbers().of("cspipe_kafka_errors_total{class=\"unconfirmed\"}"), 1);
    assert_conserved(&edge);
    edge.stop();
}

#[test]
fn leaders_move_without_a_loss() {
    let (folder, cluster) = (folder(), Cluster::start(3));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    for number in 0..30 {
        if number % 10 == 0 {
            cluster.lead(number / 10 + 1);
        }
        assert_eq!(edge.post("/csp/shop", &report(number.unsigned_abs())).status, 204);
    }
    cluster.lead(2);
    cluster.broker_down(1);
    for number in 30..40 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    assert_delivered(&cluster, 40);
    assert_conserved(&edge);
    edge.stop();
}

#[test]
fn more_than_may_wait_for_kafka_goes_to_the_spool_at_once() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(
        kafka(folder.path(), &cluster)
            .env("CSPIPE_KAFKA__QUEUE_BYTES", "1 MiB")
            .env("CSPIPE_KAFKA__ACK_TIMEOUT", "30s"),
    );
    // A connection takes several round trips, and so would each answer.
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    cluster.read(1);
    cluster.round_trip(Duration::from_secs(3));
    let batch: serde_json::Value = (0..100).map(entry).collect();
    let batch = batch.to_string();
    let public = edge.public;
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let answer = exchange(&mut connect(public), post("/csp/shop", &batch));
                assert_eq!(answer.status, 204);
            });
        }
    });
    assert!(edge.numbers().of("cspipe_kafka_errors_total{class=\"queue_full\"}") > 0);
    cluster.round_trip(Duration::ZERO);
    let ids: BTreeSet<_> = cluster.read(2001).iter().map(|record| record.text("id")).collect();
    assert_eq!(ids.len(), 2001);
    assert_conserved(&edge);
    edge.stop();
}

#[test]
fn a_full_spool_turns_requests_away_and_comes_back() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.down();
    let edge =
        Edge::spawn(kafka(folder.path(), &cluster).env("CSPIPE_SPOOL__MAX_BYTES", "256 KiB"));
    let batch: serde_json::Value = (0..50).map(entry).collect();
    let batch = batch.to_string();
    let post = |release: u32| edge.post(&format!("/csp/shop?release={release}"), &batch);
    let mut answered = BTreeSet::new();
    let mut release = 0;
    wait_until("a full spool", || {
        release += 1;
        let answer = post(release);
        if answer.status == 204 {
            answered.insert(release.to_string());
        } else {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        }
        answer.status == 503
    });
    assert_eq!(edge.get("/readyz").status, 503);
    assert_eq!(edge.get("/healthz").status, 200);
    assert!(edge.numbers().of("cspipe_spool_full_total") > 0);

    cluster.up();
    wait_until("room for reports", || edge.get("/readyz").status == 200);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    assert_eq!(post(0).status, 204);
    answered.insert("0".to_owned());
    // What was turned away may be there as well: librdkafka had some of it.
    let read = cluster.read(answered.len() * 50);
    for release in answered {
        let of_release = read.iter().filter(|record| record.text("release") == release);
        let ids: BTreeSet<_> = of_release.map(|record| record.text("id")).collect();
        assert_eq!(ids.len(), 50, "{release}");
    }
    assert_conserved(&edge);
    edge.stop();
}

#[test]
fn sigterm_without_kafka_leaves_everything_in_the_spool() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    cluster.down();
    for number in 1..=10 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    let drain = || {
        let mut command = cspipe(folder.path());
        command.args(["spool", "drain", "--patience", "1", "--kafka", &cluster.addresses()]);
        let output = run(&mut command);
        (output.status.code(), texts(output).0)
    };
    assert_eq!(drain().0, Some(3), "the edge has the spool");
    edge.signal("TERM");
    let (code, log) = edge.ended();
    assert_eq!(code, Some(0), "{log}");
    // The first one may have waited too long for its connection, and be in both.
    let left = spooled(folder.path());
    assert!((10..=11).contains(&left), "{left}");
    assert!(log.contains(&format!("{left} records wait in the spool")), "{log}");
    let told = format!("{left} records left: Kafka takes none; `cspipe spool` shows why\n");
    assert_eq!(drain(), (Some(1), told));

    // A new edge delivers what the old one has left.
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_eq!(edge.post("/csp/shop", &report(11)).status, 204);
    edge.stop();
    cluster.up();
    assert_eq!(drain(), (Some(0), format!("{} records delivered, none left\n", left + 1)));
    assert_delivered(&cluster, 12);
}

#[test]
fn a_restart_resumes_where_the_spool_was_left() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    cluster.down();
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    for number in 0..20 {
        assert_eq!(edge.post("/csp/shop", &report(number)).status, 204);
    }
    edge.kill();
    cluster.up();
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_delivered(&cluster, 20);
    wait_until("an empty spool", || spooled(folder.path()) == 0);
    edge.stop();
}

#[test]
fn a_damaged_spool_is_set_aside() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    fs::create_dir(folder.path().join("data")).expect("a folder");
    let garbage = vec![b'x'; 10_000];
    fs::write(folder.path().join("data/spool.db"), &garbage).expect("a file");
    let edge = Edge::spawn(&mut kafka(folder.path(), &cluster));
    assert_eq!(edge.numbers().of("cspipe_store_damaged_total"), 1);
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    let entries = fs::read_dir(folder.path().join("data")).expect("a folder");
    let aside: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("spool.db.damaged-"))
        .collect();
    assert_eq!(fs::read(&aside[0]).expect("a file"), garbage);
    edge.stop();
}

#[test]
fn properties_are_librdkafkas_to_judge_unless_they_break_the_promise() {
    let folder = folder();
    for (name, value, told) in [
        ("ACKS", "1", "key `kafka.properties.acks`: not to be set: it decides what a 204 means"),
        (
            "ENABLE_SSL_CERTIFICATE_VERIFICATION",
            "false",
            "key `kafka.properties.enable.ssl.certificate.verification`: not to be set: whoever",
        ),
        ("LINGER_MS", "5", "not to be set: use kafka.linger"),
        ("NO_SUCH_THING", "5", "No such configuration property"),
        ("SOCKET_TIMEOUT_MS", "never", "socket.timeout.ms"),
        ("SASL_MECHANISM", "ROT13", "ROT13"),
    ] {
        let mut serve = serve(folder.path());
        serve.args(["--kafka", "127.0.0.1:1"]);
        serve.env("RUST_LOG", "off").env(format!("CSPIPE_KAFKA__PROPERTIES__{name}"), value);
        if name == "SASL_MECHANISM" {
            serve.env("CSPIPE_KAFKA__PROPERTIES__SECURITY_PROTOCOL", "SASL_PLAINTEXT");
        }
        let output = run(&mut serve);
        let code = output.status.code();
        let (out, errors) = texts(output);
        assert_eq!((code, &*out), (Some(2), ""), "{name}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{name}: {errors}");
        assert!(errors.contains(told), "{name}: {errors}");
    }
}

#[test]
fn what_librdkafka_offers_to_show_who_one_is_can_be_set_up() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] {
        let folder = folder();
        let file = format!(
            "[kafka]\nbrokers = \"127.0.0.1:1\"\n[kafka.properties]\nsecurity.protocol = \
             \"SASL_SSL\"\nsasl.mechanism = \"{mechanism}\"\nsasl.username = \"u\"\n\
             \"sasl.password\" = \"p\"\n"
        );
        let oidc = "sasl.oauthbearer.method = \"oidc\"\nsasl.oauthbearer.client.id = \"u\"\n\
                    sasl.oauthbearer.client.secret = \"p\"\n\
                    sasl.oauthbearer.token.endpoint.url = \"http://127.0.0.1:1/token\"\n";
        let oidc = if mechanism == "OAUTHBEARER" { oidc } else { "" };
        support::process::write(folder.path(), "config/cspipe.toml", &format!("{file}{oidc}"));
        let edge = Edge::start(folder.path());
        assert_eq!(edge.post("/csp/shop", REPORT).status, 204, "{mechanism}");
        assert_eq!(spooled(folder.path()), 1);
        edge.stop();
    }
}

#[test]
fn an_edge_whose_spool_takes_nothing_is_ready_again_after_a_blip() {
    let (folder, cluster) = (folder(), Cluster::start(1));
    let edge = Edge::spawn(
        kafka(folder.path(), &cluster)
            .env("CSPIPE_SPOOL__MIN_FREE", "1 PiB")
            .env("CSPIPE_KAFKA__BREAKER__PROBE_AFTER", "3s"),
    );
    assert_eq!(edge.post("/csp/shop", &report(0)).status, 204);
    cluster.down();
    wait_until("an open breaker", || {
        edge.post("/csp/shop", &report(1));
        edge.numbers().of("cspipe_kafka_breaker_open") == 1
    });
    assert_eq!(edge.get("/readyz").status, 503);
    cluster.up();
    // Nobody sends reports to an edge that is not ready.
    wait_until("readiness", || edge.get("/readyz").status == 200);
    wait_until("a report in Kafka", || edge.post("/csp/shop", &report(2)).status == 204);
    assert_eq!(edge.get("/readyz").status, 200);
    edge.stop();
}

#[test]
fn a_check_finds_wrong_settings_of_kafka() {
    let folder = folder();
    for (name, value, told) in [
        ("TOPICS__CLEAN", "csp clean", "`csp clean` is no name of a topic"),
        ("LINGER", "1s", "key `kafka.linger`: must be shorter than ack_timeout, 500ms"),
        ("QUEUE_BYTES", "1 KiB", "key `kafka.queue_bytes`: must be between 1.0 MiB and 2.0 GiB"),
        ("BROKERS", " ", "key `kafka.brokers`: empty"),
        ("BREAKER__FAILURES", "0", "key `kafka.breaker`: "),
        ("PROPERTIES__FOO_BAR", "1", "No such configuration property: \"foo.bar\""),
    ] {
        let mut check = cspipe(folder.path());
        check.arg("check").env(format!("CSPIPE_KAFKA__{name}"), value);
        let output = run(&mut check);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let (_, errors) = texts(output);
        assert!(errors.contains(told), "{name}: {errors}");
    }
}

/// The program, about to serve with this cluster.
fn kafka(folder: &Path, cluster: &Cluster) -> Command {
    let mut command = serve(folder);
    command.args(["--kafka", &cluster.addresses()]).env("CSPIPE_SPOOL__MIN_FREE", "1 MiB");
    command
}

/// Every number from 0 on has arrived once.
fn assert_delivered(cluster: &Cluster, reports: usize) {
    let read = cluster.read(reports);
    let wanted: BTreeSet<_> =
        (0..reports).map(|number| format!("https://cdn.example.net/{number}.js")).collect();
    let arrived: BTreeSet<_> = read.iter().map(|record| record.text("blocked_uri")).collect();
    assert_eq!(arrived, wanted);
    let ids: BTreeSet<_> = read.iter().map(|record| record.text("id")).collect();
    assert_eq!(ids.len(), reports, "one id a report");
    let same = |record: &&Read| read.iter().filter(|other| other.payload == record.payload).count();
    for record in &read {
        let copies = read.iter().filter(|other| other.text("id") == record.text("id")).count();
        assert_eq!(copies, same(&record), "a repeat has the same bytes");
    }
}

fn assert_conserved(edge: &Edge) {
    let numbers = edge.numbers();
    let received = numbers.of("cspipe_reports_received_total");
    assert_eq!(received, numbers.of("cspipe_reports_total"));
    let appended = numbers.of("cspipe_spool_appended_total");
    let (drained, left) =
        (numbers.of("cspipe_spool_drained_total"), numbers.of("cspipe_spool_records"));
    assert_eq!(appended, drained + left);
}

/// How many records wait in the spool.
fn spooled(folder: &Path) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let spool = Connection::open_with_flags(folder.join("data/spool.db"), flags).expect("a spool");
    spool.busy_timeout(PATIENCE).expect("a timeout");
    spool.query_row("SELECT count(*) FROM spooled", [], |row| row.get(0)).expect("a number")
}

fn report(number: u32) -> String {
    REPORT.replace("x.js", &format!("{number}.js"))
}

fn entry(number: u32) -> serde_json::Value {
    json!({ "type": "csp-violation", "age": 0, "url": "https://shop.example/cart", "body": {
        "documentURL": "https://shop.example/cart",
        "effectiveDirective": "script-src-elem",
        "blockedURL": format!("https://cdn.example.net/{number}.js"),
        "originalPolicy": "script-src 'self'",
    } })
}
