//! The noise of the field, pattern by pattern, against the rules as they are shipped.
//!
//! `tests/noise/` holds one row for every pattern that a study of public filters judged safe to
//! filter (D), worth a label (L), or never to be filtered (X). Its README has the format.

mod support;

use cspipe::decode::{Entry, Scratch, decode};
use cspipe::filter::{self, RuleSet};
use cspipe::pipeline::Stages;
use cspipe::policy::Directive;
use cspipe::proof::prove;
use cspipe::report::Delivery;
use jiff::civil::date;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use support::{noon, stages};

#[test]
fn every_pattern_ends_as_its_row_says() {
    let bench = Bench::new();
    let mut wrong = Vec::new();
    for row in rows() {
        let judged = bench.judge(&row.report);
        let is_filtered = judged.filtered_by.is_some();
        let holds = match row.expectation.as_str() {
            "kept" | "unseen" => !is_filtered,
            expectation => match expectation.split_once(' ') {
                Some(("filtered", rule)) => judged.filtered_by.as_deref() == Some(rule),
                Some(("labelled", tag)) => !is_filtered && judged.tags.contains(tag),
                Some(("trial", rule)) => {
                    !is_filtered && judged.would_filter.as_deref() == Some(rule)
                }
                _ => false,
            },
        };
        if !holds {
            wrong.push(format!("{row} wants `{}`: {judged:?}", row.expectation));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_pattern_is_missing() {
    let mut found: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in rows() {
        let counts = found.entry(row.category.clone()).or_default();
        counts["DLX".find(row.tag).expect("a tag of the study")] += 1;
        assert!(seen.insert((row.category.clone(), row.pattern.clone())), "{row} comes twice");
    }
    let counted: Vec<_> = found.iter().map(|(name, counts)| (name.as_str(), *counts)).collect();
    assert_eq!(counted, PATTERNS);
}

/// What the study would filter or label, and the shipped rules do not. Nothing joins it unnoticed.
#[test]
fn exceptions_are_a_closed_list_and_say_why() {
    let exceptions = |tag, usual: &str| {
        let others = rows().into_iter().filter(|row| row.tag == tag);
        others
            .filter(|row| !row.expectation.starts_with(usual))
            .inspect(|row| assert!(row.why.is_some(), "{row} does not say why"))
            .map(|row| format!("{}: {}", row.pattern, row.expectation))
            .collect::<Vec<_>>()
    };
    assert_eq!(exceptions('D', "filtered "), UNFILTERED);
    let mut unlabelled = exceptions('L', "labelled ");
    let all = unlabelled.len();
    unlabelled.retain(|exception| !exception.starts_with("client_ip cidr "));
    assert_eq!(all - unlabelled.len(), 20, "networks of crawlers");
    assert_eq!(unlabelled, UNLABELLED);
}

/// `x.example.evil.test`, `notx.example` and `evil.test/x.example` are not `x.example`.
#[test]
fn no_lookalike_of_a_host_is_taken_for_it() {
    let bench = Bench::new();
    let mut tried = 0;
    for row in rows() {
        let Some(host) = row.host() else { continue };
        let Some((_, by)) = row.expectation.split_once(' ') else { continue };
        let written = row.report.to_string();
        let at = written.find(host).expect("the report shows the host");
        let start = written[..at].rfind("//").expect("in a URL") + "//".len();
        let mut lookalikes = vec![
            format!("{host}.evil.test"),
            format!("evil.test/{host}"),
            format!("evil.test/?{host}"),
        ];
        // Before a host with more labels it would stand under one that may be listed too.
        let bare = host.strip_prefix("www.").unwrap_or(host);
        lookalikes.extend((bare.matches('.').count() == 1).then(|| format!("not{bare}")));
        for lookalike in lookalikes {
            let disguised =
                format!("{}{lookalike}{}", &written[..start], &written[at + host.len()..]);
            let report = serde_json::from_str(&disguised).expect("it is still JSON");
            let judged = bench.judge(&report);
            let is_taken = judged.filtered_by.as_deref() == Some(by) || judged.tags.contains(by);
            assert!(!is_taken, "{row} takes {disguised}: {judged:?}");
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried} lookalikes");
}

/// Engines write the scheme alone, with the separator, with line and column, or the whole URL.
#[test]
fn a_scheme_is_known_in_every_spelling() {
    let bench = Bench::new();
    let mut tried = 0;
    for row in rows() {
        let mut words = row.pattern.splitn(3, ' ');
        let (field, kind, scheme) = (words.next(), words.next(), words.next().unwrap_or(""));
        let key = match (field, kind, row.tag) {
            (Some("blocked_scheme"), Some("exact"), 'D') => "blocked-uri",
            (Some("source_scheme"), Some("exact"), 'D') => "source-file",
            _ => continue,
        };
        let scheme = scheme.split(':').next().unwrap_or(scheme);
        for text in [
            scheme.to_owned(),
            format!("{scheme}:"),
            format!("{scheme}://"),
            format!("{scheme}://name/file.js?query#fragment"),
            format!("{scheme}:2:248774"),
            format!("{}://NAME/File.js", scheme.to_ascii_uppercase()),
        ] {
            let mut report = row.report.clone();
            report[key] = Value::from(text.as_str());
            let judged = bench.judge(&report);
            assert!(judged.filtered_by.is_some(), "{row} does not know {text}: {judged:?}");
            tried += 1;
        }
    }
    assert!(tried > 250, "{tried} spellings");
}

/// What must never be filtered is not, whatever directive it is reported under, and whether the
/// policy is enforced or not.
#[test]
fn what_must_stay_stays_under_every_directive() {
    let bench = Bench::new();
    for row in rows().into_iter().filter(|row| row.tag == 'X') {
        for directive in Directive::ALL {
            for disposition in ["enforce", "report"] {
                let mut report = row.report.clone();
                report["effective-directive"] = Value::from(directive.name());
                report["disposition"] = Value::from(disposition);
                let judged = bench.judge(&report);
                assert_eq!(judged.filtered_by, None, "{row} under {}", directive.name());
            }
        }
    }
}

/// A rule that no row shows is not drawn from the study, or a row is missing.
#[test]
fn every_shipped_rule_is_shown_by_a_pattern() {
    let bench = Bench::new();
    let shown: BTreeSet<_> =
        rows().into_iter().flat_map(|row| bench.judge(&row.report).matched).collect();
    let rules = bench.rules.rules().iter().map(|rule| rule.id.as_str());
    let not_shown: Vec<_> = rules.filter(|id| !shown.contains(*id)).collect();
    assert_eq!(not_shown, OF_OTHER_ORIGIN);
}

/// One pattern of the study.
struct Row {
    place: String,
    category: String,
    tag: char,
    expectation: String,
    pattern: String,
    report: Value,
    why: Option<String>,
}

impl std::fmt::Display for Row {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}: {} {}", self.place, self.tag, self.pattern)
    }
}

impl Row {
    /// The host that the pattern is about, if it is about one.
    fn host(&self) -> Option<&str> {
        let mut words = self.pattern.splitn(3, ' ');
        let field = words.next()?;
        let kind = words.next()?;
        let is_host = matches!(field, "blocked_host" | "source_host" | "document_host")
            && matches!(kind, "exact" | "suffix");
        words.next().filter(|value| is_host && value.contains('.') && !value.ends_with(".0.1"))
    }
}

/// What became of a report.
#[derive(Debug)]
struct Judged {
    filtered_by: Option<String>,
    tags: BTreeSet<String>,
    /// The rule that filters it once all rules are switched on.
    would_filter: Option<String>,
    matched: BTreeSet<String>,
}

/// The shipped rules, and the stages before them.
struct Bench {
    rules: RuleSet,
    /// The same with those rules switched on that wait for it.
    switched_on: RuleSet,
    stages: std::sync::Arc<Stages>,
}

impl Bench {
    fn new() -> Self {
        let stages = stages();
        let rules = prove(&filter::shipped(), &stages).expect("the shipped rules hold");
        let mut sources = filter::shipped();
        sources.files.push(("site.toml".to_owned(), SWITCHES.to_owned()));
        let switched_on = prove(&sources, &stages).expect("the switches hold");
        Self { rules, switched_on, stages }
    }

    /// `report` has the keys of a report-uri body, and `ua` and `query` beside them.
    fn judge(&self, report: &Value) -> Judged {
        let mut keys: Map<String, Value> = report.as_object().expect("an object").clone();
        let user_agent = keys.remove("ua");
        let query = keys.remove("query");
        keys.entry("document-uri").or_insert_with(|| "https://shop.example/cart".into());
        let body = serde_json::json!({ "csp-report": keys }).to_string();
        let delivery = Delivery {
            received_at: noon(),
            app: Some("shop"),
            query: query.as_ref().and_then(Value::as_str),
            user_agent: user_agent.as_ref().and_then(Value::as_str),
            content_type: None,
        };
        let mut scratch = Scratch::default();
        let mut entries = decode(body.as_bytes(), &mut scratch, 1).expect("it can be read");
        let Some(Entry::Violation(raw)) = entries.pop() else { panic!("no violation: {body}") };
        let violation = self.stages.normalize(raw);
        let facts = self.stages.derive(&violation, &delivery);
        let today = date(2026, 11, 23);
        let verdict = self.rules.judge(&self.rules.subject(&violation, &facts), today);
        let subject = self.switched_on.subject(&violation, &facts);
        let later = self.switched_on.judge(&subject, today);
        Judged {
            filtered_by: verdict.filtered_by.map(|by| by.rule.to_owned()),
            tags: verdict.tags.iter().map(|&tag| tag.to_owned()).collect(),
            would_filter: later.filtered_by.map(|by| by.rule.to_owned()),
            matched: self.switched_on.matching(&subject).map(|rule| rule.id.clone()).collect(),
        }
    }
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/noise");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
        .collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let category = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("the table can be read");
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let place = format!("tests/noise/{category}.tsv:{}", at + 1);
            let columns: Vec<_> = line.split('\t').collect();
            let [tag, expectation, pattern, report, rest @ ..] = columns.as_slice() else {
                panic!("{place}: a row has four columns or five");
            };
            assert!(rest.len() <= 1, "{place}: a row has four columns or five");
            rows.push(Row {
                tag: tag.chars().next().expect("a tag"),
                expectation: (*expectation).to_owned(),
                pattern: (*pattern).to_owned(),
                report: serde_json::from_str(report)
                    .unwrap_or_else(|error| panic!("{place}: {error}")),
                why: rest.first().map(|&why| why.to_owned()),
                category: category.clone(),
                place,
            });
        }
    }
    rows
}

