//! What an answer to `_bulk` says of each record.
//!
//! In: a status code and a body, and how many records were sent. Out: what became of each, or what
//! to do with all of them. A record is called refused only when the answer leaves no doubt that it
//! is the record's fault: whatever may be the server's is a condition, and is waited for.

use serde::Deserialize;
use std::borrow::Cow;

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// One for each record, in the order in which they were sent.
    Items(Vec<Item>),
    /// It is too large, or something in it cannot be read: to be halved until it is found.
    Split(Box<str>),
    /// Nothing was taken, and that may pass.
    Nothing(Cause, Box<str>),
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Indexed,
    /// Its id is there already.
    Duplicate,
    /// It was not taken, and may be later.
    Again(Cause, Box<str>),
    /// It will never be taken.
    Refused(Box<str>),
}

/// Why something is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Throttled,
    ServerError,
    Unreachable,
    /// Somebody must change something: credentials, permissions, blocks, limits, the address.
    Configuration,
}

impl Cause {
    pub(super) const ALL: [Self; 4] =
        [Self::Throttled, Self::ServerError, Self::Unreachable, Self::Configuration];

    /// The closed metric label.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
            Self::Configuration => "configuration",
        }
    }
}

/// The parts of an answer that [`FILTER_PATH`] leaves.
#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    items: Vec<Row<'b>>,
}

#[derive(Deserialize)]
struct Row<'b> {
    #[serde(borrow)]
    create: Created<'b>,
}

#[derive(Deserialize)]
struct Created<'b> {
    status: u16,
    #[serde(borrow)]
    error: Option<Fault<'b>>,
    #[serde(borrow)]
    failure_store: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
struct Fault<'b> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'b, str>,
    #[serde(borrow, default)]
    reason: Option<Cow<'b, str>>,
    #[serde(borrow, default)]
    caused_by: Option<Why<'b>>,
}

#[derive(Deserialize)]
struct Why<'b> {
    #[serde(borrow, default)]
    reason: Option<Cow<'b, str>>,
}

/// The error of a whole request.
#[derive(Deserialize)]
struct Failed<'b> {
    #[serde(borrow)]
    error: Fault<'b>,
}

/// Reads an answer to a request of so many records.
pub(super) fn read(status: u16, body: &[u8], records: usize) -> Answer {
    match status {
        200 => items(body, records),
        413 => Answer::Split("the request is larger than Elasticsearch takes".into()),
        // Elasticsearch says what it could not read. Whoever else answers 400 stands before it.
        400 => match serde_json::from_slice::<Failed<'_>>(body) {
            Ok(Failed { error }) if is_of_server(&error) => {
                Answer::Nothing(Cause::Configuration, told(&error))
            }
            Ok(Failed { error }) => Answer::Split(told(&error)),
            Err(_) => Answer::Nothing(Cause::Configuration, whole(status, body)),
        },
        429 => Answer::Nothing(Cause::Throttled, whole(status, body)),
        408 | 500..=599 => Answer::Nothing(Cause::ServerError, whole(status, body)),
        _ => Answer::Nothing(Cause::Configuration, whole(status, body)),
    }
}

fn items(body: &[u8], records: usize) -> Answer {
    let unclear = |why: &str| Answer::Nothing(Cause::ServerError, why.into());
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else {
        return unclear("200 without the answer of _bulk; does something else answer there?");
    };
    if body.items.len() != records {
        return unclear("200 with another number of items than records were sent");
    }
    Answer::Items(body.items.iter().map(|row| judge(&row.create)).collect())
}

