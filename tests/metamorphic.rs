//! What may change in a report without making it another violation.
//!
//! Each relation bends a report in one way: another query string, another line, another envelope.
//! Fixtures, captures of real browsers and random reports must keep what people group by. The table
//! at the end tells one violation as the versions of a browser have written it.

mod support;

use cspipe::pipeline::Taken;
use cspipe::report::Delivery;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use support::bodies::report_body;
use support::{Bench, fixtures, noon};

/// What must stay as it was.
const KEPT: &[&str] =
    &["fingerprint", "classification", "violation_type", "blocked_host", "relation", "policy_hash"];

/// A way to bend a body, by its name.
type Relation = (&'static str, fn(&Value) -> String);

const RELATIONS: &[Relation] = &[
    ("another query string", |body| bent(body, &mut |key, text| other_query(key, text))),
    ("another case of scheme and host", |body| bent(body, &mut |_, text| other_case(text))),
    ("another line and column", other_position),
    ("another nonce", |body| bent(body, &mut |_, text| other_nonce(text))),
    ("another order of keys", |body| reversed(body).to_string()),
    ("more white space", |body| format!("\r\n {body:#}\n")),
    ("report-uri", |body| enveloped(body, |content, _| json!({ "csp-report": content }))),
    ("bare keys", |body| enveloped(body, |content, _| content)),
    ("WebKit's hybrid", |body| {
        enveloped(
            body,
            |content, url| json!({ "type": "csp-violation", "url": url, "csp-report": content }),
        )
    }),
    ("report-to, one object", |body| {
        enveloped(
            body,
            |content, url| json!({ "type": "csp-violation", "url": url, "body": camel(&content) }),
        )
    }),
    ("report-to", |body| {
        format!(
            "[{}]",
            enveloped(body, |content, url| {
                json!({ "age": 7, "body": camel(&content), "type": "csp-violation", "url": url })
            })
        )
    }),
];

#[test]
fn fixtures_and_captures_stay_the_same_violation() {
    let bench = Bench::new();
    let mut bent_ones = vec![0; RELATIONS.len()];
    let mut bodies: Vec<(String, Vec<u8>)> =
        fixtures().into_iter().map(|fixture| (fixture.name, fixture.body)).collect();
    for (at, line) in include_str!("captures/browsers.jsonl").lines().enumerate() {
        let capture: Value = serde_json::from_str(line).expect("a line is JSON");
        if capture["method"] == "POST" {
            let body = capture["body"].as_str().expect("a body");
            bodies.push((format!("capture {at}"), body.as_bytes().to_vec()));
        }
    }
    let mut judged = 0;
    for (name, body) in bodies {
        for report in reports(&body) {
            judged += 1;
            let before = kept(&bench, &report.to_string());
            for (at, (relation, bend)) in RELATIONS.iter().enumerate() {
                let body = bend(&report);
                bent_ones[at] += usize::from(report != body);
                assert_eq!(kept(&bench, &body), before, "{name}: {relation}: {body}");
            }
        }
    }
    assert!(judged > 200, "{judged}");
    for ((relation, _), bent) in RELATIONS.iter().zip(bent_ones) {
        assert!(bent >= judged / 3, "{relation}: {bent} of {judged}");
    }
}

#[test]
fn random_reports_stay_the_same_violation() {
    let bench = Bench::new();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) };
    TestRunner::new(config)
        .run(&report_body(), |body| {
            for report in reports(&body) {
                let before = kept(&bench, &report.to_string());
                // What says nothing is no violation, and an envelope's URL would make it one.
                if !before[0].is_array() {
                    continue;
                }
                for (relation, bend) in RELATIONS {
                    let body = bend(&report);
                    prop_assert_eq!(kept(&bench, &body), before.clone(), "{}: {}", relation, body);
                }
            }
            Ok(())
        })
        .expect("all relations hold");
}

/// The violations of a body, each in the envelope that it came in; nothing where the body is no
/// strict JSON or holds something else.
fn reports(body: &[u8]) -> Vec<Value> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let entries = match value {
        Value::Array(entries) => entries,
        entry => vec![entry],
    };
    entries
        .into_iter()
        .filter(|entry| content(entry).is_some())
        .map(|entry| with_nonce(&entry))
        .collect()
}

