//! What became of every request, as its client saw it.

use crate::reports::{self, Kind};
use crate::topics::Stream;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The requests of one scenario, by number. Clients write, the judge reads.
pub struct Ledger {
    began: Instant,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    /// Each with when it was known.
    ends: Vec<(End, Duration)>,
    /// When an answer came, and how long it took.
    times: Vec<(Duration, Duration)>,
    /// What no scenario allows, in words; the first few of them.
    wrong: Vec<String>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The connection broke, or the answer has not come yet.
    Unanswered,
    /// 204: all of its reports must be found.
    Accepted,
    /// 503: none of them has to be.
    Refused,
    /// 400, as is right for what cannot be read.
    Unreadable,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub answers: usize,
    pub median: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Ledger {
    pub fn open() -> Self {
        Self { began: Instant::now(), pages: Mutex::default() }
    }

    /// Gives out the number of the next request.
    pub fn next(&self) -> u32 {
        let mut pages = self.pages();
        pages.ends.push((End::Unanswered, self.began.elapsed()));
        u32::try_from(pages.ends.len() - 1).unwrap_or(u32::MAX)
    }

    /// Writes down how a request ended, and how long that took.
    pub fn ended(&self, request: u32, end: End, took: Duration) {
        let now = self.began.elapsed();
        let mut pages = self.pages();
        pages.ends[request as usize] = (end, now);
        pages.times.push((now, took));
    }

    /// Writes down what no scenario allows.
    pub fn complain(&self, complaint: String) {
        let mut pages = self.pages();
        if pages.wrong.len() < MAX_COMPLAINTS {
            pages.wrong.push(complaint);
        }
    }

    pub fn complaints(&self) -> Vec<String> {
        self.pages().wrong.clone()
    }

    /// How the request ended; nothing when there was none of that number.
    pub fn end(&self, request: u32) -> Option<End> {
        self.pages().ends.get(request as usize).map(|(end, _)| *end)
    }

    /// When the end of a request was known, since the ledger was opened.
    pub fn when(&self, request: u32) -> Duration {
        self.pages().ends.get(request as usize).map(|(_, when)| *when).unwrap_or_default()
    }

    /// The reports that were answered with 204, by number.
    pub fn accepted(&self) -> BTreeMap<u32, Stream> {
        let pages = self.pages();
        let accepted = pages.requests(End::Accepted).flat_map(reports::reports);
        accepted.collect()
    }

    /// How many reports came to this end; one for each request that could not be read.
    pub fn reports(&self, end: End) -> usize {
        let pages = self.pages();
        let count = |request| match reports::kind(request) {
            Kind::Unreadable => 1,
            Kind::Single(_) | Kind::OtherType | Kind::Batch => reports::reports(request).len(),
        };
        pages.requests(end).map(count).sum()
    }

    /// How many requests came to this end.
    pub fn requests(&self, end: End) -> usize {
        self.pages().requests(end).count()
    }

    /// The time since the ledger was opened, which divides [`Self::times`].
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long answers took that came between two times.
    pub fn times(&self, from: Duration, to: Duration) -> Times {
        let pages = self.pages();
        let within = pages.times.iter().filter(|(at, _)| (from..to).contains(at));
        let mut took: Vec<_> = within.map(|&(_, took)| took).collect();
        took.sort_unstable();
        let share = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
        Times {
            answers: took.len(),
            median: share(50),
            p99: share(99),
            max: took.last().copied().unwrap_or_default(),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn requests(&self, wanted: End) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.ends)
            .filter(move |(_, (end, _))| *end == wanted)
            .map(|(request, _)| request)
    }
}

/// Enough to see what is the matter.
const MAX_COMPLAINTS: usize = 10;
