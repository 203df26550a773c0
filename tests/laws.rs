//! Laws that hold for any input.

mod support;

use cspipe::decode::{Entry, Scratch, decode};
use cspipe::filter;
use cspipe::normalize::{self, Keep, KeepReferrer, KeepText, normalize};
use cspipe::pipeline::Taken;
use cspipe::proof;
use cspipe::report::{Delivery, RawReport, Wire};
use proptest::prelude::*;
use std::borrow::Cow;
use std::sync::LazyLock;
use support::bodies::{body, text};
use support::{Bench, fixtures, noon, stages};

/// Every choice of what is kept.
fn keeping() -> impl Strategy<Value = normalize::Settings> {
    let keep = prop::sample::select(&[Keep::Scrub, Keep::Origin, Keep::Keep][..]);
    let referrer =
        prop::sample::select(&[KeepReferrer::Scrub, KeepReferrer::Drop, KeepReferrer::Origin][..]);
    let text = prop::sample::select(&[KeepText::Scrub, KeepText::Keep][..]);
    (keep, referrer, text).prop_map(|(keep, referrer, text)| normalize::Settings {
        document: keep,
        blocked: keep,
        source: keep,
        referrer,
        policy: text,
        sample: text,
        ..normalize::Settings::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    /// No bytes panic, and every report that comes in ends in exactly one outcome.
    #[test]
    fn what_comes_in_is_counted_once_when_it_ends(bodies in prop::collection::vec(body(), 1..8)) {
        let bench = &*BENCH;
        let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fixture = &fixtures_once()[0];
        for body in &bodies {
            let taken = bench.pipeline.take(body, &fixture.delivery());
            if body.is_empty() {
                prop_assert!(matches!(taken, Taken::Unreadable(_)));
            }
        }
        for record in bench.records() {
            prop_assert!(record.as_object().is_some_and(|fields| {
                fields.values().all(|value| !value.is_null() && value.as_str() != Some(""))
            }), "{record}");
        }
        let received = bench.count("cspipe_reports_received_total", "");
        let ended = bench.count("cspipe_reports_total", "");
        prop_assert_eq!(received, ended);
    }

    /// Normalising what was normalised changes nothing, whatever of it is kept.
    #[test]
    fn normalising_is_idempotent(
        body in body(),
        texts in prop::collection::vec(text(), 10),
        settings in keeping(),
    ) {
        let text = |at: usize| Some(texts[at].as_str().into()).filter(|text: &Cow<'_, str>| !text.is_empty());
        let direct = RawReport {
            wire: Some(Wire::ReportUri),
            document_uri: text(0),
            referrer: text(1),
            blocked_uri: Some(texts[2].as_str().into()),
            violated_directive: text(3),
            effective_directive: text(4),
            original_policy: text(5),
            disposition: text(6),
            script_sample: text(7),
            source_file: text(8),
            request: text(9),
            ..RawReport::default()
        };
        let mut scratch = Scratch::default();
        let decoded = decode(&body, &mut scratch, 100).unwrap_or_default();
        let decoded = decoded.into_iter().filter_map(|entry| match entry {
            Entry::Violation(raw) => Some(raw),
            Entry::Other(_) | Entry::Rejected { .. } => None,
        });
        for raw in decoded.chain([direct]) {
            let once = normalize(raw, &settings);
            let twice = normalize(once.to_raw(), &settings);
            prop_assert_eq!(&once, &twice);
        }
    }

    /// The index finds the rules that asking each of them finds.
    #[test]
    fn the_index_agrees_with_asking_every_rule(body in body()) {
        let rules = &*RULES;
        let mut scratch = Scratch::default();
        for entry in decode(&body, &mut scratch, 100).unwrap_or_default() {
            if let Entry::Violation(raw) = entry {
                agree(rules, raw, &fixtures_once()[0].delivery())?;
            }
        }
    }

    /// The same where rules of every kind have something to say.
    #[test]
    fn the_index_agrees_where_policy_and_hosts_are_asked(
        raw in telling_report(),
        app in prop::sample::select(&["shop", "shop-de", "blog", "docs"][..]),
    ) {
        let delivery = Delivery { app: Some(app), ..fixtures_once()[0].delivery() };
        agree(&SITE_RULES, raw, &delivery)?;
    }
}

/// Whether the index finds what asking every rule finds.
fn agree(
    rules: &filter::RuleSet,
    raw: RawReport<'_>,
    delivery: &Delivery<'_>,
) -> Result<(), TestCaseError> {
    let stages = stages_once();
    let violation = stages.normalize(raw);
    let facts = stages.derive(&violation, delivery);
    let subject = rules.subject(&violation, &facts);
    let indexed: Vec<_> = rules.matching(&subject).map(|rule| &rule.id).collect();
    let asked: Vec<_> =
        rules.rules().iter().filter(|rule| rule.matches(&subject)).map(|rule| &rule.id).collect();
    prop_assert_eq!(indexed, asked);
    Ok(())
}

/// Every rule that asks what only a few ask matches some report, and not all: else the law above
/// would say nothing of it.
#[test]
fn the_rules_of_the_law_match_now_and_then() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..400 {
        let raw = telling_report().new_tree(&mut runner).expect("a report").current();
        let delivery = Delivery { app: Some("shop"), ..fixtures_once()[0].delivery() };
        let stages = stages_once();
        let violation = stages.normalize(raw);
        let facts = stages.derive(&violation, &delivery);
        let subject = SITE_RULES.subject(&violation, &facts);
        for rule in SITE_RULES.rules() {
            *counts.entry(rule.id.clone()).or_insert(0) += usize::from(rule.matches(&subject));
        }
    }
    assert!(counts.values().all(|count| (1..400).contains(count)), "{counts:?}");
}

/// A report of texts that the rules of [`SITE_RULES`] ask about.
fn telling_report() -> impl Strategy<Value = RawReport<'static>> {
    let text = |texts: &'static [&'static str]| {
        prop::sample::select(texts)
            .prop_map(|text| Some(Cow::Borrowed(text)).filter(|text| !text.is_empty()))
    };
    (
        text(&["", "https://shop.example/", "https://proxy.test/", "https://de.shop.example/x"]),
        text(&["", "https://mail.test/", "https://shop.example/"]),
        text(&[
            "inline",
            "eval",
            "https://a.test/x.js",
            "https://cdn.shop.example/f.woff2",
            "https://[email]",
            "data",
        ]),
        text(&["script-src", "script-src-elem", "font-src", "x-src"]),
        text(&[
            "",
            "default-src 'unsafe-eval' 'unsafe-inline' a.test",
            "default-src 'self'; font-src *.shop.example",
            "script-src 'nonce-x' https://gateway.zscaler.test; font-src x-apple-ql-id:",
        ]),
    )
        .prop_map(|(document, referrer, blocked, directive, policy)| RawReport {
            wire: Some(Wire::ReportUri),
            document_uri: document,
            referrer,
            blocked_uri: blocked,
            effective_directive: directive,
            original_policy: policy,
            ..RawReport::default()
        })
}

