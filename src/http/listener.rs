//! Accept loops, and the life of one connection.
//!
//! In comes a bound socket, out go requests to whoever responds. Each thread runs one loop on a
//! runtime of its own, so that a connection never changes threads. The threads share one socket:
//! with `SO_REUSEPORT` each would have a backlog of its own, and closing it would reset what
//! waits there.
//!
//! hyper serves HTTP/1 alone: the builder that guesses the protocol does not time out a client
//! that says nothing. Nothing here knows a path or a status code of ours, and nothing is logged
//! for a single connection.

use super::metrics::Metrics;
use super::socket::{Notes, Socket};
use super::status::Code;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntGauge;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

/// What the accept loops of one address share.
#[derive(Debug)]
pub(super) struct Acceptor {
    /// One permit for each connection that may be open.
    pub(super) permits: Arc<Semaphore>,
    /// Turns true, or closes, when the loop shall end.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) head_timeout: Duration,
    pub(super) max_age: Duration,
    pub(super) drain_timeout: Duration,
    /// Absent where the connections are not worth counting.
    pub(super) metrics: Option<Metrics>,
    pub(super) complaints: Complaints,
}

/// When the last failure to accept was logged, so that a flood of them is one line now and then.
#[derive(Debug)]
pub(super) struct Complaints {
    began: Instant,
    /// Second after `began` before which nothing is logged.
    quiet_until: AtomicU64,
}

impl Acceptor {
    /// Accepts connections until it is told to stop, and returns when they are closed.
    ///
    /// A connection that waits in the backlog when the loop stops is still served: closing the
    /// socket would reset it, and a report on it would be lost.
    pub(super) async fn run<F, R>(self: Arc<Self>, listener: std::net::TcpListener, respond: F)
    where
        F: Fn(Request<Incoming>, Arc<Notes>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "cannot watch the listening socket: {error}");
                return;
            }
        };
        // Nothing is ever sent: a connection that ends drops its sender.
        let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
        let mut stop = self.stop.clone();
        let spawn = |stream, permit| {
            let connection = Arc::clone(&self).serve(stream, respond.clone());
            let open = open.clone();
            tokio::spawn(async move {
                connection.await;
                drop((permit, open));
            });
        };

        loop {
            select! {
                biased;
                () = stopped(&mut stop) => break,
                (stream, permit) = self.accept(&listener) => spawn(stream, permit),
            }
        }
        if let Ok(listener) = listener.into_std() {
            while let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned()
                && let Ok((stream, _)) = listener.accept()
                && let Ok(stream) = into_tokio(stream)
            {
                spawn(stream, permit);
            }
        }

        drop(open);
        let drained = timeout(self.drain_timeout, all_closed.recv()).await;
        if drained.is_err() {
            tracing::warn!("some connections were cut because they did not end in time");
        }
    }

    /// The next connection. What cannot be accepted is counted, and tried again.
    async fn accept(&self, listener: &TcpListener) -> (TcpStream, OwnedSemaphorePermit) {
        let permit = self.permit().await;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return (stream, permit),
                Err(error) => {
                    if let Some(metrics) = &self.metrics {
                        metrics.accept_errors.inc();
                    }
                    // That one client went away says nothing about the next.
                    if !is_of_one_client(&error) {
                        self.complaints.log(&error);
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    /// Waits until one more connection may be open. Those that come meanwhile stay in the
    /// backlog, where they cost nothing.
    async fn permit(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        if let Some(metrics) = &self.metrics {
            metrics.accept_waits.inc();
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.expect("nobody closes the semaphore")
    }

    /// Serves one connection until either side closes it.
    async fn serve<F, R>(self: Arc<Self>, stream: TcpStream, respond: F)
    where
        F: Fn(Request<Incoming>, Arc<Notes>) -> R,
        R: Future<Output = Response<Full<Bytes>>>,
    {
        let _open = self.metrics.as_ref().map(|metrics| Open::new(&metrics.connections));
        // An answer is one small packet, and nothing follows that it could wait for.
        let _ = stream.set_nodelay(true);
        let (socket, notes) = Socket::new(stream);
        let heard = Arc::clone(&notes);
        let (opened, max_age, is_ending) = (Instant::now(), self.max_age, self.stop.clone());
        let service = service_fn(move |request| {
            let response = respond(request, Arc::clone(&notes));
            let is_ending = is_ending.clone();
            async move {
                let mut response = response.await;
                // Told with an answer: whoever closes between two requests loses the one that is on
                // its way. A connection without requests is given up after `head_timeout`.
                if opened.elapsed() >= max_age || *is_ending.borrow() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .max_buf_size(MAX_HEAD)
            .max_header_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            // A client that has shut down its side still gets its answer.
            .half_close(true)
            .serve_connection(TokioIo::new(socket), service);
        let mut connection = pin!(connection);

        let time_to_close = async {
            let mut stop = self.stop.clone();
            select! {
                () = stopped(&mut stop) => {
                    // hyper would close a connection on which nothing was read at once, and so
                    // lose the request that is on its way.
                    sleep(if heard.heard() { NEXT_REQUEST } else { FIRST_REQUEST }).await;
                }
                // By then it was told to, or has rested for too long; this one reads no answers.
                () = sleep(self.max_age + self.head_timeout) => {}
            }
        };
        let ended = select! {
            biased;
            ended = connection.as_mut() => ended,
            () = time_to_close => {
                connection.as_mut().graceful_shutdown();
                match timeout(self.drain_timeout, connection).await {
                    Ok(ended) => ended,
                    Err(_cut) => return,
                }
            }
        };
        if let (Err(error), Some(metrics)) = (ended, &self.metrics)
            && error.is_parse()
            && !error.is_parse_version_h2()
        {
            // hyper has answered this one by itself; to HTTP/2 it says nothing.
            let is_large = error.is_parse_too_large();
            metrics.count_response(if is_large { Code::HeadTooLarge } else { Code::BadRequest });
        }
    }
}

impl Complaints {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), quiet_until: AtomicU64::new(0) }
    }

    fn log(&self, error: &io::Error) {
        let now = self.began.elapsed().as_secs();
        let mine = self.quiet_until.fetch_update(Relaxed, Relaxed, |quiet_until| {
            (now >= quiet_until).then_some(now + COMPLAINT_EVERY.as_secs())
        });
        if mine.is_ok() {
            tracing::warn!(%error, "cannot accept connections: {error}");
        }
    }
}

/// One open connection, in the gauge.
struct Open<'m>(&'m IntGauge);

impl<'m> Open<'m> {
    fn new(connections: &'m IntGauge) -> Self {
        connections.inc();
        Self(connections)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Waits for the word to stop. Whoever could give it having gone is as good.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn into_tokio(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// Whether accepting failed because of the client, and not for want of files or memory.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// hyper takes heads of half a megabyte and a hundred headers unless told otherwise. The buffer
/// alone does not bound a head: it may arrive in one read that is a little larger.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;

/// How long nothing is accepted after the system could not hand over a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const COMPLAINT_EVERY: Duration = Duration::from_secs(10);

/// How long a new connection may take for its first byte when the process is told to stop.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// And one that is between two requests: what was sent before that is read and answered.
const NEXT_REQUEST: Duration = Duration::from_millis(100);
