//! The public side: takes reports in.
//!
//! In comes the head of a request, out goes an answer. Whatever can be refused by the head is
//! refused before a byte of the body is read; hyper sends `100 Continue` with the first attempt to
//! read, and so not to what was refused. A whole body goes to the pipeline, which never waits; the
//! answer then waits for the receipt. Should the client go away meanwhile, the reports are with
//! the sink already.
//!
//! A report that is turned away here was seen by nobody else, so that the pipeline is told to
//! count it. Nothing here looks into a body, and nothing is logged.

use super::budget::Budget;
use super::metrics::Metrics;
use super::route::{Route, route};
use super::settings::{Apps, Settings};
use super::socket::Notes;
use super::status::{Answers, Ending};
use crate::pipeline::{Pipeline, Taken};
use crate::report::Delivery;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, Version};
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Answers the requests of the public listener.
pub(super) struct Intake {
    pipeline: Arc<Pipeline>,
    apps: KnownApps,
    budget: Budget,
    max_body: usize,
    body_timeout: Duration,
    answers: Answers,
    metrics: Metrics,
}

impl Intake {
    pub(super) fn new(settings: &Settings, pipeline: Arc<Pipeline>, metrics: Metrics) -> Self {
        let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Self {
            pipeline,
            apps: KnownApps::new(&settings.apps),
            budget: Budget::new(bytes(settings.max_in_flight), metrics.in_flight_bytes.clone()),
            max_body: bytes(settings.max_body),
            body_timeout: settings.body_timeout,
            answers: Answers::new(settings.retry_after),
            metrics,
        }
    }

    /// Answers one request.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        notes: Arc<Notes>,
    ) -> Response<Full<Bytes>> {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let mut upload = Upload { body, read: false };

        let ending = match check_head(&head, &notes) {
            Err(ending) => ending,
            Ok(()) => self.end(&head, &mut upload).await,
        };
        self.metrics.count_response(ending.code());
        if ending == Ending::Durable {
            self.metrics.observe_ack(began.elapsed());
        }

        let mut answer = self.answers.to(ending);
        if !upload.is_read() {
            // Where the next request begins is not known without reading on.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            notes.refused_body();
        }
        answer
    }

    /// Brings a well-formed request to its end.
    async fn end(&self, head: &Parts, upload: &mut Upload) -> Ending {
        // These two ask for something else than a resource of ours, whatever the path.
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Ending::WrongMethod;
        }
        let app = match route(head.uri.path()) {
            Route::Ingest { app } => app,
            Route::NoAppName => return Ending::NoAppName,
            Route::Unknown => return Ending::UnknownPath,
        };
        match head.method {
            // Whether the application may report does not matter yet: were this refused, the
            // browser would never see the answer to the upload itself.
            Method::OPTIONS => Ending::Preflight,
            Method::POST => match self.apps.refuse(app) {
                Some(ending) => ending,
                None => self.take(head, app, upload).await,
            },
            _ => Ending::WrongMethod,
        }
    }

    /// Reads the body of an accepted application, and hands it to the pipeline.
    async fn take(&self, head: &Parts, app: Option<&str>, upload: &mut Upload) -> Ending {
        let turned_away = TurnedAway(Some(&self.pipeline));

        if is_encoded(&head.headers) {
            return Ending::Encoded;
        }
        let too_large = Ending::TooLarge { limit: self.max_body };
        let announced = match upload.announced() {
            None => self.max_body,
            Some(length) => match usize::try_from(length) {
                Ok(length) if length <= self.max_body => length,
                Ok(_) | Err(_) => return too_large,
            },
        };
        let Some(reservation) = self.budget.reserve(announced) else {
            return Ending::Busy;
        };
        let body = match timeout(self.body_timeout, upload.read(announced)).await {
            Ok(Ok(body)) => body,
            Ok(Err(Unread::TooLarge)) => return too_large,
            Ok(Err(Unread::BrokenOff)) => return Ending::BrokenOff,
            Err(_elapsed) => return Ending::TooSlow,
        };

        let user_agent = text(&head.headers, header::USER_AGENT);
        let content_type = text(&head.headers, header::CONTENT_TYPE);
        let delivery = Delivery {
            received_at: Timestamp::now(),
            app,
            query: head.uri.query(),
            user_agent: user_agent.as_deref(),
            content_type: content_type.as_deref(),
        };
        turned_away.cancel();
        let taken = self.pipeline.take(&body, &delivery);
        drop((body, reservation));
        match taken {
            Taken::Accepted(receipt) => match receipt.await {
                Ok(()) => Ending::Durable,
                Err(_) => Ending::NotDurable,
            },
            Taken::Unreadable(rejection) => Ending::Unreadable(rejection),
            Taken::TooMany { reports, limit } => Ending::TooMany { reports, limit },
            Taken::Overloaded => Ending::Overloaded,
        }
    }
}

