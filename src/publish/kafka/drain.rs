//! Empties the spool into Kafka, oldest first, beside what is coming in.
//!
//! In: records of the spool, and what became of each. Out: the spool's beginning moves forward over
//! records that Kafka has acknowledged, never past one that it has not. A window of records is
//! under way at a time; one that fails is sent again, with the same id. After a failure a single
//! record of its stream is tried until one arrives: a topic that is missing holds up no other, and
//! when its records are in the way they are put behind all others.

mod way;

use super::Stop;
use super::courier::Courier;
use super::heard::Failure;
use super::lane::Lane;
use super::late::Place;
use super::leftover::{Specimen, encode_specimen, rejection};
use super::pace::Pace;
use super::trouble::{Remedy, Trouble};
use super::turn::Turns;
use crate::report::{Batch, Stream};
use crate::store::spool::{self, Spooled};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Marks the tag of a record of the spool; the rest of the tag is its sequence number.
pub(super) const DRAINED: usize = 1 << (usize::BITS - 1);

/// What became of a record of the spool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) seq: usize,
    pub(super) result: Result<(), Failure>,
    pub(super) at: Instant,
}

/// The life of the thread that empties the spool.
#[derive(Debug)]
pub(super) struct Drain {
    courier: Arc<Courier>,
    heard: Receiver<Heard>,
    stop: Arc<Stop>,
    /// What has been read and not been forgotten, in order.
    window: VecDeque<Slot>,
    window_bytes: usize,
    window_limit: usize,
    /// How many records may be under way; more each time that the spool has forgotten some.
    reach: usize,
    /// The last sequence number that was read.
    read: i64,
    pace: Pace,
    /// One for each stream, by its number.
    lanes: [Lane; Stream::ALL.len()],
    turns: Turns,
    outages: u64,
    /// When the spool is read again after it could not be.
    next_read: Instant,
    /// When the spool's beginning was moved last, or could not be.
    forgot: Instant,
    /// Up to where the spool could not forget what is acknowledged.
    unforgotten: Option<i64>,
}

#[derive(Debug)]
struct Slot {
    record: Spooled,
    state: State,
    /// It takes the place of a record that Kafka refuses.
    is_specimen: bool,
    /// How often it was too large although no other record of the spool was under way with it.
    too_large: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Flying {
        since: Instant,
    },
    /// Kafka has it, or it is in the spool under a later number.
    Acknowledged,
}

impl Drain {
    pub(super) fn new(
        courier: Arc<Courier>,
        settings: &spool::Settings,
        heard: Receiver<Heard>,
        stop: Arc<Stop>,
    ) -> Self {
        let now = Instant::now();
        // Or live records would find no room in librdkafka's queue.
        let share = courier.settings().queue_bytes.as_u64() / 4;
        let window_limit = usize::try_from(share).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
        // Nobody knows yet whether there is a Kafka.
        let lane = Lane::new(courier.settings().breaker.probe_after, now);
        Self {
            courier,
            heard,
            stop,
            window: VecDeque::new(),
            window_bytes: 0,
            window_limit,
            reach: PROBE_RECORDS,
            read: 0,
            pace: Pace::new(settings, now),
            lanes: [lane; Stream::ALL.len()],
            turns: Turns::new(now),
            outages: 0,
            next_read: now,
            forgot: now,
            unforgotten: None,
        }
    }

