//! Nothing that was started outlives the rig, however it ends.
//!
//! Every child carries a mark in its environment. A shell, which carries none and does not hear
//! Ctrl-C, waits at a pipe whose other end only the rig holds: when the rig is gone, be it done,
//! in panic, interrupted or killed with -9, the shell kills whatever carries the mark and removes
//! the folder.

use anyhow::Result;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use tempfile::TempDir;

/// The folder of this run, and the shell that cleans up behind it.
pub struct Watchdog {
    folder: PathBuf,
    shell: Child,
    /// Closed by the system, at the latest when this process ends.
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Makes a folder and begins to watch.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cspipe-rig-").tempdir().map(TempDir::keep)?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, &mark(&folder)])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { folder, shell, pipe })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Marks a child as part of this run.
    pub fn mark(&self, command: &mut Command) {
        command.env(MARK, &self.folder);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.shell.wait();
    }
}

/// The entry of the environment that tells the children of this run from all others.
fn mark(folder: &Path) -> String {
    format!("{MARK}={}", folder.display())
}

const MARK: &str = "RIG_OF_RUN";

/// `read` ends when the pipe is closed. The environment of a process ends each entry with a zero.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r _
for process in /proc/[0-9]*; do
    if grep -qzxF "$0" "$process/environ" 2>/dev/null; then
        kill -9 "${process#/proc/}" 2>/dev/null
    fi
done
rm -rf "$1"
"#;
