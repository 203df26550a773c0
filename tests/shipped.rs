//! What every shipped rule, and every shipped file, must be like.

mod support;

use cspipe::filter::{self, Action, Condition, Field, FieldKind, Rule, RuleSet, SHIPPED_FILES};
use cspipe::proof::prove;
use cspipe::report::Reason;
use serde_json::Value;
use support::stages;

/// Names change hands and browsers get old: what goes by them must be looked at again.
#[test]
fn rules_by_host_or_version_expire() {
    for rule in shipped().rules() {
        let hosts = [Field::BlockedHost, Field::SourceHost, Field::ReportHost, Field::ReferrerHost];
        let names_hosts = asks(rule, |field, written| {
            hosts.contains(&field)
                && [" is ", " in ", " under ", " list "].iter().any(|word| written.contains(word))
        });
        let goes_by_version = asks(rule, |field, _| field == Field::BrowserMajor);
        let may_stay = OF_NO_DOMAIN.contains(&rule.id.as_str());
        if (names_hosts && !may_stay) || goes_by_version {
            assert!(rule.expires.is_some(), "{} does not expire", rule.id);
        }
    }
}

/// A bug has versions, and a place where it is described.
#[test]
fn rules_for_browser_bugs_name_versions_and_the_bug() {
    let mut unversioned = Vec::new();
    for rule in shipped().rules().iter().filter(|rule| rule.reason == Reason::BrowserBug) {
        assert!(rule.evidence.iter().any(|line| line.contains("https://")), "{}", rule.id);
        if !asks(rule, |field, _| field == Field::BrowserMajor) {
            unversioned.push(rule.id.as_str().to_owned());
        }
    }
    assert_eq!(unversioned, PROVEN_WITHOUT_A_VERSION);
}

/// A canary is passed by only where the page, the browser or the policy decides; each is named.
#[test]
fn few_rules_may_match_canaries() {
    let rules = shipped();
    let rules = rules.rules().iter().filter(|rule| !rule.may_match_canary.is_empty());
    let named: Vec<_> = rules.map(|rule| rule.id.as_str()).collect();
    assert_eq!(named, PAST_CANARIES);
}

/// An attacker's text decides nothing, and what filters has shown what it must leave alone.
#[test]
fn rules_that_filter_name_lookalikes_and_neighbours() {
    for rule in shipped().rules().iter().filter(|rule| rule.action == Action::Filter) {
        let spared: Vec<_> = rule.examples.iter().filter(|example| !example.matches).collect();
        assert!(spared.len() >= 2, "{}", rule.id);
        for example in spared {
            assert!(example.why.as_ref().is_some_and(|why| !why.is_empty()), "{}", rule.id);
        }
        assert!(!rule.tags.is_empty(), "{} labels nothing once it is softened", rule.id);
    }
}

/// A value that no example shows may be misspelt, as many in public lists are. Long lists of hosts
/// are shown by `tests/noise/`.
#[test]
fn every_value_is_shown_by_an_example() {
    let mut unshown = Vec::new();
    for rule in shipped().rules() {
        let mut shown = String::new();
        for example in rule.examples.iter().filter(|example| example.matches) {
            shown += &example.body;
            shown += example.user_agent.as_deref().unwrap_or("");
        }
        for condition in rule.any.iter().flatten().chain(&rule.all) {
            for value in values(condition) {
                // As it stands in the body, with its escapes.
                let escaped = Value::from(value.as_str()).to_string();
                let is_shown = shown.contains(escaped.trim_matches('"')) || shown.contains(&value);
                if !is_shown && !MASKED.contains(&value.as_str()) {
                    unshown.push(format!("{}: {value}", rule.id));
                }
            }
        }
    }
    assert_eq!(unshown, [""; 0]);
}

