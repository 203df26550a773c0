//! Hosts that a site calls its own.

use super::*;

const LISTS: &str = "[own_hosts]\nshop = [\"shop.example\", \"www.mail.example\"]\n\"shop*\" = \
                     \"cdn.example\"\n\"blog-*\" = [\"someone.github.io\", \"[2001:db8::1]\"]";

#[test]
fn own_and_foreign_hosts_are_told_apart_by_app() {
    let foreign = matching("report_host = { own = false }");
    let own = matching("report_host = { own = true }");
    let foreign = compile(&[LISTS, &foreign]).expect("compiles");
    let own = compile(&[&own, LISTS]).expect("compiles");
    // Page, app, whether it is its own.
    let rows = [
        ("https://shop.example/", "shop", Some(true)),
        ("https://www.shop.example/", "shop", Some(true)),
        ("https://de.shop.example:8443/", "shop", Some(true)),
        ("https://mail.example/", "shop", Some(true)),
        ("https://shop.example.proxy.test/", "shop", Some(false)),
        ("https://myshop.example/", "shop", Some(false)),
        ("https://cdn.example/", "shop", Some(true)),
        ("https://cdn.example/", "shop-de", Some(true)),
        ("https://shop.example/", "shop-de", Some(false)),
        ("https://someone.github.io/", "blog-a", Some(true)),
        ("https://another.github.io/", "blog-a", Some(false)),
        ("https://[2001:db8:0::1]/", "blog-a", Some(true)),
        ("https://shop.example/", "blog", None),
        ("https://shop.example/", "docs", None),
        ("about:blank", "shop", None),
        ("", "shop", None),
    ];
    for (page, app, want) in rows {
        let fields = [("document", page), ("blocked", "eval")];
        let asked = |rules| filtered_by(rules, &fields, Some(app)).is_some();
        assert_eq!(asked(&own), want == Some(true), "{page} {app}: own");
        assert_eq!(asked(&foreign), want == Some(false), "{page} {app}: foreign");
    }
}

#[test]
fn what_is_blocked_and_by_whom_may_be_foreign_too() {
    // The invariant of an app that has its own fonts only.
    let fonts = matching(
        "blocked_host = { own = false }\nviolation_type = { is = \"font-src\" }\nrelation = { is = \
         \"cross_site\" }",
    );
    let rules = compile(&[LISTS, &fonts]).expect("compiles");
    let asked = |blocked, effective| {
        let fields =
            [("document", "https://shop.example/"), ("blocked", blocked), ("effective", effective)];
        filtered_by(&rules, &fields, Some("shop")).is_some()
    };
    assert!(asked("https://fonts.test/a.woff2", "font-src"));
    assert!(asked("https://shop.example.test/a.woff2", "font-src"));
    assert!(!asked("https://cdn.example/a.woff2", "font-src"));
    assert!(!asked("https://fonts.test/x.js", "script-src-elem"));
    assert!(!asked("data:font/woff2,x", "font-src"));

    let source = matching("source_host = { own = true }");
    let rules = compile(&[LISTS, &source]).expect("compiles");
    let fields = [("blocked", "eval"), ("source", "https://cdn.example/app.js")];
    assert!(filtered_by(&rules, &fields, Some("shop")).is_some());
    assert!(filtered_by(&rules, &fields, Some("docs")).is_none());
}

#[test]
fn explanations_say_whose_a_host_is() {
    let text = matching("report_host = { own = false }\nblocked_host = { is = \"a.test\" }");
    let rules = compile(&[LISTS, &text]).expect("compiles");
    let note = |page, app| {
        let fields = [("document", page), ("blocked", "https://a.test/")];
        let traces = show(&rules, &fields, Some(app), |subject| rules.explain(subject, TODAY));
        let asked = traces[0].decided.iter().find(|one| one.condition.starts_with("report_host"));
        asked.and_then(|one| one.note)
    };
    assert_eq!(note("https://x.test/", "shop"), Some("none of the app's own hosts"));
    assert_eq!(note("https://shop.example/", "shop"), Some("one of the app's own hosts"));
    assert_eq!(note("https://shop.example/", "docs"), Some("and the app has no [own_hosts]"));
    assert_eq!(note("about:blank", "shop"), None);
}

#[test]
fn mistakes_in_lists_are_told() {
    let rows = [
        ("no table", "own_hosts = [\"shop.example\"]", 2, "expected a table, found a list"),
        ("bad app", "[own_hosts]\n\"a*b*\" = \"a.test\"", 3, "no app name with at most one `*`"),
        ("no host", "[own_hosts]\nshop = [\"https://a.test/\"]", 3, "is no host"),
        ("no hosts", "[own_hosts]\nshop = []", 3, "an empty list matches nothing"),
        ("a number", "[own_hosts]\nshop = 1", 3, "expected a string"),
        ("twice", "[own_hosts]\nshop = \"a.test\"\nshop = \"b.test\"", 4, "duplicate key"),
    ];
    for (what, text, line, message) in rows {
        let errors = compile(&[text]).err().unwrap_or_else(|| panic!("{what} compiles"));
        assert_eq!(errors.len(), 1, "{what}: {errors:#?}");
        assert_eq!(errors[0].line, Some(line), "{what}");
        assert!(errors[0].message.contains(message), "{what}: {errors:#?}");
    }
    let wanted = matching("line_number = { own = true }");
    let errors = compile(&[&wanted]).expect_err("a number has no owner");
    assert!(errors[0].message.contains("has no operator `own`"), "{errors:?}");
}

#[test]
fn a_glob_has_one_list_over_all_files() {
    let errors = compile(&[
        "[own_hosts]\nshop = \"a.test\"\n\"blog-*\" = \"b.test\"",
        "[own_hosts]\ndocs = \"a.test\"\n\"blog-*\" = \"c.test\"",
    ])
    .expect_err("two lists of one glob");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(
        errors[0].to_string(),
        "filters/1.toml:4:1: key `own_hosts.blog-*`: the app has a list of own hosts in \
         filters/0.toml:4; put all of them there"
    );
    assert_eq!(errors[0].excerpt().as_deref(), Some("  |\n4 | \"blog-*\" = \"c.test\"\n  | ^"));
}

/// A rule with these conditions.
fn matching(conditions: &str) -> String {
    rule(&format!("[rule.all]\n{conditions}"))
}