    /// Runs until it is told to stop and everything that it has sent is told of.
    pub(super) fn run(mut self) {
        loop {
            let is_stopping = self.stop.is_asked();
            if is_stopping && !self.window.iter().any(Slot::is_flying) {
                break;
            }
            let now = Instant::now();
            self.pace.advance(self.courier.taken.load(Relaxed), now);
            let outages = self.courier.outages.load(Relaxed);
            if outages != self.outages {
                self.outages = outages;
                self.lanes.iter_mut().for_each(Lane::doubt);
            }
            if !is_stopping {
                if now >= self.next_read {
                    self.refill();
                }
                self.send(now);
                self.make_way(now);
            }
            let is_idle = !self.window.iter().any(Slot::is_flying);
            self.courier.drain_is_idle.store(is_idle, Relaxed);
            let is_stuck = self.lanes.iter().any(Lane::is_stuck);
            let is_blind = is_idle && (self.window.is_empty() || is_stuck);
            self.courier.drain_is_blind.store(is_blind, Relaxed);
            match self.heard.recv_timeout(if self.window.is_empty() { IDLE } else { BUSY }) {
                Ok(first) => {
                    self.hear(first);
                    while let Ok(next) = self.heard.try_recv() {
                        self.hear(next);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Nothing will be told any more.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.advance();
        }
        self.advance();
        self.forget();
    }

    /// How many records may be under way now.
    fn reach(&self) -> usize {
        if self.lanes.iter().any(Lane::is_well) { self.reach } else { PROBE_RECORDS }
    }

    /// Whether so much is under way that nothing more is read.
    fn has_enough(&self) -> bool {
        self.window.len() * 2 > self.reach() || self.window_bytes > self.window_limit / 2
    }

    /// Reads what comes next, unless enough is under way.
    fn refill(&mut self) {
        if self.has_enough() {
            return;
        }
        let records = self.reach();
        let records = u32::try_from(records - self.window.len()).unwrap_or(1).min(PAGE_RECORDS);
        let (sender, page) = sync_channel(1);
        self.courier.spool.read(self.read, records, PAGE_BYTES, move |page| {
            let _ = sender.send(page);
        });
        match page.recv() {
            // A spool that was set aside is followed by one that counts from the beginning.
            Ok(Ok(page)) if page.is_empty() && self.window.is_empty() => {
                if self.unforgotten.is_none() {
                    self.read = 0;
                    self.courier.flights().late.forget_arrived();
                }
            }
            Ok(Ok(page)) => {
                for record in page {
                    self.read = record.seq;
                    self.window_bytes += record.json.len();
                    self.window.push_back(Slot::new(record));
                }
            }
            // The store has said so in the log; what can be read will be.
            Ok(Err(_)) | Err(_) => self.next_read = Instant::now() + UNREADABLE,
        }
    }

    /// Sends what waits, as fast as it may; of a stream that is not well a single record.
    fn send(&mut self, now: Instant) {
        let is_anything_late = !self.courier.flights().late.is_empty();
        let mut is_taken = [false; Stream::ALL.len()];
        for slot in self.window.iter().filter(|slot| slot.is_flying()) {
            is_taken[slot.record.stream as usize] = true;
        }
        for at in 0..self.window.len() {
            let Slot { record, state, .. } = &self.window[at];
            let stream = record.stream as usize;
            let lane = &self.lanes[stream];
            let waits = lane.waits(now) || (!lane.is_well() && is_taken[stream]);
            if *state != State::Waiting || waits {
                continue;
            }
            let place =
                is_anything_late.then(|| self.courier.flights().late.place(record.id)).flatten();
            match place {
                // What librdkafka still tries to send may arrive without us.
                Some(Place::Flying) => continue,
                Some(Place::Arrived) => {
                    self.window[at].state = State::Acknowledged;
                    continue;
                }
                None => {}
            }
            if !self.pace.takes_one() {
                return;
            }
            match self.courier.resend(record) {
                Ok(()) => {
                    self.window[at].state = State::Flying { since: now };
                    is_taken[stream] = true;
                }
                // It gets room as soon as something is acknowledged.
                Err(failure) if failure.trouble == Trouble::QueueFull => return,
                Err(failure) => self.fail(at, failure),
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        let Heard { seq, result, at: when } = heard;
        let found = self
            .window
            .binary_search_by_key(&seq, |slot| usize::try_from(slot.record.seq).unwrap_or(0));
        let Ok(at) = found else { return };
        let State::Flying { since } = self.window[at].state else { return };
        match result {
            Ok(()) => {
                self.window[at].state = State::Acknowledged;
                let stream = self.window[at].record.stream;
                self.lanes[stream as usize].succeed(when);
                self.courier.acknowledged.note(stream, when);
                if self.window[at].is_specimen {
                    self.courier.metrics.specimens.inc();
                }
                // A slow Kafka is fed by the spool; requests would wait for it in vain.
                if when.saturating_duration_since(since) < self.courier.settings().ack_timeout {
                    self.courier.succeed(when);
                }
            }
            Err(failure) => self.fail(at, failure),
        }
    }

    /// A record was not taken. It stays where it is, unless Kafka will never take it.
    fn fail(&mut self, at: usize, failure: Failure) {
        self.courier.count_failure(failure.trouble);
        if failure.trouble == Trouble::Fatal {
            self.courier.heard.set_fatal();
        }
        let (slot, now) = (&mut self.window[at], Instant::now());
        let sent = if let State::Flying { since } = slot.state { since } else { now };
        slot.state = State::Waiting;
        let stream = slot.record.stream;
        let lane = &mut self.lanes[stream as usize];
        let mut is_unfit = failure.trouble.remedy() == Remedy::Reject;
        if failure.trouble == Trouble::BatchTooLarge {
            if !lane.is_well() {
                // It may have shared a batch with what is coming in.
                slot.too_large += 1;
                is_unfit = slot.too_large >= ALONE;
            }
            lane.doubt();
            if !is_unfit {
                return;
            }
        }
        if is_unfit || failure.trouble == Trouble::Config {
            self.courier.say_config(self.courier.topic_of(stream), failure);
        }
        if failure.trouble == Trouble::Neighbour {
            // By itself it may be taken.
            return lane.doubt();
        }
        // A specimen that is refused as well is a matter of how the topic is set up.
        if is_unfit && stream != Stream::Rejected {
            return self.make_specimen(at, failure);
        }
        // Neither says anything about whether Kafka takes the next one.
        if matches!(failure.trouble, Trouble::Purged | Trouble::Unconfirmed) {
            return;
        }
        let longest = if is_unfit || failure.trouble == Trouble::Config {
            CONFIG_WAIT
        } else {
            self.courier.settings().breaker.probe_max
        };
        let others = self.courier.acknowledged.others(stream);
        lane.fail(failure.is_of_topic(), others, sent, longest, now);
    }

    /// Puts a specimen in the place of a record, under its id. The spool keeps the record itself
    /// until the specimen has arrived.
    fn make_specimen(&mut self, at: usize, failure: Failure) {
        let record = &mut self.window[at].record;
        let specimen = Specimen {
            id: record.id,
            received_at: Timestamp::now(),
            app: &record.app,
            json: &record.json,
        };
        let mut batch = Batch::default();
        encode_specimen(&specimen, rejection(failure.trouble), self.courier.edge(), &mut batch);
        self.window_bytes = self.window_bytes - record.json.len() + batch.bytes.len();
        record.json = batch.bytes;
        record.stream = Stream::Rejected;
        self.window[at].is_specimen = true;
    }

    /// Forgets the acknowledged beginning of the window, not too often.
    fn advance(&mut self) {
        let done = self.window.iter().take_while(|slot| slot.state == State::Acknowledged).count();
        let since = self.forgot.elapsed();
        let is_due = match self.unforgotten {
            Some(_) => since >= UNREADABLE,
            None => {
                done > 0
                    && (done >= FORGET_RECORDS.min(self.reach)
                        || done == self.window.len()
                        || since >= FORGET_EVERY)
            }
        };
        if is_due {
            self.forget();
        }
    }

    /// Takes the acknowledged beginning of the window out of the spool.
    ///
    /// Until the spool has forgotten it, nothing is read anew: it would be sent twice.
    fn forget(&mut self) {
        let mut through = self.unforgotten;
        {
            let mut flights = self.courier.flights();
            while self.window.front().is_some_and(|slot| slot.state == State::Acknowledged) {
                let Some(Slot { record, .. }) = self.window.pop_front() else { break };
                flights.late.forget(record.id);
                self.window_bytes = self.window_bytes.saturating_sub(record.json.len());
                through = Some(record.seq);
            }
        }
        let Some(through) = through else { return };
        let (sender, forgotten) = sync_channel(1);
        self.courier.spool.forget(through, move |result| {
            let _ = sender.send(result.is_ok());
        });
        self.forgot = Instant::now();
        if forgotten.recv() == Ok(true) {
            self.unforgotten = None;
            self.reach = (self.reach * 2).min(WINDOW_RECORDS);
        } else {
            self.unforgotten = Some(through);
        }
    }
}

impl Slot {
    const fn new(record: Spooled) -> Self {
        Self { record, state: State::Waiting, is_specimen: false, too_large: 0 }
    }

    const fn is_flying(&self) -> bool {
        matches!(self.state, State::Flying { .. })
    }
}

/// What may be under way: enough for a slow Kafka, where every acknowledgement takes a second. An
/// edge that is killed again and again would send as much anew each time, so it begins with less.
const WINDOW_RECORDS: usize = 10_000;
const WINDOW_BYTES: usize = 16 << 20;
/// And at first, and while nothing arrives: enough to find a record of each stream, mostly.
const PROBE_RECORDS: usize = 200;
const PAGE_RECORDS: u32 = 2000;
const PAGE_BYTES: u64 = 4 << 20;

/// The spool's beginning moves when so many are acknowledged, or so much time has passed: each
/// move is a transaction.
const FORGET_RECORDS: usize = 1000;
const FORGET_EVERY: Duration = Duration::from_millis(100);

/// So often a record must be too large by itself until that is believed.
const ALONE: u8 = 3;

/// How often an empty spool is looked into.
const IDLE: Duration = Duration::from_millis(200);
const BUSY: Duration = Duration::from_millis(10);
/// How long after the spool could not be read.
const UNREADABLE: Duration = Duration::from_secs(1);
/// The longest pause between two tries while Kafka must be set up otherwise.
const CONFIG_WAIT: Duration = Duration::from_secs(30);
