//! The stage of one scenario: topics and a data folder of its own, one cspipe after the other, a
//! load, and what was expected of them.
//!
//! A scenario breaks something meanwhile. [`Scene::close`] then lets the load end and everything
//! drain, holds the metrics against each other and against the load, stops cspipe, and has the
//! oracle judge.

use crate::edge::{Edge, Ended, Launch};
use crate::kafka::Cluster;
use crate::ledger::{End, Ledger, Times};
use crate::load::Load;
use crate::metrics::Metrics;
use crate::oracle::{Judgement, Oracle};
use crate::process::wait_until;
use crate::reader::{self, Offsets};
use crate::table::Row;
use crate::topics::{Stream, Topics};
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all scenarios share.
pub struct Rig {
    pub cspipe: PathBuf,
    pub watchdog: Watchdog,
    /// Whether the sizes are those of the long form.
    pub long: bool,
}

/// A scenario on its way.
pub struct Scene<'r> {
    pub topics: Topics,
    pub launch: Launch<'r>,
    pub ledger: Arc<Ledger>,
    load: Option<Load>,
    edge: Option<Edge>,
    began: Instant,
    processes: usize,
    spooled: u64,
    pub recovery: Option<Duration>,
    /// By those who judged on the way.
    found: Found,
    notes: Vec<String>,
    wrong: Vec<String>,
}

/// What was found of a scenario's reports, and up to where its topics were read for it.
struct Found {
    oracle: Oracle,
    offsets: Offsets,
}

impl Default for Found {
    fn default() -> Self {
        Self { oracle: Oracle::new(EDGE), offsets: Offsets::default() }
    }
}

impl Rig {
    /// The size of a scenario, by the form that was asked for.
    pub fn size<T>(&self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }

    /// Keeps what a scenario that went wrong has left, where it outlives the run: logs, the spool,
    /// and what the brokers have of its topics.
    pub fn keep(&self, name: &str) -> Result<()> {
        let kept = std::env::temp_dir().join(format!("kept-{}-{name}", std::process::id()));
        copy(&[self.watchdog.folder().join(name)], &kept)?;
        let topics = format!("{}.", Topics::prefix(name));
        for broker in fs::read_dir(self.watchdog.folder())?.flatten() {
            let Ok(partitions) = fs::read_dir(broker.path().join("data")) else { continue };
            let partitions = partitions
                .flatten()
                .filter(|partition| partition.file_name().to_string_lossy().starts_with(&topics));
            let partitions: Vec<_> = partitions.map(|partition| partition.path()).collect();
            copy(&partitions, &kept.join(broker.file_name()))?;
        }
        println!("    kept: {}", kept.display());
        Ok(())
    }

    /// Prepares a scenario against a cluster.
    pub fn scene(&self, name: &str, brokers: String) -> Result<Scene<'_>> {
        let folder = self.watchdog.folder().join(name);
        fs::create_dir_all(&folder)?;
        let topics = Topics::of(name);
        let mut environment = topics.environment();
        environment.push(("CSPIPE_PIPELINE__EDGE".to_owned(), EDGE.to_owned()));
        let launch = Launch {
            cspipe: self.cspipe.clone(),
            watchdog: &self.watchdog,
            folder,
            brokers,
            environment,
            small_disk: None,
        };
        Ok(Scene {
            topics,
            launch,
            ledger: Arc::new(Ledger::open()),
            load: None,
            edge: None,
            began: Instant::now(),
            processes: 0,
            spooled: 0,
            recovery: None,
            found: Found::default(),
            notes: Vec::new(),
            wrong: Vec::new(),
        })
    }
}