/// Few policies have a nonce, so each gets one.
fn with_nonce(entry: &Value) -> Value {
    let with = bent(entry, &mut |key, text| {
        let is_policy = hyphened(key) == Some("original-policy") && !text.is_empty();
        is_policy.then(|| format!("{text}; script-src-elem 'nonce-a1B2c3D4'"))
    });
    serde_json::from_str(&with).expect("it is JSON still")
}

/// The content of an entry and the envelope's `url`: of a violation whose keys are spelled once.
fn content(entry: &Value) -> Option<(&Map<String, Value>, &Value)> {
    let entry = entry.as_object()?;
    let is_violation = entry.get("type").is_none_or(|kind| kind == "csp-violation");
    let url = entry.get("url").unwrap_or(&Value::Null);
    let (content, url) = match (entry.get("csp-report"), entry.get("body")) {
        (Some(content), None) => (content.as_object()?, url),
        (None, Some(content)) if entry.contains_key("type") => (content.as_object()?, url),
        (None, None) if !entry.contains_key("type") => (entry, &Value::Null),
        _ => return None,
    };
    let mut spellings: Vec<&str> = content.keys().filter_map(|key| hyphened(key)).collect();
    let all = spellings.len();
    spellings.sort_unstable();
    spellings.dedup();
    let is_known = |key: &&str| spellings.contains(key);
    let tells = ["blocked-uri", "violated-directive", "effective-directive"].iter().any(is_known);
    // Texts only: what is dropped as of the wrong type says nothing in any envelope.
    let is_plain = content.values().all(|value| value.is_string() || value.is_u64())
        && entry.values().all(|value| !value.is_array())
        && content
            .get("request")
            .and_then(Value::as_str)
            .is_none_or(|line| line.starts_with("GET h"));
    (is_violation && tells && is_plain && spellings.len() == all).then_some((content, url))
}

/// What is kept of the one record of a body.
fn kept(bench: &Bench, body: &str) -> Vec<Value> {
    let delivery = Delivery {
        received_at: noon(),
        app: Some("shop"),
        query: None,
        user_agent: None,
        content_type: None,
    };
    let taken = bench.pipeline.take(body.as_bytes(), &delivery);
    let records = bench.records();
    match taken {
        Taken::Accepted(_) => records
            .iter()
            .map(|record| KEPT.iter().map(|&field| record[field].clone()).collect())
            .collect(),
        other => vec![Value::from(format!("{other:?}").split([' ', '(', '{']).next())],
    }
}

/// Bends every text of an entry, the envelope's own included.
fn bent(body: &Value, bend: &mut impl FnMut(&str, &str) -> Option<String>) -> String {
    fn walk(key: &str, value: &mut Value, bend: &mut impl FnMut(&str, &str) -> Option<String>) {
        match value {
            Value::String(text) => {
                if let Some(other) = bend(key, text) {
                    *text = other;
                }
            }
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(key, value)| walk(key, value, bend));
            }
            _ => {}
        }
    }
    let mut body = body.clone();
    walk("", &mut body, bend);
    body.to_string()
}

/// A URL that is nothing but scheme, host and path, and what stands behind these.
fn plain_url(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let start = text.len() - rest.len();
    let host_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let is_host = |host: &str| {
        host.starts_with(|first: char| first.is_ascii_alphanumeric())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    };
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_host(&rest[..host_len]) && is_plain).then(|| text.split_at(start + host_len))
}

fn other_query(key: &str, text: &str) -> Option<String> {
    let is_address = ["document-uri", "blocked-uri", "source-file"];
    if hyphened(key).is_none_or(|key| !is_address.contains(&key)) {
        return None;
    }
    let (origin, rest) = plain_url(text)?;
    let path = rest.split(['?', '#']).next().unwrap_or("");
    Some(format!("{origin}{path}?visit=4711&step=two"))
}

fn other_case(text: &str) -> Option<String> {
    let (origin, rest) = plain_url(text)?;
    Some(format!("{}{rest}", origin.to_ascii_uppercase()))
}

fn other_nonce(text: &str) -> Option<String> {
    let (before, nonce) = text.split_once("'nonce-")?;
    let (_, after) = nonce.split_once('\'')?;
    Some(format!("{before}'nonce-q8JzXw2c'{after}"))
}

