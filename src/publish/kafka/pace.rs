//! How fast the spool may be emptied.
//!
//! In: how many records came in, and the time. Out: whether one more may be sent. It knows no
//! clock: times come in.

use crate::store::spool;
use std::time::Instant;

/// How fast the spool may be emptied: a multiple of what comes in, but at least something.
#[derive(Debug)]
pub(super) struct Pace {
    multiple: f64,
    floor: f64,
    /// Records a second that come in, smoothed.
    live: f64,
    counted: u64,
    since: Instant,
    tokens: f64,
}

impl Pace {
    pub(super) fn new(settings: &spool::Settings, now: Instant) -> Self {
        Self {
            multiple: f64::from(settings.drain_multiple),
            // Without a pace at all nothing would ever leave.
            floor: f64::from(settings.drain_floor).max(1.0),
            live: 0.0,
            counted: 0,
            since: now,
            tokens: 1.0,
        }
    }

    /// Takes in how many records have come so far.
    pub(super) fn advance(&mut self, taken: u64, now: Instant) {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        if seconds < 0.01 {
            return;
        }
        let came = taken.saturating_sub(self.counted) as f64;
        self.counted = taken;
        self.since = now;
        // The weight of what was before falls to a third in two seconds.
        let old = (-seconds / 2.0).exp();
        self.live = self.live * old + came / seconds * (1.0 - old);
        let rate = self.rate();
        self.tokens = (self.tokens + rate * seconds).min(rate.max(1.0));
    }

    /// Records a second.
    fn rate(&self) -> f64 {
        (self.live * self.multiple).max(self.floor)
    }

    pub(super) fn takes_one(&mut self) -> bool {
        let takes = self.tokens >= 1.0;
        if takes {
            self.tokens -= 1.0;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pace(multiple: u32, floor: u32) -> (Pace, Instant) {
        let settings = spool::Settings {
            drain_multiple: multiple,
            drain_floor: floor,
            ..spool::Settings::default()
        };
        let now = Instant::now();
        (Pace::new(&settings, now), now)
    }

    fn take_all(pace: &mut Pace) -> u32 {
        std::iter::from_fn(|| pace.takes_one().then_some(1)).sum()
    }

    #[test]
    fn without_live_traffic_the_floor_is_the_pace() {
        let (mut pace, begin) = pace(4, 100);
        take_all(&mut pace);
        pace.advance(0, begin + Duration::from_millis(500));
        assert_eq!(take_all(&mut pace), 50);
        pace.advance(0, begin + Duration::from_mins(1));
        assert_eq!(take_all(&mut pace), 100, "what was not used is not saved up");
    }

    #[test]
    fn live_traffic_sets_the_pace() {
        let (mut pace, begin) = pace(4, 100);
        let mut drained = 0;
        for tenth in 1..=200 {
            pace.advance(tenth * 100, begin + Duration::from_millis(tenth * 100));
            if tenth > 100 {
                drained += take_all(&mut pace);
            } else {
                take_all(&mut pace);
            }
        }
        // 1,000 records a second for the last ten seconds, and four times as many out.
        assert!((39_000..=41_000).contains(&drained), "{drained}");
    }
}
