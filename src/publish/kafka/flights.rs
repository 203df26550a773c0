//! Requests whose records are on their way to Kafka.
//!
//! In: batches, and reports of single records. Out: batches that have ended, once each: all of it
//! acknowledged, or not in time. A slot is kept until librdkafka has told of every record, so that
//! a tag never means two records. It sends nothing and waits for nothing.

use super::heard::Failure;
use super::late::Late;
use super::trouble::Trouble;
use crate::publish::sink::Settled;
use crate::report::Batch;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Everything that is on its way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    slots: Slab<Flight>,
    /// In the order of their beginning; some may have ended.
    deadlines: VecDeque<(usize, u64)>,
    next: u64,
    /// Bytes of records that librdkafka has.
    held: u64,
    pub(super) late: Late,
}

/// How to tell the end of a batch.
pub(super) type Done = Box<dyn FnOnce(Settled) + Send>;

struct Flight {
    /// Tells it from others that used the slot.
    number: u64,
    since: Instant,
    bytes: u64,
    unsettled: usize,
    state: State,
}

enum State {
    /// The request waits.
    Awaited { batch: Arc<Batch>, done: Done, fates: Vec<Fate> },
    /// The request waits no more; its records are in the spool.
    Late(Vec<Uuid>),
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Flying,
    Acknowledged,
    Failed(Failure),
}

/// A batch that has ended.
pub(super) struct Ended {
    pub(super) batch: Arc<Batch>,
    pub(super) done: Done,
    /// One a record.
    pub(super) fates: Vec<Fate>,
    pub(super) took: Duration,
}

/// What one report led to.
pub(super) enum Step {
    Nothing,
    Ended(Ended),
    /// A record that is in the spool failed in the end, and will be sent again from there.
    FailedLate(Failure),
}

impl Flights {
    /// Takes a batch in, whose every record is about to be sent. Returns its slot.
    pub(super) fn begin(&mut self, batch: Arc<Batch>, done: Done, now: Instant) -> usize {
        let bytes = batch.bytes.len() as u64;
        let number = self.next;
        self.next += 1;
        self.held += bytes;
        let count = batch.entries.len();
        let slot = self.slots.insert(Flight {
            number,
            since: now,
            bytes,
            unsettled: count,
            state: State::Awaited { batch, done, fates: vec![Fate::Flying; count] },
        });
        self.deadlines.push_back((slot, number));
        slot
    }

    /// Takes in what became of one record.
    pub(super) fn settle(
        &mut self,
        slot: usize,
        entry: usize,
        result: Result<(), Failure>,
        now: Instant,
    ) -> Step {
        let Some(flight) = self.slots.get_mut(slot) else { return Step::Nothing };
        flight.unsettled = flight.unsettled.saturating_sub(1);
        let has_landed = flight.unsettled == 0;
        let mut step = Step::Nothing;
        match &mut flight.state {
            State::Awaited { fates, .. } => {
                if let Some(fate) = fates.get_mut(entry) {
                    *fate = result.map_or_else(Fate::Failed, |()| Fate::Acknowledged);
                }
            }
            State::Late(ids) => {
                if let Some(&id) = ids.get(entry) {
                    self.late.ends(id, result.is_ok());
                    if let Err(failure) = result {
                        step = Step::FailedLate(failure);
                    }
                }
            }
        }
        if has_landed {
            let Flight { since, bytes, state, .. } = self.slots.remove(slot);
            self.held = self.held.saturating_sub(bytes);
            if let State::Awaited { batch, done, fates } = state {
                let took = now.saturating_duration_since(since);
                step = Step::Ended(Ended { batch, done, fates, took });
            }
        }
        step
    }

    /// Ends the next batch that has waited for longer than its patience.
    ///
    /// Records of which nothing is known are remembered as late: they may arrive yet.
    pub(super) fn expire(&mut self, patience: Duration, now: Instant) -> Option<Ended> {
        while let Some(&(slot, number)) = self.deadlines.front() {
            let flight = self.slots.get_mut(slot).filter(|flight| {
                flight.number == number && matches!(flight.state, State::Awaited { .. })
            });
            let Some(flight) = flight else {
                self.deadlines.pop_front();
                continue;
            };
            let took = now.saturating_duration_since(flight.since);
            if took < patience {
                return None;
            }
            self.deadlines.pop_front();
            let State::Awaited { batch, .. } = &flight.state else { continue };
            let ids = batch.entries.iter().map(|entry| entry.id).collect();
            let state = std::mem::replace(&mut flight.state, State::Late(ids));
            let State::Awaited { batch, done, mut fates } = state else { continue };
            for (fate, entry) in fates.iter_mut().zip(&batch.entries) {
                if *fate == Fate::Flying {
                    self.late.flies(entry.id);
                    *fate = Fate::Failed(Trouble::AckTimeout.into());
                }
            }
            return Some(Ended { batch, done, fates, took });
        }
        None
    }