/// A site's file that switches on what waits for it.
const SWITCHES: &str = r#"
format = 1
[enforce]
foreign-page = ["shop"]
not-production = ["shop"]
[own_hosts]
shop = ["shop.example"]
"#;

/// How many patterns of each category the study tags D, L and X. One D row more than its 165: a
/// pattern that names two kinds of pages is two rows.
const PATTERNS: &[(&str, [usize; 3])] = &[
    ("bot-crawler", [0, 84, 1]),
    ("browser-bug", [10, 20, 0]),
    ("browser-extension", [45, 172, 17]),
    ("in-app-browser", [2, 42, 1]),
    ("internal-scheme", [49, 8, 0]),
    ("local-dev", [9, 6, 2]),
    ("malware-adware", [0, 382, 7]),
    ("middlebox-injected", [39, 12, 3]),
    ("outdated-browser", [0, 10, 0]),
    ("page-replay", [7, 11, 12]),
    ("policy-contradiction", [2, 4, 0]),
    ("unclassified", [0, 0, 90]),
    ("user-script", [3, 10, 0]),
];

const UNFILTERED: &[&str] = &[
    "status_code & document all document-uri is empty: labelled page-missing",
    "client_ip exact 127.0.0.1: unseen",
    "client_ip exact ::1: unseen",
    "environment exact not production: trial not-production",
    "document_host exact document host not in the app's host list: trial foreign-page",
];

