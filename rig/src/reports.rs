//! Reports that have numbers: everything about a report follows from its number.
//!
//! A request has a number, and each of its reports has that times ten and its place from one on.
//! Out go the bytes of a request, and the fields that the record of a report must show. Most
//! requests are one violation, as most are in the field; some are batches, noise, reports of
//! another type, or cannot be read at all.

use crate::topics::Stream;
use serde_json::{Map, Value, json};

/// What kind a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One violation in the older envelope.
    Single(Stream),
    /// One report of another type.
    OtherType,
    /// Four entries of the Reporting API: two violations, one of an extension, one of another
    /// type.
    Batch,
    /// No JSON: it is answered with 400, and may leave a specimen.
    Unreadable,
}

/// The kind of a request.
pub fn kind(request: u32) -> Kind {
    match request % 20 {
        3 | 13 => Kind::Batch,
        5 | 15 => Kind::Single(Stream::Filtered),
        7 => Kind::Unreadable,
        11 => Kind::OtherType,
        _ => Kind::Single(Stream::Clean),
    }
}

/// The reports of a request that must not be lost once it is answered, by number and stream.
pub fn reports(request: u32) -> Vec<(u32, Stream)> {
    let streams: &[Stream] = match kind(request) {
        Kind::Single(Stream::Filtered) => &[Stream::Filtered],
        Kind::Single(_) => &[Stream::Clean],
        Kind::OtherType => &[Stream::Other],
        Kind::Batch => &[Stream::Clean, Stream::Clean, Stream::Filtered, Stream::Other],
        Kind::Unreadable => &[],
    };
    (request * MAX_REPORTS + 1..).zip(streams.iter().copied()).collect()
}

/// The request that a report came in.
pub fn request_of(report: u32) -> u32 {
    report / MAX_REPORTS
}

/// How many reports a request holds on average.
pub const REPORTS_PER_REQUEST: f64 = 25.0 / 20.0;

/// The bytes of a request, on a connection that is kept.
pub fn request(request: u32) -> String {
    let body = match (kind(request), &reports(request)[..]) {
        (Kind::Single(stream), &[(number, _)]) => single(number, stream).to_string(),
        (Kind::Unreadable, _) => format!("unreadable {request}"),
        (_, reports) => {
            let entries: Value =
                reports.iter().map(|&(number, stream)| entry(number, stream)).collect();
            entries.to_string()
        }
    };
    format!(
        "POST /csp/{}?release=r{request}&status={} HTTP/1.1\r\nHost: edge.example\r\n\
         Content-Type: application/reports+json\r\nUser-Agent: {USER_AGENT}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        app(request),
        status(request),
        body.len()
    )
}

/// The fields that the record of a report shows, with their values.
pub fn expected(number: u32, stream: Stream) -> Map<String, Value> {
    // Where nothing could be read there is no report, and the number is that of the request.
    let request = if stream == Stream::Rejected { number } else { request_of(number) };
    let mut fields = Map::new();
    let mut is = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    is("schema", json!(1));
    is("stream", json!(stream.name()));
    is("app_name", json!(app(request)));
    match stream {
        Stream::Clean | Stream::Filtered => {
            is("report_type", json!("csp-violation"));
            is("release", json!(format!("r{request}")));
            is("page_status", json!(status(request)));
            is("document_uri", json!(document(number)));
            is("blocked_uri", json!(blocked(number, stream)));
            is("effective_directive", json!("script-src-elem"));
            is("line_number", json!(number));
            is("original_policy", json!(policy(number)));
            is("user_agent", json!(USER_AGENT));
        }
        Stream::Other => {
            is("report_type", json!("deprecation"));
            is("document_uri", json!(document(number)));
            is("body", other_body(number));
        }
        Stream::Rejected => {}
    }
    fields
}

/// The number that a record bears: of a report, or of a request where none could be read.
pub fn number_of(record: &Value, stream: Stream) -> Option<u32> {
    let number = match stream {
        Stream::Clean | Stream::Filtered => record.get("line_number")?.as_u64()?,
        Stream::Other => record.get("body")?.get("lineNumber")?.as_u64()?,
        Stream::Rejected => {
            record.get("body")?.as_str()?.strip_prefix("unreadable ")?.parse().ok()?
        }
    };
    u32::try_from(number).ok()
}

fn single(number: u32, stream: Stream) -> Value {
    json!({ "csp-report": {
        "document-uri": document(number),
        "blocked-uri": blocked(number, stream),
        "effective-directive": "script-src-elem",
        "violated-directive": "script-src-elem",
        "line-number": number,
        "original-policy": policy(number),
    } })
}

fn entry(number: u32, stream: Stream) -> Value {
    if stream == Stream::Other {
        let body = other_body(number);
        return json!({ "type": "deprecation", "age": 0, "url": document(number), "body": body });
    }
    json!({ "type": "csp-violation", "age": 0, "url": document(number), "body": {
        "documentURL": document(number),
        "blockedURL": blocked(number, stream),
        "effectiveDirective": "script-src-elem",
        "lineNumber": number,
        "originalPolicy": policy(number),
        "disposition": "enforce",
    } })
}

fn other_body(number: u32) -> Value {
    json!({ "id": "UnloadHandler", "message": "Unload is deprecated.", "lineNumber": number })
}

fn app(request: u32) -> String {
    format!("shop-{}", request % 5)
}

fn status(request: u32) -> u32 {
    200 + request % 300
}

fn document(number: u32) -> String {
    format!("https://shop.example/page/{number}")
}

fn blocked(number: u32, stream: Stream) -> String {
    let origin = match stream {
        Stream::Filtered => "chrome-extension://abcdefghijklmnop",
        Stream::Clean | Stream::Rejected | Stream::Other => "https://ads.example",
    };
    format!("{origin}/{number}.js")
}

/// Of many lengths, as policies are.
fn policy(number: u32) -> String {
    let hosts = (0..number % 30).map(|host| format!(" https://{number}-{host}.example"));
    format!("script-src 'self'{}", hosts.collect::<String>())
}

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          Chrome/142.0.0.0 Safari/537.36";

/// The number of a report is the number of its request times this, and its place.
const MAX_REPORTS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_that_of_the_kinds() {
        let reports: usize = (0..20).map(|request| reports(request).len()).sum();
        assert_eq!(reports, 25);
    }

    #[test]
    fn a_report_leads_to_its_request() {
        for request in [0, 3, 19, 123_456] {
            for (number, _) in reports(request) {
                assert_eq!(request_of(number), request);
            }
        }
    }
}