impl Scene<'_> {
    /// Sets one of cspipe's settings, by its variable.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.launch.environment.push((variable.to_owned(), value.to_owned()));
    }

    /// Starts cspipe on the data there are, and lets the load know.
    pub fn start(&mut self) -> Result<()> {
        let edge = self.launch.start()?;
        self.processes += 1;
        if let Some(load) = &self.load {
            load.aim(Some(edge.public));
        }
        self.edge = Some(edge);
        Ok(())
    }

    /// Begins to send so many reports a second.
    pub fn press(&mut self, reports_per_second: u32) {
        self.press_with(reports_per_second, false);
    }

    /// The same, where cspipe will be killed.
    pub fn press_unforgiving(&mut self, reports_per_second: u32) {
        self.press_with(reports_per_second, true);
    }

    fn press_with(&mut self, reports_per_second: u32, may_break: bool) {
        let load = Load::start(&self.ledger, reports_per_second, may_break);
        load.aim(self.edge.as_ref().map(|edge| edge.public));
        self.load = Some(load);
    }

    pub fn edge(&self) -> Result<&Edge> {
        self.edge.as_ref().context("cspipe runs")
    }

    /// Kills cspipe with -9.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(edge) = self.edge.take() {
            let spooled = spooled(&edge);
            edge.kill()?;
            self.spooled += spooled;
        }
        if let Some(load) = &self.load {
            load.aim(None);
        }
        Ok(())
    }

    /// Tells cspipe to end under load, and waits for it.
    pub fn terminate(&mut self, times: u32) -> Result<Ended> {
        if let Some(load) = &self.load {
            load.let_go();
        }
        let edge = self.edge.take().context("cspipe runs")?;
        self.spooled += spooled(&edge);
        for _ in 1..times {
            edge.terminate()?;
            std::thread::sleep(Duration::from_millis(500));
        }
        edge.terminate()?;
        let ended = edge.ended()?;
        if let Some(load) = &self.load {
            load.aim(None);
        }
        self.expect(ended.code == Some(0), || format!("SIGTERM: exit code {:?}", ended.code));
        Ok(ended)
    }

    /// Remembers an expectation that did not hold.
    pub fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// Remembers a figure.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Remembers how long answers took in a phase.
    pub fn note_times(&mut self, phase: &str, from: Duration, to: Duration) -> Times {
        let times = self.ledger.times(from, to);
        let Times { answers, median, p99, max } = times;
        let rate = answers as f64 / to.saturating_sub(from).as_secs_f64();
        self.note(format!(
            "{phase}: {rate:.0} requests/s, p50 {median:.1?}, p99 {p99:.1?}, max {max:.1?}"
        ));
        times
    }

    /// Waits until so many more reports came to an end of this kind.
    pub fn wait_for_reports(&mut self, end: End, more: usize) {
        let goal = self.ledger.reports(end) + more;
        let ledger = Arc::clone(&self.ledger);
        let came = wait_until(PATIENCE, || ledger.reports(end) >= goal);
        self.expect(came, || format!("no {more} more reports were {end:?} within {PATIENCE:?}"));
    }

    /// Waits until the spool is empty; `patience` is what a recovery may take.
    pub fn wait_until_drained(&mut self, patience: Duration) -> Result<Duration> {
        let began = Instant::now();
        let drained = self.edge()?.wait_for(patience, |metrics| metrics.total(ROWS) == Some(0.0));
        let rows = self.edge()?.metrics()?.total(ROWS);
        self.expect(drained, || format!("{rows:?} records are in the spool after {patience:.0?}"));
        Ok(began.elapsed())
    }

    /// Whether a status of the private address is as expected.
    pub fn expect_status(&mut self, path: &str, wanted: u16) -> Result<()> {
        let mut status = 0;
        let edge = self.edge()?;
        wait_until(Duration::from_secs(10), || {
            status = edge.status(path).unwrap_or_default();
            status == wanted
        });
        self.expect(status == wanted, || format!("{path} answers {status}, not {wanted}"));
        Ok(())
    }

    /// Whether every request was taken.
    pub fn expect_no_refusal(&mut self) {
        let refused = self.ledger.requests(End::Refused);
        self.expect(refused == 0, || format!("{refused} requests were answered 503"));
    }

    /// Ends the load.
    pub fn release(&mut self) {
        if let Some(load) = self.load.take() {
            load.stop();
        }
    }

    /// Judges what there is while cspipe does not run.
    pub fn judge(&self, cluster: &Cluster<'_>) -> Result<Judgement> {
        self.find(cluster, &mut Found::default())
    }

    /// Looks at what has come to Kafka since the last look, and at all that is in the spool.
    fn find(&self, cluster: &Cluster<'_>, found: &mut Found) -> Result<Judgement> {
        let Found { oracle, offsets } = found;
        reader::read_on(&cluster.brokers(), &self.topics, offsets, |message| {
            oracle.delivered(message, &self.ledger);
        })?;
        oracle.forget_spool();
        for row in self.launch.spooled()? {
            oracle.spooled(&row, &self.ledger);
        }
        Ok(oracle.judge(&self.ledger))
    }

    /// Judges on the way, while cspipe does not run: the end alone would not show when a report was
    /// lost, nor that what is not drained yet is in the spool. Only the end looks at all of Kafka
    /// again.
    pub fn judge_so_far(&mut self, cluster: &Cluster<'_>, when: &str) -> Result<()> {
        let mut found = std::mem::take(&mut self.found);
        let lost = self.find(cluster, &mut found)?.lost;
        self.found = found;
        self.expect(lost.is_empty(), || format!("{when}: lost {lost:?}"));
        Ok(())
    }

    /// Brings everything to its end and judges it.
    pub fn close(mut self, cluster: &Cluster<'_>) -> Result<Row> {
        self.release();
        self.wait_until_drained(PATIENCE)?;
        let metrics = self.edge()?.metrics()?;
        let mut imbalances = metrics.imbalances();
        if self.processes == 1 {
            imbalances.extend(self.disagreements(&metrics));
        }
        if self.launch.small_disk.is_some() {
            // It goes with the process.
            self.edge()?.save_spool(&self.launch)?;
        }
        self.terminate(1)?;
        let judgement = self.judge(cluster)?;
        let maybe = metrics.count("cspipe_kafka_maybe_duplicates_total");
        if self.processes == 1 && judgement.duplicates as u64 > maybe {
            let found = judgement.duplicates;
            self.wrong.push(format!("{found} duplicates, of which cspipe expected {maybe}"));
        }
        let log = fs::read_to_string(self.launch.log())?;
        for line in log.lines().filter(|line| line.contains("panicked")) {
            self.wrong.push(line.to_owned());
        }
        let conserved = imbalances.is_empty();
        self.wrong.extend(imbalances);
        self.wrong.extend(self.ledger.complaints());
        Ok(Row {
            took: self.began.elapsed(),
            accepted: self.ledger.accepted().len(),
            refused: self.ledger.reports(End::Refused),
            spooled: self.spooled,
            judgement,
            recovery: self.recovery,
            slowest: self.ledger.times(Duration::ZERO, self.ledger.now()).max,
            conserved,
            notes: self.notes,
            wrong: self.wrong,
        })
    }

    /// Where the metrics of the one process there was differ from what its clients saw.
    fn disagreements(&self, metrics: &Metrics) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut equal = |what: &str, metric: u64, seen: usize| {
            if metric != seen as u64 {
                wrong.push(format!("{what}: {metric} in the metrics, {seen} seen by clients"));
            }
        };
        let accepted = self.ledger.accepted();
        for stream in [Stream::Clean, Stream::Filtered, Stream::Other] {
            let seen = accepted.values().filter(|&&found| found == stream).count();
            equal(stream.name(), metrics.outcome(stream.name()), seen);
        }
        equal("rejected", metrics.outcome("rejected"), self.ledger.reports(End::Unreadable));
        equal("refused", metrics.outcome("refused"), self.ledger.reports(End::Refused));
        for (code, end) in [(204, End::Accepted), (400, End::Unreadable), (503, End::Refused)] {
            let series = format!("cspipe_http_responses_total{{code=\"{code}\"}}");
            equal(&series, metrics.count(&series), self.ledger.requests(end));
        }
        let rows = metrics.count(ROWS);
        let (appended, drained) = (metrics.count(APPENDED), metrics.count(DRAINED));
        if appended != drained + rows {
            wrong.push(format!("spooled {appended}, but drained {drained} and left {rows}"));
        }
        wrong
    }
}

/// Copies folders into a folder. Kafka sets aside more for its indexes than it fills.
fn copy(folders: &[PathBuf], to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut copy = Command::new("cp");
    copy.args(["-r", "--sparse=always", "-t"]).arg(to).args(folders);
    ensure!(folders.is_empty() || copy.status()?.success(), "{} is not written", to.display());
    Ok(())
}

/// How many records one process has spooled so far.
fn spooled(edge: &Edge) -> u64 {
    edge.metrics().map(|metrics| metrics.count(APPENDED)).unwrap_or_default()
}

/// The name that all records bear.
const EDGE: &str = "rig";

/// Longer than anything may take that no scenario measures.
const PATIENCE: Duration = Duration::from_mins(1);

pub const ROWS: &str = "cspipe_spool_records";
const APPENDED: &str = "cspipe_spool_appended_total";
const DRAINED: &str = "cspipe_spool_drained_total";
