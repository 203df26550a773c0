//! What the browsers sent to the collector, request by request, and what they were answered.
//!
//! The proxy writes it down; checks wait for it and read it. An upload that has been answered
//! with 204 is in the database, so that waiting for one is waiting for the other.

use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// One request to the collector.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    /// The host that the browser asked: the collector's own, or the page's.
    pub host: String,
    /// The path without `/csp/`.
    pub app: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Absent where the connection was closed instead.
    pub answer: Option<u16>,
}

/// What the collector does in place of passing an upload on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Busy,
    HangUp,
}

/// The list of all requests, which can be waited on.
#[derive(Default)]
pub struct Recorder {
    exchanges: Mutex<Vec<Exchange>>,
    faults: Mutex<HashMap<String, Fault>>,
    changed: Notify,
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How many reports the body holds.
    pub fn reports(&self) -> usize {
        match serde_json::from_str(&self.body) {
            Ok(Value::Array(entries)) => entries.len(),
            Ok(_) => 1,
            Err(_) => 0,
        }
    }

    /// An upload, not the question before it.
    pub fn is_upload(&self) -> bool {
        self.method == "POST"
    }
}

impl Recorder {
    pub fn add(&self, exchange: Exchange) {
        lock(&self.exchanges).push(exchange);
        self.changed.notify_waiters();
    }

    /// Lets the next upload for an app fail.
    pub fn fail_next(&self, app: &str, fault: Fault) {
        lock(&self.faults).insert(app.to_owned(), fault);
    }

    pub fn take_fault(&self, app: &str) -> Option<Fault> {
        lock(&self.faults).remove(app)
    }

    /// All requests for an app, in their order.
    pub fn of(&self, app: &str) -> Vec<Exchange> {
        lock(&self.exchanges).iter().filter(|exchange| exchange.app == app).cloned().collect()
    }

    /// All requests.
    pub fn all(&self) -> Vec<Exchange> {
        lock(&self.exchanges).clone()
    }

    /// How many reports for an app are in the database.
    pub fn stored(&self, app: &str) -> usize {
        let exchanges = lock(&self.exchanges);
        let stored = exchanges.iter().filter(|exchange| {
            exchange.app == app && exchange.is_upload() && exchange.answer == Some(204)
        });
        stored.map(Exchange::reports).sum()
    }

    /// Waits until something holds; says whether it did within its time.
    pub async fn wait(&self, patience: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if holds(self) {
                    return;
                }
                changed.await;
            }
        };
        timeout(patience, waiting).await.is_ok()
    }

    /// Waits until nothing has come for a while.
    pub async fn wait_for_quiet(&self, quiet: Duration) {
        loop {
            let changed = self.changed.notified();
            if timeout(quiet, changed).await.is_err() {
                return;
            }
        }
    }
}

/// A panic of another task is told by that task.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
