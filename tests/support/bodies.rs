//! Random bodies: what browsers send, what it is bent into on its way, and noise.

use proptest::prelude::*;

/// Bodies: JSON, JSON with something broken, noise.
pub fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => json().prop_map(|value| value.to_string().into_bytes()),
        2 => (json(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(value, at, byte)| {
            let mut bytes = value.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => (json(), any::<prop::sample::Index>()).prop_map(|(value, at)| {
            let bytes = value.to_string().into_bytes();
            bytes[..at.index(bytes.len())].to_vec()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => "[a-z-]{0,20}=[a-zA-Z0-9%+&=-]{0,60}".prop_map(String::into_bytes),
    ]
}

/// Bodies that nearly are reports: every envelope, keys in any spelling and number, values of any
/// type, and something odd around the whole.
pub fn report_body() -> impl Strategy<Value = Vec<u8>> {
    (envelopes(), any::<prop::sample::Index>(), any::<u8>(), 0..8_u8).prop_map(
        |(text, at, byte, oddity)| {
            let mut bytes = text.clone().into_bytes();
            match oddity {
                0 => bytes.splice(..0, *b"\xef\xbb\xbf").for_each(drop),
                1 => bytes.extend_from_slice(b"\r\n\0"),
                2 => bytes = serde_json::to_vec(&text).expect("a text is JSON"),
                3 => {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                4 => bytes.truncate(at.index(bytes.len())),
                _ => {}
            }
            bytes
        },
    )
}

/// One or more entries in an envelope, or in several.
fn envelopes() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(&["", "", " ", "\n", "\t \r\n"][..]);
    let one = (entry(), blank).prop_map(|(entry, blank)| format!("{blank}{entry}{blank}")).boxed();
    prop_oneof![
        4 => one.clone(),
        3 => prop::collection::vec(one.clone(), 0..4)
            .prop_map(|entries| format!("[{}]", entries.join(","))),
        1 => prop::collection::vec(one, 2..4).prop_map(|entries| entries.join("\n")),
        1 => "(document-url|violated-directive|blocked-uri|line-number|x)=[a-z0-9%+:/.-]{0,20}(&(status-code|referrer|document-url)=[a-z0-9%+]{0,12}){0,3}",
    ]
}

/// One entry of a body.
fn entry() -> impl Strategy<Value = String> {
    let content = (fields(), prop::sample::select(CONTENT))
        .prop_map(|(fields, name)| format!("{}:{{{fields}}}", quoted(name)));
    let around = prop::collection::vec((prop::sample::select(AROUND), value()), 0..4);
    prop_oneof![
        6 => (content, around, any::<bool>()).prop_map(|(content, around, comes_first)| {
            let around: String =
                around.iter().map(|(name, value)| format!(",{}:{value}", quoted(name))).collect();
            if comes_first {
                format!("{{{content}{around}}}")
            } else {
                format!("{{{}{content}}}", around.strip_prefix(',').map_or(String::new(), |rest| format!("{rest},")))
            }
        }),
        2 => fields().prop_map(|fields| format!("{{{fields}}}")),
        1 => value(),
    ]
}

/// Keys with values; the same key may come twice.
fn fields() -> impl Strategy<Value = String> {
    prop::collection::vec((prop::sample::select(SPELLINGS), value()), 0..7).prop_map(|fields| {
        let fields = fields.iter().map(|(name, value)| format!("{}:{value}", quoted(name)));
        fields.collect::<Vec<_>>().join(",")
    })
}

/// A value as JSON text.
fn value() -> impl Strategy<Value = String> {
    let number = prop::sample::select(NUMBERS).prop_map(str::to_owned);
    prop_oneof![
        8 => text().prop_map(|text| quoted(&text)),
        2 => number.clone(),
        1 => number.prop_map(|number| quoted(&number)),
        1 => Just("null".to_owned()),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        1 => json().prop_map(|value| value.to_string()),
        1 => Just(format!("{}{}", "[".repeat(40), "]".repeat(40))),
        1 => Just("\"a\\ud83d\"".to_owned()),
        1 => Just("\"a\tb\"".to_owned()),
    ]
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,30}".prop_map(Into::into),
        prop::sample::select(TEXTS).prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let key =
            prop_oneof![4 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((key, inner), 0..10)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A text of a report: one that means something, with something around it.
pub fn text() -> impl Strategy<Value = String> {
    let around = prop::sample::select(&["", "", "", "#x", "?y", " ", "\u{0}", "/z", ":1", ";"][..]);
    let directive = prop::sample::select(
        &["script-src", "style-src 'self'", "img-src", "default-src", "script-src-elem"][..],
    );
    prop_oneof![
        6 => (around.clone(), prop::sample::select(TEXTS), around).prop_map(|(before, text, after)| format!("{before}{text}{after}")),
        3 => directive.prop_map(str::to_owned),
        1 => "\\PC{0,40}",
        1 => "[a-zA-Z0-9@.:/%=;?#_-]{0,40}",
    ]
}

/// What the content of an entry is called.
const CONTENT: &[&str] = &["csp-report", "csp-report", "body", "body", "csp_report", "cspReport"];

/// What stands around it.
const AROUND: &[&str] = &["type", "type", "url", "age", "user_agent", "expect-ct-report", "x"];

/// The keys of a report, in every spelling that is known, and near misses.
const SPELLINGS: &[&str] = &[
    "document-uri",
    "documentURL",
    "document_uri",
    "documentURI",
    "referrer",
    "blocked-uri",
    "blockedURL",
    "blocked_uri",
    "blocked-url",
    "violated-directive",
    "violatedDirective",
    "effective-directive",
    "effectiveDirective",
    "effective_directive",
    "original-policy",
    "originalPolicy",
    "disposition",
    "status-code",
    "statusCode",
    "script-sample",
    "sample",
    "source-file",
    "sourceFile",
    "line-number",
    "lineNumber",
    "column-number",
    "request",
    "Blocked-URI",
    "type",
    "url",
    "age",
];

/// Numbers that fit somewhere, or nowhere.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "200",
    "4294967295",
    "4294967296",
    "1.0",
    "1.5",
    "1e3",
    "-0",
    "1e400",
    "9007199254740993",
    "18446744073709551616",
];

/// Keys of a report in all spellings, and some that are none.
const KEYS: &[&str] = &[
    "csp-report",
    "type",
    "body",
    "url",
    "age",
    "user_agent",
    "document-uri",
    "documentURL",
    "referrer",
    "blocked-uri",
    "blockedURL",
    "violated-directive",
    "effective-directive",
    "effectiveDirective",
    "original-policy",
    "originalPolicy",
    "disposition",
    "status-code",
    "script-sample",
    "sample",
    "source-file",
    "sourceFile",
    "line-number",
    "lineNumber",
    "request",
    "known-pins",
    "x",
    "",
];

/// Texts that mean something somewhere.
const TEXTS: &[&str] = &[
    "",
    "inline",
    "eval",
    "self",
    "null",
    "data",
    "chrome-extension",
    "https://a.test/x?y#z",
    "//a.test/",
    "http://:1/",
    "csp-violation",
    "deprecation",
    "script-src 'self'",
    "default-src",
    "inline script base restriction",
    "enforce",
    "report",
    "12",
    "a\u{202e}b",
    "\u{0}",
    "about:blank",
    "moz-extension://3b241101-e2bb-4255-8caf-4136c566a962/x",
    "blob:x",
    "acme://x",
    "a.b://x",
    "localhost://x",
    "127.0.0.1",
    "a.test:80",
    "GET http://a.test/ HTTP/1.1",
    "tel:110",
    "#",
    "inline",
    "anna@example.org",
    "4111 1111 1111 1111",
    "aBcDeFgHiJkLmNoPqRsTuV",
    "user-script:1",
    "https://u:p@[::1]:8/;a=b/eyJx",
    "%",
    "\\",
];
