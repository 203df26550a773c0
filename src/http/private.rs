//! The private side: health and metrics, for those who run the process; of an edge also the demo.
//!
//! It is served on loopback unless told otherwise, and there is no password: whoever reaches it
//! may see every number and may reload the rules. A page in a browser may not: a request with an
//! `Origin` changes nothing here. No report is taken in here, and none can be read.

use super::demo::Demo;
use super::status::PLAIN_TEXT;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// What a private listener shows of any process.
#[derive(Clone)]
pub struct Private {
    /// Every metric of the process.
    pub registry: Registry,
    /// Whether the process can do its work, or why not, in a few words.
    pub ready: Arc<dyn Fn() -> Result<(), &'static str> + Send + Sync>,
    pub version: &'static str,
    pub revision: &'static str,
}

/// What it shows of an edge beside that, and what it can set going there.
#[derive(Clone)]
pub struct Edge {
    /// Reads the rules anew, and tells in words what is in force now, or what is wrong with them.
    pub reload: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// The database in which the demo's records can be looked up; absent when they go to Kafka.
    pub database: Option<PathBuf>,
}

/// Answers the requests of a private listener.
pub(super) struct Desk {
    parts: Private,
    edge: Option<(Edge, Demo)>,
    stop: watch::Receiver<bool>,
}

impl Desk {
    /// `stop` turns true when the process is about to end, and is then not ready any more.
    pub(super) fn new(
        parts: Private,
        edge: Option<(Edge, Demo)>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { parts, edge, stop }
    }

    /// Answers one request.
    pub(super) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let mut answer = match (request.uri().path(), &self.edge) {
            ("/reload", Some((edge, _))) if request.method() == Method::POST => {
                reload(edge, request.headers()).await
            }
            ("/reload", Some(_)) => wrong_method("POST"),
            (path, edge) if !is_read(&request) && is_shown(path, edge.is_some()) => {
                wrong_method("GET, HEAD")
            }
            ("/", Some(_)) => text(StatusCode::OK, CONTENTS_OF_EDGE),
            ("/", None) => text(StatusCode::OK, CONTENTS),
            ("/healthz", _) => text(StatusCode::OK, "ok\n"),
            ("/readyz", _) => self.readyz(),
            ("/metrics", _) => self.metrics(),
            ("/version", _) => self.version(),
            ("/demo", Some((_, demo))) => show(demo, request.headers()),
            _ => text(StatusCode::NOT_FOUND, "nothing here; GET / lists what there is\n"),
        };
        let headers = answer.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    fn readyz(&self) -> Answer {
        let ready = if *self.stop.borrow() { Err("stopping") } else { (self.parts.ready)() };
        match ready {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        }
    }

    fn metrics(&self) -> Answer {
        match TextEncoder::new().encode_to_string(&self.parts.registry.gather()) {
            Ok(metrics) => typed(HeaderValue::from_static(TEXT_FORMAT), metrics),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    fn version(&self) -> Answer {
        let version = serde_json::json!({
            "version": self.parts.version,
            "revision": self.parts.revision,
        });
        typed(HeaderValue::from_static("application/json"), format!("{version}\n"))
    }
}

fn show(demo: &Demo, headers: &HeaderMap) -> Answer {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let page = demo.page(host);
    let Ok(policy) = HeaderValue::try_from(page.policy) else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "the policy cannot be sent\n");
    };
    let mut answer = typed(HeaderValue::from_static("text/html; charset=utf-8"), page.html);
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
}

/// Reads the rules anew, on a thread of its own: it takes long enough to hold up a scrape.
async fn reload(edge: &Edge, headers: &HeaderMap) -> Answer {
    // Any page that the operator has open could post here; browsers then say which.
    if headers.contains_key(header::ORIGIN) {
        return text(StatusCode::FORBIDDEN, "not from a web page\n");
    }
    let reload = Arc::clone(&edge.reload);
    match spawn_blocking(move || reload()).await {
        Ok(Ok(told)) => text(StatusCode::OK, format!("{told}\n")),
        Ok(Err(told)) => text(StatusCode::UNPROCESSABLE_ENTITY, format!("{told}\n")),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "reloading broke off\n"),
    }
}

fn is_read(request: &Request<Incoming>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Whether there is something to read at a path.
fn is_shown(path: &str, of_edge: bool) -> bool {
    matches!(path, "/" | "/healthz" | "/readyz" | "/metrics" | "/version")
        || (of_edge && path == "/demo")
}

type Answer = Response<Full<Bytes>>;

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = typed(PLAIN_TEXT, text);
    *answer.status_mut() = status;
    answer
}

fn typed(content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    answer
}

fn wrong_method(allow: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {allow}\n"));
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

const CONTENTS: &str = "\
cspipe

GET  /healthz  whether the process lives
GET  /readyz   whether it can do its work
GET  /metrics  all numbers, for Prometheus
GET  /version  which build this is
";

const CONTENTS_OF_EDGE: &str = "\
cspipe

GET  /demo     a page that breaks its own policy: open it in a browser
GET  /healthz  whether the process lives
GET  /readyz   whether reports can be stored
GET  /metrics  all numbers, for Prometheus
GET  /version  which build this is
POST /reload   reads the rules anew
";
