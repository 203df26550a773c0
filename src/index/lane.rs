//! The way of one stream: what waits to be sent, what is under way, and when to pause.
//!
//! In: records, and what became of requests. Out: the next batch to send, if it is time. Each
//! stream has a lane and a share of the memory of its own, so that one whose data stream takes
//! nothing holds up no other. It knows no clock and no socket.

use super::batch::{Batch, Open, Place};
use super::hold::{Pauses, chance};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// When a lane sends, and how much it may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) batch_records: usize,
    pub(super) batch_bytes: usize,
    pub(super) linger: Duration,
    /// How many requests may be under way.
    pub(super) requests: usize,
    /// How many bytes may be held until they are answered.
    pub(super) bytes: usize,
    pub(super) pauses: Pauses,
}

/// One stream's lane.
#[derive(Debug)]
pub(super) struct Lane {
    limits: Limits,
    open: Open,
    /// When the first record of what is open was taken.
    opened: Option<Instant>,
    /// What is complete, or is to be sent again, and not before when.
    waiting: VecDeque<(Option<Instant>, Batch)>,
    waiting_bytes: usize,
    flying: usize,
    flying_bytes: usize,
    held: Option<Held>,
}

/// Nothing was taken the last time.
#[derive(Debug)]
struct Held {
    since: Instant,
    until: Instant,
    tries: u32,
}

