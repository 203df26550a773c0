//! The load: clients that send numbered reports over connections they keep.
//!
//! Each client sends one request after the other, at a bounded rate, and writes down what it was
//! answered. Where nobody listens it tries again until somebody does; a request has a number only
//! once a connection is open. No request is ever sent twice, so that a report that is found under
//! two ids was made twice by cspipe.

use crate::ledger::{End, Ledger};
use crate::reports::{self, Kind, REPORTS_PER_REQUEST};
use crate::wire::{Answer, Connection};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Clients at work. Dropping it ends them.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    ledger: Arc<Ledger>,
    edge: Mutex<Option<SocketAddr>>,
    /// The edge was told to end: from now on a connection may close without an answer.
    may_close: AtomicBool,
    /// The edge is killed now and then: a connection may close at any time.
    may_break: bool,
    is_done: AtomicBool,
    /// Between two requests of one client.
    pause: Duration,
}

impl Load {
    /// Lets clients send so many reports a second altogether, as soon as [`Self::aim`] has told
    /// them where to.
    pub fn start(ledger: &Arc<Ledger>, reports_per_second: u32, may_break: bool) -> Self {
        let clients = f64::from(CLIENTS);
        let requests_per_second = f64::from(reports_per_second) / REPORTS_PER_REQUEST;
        let shared = Arc::new(Shared {
            ledger: Arc::clone(ledger),
            edge: Mutex::new(None),
            may_close: AtomicBool::new(false),
            may_break,
            is_done: AtomicBool::new(false),
            pause: Duration::from_secs_f64(clients / requests_per_second),
        });
        let client = |at: u32| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // So that clients do not send at the same moments.
                thread::sleep(shared.pause * at / CLIENTS);
                shared.send();
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// Tells where the edge listens now, or that it is gone.
    pub fn aim(&self, edge: Option<SocketAddr>) {
        self.shared.may_close.store(edge.is_none(), SeqCst);
        *self.shared.edge.lock().unwrap_or_else(PoisonError::into_inner) = edge;
    }

    /// The edge is about to be told to end, and new connections may still be tried.
    pub fn let_go(&self) {
        self.shared.may_close.store(true, SeqCst);
    }

    /// Waits for the last answers.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_done.store(true, SeqCst);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

impl Shared {
    /// One client, until the load is stopped.
    fn send(&self) {
        let mut connection: Option<(SocketAddr, Connection)> = None;
        let (mut due, mut used) = (Instant::now(), Instant::now());
        while !self.is_done.load(SeqCst) {
            let Some(edge) = *self.edge.lock().unwrap_or_else(PoisonError::into_inner) else {
                connection = None;
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // What a slow answer cost is not made up for.
            due = due.max(Instant::now()) + self.pause;
            // A connection that has rested, because this machine did, may be closing at the other end.
            let kept = connection.take();
            let kept = kept.filter(|(address, _)| *address == edge && used.elapsed() < REST);
            let Some(mut open) = kept.map(|(_, open)| open).or_else(|| Connection::open(edge).ok())
            else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            if let Some(answer) = self.exchange(&mut open)
                && !answer.closes
            {
                connection = Some((edge, open));
            }
            used = Instant::now();
        }
    }

    /// Sends one request and writes down how it ended.
    fn exchange(&self, connection: &mut Connection) -> Option<Answer> {
        let request = self.ledger.next();
        let began = Instant::now();
        let sent = connection.send(&reports::request(request));
        // Looked at after the whole request was with the system: before it was told to end.
        let must_be_answered = sent.is_ok() && !self.may_close.load(SeqCst) && !self.may_break;
        let answer = match connection.answer() {
            Ok(answer) => answer,
            Err(error) => {
                if must_be_answered {
                    let after = began.elapsed();
                    let complaint =
                        format!("request {request} had no answer: {error}, after {after:.1?}");
                    self.ledger.complain(complaint);
                }
                return None;
            }
        };
        let is_unreadable = reports::kind(request) == Kind::Unreadable;
        let end = match answer.status {
            204 if !is_unreadable => End::Accepted,
            400 if is_unreadable => End::Unreadable,
            503 => End::Refused,
            status => {
                let complaint = format!("request {request} was answered {status}: {}", answer.body);
                self.ledger.complain(complaint);
                End::Unanswered
            }
        };
        if end == End::Refused && !answer.has_retry_after {
            self.ledger.complain(format!("request {request}: 503 without Retry-After"));
        }
        self.ledger.ended(request, end, began.elapsed());
        Some(answer)
    }
}

/// Enough that waiting for half a second each still is a load.
const CLIENTS: u32 = 32;

/// How long a connection is kept without a request. The edge gives it up after five seconds.
const REST: Duration = Duration::from_secs(2);
