//! What Elasticsearch or OpenSearch must know before it is sent anything.
//!
//! In: the files of `config/elasticsearch` and `config/opensearch`, compiled in. Out: component and
//! index templates on the server, and the data streams. Doing it again changes nothing. A server
//! that is not up yet is waited for, so that it can be asked by whatever starts beside it.

use super::client::{Client, JSON};
use super::settings::{SettingError, Settings};
use crate::report::Stream;
use bytes::Bytes;
use reqwest::Method;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Why it is not set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    /// It does not answer, or not as Elasticsearch does.
    #[error("{0}")]
    Unavailable(String),
    /// It answers, and does not take what it is told.
    #[error("{what}: {why}")]
    Refused { what: String, why: String },
}

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Elasticsearch,
    OpenSearch,
}

/// One thing to tell it.
struct Step {
    /// In words, for people.
    what: String,
    path: String,
    body: &'static str,
}

/// Sets up the server, and tells each thing that was done in a line. A server that is not up yet is
/// waited for, at most so long.
///
/// # Errors
///
/// When it does not answer in time, or refuses something.
pub fn set_up(
    settings: &Settings,
    wait: Duration,
    mut tell: impl FnMut(&str),
) -> Result<(), SetupError> {
    settings.check()?;
    let client = Client::new(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SetupError::Runtime)?;
    runtime.block_on(async {
        let (flavour, version) = find(&client, wait).await?;
        tell(&format!("{} {version}", flavour.name()));
        for step in flavour.templates() {
            put(&client, &step).await?;
            tell(&format!("{}: installed", step.what));
        }
        if flavour == Flavour::OpenSearch {
            tell(&retention(&client).await?);
        }
        for stream in Stream::ALL {
            let name = settings.data_stream(*stream);
            tell(&make(&client, &name).await?);
        }
        Ok(())
    })
}

impl Flavour {
    const fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "Elasticsearch",
            Self::OpenSearch => "OpenSearch",
        }
    }

    /// In the order in which they need each other.
    fn templates(self) -> Vec<Step> {
        let components = match self {
            Self::Elasticsearch => [
                (
                    "csp-fields",
                    include_str!("../../config/elasticsearch/component/csp-fields.json"),
                ),
                (
                    "csp-settings",
                    include_str!("../../config/elasticsearch/component/csp-settings.json"),
                ),
            ],
            Self::OpenSearch => [
                ("csp-fields", include_str!("../../config/opensearch/component/csp-fields.json")),
                (
                    "csp-settings",
                    include_str!("../../config/opensearch/component/csp-settings.json"),
                ),
            ],
        };
        let components = components.map(|(name, body)| Step {
            what: format!("component template {name}"),
            path: format!("_component_template/{name}"),
            body,
        });
        let templates = Stream::ALL.iter().map(|stream| {
            let (name, body) = index_template(*stream);
            Step {
                what: format!("index template {name}"),
                path: format!("_index_template/{name}"),
                body,
            }
        });
        components.into_iter().chain(templates).collect()
    }
}

const fn index_template(stream: Stream) -> (&'static str, &'static str) {
    match stream {
        Stream::Clean => (
            "csp-violation",
            include_str!("../../config/elasticsearch/template/csp-violation.json"),
        ),
        Stream::Filtered => {
            ("csp-filtered", include_str!("../../config/elasticsearch/template/csp-filtered.json"))
        }
        Stream::Other => {
            ("csp-other", include_str!("../../config/elasticsearch/template/csp-other.json"))
        }
        Stream::Rejected => {
            ("csp-rejected", include_str!("../../config/elasticsearch/template/csp-rejected.json"))
        }
    }
}

/// Finds out what answers, and waits for it if need be.
async fn find(client: &Client, wait: Duration) -> Result<(Flavour, String), SetupError> {
    let deadline = Instant::now() + wait;
    loop {
        let why = match client.send(Method::GET, "", JSON, Bytes::new()).await {
            Ok(reply) if reply.status == 200 => return who(&reply.body),
            // Not up yet, be it by itself or behind a proxy.
            Ok(reply) if reply.status >= 500 || reply.status == 429 => {
                format!("answers with status {}", reply.status)
            }
            Ok(reply) => {
                let what = "GET /".to_owned();
                return Err(SetupError::Refused { what, why: reason(reply.status, &reply.body) });
            }
            Err(error) => error.to_string(),
        };
        if Instant::now() >= deadline {
            let waited = wait.as_secs();
            let told = format!("Elasticsearch is not there, after {waited} s: {why}");
            return Err(SetupError::Unavailable(told));
        }
        sleep(PAUSE).await;
    }
}

