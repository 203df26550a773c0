//! What several tests need: fixtures, and a pipeline that ends in memory.
#![allow(dead_code, reason = "no test file uses all of it")]

pub mod bodies;
pub mod edge;
pub mod elasticsearch;
pub mod kafka;
pub mod process;
pub mod stack;

use arc_swap::ArcSwap;
use cspipe::pipeline::{self, Pipeline, Stages};
use cspipe::publish::Sink;
use cspipe::report::{Batch, Delivery};
use cspipe::{derive, filter, normalize, proof};
use jiff::Timestamp;
use prometheus::Registry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A request as it stands in a file under `tests/reports/`.
pub struct Fixture {
    pub name: String,
    pub app: Option<String>,
    pub query: Option<String>,
    pub content_type: Option<String>,
    pub user_agent: Option<String>,
    pub body: Vec<u8>,
}

impl Fixture {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the fixture can be read");
        let head_len = bytes.windows(2).position(|two| two == b"\n\n").expect("a blank line");
        let head = std::str::from_utf8(&bytes[..head_len]).expect("the head is UTF-8");
        let mut lines = head.lines();
        let target = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a target");
        let (path_part, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let header = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let app = path_part
            .split('/')
            .rfind(|part| !matches!(*part, "" | "csp" | "reports" | "api" | "security"))
            .map(str::to_owned);
        Self {
            name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
            app,
            query,
            content_type: header("content-type"),
            user_agent: header("user-agent"),
            body: bytes[head_len + 2..].to_vec(),
        }
    }

    pub fn delivery(&self) -> Delivery<'_> {
        Delivery {
            received_at: noon(),
            app: self.app.as_deref(),
            query: self.query.as_deref(),
            user_agent: self.user_agent.as_deref(),
            content_type: self.content_type.as_deref(),
        }
    }
}

/// All fixtures, in the order of their names.
pub fn fixtures() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| Fixture::read(path)).collect()
}

/// A moment that never changes.
pub fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

/// The stages with their defaults.
pub fn stages() -> Arc<Stages> {
    Arc::new(
        Stages::new(
            &pipeline::Settings::default(),
            &normalize::Settings::default(),
            &derive::Settings::default(),
        )
        .expect("the built-in list loads"),
    )
}

/// The shipped rules, for pages that stand on localhost: captures of browsers, and whoever tries
/// cspipe on his own machine. It is what `filters/README.md` tells them to write.
pub fn rules_for_localhost() -> filter::Sources {
    let mut sources = filter::shipped();
    let site = "format = 1\n[[override]]\nid = \"local-page\"\nenabled = false\n";
    sources.files.push(("site.toml".to_owned(), site.to_owned()));
    sources
}

/// A pipeline with the shipped rules that keeps its batches in memory.
pub struct Bench {
    pub pipeline: Pipeline,
    pub batches: Arc<Mutex<Vec<Batch>>>,
    pub registry: Registry,
}

impl Bench {
    pub fn new() -> Self {
        let stages = stages();
        let rules = proof::prove(&rules_for_localhost(), &stages).expect("the shipped rules hold");
        let batches = Arc::new(Mutex::new(Vec::new()));
        let registry = Registry::new();
        let settings = pipeline::Settings {
            edge: Some("edge-1".to_owned()),
            specimens_per_second: u32::MAX,
            ..pipeline::Settings::default()
        };
        let metrics = pipeline::Metrics::register(&registry, settings.max_metric_apps, &[])
            .expect("the names are free");
        let pipeline = Pipeline::new(
            stages,
            Arc::new(ArcSwap::from_pointee(rules)),
            Sink::Memory(batches.clone()),
            &settings,
            metrics,
        );
        Self { pipeline, batches, registry }
    }

    /// The records published since the last call, in order, as JSON.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let batches = std::mem::take(&mut *self.batches.lock().expect("not poisoned"));
        batches
            .iter()
            .flat_map(|batch| {
                batch.entries.iter().map(|entry| {
                    serde_json::from_slice(batch.json(entry)).expect("a record is JSON")
                })
            })
            .collect()
    }

    /// The value of one counter; 0 when it has not been touched.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a counter is whole and never negative"
    )]
    pub fn count(&self, name: &str, label: &str) -> u64 {
        self.registry
            .gather()
            .iter()
            .filter(|family| family.name() == name)
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .filter(|metric| {
                label.is_empty() || metric.get_label().iter().any(|pair| pair.value() == label)
            })
            .map(|metric| metric.get_counter().get_value() as u64)
            .sum()
    }
}
