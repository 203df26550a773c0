//! Faults of public filter lists, each a test: none can be written as a rule of ours, or what it hid
//! stays to be seen with the rules as they are shipped.

mod support;

use cspipe::filter::{self, RuleSet, Sources};
use cspipe::pipeline::Taken;
use cspipe::proof::prove;
use cspipe::report::Delivery;
use serde_json::{Value, json};
use support::{Bench, noon, stages};

/// Sentry, 2016 to 2018: two patterns became one text, and both were dead.
#[test]
fn a_missing_comma_between_two_values() {
    let list = "blocked_scheme = { in = [\"chromeinvokeimmediate\" \"chromenull\"] }";
    assert!(refusals(list, "chromenull://").contains("r.toml:8"), "TOML wants the comma");
    let joined = "blocked_scheme = { in = [\"chromeinvokeimmediate://*chromenull://*\"] }";
    assert!(refusals(joined, "chromenull://").contains("is no scheme"));
    // A word that could be a scheme is caught by the example that it should match.
    let word = "blocked_scheme = { in = [\"chromeinvokeimmediatechromenull\"] }";
    assert!(refusals(word, "chromenull://").contains("does not match this example, and should"));
    for blocked in ["chromeinvokeimmediate://3f1c", "chromenull://"] {
        assert_eq!(filtered_by(&frame(blocked)), "internal-blocked-bridge", "{blocked}");
    }
}

/// Relay #4604: `*/example.js` became `*`, and every report of the project was filtered.
#[test]
fn a_path_in_a_value_that_is_thrown_away() {
    let path = "blocked_host = { is = \"*/example.js\" }";
    assert!(refusals(path, "https://evil.test/example.js").contains("is no host"));
    // What is left of it, written by hand: it would filter an attack, and does not load.
    for everything in ["https", "inline"] {
        let condition = match everything {
            "https" => "blocked_scheme = { is = \"https\" }",
            _ => "blocked_keyword = { is = \"inline\" }",
        };
        let told = refusals(condition, "https://evil.test/example.js");
        assert!(told.contains("would filter the canary"), "{everything}: {told}");
    }
}

/// go-csp-collector: `localhost` and `127.0.0.1` as prefixes of a URL, which begins with `http`.
#[test]
fn a_prefix_that_no_address_begins_with() {
    let prefix = "blocked_path = { starts = \"localhost\" }";
    assert!(refusals(prefix, "http://localhost/x.js").contains("must begin with `/`"));
    assert!(refusals("blocked_uri = { starts = \"localhost\" }", "").contains("unknown field"));
    assert_eq!(filtered_by(&connect("http://localhost:8080/x")), "local-target");
    assert_eq!(filtered_by(&connect("http://127.0.0.1:8080/x")), "middlebox-private-address");
}

/// go-csp-collector refuses a whole batch when one entry matches.
#[test]
fn one_noisy_entry_that_takes_its_batch_along() {
    let entry = |blocked: &str| {
        json!({
            "type": "csp-violation", "age": 0, "url": "https://shop.example/cart",
            "body": { "blockedURL": blocked, "effectiveDirective": "script-src-elem",
                "documentURL": "https://shop.example/cart", "disposition": "enforce" },
        })
    };
    let batch = json!([
        entry("https://evil.test/1.js"),
        entry("chrome-extension://abcdefghijklmnopabcdefghijklmnop/x.js"),
        entry("https://evil.test/2.js"),
    ]);
    let streams: Vec<_> =
        records(&batch).iter().map(|record| record["stream"].as_str().map(str::to_owned)).collect();
    let expected = ["clean", "filtered", "clean"].map(|stream| Some(stream.to_owned()));
    assert_eq!(streams, expected);
}

/// go-csp-collector: a list of one's own replaces the built-in one, and most noise comes back.
#[test]
fn a_file_of_ones_own_that_replaces_the_defaults() {
    let mut sources = filter::shipped();
    let shipped = proven(&sources).rules().len();
    sources.files.push(("site.toml".to_owned(), rule(ADS, "https://ads.example/x.js")));
    assert_eq!(proven(&sources).rules().len(), shipped + 1);
    // What that collector's list had not at all.
    for report in [
        frame("moz-extension://3c7a4a0e/panel.html"),
        frame("safari-web-extension://5F1C2D3E/panel.html"),
        json!({ "blocked-uri": "inline", "source-file": "moz-extension" }),
    ] {
        assert!(filtered_by(&report).starts_with("extension-"), "{report}");
    }
}

