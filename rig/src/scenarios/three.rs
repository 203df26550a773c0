//! `three`: three brokers, replication 3, two in sync; one is killed, one stands still, each is
//! started anew, then all at once.

use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::{Rig, Scene};
use crate::table::Row;
use anyhow::Result;
use std::thread;
use std::time::Duration;

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("three", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    scene.start()?;
    scene.press(1000);
    scene.wait_for_reports(End::Accepted, 2000);

    // Writes stand still until the session of the dead broker ends.
    answers_keep_coming(&mut scene, "one killed", cluster, |cluster| {
        cluster.kill(0)?;
        thread::sleep(Duration::from_secs(20));
        cluster.start()
    })?;
    answers_keep_coming(&mut scene, "one stands still", cluster, |cluster| {
        cluster.pause(1)?;
        thread::sleep(Duration::from_secs(20));
        cluster.resume(1)?;
        cluster.wait_until_ready()
    })?;
    answers_keep_coming(&mut scene, "one after the other", cluster, |cluster| {
        for node in 0..cluster.size() {
            cluster.restart(node)?;
            // Until it has caught up, another must not go.
            thread::sleep(Duration::from_secs(10));
        }
        Ok(())
    })?;
    answers_keep_coming(&mut scene, "all at once", cluster, |cluster| {
        for node in 0..cluster.size() {
            cluster.kill(node)?;
        }
        cluster.start()
    })?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(2))?);
    scene.expect_no_refusal();
    scene.close(cluster)
}

/// Does something to the cluster, and looks at the answers meanwhile.
fn answers_keep_coming<'w>(
    scene: &mut Scene<'_>,
    phase: &str,
    cluster: &mut Cluster<'w>,
    meanwhile: impl FnOnce(&mut Cluster<'w>) -> Result<()>,
) -> Result<()> {
    let (began, refused) = (scene.ledger.now(), scene.ledger.reports(End::Refused));
    meanwhile(cluster)?;
    let now = scene.ledger.now();
    let times = scene.note_times(phase, began, now);
    scene.expect(times.answers > 0, || format!("{phase}: no answers"));
    let refused = scene.ledger.reports(End::Refused) - refused;
    scene.expect(refused == 0, || format!("{phase}: {refused} reports were refused"));
    Ok(())
}
