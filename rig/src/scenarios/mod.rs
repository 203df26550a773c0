//! The scenarios, each a function from a cluster to a row of the table.

mod disk;
mod kill;
mod outage;
mod secured;
mod slow;
mod start;
mod steady;
mod stop;
mod three;

use crate::kafka::Cluster;
use crate::scene::Rig;
use crate::table::Row;
use anyhow::Result;

/// What is broken, in the order in which it is run: `never` needs a cluster that has not been up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    Never,
    Steady,
    Damaged,
    Slow,
    Sigterm,
    Fsync,
    FullSpool,
    FullDisk,
    Crammed,
    Kill,
    Outage,
    Secured,
    Three,
}

impl Scenario {
    pub const ALL: [Self; 13] = [
        Self::Never,
        Self::Steady,
        Self::Damaged,
        Self::Slow,
        Self::Sigterm,
        Self::Fsync,
        Self::FullSpool,
        Self::FullDisk,
        Self::Crammed,
        Self::Kill,
        Self::Outage,
        Self::Secured,
        Self::Three,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Steady => "steady",
            Self::Damaged => "damaged",
            Self::Slow => "slow",
            Self::Sigterm => "sigterm",
            Self::Fsync => "fsync",
            Self::FullSpool => "full-spool",
            Self::FullDisk => "full-disk",
            Self::Crammed => "crammed",
            Self::Kill => "kill",
            Self::Outage => "outage",
            Self::Secured => "secured",
            Self::Three => "three",
        }
    }

    /// How many brokers it takes.
    pub const fn brokers(self) -> usize {
        match self {
            Self::Three => 3,
            Self::Never
            | Self::Steady
            | Self::Damaged
            | Self::Slow
            | Self::Sigterm
            | Self::Fsync
            | Self::FullSpool
            | Self::FullDisk
            | Self::Crammed
            | Self::Kill
            | Self::Outage
            | Self::Secured => 1,
        }
    }

    /// Runs it.
    pub fn run(self, rig: &Rig, cluster: &mut Cluster<'_>) -> Result<Row> {
        let run = match self {
            Self::Never => start::never,
            Self::Steady => steady::run,
            Self::Damaged => start::damaged,
            Self::Slow => slow::run,
            Self::Sigterm => stop::run,
            Self::Fsync => disk::fsync,
            Self::FullSpool => disk::full_spool,
            Self::FullDisk => disk::full,
            Self::Crammed => disk::crammed,
            Self::Kill => kill::run,
            Self::Outage => outage::run,
            Self::Secured => secured::run,
            Self::Three => three::run,
        };
        run(rig, cluster)
    }
}
