//! Room on the disk that is kept for draining.
//!
//! In: word that the disk is full. Out: a few megabytes that it has again. To delete records the
//! log has to grow first, and to empty the log the database has to: on a disk that is full to the
//! last byte neither could, and a full spool would stay full for ever. So a file without content
//! holds the room that this takes. It is removed when the disk is full, whoever filled it, and
//! made again once there is room for it. It survives a restart, which may be on a full disk.

use crate::store::pace::Pace;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The reserve's name in the data directory.
pub(super) const FILE_NAME: &str = "spool.reserve";

/// The reserve of one spool.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    size: u64,
    is_held: bool,
    warning: Pace,
}

impl Reserve {
    /// The reserve that is there already, or else none yet.
    pub(super) fn find(data: &Path) -> Self {
        let share = rustix::fs::statvfs(data)
            .map_or(u64::MAX, |system| system.f_blocks.saturating_mul(system.f_frsize) / SHARE);
        let size = SIZE.min(share) / PAGE * PAGE;
        let path = data.join(FILE_NAME);
        // A file with a hole in it holds no room; blocks are counted by 512 bytes.
        let held = path.metadata().map_or(0, |file| file.len().min(file.blocks() * 512));
        let warning = Pace::once_in(Duration::from_mins(1));
        Self { path, size, is_held: size > 0 && held >= size, warning }
    }

    /// How much is missing of it.
    pub(super) const fn missing(&self) -> u64 {
        if self.is_held { 0 } else { self.size }
    }

    /// Makes it, unless it is there. Where it cannot be made its room is left free all the same.
    pub(super) fn make(&mut self) {
        if self.is_held {
            return;
        }
        match self.allocate() {
            Ok(()) => self.is_held = true,
            Err(error) => {
                // Half a file would hold room that nobody knows of.
                let _ = fs::remove_file(&self.path);
                if self.warning.allows(Instant::now()) {
                    tracing::warn!(path = %self.path.display(), "no room can be reserved: {error}");
                }
            }
        }
    }

    fn allocate(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        Ok(fallocate(&file, FallocateFlags::empty(), 0, self.size)?)
    }

    /// Gives it to whoever has met a full disk. Returns whether there was any.
    pub(super) fn release(&mut self) -> bool {
        if !self.is_held {
            return false;
        }
        self.is_held = false;
        let removed = fs::remove_file(&self.path);
        if self.warning.allows(Instant::now()) {
            tracing::warn!(
                path = %self.path.display(),
                bytes = self.size,
                "the disk is full: the spool drains into the room that was reserved for it"
            );
        }
        removed.is_ok()
    }
}

/// The log as it may be after a commit, to be moved into the database, and some deletions.
const SIZE: u64 = 8 << 20;
/// Of a small file system it is one part in so many, at most.
const SHARE: u64 = 8;
/// It is so many whole blocks.
const PAGE: u64 = 4096;