fn other_position(body: &Value) -> String {
    fn walk(value: &mut Value) {
        let Some(fields) = value.as_object_mut() else { return };
        for (key, value) in fields {
            match hyphened(key) {
                Some("line-number" | "column-number") => *value = 4242.into(),
                _ => walk(value),
            }
        }
    }
    let mut body = body.clone();
    walk(&mut body);
    body.to_string()
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect()
        }
        other => other.clone(),
    }
}

/// The same content in another envelope. A page that only the envelope names comes along.
fn enveloped(entry: &Value, wrap: impl Fn(Value, &Value) -> Value) -> String {
    let (content, url) = content(entry).expect("it was looked at");
    let mut plain: Map<String, Value> = content
        .iter()
        .filter_map(|(key, value)| Some((hyphened(key)?.to_owned(), value.clone())))
        .collect();
    let names_page = plain.get("document-uri").is_some_and(|page| page != "")
        || plain.get("request").is_some_and(|page| page != "");
    if !names_page && url.is_string() {
        plain.insert("document-uri".to_owned(), url.clone());
    }
    let url = plain.get("document-uri").cloned().unwrap_or(Value::Null);
    wrap(Value::Object(plain), &url).to_string()
}

/// The keys of a report as `report-uri` spells them (CSP3 section 5.3).
fn hyphened(key: &str) -> Option<&'static str> {
    let spellings = KEYS.iter().find(|(hyphened, camel)| *hyphened == key || *camel == key);
    spellings.map(|(hyphened, _)| *hyphened).or(match key {
        "document_uri" | "documentURI" | "document-url" | "document_url" => Some("document-uri"),
        "blocked_uri" | "blocked-url" | "blocked_url" | "blockedURI" => Some("blocked-uri"),
        "effective_directive" => Some("effective-directive"),
        "violated_directive" => Some("violated-directive"),
        "original_policy" => Some("original-policy"),
        "source_file" => Some("source-file"),
        "script_sample" | "scriptSample" => Some("script-sample"),
        "status_code" => Some("status-code"),
        "line_number" => Some("line-number"),
        "column_number" => Some("column-number"),
        _ => None,
    })
}

/// The same keys as the Reporting API spells them (CSP3 section 5.2).
fn camel(content: &Value) -> Value {
    let fields = content.as_object().expect("an object").iter();
    fields
        .map(|(key, value)| {
            let (_, camel) = KEYS.iter().find(|(hyphened, _)| hyphened == key).expect("known");
            ((*camel).to_owned(), value.clone())
        })
        .collect()
}

const KEYS: &[(&str, &str)] = &[
    ("document-uri", "documentURL"),
    ("referrer", "referrer"),
    ("blocked-uri", "blockedURL"),
    ("violated-directive", "violatedDirective"),
    ("effective-directive", "effectiveDirective"),
    ("original-policy", "originalPolicy"),
    ("disposition", "disposition"),
    ("status-code", "statusCode"),
    ("script-sample", "sample"),
    ("source-file", "sourceFile"),
    ("line-number", "lineNumber"),
    ("column-number", "columnNumber"),
    ("request", "request"),
];

/// One violation in the words of a browser's versions: name of the version, body.
type Versions = (&'static str, &'static [(&'static str, &'static str)]);

/// One fingerprint for all versions of a browser, and for all browsers.
#[test]
fn versions_of_browsers_tell_of_one_violation() {
    let bench = Bench::new();
    for (violation, versions) in VERSIONS {
        let mut seen: Option<(Value, &str)> = None;
        for (version, keys) in *versions {
            let page = if keys.contains("document-uri") || keys.contains("\"request\"") {
                ""
            } else {
                r#""document-uri":"https://shop.example/cart","#
            };
            let body = if keys.starts_with(['{', '[']) {
                (*keys).to_owned()
            } else {
                format!("{{\"csp-report\":{{{page}{keys}}}}}")
            };
            let kept = kept(&bench, &body);
            assert_eq!(kept.len(), 1, "{violation}: {version}");
            // Hosts and hashes of policies come with what a version tells; these do with all.
            let is = kept[0].as_array().expect("fields")[..3].to_vec().into();
            match &seen {
                None => seen = Some((is, version)),
                Some((first, by)) => assert_eq!(is, *first, "{violation}: {version} and {by}"),
            }
        }
    }
}

