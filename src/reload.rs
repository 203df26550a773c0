//! Rules that change while reports flow.
//!
//! In: a folder of rule files, and a wish: a file changed, SIGHUP, `POST /reload`. Out: a new rule
//! set, installed in one step, or none: after any mistake the old one stays, and the mistakes are
//! told with file, line and key. It never installs a set that is not proven.

use crate::filter::{RuleError, RuleSet, Sources, counted, shipped, told};
use crate::pipeline::Stages;
use crate::proof::prove;
use arc_swap::ArcSwap;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The rules in force and the way to renew them.
pub struct Reloader {
    /// Absent when the compiled-in rules are used.
    folder: Option<PathBuf>,
    stages: Arc<Stages>,
    rules: Arc<ArcSwap<RuleSet>>,
    metrics: Metrics,
    /// One at a time: file changes and requests may come together.
    turn: Mutex<()>,
}

/// What is known of the rules in force.
#[derive(Clone)]
pub struct Metrics {
    info: IntGaugeVec,
    /// The hash in `info`; empty before the first set.
    hash: Arc<Mutex<String>>,
    loaded: IntGauge,
    ok: IntGauge,
    reloaded: IntCounter,
    failed: IntCounter,
}

/// Why rules could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} has no rule files (*.toml); `cspipe init` writes the shipped ones there", .0.display())]
    NoFiles(PathBuf),
    #[error("{}", joined(.0))]
    Rules(Vec<RuleError>),
}

impl LoadError {
    /// The same for a person at a terminal: each mistake with its line and a caret.
    pub fn told(&self) -> String {
        match self {
            Self::Rules(errors) => told(errors),
            Self::Unreadable { .. } | Self::NoFiles(_) => self.to_string(),
        }
    }
}

impl Reloader {
    /// Loads the rules for the first time.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or a rule is wrong: an edge without its rules must not start.
    pub fn start(
        folder: Option<PathBuf>,
        stages: Arc<Stages>,
        metrics: Metrics,
    ) -> Result<Self, LoadError> {
        let rules = load(folder.as_deref(), &stages)?;
        metrics.installed(&rules);
        Ok(Self {
            folder,
            stages,
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            metrics,
            turn: Mutex::default(),
        })
    }

    /// The rules in force, for whoever judges by them.
    pub fn rules(&self) -> Arc<ArcSwap<RuleSet>> {
        self.rules.clone()
    }

    /// Loads the rules anew and installs them, whole or not at all.
    ///
    /// Logs what came of it. Reads files and runs every example: call it where waiting is allowed.
    ///
    /// # Errors
    ///
    /// When anything is wrong; the rules in force stay.
    pub fn reload(&self) -> Result<Arc<RuleSet>, LoadError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match load(self.folder.as_deref(), &self.stages) {
            Ok(rules) => {
                let rules = Arc::new(rules);
                let is_new = self.rules.load().hash() != rules.hash();
                self.rules.store(rules.clone());
                self.metrics.installed(&rules);
                self.metrics.reloaded.inc();
                let (hash, count) = (rules.hash(), rules.rules().len());
                if is_new {
                    tracing::info!(hash, rules = count, "rules installed");
                } else {
                    tracing::info!(hash, rules = count, "rules read again; nothing has changed");
                }
                Ok(rules)
            }
            Err(error) => {
                self.metrics.failed.inc();
                self.metrics.ok.set(0);
                log(&error);
                Err(error)
            }
        }
    }

    /// Installs what has changed between the start and the watch.
    fn catch_up(&self) {
        let is_new = load(self.folder.as_deref(), &self.stages)
            .is_ok_and(|rules| rules.hash() != self.rules.load().hash());
        if is_new {
            // Told in the log and in the metrics.
            let _ = self.reload();
        }
    }

    /// Watches the folder and reloads after a change has come to rest. Loads once more at first:
    /// a file may have changed since the start.
    ///
    /// Returns a guard; dropping it ends the watch. `None` when there is no folder to watch.
    ///
    /// # Errors
    ///
    /// When the system cannot watch the folder.
    pub fn watch(self: &Arc<Self>) -> Result<Option<RecommendedWatcher>, notify::Error> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let (sender, changes) = mpsc::channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // Reading the files is an event as well, and would never end.
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    let _ = sender.send(());
                }
            })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        let reloader = self.clone();
        let place = folder.clone();
        std::thread::Builder::new()
            .name("cspipe-reload".to_owned())
            .spawn(move || {
                reloader.catch_up();
                let mut listing = list(&place);
                loop {
                    match changes.recv_timeout(LOOK) {
                        Ok(()) => {}
                        // A folder that was replaced as a whole is watched no more.
                        Err(RecvTimeoutError::Timeout) if list(&place) == listing => continue,
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                    // Editors write, rename and touch; the last of it counts.
                    loop {
                        match changes.recv_timeout(REST) {
                            Ok(()) => {}
                            Err(RecvTimeoutError::Timeout) => break,
                            Err(RecvTimeoutError::Disconnected) => return,
                        }
                    }
                    listing = list(&place);
                    // Told in the log and in the metrics.
                    let _ = reloader.reload();
                }
            })
            .map_err(notify::Error::io)?;
        Ok(Some(watcher))
    }
}