/// The texts that a question names, where they can be misspelt.
fn values(condition: &Condition) -> Vec<String> {
    let is_text = match condition.field.kind() {
        FieldKind::Host
        | FieldKind::Scheme
        | FieldKind::Keyword
        | FieldKind::Text
        | FieldKind::Path => condition.field != Field::Browser,
        FieldKind::Domain | FieldKind::Closed(_) | FieldKind::Number | FieldKind::Policy => false,
    };
    let mut words = condition.written.splitn(3, ' ').skip(1);
    match (words.next(), words.next()) {
        (Some("is" | "in" | "under" | "starts" | "contains"), Some(json)) if is_text => {
            let value: Value = serde_json::from_str(json).expect("it is written as JSON");
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Whoever opens a file reads first what it is for, what it costs when it is wrong, and how to
/// switch a rule of it off.
#[test]
fn every_file_says_what_it_is_for_and_what_it_costs() {
    let rules = shipped();
    for (name, text) in SHIPPED_FILES.iter().filter(|(name, _)| name.ends_with(".toml")) {
        // The first line is for editors.
        let text = text.strip_prefix("#:schema ./rules.schema.json\n");
        let head: String = text
            .unwrap_or_else(|| panic!("{name} names no schema"))
            .lines()
            .take_while(|line| line.starts_with('#'))
            .map(|line| format!("{line}\n"))
            .collect();
        let first = head.lines().next().unwrap_or("");
        assert!(first.starts_with("# ") && first.contains(": ") && first.ends_with('.'), "{name}");
        let parts =
            ["# What it is for. ", "# What it costs when it is wrong. ", "#   [[override]]"];
        for part in parts {
            assert!(head.contains(part), "{name} does not say {part}");
        }
        assert!(head.contains("Nothing is lost:") || is_label_file(&rules, name), "{name}");
        let id = head.split("#   id = \"").nth(1).and_then(|rest| rest.split('"').next());
        let is_of_the_file = rules
            .rules()
            .iter()
            .any(|rule| Some(rule.id.as_str()) == id && rule.file.ends_with(name));
        assert!(is_of_the_file, "{name} switches off {id:?}, which is not its own");
        for rule in rules.rules().iter().filter(|rule| rule.file.ends_with(name)) {
            let on_trial = rule.mode == filter::Mode::Observe;
            assert!(
                !on_trial || head.contains(&format!("#   {} = [", rule.id)),
                "{name}: {}",
                rule.id
            );
        }
    }
}

fn is_label_file(rules: &RuleSet, name: &str) -> bool {
    let mut of_the_file = rules.rules().iter().filter(|rule| rule.file.ends_with(name));
    of_the_file.all(|rule| rule.action == Action::Label)
}

/// Whether a rule asks a question of this kind, outside of its exceptions.
fn asks(rule: &Rule, is_asked: impl Fn(Field, &str) -> bool) -> bool {
    rule.any
        .iter()
        .flatten()
        .chain(&rule.all)
        .any(|condition| is_asked(condition.field, &condition.written))
}

fn shipped() -> RuleSet {
    prove(&filter::shipped(), &stages()).expect("the shipped rules hold")
}

/// What samples become once they are scrubbed: long numbers, and bytes that are no text.
const MASKED: &[&str] = &["window.script*", "//WSè§ é¢"];

/// They name no domain that anybody could own: the machine itself, names that no server has.
const OF_NO_DOMAIN: &[&str] =
    &["lg-browser-host", "local-page", "local-source", "local-target", "rapport-message-channel"];

/// What proves these is in the report itself, or is a library of the site.
const PROVEN_WITHOUT_A_VERSION: &[&str] =
    &["eval-permitted-915648", "jquery-1-probe", "quick-look-policy"];

/// They ask the page, the browser, the environment or the policy, and those that ask nothing else
/// are on trial or concern pages that are not the site as visitors get it.
const PAST_CANARIES: &[&str] = &[
    "crawler-traffic",
    "eval-permitted-915648",
    "firefox-nonce-1026520",
    "foreign-page",
    "local-page",
    "not-production",
    "outdated-browser",
    "page-without-address",
    "quick-look-policy",
    "replayed-page",
];
