//! What can be set about the indexer, and what that means to librdkafka.
//!
//! In: the section `index` of the settings, and the section `kafka`, which edge and indexer share.
//! Out: checked settings, and the configuration of a consumer that keeps what a commit promises. A
//! property that would break that is refused by its name.

use super::credentials::Secret;
use bytesize::ByteSize;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Settings of `cspipe index`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Addresses of Elasticsearch or OpenSearch, several with commas between.
    pub elasticsearch: Option<String>,
    /// Where health and metrics of the indexer are served.
    pub private: SocketAddr,
    /// The consumer group. All indexers of one group share the partitions.
    pub group: String,
    /// The last part of the data streams' names.
    pub namespace: String,
    /// How many records go into one request, at most.
    pub batch_records: usize,
    /// How many bytes go into one request, at most; a single larger record goes by itself.
    pub batch_bytes: ByteSize,
    /// How long the first record of a request waits for company.
    #[serde(with = "duration")]
    pub linger: Duration,
    /// How many requests of one stream may be under way.
    pub requests: usize,
    /// How many bytes of records may be held until Elasticsearch has answered, over all streams.
    pub in_flight_bytes: ByteSize,
    /// How many bytes librdkafka may fetch ahead.
    pub fetch_bytes: ByteSize,
    /// How long one request may take.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// How often offsets are committed.
    #[serde(with = "duration")]
    pub commit_interval: Duration,
    /// The first pause after Elasticsearch took nothing; doubled each time up to the longest.
    #[serde(with = "duration")]
    pub pause: Duration,
    /// The longest pause.
    #[serde(with = "duration")]
    pub pause_max: Duration,
    /// Basic authentication, with `password` or `password_file`.
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    /// An API key as Elasticsearch encodes it (`encoded` in its answer).
    pub api_key: Option<Secret>,
    pub api_key_file: Option<PathBuf>,
    /// Certificates in PEM form that may have signed Elasticsearch's, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key `{key}`: {message}")]
pub struct SettingError {
    pub key: String,
    pub message: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            elasticsearch: None,
            private: SocketAddr::from((Ipv4Addr::LOCALHOST, 8082)),
            group: "cspipe-index".to_owned(),
            namespace: "default".to_owned(),
            batch_records: 2000,
            batch_bytes: ByteSize::mib(4),
            linger: Duration::from_millis(500),
            requests: 2,
            in_flight_bytes: ByteSize::mib(64),
            fetch_bytes: ByteSize::mib(16),
            request_timeout: Duration::from_secs(30),
            commit_interval: Duration::from_secs(1),
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(10),
            username: None,
            password: None,
            password_file: None,
            api_key: None,
            api_key_file: None,
            ca_file: None,
        }
    }
}

