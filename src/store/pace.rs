//! How often a thing may be done.

use std::time::{Duration, Instant};

/// Lets something happen once in a while: a warning that would otherwise fill the log.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    last: Option<Instant>,
}

impl Pace {
    pub(super) const fn once_in(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// Whether it may happen now; if so, the next interval begins.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let allowed =
            self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.interval);
        if allowed {
            self.last = Some(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_counts_from_the_last_time_it_was_allowed() {
        let begin = Instant::now();
        let mut pace = Pace::once_in(Duration::from_secs(10));
        let allowed = [0, 9, 10, 11, 19, 20].map(|s| pace.allows(begin + Duration::from_secs(s)));
        assert_eq!(allowed, [true, false, true, false, false, true]);
    }
}
