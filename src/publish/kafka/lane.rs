//! How the topic of a stream does, for whoever empties the spool into it.
//!
//! In: how tries ended. Out: whether another may be made. It knows no clock: times come in.

use std::time::{Duration, Instant};

/// What is known of one topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// Kafka took the last record that was tried.
    is_well: bool,
    /// The pause after the first failure, and after the next.
    shortest: Duration,
    wait: Duration,
    next_try: Instant,
    /// How many tries have failed since the last success, and since when.
    failures: u32,
    failing_since: Option<Instant>,
    /// Kafka has answered that it is the topic.
    is_refused: bool,
}

impl Lane {
    /// A topic that has not been tried.
    pub(super) const fn new(shortest: Duration, now: Instant) -> Self {
        Self {
            is_well: false,
            shortest,
            wait: shortest,
            next_try: now,
            failures: 0,
            failing_since: None,
            is_refused: false,
        }
    }

    /// Whether any number of records may be under way. Otherwise it is one at a time.
    pub(super) const fn is_well(&self) -> bool {
        self.is_well
    }

    /// Whether it is too early for another try.
    pub(super) fn waits(&self, now: Instant) -> bool {
        now < self.next_try
    }

    /// Whether it takes nothing while Kafka takes other records, as far as several tries can tell.
    ///
    /// `acknowledged` is when Kafka took a record of any topic last.
    pub(super) fn is_stuck(&self, acknowledged: Option<Instant>) -> bool {
        self.failures >= STUCK && (self.is_refused || acknowledged > self.failing_since)
    }

    /// Kafka has taken a record.
    pub(super) const fn succeed(&mut self, now: Instant) {
        *self = Self { is_well: true, ..Self::new(self.shortest, now) };
    }

    /// A single record is to find out whether Kafka takes more.
    pub(super) const fn doubt(&mut self) {
        self.is_well = false;
    }

    /// Kafka has not taken a record, and it was not the record's fault. `is_refused`: the answer
    /// was that the topic must be set up otherwise.
    pub(super) fn fail(&mut self, is_refused: bool, longest: Duration, now: Instant) {
        self.is_well = false;
        self.is_refused = is_refused;
        // Thousands may fail at once; that is one try.
        if !self.waits(now) {
            self.next_try = now + self.wait;
            self.wait = (self.wait * 2).min(longest);
            self.failures = self.failures.saturating_add(1);
            self.failing_since.get_or_insert(now);
        }
    }
}

/// After so many failures a topic is no longer waited for.
const STUCK: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_topic_is_stuck_when_it_alone_takes_nothing() {
        let start = Instant::now();
        let mut lane = Lane::new(SECOND, start);
        let mut now = start;
        for wait in [SECOND, SECOND * 2, SECOND * 4] {
            assert!(!lane.waits(now) && !lane.is_stuck(Some(now)));
            // Many that fail at once are one try.
            (0..100).for_each(|_| lane.fail(false, SECOND * 4, now));
            assert!(lane.waits(now) && lane.waits(now + wait.mul_f64(0.9)));
            now += wait;
        }
        assert!(!lane.is_stuck(None), "nor does any other take something");
        assert!(Lane { is_refused: true, ..lane }.is_stuck(None));
        assert!(!lane.is_stuck(Some(start)), "nor has any since");
        assert!(lane.is_stuck(Some(now)));
        lane.doubt();
        assert!(lane.is_stuck(Some(now)));
        lane.succeed(now);
        assert!(lane.is_well() && !lane.is_stuck(Some(now)) && !lane.waits(now));
    }
}
