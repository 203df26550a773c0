//! What can be set about the two listeners.

use crate::report::is_app_name;
use bytesize::ByteSize;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Settings of the listeners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where reports are taken in. Browsers, or the proxy in front, must reach this address.
    pub listen: SocketAddr,
    /// Where health, metrics and the demo are served. Keep it away from the internet.
    pub private: SocketAddr,
    /// How many threads serve the public address; 0 is one for each core.
    pub threads: usize,
    /// How many public connections may be open. More wait, unanswered, until one closes. Each may
    /// hold 32 KiB of an unfinished request head.
    pub max_connections: NonZeroUsize,
    /// The largest body that is read; it should hold a whole batch of Chromium's 100 reports.
    pub max_body: ByteSize,
    /// How many bytes of bodies may be on their way in, over all connections. A body counts with
    /// its announced length, or with `max_body` where none is announced. Beyond that, requests
    /// are turned away before their body is read. At least `max_body`.
    pub max_in_flight: ByteSize,
    /// How long a request head may take. The time runs from the end of the previous answer, so
    /// it is also how long an idle connection is kept. A proxy in front must give up its idle
    /// connections sooner, or it will now and then use one that is just being closed.
    #[serde(with = "duration")]
    pub head_timeout: Duration,
    /// How long the whole body may take, from the end of the head.
    #[serde(with = "duration")]
    pub body_timeout: Duration,
    /// How old a connection may grow before it is told to close, so that load spreads over new
    /// instances. It is told with an answer, as whoever closes between two requests loses the one
    /// that is on its way. It is cut `head_timeout` and `drain_timeout` later, should the client not
    /// read its answers.
    #[serde(with = "duration")]
    pub max_connection_age: Duration,
    /// How long requests that are being answered may take when the process is told to stop.
    #[serde(with = "duration")]
    pub drain_timeout: Duration,
    /// When a client that was turned away for want of room should come back; whole seconds.
    #[serde(with = "duration")]
    pub retry_after: Duration,
    /// Which applications may report.
    pub apps: Apps,
}

/// Which applications may report, by the name in the path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Apps {
    /// Whether only known applications may report. A path without a name is then unknown too: a
    /// name in the query is not looked at before the body is read.
    pub closed: bool,
    /// The names that may report when `closed`.
    #[serde(deserialize_with = "app_names")]
    pub known: Vec<String>,
    /// The names that are answered with 410 for ever. Chromium then forgets an endpoint that
    /// `Report-To` gave it, so that a name put here by mistake is not easily taken back.
    #[serde(deserialize_with = "app_names")]
    pub retired: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            private: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            threads: 0,
            max_connections: const { NonZeroUsize::new(20_000).expect("above zero") },
            max_body: ByteSize::kib(512),
            max_in_flight: ByteSize::mib(256),
            head_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            max_connection_age: Duration::from_mins(5),
            drain_timeout: Duration::from_secs(12),
            retry_after: Duration::from_secs(5),
            apps: Apps::default(),
        }
    }
}

fn app_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    match names.iter().find(|name| !is_app_name(name)) {
        None => Ok(names),
        Some(name) => Err(D::Error::custom(format_args!(
            "{name:?} is no app name: 1 to 64 letters, digits, dots, hyphens, underscores"
        ))),
    }
}
