//! Breaks Kafka, the disk, the network and cspipe itself under load, and counts what came of every
//! answered report.
//!
//! A release build of cspipe runs as a child process against real Apache Kafka ([`kafka`]). A load
//! client ([`load`]) sends numbered reports ([`reports`]) and writes down which were answered with
//! 204 ([`ledger`]), while a scenario ([`scenarios`]) breaks something. At the end the oracle
//! ([`oracle`]) reads the topics from their beginning ([`reader`]) and the spool: every report that
//! was answered is there as it was sent, and nothing else is. Whatever was started is ended,
//! however the rig ends ([`watchdog`]).
//!
//! `cspipe-rig elasticsearch` is a proof of its own ([`elastic`]): what Elasticsearch and OpenSearch
//! do with the records.

mod edge;
mod elastic;
mod fault;
mod kafka;
mod keys;
mod ledger;
mod load;
mod metrics;
mod oracle;
mod process;
mod proxy;
mod reader;
mod reports;
mod scenarios;
mod scene;
mod table;
mod topics;
mod watchdog;
mod wire;

use anyhow::{Context, Result, bail};
use kafka::Cluster;
use scenarios::Scenario;
use scene::Rig;
use std::path::PathBuf;
use std::process::ExitCode;
use watchdog::Watchdog;

/// What the command line asks for.
struct Wanted {
    jars: PathBuf,
    cspipe: PathBuf,
    scenarios: Vec<Scenario>,
    long: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((part, arguments)) if part == "elasticsearch" => {
            elastic::proof::run(arguments).map(|()| true)
        }
        Some(_) | None => wanted().and_then(|wanted| run(&wanted)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenarios one after the other; says whether all went well.
fn run(wanted: &Wanted) -> Result<bool> {
    let watchdog = Watchdog::start()?;
    let rig = Rig { cspipe: wanted.cspipe.clone(), watchdog, long: wanted.long };
    let (mut passed, mut failed) = (0, 0);
    table::begin();
    let mut cluster: Option<Cluster<'_>> = None;
    for &scenario in &wanted.scenarios {
        if cluster.as_ref().is_none_or(|cluster| cluster.size() != scenario.brokers()) {
            drop(cluster.take());
            cluster = Some(Cluster::prepare(&wanted.jars, scenario.brokers(), &rig.watchdog)?);
        }
        let Some(cluster) = &mut cluster else { continue };
        let is_well = match scenario.run(&rig, cluster) {
            Ok(row) => table::print(scenario.name(), &row),
            Err(error) => {
                println!("{:<11} FAILED: {error:#}", scenario.name());
                for node in 0..cluster.size() {
                    cluster.resume(node)?;
                }
                false
            }
        };
        if is_well {
            passed += 1;
        } else {
            failed += 1;
            rig.keep(scenario.name())?;
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn wanted() -> Result<Wanted> {
    let usage = "usage: cspipe-rig JARS PATH/TO/cspipe [--long] [SCENARIO]…";
    let mut arguments = std::env::args().skip(1);
    let mut path = || {
        let argument = arguments.next().context(usage)?;
        std::fs::canonicalize(&argument).context(argument)
    };
    let (jars, cspipe) = (path()?, path()?);
    let mut wanted = Wanted { jars, cspipe, scenarios: Vec::new(), long: false };
    for argument in arguments {
        let scenario = Scenario::ALL.into_iter().find(|scenario| scenario.name() == argument);
        match scenario {
            Some(scenario) => wanted.scenarios.push(scenario),
            None if argument == "--long" => wanted.long = true,
            None => bail!("{argument}? {usage}, with {:?}", Scenario::ALL.map(Scenario::name)),
        }
    }
    if wanted.scenarios.is_empty() {
        // Three brokers are too much for what runs on every change.
        let in_form = |scenario: &Scenario| wanted.long || scenario.brokers() == 1;
        wanted.scenarios = Scenario::ALL.into_iter().filter(in_form).collect();
    }
    // A cluster of each size is made once.
    wanted.scenarios.sort_by_key(|scenario| scenario.brokers());
    Ok(wanted)
}
