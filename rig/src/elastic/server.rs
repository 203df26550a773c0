//! One real server as a child process: Elasticsearch or OpenSearch, by `scripts/elasticsearch`.
//!
//! In come a flavour and a folder; out go an address, and the means to stop, kill and
//! restart it. Port and data stay the same over restarts. It ends with the thread that started it,
//! or when it is dropped.

use crate::elastic::client::Client;
use crate::process::{Running, wait_until};
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    Elasticsearch,
    OpenSearch,
}

/// The server, running or not. Dropping it ends it.
pub struct Server<'w> {
    flavour: Flavour,
    launcher: PathBuf,
    folder: PathBuf,
    port: u16,
    watchdog: &'w Watchdog,
    running: Option<Running>,
}

impl Flavour {
    pub const ALL: [Self; 2] = [Self::Elasticsearch, Self::OpenSearch];

    /// The name, as `scripts/elasticsearch` wants it and `config/` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::OpenSearch => "opensearch",
        }
    }
}

impl<'w> Server<'w> {
    /// Starts an empty server in a folder of this run, and waits until it answers. The rig runs in
    /// the project's folder.
    pub fn start(flavour: Flavour, name: &str, watchdog: &'w Watchdog) -> Result<Self> {
        let launcher =
            fs::canonicalize("scripts/elasticsearch").context("scripts/elasticsearch")?;
        let folder = watchdog.folder().join(name);
        fs::create_dir_all(&folder)?;
        let port = free_port()?;
        let mut server = Self { flavour, launcher, folder, port, watchdog, running: None };
        server.spawn()?;
        server.wait_until_ready()?;
        Ok(server)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url())
    }

    /// Starts it with the data it had, and does not wait.
    pub fn spawn(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(self.log())?;
        // It becomes the server, so that signals reach that.
        let mut command = Command::new(&self.launcher);
        command.args(["node", "--flavour", self.flavour.name(), "--port"]);
        command.arg(self.port.to_string()).arg("--data").arg(self.folder.join("data"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.watchdog.mark(&mut command);
        self.running = Some(Running::new(command.spawn().context("scripts/elasticsearch")?));
        Ok(())
    }

    /// Waits until it takes documents and finds those it had.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let client = self.client();
        let health = "/_cluster/health?wait_for_status=yellow&timeout=1s";
        let is_ready = wait_until(PATIENCE, || {
            client.ask("GET", health, "").is_ok_and(|answer| answer.status == 200)
        });
        ensure!(is_ready, "{} does not answer; see {}", self.flavour.name(), self.log().display());
        Ok(())
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), |mut running| running.kill())
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.signal("TERM")?;
        running.wait(PATIENCE)?.context("it does not end")?;
        Ok(())
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.spawn()?;
        self.wait_until_ready()
    }

    /// Its version, as it tells.
    pub fn version(&self) -> Result<String> {
        let about = self.client().get("/")?;
        Ok(about["version"]["number"].as_str().context("a version")?.to_owned())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// A port that nobody listens on now.
///
/// It lies below those that Linux gives to outgoing connections: a client that tries to reach a
/// dead server would now and then be given the server's own port, and keep it.
fn free_port() -> Result<u16> {
    let first = 10_000 + u16::try_from(std::process::id() % 20_000)?;
    (first..EPHEMERAL)
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .context("no free port was found")
}

/// Where Linux begins, unless it was told otherwise.
const EPHEMERAL: u16 = 32_768;

/// Until a server must answer, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(2);
