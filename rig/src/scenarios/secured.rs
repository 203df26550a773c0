//! `secured`: brokers that want TLS and a password. What does not prove who it is, on either side,
//! gets no record, and costs none.

use crate::kafka::Cluster;
use crate::keys::{PASSWORD, SCRAM, USER};
use crate::ledger::End;
use crate::scene::{ROWS, Rig, Scene};
use crate::table::Row;
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::time::Duration;

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("secured", cluster.secured_brokers())?;
    cluster.create(&scene.topics)?;
    let certificate = cluster.certificate();
    let settings = scene.launch.folder.join("cspipe.toml");
    scene.set("CSPIPE_CONFIG", &settings.display().to_string());

    fs::write(&settings, properties("PLAIN", PASSWORD, Some(&certificate)))?;
    scene.start()?;
    scene.press_unforgiving(500);
    delivers(&mut scene, "PLAIN")?;

    for (password, trusted, told) in [
        ("wrong", Some(&*certificate), "SASL authentication error"),
        (PASSWORD, None, "certificate verify failed"),
    ] {
        fs::write(&settings, properties(SCRAM, password, trusted))?;
        scene.terminate(1)?;
        scene.start()?;
        scene.wait_for_reports(End::Accepted, 1000);
        let spooled = scene.edge()?.metrics()?.total(ROWS).unwrap_or_default();
        scene.expect(spooled >= 1000.0, || format!("{told}: {spooled} records are in the spool"));
        let log = fs::read_to_string(scene.launch.log())?;
        scene.expect(log.contains(told), || format!("the log does not say `{told}`"));
    }

    fs::write(&settings, properties(SCRAM, PASSWORD, Some(&certificate)))?;
    scene.terminate(1)?;
    scene.start()?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(1))?);
    delivers(&mut scene, SCRAM)?;
    let log = fs::read_to_string(scene.launch.log())?;
    scene.expect(!log.contains(PASSWORD), || "the log holds the password".to_owned());
    scene.expect_no_refusal();
    scene.close(cluster)
}

/// Whether reports go to Kafka, and not through the spool alone.
fn delivers(scene: &mut Scene<'_>, mechanism: &str) -> Result<()> {
    scene.wait_for_reports(End::Accepted, 500);
    let before = scene.edge()?.metrics()?.count(DELIVERED);
    let delivers = scene
        .edge()?
        .wait_for(Duration::from_secs(30), |metrics| metrics.count(DELIVERED) >= before + 500);
    scene.expect(delivers, || format!("{mechanism}: requests wait for no acknowledgement"));
    Ok(())
}

/// The settings of cspipe for one way to show who it is.
fn properties(mechanism: &str, password: &str, certificate: Option<&Path>) -> String {
    let trust = certificate.map(|certificate| {
        format!("\"ssl.ca.location\" = {:?}\n", certificate.display().to_string())
    });
    format!(
        "[kafka.properties]
\"security.protocol\" = \"SASL_SSL\"
\"sasl.mechanism\" = \"{mechanism}\"
\"sasl.username\" = \"{USER}\"
\"sasl.password\" = \"{password}\"
{}",
        trust.unwrap_or_default()
    )
}

const DELIVERED: &str = "cspipe_kafka_records_total{end=\"delivered\"}";
