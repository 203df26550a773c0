//! Empties the spool into Kafka, oldest first, beside what is coming in.
//!
//! In: records of the spool, and what became of each. Out: the spool's beginning moves forward over
//! records that Kafka has acknowledged, never past one that it has not. A window of records is
//! under way at a time; one that fails is sent again, with the same id. After a failure a single
//! record is tried until one arrives.

use super::Stop;
use super::courier::Courier;
use super::heard::Failure;
use super::late::Place;
use super::leftover::{Specimen, encode_specimen, rejection};
use super::pace::Pace;
use super::trouble::{Remedy, Trouble};
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
    /// The last sequence number that was read.
    read: i64,
    pace: Pace,
    /// Kafka took the last record that was tried.
    is_well: bool,
    outages: u64,
    wait: Duration,
    next_try: Instant,
    /// When the spool's beginning was moved last, or could not be.
    forgot: Instant,
    /// Up to where the spool could not forget what is acknowledged.
    unforgotten: Option<i64>,
}

#[derive(Debug)]
struct Slot {
    record: Spooled,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Flying { since: Instant },
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
        Self {
            wait: courier.settings().breaker.probe_after,
            courier,
            heard,
            stop,
            window: VecDeque::new(),
            window_bytes: 0,
            read: 0,
            pace: Pace::new(settings, now),
            // Nobody knows yet whether there is a Kafka.
            is_well: false,
            outages: 0,
            next_try: now,
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
                self.is_well = false;
            }
            if !is_stopping && now >= self.next_try {
                self.refill();
                self.send(now);
            }
            let is_idle = self.window.is_empty();
            self.courier.drain_is_idle.store(is_idle, Relaxed);
            match self.heard.recv_timeout(if is_idle { IDLE } else { BUSY }) {
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

    /// Reads what comes next, unless enough is under way.
    fn refill(&mut self) {
        let records = if self.is_well { WINDOW_RECORDS } else { 1 };
        if self.window.len() * 2 > records || self.window_bytes > WINDOW_BYTES / 2 {
            return;
        }
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
                    self.window.push_back(Slot { record, state: State::Waiting });
                }
            }
            // The store has said so in the log; what can be read will be.
            Ok(Err(_)) | Err(_) => self.next_try = Instant::now() + UNREADABLE,
        }
    }

    /// Sends what waits, as fast as it may; after a failure a single record.
    fn send(&mut self, now: Instant) {
        if !self.is_well && self.window.iter().any(Slot::is_flying) {
            return;
        }
        for at in 0..self.window.len() {
            if self.window[at].state != State::Waiting {
                continue;
            }
            let id = self.window[at].record.id;
            let place = self.courier.flights().late.place(id);
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
            match self.courier.resend(&self.window[at].record) {
                Ok(()) => self.window[at].state = State::Flying { since: now },
                // It gets room as soon as something is acknowledged.
                Err(failure) if failure.trouble == Trouble::QueueFull => return,
                Err(failure) => return self.fail(at, failure),
            }
            if !self.is_well {
                return;
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
                self.is_well = true;
                self.wait = self.courier.settings().breaker.probe_after;
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
        self.window[at].state = State::Waiting;
        self.courier.count_failure(failure.trouble);
        let is_refused = failure.trouble.remedy() == Remedy::Reject;
        let record = &self.window[at].record;
        if is_refused || failure.trouble == Trouble::Config {
            self.courier.say_config(self.courier.topic_of(record), failure);
        }
        // A specimen that is refused as well is a matter of how the topic is set up.
        if is_refused && record.stream != Stream::Rejected && self.keep_specimen(at, failure) {
            self.window[at].state = State::Acknowledged;
            self.courier.metrics.rejected.inc();
            return;
        }
        // Neither says anything about whether Kafka takes the next one.
        if matches!(failure.trouble, Trouble::Purged | Trouble::Unconfirmed) {
            return;
        }
        self.is_well = false;
        let longest = if failure.trouble == Trouble::Config {
            CONFIG_WAIT
        } else {
            self.courier.settings().breaker.probe_max
        };
        self.next_try = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(longest);
    }

    /// Puts a specimen of a record at the end of the spool. Returns whether it is there.
    fn keep_specimen(&self, at: usize, failure: Failure) -> bool {
        let record = &self.window[at].record;
        let specimen = Specimen {
            id: record.id,
            received_at: Timestamp::now(),
            app: &record.app,
            json: &record.json,
        };
        let mut batch = Batch::default();
        encode_specimen(&specimen, rejection(failure.trouble), self.courier.edge(), &mut batch);
        let (sender, stored) = sync_channel(1);
        let append = self.courier.spool.append(batch, move |result| {
            let _ = sender.send(result.is_ok());
        });
        append.is_ok() && stored.recv() == Ok(true)
    }

    /// Forgets the acknowledged beginning of the window, not too often.
    fn advance(&mut self) {
        let done = self.window.iter().take_while(|slot| slot.state == State::Acknowledged).count();
        let since = self.forgot.elapsed();
        let is_due = match self.unforgotten {
            Some(_) => since >= UNREADABLE,
            None => {
                done > 0
                    && (done >= FORGET_RECORDS
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
        self.unforgotten = (forgotten.recv() != Ok(true)).then_some(through);
    }
}

impl Slot {
    const fn is_flying(&self) -> bool {
        matches!(self.state, State::Flying { .. })
    }
}

/// What may be under way: enough for a slow Kafka, where every acknowledgement takes a second.
const WINDOW_RECORDS: usize = 10_000;
const WINDOW_BYTES: usize = 16 << 20;
const PAGE_RECORDS: u32 = 2000;
const PAGE_BYTES: u64 = 4 << 20;

/// The spool's beginning moves when so many are acknowledged, or so much time has passed: each
/// move is a transaction.
const FORGET_RECORDS: usize = 1000;
const FORGET_EVERY: Duration = Duration::from_millis(100);

/// How often an empty spool is looked into.
const IDLE: Duration = Duration::from_millis(200);
const BUSY: Duration = Duration::from_millis(10);
/// How long after the spool could not be read.
const UNREADABLE: Duration = Duration::from_secs(1);
/// The longest pause between two tries while Kafka must be set up otherwise.
const CONFIG_WAIT: Duration = Duration::from_secs(30);