/// csp-report-norm: a prefix was tested the wrong way round, and nothing begins everything.
#[test]
fn an_empty_value_that_matches_everything() {
    for condition in [
        "user_agent = { starts = \"\" }",
        "user_agent = { contains = [\"Bot\", \"\"] }",
        "blocked_host = { under = \"\" }",
        "source_label = { is = \"\" }",
        "blocked_scheme = { in = [] }",
    ] {
        assert!(!refusals(condition, "https://ads.example/x.js").is_empty(), "{condition}");
    }
    // And what a report does not say matches no rule that asks for it.
    for report in [json!({}), json!({ "blocked-uri": "" }), json!({ "source-file": "" })] {
        assert_eq!(filtered_by(&report), "", "{report}");
    }
}

/// Nelmio: `^https?://.*\.pinterest\.com` lets an attacker dress as noise.
#[test]
fn an_expression_that_is_not_anchored() {
    let condition = r"blocked_uri = { regex = '^https?://.*\.pinterest\.com' }";
    assert!(refusals(condition, "https://x.pinterest.com/").contains("unknown field"));
    let host = "blocked_host = { under = \"pinterest.com\" }";
    for lookalike in ["https://evil.test/x.pinterest.com", "https://x.pinterest.com.evil.test/"] {
        let told = refusals(host, lookalike);
        assert!(told.contains("does not match this example, and should"), "{lookalike}: {told}");
    }
}

/// Nelmio: `^https?://\*\.capgemini\.com` waits for an asterisk in a URL.
#[test]
fn a_literal_asterisk() {
    let under = "blocked_host = { under = \"*.capgemini.com\" }";
    assert!(refusals(under, "https://proxy.capgemini.com/").contains("is no host"));
    let list = Sources {
        files: vec![(
            "r.toml".to_owned(),
            rule("blocked_host = { list = \"hosts.txt\" }", "https://proxy.capgemini.com/"),
        )],
        lists: vec![("hosts.txt".to_owned(), "*.capgemini.com\n".to_owned())],
        ..Sources::default()
    };
    assert!(told(&list).contains("is no host"), "{}", told(&list));
}

/// Nelmio: `.*.youdao\.com` takes `notyoudao.com` along.
#[test]
fn an_unescaped_dot() {
    let record = record(&json!({ "blocked-uri": "https://fanyi.youdao.com/x.js" }));
    assert_eq!(record["tags"], json!(["extension-host"]));
    for lookalike in ["https://notyoudao.com/x.js", "https://fanyixyoudao.com/x.js"] {
        assert_eq!(self::record(&json!({ "blocked-uri": lookalike }))["tags"], Value::Null);
    }
}

/// CSP-useful: `getpocket.com` is searched in the whole address.
#[test]
fn a_text_that_is_searched_in_the_whole_address() {
    for blocked in [
        "https://evil.test/x.js?getpocket.com/b/r4.js",
        "https://evil.test/getpocket.com/b/r4.js",
        "https://getpocket.com@evil.test/b/r4.js",
        "https://evil.test/x.js#https://getpocket.com/b/r4.js",
    ] {
        let record = record(&json!({ "blocked-uri": blocked }));
        assert_eq!(record["stream"], "clean", "{blocked}");
        assert_eq!(record["tags"], Value::Null, "{blocked}");
    }
    let real = json!({ "blocked-uri": "https://getpocket.com/b/r4.js?u=1" });
    assert_eq!(filtered_by(&real), "bookmarklet-resource");
}

/// worldmonitor, and bikeindex before it was mended: a slash is asked for behind the host, and
/// frames are reported without one.
#[test]
fn a_bare_origin_that_is_missed() {
    for (origin, rule) in [
        ("http://localhost:3000", "local-target"),
        ("http://127.0.0.1:4001", "middlebox-private-address"),
        ("https://block.opendns.com", "middlebox-blocked-host"),
    ] {
        for form in [origin.to_owned(), format!("{origin}/")] {
            assert_eq!(filtered_by(&frame(&form)), rule, "{form}");
        }
    }
}

