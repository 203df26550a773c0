//! How far a long look into the store has come.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// A bar on standard error, for eyes only: nothing is drawn into a file or a pipe.
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
    is_shown: bool,
}

impl Progress {
    /// Begins. `what` is counted, for instance `records`.
    pub fn begin(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let template = format!("{{bar:40}} {{human_pos}} of {{human_len}} {what}, {{eta}} to go");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self { bar, begun: Instant::now(), is_shown: false }
    }

    /// Shows how far it has come, unless it has only just begun: what is done within a second
    /// needs no bar.
    pub fn show(&mut self, done: u64, all: u64) {
        if done.is_multiple_of(EVERY) {
            self.show_now(done, all);
        }
    }

    /// The same, where it is called seldom.
    pub fn show_now(&mut self, done: u64, all: u64) {
        if !self.is_shown && self.begun.elapsed() >= PATIENCE {
            self.bar.set_length(all);
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.is_shown = true;
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Of how many the last one is shown; asking the clock each time would cost more than the rest.
const EVERY: u64 = 100;
/// How long nothing is drawn.
const PATIENCE: Duration = Duration::from_secs(1);
