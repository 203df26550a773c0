//! What the rig asks of Elasticsearch and OpenSearch, over HTTP.
//!
//! In come paths and JSON; out come statuses and JSON. A status is no error: whoever asks knows
//! which one is right. Nothing is tried twice.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use ureq::Agent;
use ureq::http::Request;

/// Speaks to one server.
#[derive(Clone)]
pub struct Client {
    url: String,
    agent: Agent,
}

/// An answer of any status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Null where it is no JSON.
    pub body: Value,
}

/// What became of one record of a `_bulk` request.
#[derive(Debug)]
pub struct Item {
    pub id: String,
    pub status: u16,
    /// Why it was not taken.
    pub reason: Option<String>,
}

impl Client {
    /// `url` has no path, as `http://127.0.0.1:9200`.
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        Self { url: url.to_owned(), agent: config.into() }
    }

    /// Sends one request. The path begins with a slash.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", if path.ends_with("/_bulk") { LINES } else { JSON })
            .body(body.to_owned())?;
        let mut response = self.agent.run(request).with_context(|| format!("{method} {path}"))?;
        let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status: response.status().as_u16(), body })
    }

    /// Sends a request that must succeed.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.ask(method, path, &body)?;
        ensure!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        self.must("GET", path, &Value::Null)
    }

    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.must("PUT", path, body)
    }

    /// Creates documents from an id and a line of JSON each; says what became of them, in order.
    pub fn bulk(&self, index: &str, documents: &[(String, String)]) -> Result<Vec<Item>> {
        let mut body = String::new();
        for (id, line) in documents {
            body += &json!({ "create": { "_id": id } }).to_string();
            body.push('\n');
            body += line;
            body.push('\n');
        }
        let answer = self.ask("POST", &format!("/{index}/_bulk"), &body)?;
        let items = answer.body["items"].as_array().filter(|_| answer.status == 200);
        let items = items.with_context(|| format!("_bulk: {} {}", answer.status, answer.body))?;
        ensure!(items.len() == documents.len(), "_bulk answers for {} records", items.len());
        let item = |item: &Value| {
            let item = &item["create"];
            let status = item["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            Ok(Item {
                id: item["_id"].as_str().context("_id")?.to_owned(),
                status: status.context("status")?,
                reason: item.get("error").map(Value::to_string),
            })
        };
        items.iter().map(item).collect()
    }

    /// Makes what was indexed be found.
    pub fn refresh(&self, index: &str) -> Result<()> {
        self.must("POST", &format!("/{index}/_refresh"), &Value::Null).map(drop)
    }

    pub fn search(&self, index: &str, search: &Value) -> Result<Value> {
        self.must("POST", &format!("/{index}/_search"), search)
    }

    /// How many documents a query finds.
    pub fn count(&self, index: &str, query: &Value) -> Result<u64> {
        let answer = self.must("POST", &format!("/{index}/_count"), &json!({ "query": query }))?;
        answer["count"].as_u64().context("count")
    }

    /// Every document of an index or a data stream: its id, and the text of its `_source`.
    pub fn scroll(&self, index: &str) -> Result<Vec<(String, String)>> {
        let first = json!({ "size": PAGE, "sort": ["_doc"] });
        let mut page = self.must("POST", &format!("/{index}/_search?scroll=1m"), &first)?;
        let mut found = Vec::new();
        loop {
            let hits = page["hits"]["hits"].as_array().context("hits")?;
            if hits.is_empty() {
                return Ok(found);
            }
            for hit in hits {
                let id = hit["_id"].as_str().context("_id")?;
                found.push((id.to_owned(), hit["_source"].to_string()));
            }
            let next = json!({ "scroll": "1m", "scroll_id": page["_scroll_id"] });
            page = self.must("POST", "/_search/scroll", &next)?;
        }
    }
}

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// Documents of one page of a scroll.
const PAGE: usize = 1_000;

/// Until an answer must be there, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A page of records, and hostile ones among them.
const MAX_ANSWER: u64 = 256 << 20;