impl Settings {
    /// Finds what no single value can get wrong. Connects to nobody and opens no file.
    ///
    /// # Errors
    ///
    /// The first mistake, with its key.
    pub fn check(&self) -> Result<(), SettingError> {
        if self.elasticsearch.is_some() {
            self.urls()?;
        }
        if self.group.trim().is_empty() {
            return wrong("group", "empty; leave it out for cspipe-index");
        }
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=100).contains(&self.namespace.len()) || !self.namespace.bytes().all(is_part) {
            return wrong("namespace", "1 to 100 small letters, digits and underscores");
        }
        if self.batch_records == 0 || self.batch_records > MOST_RECORDS {
            return wrong("batch_records", &format!("must be between 1 and {MOST_RECORDS}"));
        }
        if self.batch_bytes < LEAST_BATCH || self.batch_bytes > MOST_BATCH {
            return wrong(
                "batch_bytes",
                &format!("must be between {LEAST_BATCH} and {MOST_BATCH}"),
            );
        }
        if self.requests == 0 || self.requests > MOST_REQUESTS {
            return wrong("requests", &format!("must be between 1 and {MOST_REQUESTS}"));
        }
        let least = ByteSize(self.batch_bytes.as_u64() * 8);
        if self.in_flight_bytes < least || self.in_flight_bytes > MOST_IN_FLIGHT {
            let message =
                format!("must be between {least}, 8 times batch_bytes, and {MOST_IN_FLIGHT}");
            return wrong("in_flight_bytes", &message);
        }
        if self.fetch_bytes < LEAST_FETCH || self.fetch_bytes > MOST_IN_FLIGHT {
            let message = format!("must be between {LEAST_FETCH} and {MOST_IN_FLIGHT}");
            return wrong("fetch_bytes", &message);
        }
        if self.pause.is_zero() || self.pause_max < self.pause {
            return wrong("pause", "must be above zero, and not longer than pause_max");
        }
        for (key, time) in
            [("request_timeout", self.request_timeout), ("commit_interval", self.commit_interval)]
        {
            if time.is_zero() {
                return wrong(key, "must be longer than nothing");
            }
        }
        let given = |ways: [bool; 2]| ways.into_iter().filter(|given| *given).count();
        let passwords = given([self.password.is_some(), self.password_file.is_some()]);
        let keys = given([self.api_key.is_some(), self.api_key_file.is_some()]);
        if passwords > 1 {
            return wrong("password", "give password or password_file, not both");
        }
        if keys > 1 {
            return wrong("api_key", "give api_key or api_key_file, not both");
        }
        if keys > 0 && (passwords > 0 || self.username.is_some()) {
            return wrong("api_key", "give an API key or a username with its password, not both");
        }
        if (passwords > 0) != self.username.is_some() {
            return wrong("username", "needs password or password_file, and they need it");
        }
        Ok(())
    }

    /// The addresses, each with a path that ends in a slash.
    ///
    /// # Errors
    ///
    /// When one is missing or is no address of an HTTP server.
    pub fn urls(&self) -> Result<Vec<Url>, SettingError> {
        let example = "such as http://localhost:9200";
        let Some(addresses) = &self.elasticsearch else {
            let message = format!("not set; --elasticsearch URL, {example}");
            return wrong("elasticsearch", &message);
        };
        let mut urls = Vec::new();
        for address in addresses.split(',').map(str::trim) {
            // The address itself may hold a password, and is not told.
            let Ok(mut url) = Url::parse(address) else {
                return wrong("elasticsearch", &format!("expected addresses {example}"));
            };
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                let message = format!("expected http:// or https:// and a host, {example}");
                return wrong("elasticsearch", &message);
            }
            if !url.username().is_empty() || url.password().is_some() {
                let message = "no name and password in the address, which is logged; use \
                               index.username and index.password_file";
                return wrong("elasticsearch", message);
            }
            if url.query().is_some() || url.fragment().is_some() {
                return wrong("elasticsearch", "no query and no fragment in the address");
            }
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            urls.push(url);
        }
        Ok(urls)
    }

    /// The data stream of a stream of records.
    pub fn data_stream(&self, stream: crate::report::Stream) -> String {
        use crate::report::Stream;
        let dataset = match stream {
            Stream::Clean => "violation",
            Stream::Filtered => "filtered",
            Stream::Other => "other",
            Stream::Rejected => "rejected",
        };
        format!("logs-csp.{dataset}-{}", self.namespace)
    }
}

pub(super) fn wrong<T>(key: &str, message: &str) -> Result<T, SettingError> {
    Err(SettingError { key: format!("index.{key}"), message: message.to_owned() })
}

const MOST_RECORDS: usize = 100_000;
const MOST_REQUESTS: usize = 16;
const LEAST_BATCH: ByteSize = ByteSize::kib(16);
/// Elasticsearch takes 100 MB unless told otherwise, and says itself that a few are best.
const MOST_BATCH: ByteSize = ByteSize::mib(64);
const MOST_IN_FLIGHT: ByteSize = ByteSize::gib(2);
/// Half of it is fetched from a broker at once, which must not be less than one message may have.
const LEAST_FETCH: ByteSize = ByteSize::mib(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn every_mistake_names_its_key() {
        let url = |text: &str| {
            let text = text.to_owned();
            error_of(|settings| settings.elasticsearch = Some(text))
        };
        for address in ["", "localhost:9200", "ftp://x", "http://a, ", "http://a?x=1"] {
            assert!(url(address).starts_with("key `index.elasticsearch`: "), "{address}");
        }
        let told = url("https://elastic:hunter2@x:9200");
        assert!(told.contains("index.password_file") && !told.contains("hunter2"), "{told}");
        assert_eq!(url("https://a:9200, http://b/prefix"), "");

        let secret = || Some(Secret::new("x".to_owned()));
        assert!(error_of(|s| s.password = secret()).starts_with("key `index.username`"));
        assert!(error_of(|s| s.username = Some("x".to_owned())).contains("password_file"));
        let both = error_of(|s| {
            s.username = Some("x".to_owned());
            s.password = secret();
            s.api_key = secret();
        });
        assert!(both.starts_with("key `index.api_key`"), "{both}");
        assert!(error_of(|s| s.namespace = "Prod-1".to_owned()).contains("index.namespace"));
        assert!(error_of(|s| s.in_flight_bytes = ByteSize::mib(4)).contains("in_flight_bytes"));
    }
}
