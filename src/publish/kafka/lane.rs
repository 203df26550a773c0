//! How the topic of a stream does, for whoever empties the spool into it.
//!
//! In: how tries ended. Out: whether another may be made. It knows no clock: times come in.

use crate::report::Stream;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
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
    last_failure: Option<Instant>,
    /// How many tries in a row have failed although Kafka took records of other topics.
    failures: u32,
}

/// When Kafka acknowledged a record of each stream last. Any thread may note it.
#[derive(Debug)]
pub(super) struct Acknowledged {
    began: Instant,
    /// Milliseconds since then, from 1 on; 0 is never.
    at: [AtomicU64; Stream::ALL.len()],
}

impl Lane {
    /// A topic that has not been tried.
    pub(super) const fn new(shortest: Duration, now: Instant) -> Self {
        Self {
            is_well: false,
            shortest,
            wait: shortest,
            next_try: now,
            last_failure: None,
            failures: 0,
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
    pub(super) const fn is_stuck(&self) -> bool {
        self.failures >= STUCK
    }

    /// Kafka has taken a record.
    pub(super) const fn succeed(&mut self, now: Instant) {
        *self = Self { is_well: true, ..Self::new(self.shortest, now) };
    }

    /// A single record is to find out whether Kafka takes more.
    pub(super) const fn doubt(&mut self) {
        self.is_well = false;
    }

    /// Kafka has not taken a record, and it was not the record's fault.
    ///
    /// `is_refused`: a broker has answered that the topic must be set up otherwise. `others` is when
    /// Kafka acknowledged a record of another stream last: an outage fails all topics, and each for
    /// a while after the first is well again. `sent` is when the record was sent: what was under way
    /// with one that failed before is no other try.
    pub(super) fn fail(
        &mut self,
        is_refused: bool,
        others: Option<Instant>,
        sent: Instant,
        longest: Duration,
        now: Instant,
    ) {
        self.is_well = false;
        // Thousands may fail at once; that is one try.
        if self.waits(now) {
            return;
        }
        let is_another = self.last_failure.is_none_or(|last| sent >= last);
        let is_alone = self.last_failure.is_some_and(|last| others.is_some_and(|at| at > last));
        if is_another && (is_alone || is_refused) {
            self.failures = self.failures.saturating_add(1);
        }
        self.last_failure = Some(now);
        self.next_try = now + self.wait;
        self.wait = (self.wait * 2).min(longest);
    }
}

impl Acknowledged {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, at: Default::default() }
    }

    pub(super) fn note(&self, stream: Stream, now: Instant) {
        let since = now.saturating_duration_since(self.began).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1);
        self.at[stream as usize].fetch_max(since, Relaxed);
    }

    /// When a record of any other stream was acknowledged last.
    pub(super) fn others(&self, stream: Stream) -> Option<Instant> {
        let others = self.at.iter().enumerate().filter(|(of, _)| *of != stream as usize);
        let last = others.map(|(_, at)| at.load(Relaxed)).max().unwrap_or(0);
        (last > 0).then(|| self.began + Duration::from_millis(last))
    }
}

/// After so many failures a topic is no longer waited for.
const STUCK: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A lane that fails as often as is said, each time as soon as it may.
    fn failing(lane: &mut Lane, times: u32, others: Option<Instant>, is_refused: bool) {
        for _ in 0..times {
            let now = lane.next_try;
            (0..100).for_each(|_| lane.fail(is_refused, others, now, SECOND * 4, now));
        }
    }

    #[test]
    fn pauses_double_and_many_failures_at_once_are_one() {
        let start = Instant::now();
        let mut lane = Lane::new(SECOND, start);
        for pause in [1, 3, 7, 11, 15].map(Duration::from_secs) {
            failing(&mut lane, 1, None, false);
            assert_eq!(lane.next_try, start + pause);
        }
        lane.succeed(start);
        assert!(lane.is_well() && !lane.waits(start));
    }

    #[test]
    fn a_topic_is_stuck_when_it_alone_takes_nothing() {
        let start = Instant::now();
        let far = Some(start + SECOND * 1000);
        let mut lane = Lane::new(SECOND, start);
        failing(&mut lane, 3, far, false);
        assert!(!lane.is_stuck(), "nobody knows what was before the first");
        failing(&mut lane, 1, far, false);
        assert!(lane.is_stuck());
        lane.doubt();
        assert!(lane.is_stuck());
        lane.succeed(start);
        assert!(!lane.is_stuck());
        failing(&mut lane, 3, None, true);
        assert!(lane.is_stuck(), "a broker has said that it is the topic");
    }

    #[test]
    fn an_outage_is_no_matter_of_a_topic() {
        let start = Instant::now();
        let mut lane = Lane::new(SECOND, start);
        failing(&mut lane, 50, Some(start), false);
        assert!(!lane.is_stuck());
        // Another topic is well again, and this one fails for a last time.
        let back = lane.last_failure.map(|last| last + SECOND);
        failing(&mut lane, 1, back, false);
        assert!(!lane.is_stuck());
        // And then that one is not well any more.
        failing(&mut lane, 50, back, false);
        assert!(!lane.is_stuck());
    }

    #[test]
    fn what_was_sent_before_a_failure_is_no_other_try() {
        let start = Instant::now();
        let far = Some(start + SECOND * 1000);
        let mut lane = Lane::new(SECOND, start);
        for second in 0..100 {
            lane.fail(false, far, start, SECOND * 4, start + SECOND * second);
        }
        assert!(!lane.is_stuck());
    }

    #[test]
    fn what_others_do_is_told_apart() {
        let now = Instant::now();
        let acknowledged = Acknowledged::new(now);
        assert_eq!(acknowledged.others(Stream::Clean), None);
        acknowledged.note(Stream::Clean, now);
        assert_eq!(acknowledged.others(Stream::Clean), None);
        acknowledged.note(Stream::Other, now + SECOND);
        acknowledged.note(Stream::Other, now);
        assert!(acknowledged.others(Stream::Clean).is_some_and(|at| at >= now + SECOND));
        assert!(acknowledged.others(Stream::Other).is_some_and(|at| at < now + SECOND));
    }
}
