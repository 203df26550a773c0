//! When the spool is turned over: records of topics that take nothing go to its end.
//!
//! Records leave the spool from the front only. One whose topic is missing would hold up all that
//! come after it, so the spool is walked through once, and such records are put behind all others.
//! That costs a copy of each, so it is done only when it helps, and not all the time. It knows no
//! clock: times come in.

use crate::report::{Batch, Stream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The turns of one spool.
#[derive(Debug)]
pub(super) struct Turns {
    going: Option<Going>,
    /// Before, none begins.
    next: Instant,
    /// For which streams the last one was, and what had been spooled for others when it began.
    /// Unknown after a start, and when it did not come to its end.
    seen: Option<(Streams, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Going {
    since: Instant,
    /// The first number of what was put behind: there the turn is over.
    end: Option<i64>,
}

/// How many records of each stream went into the spool so far. Any thread may add.
#[derive(Debug, Default)]
pub(super) struct SpooledRecords([AtomicU64; Stream::ALL.len()]);

/// How many records of each stream, by its number.
pub(super) type Counts = [u64; Stream::ALL.len()];

/// Something about each stream, by its number.
pub(super) type Streams = [bool; Stream::ALL.len()];

impl Turns {
    pub(super) const fn new(now: Instant) -> Self {
        Self { going: None, next: now, seen: None }
    }

    /// Begins a turn, if there is something to be gained: records behind those in the way that have
    /// arrived, or others that may. `spooled` counts what was ever spooled for other topics.
    pub(super) fn begin(&mut self, stuck: Streams, has_arrived: bool, spooled: u64, now: Instant) {
        let seen = Some((stuck, spooled));
        if now >= self.next && (has_arrived || self.seen != seen) {
            self.seen = seen;
            self.going = Some(Going { since: now, end: None });
        }
    }

    pub(super) const fn is_going(&self) -> bool {
        self.going.is_some()
    }

    /// Whether the record with this number, the oldest, was put behind in this turn, or came later.
    pub(super) fn ends_at(&self, number: i64) -> bool {
        self.going.and_then(|going| going.end).is_some_and(|end| number >= end)
    }

    /// Records were put behind; the first has this number now.
    pub(super) fn put_behind(&mut self, first: i64) {
        if let Some(going) = &mut self.going {
            going.end.get_or_insert(first);
        }
    }

    /// The turn cannot go on: what it has not come to may be worth another.
    pub(super) fn break_off(&mut self, now: Instant) {
        if self.is_going() {
            self.seen = None;
        }
        self.end(now);
    }

    /// The turn is over. At most a thirtieth of the time goes into turns: each
    /// writes what is stuck once more.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some(Going { since, .. }) = self.going.take() {
            self.next = now + (now.saturating_duration_since(since) * 30).max(PAUSE);
        }
    }
}

impl SpooledRecords {
    /// Counts the records of a batch. Its tally has reports of which no record is kept.
    pub(super) fn count(batch: &Batch) -> Counts {
        let mut counts = Counts::default();
        batch.entries.iter().for_each(|entry| counts[entry.stream as usize] += 1);
        counts
    }

    pub(super) fn add(&self, counts: &Counts) {
        for (total, count) in self.0.iter().zip(counts) {
            total.fetch_add(*count, Relaxed);
        }
    }

    /// How many records there were of some streams.
    pub(super) fn of(&self, is_meant: impl Fn(usize) -> bool) -> u64 {
        let counts = self.0.iter().enumerate().filter(|(stream, _)| is_meant(*stream));
        counts.map(|(_, count)| count.load(Relaxed)).sum()
    }
}

/// The shortest pause between two turns.
const PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: Streams = [false, true, false, false];

    #[test]
    fn a_turn_begins_when_it_helps_and_ends_where_it_began() {
        let mut now = Instant::now();
        let mut turns = Turns::new(now);
        turns.begin(STUCK, false, 0, now);
        assert!(turns.is_going(), "nobody knows what is in a spool at first");
        assert!(!turns.ends_at(i64::MAX), "nothing was put behind yet");
        turns.put_behind(100);
        turns.put_behind(150);
        assert!(!turns.ends_at(99) && turns.ends_at(100));
        now += PAUSE;
        turns.end(now);

        turns.begin(STUCK, true, 7, now + PAUSE * 29);
        assert!(!turns.is_going(), "it took long");
        now += PAUSE * 30;
        turns.begin(STUCK, false, 0, now);
        assert!(!turns.is_going(), "nothing came for others");
        turns.begin(STUCK, true, 0, now);
        assert!(turns.is_going(), "something has arrived");
        turns.end(now);
        turns.begin(STUCK, false, 1, now + PAUSE);
        assert!(turns.is_going(), "something came");
        turns.break_off(now);
        turns.begin(STUCK, false, 1, now + PAUSE);
        assert!(turns.is_going(), "the last was not whole");
        turns.end(now);
        turns.begin(STUCK, false, 1, now + PAUSE);
        assert!(!turns.is_going());
        turns.begin([true; 4], false, 1, now + PAUSE);
        assert!(turns.is_going(), "another topic is stuck");
    }
}
