//! `kill`: killed with -9 at random moments, started again, and so on; in some of the rounds the
//! broker stands still, so that the spool is in use.

use crate::kafka::Cluster;
use crate::ledger::End;
use crate::scene::{ROWS, Rig};
use crate::table::Row;
use anyhow::Result;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Duration;

pub fn run(rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
    cluster.start()?;
    let mut scene = rig.scene("kill", cluster.brokers())?;
    cluster.create(&scene.topics)?;
    scene.press_unforgiving(2000);
    let rounds = rig.size(50, 1000);
    let mut stood_still = 0;
    for round in 1..=rounds {
        scene.start()?;
        if round % 4 == 0 {
            // Sooner or later than the first reports of this process.
            if random(2) == 0 {
                scene.wait_for_reports(End::Accepted, random(300));
            }
            cluster.pause(0)?;
            stood_still += 1;
            let rows = random(1000) as f64;
            let edge = scene.edge()?;
            let spooled = edge.wait_for(Duration::from_secs(10), |metrics| {
                metrics.total(ROWS).is_some_and(|found| found > rows)
            });
            scene.expect(spooled, || format!("round {round}: nothing is spooled"));
            // Killed while Kafka stands still, or while the spool is drained.
            if random(2) == 0 {
                cluster.resume(0)?;
                thread::sleep(Duration::from_millis(random(600) as u64));
            }
        } else {
            scene.wait_for_reports(End::Accepted, 1 + random(300));
            thread::sleep(Duration::from_micros(random(3000) as u64));
        }
        scene.kill()?;
        cluster.resume(0)?;
        if round % 10 == 0 {
            scene.judge_so_far(cluster, &format!("round {round}"))?;
        }
    }
    scene.note(format!("{rounds} kills, {stood_still} of them around a broker that stood still"));
    scene.start()?;
    scene.recovery = Some(scene.wait_until_drained(Duration::from_mins(1))?);
    scene.wait_for_reports(End::Accepted, 1000);
    scene.expect_no_refusal();
    scene.close(cluster)
}

/// A number below a limit.
fn random(limit: usize) -> usize {
    let number = RandomState::new().hash_one(limit);
    usize::try_from(number % limit as u64).unwrap_or_default()
}