/// CSP-useful has `crwebimmediate`, Chromium's constant is `crwebinvokeimmediate`. Ours has both,
/// and each has its example.
#[test]
fn a_constant_that_is_spelled_wrongly() {
    for scheme in ["crwebimmediate", "crwebinvokeimmediate"] {
        assert_eq!(filtered_by(&frame(scheme)), "internal-blocked-bridge", "{scheme}");
        let misspelt = format!("blocked_scheme = {{ is = \"{scheme}s\" }}");
        let told = refusals(&misspelt, &format!("{scheme}://"));
        assert!(told.contains("Here blocked_scheme is"), "{told}");
    }
}

/// A Rails API searches the raw body: a host in the policy, or in what the attacker wrote, hides
/// the report.
#[test]
fn a_text_that_is_searched_in_the_raw_body() {
    let lists = filter::shipped().lists;
    let names = lists.iter().flat_map(|(_, text)| text.lines());
    let hosts: Vec<_> = names
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.trim_start_matches('.'))
        .collect();
    assert!(hosts.len() > 400, "{}", hosts.len());
    for some in hosts.chunks(50) {
        let record = record(&json!({
            "blocked-uri": "https://evil.test/x.js",
            "original-policy": format!("script-src 'self' https://{}", some.join(" https://")),
            "referrer": format!("https://{}/", some[0]),
            "script-sample": format!("chrome-extension://abc {} blocked-uri:inline", some[1]),
            "release": "moz-extension://abc/",
        }));
        assert_eq!(record["stream"], "clean", "{some:?}");
        assert_eq!(record["tags"], Value::Null, "{some:?}");
    }
}

/// Nelmio and CSP-useful drop by the sample, which the attacker writes.
#[test]
fn a_sample_that_hides_whoever_knows_the_list() {
    let told = refusals("sample = { contains = \"lastpass\" }", "inline");
    assert!(told.contains("which an attacker writes"), "{told}");
    let attack = json!({
        "blocked-uri": "inline",
        "script-sample": "var lastpass_iter;fetch('//evil.test/')",
    });
    assert_eq!(record(&attack)["stream"], "clean");
}

const ADS: &str = "blocked_host = { is = \"ads.example\" }";

/// A file with one rule, which asks this and should match that.
fn rule(condition: &str, blocked: &str) -> String {
    format!(
        r#"format = 1
[[rule]]
id = "r"
title = "t"
reason = "site"
action = "filter"
evidence = ["seen"]
all = {{ {condition} }}
[[rule.example]]
match = true
report = {{ blocked-uri = "{blocked}", document-uri = "https://shop.example/" }}
[[rule.example]]
match = false
why = "a neighbour"
report = {{ blocked-uri = "https://neighbour.example/" }}
[[rule.example]]
match = false
why = "another"
report = {{ blocked-uri = "https://another.example/" }}
"#
    )
}

/// What is told of a rule that asks this and should match that.
fn refusals(condition: &str, blocked: &str) -> String {
    told(&Sources {
        files: vec![("r.toml".to_owned(), rule(condition, blocked))],
        ..Sources::default()
    })
}

fn told(sources: &Sources) -> String {
    let errors = prove(sources, &stages()).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn proven(sources: &Sources) -> RuleSet {
    prove(sources, &stages()).expect("the rules hold")
}

fn frame(blocked: &str) -> Value {
    json!({ "blocked-uri": blocked, "effective-directive": "frame-src" })
}

fn connect(blocked: &str) -> Value {
    json!({ "blocked-uri": blocked, "effective-directive": "connect-src" })
}

/// The rule that filters a report of the page's; empty when none does.
fn filtered_by(report: &Value) -> String {
    record(report)["filter_rule"].as_str().unwrap_or("").to_owned()
}

fn record(report: &Value) -> Value {
    let mut report = report.clone();
    let keys = report.as_object_mut().expect("an object");
    keys.entry("effective-directive").or_insert_with(|| "script-src-elem".into());
    keys.insert("document-uri".to_owned(), "https://shop.example/cart".into());
    records(&json!({ "csp-report": report })).remove(0)
}

fn records(body: &Value) -> Vec<Value> {
    let bench = Bench::new();
    let delivery = Delivery {
        received_at: noon(),
        app: Some("shop"),
        query: None,
        user_agent: None,
        content_type: None,
    };
    let taken = bench.pipeline.take(body.to_string().as_bytes(), &delivery);
    assert!(matches!(taken, Taken::Accepted(_)), "{taken:?}");
    bench.records()
}
