//! Makes a new producer in the place of one that cannot go on.
//!
//! In: that a producer has said so. Out: another one, not too often: where the reason stays, as
//! when permissions are missing, each new one ends the same way.

use super::courier::Courier;
use super::producer::Producer;
use super::trouble::Trouble;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Producers that follow each other.
#[derive(Debug)]
pub(super) struct Replacing {
    /// Those that were replaced, and have not told of all that they were given.
    retired: Vec<Arc<Producer>>,
    /// Before, none is made.
    next: Instant,
    wait: Duration,
}

impl Replacing {
    pub(super) const fn new(now: Instant) -> Self {
        Self { retired: Vec::new(), next: now, wait: SHORTEST }
    }

    /// Hears what those that were replaced have to tell.
    pub(super) fn poll(&mut self) {
        self.retired.retain(|old| {
            old.poll();
            old.outstanding() > 0
        });
    }

    /// How many records they have not told of.
    pub(super) fn outstanding(&self) -> usize {
        self.retired.iter().map(|old| old.outstanding()).sum()
    }

    /// Replaces the producer if it cannot go on and it is time. Until then nothing is sent: it fails
    /// all that it is given, and the breaker opens.
    pub(super) fn replace(&mut self, courier: &Courier, now: Instant) {
        if now < self.next || !courier.heard.take_fatal() {
            return;
        }
        let old = courier.producer.load_full();
        let Some((trouble, why)) = old.fatal_error() else { return };
        tracing::error!(why, "the producer cannot go on and is made anew: {why}");
        if trouble == Trouble::Config {
            courier.metrics.count_error(trouble);
            courier.spool.note(why);
        }
        // One that has lived for long says nothing about the next.
        if now.saturating_duration_since(self.next) > LONGEST {
            self.wait = SHORTEST;
        }
        self.next = now + self.wait;
        self.wait = (self.wait * 2).min(LONGEST);
        match Producer::new(courier.settings(), courier.edge(), Arc::clone(&courier.heard)) {
            Ok(new) => {
                courier.producer.store(Arc::new(new));
                old.purge();
                self.retired.push(old);
            }
            Err(error) => {
                tracing::error!(%error, "no producer can be made, and will be tried again: {error}");
                courier.heard.set_fatal();
            }
        }
    }
}

/// The pause after the first replacement, doubled with each that follows soon.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
