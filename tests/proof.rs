//! What a rule must show before it may judge.

mod support;

use cspipe::filter::{self, RuleError, Sources};
use cspipe::proof::prove;
use support::stages;

/// Proves a filter rule with these lines; examples included.
fn errors(lines: &str) -> Vec<RuleError> {
    let head = "format = 1\n[[rule]]\nid = \"r\"\ntitle = \"t\"\nreason = \"site\"\naction = \"filter\"\nevidence = [\"seen\"]";
    let sources = Sources {
        files: vec![("r.toml".to_owned(), format!("{head}\n{lines}"))],
        ..Sources::default()
    };
    prove(&sources, &stages()).err().unwrap_or_default()
}

/// Examples for a rule about `ads.example`.
const EXAMPLES: &str = r#"
[[rule.example]]
match = true
report = { blocked-uri = "https://ads.example/x.js", effective-directive = "script-src" }
[[rule.example]]
match = false
why = "a lookalike"
report = { blocked-uri = "https://ads.example.evil.test/x.js" }
[[rule.example]]
match = false
why = "a neighbour"
report = { blocked-uri = "https://shop.example/x.js" }
"#;

#[test]
fn a_rule_whose_examples_hold_is_proven() {
    assert_eq!(
        errors(&format!("[rule.all]\nblocked_host = {{ is = \"ads.example\" }}\n{EXAMPLES}")),
        []
    );
}

#[test]
fn the_shipped_rules_are_proven() {
    assert!(prove(&filter::shipped(), &stages()).is_ok());
}

#[test]
fn what_is_not_proven_is_told() {
    let rows = [
        (
            "must match",
            "blocked_host = { is = \"ad.example\" }",
            Some(11),
            "does not match this example, and should. Here blocked_host is `ads.example`",
        ),
        (
            "must not match",
            "blocked_host = { in = [\"ads.example\", \"shop.example\"] }",
            Some(18),
            "should not: a neighbour",
        ),
        (
            "canary",
            "blocked_scheme = { in = [\"https\", \"data\"] }",
            Some(2),
            "would filter the canary `data-image`",
        ),
        (
            "canary of inline code",
            "blocked_keyword = { is = \"inline\" }",
            Some(2),
            "may_match_canary = [\"bare-inline-script\", \"inline-script-of-the-page\", ",
        ),
        (
            "canary of another page",
            "blocked_keyword = { is = \"eval\" }\nreport_host = { is = \"mine.example\" }",
            Some(2),
            "would filter the canary `eval`",
        ),
        (
            "canary that came from elsewhere",
            "blocked_keyword = { is = \"eval\" }\nreferrer_host = { is = \"mine.example\" }",
            Some(2),
            "would filter the canary `eval`",
        ),
        (
            "public suffix",
            "blocked_host = { under = [\"ads.example\", \"co.uk\"] }",
            Some(9),
            "anybody may have a name under `co.uk`",
        ),
        (
            "rented suffix",
            "blocked_host = { under = [\"ads.example\", \"cloudfront.net\"] }",
            Some(9),
            "anybody may have a name under `cloudfront.net`",
        ),
    ];
    for (what, condition, line, message) in rows {
        let errors = errors(&format!("[rule.all]\n{condition}\n{EXAMPLES}"));
        let found =
            errors.iter().any(|error| error.line == line && error.message.contains(message));
        assert!(found, "{what}: {errors:#?}");
    }
}

#[test]
fn a_canary_may_be_matched_by_name_only() {
    let rule = |names: &str| {
        format!(
            "apps = [\"shop\"]\nmay_match_canary = [{names}]\n[rule.all]\nblocked_host = {{ is = \"googletagmanager.com\" }}\n{}",
            EXAMPLES
                .replace("https://ads.example/", "https://www.googletagmanager.com/")
                .replace("match = true", "match = true\napp = \"shop\"")
        )
    };
    assert_eq!(errors(&rule("\"big-host-googletagmanager\"")), []);
    let refused = errors(&rule("\"eval\""));
    assert!(refused[0].message.contains("`big-host-googletagmanager`"), "{refused:?}");
}

#[test]
fn overrides_by_app_are_proven_as_well() {
    let mut sources = filter::shipped();
    let shipped = prove(&sources, &stages()).expect("the shipped rules hold").rules().len();
    let site = "format = 1\n[[override]]\nid = \"extension-source-label\"\napps = [\"shop\"]";
    sources.files.push(("site.toml".to_owned(), site.to_owned()));
    let rules = prove(&sources, &stages()).expect("an override by app holds");
    assert_eq!(rules.rules().len(), shipped);
}