/// The body of a request, and whether it was read to its end.
struct Upload {
    body: Incoming,
    read: bool,
}

/// Why a body could not be read to its end.
enum Unread {
    TooLarge,
    BrokenOff,
}

impl Upload {
    /// The length, where the head tells it.
    fn announced(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// Reads the body, at most `room` bytes of it.
    async fn read(&mut self, room: usize) -> Result<Bytes, Unread> {
        let mut whole = BytesMut::new();
        while let Some(frame) = self.body.frame().await {
            let Ok(data) = frame.map_err(|_| Unread::BrokenOff)?.into_data() else {
                // Trailers say nothing that is wanted.
                continue;
            };
            if data.len() > room - whole.len() {
                return Err(Unread::TooLarge);
            }
            if whole.is_empty() && self.body.is_end_stream() {
                // Most bodies come in one piece, and need no copy.
                self.read = true;
                return Ok(data);
            }
            // All at once, so that the memory never grows beyond what was reserved for it.
            whole.reserve(room - whole.len());
            whole.extend_from_slice(&data);
        }
        self.read = true;
        Ok(whole.freeze())
    }

    /// Whether nothing of it is left in the connection.
    fn is_read(&self) -> bool {
        self.read || self.body.is_end_stream()
    }
}

/// Counts one report as turned away when it is dropped.
///
/// Also when the connection ends, and with it the future that reads the body.
struct TurnedAway<'p>(Option<&'p Pipeline>);

impl TurnedAway<'_> {
    fn cancel(mut self) {
        self.0 = None;
    }
}

impl Drop for TurnedAway<'_> {
    fn drop(&mut self) {
        if let Some(pipeline) = self.0 {
            pipeline.refuse();
        }
    }
}

/// The applications of the settings, ready to be asked for.
struct KnownApps {
    /// `None` when every application may report.
    closed: Option<HashSet<String>>,
    retired: HashSet<String>,
}

impl KnownApps {
    fn new(apps: &Apps) -> Self {
        let set = |names: &[String]| names.iter().cloned().collect();
        Self { closed: apps.closed.then(|| set(&apps.known)), retired: set(&apps.retired) }
    }

    /// How a report of this application ends, if it is not to be read.
    fn refuse(&self, app: Option<&str>) -> Option<Ending> {
        if app.is_some_and(|app| self.retired.contains(app)) {
            return Some(Ending::Retired);
        }
        let known = self.closed.as_ref()?;
        (!app.is_some_and(|app| known.contains(app))).then_some(Ending::UnknownApp)
    }
}

/// Refuses what hyper lets through although another server could understand it otherwise.
///
/// hyper itself answers 400 to lengths that differ or are no number, to a last transfer encoding
/// that is not `chunked`, and to any in HTTP/1.0.
fn check_head(head: &Parts, notes: &Notes) -> Result<(), Ending> {
    if head.headers.contains_key(header::CONTENT_LENGTH) {
        notes.claim_length();
    }
    if head.headers.contains_key(header::TRANSFER_ENCODING) {
        let mut encodings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
        let is_chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
        if !encodings.next().is_some_and(is_chunked) || encodings.next().is_some() {
            return Err(Ending::Malformed("a transfer encoding other than chunked"));
        }
        if notes.dropped_length() {
            return Err(Ending::Malformed("both Content-Length and Transfer-Encoding"));
        }
    }
    // RFC 9112 section 3.2.
    let hosts = head.headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && head.version == Version::HTTP_11) {
        return Err(Ending::Malformed("one Host header is needed"));
    }
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_URI {
        return Err(Ending::UriTooLong { limit: MAX_URI });
    }
    Ok(())
}

/// Whether the body is compressed. Browsers never do that; a few bytes could unfold to gigabytes.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| {
        !encoding.is_empty() && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    })
}

/// A header as text. Bytes that are no UTF-8 are replaced.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<Cow<'_, str>> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
}

/// Longer than any endpoint anyone configures, query and all.
const MAX_URI: usize = 2048;
