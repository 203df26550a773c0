//! Records as a real cspipe writes them, of every stream.
//!
//! `scripts/demo-traffic` plays browsers against a cspipe that cannot reach Kafka. What waits in
//! its spool is, byte for byte, what Kafka would have got, and `cspipe spool export` tells it.

use crate::edge::Launch;
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// One record: its line, and what stands in it.
pub struct Record {
    pub line: String,
    pub fields: Value,
}

/// All records, by the name of their stream.
pub struct Records(BTreeMap<String, Vec<Record>>);

impl Record {
    /// What it has as a text under a name, if anything.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    pub fn id(&self) -> Result<&str> {
        self.text("id").context("a record without an id")
    }
}

impl Records {
    /// Plays the traffic and takes what came of it.
    pub fn make(cspipe: &Path, watchdog: &Watchdog) -> Result<Self> {
        let launch = Launch {
            cspipe: cspipe.to_owned(),
            watchdog,
            folder: watchdog.folder().join("records"),
            brokers: NOBODY.to_owned(),
            environment: Vec::new(),
            small_disk: None,
        };
        std::fs::create_dir_all(&launch.folder)?;
        let edge = launch.start()?;
        let mut traffic = Command::new("scripts/demo-traffic");
        traffic.arg(format!("http://{}", edge.public)).args(TRAFFIC);
        watchdog.mark(&mut traffic);
        let status = traffic.stdout(Stdio::null()).stderr(Stdio::null()).status();
        ensure!(status.context("scripts/demo-traffic")?.success(), "scripts/demo-traffic failed");
        edge.terminate()?;
        edge.ended()?;
        let mut streams: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for line in launch.spooled()? {
            let fields: Value = serde_json::from_str(&line)?;
            let record = Record { line, fields };
            let stream = record.text("stream").context("a record without a stream")?.to_owned();
            streams.entry(stream).or_default().push(record);
        }
        let records = Self(streams);
        for (stream, _) in STREAMS {
            ensure!(!records.of(stream)?.is_empty(), "the traffic has no record of {stream}");
        }
        Ok(records)
    }

    /// Those of a stream.
    pub fn of(&self, stream: &str) -> Result<&[Record]> {
        self.0.get(stream).map(Vec::as_slice).with_context(|| format!("no record of {stream}"))
    }

    pub fn all(&self) -> impl Iterator<Item = &Record> {
        self.0.values().flatten()
    }

    /// Those that an index pattern of the templates holds.
    pub fn matching(&self, pattern: &str) -> Result<Vec<&Record>> {
        if pattern == "logs-csp.*" {
            return Ok(self.all().collect());
        }
        let stream = STREAMS.iter().find(|(_, dataset)| pattern == format!("logs-{dataset}-*"));
        let (stream, _) = stream.with_context(|| format!("no stream is {pattern}"))?;
        Ok(self.of(stream)?.iter().collect())
    }
}

/// The name of a stream's data stream in a namespace.
pub fn data_stream(dataset: &str, namespace: &str) -> String {
    format!("logs-{dataset}-{namespace}")
}

/// Each stream's name in the records, and its dataset.
pub const STREAMS: [(&str, &str); 4] = [
    ("clean", "csp.violation"),
    ("filtered", "csp.filtered"),
    ("rejected", "csp.rejected"),
    ("other", "csp.other"),
];

/// Where no Kafka is.
const NOBODY: &str = "127.0.0.1:1";

/// A whole day of the made-up sites, in some seconds.
const TRAFFIC: [&str; 8] =
    ["--per-second", "400", "--seconds", "12", "--day", "12", "--wait", "10"];
