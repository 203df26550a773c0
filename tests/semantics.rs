//! `docs/semantics.md` is what the stages say, row by row.

mod support;

use cspipe::pipeline::Taken;
use cspipe::report::{Classification, Delivery};
use serde_json::Value;
use std::fmt::Write;
use std::sync::{LazyLock, Mutex};
use support::{Bench, noon};

/// A title, the keys of a report on `https://shop.example/cart`, and where it is written.
type Row = (&'static str, &'static str, &'static str);

const CLASSIFICATIONS: &[Row] = &[
    (
        "framing",
        r#""effective-directive":"frame-ancestors","blocked-uri":"https://shop.example/cart""#,
        "Blink content_security_policy.cc: names the framed page",
    ),
    ("sandbox", r#""effective-directive":"sandbox","blocked-uri":"""#, "CSP3 section 6.3.2"),
    (
        "trusted_types",
        r#""effective-directive":"require-trusted-types-for","blocked-uri":"trusted-types-sink""#,
        "Trusted Types section 4",
    ),
    (
        "mixed_content",
        r#""effective-directive":"img-src","blocked-uri":"http://cdn.example.net/a.png""#,
        "Mixed Content section 2",
    ),
    ("eval", r#""effective-directive":"script-src","blocked-uri":"eval""#, "CSP3 section 2.4.1"),
    (
        "wasm_eval",
        r#""effective-directive":"script-src","blocked-uri":"wasm-eval""#,
        "CSP3 section 2.4.1",
    ),
    (
        "inline_style",
        r#""effective-directive":"style-src-attr","blocked-uri":"inline""#,
        "CSP3 section 2.4.1",
    ),
    (
        "inline_handler",
        r#""effective-directive":"script-src-attr","blocked-uri":"inline""#,
        "CSP3 section 6.1",
    ),
    (
        "inline_script",
        r#""effective-directive":"script-src-elem","blocked-uri":"inline""#,
        "CSP3 section 2.4.1",
    ),
    ("data_uri", r#""effective-directive":"img-src","blocked-uri":"data""#, "CSP3 section 5.4"),
    ("blob_uri", r#""effective-directive":"worker-src","blocked-uri":"blob""#, "CSP3 section 5.4"),
    (
        "filesystem_uri",
        r#""effective-directive":"img-src","blocked-uri":"filesystem""#,
        "CSP3 section 5.4",
    ),
    (
        "javascript_uri",
        r#""effective-directive":"script-src","blocked-uri":"javascript:alert(1)""#,
        "page scripts; unverified for browsers",
    ),
    (
        "browser_extension",
        r#""effective-directive":"script-src-elem","blocked-uri":"chrome-extension""#,
        "CSP3 section 5.4",
    ),
    (
        "browser_internal",
        r#""effective-directive":"frame-src","blocked-uri":"about""#,
        "CSP3 section 5.4",
    ),
    (
        "other_scheme",
        r#""effective-directive":"frame-src","blocked-uri":"acme""#,
        "CSP3 section 5.4",
    ),
    (
        "form_action",
        r#""effective-directive":"form-action","blocked-uri":"https://pay.example.net/""#,
        "CSP3 section 6.4.1",
    ),
    (
        "base_uri",
        r#""effective-directive":"base-uri","blocked-uri":"https://evil.example.net/""#,
        "CSP3 section 6.3.1",
    ),
    (
        "same_host",
        r#""effective-directive":"img-src","blocked-uri":"https://shop.example:8443/a.png""#,
        "ports and www. aside",
    ),
    (
        "unauthorized_host",
        r#""effective-directive":"script-src-elem","blocked-uri":"https://cdn.example.net/a.js?v=1""#,
        "CSP3 section 5.4",
    ),
    ("unknown", r#""effective-directive":"media-src","blocked-uri":"""#, "w3c/webappsec issue 401"),
];

const QUIRKS: &[Row] = &[
    (
        "Chrome 44, Firefox 41: the whole directive",
        r#""violated-directive":"img-src 'self' https://a.test","blocked-uri":"data""#,
        "CSP 1.0; captured",
    ),
    (
        "Firefox before 33: a phrase for eval",
        r#""violated-directive":"eval script base restriction","blocked-uri":"self""#,
        "mozilla-central contentSecurityPolicy.js",
    ),
    (
        "Firefox before CSP3: `self` is the page's own code",
        r#""violated-directive":"script-src 'self'","blocked-uri":"self""#,
        "nico3333fr/CSP-useful",
    ),
    (
        "Firefox before CSP3: the fallback alone",
        r#""violated-directive":"default-src 'none'","blocked-uri":"https://cdn.example.net""#,
        "captured",
    ),
    (
        "Chrome before 5x, old WebKit: blank is inline",
        r#""violated-directive":"script-src 'self'","blocked-uri":"""#,
        "w3c/webappsec issue 52",
    ),
    (
        "The same under 'unsafe-inline': blank is eval",
        r#""violated-directive":"script-src","blocked-uri":"","original-policy":"script-src 'unsafe-inline'""#,
        "follows from CSP3 section 6.7.3.2",
    ),
    (
        "Chrome 21: an opaque origin is `null`",
        r#""violated-directive":"img-src","blocked-uri":"null""#,
        "captured",
    ),
    (
        "Relays: case and blanks",
        r#""effective-directive":"script-src","blocked-uri":"INLINE ""#,
        "getsentry/relay tests",
    ),
    (
        "Firefox 5 to 41: data: with its payload",
        r#""violated-directive":"img-src","blocked-uri":"data:image/png;base64,AAAA""#,
        "captured",
    ),
    (
        "Proxies: `//host` without a scheme",
        r#""effective-directive":"img-src","blocked-uri":"//cdn.example.net/a.png""#,
        "RFC 3986 section 4.2; unverified for browsers",
    ),
];

/// Whole bodies: which envelope they are, and what had to be mended.
const BODIES: &[Row] = &[
    (
        "every engine, `report-uri`",
        r#"{"csp-report":{"document-uri":"https://shop.example/","blocked-uri":"inline"}}"#,
        "CSP3 section 5.3",
    ),
    (
        "WebKit since 2022, `report-uri`",
        r#"{"type":"csp-violation","url":"https://shop.example/","csp-report":{"blocked-uri":"inline"}}"#,
        "WebKit CSPViolationReportBody.cpp; captured 2.50",
    ),
    (
        "Chromium, Firefox, `report-to`",
        r#"[{"type":"csp-violation","url":"https://shop.example/","body":{"blockedURL":"inline"}}]"#,
        "Reporting API section 4.1",
    ),
    (
        "WebKit, `report-to`: one object",
        r#"{"type":"csp-violation","url":"https://shop.example/","body":{"blockedURL":"inline"}}"#,
        "WebKit CSPViolationReportBody.cpp; captured 2.50",
    ),
    (
        "Chrome 14 to 20, Safari 5.1 to 6.0: a form",
        "document-url=https%3A%2F%2Fshop.example%2F&violated-directive=img-src",
        "captured",
    ),
    (
        "Firefox 5 to 13: the request line for the page",
        r#"{"csp-report":{"request":"GET http://shop.example/ HTTP/1.1","blocked-uri":"self"}}"#,
        "captured",
    ),
    (
        "no envelope",
        r#"{"document-uri":"https://shop.example/","blocked-uri":"inline"}"#,
        "page scripts; unverified for browsers",
    ),
    (
        "Firefox 23 to 32: two bytes behind the end",
        r#"{"csp-report":{"document-uri":"https://shop.example/","blocked-uri":"inline"}}xx"#,
        "captured lengths; which bytes is unverified",
    ),
    (
        "a sample cut inside an emoji",
        r#"{"csp-report":{"document-uri":"https://shop.example/","blocked-uri":"inline","script-sample":"\ud83d"}}"#,
        "CSP3 section 2.4.1 cuts after 40 code units",
    ),
    (
        "a number that none is",
        r#"{"csp-report":{"document-uri":"https://shop.example/","blocked-uri":"inline","line-number":1e999999}}"#,
        "unverified for browsers",
    ),
    (
        "a value of the wrong type",
        r#"{"csp-report":{"document-uri":"https://shop.example/","blocked-uri":"inline","referrer":7}}"#,
        "unverified for browsers",
    ),
];

/// What differs, both keys, and whether `fingerprint` and `policy_hash` stay equal.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "query string",
        r#""effective-directive":"img-src","blocked-uri":"https://a.test/x?v=1""#,
        r#""effective-directive":"img-src","blocked-uri":"https://a.test/x?v=2""#,
    ),
    (
        "path",
        r#""effective-directive":"img-src","blocked-uri":"https://a.test/x""#,
        r#""effective-directive":"img-src","blocked-uri":"https://a.test/y""#,
    ),
    (
        "path of a frame: engines name the origin only",
        r#""effective-directive":"frame-src","blocked-uri":"https://a.test""#,
        r#""effective-directive":"frame-src","blocked-uri":"https://a.test/y""#,
    ),
    (
        "`-elem`",
        r#""effective-directive":"script-src","blocked-uri":"inline""#,
        r#""effective-directive":"script-src-elem","blocked-uri":"inline""#,
    ),
    (
        "line and sample",
        r#""effective-directive":"script-src","blocked-uri":"inline","line-number":1"#,
        r#""effective-directive":"script-src","blocked-uri":"inline","line-number":2,"script-sample":"x""#,
    ),
    (
        "disposition",
        r#""effective-directive":"script-src","blocked-uri":"inline","disposition":"enforce""#,
        r#""effective-directive":"script-src","blocked-uri":"inline","disposition":"report""#,
    ),
    (
        "nonce and report-uri of the policy",
        r#""effective-directive":"script-src","blocked-uri":"inline","original-policy":"script-src 'nonce-a'; report-uri /csp""#,
        r#""effective-directive":"script-src","blocked-uri":"inline","original-policy":"script-src 'nonce-b'""#,
    ),
    (
        "a source of the policy",
        r#""effective-directive":"script-src","blocked-uri":"inline","original-policy":"script-src a.test""#,
        r#""effective-directive":"script-src","blocked-uri":"inline","original-policy":"script-src b.test""#,
    ),
];

/// Held equal to the code; written anew with `UPDATE_DOCS=1 cargo test --test semantics`.
#[test]
fn the_document_says_what_the_code_does() {
    let mut text = String::from(HEAD);
    for (title, rows) in [("Classifications", CLASSIFICATIONS), ("Quirks of browsers", QUIRKS)] {
        let _ = writeln!(text, "\n## {title}\n");
        text += "| what | keys of the report | `classification` | `violation_type` | `blocked_uri` | `relation` | source |\n| --- | --- | --- | --- | --- | --- | --- |\n";
        for (what, keys, source) in rows {
            let record = record(keys);
            let field = |name: &str| match record[name].as_str() {
                Some(text) => format!("`{text}`"),
                None => String::new(),
            };
            let _ = writeln!(
                text,
                "| {what} | `{keys}` | {} | {} | {} | {} | {source} |",
                field("classification"),
                field("violation_type"),
                field("blocked_uri"),
                field("relation")
            );
        }
    }
    text += "\n## Envelopes and repairs\n\n| what | body | `wire` | `document_uri` | `blocked_uri` | `repaired` | source |\n| --- | --- | --- | --- | --- | --- | --- |\n";
    for (what, body, source) in BODIES {
        let record = record_of(body);
        let field = |name: &str| match &record[name] {
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let _ = writeln!(
            text,
            "| {what} | `{body}` | {} | {} | {} | {} | {source} |",
            field("wire"),
            field("document_uri"),
            field("blocked_uri"),
            field("repaired")
        );
    }
    text += "\n## What counts for `fingerprint` and `policy_hash`\n\n| what differs | one | the other | same `fingerprint` | same `policy_hash` |\n| --- | --- | --- | --- | --- |\n";
    for (what, one, other) in PAIRS {
        let (first, second) = (record(one), record(other));
        let same = |name: &str| match (&first[name], &second[name]) {
            (Value::Null, Value::Null) => "",
            (first, second) if first == second => "yes",
            _ => "no",
        };
        let (fingerprint, policy) = (same("fingerprint"), same("policy_hash"));
        let _ = writeln!(text, "| {what} | `{one}` | `{other}` | {fingerprint} | {policy} |");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/semantics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).expect("the document can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "docs/semantics.md is not what the code does; write it anew with \
         `UPDATE_DOCS=1 cargo test --test semantics`, and read what changed"
    );
}

#[test]
fn every_classification_has_its_sample() {
    let named: Vec<_> = CLASSIFICATIONS.iter().map(|row| row.0).collect();
    for class in Classification::ALL {
        assert!(named.contains(&class.name()), "{} has no row", class.name());
    }
    for (name, keys, _) in CLASSIFICATIONS {
        assert_eq!(record(keys)["classification"], *name, "{keys}");
    }
}

fn record(keys: &str) -> Value {
    record_of(&format!(r#"{{"csp-report":{{"document-uri":"https://shop.example/cart",{keys}}}}}"#))
}

fn record_of(body: &str) -> Value {
    static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| Mutex::new(Bench::new()));
    let bench = BENCH.lock().expect("not poisoned");
    let delivery = Delivery {
        received_at: noon(),
        app: None,
        query: None,
        user_agent: None,
        content_type: None,
    };
    let taken = bench.pipeline.take(body.as_bytes(), &delivery);
    assert!(matches!(taken, Taken::Accepted(_)), "{taken:?} for {body}");
    bench.records().remove(0)
}

const HEAD: &str = "# Semantics

What reports become, as the code does it: `tests/semantics.rs` sends each row through the stages and
writes this file. To check a row, put its keys behind `\"document-uri\":\"https://shop.example/cart\",`
in `{\"csp-report\":{…}}` and give that to `cspipe explain`.

Sentences that decide a classification are asked in the order of `src/derive/classify.rs`; the first
that holds decides.
";
