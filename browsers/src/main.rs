//! Real browsers on pages that break their policies, and the records that cspipe makes of it.
//!
//! Starts a release build of cspipe, a network that the browsers live in ([`proxy`]), and three
//! browsers ([`browser`]). They open every page of the table ([`kinds`], [`matrix`]); then the
//! records in the database are held against the table, and what the browsers sent against what
//! is known of their habits. Whatever was started is ended, however the run ends.

mod browser;
mod edge;
mod findings;
mod habits;
mod kinds;
mod matrix;
mod proxy;
mod recorder;
mod records;
mod site;
mod verdicts;

use anyhow::{Context, Result, bail};
use browser::{Browser, Engine};
use edge::Edge;
use kinds::Table;
use matrix::Identity;
use proxy::Network;
use recorder::Recorder;
use site::Site;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::sleep;
use verdicts::Verdicts;

/// What the command line asks for.
struct Wanted {
    cspipe: PathBuf,
    engines: Vec<Engine>,
    /// The kinds to visit; all of them where none is named.
    kinds: Vec<String>,
    /// Prints every record and every request.
    dump: bool,
    /// Writes the tables of the documentation anew.
    write: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs everything in a folder of its own, until the end or a signal.
async fn run() -> Result<bool> {
    let wanted = wanted()?;
    let folder = tempfile::Builder::new().prefix("cspipe-browsers-").tempdir()?;
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let ended = tokio::select! {
        ended = all(&wanted, folder.path()) => ended,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    sweep(folder.path()).await;
    ended
}

async fn all(wanted: &Wanted, folder: &Path) -> Result<bool> {
    let mut table = Table::read()?;
    table.limit(&wanted.kinds)?;
    let table = Arc::new(table);
    let recorder = Arc::new(Recorder::default());
    let edge = Edge::start(&wanted.cspipe, folder).await?;
    let site = Site { table: Arc::clone(&table), extras: habits::pages() };
    let network = Arc::new(Network::new(site, Arc::clone(&recorder), edge.public)?);
    let proxy = network.serve().await?;

    let mut running = JoinSet::new();
    for &engine in &wanted.engines {
        let (table, recorder) = (Arc::clone(&table), Arc::clone(&recorder));
        let folder = folder.to_owned();
        running.spawn(async move {
            let mut browser = Browser::start(engine, proxy, &folder).await?;
            let identity = Identity::of(&mut browser).await?;
            println!("{} {}", engine.title(), identity.version);
            habits::begin(&mut browser, &recorder).await?;
            matrix::visit(&mut browser, &identity, &table, &recorder).await?;
            habits::visit(&mut browser, &recorder).await?;
            recorder.wait_for_quiet(Duration::from_secs(3)).await;
            browser.quit().await?;
            Ok::<_, anyhow::Error>(identity)
        });
    }
    let mut browsers = Vec::new();
    while let Some(ended) = running.join_next().await {
        browsers.push(ended??);
    }
    browsers.sort_by_key(|identity| identity.engine);

    let mut rows = Vec::new();
    for view in ["clean", "filtered", "other", "rejected"] {
        rows.extend(edge.rows(view).await?);
    }
    if wanted.dump {
        for row in &rows {
            println!("{row}");
        }
        for exchange in recorder.all() {
            println!("{exchange:?}");
        }
    }
    edge.stop().await?;
    let mut verdicts = Verdicts::default();
    matrix::check(&table, &browsers, &rows, &mut verdicts);
    for identity in &browsers {
        habits::check(identity.engine, &table, &recorder, &rows, &mut verdicts);
    }
    // A part of a run says nothing of the whole.
    if wanted.kinds.is_empty() && browsers.len() == Engine::ALL.len() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/browsers.md");
        let wrong = findings::check(&table, &browsers, &path, wanted.write)?;
        verdicts.add("docs/browsers.md (scripts/browsers --write makes it anew)", wrong);
    }
    Ok(verdicts.close())
}

fn wanted() -> Result<Wanted> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: cspipe-browsers PATH/TO/cspipe [--dump] [--write] [ENGINE or KIND]…";
    let cspipe = arguments.next().context(usage)?;
    let cspipe = std::fs::canonicalize(&cspipe).with_context(|| cspipe.clone())?;
    let mut wanted =
        Wanted { cspipe, engines: Vec::new(), kinds: Vec::new(), dump: false, write: false };
    for argument in arguments {
        if argument == "--dump" {
            wanted.dump = true;
        } else if argument == "--write" {
            wanted.write = true;
        } else if let Some(engine) =
            Engine::ALL.into_iter().find(|engine| engine.name() == argument)
        {
            wanted.engines.push(engine);
        } else if argument.starts_with('-') {
            bail!("{argument}? {usage}");
        } else {
            wanted.kinds.push(argument);
        }
    }
    if wanted.engines.is_empty() {
        wanted.engines = Engine::ALL.to_vec();
    }
    Ok(wanted)
}

/// Marks a process, and so all that it starts, as part of this run.
fn mark(command: &mut Command, folder: &Path) {
    command.env(MARK, folder);
}

/// Ends every process that is marked: browsers start many, in groups and sessions of their own.
/// They are asked first, so that a screen takes its lock file along.
async fn sweep(folder: &Path) {
    for how in [["-TERM"; 40], ["-KILL"; 40]].concat() {
        let left = marked(folder);
        if left.is_empty() {
            return;
        }
        let _ = Command::new("kill").arg(how).args(&left).stderr(Stdio::null()).status().await;
        sleep(Duration::from_millis(50)).await;
    }
}

/// The processes of this run that are still there.
fn marked(folder: &Path) -> Vec<String> {
    let mark = format!("{MARK}={}", folder.display());
    let is_marked = |id: &String| {
        std::fs::read(format!("/proc/{id}/environ")).is_ok_and(|environment| {
            environment.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes())
        })
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(is_marked)
        .collect()
}

const MARK: &str = "BROWSERS_OF_RUN";
