//! How many specimens of unreadable bodies are kept.

use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit per second, shared by all threads.
///
/// Broken clients and scanners come in floods; a few bodies tell as much as a million, and the
/// store is for reports.
#[derive(Debug)]
pub struct Specimens {
    per_second: u64,
    /// The second in the upper half, how many were kept in it in the lower.
    state: AtomicU64,
}

impl Specimens {
    pub fn new(per_second: u32) -> Self {
        Self { per_second: per_second.into(), state: AtomicU64::new(0) }
    }

    /// Whether one more may be kept now.
    pub fn has_room(&self, now: Timestamp) -> bool {
        let second = u64::try_from(now.as_second()).unwrap_or(0) << 32;
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                let kept = if state & !MASK == second { state & MASK } else { 0 };
                (kept < self.per_second).then_some(second | (kept + 1))
            })
            .is_ok()
    }
}

const MASK: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_room_anew() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let specimens = Specimens::new(2);
        let kept: Vec<_> =
            [1, 1, 1, 2, 2, 2].into_iter().map(|second| specimens.has_room(at(second))).collect();
        assert_eq!(kept, [true, true, false, true, true, false]);
        assert!(!Specimens::new(0).has_room(at(1)));
    }
}
