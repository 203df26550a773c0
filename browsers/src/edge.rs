//! The program under test: a release build of cspipe with a data folder of its own.
//!
//! In comes the path of the binary, out go the public address and, by the `sqlite3` shell, the
//! records. Nothing of cspipe's code is used here: what a user could not see is not looked at.

use crate::mark;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running cspipe. Dropping it kills it.
pub struct Edge {
    child: Child,
    pub public: SocketAddr,
    data: PathBuf,
}

impl Edge {
    /// Starts it on free ports, with `data` and its log in `folder`.
    pub async fn start(program: &Path, folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        let log = std::fs::File::create(folder.join("cspipe.log"))?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data"]);
        mark(command.arg(&data), folder);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be run", program.display()))?;
        let stdout = child.stdout.take().context("standard output is a pipe")?;
        let first = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
        let Some(public) = first.strip_prefix("public http://") else {
            bail!("cspipe says {first:?} where its public address belongs");
        };
        Ok(Self { public: public.parse()?, child, data })
    }

    /// All rows of a view, each an object without its NULLs.
    pub async fn rows(&self, view: &str) -> Result<Vec<Value>> {
        let output = Command::new("sqlite3")
            .args(["-readonly", "-json"])
            .arg(self.data.join("cspipe.db"))
            .arg(format!("SELECT * FROM {view} ORDER BY received_at, id"))
            .output()
            .await
            .context("sqlite3 cannot be run")?;
        if !output.status.success() {
            bail!("sqlite3: {}", String::from_utf8_lossy(&output.stderr));
        }
        // No row is no text.
        if output.stdout.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let mut rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.retain(|_, value| !value.is_null());
        }
        Ok(rows)
    }

    /// Asks it to end and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            Command::new("kill").arg(id.to_string()).status().await?;
        }
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("cspipe ended with {status}");
        }
        Ok(())
    }
}
