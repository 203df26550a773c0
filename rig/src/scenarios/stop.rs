//! `sigterm`: told to end under load, with Kafka and without, once and twice.

use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::Rig;
use crate::table::Row;
use crate::wire::Connection;
use anyhow::Result;
use std::time::Duration;

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("sigterm", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    scene.start()?;
    scene.press(2000);
    for round in 0..rig.size(1, 5) {
        if round > 0 {
            // Or every round would judge what all before it have left in the spool.
            scene.wait_until_drained(Duration::from_mins(1))?;
        }
        scene.wait_for_reports(End::Accepted, 2000);
        let ended = scene.terminate(1)?;
        scene.note(format!("with Kafka it ended after {:.1?}", ended.took));
        scene.expect(ended.took <= LIMIT, || format!("it ended after {:.1?}", ended.took));
        scene.judge_so_far(cluster, "told to end with Kafka")?;

        scene.start()?;
        scene.wait_for_reports(End::Accepted, 1000);
        cluster.kill(0)?;
        scene.wait_for_reports(End::Accepted, 2000);
        let ended = scene.terminate(1)?;
        scene.note(format!("without Kafka it ended after {:.1?}", ended.took));
        scene.expect(ended.took <= LIMIT, || format!("it ended after {:.1?}", ended.took));

        cluster.start()?;
        scene.judge_so_far(cluster, "told to end without Kafka")?;
        // The moment at which a broker dies is the one at which most is on its way.
        scene.start()?;
        scene.wait_for_reports(End::Accepted, 2000);
        cluster.kill(0)?;
        let ended = scene.terminate(1)?;
        scene.note(format!("as Kafka died it ended after {:.1?}", ended.took));
        scene.expect(ended.took <= LIMIT, || format!("it ended after {:.1?}", ended.took));
        cluster.start()?;
        scene.judge_so_far(cluster, "told to end as Kafka died")?;

        // The same while the spool is emptied.
        cluster.kill(0)?;
        scene.start()?;
        scene.wait_for_reports(End::Accepted, 4000);
        cluster.start()?;
        scene.wait_for_reports(End::Accepted, 2000);
        cluster.kill(0)?;
        let ended = scene.terminate(1)?;
        scene.note(format!("as Kafka died again it ended after {:.1?}", ended.took));
        scene.expect(ended.took <= LIMIT, || format!("it ended after {:.1?}", ended.took));
        cluster.start()?;
        scene.judge_so_far(cluster, "told to end as Kafka died again")?;
        scene.start()?;
    }

    // An upload that does not end keeps the first SIGTERM waiting.
    let mut upload = Connection::open(scene.edge()?.public)?;
    upload
        .send("POST /csp/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"csp-report\"")?;
    scene.wait_for_reports(End::Accepted, 1000);
    let ended = scene.terminate(2)?;
    scene.note(format!("at the second SIGTERM it ended after {:.1?}", ended.took));
    scene.expect(ended.took <= SECOND_LIMIT, || format!("it ended after {:.1?}", ended.took));
    drop(upload);

    scene.start()?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(1))?);
    scene.wait_for_reports(End::Accepted, 1000);
    scene.close(cluster)
}

/// What is promised of the first SIGTERM.
const LIMIT: Duration = Duration::from_secs(25);

/// And of the second, with something for a machine that does much else.
const SECOND_LIMIT: Duration = Duration::from_secs(3);