#[test]
fn what_a_site_keeps_does_not_matter() {
    use cspipe::normalize::{Keep, KeepText, Settings};
    let settings = Settings {
        source: Keep::Origin,
        blocked: Keep::Origin,
        sample: KeepText::Drop,
        ..Settings::default()
    };
    let stages = cspipe::pipeline::Stages::new(
        &cspipe::pipeline::Settings::default(),
        &settings,
        &cspipe::derive::Settings::default(),
    )
    .expect("the built-in list loads");
    assert!(prove(&filter::shipped(), &stages).is_ok());
}

#[test]
fn an_exception_by_page_or_app_spares_no_canary() {
    let rows = [
        "[[rule.unless]]\nreport_host = { under = \"example\" }",
        "[[rule.unless]]\nblocked_host = { own = true }",
        "[[rule.unless]]\nreport_host = { own = true }",
    ];
    for unless in rows {
        let lines = format!("[rule.all]\nblocked_host = {{ exists = true }}\n{unless}");
        let errors = errors(&format!("{lines}\n{EXAMPLES}"));
        let found = errors.iter().any(|error| error.message.contains("would filter the canary"));
        assert!(found, "{unless}: {errors:#?}");
    }
}

#[test]
fn a_host_is_own_to_one_app_and_foreign_to_another() {
    for asked in ["own = false", "own = true"] {
        let lines = format!("[rule.all]\nblocked_host = {{ {asked} }}");
        let errors = errors(&format!("{lines}\n{EXAMPLES}"));
        let found = errors.iter().any(|error| error.message.contains("\"foreign-script\""));
        assert!(found, "{asked}: {errors:#?}");
    }
}

#[test]
fn an_example_brings_its_own_hosts_along() {
    let rule = "may_match_canary = [\"*\"]\n[rule.all]\nreport_host = { own = false }";
    let examples = |own: &str| {
        format!(
            r#"
[[rule.example]]
match = true
own_hosts = ["shop.example"]
report = {{ blocked-uri = "inline", document-uri = "https://proxy.test/" }}
[[rule.example]]
match = false
why = "its own"
{own}
report = {{ blocked-uri = "inline", document-uri = "https://de.shop.example/" }}
[[rule.example]]
match = false
why = "no list"
report = {{ blocked-uri = "inline", document-uri = "https://proxy.test/" }}
"#
        )
    };
    assert_eq!(errors(&format!("{rule}\n{}", examples("own_hosts = \"shop.example\""))), []);
    let refused = errors(&format!("{rule}\n{}", examples("own_hosts = \"www.test\"")));
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(refused[0].message.contains("matches this example, and should not"), "{refused:#?}");
    let missing = errors(&format!("{rule}\n{EXAMPLES}"));
    assert!(missing[0].message.contains("Here report_host is missing"), "{missing:#?}");
}

#[test]
fn a_site_that_says_which_hosts_are_its_own_is_proven() {
    let mut sources = filter::shipped();
    let mut prove_with = |text: &str| {
        sources.files.retain(|(name, _)| name != "site.toml");
        sources.files.push(("site.toml".to_owned(), format!("format = 1\n[own_hosts]\n{text}")));
        prove(&sources, &stages())
    };
    let enforced =
        "\"*\" = \"shop.test\"\n[enforce]\nforeign-page = [\"shop\"]\ncrawler-traffic = [\"*\"]";
    assert!(prove_with(enforced).is_ok());
    // The shipped examples do not look at a site's lists.
    assert!(prove_with("\"*\" = [\"shop.test\", \"someone.github.io\"]").is_ok());
    let errors = prove_with("shop = [\"shop.test\", \"github.io\"]").expect_err("not its own");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(errors[0].line, Some(3));
    assert!(errors[0].message.contains("under `github.io`"), "{errors:#?}");
}

#[test]
fn every_block_needs_an_example() {
    let lines = "[[rule.any]]\nblocked_host = { is = \"ads.example\" }\n[[rule.any]]\nblocked_host = { is = \"other.example\" }";
    let errors = errors(&format!("{lines}\n{EXAMPLES}"));
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(errors[0].key.as_deref(), Some("any[1]"));
}