/// Conditions, one rule each, of the kinds that the shipped rules may not use.
const CONDITIONS: &[&str] = &[
    "[[rule.any]]\nblocked_label = { is = \"https://[email]\" }\n[[rule.any]]\nreferrer_host = { under = \"mail.test\" }",
    "[rule.all]\noriginal_policy = { names_host = \"zscaler.test\" }",
    "[[rule.any]]\noriginal_policy = { names_scheme = \"x-apple-ql-id\" }\n[rule.all]\nviolation_type = { is = \"script-src\" }",
    "[rule.all]\nblocked_keyword = { in = [\"inline\", \"eval\"] }\noriginal_policy = { permits = true }",
    "[[rule.any]]\noriginal_policy = { permits = false }\n[rule.all]\nblocked_host = { under = [\"a.test\", \"shop.example\"] }",
    "[rule.all]\noriginal_policy = { names_host = \"test\", names_scheme = \"x-apple-ql-id\" }",
    "[rule.all]\noriginal_policy = { names_scheme = \"x-apple-ql-id\" }\nbrowser = { exists = true }",
    "[rule.all]\nreport_host = { own = false }",
    "[[rule.any]]\nblocked_host = { own = true }\n[[rule.any]]\nreferrer_host = { own = true }\n[[rule.unless]]\nreport_host = { own = true }",
    "[rule.all]\nblocked_scheme = { is = \"data\" }\n[[rule.unless]]\noriginal_policy = { permits = false }\nblocked_scheme = { is = \"data\" }",
];

