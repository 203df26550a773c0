//! HTTP to Elasticsearch or OpenSearch.
//!
//! In: a method, a path, a body. Out: a status and the bytes of the answer, or why there is none.
//! It knows where the servers are and how to prove who asks, and nothing of what is said. Several
//! addresses take turns; one that takes no connection is passed over.
//!
//! Certificates are always verified, and there is no setting against it.

use super::credentials::authorization;
use super::settings::{SettingError, Settings};
use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Method, Url, redirect};
use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A client of one cluster.
pub(super) struct Client {
    http: reqwest::Client,
    urls: Vec<Url>,
    turn: AtomicUsize,
    settings: Settings,
    authorization: Mutex<Option<HeaderValue>>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// It was larger than is kept.
    pub(super) is_cut: bool,
}

/// Nothing came back, or not all of it. What was sent may have arrived.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoReply(String);

impl Client {
    /// Makes a client. Reads the files that the settings name; connects to nobody.
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingError> {
        let wrong = |key: &str, message: String| SettingError { key: key.to_owned(), message };
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("cspipe/", env!("CARGO_PKG_VERSION")))
            // What the environment says of proxies is meant for others.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT)
            .timeout(settings.request_timeout)
            .pool_idle_timeout(IDLE);
        if let Some(path) = &settings.ca_file {
            let shown = path.display();
            let pem = std::fs::read(path)
                .map_err(|error| wrong("index.ca_file", format!("cannot read {shown}: {error}")))?;
            let certificates = Certificate::from_pem_bundle(&pem).ok();
            let certificates = certificates.filter(|found| !found.is_empty()).ok_or_else(|| {
                wrong("index.ca_file", format!("{shown} holds no certificate in PEM form"))
            })?;
            http = http.tls_certs_only(certificates);
        }
        let http = http.build().map_err(|error| {
            let key = if settings.ca_file.is_some() { "index.ca_file" } else { "index" };
            wrong(key, format!("no HTTP client can be made: {}", causes(&error)))
        })?;
        Ok(Self {
            http,
            urls: settings.urls()?,
            turn: AtomicUsize::new(0),
            authorization: Mutex::new(authorization(settings)?),
            settings: settings.clone(),
        })
    }

    /// Whether a password would go over the network for all to see.
    pub(super) fn is_open(&self) -> bool {
        let is_local = |url: &Url| {
            url.host_str().is_some_and(|host| {
                host == "localhost" || host.starts_with("127.") || host == "[::1]"
            })
        };
        self.authorization().is_some()
            && self.urls.iter().any(|url| url.scheme() == "http" && !is_local(url))
    }

    /// Sends a request to one of the addresses. `path` has no slash at its beginning.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Reply, NoReply> {
        let first = self.turn.fetch_add(1, Relaxed);
        let mut told = String::new();
        for at in 0..self.urls.len() {
            let url = &self.urls[(first + at) % self.urls.len()];
            match self.send_to(url, &method, path, content_type, body.clone()).await {
                Ok(reply) => {
                    if reply.status == 401 {
                        self.read_credentials_anew();
                    }
                    return Ok(reply);
                }
                Err(error) => {
                    let is_last = at + 1 == self.urls.len();
                    let text = format!("{url}: {}", causes(&error));
                    // Only what has certainly not arrived is sent to another at once.
                    if is_last || !error.is_connect() {
                        told.push_str(&text);
                        return Err(NoReply(told));
                    }
                    told.push_str(&text);
                    told.push_str("; ");
                }
            }
        }
        Err(NoReply(told))
    }

    async fn send_to(
        &self,
        url: &Url,
        method: &Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> reqwest::Result<Reply> {
        let mut target = url.clone();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        target.set_path(&format!("{}{path}", url.path()));
        target.set_query(Some(query).filter(|query| !query.is_empty()));
        let mut request = self.http.request(method.clone(), target);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        if let Some(authorization) = self.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let (mut body, mut is_cut) = (BytesMut::new(), false);
        while let Some(chunk) = response.chunk().await? {
            // Of what is larger than any answer the beginning is enough to say so.
            if body.len() + chunk.len() > MAX_ANSWER {
                is_cut = true;
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, body: body.freeze(), is_cut })
    }

    fn authorization(&self) -> Option<HeaderValue> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A secret in a file may have been replaced.
    fn read_credentials_anew(&self) {
        match authorization(&self.settings) {
            Ok(value) => {
                *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = value;
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}

/// An error and what it came from, without the address, which may be long.
fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        // Some tell what they came from themselves.
        if texts.last().is_none_or(|last: &String| !last.contains(&text)) {
            texts.push(text);
        }
        cause = next.source();
    }
    if error.is_timeout() {
        texts.push("no answer in time".to_owned());
    }
    if texts.is_empty() { "the request failed".to_owned() } else { texts.join(": ") }
}

pub(super) const JSON: &str = "application/json";
pub(super) const LINES: &str = "application/x-ndjson";

const CONNECT: Duration = Duration::from_secs(5);
/// Shorter than what balancers keep an idle connection for.
const IDLE: Duration = Duration::from_secs(20);
/// Larger than what is said of the most records that one request may hold.
const MAX_ANSWER: usize = 64 << 20;