/// CSP2 engines name only the origin of what they block on another site, CSP3 engines its whole
/// URL: nothing in the older report tells which of an origin's scripts it was. Merging all of an
/// origin into one violation would hide the second script behind the first, so these are two.
#[test]
fn an_origin_alone_is_less_than_a_url() {
    let bench = Bench::new();
    let seen = |blocked: &str| {
        let keys = json!({ "csp-report": {
            "document-uri": "https://shop.example/cart",
            "violated-directive": "script-src 'self'",
            "effective-directive": "script-src",
            "blocked-uri": blocked,
        } });
        kept(&bench, &keys.to_string())
    };
    let [chrome40, chrome63, other] =
        ["https://cdn.example.net", "https://cdn.example.net/a.js", "https://cdn.example.net/b.js"]
            .map(seen);
    assert_ne!(chrome40, chrome63);
    assert_ne!(chrome63, other);
    // The host, the class and the relation are the same, so that they group together.
    assert_eq!(chrome40[0][1], chrome63[0][1]);
    assert_eq!(chrome40[0][3], chrome63[0][3]);
    // Where all engines name the origin only, the path counts for none.
    let framed = |blocked: &str| {
        let keys = json!({ "csp-report": {
            "document-uri": "https://shop.example/cart",
            "effective-directive": "frame-src",
            "blocked-uri": blocked,
        } });
        kept(&bench, &keys.to_string())
    };
    assert_eq!(framed("https://pay.example.net"), framed("https://pay.example.net/box?id=1"));
}

