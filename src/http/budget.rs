//! How many bytes of bodies may be on their way in.

use prometheus::IntGauge;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A number of bytes that all connections share.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    held: AtomicUsize,
    shown: IntGauge,
}

/// Bytes set aside for one body; they return when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limit: usize, shown: IntGauge) -> Self {
        Self { limit, held: AtomicUsize::new(0), shown }
    }

    /// Sets bytes aside, or `None` when there are not enough. Never waits.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reservation<'_>> {
        self.held
            .fetch_update(Relaxed, Relaxed, |held| {
                held.checked_add(bytes).filter(|&held| held <= self.limit)
            })
            .ok()?;
        self.shown.add(signed(bytes));
        Some(Reservation { budget: self, bytes })
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Relaxed);
        self.budget.shown.sub(signed(self.bytes));
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
