//! What waits for the disk.
//!
//! Many tasks push, one writer takes: batches, and jobs of the spool beside them, in turns. Bounded in bytes: what the writer has taken counts until it
//! is answered, because until then it is held in memory. Pushing never waits.

use super::spool::Job;
use super::{AppendError, QueueFull, Settings};
use crate::report::{Batch, Entry};
use prometheus::IntGauge;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue between the requests and the writer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Tells the writer of what it waits for: a first batch, a full group, the end.
    changed: Condvar,
    limit: u64,
    group_limit: u64,
    group_delay: Duration,
    held_bytes: IntGauge,
}

/// A batch that waits, and how to answer it.
pub(super) struct Append {
    pub(super) batch: Batch,
    done: Done,
    bytes: u64,
    since: Instant,
}

/// How to answer a batch.
pub(super) type Done = Box<dyn FnOnce(Result<(), AppendError>) + Send>;

/// What the writer has to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Commit these together.
    Group(Vec<Append>),
    /// Do this.
    Job(Job),
    /// Nothing came in time.
    Idle,
    /// Nothing is queued, and nothing will be.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Append>,
    waiting_bytes: u64,
    jobs: VecDeque<Job>,
    turn: Turn,
    /// What waits and what the writer holds.
    held_bytes: u64,
    /// A batch was turned away, and nothing has been answered since.
    full: bool,
    database: Condition,
    closed: bool,
}

/// Whose turn it is where both a group and a job wait.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Turn {
    #[default]
    Job,
    Group,
}

/// What is known of the database.
#[derive(Debug, Default)]
struct Condition {
    /// The last commit failed.
    failing: bool,
    /// There is no room for more.
    full: bool,
}

impl Queue {
    pub(super) fn new(settings: &Settings, held_bytes: IntGauge) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            limit: settings.queue_bytes.as_u64(),
            group_limit: settings.commit_bytes.as_u64(),
            group_delay: settings.commit_delay,
            held_bytes,
        }
    }

    /// Takes a batch in, or gives it back when there is no room.
    ///
    /// An empty queue takes a batch of any size: it is in memory already, and would never be
    /// stored otherwise.
    pub(super) fn push(&self, batch: Batch, done: Done) -> Result<(), QueueFull> {
        if batch.entries.is_empty() {
            done(Ok(()));
            return Ok(());
        }
        let bytes = size_in_memory(&batch);
        let mut state = self.lock();
        if state.closed {
            drop(state);
            done(Err(AppendError::Closed));
            return Ok(());
        }
        if state.held_bytes > 0 && state.held_bytes.saturating_add(bytes) > self.limit {
            state.full = true;
            return Err(QueueFull(batch));
        }
        let was_empty = state.waiting.is_empty();
        let was_short = state.waiting_bytes < self.group_limit;
        state.waiting.push_back(Append { batch, done, bytes, since: Instant::now() });
        state.waiting_bytes += bytes;
        state.held_bytes += bytes;
        self.show(&state);
        // A batch between the first and the one that fills the group is nothing to wake up for.
        if was_empty || (was_short && state.waiting_bytes >= self.group_limit) {
            drop(state);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Takes a job in, or answers that it comes too late.
    pub(super) fn push_job(&self, job: Job) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            job.refuse(AppendError::Closed);
            return;
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
    }

    /// Takes back the rest of a job, to be done before all others.
    pub(super) fn put_back(&self, job: Job) {
        self.lock().jobs.push_front(job);
    }

    /// Waits for the next group or job, at most as long as given.
    pub(super) fn next(&self, patience: Duration) -> Next {
        let idle_at = Instant::now() + patience;
        let mut state = self.lock();
        let first = loop {
            if let Some(job) = state.take_job() {
                return Next::Job(job);
            }
            if let Some(first) = state.waiting.front() {
                break first.since;
            }
            if state.closed {
                return Next::Closed;
            }
            let Some(left) = until(idle_at) else {
                return Next::Idle;
            };
            state = self.wait(state, left);
        };
        while !state.closed
            && state.waiting_bytes < self.group_limit
            && let Some(left) = until(first + self.group_delay)
        {
            state = self.wait(state, left);
        }
        Next::Group(state.take_group(self.group_limit))
    }

    /// Answers a group and gives its room free.
    pub(super) fn answer(&self, group: Vec<Append>, answer: Result<(), AppendError>) {
        let bytes: u64 = group.iter().map(|append| append.bytes).sum();
        for append in group {
            // Frees the records first, so that what is counted as free is free.
            drop(append.batch);
            (append.done)(answer);
        }
        let mut state = self.lock();
        state.held_bytes = state.held_bytes.saturating_sub(bytes);
        state.full = false;
        self.show(&state);
    }

    /// Remembers whether the last commit failed.
    pub(super) fn set_failing(&self, failing: bool) {
        self.lock().database.failing = failing;
    }

    /// Remembers whether the database has room for more.
    pub(super) fn set_room(&self, has_room: bool) {
        self.lock().database.full = !has_room;
    }

    pub(super) fn is_failing(&self) -> bool {
        self.lock().database.failing
    }

    pub(super) fn is_ready(&self) -> bool {
        let state = self.lock();
        !(state.database.failing || state.database.full || state.full || state.closed)
    }

    /// Whether nobody waits for the writer: neither a batch nor a job nor whoever closes.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.lock();
        state.waiting.is_empty() && state.jobs.is_empty() && !state.closed
    }

    /// Takes nothing more in. What is queued can still be taken out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Closes, and answers everything that still waits: its writer is no more.
    pub(super) fn abandon(&self) {
        self.close();
        let mut state = self.lock();
        let group = state.take_group(u64::MAX);
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.answer(group, Err(AppendError::Closed));
        for job in jobs {
            job.refuse(AppendError::Closed);
        }
    }

    /// No code panics while it holds the lock, so that the state is whole even when poisoned.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, state: MutexGuard<'q, State>, time: Duration) -> MutexGuard<'q, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    fn show(&self, state: &State) {
        self.held_bytes.set(i64::try_from(state.held_bytes).unwrap_or(i64::MAX));
    }
}

impl State {
    /// Takes batches out in order, up to the limit but at least one.
    fn take_group(&mut self, limit: u64) -> Vec<Append> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.waiting.front()
            && (group.is_empty() || bytes + next.bytes <= limit)
        {
            bytes += next.bytes;
            group.extend(self.waiting.pop_front());
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.turn = Turn::Job;
        group
    }

    /// Takes the first job out, if it is the turn of one.
    fn take_job(&mut self) -> Option<Job> {
        if self.turn == Turn::Group && !self.waiting.is_empty() {
            return None;
        }
        let job = self.jobs.pop_front()?;
        self.turn = Turn::Group;
        Some(job)
    }
}

impl Append {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl std::fmt::Debug for Append {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Append").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Counts what is reserved, not what is used: it is the memory that is bounded.
fn size_in_memory(batch: &Batch) -> u64 {
    let entries = batch.entries.capacity() * size_of::<Entry>();
    (size_of::<Append>() + batch.bytes.capacity() + entries) as u64
}

/// The time left, or `None` when it is over.
fn until(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}
