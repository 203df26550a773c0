//! `slow`: the road to the broker is long for a while, then it holds everything, then it breaks.

use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::Rig;
use crate::table::Row;
use anyhow::Result;
use std::thread;
use std::time::Duration;

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("slow", cluster.proxied_brokers())?;
    cluster.create(&scene.topics)?;
    let phase = rig.size(Duration::from_secs(8), Duration::from_mins(1));
    scene.start()?;
    scene.press(1000);
    scene.wait_for_reports(End::Accepted, 1000);
    let proxy = cluster.proxy(0);

    let began = scene.ledger.now();
    proxy.slow_down(Duration::from_millis(800));
    thread::sleep(phase);
    proxy.slow_down(Duration::ZERO);
    let slow = scene.ledger.now();
    scene.note_times("round trips of 800 ms", began, slow);
    thread::sleep(phase / 4);

    let began = scene.ledger.now();
    proxy.stall();
    thread::sleep(phase);
    proxy.go_on();
    let stalled = scene.ledger.now();
    scene.note_times("nothing comes through", began, stalled);
    thread::sleep(phase / 4);

    let began = scene.ledger.now();
    proxy.cut();
    thread::sleep(phase / 4);
    let cut = scene.ledger.now();
    scene.note_times("connections cut", began, cut);
    scene.recovery = Some(scene.wait_until_drained(phase * 4)?);
    scene.expect_no_refusal();
    scene.close(cluster)
}