/// Tells why rules were not installed: a line for each mistake.
fn log(error: &LoadError) {
    let what = match error {
        LoadError::Rules(errors) => {
            for error in errors {
                tracing::error!("{error}");
            }
            counted(errors.len())
        }
        LoadError::Unreadable { .. } | LoadError::NoFiles(_) => error.to_string(),
    };
    tracing::error!("rules not installed, the old ones stay: {what}");
}

/// What can be seen of a folder without reading its files: names, sizes, times.
fn list(folder: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut listing: Vec<_> = entries
        .filter_map(|entry| {
            let metadata = std::fs::metadata(entry.path()).ok()?;
            Some((entry.path(), metadata.len(), metadata.modified().ok()))
        })
        .collect();
    listing.sort();
    listing
}

/// Loads and proves the rules of a folder, or the compiled-in ones.
///
/// # Errors
///
/// When the folder cannot be read or a rule is wrong.
pub fn load(folder: Option<&Path>, stages: &Stages) -> Result<RuleSet, LoadError> {
    prove(&sources(folder)?, stages).map_err(LoadError::Rules)
}

/// Reads the texts of a folder, or takes the compiled-in ones.
///
/// # Errors
///
/// When the folder or a file in it cannot be read, or it holds no rule file.
pub fn sources(folder: Option<&Path>) -> Result<Sources, LoadError> {
    match folder {
        Some(folder) => read_folder(folder),
        None => Ok(shipped()),
    }
}

fn read_folder(folder: &Path) -> Result<Sources, LoadError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Unreadable { path, source }
    };
    let mut sources = Sources { origin: folder.display().to_string(), ..Sources::default() };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(unreadable(folder))?;
    paths.sort();
    for path in paths {
        let texts = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => &mut sources.files,
            Some("txt") => &mut sources.lists,
            _ => continue,
        };
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        let name = path.display().to_string();
        match std::fs::read(&path) {
            Ok(bytes) => {
                let text = match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(error) => {
                        let at = error.utf8_error().valid_up_to();
                        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                        sources.unreadable.push(RuleError::at(&name, &text, at, NO_UTF8));
                        text
                    }
                };
                texts.push((name, text));
            }
            Err(error) => {
                let message = format!("cannot be read: {error}");
                sources.unreadable.push(RuleError::of_file(&name, message));
            }
        }
    }
    if sources.files.is_empty() && sources.unreadable.is_empty() {
        return Err(LoadError::NoFiles(folder.to_owned()));
    }
    Ok(sources)
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    ///
    /// When a name is taken in the registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let info = IntGaugeVec::new(
            Opts::new("cspipe_rules_info", "The rule set in force, by the hash of its texts."),
            &["hash"],
        )?;
        registry.register(Box::new(info.clone()))?;
        let loaded = IntGauge::new("cspipe_rules", "Rules in force.")?;
        registry.register(Box::new(loaded.clone()))?;
        let ok = IntGauge::new(
            "cspipe_rules_last_reload_ok",
            "1 when the last attempt to load rules succeeded, 0 when the old ones stayed.",
        )?;
        registry.register(Box::new(ok.clone()))?;
        let reloads = IntCounterVec::new(
            Opts::new("cspipe_rules_reloads_total", "Attempts to load rules, by result."),
            &["result"],
        )?;
        registry.register(Box::new(reloads.clone()))?;
        Ok(Self {
            info,
            hash: Arc::default(),
            loaded,
            ok,
            reloaded: reloads.with_label_values(&["ok"]),
            failed: reloads.with_label_values(&["error"]),
        })
    }

    fn installed(&self, rules: &RuleSet) {
        // The new one first: a scrape in between sees two rather than none.
        self.info.with_label_values(&[rules.hash()]).set(1);
        let mut last = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = std::mem::replace(&mut *last, rules.hash().to_owned());
        if !previous.is_empty() && previous != *last {
            // It was set when that set was installed.
            let _ = self.info.remove_label_values(&[&previous]);
        }
        self.loaded.set(i64::try_from(rules.rules().len()).unwrap_or(i64::MAX));
        self.ok.set(1);
    }
}

fn joined(errors: &[RuleError]) -> String {
    let lines: Vec<String> = errors.iter().map(RuleError::to_string).collect();
    lines.join("\n")
}

const NO_UTF8: &str = "no UTF-8: these bytes are no text; save the file as UTF-8";
/// How long a folder must be left alone before it is read.
const REST: Duration = Duration::from_millis(150);
/// How often a folder is looked at, whatever the watch says.
const LOOK: Duration = Duration::from_secs(2);