/// Rules around [`CONDITIONS`]. They are compiled, not proven: their examples prove nothing.
static SITE_RULES: LazyLock<filter::RuleSet> = LazyLock::new(|| {
    let mut text =
        "format = 1\n[own_hosts]\nshop = \"shop.example\"\n\"shop-*\" = \"a.test\"\n".to_owned();
    for (at, condition) in CONDITIONS.iter().enumerate() {
        text.push_str(&format!(
            "[[rule]]\nid = \"r{at}\"\ntitle = \"t\"\nreason = \"site\"\naction = \"label\"\n\
             tags = [\"t\"]\nevidence = [\"seen\"]\n{condition}\n[[rule.example]]\nmatch = true\n\
             report = {{ blocked-uri = \"inline\" }}\n[[rule.example]]\nmatch = false\nwhy = \"x\"\nreport = {{ blocked-uri = \"inline\" }}\n"
        ));
    }
    let sources =
        filter::Sources { files: vec![("site.toml".to_owned(), text)], ..Default::default() };
    filter::RuleSet::compile(&sources).expect("the rules compile")
});

/// A report that is judged again from what was kept of it gets the same verdict.
#[test]
fn a_violation_judged_again_gets_the_same_verdict() {
    let stages = stages_once();
    let today = jiff::tz::TimeZone::UTC.to_datetime(noon()).date();
    for fixture in fixtures() {
        let delivery = fixture.delivery();
        let mut scratch = Scratch::default();
        for entry in decode(&fixture.body, &mut scratch, 100).unwrap_or_default() {
            let Entry::Violation(raw) = entry else { continue };
            let violation = stages.normalize(raw);
            let facts = stages.derive(&violation, &delivery);
            let again = stages.normalize(violation.to_raw());
            let facts_again = stages.derive(&again, &delivery);
            assert_eq!(facts.fingerprint, facts_again.fingerprint, "{}", fixture.name);
            assert_eq!(facts.classification, facts_again.classification, "{}", fixture.name);
            assert_eq!(facts.policy_hash, facts_again.policy_hash, "{}", fixture.name);
            let judged = RULES.judge(&RULES.subject(&violation, &facts), today);
            let judged_again = RULES.judge(&RULES.subject(&again, &facts_again), today);
            assert_eq!(judged, judged_again, "{}", fixture.name);
        }
    }
}

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);
/// The counters are compared while nothing else counts.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
static RULES: LazyLock<filter::RuleSet> = LazyLock::new(|| {
    proof::prove(&filter::shipped(), stages_once()).expect("the shipped rules hold")
});

fn stages_once() -> &'static cspipe::pipeline::Stages {
    static STAGES: LazyLock<std::sync::Arc<cspipe::pipeline::Stages>> = LazyLock::new(stages);
    &STAGES
}

fn fixtures_once() -> &'static [support::Fixture] {
    static FIXTURES: LazyLock<Vec<support::Fixture>> = LazyLock::new(fixtures);
    &FIXTURES
}
