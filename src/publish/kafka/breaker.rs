//! Whether Kafka is asked at all.
//!
//! In: how requests ended. Out: whether the next one should try. An outage then costs the patience
//! of the first few requests, not of every one. It knows no clock: times come in.

use super::settings;
use std::time::{Duration, Instant};

/// The breaker of one producer.
#[derive(Debug)]
pub(super) struct Breaker {
    limit: u16,
    probe_after: Duration,
    probe_max: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Requests go to Kafka. So many have failed since the last success.
    Closed { failures: u16 },
    /// Requests go elsewhere until it is time for a probe.
    Open { since: Instant, probe_at: Instant, wait: Duration },
    /// Half-open: one request has been let through, and its end is awaited.
    Probing { since: Instant, wait: Duration },
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    /// Closed again after so long.
    Closed(Duration),
}

impl Breaker {
    pub(super) const fn new(settings: &settings::Breaker) -> Self {
        Self {
            limit: settings.failures,
            probe_after: settings.probe_after,
            probe_max: settings.probe_max,
            state: State::Closed { failures: 0 },
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { .. } | State::Probing { .. } => true,
        }
    }

    /// Whether it is open, and the next request would be let through.
    pub(super) fn is_probe_due(&self, now: Instant) -> bool {
        matches!(self.state, State::Open { probe_at, .. } if now >= probe_at)
    }

    /// Whether a request may try Kafka now. An open breaker lets one through when it is time.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { since, probe_at, wait } if now >= probe_at => {
                self.state = State::Probing { since, wait };
                true
            }
            State::Open { .. } | State::Probing { .. } => false,
        }
    }

    /// Kafka has acknowledged a request in time.
    pub(super) fn succeed(&mut self, now: Instant) -> Option<Change> {
        let before = std::mem::replace(&mut self.state, State::Closed { failures: 0 });
        match before {
            State::Closed { .. } => None,
            State::Open { since, .. } | State::Probing { since, .. } => {
                Some(Change::Closed(now.saturating_duration_since(since)))
            }
        }
    }

    /// Kafka has not acknowledged a request.
    pub(super) fn fail(&mut self, now: Instant) -> Option<Change> {
        match self.state {
            State::Closed { failures } if failures + 1 < self.limit => {
                self.state = State::Closed { failures: failures + 1 };
                None
            }
            State::Closed { .. } => {
                let wait = self.probe_after;
                self.state = State::Open { since: now, probe_at: now + wait, wait };
                Some(Change::Opened)
            }
            // Those that were under way when it opened say nothing new.
            State::Open { .. } => None,
            State::Probing { since, wait } => {
                let wait = (wait * 2).min(self.probe_max.max(self.probe_after));
                self.state = State::Open { since, probe_at: now + wait, wait };
                None
            }
        }
    }

    /// The probe ended without saying anything about Kafka.
    pub(super) const fn probe_again(&mut self, now: Instant) {
        if let State::Probing { since, wait } = self.state {
            self.state = State::Open { since, probe_at: now, wait };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> (Breaker, Instant) {
        let settings = settings::Breaker {
            failures: 3,
            probe_after: Duration::from_secs(1),
            probe_max: Duration::from_secs(3),
        };
        (Breaker::new(&settings), Instant::now())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (mut breaker, now) = breaker();
        for _ in 0..5 {
            assert_eq!(breaker.fail(now), None);
            assert_eq!(breaker.fail(now), None);
            assert_eq!(breaker.succeed(now), None);
        }
        assert!(breaker.admits(now) && !breaker.is_open());
        assert_eq!([breaker.fail(now), breaker.fail(now)], [None, None]);
        assert_eq!(breaker.fail(now), Some(Change::Opened));
        assert!(!breaker.admits(now) && breaker.is_open());
    }

    #[test]
    fn one_request_at_a_time_probes_and_the_pauses_double_up_to_the_longest() {
        let (mut breaker, mut now) = breaker();
        (0..3).for_each(|_| _ = breaker.fail(now));
        for pause in [1, 2, 3, 3] {
            let early = now + seconds(pause).mul_f64(0.999);
            assert!(!breaker.is_probe_due(early) && !breaker.admits(early));
            now += seconds(pause);
            assert!(breaker.is_probe_due(now) && breaker.admits(now));
            assert!(!breaker.is_probe_due(now));
            assert!(!breaker.admits(now), "a second probe");
            assert_eq!(breaker.fail(now), None);
        }
        now += seconds(3);
        assert!(breaker.admits(now));
        assert_eq!(breaker.succeed(now), Some(Change::Closed(seconds(12))));
        assert!(breaker.admits(now) && breaker.admits(now));
    }

    #[test]
    fn late_failures_do_not_put_off_the_probe_and_a_late_success_closes() {
        let (mut breaker, now) = breaker();
        (0..3).for_each(|_| _ = breaker.fail(now));
        (0..9).for_each(|_| _ = breaker.fail(now + Duration::from_millis(900)));
        assert!(breaker.admits(now + seconds(1)));
        breaker.probe_again(now + seconds(1));
        assert!(breaker.admits(now + seconds(1)));
        assert!(matches!(breaker.succeed(now + seconds(2)), Some(Change::Closed(_))));
    }
}
