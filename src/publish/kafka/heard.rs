//! What was heard from producers and waits to be dealt with.
//!
//! In: reports of single records from whoever polls librdkafka, and word that something was sent.
//! Out: all reports together, to the one thread that deals with them. It also remembers what was
//! said in the log, so that an outage is a line now and then.

use super::metrics::Metrics;
use super::trouble::Trouble;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is known of a record that was handed over: which it is, and how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    /// The tag that it was sent with.
    pub(super) tag: usize,
    pub(super) result: Result<(), Failure>,
}

/// Why a record was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) trouble: Trouble,
    /// librdkafka's word for it; absent where it was not asked.
    pub(super) code: Option<RDKafkaErrorCode>,
}

impl Failure {
    /// Whether a broker has answered that the topic must be set up otherwise.
    pub(super) const fn is_of_topic(self) -> bool {
        matches!(
            self.code,
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::UnknownPartition
                    | RDKafkaErrorCode::InvalidTopic
                    | RDKafkaErrorCode::PolicyViolation
            )
        )
    }
}

/// What has been heard from producers and waits to be dealt with. Producers that follow each other
/// share it.
#[derive(Debug)]
pub(super) struct Heard {
    state: Mutex<State>,
    changed: Condvar,
    /// A producer said that it cannot go on.
    fatal: AtomicBool,
    pub(super) metrics: Metrics,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct State {
    reports: Vec<Report>,
    /// Something was sent since the last look.
    woken: bool,
}

/// When something was last said in the log, so that an outage is a line now and then.
#[derive(Debug, Default)]
struct Said {
    error: Option<Instant>,
    config: Option<Instant>,
    unconfirmed: Option<Instant>,
    /// What librdkafka complained of last.
    words: String,
}

impl Heard {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            fatal: AtomicBool::new(false),
            metrics,
            said: Mutex::default(),
        }
    }

    /// Notes down what became of a record.
    pub(super) fn note(&self, report: Report) {
        self.lock().reports.push(report);
    }

    /// How many reports wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().reports.len()
    }

    /// Tells of a record of which librdkafka will not tell.
    pub(super) fn tell(&self, report: Report) {
        let mut state = self.lock();
        state.reports.push(report);
        state.woken = true;
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the pause of whoever listens: something was sent.
    pub(super) fn wake(&self) {
        let was_awake = std::mem::replace(&mut self.lock().woken, true);
        if !was_awake {
            self.changed.notify_one();
        }
    }

    /// Waits until it is woken, at most so long.
    pub(super) fn pause(&self, time: Duration) {
        let mut state = self.lock();
        if !state.woken {
            let waited = self.changed.wait_timeout(state, time);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.woken = false;
    }

    /// What has been heard since the last time.
    pub(super) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.lock().reports)
    }

    /// Whether a producer has said since the last time that it cannot go on.
    pub(super) fn take_fatal(&self) -> bool {
        self.fatal.swap(false, Relaxed)
    }

    pub(super) fn set_fatal(&self) {
        self.fatal.store(true, Relaxed);
    }

    /// Notes down what librdkafka complains of, and says so in the log once in a while.
    ///
    /// Not counted: rdkafka tells of it twice, and what it means for records is counted by them.
    pub(super) fn complain(&self, trouble: Trouble, words: &str) {
        words.clone_into(&mut self.said().words);
        match trouble {
            Trouble::Fatal => self.set_fatal(),
            Trouble::Config => self.say_config(words),
            Trouble::Unreachable
            | Trouble::AckTimeout
            | Trouble::QueueFull
            | Trouble::Replicas
            | Trouble::BatchTooLarge
            | Trouble::TooLarge
            | Trouble::Invalid
            | Trouble::Neighbour
            | Trouble::Purged
            | Trouble::Unconfirmed
            | Trouble::Other => {
                if is_due(&mut self.said().error, Duration::from_secs(10)) {
                    tracing::warn!(cause = trouble.label(), "Kafka: {words}");
                }
            }
        }
    }

    /// Says that Kafka must be set up otherwise, once a minute: nothing gets better by itself.
    pub(super) fn say_config(&self, what: &str) {
        if is_due(&mut self.said().config, Duration::from_mins(1)) {
            tracing::error!(what, "Kafka does not take what is sent: {what}");
        }
    }

    /// Says that librdkafka calls records delivered that no broker has acknowledged.
    pub(super) fn say_unconfirmed(&self) {
        if is_due(&mut self.said().unconfirmed, Duration::from_mins(1)) {
            tracing::warn!(
                "librdkafka calls records delivered that no broker has acknowledged: they are sent \
                 again, and may arrive twice"
            );
        }
    }

    /// What librdkafka complained of last; empty if it never did.
    pub(super) fn last_words(&self) -> String {
        self.said().words.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&KafkaError> for Failure {
    fn from(error: &KafkaError) -> Self {
        let code = error.rdkafka_error_code();
        Self { trouble: code.map_or(Trouble::Other, Trouble::from), code }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, code: None }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            // In words; the code's name says the same.
            Some(code) => write!(out, "{}", code_text(code)),
            None if self.trouble == Trouble::AckTimeout => {
                out.write_str("no acknowledgement in time")
            }
            None => out.write_str(self.trouble.label()),
        }
    }
}

fn code_text(code: RDKafkaErrorCode) -> String {
    let text = code.to_string();
    match text.split_once(" (") {
        Some((_, words)) => words.trim_end_matches(')').to_owned(),
        None => text,
    }
}

fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let now = Instant::now();
    let due = last.is_none_or(|last| now.duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}
