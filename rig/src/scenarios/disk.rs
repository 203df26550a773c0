//! `full-disk`, `crammed`, `full-spool`, `fsync`: Kafka is away and the disk will not have it either.
//!
//! Then there is nothing durable to be had, and the honest answer is 503. The process lives, and
//! goes on by itself once either comes back.

use crate::fault::{Fault, Refused};
use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::{Rig, Scene};
use crate::table::Row;
use anyhow::Result;
use std::thread;
use std::time::Duration;

/// The file system has too little left; then somebody else takes the rest.
pub fn full(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    let mut scene = rig.scene("full-disk", cluster.brokers())?;
    scene.launch.small_disk = Some(16);
    scene.set("CSPIPE_SPOOL__MIN_FREE", "4 MiB");
    fill_up(rig, cluster, &mut scene)?;
    scene.edge()?.fill_disk(&scene.launch)?;
    thread::sleep(rig.size(Duration::from_secs(2), Duration::from_mins(1)));
    scene.expect_status("/readyz", 503)?;
    scene.expect_status("/healthz", 200)?;
    scene.edge()?.free_disk(&scene.launch)?;
    recover(cluster, scene)
}

/// The spool itself fills the file system to the last byte, and must come out of it unaided.
pub fn crammed(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    let mut scene = rig.scene("crammed", cluster.brokers())?;
    scene.launch.small_disk = Some(16);
    scene.set("CSPIPE_SPOOL__MIN_FREE", "4 KiB");
    fill_up(rig, cluster, &mut scene)?;
    recover(cluster, scene)
}

/// The spool holds as much as its settings allow.
pub fn full_spool(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    let mut scene = rig.scene("full-spool", cluster.brokers())?;
    scene.set("CSPIPE_SPOOL__MAX_BYTES", "8 MiB");
    fill_up(rig, cluster, &mut scene)?;
    recover(cluster, scene)
}

/// Takes Kafka away until the spool is full.
fn fill_up(rig: &Rig, cluster: &mut Cluster<'_>, scene: &mut Scene<'_>) -> Result<()> {
    cluster.start()?;
    cluster.create(&scene.topics)?;
    scene.start()?;
    scene.press(2000);
    scene.wait_for_reports(End::Accepted, 1000);
    cluster.kill(0)?;
    scene.wait_for_reports(End::Refused, 1000);
    scene.expect_status("/readyz", 503)?;
    scene.expect_status("/healthz", 200)?;
    let times = scene.edge()?.metrics()?.count("cspipe_spool_full_total");
    scene.expect(times > 0, || "cspipe_spool_full_total is 0".to_owned());
    let full = scene.ledger.now();
    thread::sleep(rig.size(Duration::from_secs(3), Duration::from_mins(1)));
    let now = scene.ledger.now();
    scene.note_times("full", full, now);
    Ok(())
}

/// Brings Kafka back.
fn recover(cluster: &mut Cluster<'_>, mut scene: Scene<'_>) -> Result<Row> {
    cluster.start()?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(1))?);
    scene.expect_status("/readyz", 200)?;
    let refused = scene.ledger.reports(End::Refused);
    scene.wait_for_reports(End::Accepted, 2000);
    let since = scene.ledger.reports(End::Refused) - refused;
    scene.expect(since == 0, || format!("{since} reports were refused after the recovery"));
    scene.close(cluster)
}

/// The disk says that it could not write what it took, or that it takes no more.
pub fn fsync(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("fsync", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    let fault = Fault::compile(&scene.launch.folder)?;
    scene.launch.environment.extend(fault.environment());
    scene.start()?;
    scene.press(1000);
    scene.wait_for_reports(End::Accepted, 1000);
    cluster.kill(0)?;
    scene.wait_for_reports(End::Accepted, 1000);
    for refused in [Refused::Sync, Refused::Write] {
        fault.begin(refused)?;
        scene.wait_for_reports(End::Refused, 50);
        // By now whatever was on its way before has its answer.
        thread::sleep(Duration::from_secs(1));
        let before = scene.ledger.reports(End::Accepted);
        thread::sleep(rig.size(Duration::from_secs(2), Duration::from_secs(30)));
        let taken = scene.ledger.reports(End::Accepted) - before;
        scene.expect(taken == 0, || format!("{refused:?}: {taken} reports were answered 204"));
        scene.expect_status("/healthz", 200)?;
        fault.end(refused)?;
        scene.wait_for_reports(End::Accepted, 1000);
        scene.expect_status("/readyz", 200)?;
    }
    cluster.start()?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(1))?);
    scene.wait_for_reports(End::Accepted, 1000);
    scene.close(cluster)
}
