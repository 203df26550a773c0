//! The private side: health, metrics and the demo, for those who run the edge.
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

/// What the private listener shows, and what it can set going.
#[derive(Clone)]
pub struct Private {
    /// Every metric of the process.
    pub registry: Registry,
    /// Whether reports can be stored. It says nothing about Kafka, whose outage the spool bridges.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Reads the rules anew, and tells in words what is in force now, or what is wrong with them.
    pub reload: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
    pub version: &'static str,
    pub revision: &'static str,
    /// The database in which the demo's records can be looked up; absent when they go to Kafka.
    pub database: Option<PathBuf>,
}

/// Answers the requests of the private listener.
pub(super) struct Desk {
    parts: Private,
    demo: Demo,
    stop: watch::Receiver<bool>,
}

impl Desk {
    /// `stop` turns true when the process is about to end, and is then not ready any more.
    pub(super) fn new(parts: Private, demo: Demo, stop: watch::Receiver<bool>) -> Self {
        Self { parts, demo, stop }
    }

    /// Answers one request.
    pub(super) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        let mut answer = match request.uri().path() {
            "/reload" if request.method() == Method::POST => self.reload(request.headers()).await,
            "/reload" => wrong_method("POST"),
            "/" | "/healthz" | "/readyz" | "/metrics" | "/version" | "/demo" if !is_get => {
                wrong_method("GET, HEAD")
            }
            "/" => text(StatusCode::OK, CONTENTS),
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readyz(),
            "/metrics" => self.metrics(),
            "/version" => self.version(),
            "/demo" => self.demo(request.headers()),
            _ => text(StatusCode::NOT_FOUND, "nothing here; GET / lists what there is\n"),
        };
        let headers = answer.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    fn readyz(&self) -> Answer {
        if *self.stop.borrow() {
            text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        } else if (self.parts.ready)() {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "reports cannot be stored\n")
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

    fn demo(&self, headers: &HeaderMap) -> Answer {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let page = self.demo.page(host);
        let Ok(policy) = HeaderValue::try_from(page.policy) else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the policy cannot be sent\n");
        };
        let mut answer = typed(HeaderValue::from_static("text/html; charset=utf-8"), page.html);
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        answer
    }

    /// Reads the rules anew, on a thread of its own: it takes long enough to hold up a scrape.
    async fn reload(&self, headers: &HeaderMap) -> Answer {
        // Any page that the operator has open could post here; browsers then say which.
        if headers.contains_key(header::ORIGIN) {
            return text(StatusCode::FORBIDDEN, "not from a web page\n");
        }
        let reload = Arc::clone(&self.parts.reload);
        match spawn_blocking(move || reload()).await {
            Ok(Ok(told)) => text(StatusCode::OK, format!("{told}\n")),
            Ok(Err(told)) => text(StatusCode::UNPROCESSABLE_ENTITY, format!("{told}\n")),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "reloading broke off\n"),
        }
    }
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

GET  /demo     a page that breaks its own policy: open it in a browser
GET  /healthz  whether the process lives
GET  /readyz   whether reports can be stored
GET  /metrics  all numbers, for Prometheus
GET  /version  which build this is
POST /reload   reads the rules anew
";
