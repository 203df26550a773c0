//! Whether there is room for more.
//!
//! In: how much the database holds, and how much the file system has free. Out: how many batches
//! of a group still fit, and a word in the log. It decides; it deletes nothing. Beside that it
//! keeps the reserve, which appends never get: while it is missing its room counts as taken.

use super::Settings;
use super::reserve::Reserve;
use crate::store::pace::Pace;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What bounds the spool, and what was said about it.
#[derive(Debug)]
pub(super) struct Room {
    data: PathBuf,
    max_bytes: u64,
    min_free: u64,
    reserve: Reserve,
    /// The size of what was turned away last, until there is room for it again.
    refused: Option<u64>,
    /// Records turned away since the last warning.
    untold: u64,
    warning: Pace,
}

/// How full it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// Bytes of the pages that hold something.
    pub(super) used: u64,
    /// Bytes that the file system has for whoever is not root, beside the reserve.
    pub(super) available: u64,
}

impl Room {
    pub(super) fn new(data: &Path, settings: &Settings) -> Self {
        Self {
            data: data.to_owned(),
            max_bytes: settings.max_bytes.as_u64(),
            min_free: settings.min_free.as_u64(),
            reserve: Reserve::find(data),
            refused: None,
            untold: 0,
            warning: Pace::once_in(Duration::from_secs(10)),
        }
    }

    /// How full it is, given how much of the database holds something.
    ///
    /// A file system that cannot tell has room: a commit will say otherwise.
    pub(super) fn level(&self, used: u64) -> Level {
        let available = self.available().saturating_sub(self.reserve.missing());
        Level { used, available }
    }

    /// Makes the reserve where it is missing and there is room for it.
    pub(super) fn restore_reserve(&mut self) {
        let missing = self.reserve.missing();
        if missing > 0 && self.available().saturating_sub(missing) >= self.min_free {
            self.reserve.make();
        }
    }

    /// Gives the reserve to whoever drains. Returns whether there was any.
    pub(super) fn release_reserve(&mut self) -> bool {
        self.reserve.release()
    }

    fn available(&self) -> u64 {
        rustix::fs::statvfs(&self.data)
            .map_or(u64::MAX, |system| system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// How many batches fit, given the size of each. They are taken in order, so that nothing
    /// fits behind one that does not.
    pub(super) fn fitting(&mut self, level: Level, sizes: impl Iterator<Item = u64>) -> usize {
        let mut left = self.left(level);
        let mut fitting = 0;
        for size in sizes {
            let Some(rest) = left.checked_sub(size) else {
                self.refused = Some(size);
                break;
            };
            left = rest;
            fitting += 1;
        }
        fitting
    }

    /// Says that so many records were turned away.
    pub(super) fn tell_refused(&mut self, level: Level, records: u64) {
        self.untold += records;
        if self.warning.allows(Instant::now()) {
            tracing::error!(
                records = self.untold,
                used_bytes = level.used,
                max_bytes = self.max_bytes,
                free_bytes = level.available,
                min_free_bytes = self.min_free,
                "the spool is full: {} records were turned away, {}",
                self.untold,
                if self.is_short_of_disk(level) {
                    "because the file system has too little left"
                } else {
                    "because it holds as much as it may"
                }
            );
            self.untold = 0;
        }
    }

    /// Whether there is room for what was turned away last, or for anything.
    pub(super) fn is_free(&mut self, level: Level) -> bool {
        // A batch that is too large for the whole spool must not keep it closed.
        let wanted = self.refused.unwrap_or(1).clamp(1, (self.max_bytes / 16).max(1));
        let is_free = self.left(level) >= wanted;
        if is_free && self.refused.take().is_some() {
            tracing::info!(
                used_bytes = level.used,
                free_bytes = level.available,
                "the spool has room again"
            );
            self.untold = 0;
        }
        is_free
    }

    /// Whether the file system has more left than is to stay free.
    pub(super) const fn has_disk(&self, level: Level) -> bool {
        level.available > self.min_free
    }

    /// Whether it is the file system that has too little, not the spool too much.
    pub(super) fn is_short_of_disk(&self, level: Level) -> bool {
        level.available.saturating_sub(self.min_free) < self.max_bytes.saturating_sub(level.used)
    }

    /// How many bytes may still come.
    fn left(&self, level: Level) -> u64 {
        let by_size = self.max_bytes.saturating_sub(level.used);
        let by_disk = level.available.saturating_sub(self.min_free);
        by_size.min(by_disk)
    }

    #[cfg(test)]
    pub(super) const fn set_min_free(&mut self, bytes: u64) {
        self.min_free = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytesize::ByteSize;

    fn room() -> Room {
        let settings = Settings {
            max_bytes: ByteSize::b(1600),
            min_free: ByteSize::b(500),
            ..Settings::default()
        };
        Room::new(Path::new("/"), &settings)
    }

    #[test]
    fn the_smaller_of_both_bounds_counts() {
        for (name, used, available, sizes, fitting) in [
            ("all", 0, 9000, vec![500, 500, 600], 3),
            ("one byte more", 0, 9000, vec![500, 500, 601], 2),
            ("nothing behind what does not fit", 1000, 9000, vec![601, 1], 0),
            ("too much used", 1601, 9000, vec![1], 0),
            ("just enough disk", 0, 1500, vec![1000], 1),
            ("too little disk", 0, 1499, vec![1000], 0),
            ("less than must stay free", 0, 400, vec![1], 0),
        ] {
            let level = Level { used, available };
            assert_eq!(room().fitting(level, sizes.into_iter()), fitting, "{name}");
        }
    }

    #[test]
    fn room_must_be_enough_for_what_was_refused() {
        let mut room = room();
        let level = |used| Level { used, available: 9000 };
        assert!(room.is_free(level(1599)));
        assert!(!room.is_free(level(1600)));
        assert_eq!(room.fitting(level(1590), [50].into_iter()), 0);
        assert!(!room.is_free(level(1590)));
        assert!(room.is_free(level(1550)));
        assert!(room.is_free(level(1599)), "what was refused is forgotten by then");
    }

    #[test]
    fn what_can_never_fit_does_not_close_it_for_ever() {
        let mut room = room();
        let level = Level { used: 0, available: 9000 };
        assert_eq!(room.fitting(level, [100_000].into_iter()), 0);
        assert!(room.is_free(level));
    }

    #[test]
    fn a_file_system_tells_what_it_has() {
        let level = room().level(7);
        assert_eq!(level.used, 7);
        assert!(level.available < u64::MAX);
    }
}
