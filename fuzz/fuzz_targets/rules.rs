//! A rule file: every mistake has a place inside its file, and a set that compiles judges.
#![no_main]

use cspipe::decode::{Entry, Scratch, decode};
use cspipe::filter::{RuleError, RuleSet, Sources};
use cspipe::proof;
use cspipe_fuzz::{delivery, stages};
use jiff::civil::date;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let sources = Sources {
        origin: "fuzz".to_owned(),
        files: vec![("site.toml".to_owned(), text.to_owned())],
        lists: vec![("hosts.txt".to_owned(), HOSTS.to_owned())],
        ..Sources::default()
    };
    let rules = match RuleSet::compile(&sources) {
        Ok(rules) => rules,
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| stands_somewhere(error, text));
            return;
        }
    };
    let today = date(2026, 11, 23);
    for report in REPORTS {
        let mut scratch = Scratch::default();
        for entry in decode(report.as_bytes(), &mut scratch, 10).expect("it can be read") {
            let Entry::Violation(raw) = entry else { unreachable!("{report}") };
            let violation = stages().normalize(raw);
            let facts = stages().derive(&violation, &delivery(Some("app=shop")));
            let subject = rules.subject(&violation, &facts);
            let indexed: Vec<_> = rules.matching(&subject).map(|rule| &rule.id).collect();
            let asked = rules.rules().iter().filter(|rule| rule.matches(&subject));
            assert_eq!(indexed, asked.map(|rule| &rule.id).collect::<Vec<_>>());
            let verdict = rules.judge(&subject, today);
            assert!(verdict.kept_by.is_none() || verdict.filtered_by.is_none());
        }
    }
    match proof::prove(&sources, stages()) {
        Ok(proven) => assert_eq!(proven.hash(), rules.hash()),
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| stands_somewhere(error, text));
        }
    }
});

/// Whether a mistake points to where a person can look, and can be shown.
fn stands_somewhere(error: &RuleError, text: &str) {
    let file = match error.file.as_str() {
        "site.toml" => text,
        "hosts.txt" => HOSTS,
        other => panic!("{other}: {error}"),
    };
    let lines: Vec<_> = file.split('\n').collect();
    let line = error.line.unwrap_or_else(|| panic!("no line: {error}"));
    assert!((1..=lines.len()).contains(&line), "line {line} of {}: {error}", lines.len());
    if let Some(column) = error.column {
        let letters = lines[line - 1].chars().count();
        assert!((1..=letters + 1).contains(&column), "column {column} of {letters}: {error}");
        assert!(error.excerpt().is_some());
    }
    assert!(!error.message.is_empty());
    assert!(!error.to_string().contains('\0'));
}

const HOSTS: &str = "# hosts\nads.example\n.tracker.example\n";

/// One violation of each kind that the index tells apart.
const REPORTS: &[&str] = &[
    r#"{"csp-report":{"document-uri":"https://shop.example/a","blocked-uri":"inline",
        "effective-directive":"script-src-elem","script-sample":"x","source-file":"chrome-extension://abc/x.js"}}"#,
    r#"{"csp-report":{"document-uri":"https://shop.example/a","blocked-uri":"https://ads.example/x.js",
        "effective-directive":"script-src","line-number":7,"status-code":200}}"#,
    r#"{"csp-report":{"document-uri":"http://10.0.0.1/","blocked-uri":"chrome-extension",
        "violated-directive":"img-src","disposition":"report"}}"#,
    r#"[{"type":"csp-violation","url":"about:blank","user_agent":"curl/8","age":1,
        "body":{"blockedURL":"data","effectiveDirective":"font-src"}}]"#,
    r#"{"csp-report":{"violated-directive":"x"}}"#,
];