/// What became of the record that an item speaks of.
fn judge(item: &Created<'_>) -> Item {
    let why = || item.error.as_ref().map_or_else(|| "no reason given".into(), told);
    match item.status {
        // In the failure store it can be found by nobody who looks where records are.
        200..=299 if item.failure_store.as_deref() == Some("used") => {
            Item::Refused("put into the failure store of the data stream".into())
        }
        200..=299 => Item::Indexed,
        409 => Item::Duplicate,
        429 => Item::Again(Cause::Throttled, why()),
        408 | 500..=599 => Item::Again(Cause::ServerError, why()),
        400 | 413 | 422 if item.error.as_ref().is_none_or(is_of_server) => {
            Item::Again(Cause::Configuration, why())
        }
        400 | 413 | 422 => Item::Refused(why()),
        // 401, 403, 404 and what nobody expects: no other record would fare better.
        _ => Item::Again(Cause::Configuration, why()),
    }
}

/// Whether a 400 is about the server and not about the record.
fn is_of_server(fault: &Fault<'_>) -> bool {
    let reason = fault.reason.as_deref().unwrap_or_default();
    match fault.kind.as_ref() {
        // Elasticsearch names a type; whoever does not stands before it.
        ""
        // The limit of shards, and indices that are closed or cannot be named so.
        | "validation_exception"
        | "index_closed_exception"
        | "invalid_index_name_exception"
        | "cluster_block_exception"
        | "security_exception"
        | "index_not_found_exception"
        | "invalid_index_template_exception"
        | "action_request_validation_exception" => true,
        "illegal_argument_exception" => SERVERS_ARGUMENTS.iter().any(|part| reason.contains(part)),
        _ => false,
    }
}

/// An error in words: its type, its reason, and what that came from. Cut, as it may quote the record.
fn told(fault: &Fault<'_>) -> Box<str> {
    let mut text = fault.kind.to_string();
    let reasons = [&fault.reason, &fault.caused_by.as_ref().and_then(|why| why.reason.clone())];
    for reason in reasons.into_iter().flatten() {
        text.push_str(": ");
        text.push_str(reason);
    }
    cut(&text)
}

/// What a whole answer says, be it Elasticsearch's or that of something before it.
fn whole(status: u16, body: &[u8]) -> Box<str> {
    match serde_json::from_slice::<Failed<'_>>(body) {
        Ok(Failed { error }) => cut(&format!("{status}: {}", told(&error))),
        Err(_) => format!("status {status}").into(),
    }
}

/// Cuts a text, and takes out what would not show in a line of a log.
pub(super) fn cut(text: &str) -> Box<str> {
    let mut short: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MAX_TOLD)
        .collect();
    if text.chars().nth(MAX_TOLD).is_some() {
        short.push('…');
    }
    short.into()
}

/// What is asked for in an answer: little, as there is one item a record.
pub(super) const FILTER_PATH: &str = "items.create.status,items.create.failure_store,\
    items.create.error.type,items.create.error.reason,items.create.error.caused_by.reason,error";

/// Arguments that are illegal because of what the server lacks.
const SERVERS_ARGUMENTS: &[&str] = &[
    "pipeline with id",
    "no write index is defined",
    "only write ops with an op_type of create",
    "maximum normal shards",
    "maximum shards",
    // A shard of Lucene is full.
    "Number of documents in the index",
];

