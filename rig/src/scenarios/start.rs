//! `never` and `damaged`: what cspipe finds when it starts is no reason not to.

use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::Rig;
use crate::table::Row;
use anyhow::Result;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// No broker has ever answered. Reports are taken all the same, and delivered once one does.
pub fn never(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    let mut scene = rig.scene("never", cluster.brokers())?;
    for node in 0..cluster.size() {
        cluster.kill(node)?;
    }
    let began = Instant::now();
    scene.start()?;
    scene.note(format!("listened after {:.1?}", began.elapsed()));
    scene.press(1000);
    scene.wait_for_reports(End::Accepted, 1000);
    scene.expect_status("/readyz", 200)?;
    thread::sleep(rig.size(Duration::from_secs(3), Duration::from_mins(1)));
    scene.expect_no_refusal();
    cluster.start()?;
    // The broker is there before the topics are.
    scene.wait_for_reports(End::Accepted, 1000);
    cluster.create(&scene.topics)?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(1))?);
    scene.wait_for_reports(End::Accepted, 1000);
    scene.expect_no_refusal();
    scene.close(cluster)
}

/// The spool is no database. It is set aside, counted, and a new one begun.
pub fn damaged(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("damaged", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    let garbage: Vec<u8> = (0..100_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    let data = scene.launch.data();
    fs::create_dir_all(&data)?;
    fs::write(data.join("spool.db"), &garbage)?;
    scene.start()?;
    let metrics = scene.edge()?.metrics()?;
    let counted = ["cspipe_spool_damaged_total", "cspipe_store_damaged_total"];
    let counted: u64 = counted.iter().map(|name| metrics.count(name)).sum();
    scene.expect(counted == 1, || format!("damage was counted {counted} times"));
    let mut kept = fs::read_dir(&data)?.flatten().filter(|entry| {
        let name = entry.file_name();
        name != "spool.db" && fs::read(entry.path()).is_ok_and(|bytes| bytes == garbage)
    });
    let kept = kept.next().map(|entry| entry.file_name());
    scene.expect(kept.is_some(), || "the damaged file was not set aside".to_owned());
    let log = fs::read_to_string(scene.launch.log())?;
    let told = kept.is_some_and(|name| log.contains(&*name.to_string_lossy()));
    scene.expect(told, || "no line of the log names the file that was set aside".to_owned());
    scene.press(1000);
    scene.wait_for_reports(End::Accepted, 500);
    // The new spool is put to use.
    cluster.pause(0)?;
    scene.wait_for_reports(End::Accepted, 2000);
    cluster.resume(0)?;
    scene.wait_for_reports(End::Accepted, 500);
    scene.expect_no_refusal();
    scene.close(cluster)
}
