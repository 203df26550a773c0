//! Hears what became of what was sent, and spools what Kafka has not taken.
//!
//! In: reports from librdkafka. Out: the end of each batch, told once. [`Courier::listen`] is the
//! life of the one thread that hears; whatever was heard within a millisecond is dealt with at once.

use super::Stop;
use super::courier::{Courier, untag};
use super::drain::{DRAINED, Heard as DrainHeard};
use super::flights::{Ended, Fate, Step};
use super::heard::{Failure, Report};
use super::leftover::{Answer, left_over};
use super::replacing::Replacing;
use super::trouble::{Remedy, Trouble};
use super::turn::SpooledRecords;
use crate::publish::sink::Landed;
use crate::report::Batch;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

impl Courier {
    /// The life of the thread that hears from librdkafka, until it is told to stop.
    pub(super) fn listen(&self, stop: &Stop, drain: &Sender<DrainHeard>) {
        let mut replacing = Replacing::new(Instant::now());
        let mut took_back = None;
        loop {
            let producer = self.producer.load_full();
            producer.poll();
            replacing.poll();
            self.deal(drain);
            replacing.replace(self, Instant::now());
            let outstanding = producer.outstanding() + replacing.outstanding();
            let is_quiet = outstanding == 0 && self.flights().is_empty();
            if let Some(stop_by) = self.stop_by() {
                let now = Instant::now();
                if is_quiet || took_back.is_some_and(|since: Instant| since + TAKE_BACK < now) {
                    break;
                }
                if took_back.is_none() && (now >= stop_by || stop.is_at_once()) {
                    took_back = Some(now);
                    producer.purge();
                }
            } else if is_quiet {
                self.heard.pause(PAUSE);
                continue;
            }
            thread::sleep(SLICE);
        }
        self.deal(drain);
        self.abandon();
    }

    /// Deals with everything that was heard, and with what has waited too long.
    fn deal(&self, drain: &Sender<DrainHeard>) {
        let reports = self.heard.take();
        let now = Instant::now();
        let mut ended = Vec::new();
        {
            let mut flights = self.flights();
            for Report { tag, result } in reports {
                if tag & DRAINED != 0 {
                    // Nobody listens any more when the process ends; the record stays spooled.
                    let _ = drain.send(DrainHeard { seq: tag & !DRAINED, result, at: now });
                    continue;
                }
                let (slot, entry) = untag(tag);
                match flights.settle(slot, entry, result, now) {
                    Step::Nothing => {}
                    Step::FailedLate(failure) => self.count_failure(failure.trouble),
                    Step::Ended(end) => ended.push(end),
                }
            }
            while let Some(end) = flights.expire(self.settings().ack_timeout, now) {
                ended.push(end);
            }
        }
        for end in ended {
            self.conclude(end, now);
        }
    }

    /// Answers a batch, or spools what Kafka has not acknowledged of it and answers then.
    fn conclude(&self, ended: Ended, now: Instant) {
        let Ended { batch, done, fates, took } = ended;
        let failures = || {
            fates.iter().filter_map(|fate| match fate {
                Fate::Failed(failure) => Some(*failure),
                Fate::Flying | Fate::Acknowledged => None,
            })
        };
        let delivered = fates.len() as u64 - failures().count() as u64;
        self.metrics.delivered.inc_by(delivered);
        for (entry, fate) in batch.entries.iter().zip(&fates) {
            if *fate == Fate::Acknowledged {
                self.acknowledged.note(entry.stream, now);
            }
        }
        if failures().next().is_none() {
            self.metrics.delivery_seconds.observe(took.as_secs_f64());
            self.succeed(now);
            done(Ok(Landed::default()));
            return;
        }
        for failure in failures() {
            self.count_failure(failure.trouble);
            self.tell(failure, &batch, &fates);
        }
        match failures().find(|failure| failure.trouble.is_outage()) {
            Some(outage) => self.note_failure(outage, now),
            None => self.breaker().probe_again(now),
        }
        if failures().any(|failure| failure.trouble == Trouble::Fatal) {
            self.heard.set_fatal();
        }
        let (left, unfit) = left_over(&batch, &fates, self.edge());
        let answer = Answer::new(done, &left, unfit, self.metrics.clone());
        let (spooled, counts) = (Arc::clone(&self.spooled), SpooledRecords::count(&left));
        // When the spool's queue is full the answer is dropped, and refuses.
        let _ = self.spool.append(left, move |result| {
            if result.is_ok() {
                spooled.add(&counts);
                answer.confirm();
            }
        });
    }

    /// Says what nobody but an operator can mend.
    fn tell(&self, failure: Failure, batch: &Batch, fates: &[Fate]) {
        if failure.trouble != Trouble::Config && failure.trouble.remedy() != Remedy::Reject {
            return;
        }
        let topic = batch
            .entries
            .iter()
            .zip(fates)
            .find(|(_, fate)| **fate == Fate::Failed(failure))
            .map_or("", |(entry, _)| self.topic_of(entry.stream));
        self.say_config(topic, failure);
    }

    /// Spools what librdkafka never told of, at the very end.
    fn abandon(&self) {
        let now = Instant::now();
        loop {
            let ended = self.flights().expire(Duration::ZERO, now);
            let Some(ended) = ended else { return };
            self.conclude(ended, now);
        }
    }
}

/// What is heard within this time is dealt with together.
const SLICE: Duration = Duration::from_millis(1);
/// How long nothing is listened to while nothing is under way.
const PAUSE: Duration = Duration::from_millis(50);
/// How long what is taken back may take to come.
const TAKE_BACK: Duration = Duration::from_secs(2);
