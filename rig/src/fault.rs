//! A disk that fails on demand, for one child alone.
//!
//! `fault.c` is compiled by the system's compiler to a library that the child preloads. It looks
//! for a flag file before each call, so that a fault begins and ends while the child runs.

use anyhow::{Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, and the flags it looks for.
pub struct Fault {
    library: PathBuf,
    sync: PathBuf,
    write: PathBuf,
}

/// What the disk refuses.
#[derive(Debug, Clone, Copy)]
pub enum Refused {
    /// To make durable what was written: EIO.
    Sync,
    /// To take more: ENOSPC.
    Write,
}

impl Fault {
    /// Compiles the library into a folder.
    pub fn compile(folder: &Path) -> Result<Self> {
        let source = folder.join("fault.c");
        let library = folder.join("fault.so");
        fs::write(&source, include_str!("../fault.c"))?;
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).arg("-ldl");
        ensure!(command.status()?.success(), "fault.c cannot be compiled");
        Ok(Self { library, sync: folder.join("fault-sync"), write: folder.join("fault-write") })
    }

    /// What a child needs in its environment to be under it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD".to_owned(), path(&self.library)),
            ("RIG_FAULT_SYNC".to_owned(), path(&self.sync)),
            ("RIG_FAULT_WRITE".to_owned(), path(&self.write)),
        ]
    }

    pub fn begin(&self, refused: Refused) -> Result<()> {
        Ok(fs::write(self.flag(refused), "")?)
    }

    pub fn end(&self, refused: Refused) -> Result<()> {
        Ok(fs::remove_file(self.flag(refused))?)
    }

    fn flag(&self, refused: Refused) -> &Path {
        match refused {
            Refused::Sync => &self.sync,
            Refused::Write => &self.write,
        }
    }
}