const UNLABELLED: &[&str] = &[
    "browser exact browser=Chrome (2015): filtered extension-blocked-scheme",
    "directive & blocked_token & browser all directive=font-src; blocked_token=chrome-extension; browser=Firefox 49: filtered extension-blocked-scheme",
    "disposition exact two policies (header + meta) on one page; enforced report for a request that succeeded: unseen",
    "blocked_url substring moz-extension: filtered extension-blocked-scheme",
    "source_file substring chrome://kango-: filtered internal-source-scheme",
    "source_file substring jar:file: filtered internal-source-scheme",
    "blocked_url substring android-webview: filtered internal-blocked-browser",
    "blocked_url substring ms-browser-extension: filtered extension-blocked-scheme",
    "blocked_host exact localhost: filtered local-target",
    "blocked_url substring 192.168.1: filtered middlebox-private-address",
    "header.host exact localhost: unseen",
    "header.x-forwarded-for exact 127.0.0.1: unseen",
    "header.x-forwarded-host exact localhost: unseen",
    "referrer prefix android-app://com.google.android.googlequicksearchbox: unseen",
    "derived.policy_known derived original_policy not among the policies this app served: unseen",
];

/// Shipped rules that no row shows: what they go by is tagged "only for an app that opts in" (O) or
/// X as a filter, and they only label.
const OF_OTHER_ORIGIN: &[&str] = &["framing-tool", "media-data"];