const VERSIONS: &[Versions] = &[
    (
        "an inline script",
        &[
            ("Chrome 21", r#""violated-directive":"script-src 'self'","blocked-uri":"""#),
            (
                "Chrome 40",
                r#""violated-directive":"script-src 'self'","effective-directive":"script-src","blocked-uri":"","status-code":200"#,
            ),
            (
                "Chrome 63",
                r#""violated-directive":"script-src","effective-directive":"script-src","blocked-uri":"inline","disposition":"enforce""#,
            ),
            (
                "Chrome 156",
                r#""violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"inline","line-number":3"#,
            ),
            (
                "Chrome 156 by report-to",
                r#"[{"type":"csp-violation","age":1,"url":"https://shop.example/cart","body":{"documentURL":"https://shop.example/cart","effectiveDirective":"script-src-elem","blockedURL":"inline"}}]"#,
            ),
            (
                "Firefox 13",
                r#""request":"GET https://shop.example/cart HTTP/1.1","blocked-uri":"self","violated-directive":"inline script base restriction""#,
            ),
            (
                "Firefox 32",
                r#""blocked-uri":"self","violated-directive":"script-src https://shop.example:443""#,
            ),
            (
                "Firefox 52",
                r#""blocked-uri":"self","violated-directive":"script-src https://shop.example""#,
            ),
            ("Firefox 69", r#""blocked-uri":"inline","violated-directive":"script-src""#),
            (
                "Firefox 153",
                r#""blocked-uri":"inline","violated-directive":"script-src-elem","effective-directive":"script-src-elem""#,
            ),
            ("Safari 6.1", r#""violated-directive":"script-src 'self'","blocked-uri":"""#),
            (
                "Safari 16",
                r#""violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"inline""#,
            ),
            (
                "WebKitGTK 2.50",
                r#"{"type":"csp-violation","url":"https://shop.example/cart","csp-report":{"document-uri":"https://shop.example/cart","violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"inline"}}"#,
            ),
            ("Edge 12", r#""violated-directive":"script-src 'self'","blocked-uri":"""#),
            (
                "Edge 79",
                r#""violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"inline""#,
            ),
        ],
    ),
    (
        "an inline style",
        &[
            ("Chrome 21", r#""violated-directive":"style-src 'self'","blocked-uri":"""#),
            (
                "Chrome 156",
                r#""violated-directive":"style-src-attr","effective-directive":"style-src-attr","blocked-uri":"inline""#,
            ),
            (
                "Firefox 41",
                r#""blocked-uri":"self","violated-directive":"style-src https://shop.example""#,
            ),
            (
                "Firefox 153",
                r#""blocked-uri":"inline","effective-directive":"style-src-attr","violated-directive":"style-src-attr""#,
            ),
            (
                "Safari 9",
                r#""violated-directive":"style-src 'self'","effective-directive":"style-src","blocked-uri":"""#,
            ),
            (
                "Safari 26",
                r#"{"type":"csp-violation","url":"https://shop.example/cart","body":{"documentURL":"https://shop.example/cart","effectiveDirective":"style-src-attr","blockedURL":"inline"}}"#,
            ),
        ],
    ),
    (
        "eval",
        &[
            (
                "Chrome 40",
                r#""violated-directive":"script-src 'self' 'unsafe-inline'","effective-directive":"script-src","blocked-uri":"","original-policy":"script-src 'self' 'unsafe-inline'""#,
            ),
            (
                "Chrome 156",
                r#""violated-directive":"script-src","effective-directive":"script-src","blocked-uri":"eval""#,
            ),
            (
                "Firefox 13",
                r#""request":"GET https://shop.example/cart HTTP/1.1","blocked-uri":"self","violated-directive":"eval script base restriction""#,
            ),
            (
                "Firefox 41",
                r#""blocked-uri":"self","violated-directive":"script-src https://shop.example","script-sample":"call to eval() or related function blocked by CSP""#,
            ),
            (
                "Firefox 153",
                r#""blocked-uri":"eval","violated-directive":"script-src","effective-directive":"script-src""#,
            ),
        ],
    ),
    (
        "an image from data:",
        &[
            (
                "Chrome 40",
                r#""violated-directive":"img-src 'self'","effective-directive":"img-src","blocked-uri":"data""#,
            ),
            (
                "Chrome 156",
                r#""violated-directive":"img-src","effective-directive":"img-src","blocked-uri":"data""#,
            ),
            (
                "Firefox 41",
                r#""violated-directive":"img-src https://shop.example","blocked-uri":"data:image/png;base64,iVBORw0KGgo=""#,
            ),
            (
                "Firefox 153",
                r#""violated-directive":"img-src","effective-directive":"img-src","blocked-uri":"data""#,
            ),
            (
                "Safari 12",
                r#""violated-directive":"img-src 'self'","effective-directive":"img-src","blocked-uri":"data""#,
            ),
        ],
    ),
    (
        "an extension's script",
        &[
            (
                "Chrome 40",
                r#""violated-directive":"script-src 'self'","effective-directive":"script-src","blocked-uri":"chrome-extension://abcdefghijklmnopabcdefghijklmnop""#,
            ),
            (
                "Chrome 63",
                r#""violated-directive":"script-src","effective-directive":"script-src","blocked-uri":"chrome-extension""#,
            ),
            (
                "Chrome 156",
                r#""violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"chrome-extension""#,
            ),
        ],
    ),
    (
        "a script of another site, by its URL",
        &[
            (
                "Chrome 63",
                r#""violated-directive":"script-src","effective-directive":"script-src","blocked-uri":"https://cdn.example.net/a.js?v=1""#,
            ),
            (
                "Chrome 156",
                r#""violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"https://cdn.example.net/a.js?v=2""#,
            ),
            (
                "Firefox 13",
                r#""request":"GET https://shop.example/cart HTTP/1.1","blocked-uri":"https://cdn.example.net/a.js","violated-directive":"script-src https://shop.example:443""#,
            ),
            (
                "Firefox 32",
                r#""violated-directive":"script-src https://shop.example:443 https://*:8443","blocked-uri":"https://cdn.example.net:443/a.js""#,
            ),
            (
                "Firefox 153",
                r#""violated-directive":"script-src-elem","effective-directive":"script-src-elem","blocked-uri":"https://cdn.example.net/a.js?v=3""#,
            ),
            (
                "WebKitGTK 2.50",
                r#"{"type":"csp-violation","url":"https://shop.example/cart","body":{"documentURL":"https://shop.example/cart","effectiveDirective":"script-src-elem","blockedURL":"https://cdn.example.net/a.js"}}"#,
            ),
        ],
    ),
    (
        "a script of another site, by its origin",
        &[
            (
                "Chrome 21",
                r#""violated-directive":"script-src 'self'","blocked-uri":"https://cdn.example.net""#,
            ),
            (
                "Chrome 40",
                r#""violated-directive":"script-src 'self'","effective-directive":"script-src","blocked-uri":"https://cdn.example.net""#,
            ),
            (
                "Safari 6.1",
                r#""violated-directive":"script-src 'self'","blocked-uri":"https://cdn.example.net""#,
            ),
            (
                "Safari 9",
                r#""violated-directive":"script-src 'self'","effective-directive":"script-src","blocked-uri":"https://cdn.example.net/""#,
            ),
        ],
    ),
];
