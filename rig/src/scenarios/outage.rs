//! `outage`: the broker is killed under load and comes back a minute later, or ten.

use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::Rig;
use crate::table::Row;
use anyhow::Result;
use std::thread;
use std::time::{Duration, Instant};

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("outage", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    // More than comes in meanwhile.
    scene.set("CSPIPE_SPOOL__MAX_BYTES", "8 GiB");
    scene.start()?;
    scene.press(rig.size(2000, 4000));
    scene.wait_for_reports(End::Accepted, 1000);
    let before = scene.ledger.now();
    thread::sleep(Duration::from_secs(5));
    let memory = scene.edge()?.memory()?;
    let killed = scene.ledger.now();
    cluster.kill(0)?;
    let began = Instant::now();
    thread::sleep(rig.size(Duration::from_mins(1), Duration::from_mins(10)));
    let restarted = scene.ledger.now();
    let during = scene.edge()?.memory()?;
    cluster.start()?;
    let outage = began.elapsed();
    let recovery = scene.wait_until_drained(outage)?;
    scene.recovery = Some(recovery);
    let drained = scene.ledger.now();
    thread::sleep(Duration::from_secs(3));
    let now = scene.ledger.now();
    let after = scene.edge()?.memory()?;

    scene.note_times("before", before, killed);
    scene.note_times("outage", killed, restarted);
    scene.note_times("recovery", restarted, drained);
    scene.note_times("after", drained, now);
    scene.note(format!(
        "{outage:.0?} without Kafka; memory {} MiB before, {} MiB at the end of it, {} MiB after, {} MiB at most",
        memory.now, during.now, after.now, after.peak
    ));
    let grown = after.peak.saturating_sub(memory.now);
    scene.expect(grown <= BOUND_MIB, || {
        format!("memory grew by {grown} MiB, and the queues hold {BOUND_MIB} MiB")
    });
    scene.expect_no_refusal();
    scene.close(cluster)
}

/// What the settings let grow: `kafka.queue_bytes` and `store.queue_bytes`, 64 MiB each, and as
/// much again for what the allocator and librdkafka hold around them.
const BOUND_MIB: u64 = 192;
