//! What a process is told from outside.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean something to an edge or an indexer.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over; from now on none of them ends the process by itself.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT; at each SIGHUP does what it is for.
    pub(super) async fn told_to_end(&mut self, hangup: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => hangup(),
            }
        }
    }

    /// Waits for another SIGTERM or SIGINT.
    pub(super) async fn told_to_hurry(&mut self) {
        self.told_to_end(|| {}).await;
        tracing::warn!("told again: what is not done at once is given up, and nothing is lost");
    }
}
