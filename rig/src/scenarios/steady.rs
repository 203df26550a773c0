//! `steady`: nothing is broken, and anybody can read what comes of it.

use crate::kafka::Cluster;
use crate::reader::{self, Offsets};
use crate::scene::{Rig, Scene};
use crate::table::Row;
use crate::topics::Stream;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("steady", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    scene.start()?;
    scene.press(2000);
    let from = scene.ledger.now();
    thread::sleep(rig.size(Duration::from_secs(10), Duration::from_mins(2)));
    let to = scene.ledger.now();
    scene.note_times("all is well", from, to);
    scene.expect_no_refusal();
    scene.release();
    scene.wait_until_drained(Duration::from_secs(10))?;
    read_as_others_do(&mut scene, cluster)?;
    scene.close(cluster)
}

/// Reads the topics with a consumer and with kcat, and holds every record against the schema that
/// is shipped.
fn read_as_others_do(scene: &mut Scene<'_>, cluster: &Cluster<'_>) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/record.schema.json");
    let schema = fs::read(&path).with_context(|| path.display().to_string())?;
    let schema = jsonschema::validator_for(&serde_json::from_slice(&schema)?)
        .map_err(|error| anyhow::anyhow!("config/record.schema.json: {error}"))?;
    let mut by_consumer = BTreeSet::new();
    let mut wrong = Vec::new();
    reader::read_on(&cluster.brokers(), &scene.topics, &mut Offsets::default(), |message| {
        let record: Value = serde_json::from_slice(message.payload).unwrap_or_default();
        if let Some(error) = schema.iter_errors(&record).next() {
            let place = error.instance_path().to_string();
            wrong.push(format!("{place} of {record} is not valid: {error}"));
        }
        by_consumer.insert(String::from_utf8_lossy(message.payload).into_owned());
    })?;
    scene
        .note(format!("{} records are valid against config/record.schema.json", by_consumer.len()));
    scene.expect(wrong.is_empty(), || format!("{} records: {}", wrong.len(), wrong[0]));
    let mut by_kcat = BTreeSet::new();
    for stream in Stream::ALL {
        for line in kcat(&cluster.brokers(), &scene.topics.name(stream))? {
            let (headers, payload) = line.split_once('\t').context("headers and a payload")?;
            let record: Value =
                serde_json::from_str(payload).with_context(|| format!("kcat prints {payload}"))?;
            let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
            let has_id = headers.split(',').any(|header| header == format!("id={id}"));
            scene.expect(has_id, || format!("kcat shows the headers {headers} of {id}"));
            by_kcat.insert(payload.to_owned());
        }
    }
    scene.expect(by_kcat == by_consumer, || {
        format!("kcat read {} records, a consumer {}", by_kcat.len(), by_consumer.len())
    });
    Ok(())
}

/// What Debian's kcat reads of a topic: headers, a tab and the payload, a line each.
fn kcat(brokers: &str, topic: &str) -> Result<Vec<String>> {
    let output = Command::new("kcat")
        .args(["-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%h\t%s\n"])
        .output()
        .context("kcat cannot be run")?;
    ensure!(output.status.success(), "kcat: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}
