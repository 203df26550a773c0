//! The program under test, as a child process that a scenario starts, breaks and starts again.
//!
//! Nothing of cspipe's code is used: what an operator could not see is not looked at. In come the
//! binary and its settings, out go addresses, metrics, health, memory, and the rows that `cspipe
//! spool export` prints.

use crate::metrics::Metrics;
use crate::process::{Running, wait_until};
use crate::watchdog::Watchdog;
use crate::wire;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How to start it, always alike.
pub struct Launch<'w> {
    pub cspipe: PathBuf,
    pub watchdog: &'w Watchdog,
    /// Holds the data, and the log of all starts.
    pub folder: PathBuf,
    pub brokers: String,
    pub environment: Vec<(String, String)>,
    /// The data lie on a disk of this many MiB that only the child sees.
    pub small_disk: Option<u32>,
}

/// A running cspipe.
pub struct Edge {
    running: Running,
    pub public: SocketAddr,
    pub private: SocketAddr,
}

/// How a process ended that was told to.
#[derive(Debug)]
pub struct Ended {
    /// Nothing when a signal ended it.
    pub code: Option<i32>,
    pub took: Duration,
}

/// Memory of a process, in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

impl Launch<'_> {
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("cspipe.log")
    }

    /// Starts it, and waits until it has said where it listens.
    pub fn start(&self) -> Result<Edge> {
        fs::create_dir_all(self.data())?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.serve();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut running =
            Running::new(command.spawn().with_context(|| self.cspipe.display().to_string())?);
        let stdout = running.child().stdout.take().context("standard output is a pipe")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Only the first two are waited for.
                let _ = sender.send(line);
            }
        });
        let address = |name: &str| {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_default();
            let address = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" http://"));
            let Some(address) = address else {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                bail!("cspipe says {line:?} where its {name} address belongs\n{log}");
            };
            Ok(address.parse()?)
        };
        let (public, private) = (address("public")?, address("private")?);
        Ok(Edge { running, public, private })
    }

    /// The records that are in the spool, a line each. Nobody may have it open.
    pub fn spooled(&self) -> Result<Vec<String>> {
        let mut command = self.program(&self.cspipe);
        let output = command.args(["spool", "export", "--data"]).arg(self.data()).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cspipe spool export: {errors}");
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }

    fn serve(&self) -> Command {
        let mut command = match self.small_disk {
            None => self.program(&self.cspipe),
            Some(size) => {
                // A mount of its own needs no root in a user namespace of its own.
                let mut command = self.program("unshare");
                let script = format!(
                    "mount -t tmpfs -o size={size}m tmpfs \"$RIG_DATA\" && exec \"$0\" \"$@\""
                );
                command.env("RIG_DATA", self.data());
                command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
                command.arg(&self.cspipe);
                command
            }
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data"]);
        command.arg(self.data()).arg("--kafka").arg(&self.brokers);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A command in the folder, marked, and without settings of whoever runs the rig.
    fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with("CSPIPE_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").current_dir(&self.folder);
        self.watchdog.mark(&mut command);
        command
    }
}

impl Edge {
    pub fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics::read(&wire::get(self.private, "/metrics")?.body))
    }

    /// The status that a path of the private address answers.
    pub fn status(&self, path: &str) -> Result<u16> {
        Ok(wire::get(self.private, path)?.status)
    }

    /// Waits until a metric has a value that will do; says whether it came to that.
    pub fn wait_for(&self, patience: Duration, will_do: impl Fn(&Metrics) -> bool) -> bool {
        wait_until(patience, || self.metrics().is_ok_and(|metrics| will_do(&metrics)))
    }

    /// Copies the spool of a disk that only the process sees to where others do.
    pub fn save_spool(&self, launch: &Launch<'_>) -> Result<()> {
        for entry in fs::read_dir(self.inside(launch))?.flatten() {
            fs::copy(entry.path(), launch.data().join(entry.file_name()))?;
        }
        Ok(())
    }

    /// Fills a disk that only the process sees to its last byte, as somebody else would.
    pub fn fill_disk(&self, launch: &Launch<'_>) -> Result<()> {
        let mut file = File::create(self.inside(launch).join(BALLAST))?;
        // What has no room as a whole may have some in part.
        while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
        Ok(())
    }

    /// Takes away what [`Self::fill_disk`] has put there.
    pub fn free_disk(&self, launch: &Launch<'_>) -> Result<()> {
        Ok(fs::remove_file(self.inside(launch).join(BALLAST))?)
    }

    /// The data as the process sees them.
    fn inside(&self, launch: &Launch<'_>) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.running.id(), launch.data().display()))
    }

    pub fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.id()))?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
        };
        Ok(Memory { now: mib("VmRSS:").context("VmRSS")?, peak: mib("VmHWM:").context("VmHWM")? })
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) -> Result<()> {
        self.running.kill()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        self.running.signal("TERM")
    }

    /// Waits for the end, which has been asked for.
    pub fn ended(mut self) -> Result<Ended> {
        let began = Instant::now();
        let status = self.running.wait(Duration::from_mins(1))?;
        let status = status.context("cspipe does not end within a minute")?;
        if let Some(signal) = status.signal() {
            eprintln!("cspipe was ended by signal {signal}");
        }
        Ok(Ended { code: status.code(), took: began.elapsed() })
    }
}

/// Until it has said where it listens. It never waits for Kafka.
const PATIENCE: Duration = Duration::from_secs(10);

/// What somebody else keeps on the disk.
const BALLAST: &str = "ballast";