const MAX_TOLD: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(status: u16, kind: &str, reason: &str) -> Item {
        let error = json!({"type": kind, "reason": reason});
        let body =
            json!({"errors": true, "items": [{"create": {"status": status, "error": error}}]});
        let Answer::Items(mut items) = read(200, body.to_string().as_bytes(), 1) else {
            panic!("{body}")
        };
        items.pop().expect("one")
    }

    type Is = Box<dyn Fn(&Item) -> bool>;

    #[test]
    fn each_item_by_its_status() {
        let again = |cause| move |item: &Item| matches!(item, Item::Again(is, _) if *is == cause);
        let refused = |item: &Item| matches!(item, Item::Refused(_));
        let rows: Vec<(u16, &str, &str, Is)> = vec![
            (409, "version_conflict_engine_exception", "", Box::new(|i| *i == Item::Duplicate)),
            (429, "es_rejected_execution_exception", "", Box::new(again(Cause::Throttled))),
            (429, "cluster_block_exception", "flood stage", Box::new(again(Cause::Throttled))),
            (503, "unavailable_shards_exception", "", Box::new(again(Cause::ServerError))),
            (500, "anything", "", Box::new(again(Cause::ServerError))),
            (403, "cluster_block_exception", "read-only", Box::new(again(Cause::Configuration))),
            (403, "security_exception", "", Box::new(again(Cause::Configuration))),
            (401, "security_exception", "", Box::new(again(Cause::Configuration))),
            (404, "index_not_found_exception", "", Box::new(again(Cause::Configuration))),
            (400, "index_closed_exception", "", Box::new(again(Cause::Configuration))),
            (400, "validation_exception", "[1000]/[1000]", Box::new(again(Cause::Configuration))),
            (
                400,
                "illegal_argument_exception",
                "pipeline with id [x] does not exist",
                Box::new(again(Cause::Configuration)),
            ),
            (
                400,
                "illegal_argument_exception",
                "Number of documents in the index can't exceed [2147483519]",
                Box::new(again(Cause::Configuration)),
            ),
            (400, "", "said by a gateway", Box::new(again(Cause::Configuration))),
            (418, "teapot", "", Box::new(again(Cause::Configuration))),
            (400, "document_parsing_exception", "", Box::new(refused)),
            (400, "mapper_parsing_exception", "", Box::new(refused)),
            (400, "strict_dynamic_mapping_exception", "", Box::new(refused)),
            (400, "illegal_argument_exception", "Limit of total fields", Box::new(refused)),
        ];
        for (status, kind, reason, is) in rows {
            let item = item(status, kind, reason);
            assert!(is(&item), "{status} {kind}: {item:?}");
        }
    }

    #[test]
    fn all_items_or_none() {
        let body = br#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201,"failure_store":"used"}}]}"#;
        let Answer::Items(items) = read(200, body, 2) else { panic!("items") };
        assert_eq!(items[0], Item::Indexed);
        assert!(matches!(&items[1], Item::Refused(why) if why.contains("failure store")));
        for (name, body) in [
            ("too few", body.as_slice()),
            ("no items", br#"{"took":3,"errors":false}"#),
            ("cut off", &body[..40]),
            ("a page", b"<html>"),
            ("nothing", b""),
        ] {
            let answer = read(200, body, 3);
            assert!(matches!(answer, Answer::Nothing(Cause::ServerError, _)), "{name}: {answer:?}");
        }
    }

    #[test]
    fn whole_requests_by_their_status() {
        let of = |status, body: &str| match read(status, body.as_bytes(), 1) {
            Answer::Items(_) => panic!("{status}"),
            Answer::Split(_) => None,
            Answer::Nothing(cause, _) => Some(cause),
        };
        assert_eq!(of(413, ""), None);
        assert_eq!(of(400, r#"{"error":{"type":"x_content_parse_exception"},"status":400}"#), None);
        assert_eq!(
            of(400, "<h1>The plain HTTP request was sent to HTTPS port"),
            Some(Cause::Configuration)
        );
        assert_eq!(of(401, "{}"), Some(Cause::Configuration));
        assert_eq!(of(404, "{}"), Some(Cause::Configuration));
        assert_eq!(of(302, ""), Some(Cause::Configuration));
        assert_eq!(of(429, ""), Some(Cause::Throttled));
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(of(status, "upstream"), Some(Cause::ServerError), "{status}");
        }
    }

    #[test]
    fn a_reason_is_told_in_one_short_line() {
        let item = item(400, "document_parsing_exception", &"line\n\u{7}".repeat(1000));
        let Item::Refused(why) = item else { panic!("{item:?}") };
        assert!(why.starts_with("document_parsing_exception: line  line"), "{why}");
        assert!(why.chars().count() == MAX_TOLD + 1 && why.ends_with('…'));
    }
}