impl Lane {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: Open::new(),
            opened: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            flying: 0,
            flying_bytes: 0,
            held: None,
        }
    }

    /// Takes a record in.
    pub(super) fn push(&mut self, id: &str, record: &[u8], place: Place, now: Instant) {
        // A record that is larger than a batch goes by itself.
        if self.open.bytes() > 0 && self.open.bytes() + record.len() > self.limits.batch_bytes {
            self.close();
        }
        self.open.push(id, record, place);
        self.opened.get_or_insert(now);
        if self.open.records() >= self.limits.batch_records
            || self.open.bytes() >= self.limits.batch_bytes
        {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.open.records() > 0 {
            let batch = self.open.close();
            self.wait(None, batch);
        }
        self.opened = None;
    }

    fn wait(&mut self, until: Option<Instant>, batch: Batch) {
        self.waiting_bytes += batch.bytes();
        self.waiting.push_back((until, batch));
    }

    /// Gives the next batch out, if it is time; `at_once` does not wait for company.
    pub(super) fn next(&mut self, now: Instant, at_once: bool) -> Option<Batch> {
        let may_fly = match &self.held {
            // One request finds out whether it is over.
            Some(held) => self.flying == 0 && now >= held.until,
            None => self.flying < self.limits.requests,
        };
        if !may_fly {
            return None;
        }
        let is_due = |until: &Option<Instant>| until.is_none_or(|until| now >= until);
        let batch = match self.waiting.iter().position(|(until, _)| is_due(until)) {
            Some(at) => {
                let (_, batch) = self.waiting.remove(at)?;
                self.waiting_bytes -= batch.bytes();
                batch
            }
            None => {
                let opened = self.opened?;
                if !at_once && now.saturating_duration_since(opened) < self.limits.linger {
                    return None;
                }
                self.opened = None;
                self.open.close()
            }
        };
        self.flying += 1;
        self.flying_bytes += batch.bytes();
        Some(batch)
    }

    /// A batch has come back, whatever became of it.
    pub(super) fn landed(&mut self, batch: &Batch) {
        self.flying = self.flying.saturating_sub(1);
        self.flying_bytes = self.flying_bytes.saturating_sub(batch.bytes());
    }

    /// Something was taken. Tells for how long nothing was.
    pub(super) fn progress(&mut self, now: Instant) -> Option<Duration> {
        let held = self.held.take()?;
        Some(now.saturating_duration_since(held.since))
    }

    /// Nothing of a batch was taken: it waits, and all others with it. Tells whether that is new.
    pub(super) fn hold(&mut self, batch: Batch, now: Instant) -> bool {
        let is_new = self.held.is_none();
        let held = self.held.get_or_insert(Held { since: now, until: now, tries: 0 });
        // What was under way together with the first says nothing new.
        if is_new || now >= held.until {
            held.tries = held.tries.saturating_add(1);
            held.until = now + self.limits.pauses.after(held.tries, chance());
        }
        self.wait(None, batch);
        is_new
    }

    /// Some records of a batch were not taken: they wait, and the others flow on.
    pub(super) fn again(&mut self, mut batch: Batch, now: Instant) {
        batch.tries = batch.tries.saturating_add(1);
        let until = now + self.limits.pauses.after(batch.tries, chance());
        self.wait(Some(until), batch);
    }

    /// The halves of a batch, which go first.
    pub(super) fn split(&mut self, halves: [Batch; 2]) {
        for half in halves.into_iter().rev() {
            self.waiting_bytes += half.bytes();
            self.waiting.push_front((None, half));
        }
    }

    /// Drops what waits and is wanted no more.
    pub(super) fn keep(&mut self, wanted: impl Fn(Place) -> bool) {
        self.close();
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        for (until, batch) in waiting {
            if batch.places().all(&wanted) {
                self.wait(until, batch);
            } else if let Some(rest) = batch.only(|_, place| wanted(place)) {
                self.wait(until, rest);
            }
        }
        self.let_go();
    }

    /// When nothing is left to be held, nothing is held.
    pub(super) fn let_go(&mut self) {
        if self.is_empty() {
            self.held = None;
        }
    }

    pub(super) const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flying == 0 && self.waiting.is_empty() && self.open.records() == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.open.bytes() + self.waiting_bytes + self.flying_bytes
    }

    /// Whether no more may be taken in.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() + self.limits.batch_bytes > self.limits.bytes
    }

    /// Whether so much has gone out that it is worth reading on.
    pub(super) fn has_room(&self) -> bool {
        self.bytes() <= self.limits.bytes / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        batch_records: 3,
        batch_bytes: 1000,
        linger: Duration::from_secs(1),
        requests: 2,
        bytes: 4000,
        pauses: Pauses { first: Duration::from_secs(1), longest: Duration::from_secs(8) },
    };

    struct Filled {
        lane: Lane,
        now: Instant,
        offset: i64,
    }

    impl Filled {
        fn new() -> Self {
            Self { lane: Lane::new(LIMITS), now: Instant::now(), offset: 0 }
        }

        fn push(&mut self, record: &str) {
            let place = Place { partition: 0, epoch: 1, offset: self.offset };
            self.offset += 1;
            self.lane.push("x", record.as_bytes(), place, self.now);
        }

        fn next(&mut self) -> Option<Vec<i64>> {
            self.send().map(|batch| batch.places().map(|place| place.offset).collect())
        }

        fn send(&mut self) -> Option<Batch> {
            self.lane.next(self.now, false)
        }
    }

    #[test]
    fn it_sends_what_is_full_or_has_waited() {
        let mut filled = Filled::new();
        (0..4).for_each(|_| filled.push("{}"));
        assert_eq!(filled.next(), Some(vec![0, 1, 2]));
        assert_eq!(filled.next(), None);
        filled.now += Duration::from_secs(1);
        assert_eq!(filled.next(), Some(vec![3]));
        assert_eq!(filled.next(), None);

        let mut filled = Filled::new();
        filled.push("{}");
        filled.push(&"x".repeat(5000));
        assert_eq!((filled.next(), filled.next()), (Some(vec![0]), Some(vec![1])));
    }

    #[test]
    fn not_more_requests_at_once_than_allowed() {
        let mut filled = Filled::new();
        (0..9).for_each(|_| filled.push("{}"));
        let first = filled.send().expect("a batch");
        filled.send().expect("a batch");
        assert!(filled.send().is_none());
        filled.lane.landed(&first);
        assert!(filled.send().is_some());
    }

    #[test]
    fn while_it_is_held_one_request_at_a_time_and_pauses_grow() {
        let mut filled = Filled::new();
        (0..6).for_each(|_| filled.push("{}"));
        let batches = [filled.send().expect("a batch"), filled.send().expect("a batch")];
        let mut told = batches.map(|batch| {
            filled.lane.landed(&batch);
            filled.lane.hold(batch, filled.now)
        });
        assert_eq!(told, [true, false]);
        for pause in [1, 2, 4, 8, 8] {
            assert_eq!(filled.next(), None);
            filled.now += Duration::from_secs(pause);
            let batch = filled.send().expect("one to find out");
            assert!(filled.send().is_none(), "a second one");
            filled.lane.landed(&batch);
            told[0] = filled.lane.hold(batch, filled.now);
            assert!(!told[0]);
        }
        filled.now += Duration::from_secs(8);
        let batch = filled.send().expect("one to find out");
        filled.lane.landed(&batch);
        assert_eq!(filled.lane.progress(filled.now), Some(Duration::from_secs(31)));
        assert_eq!(filled.lane.progress(filled.now), None);
        assert!(filled.send().is_some());
    }

    #[test]
    fn nothing_is_held_when_all_that_was_has_gone() {
        let mut filled = Filled::new();
        (0..6).for_each(|_| filled.push("{}"));
        let batches = [filled.send().expect("a batch"), filled.send().expect("a batch")];
        let [first, second] = batches;
        filled.lane.landed(&first);
        filled.lane.hold(first, filled.now);
        filled.lane.keep(|_| false);
        assert!(filled.lane.is_held(), "one is under way");
        filled.lane.landed(&second);
        filled.lane.let_go();
        assert!(!filled.lane.is_held() && filled.lane.is_empty());
        filled.push("{}");
        filled.now += Duration::from_secs(1);
        assert!(filled.send().is_some());
    }

    #[test]
    fn what_waits_by_itself_holds_nobody_up() {
        let mut filled = Filled::new();
        (0..6).for_each(|_| filled.push("{}"));
        let batch = filled.send().expect("a batch");
        filled.lane.landed(&batch);
        filled.lane.again(batch.only(|at, _| at == 1).expect("one"), filled.now);
        assert_eq!(filled.next(), Some(vec![3, 4, 5]));
        assert_eq!(filled.next(), None);
        filled.now += Duration::from_secs(1);
        assert_eq!(filled.next(), Some(vec![1]));
    }

    #[test]
    fn memory_is_counted_and_bounded() {
        let mut filled = Filled::new();
        while !filled.lane.is_full() {
            filled.push(&"x".repeat(300));
        }
        assert!(filled.lane.bytes() <= 4000 && !filled.lane.has_room());
        let batch = filled.send().expect("a batch");
        let before = filled.lane.bytes();
        let halves = batch.halves().expect("several");
        filled.lane.landed(&batch);
        assert!(filled.lane.bytes() < before);
        filled.lane.split(halves);
        assert_eq!(filled.lane.bytes(), before);
        assert_eq!((filled.next(), filled.next().is_some()), (Some(vec![0]), true));
        let flying = filled.lane.flying_bytes;
        filled.lane.keep(|_| false);
        assert_eq!(filled.lane.bytes(), flying);
    }
}