fn who(body: &[u8]) -> Result<(Flavour, String), SetupError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let version = &answer["version"];
    let Some(number) = version["number"].as_str() else {
        let told = "something else than Elasticsearch or OpenSearch answers there";
        return Err(SetupError::Unavailable(told.to_owned()));
    };
    let flavour = match version["distribution"].as_str() {
        Some("opensearch") => Flavour::OpenSearch,
        Some(_) | None => Flavour::Elasticsearch,
    };
    Ok((flavour, number.to_owned()))
}

async fn put(client: &Client, step: &Step) -> Result<(), SetupError> {
    let body = Bytes::from_static(step.body.as_bytes());
    match client.send(Method::PUT, &step.path, JSON, body).await {
        Ok(reply) if reply.status == 200 => Ok(()),
        Ok(reply) => Err(SetupError::Refused {
            what: step.what.clone(),
            why: reason(reply.status, &reply.body),
        }),
        Err(error) => Err(SetupError::Unavailable(format!("{}: {error}", step.what))),
    }
}

/// OpenSearch deletes what is old by a policy of a plugin, which not every server has.
async fn retention(client: &Client) -> Result<String, SetupError> {
    let what = "retention: ISM policy csp";
    let body = Bytes::from_static(include_bytes!("../../config/opensearch/ism-policy.json"));
    let reply = client.send(Method::PUT, "_plugins/_ism/policies/csp", JSON, body).await;
    let reply = reply.map_err(|error| SetupError::Unavailable(format!("{what}: {error}")))?;
    Ok(match reply.status {
        200 | 201 => format!("{what}: installed"),
        409 => format!("{what}: is there, and is left as it is"),
        status => format!(
            "{what}: not installed, nothing will be deleted by itself: {}",
            reason(status, &reply.body)
        ),
    })
}

/// Makes a data stream. A server that cannot be told to makes it with the first record.
async fn make(client: &Client, name: &str) -> Result<String, SetupError> {
    let what = format!("data stream {name}");
    let reply = client.send(Method::PUT, &format!("_data_stream/{name}"), JSON, Bytes::new()).await;
    let reply = reply.map_err(|error| SetupError::Unavailable(format!("{what}: {error}")))?;
    let told = reason(reply.status, &reply.body);
    match reply.status {
        200 => Ok(format!("{what}: made")),
        400 if told.contains("resource_already_exists_exception") => {
            Ok(format!("{what}: is there"))
        }
        // Without that API, or without the permission, which writing does not need.
        400 | 403 | 405 if !told.contains("exception") || reply.status == 403 => {
            Ok(format!("{what}: will be made by its first record ({told})"))
        }
        _ => Err(SetupError::Refused { what, why: told }),
    }
}

/// What an answer says is wrong, in one line.
fn reason(status: u16, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &answer["error"];
    let told = match (error["type"].as_str(), error["reason"].as_str(), error.as_str()) {
        (Some(kind), Some(reason), _) => {
            let cause = error["caused_by"]["reason"].as_str();
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{kind}: {reason}{cause}")
        }
        (_, _, Some(text)) => text.to_owned(),
        _ => String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned(),
    };
    format!("status {status}: {}", super::answer::cut(&told))
}

/// How long after a try that failed.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_is_json_and_fits_together() {
        for flavour in [Flavour::Elasticsearch, Flavour::OpenSearch] {
            let steps = flavour.templates();
            let names: Vec<_> = steps.iter().map(|step| step.path.as_str()).collect();
            for step in &steps {
                let body: Value = serde_json::from_str(step.body).expect(&step.what);
                for part in body["composed_of"].as_array().into_iter().flatten() {
                    let path = format!("_component_template/{}", part.as_str().expect("a name"));
                    assert!(names.contains(&path.as_str()), "{}: {path}", step.what);
                }
            }
        }
    }

    #[test]
    fn every_data_stream_has_its_template() {
        let settings = Settings { namespace: "prod".to_owned(), ..Settings::default() };
        for stream in Stream::ALL {
            let (_, body) = index_template(*stream);
            let body: Value = serde_json::from_str(body).expect("JSON");
            let pattern = body["index_patterns"][0].as_str().expect("a pattern");
            let begin = pattern.strip_suffix('*').expect("any namespace");
            assert!(settings.data_stream(*stream).starts_with(begin), "{pattern}");
            assert!(body["data_stream"].is_object(), "{pattern}");
        }
    }

    #[test]
    fn who_answers_is_told_by_its_version() {
        let of = |body: &str| who(body.as_bytes()).map(|(flavour, _)| flavour).ok();
        assert_eq!(of(r#"{"version":{"number":"9.5.3"}}"#), Some(Flavour::Elasticsearch));
        assert_eq!(
            of(r#"{"version":{"distribution":"opensearch","number":"3.8.0"}}"#),
            Some(Flavour::OpenSearch)
        );
        assert_eq!(of("<html>"), None);
    }
}