    /// Bytes of records that librdkafka has, or had a moment ago.
    pub(super) const fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Flight").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::late::Place;
    use super::*;
    use crate::report::{Entry, Stream};
    use jiff::Timestamp;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn batch(records: usize) -> Arc<Batch> {
        let entry = |_| Entry {
            stream: Stream::Clean,
            id: Uuid::now_v7(),
            received_at: Timestamp::UNIX_EPOCH,
            timestamp: Timestamp::UNIX_EPOCH,
            json: 0..2,
            app: 0..0,
            classification: None,
            violation_type: None,
            disposition: None,
        };
        let entries = (0..records).map(entry).collect();
        Arc::new(Batch { bytes: b"{}".to_vec(), entries, ..Batch::default() })
    }

    fn begin(flights: &mut Flights, batch: &Arc<Batch>, now: Instant) -> usize {
        flights.begin(Arc::clone(batch), Box::new(|_| {}), now)
    }

    fn fates(step: Step) -> Option<Vec<Fate>> {
        match step {
            Step::Ended(ended) => Some(ended.fates),
            Step::Nothing | Step::FailedLate(_) => None,
        }
    }

    #[test]
    fn a_batch_ends_with_the_last_of_its_records() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        let slot = begin(&mut flights, &batch(2), now);
        assert_eq!(flights.held(), 2);
        assert!(fates(flights.settle(slot, 1, Ok(()), now)).is_none());
        assert_eq!(fates(flights.settle(slot, 0, Ok(()), now)), Some(vec![Fate::Acknowledged; 2]));
        assert!(flights.is_empty() && flights.held() == 0);
        assert!(flights.expire(PATIENCE, now + PATIENCE).is_none(), "it has ended");
    }

    #[test]
    fn a_failure_is_told_when_the_others_are_known() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        let slot = begin(&mut flights, &batch(2), now);
        let failure = Failure::from(Trouble::Config);
        assert!(fates(flights.settle(slot, 0, Err(failure), now)).is_none());
        let ended = fates(flights.settle(slot, 1, Ok(()), now));
        assert_eq!(ended, Some(vec![Fate::Failed(failure), Fate::Acknowledged]));
    }

    #[test]
    fn patience_ends_for_each_batch_by_itself() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        begin(&mut flights, &batch(1), now);
        begin(&mut flights, &batch(1), now + PATIENCE / 2);
        assert!(flights.expire(PATIENCE, now + PATIENCE / 2).is_none());
        assert!(flights.expire(PATIENCE, now + PATIENCE).is_some());
        assert!(flights.expire(PATIENCE, now + PATIENCE).is_none(), "the second still waits");
        assert!(flights.expire(PATIENCE, now + PATIENCE * 2).is_some());
        assert!(!flights.is_empty(), "librdkafka has told of neither");
    }

    #[test]
    fn what_arrives_late_is_known_by_its_id() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        let batch = batch(3);
        let [first, second, third] = [0, 1, 2].map(|at| batch.entries[at].id);
        let slot = begin(&mut flights, &batch, now);
        flights.settle(slot, 0, Ok(()), now);
        let ended = flights.expire(PATIENCE, now + PATIENCE).expect("it has waited");
        let late = Fate::Failed(Trouble::AckTimeout.into());
        assert_eq!(ended.fates, [Fate::Acknowledged, late, late]);
        assert_eq!(flights.late.place(first), None, "it is not in the spool");
        assert_eq!(flights.late.place(second), Some(Place::Flying));

        assert!(fates(flights.settle(slot, 1, Ok(()), now)).is_none(), "answered already");
        assert_eq!(flights.late.place(second), Some(Place::Arrived));
        let failure = Failure::from(Trouble::Unreachable);
        let step = flights.settle(slot, 2, Err(failure), now);
        assert!(matches!(step, Step::FailedLate(told) if told == failure));
        assert_eq!(flights.late.place(third), None, "it is to be sent again");
        assert!(flights.is_empty());
        flights.late.forget_arrived();
        assert_eq!(flights.late.place(second), None);
    }

    #[test]
    fn a_slot_is_used_again_only_when_everything_is_told() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        let first = begin(&mut flights, &batch(1), now);
        flights.expire(PATIENCE, now + PATIENCE).expect("it has waited");
        let second = begin(&mut flights, &batch(1), now + PATIENCE);
        assert_ne!(first, second);
        flights.settle(first, 0, Ok(()), now + PATIENCE);
        let third = begin(&mut flights, &batch(1), now + PATIENCE);
        assert_eq!(third, first);
        // The deadline of whoever had the slot before is none of its own.
        assert!(flights.expire(PATIENCE, now + PATIENCE + PATIENCE / 2).is_none());
    }
}
