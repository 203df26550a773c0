mod enforce;
mod own_hosts;
mod policy;

use super::*;
use crate::derive::{self, Deriver};
use crate::normalize::{self, normalize};
use crate::report::{Delivery, RawReport, Reason};
use std::borrow::Cow;

/// The day on which the rules judge here.
const TODAY: Date = jiff::civil::date(2026, 11, 23);

/// Keys of a report and their values.
type Fields = &'static [(&'static str, &'static str)];

/// Shows a violation with these keys as a rule set sees it.
fn show<T>(
    rules: &RuleSet,
    fields: &[(&str, &str)],
    app: Option<&str>,
    see: impl FnOnce(&Subject<'_>) -> T,
) -> T {
    let mut raw = RawReport::default();
    for &(name, value) in fields {
        let value = Some(Cow::Borrowed(value));
        match name {
            "document" => raw.document_uri = value,
            "blocked" => raw.blocked_uri = value,
            "effective" => raw.effective_directive = value,
            "source" => raw.source_file = value,
            "sample" => raw.script_sample = value,
            "referrer" => raw.referrer = value,
            "policy" => raw.original_policy = value,
            other => panic!("{other}"),
        }
    }
    let violation = normalize(raw, &normalize::Settings::default());
    let delivery = Delivery {
        received_at: "2026-11-23T12:00:00Z".parse().expect("a time"),
        app,
        query: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:41.0) Gecko/20100101 Firefox/41.0"),
        content_type: None,
    };
    let deriver = Deriver::new(&derive::Settings::default(), None).expect("the list loads");
    let facts = deriver.derive(&violation, &delivery);
    see(&rules.subject(&violation, &facts))
}

/// A rule file around the lines that matter. Examples are not run here.
fn rule(lines: &str) -> String {
    format!(
        "[[rule]]\nid = \"r\"\ntitle = \"t\"\nreason = \"site\"\naction = \"filter\"\n\
         evidence = [\"seen\"]\n{lines}\n{EXAMPLES}"
    )
}

const EXAMPLES: &str = "
[[rule.example]]
match = true
report = { blocked-uri = \"inline\" }
[[rule.example]]
match = false
why = \"a lookalike\"
report = { blocked-uri = \"eval\" }
[[rule.example]]
match = false
why = \"a neighbour\"
report = { blocked-uri = \"data\" }
";

fn compile(texts: &[&str]) -> Result<RuleSet, Vec<RuleError>> {
    let files = texts
        .iter()
        .enumerate()
        .map(|(at, text)| (format!("filters/{at}.toml"), format!("format = 1\n{text}")))
        .collect();
    let lists = vec![(
        "filters/hosts.txt".to_owned(),
        "# ads\nads.example\n.tracker.example # all\n".to_owned(),
    )];
    RuleSet::compile(&Sources { origin: "test".to_owned(), files, lists, ..Sources::default() })
}

fn filtered_by(rules: &RuleSet, fields: &[(&str, &str)], app: Option<&str>) -> Option<String> {
    let today = TODAY;
    show(rules, fields, app, |subject| {
        rules.judge(subject, today).filtered_by.map(|matched| matched.rule.to_owned())
    })
}

#[test]
fn operators_ask_what_they_say() {
    const PAGE: (&str, &str) = ("document", "https://shop.example/cart/1");
    let rows: [(&str, Fields, bool); 32] = [
        // Hosts are read as a URL's are: their case and a last dot make no difference.
        ("blocked_host = { is = \"WWW.A.Test.\" }", &[("blocked", "https://a.test/")], true),
        (
            "blocked_host = { under = \"M\u{fc}ller.test\" }",
            &[("blocked", "https://a.xn--mller-kva.test/")],
            true,
        ),
        ("browser = { exists = true }", &[("blocked", "eval")], true),
        ("blocked_host = { is = \"a.test\" }", &[("blocked", "https://www.a.test/")], true),
        ("blocked_host = { is = \"a.test\" }", &[("blocked", "https://b.a.test/")], false),
        (
            "blocked_host = { in = [\"x.test\", \"a.test\"] }",
            &[("blocked", "https://a.test/")],
            true,
        ),
        ("blocked_host = { under = \"a.test\" }", &[("blocked", "https://b.a.test/")], true),
        ("blocked_host = { under = \"a.test\" }", &[("blocked", "https://a.test/")], true),
        ("blocked_host = { under = \"a.test\" }", &[("blocked", "https://nota.test/")], false),
        (
            "blocked_host = { under = \"a.test\" }",
            &[("blocked", "https://a.test.evil.test/")],
            false,
        ),
        ("blocked_host = { list = \"hosts.txt\" }", &[("blocked", "https://ads.example/")], true),
        (
            "blocked_host = { list = \"hosts.txt\" }",
            &[("blocked", "https://x.ads.example/")],
            false,
        ),
        (
            "blocked_host = { list = \"hosts.txt\" }",
            &[("blocked", "https://x.tracker.example/")],
            true,
        ),
        ("blocked_host = { cidr = \"10.0.0.0/8\" }", &[("blocked", "https://10.2.3.4/")], true),
        (
            "blocked_host = { cidr = \"2001:db8::/32\" }",
            &[("blocked", "https://[2001:db8::1]/")],
            true,
        ),
        ("blocked_host = { cidr = \"10.0.0.0/8\" }", &[("blocked", "https://11.2.3.4/")], false),
        ("blocked_host = { exists = false }", &[("blocked", "inline")], true),
        ("blocked_scheme = { is = \"data\" }", &[("blocked", "data:x")], true),
        (
            "source_label = { is = \"sandbox eval code\" }",
            &[("blocked", "inline"), ("source", "sandbox eval code")],
            true,
        ),
        ("blocked_label = { is = \"https://[email]\" }", &[("blocked", "https://[email]")], true),
        ("blocked_label = { exists = true }", &[("blocked", "https://a.test/")], false),
        ("blocked_label = { exists = true }", &[("blocked", "chrome-extension")], false),
        (
            "referrer_host = { under = \"mail.test\" }",
            &[("blocked", "eval"), ("referrer", "https://user@WWW.Mail.test:8080/inbox?id=7")],
            true,
        ),
        (
            "referrer_host = { exists = true }",
            &[("blocked", "eval"), ("referrer", "android-app://com.example.app/")],
            false,
        ),
        ("blocked_keyword = { is = \"eval\" }", &[("blocked", "eval")], true),
        ("browser_major = { ge = 40, lt = 43 }", &[("blocked", "eval")], true),
        ("browser_major = { gt = 41 }", &[("blocked", "eval")], false),
        ("browser_major = { le = 41 }", &[("blocked", "eval")], true),
        ("path = { starts = \"/cart/\" }", &[PAGE, ("blocked", "eval")], true),
        ("user_agent = { contains = \"Gecko\" }", &[("blocked", "eval")], true),
        (
            "browser = { is = \"Firefox\" }\nuser_agent = { regex = \"rv:4[0-2]\\\\.\" }",
            &[("blocked", "eval")],
            true,
        ),
        ("line_number = { exists = true }", &[("blocked", "eval")], false),
    ];
    for (lines, fields, want) in rows {
        let rules = compile(&[&rule(&format!("[rule.all]\n{lines}"))])
            .unwrap_or_else(|errors| panic!("{lines}: {errors:?}"));
        assert_eq!(filtered_by(&rules, fields, None).is_some(), want, "{lines} {fields:?}");
    }
}

#[test]
fn any_all_unless_and_apps_combine() {
    let text = rule(
        "apps = [\"shop-*\"]\n[[rule.any]]\nblocked_host = { is = \"a.test\" }\n[[rule.any]]\n\
         blocked_host = { is = \"b.test\" }\n[rule.all]\nviolation_type = { is = \"img-src\" }\n\
         [[rule.unless]]\nreport_host = { is = \"ours.example\" }",
    );
    let rules = compile(&[&text]).expect("compiles");
    let ask = |document, effective, blocked, app| {
        filtered_by(
            &rules,
            &[("document", document), ("effective", effective), ("blocked", blocked)],
            app,
        )
        .is_some()
    };
    assert!(ask("https://x.example/", "img-src", "https://a.test/", Some("shop-de")));
    assert!(ask("https://x.example/", "img-src", "https://b.test/", Some("shop-")));
    assert!(!ask("https://x.example/", "img-src", "https://c.test/", Some("shop-de")));
    assert!(!ask("https://x.example/", "font-src", "https://a.test/", Some("shop-de")));
    assert!(!ask("https://ours.example/", "img-src", "https://a.test/", Some("shop-de")));
    assert!(!ask("https://x.example/", "img-src", "https://a.test/", Some("blog")));
    assert!(!ask("https://x.example/", "img-src", "https://a.test/", None));
}

/// Rules with this id, action and more, all of which match `eval`.
fn matching_eval(id: &str, action: &str, more: &str) -> String {
    rule(&format!("{more}\n[rule.all]\nblocked_keyword = {{ is = \"eval\" }}"))
        .replace("id = \"r\"", &format!("id = \"{id}\""))
        .replace("action = \"filter\"", &format!("action = \"{action}\""))
}

#[test]
fn keep_comes_first_then_priority_then_id() {
    let eval = [("blocked", "eval")];
    let b = matching_eval("b", "filter", "");
    let a = matching_eval("a", "filter", "");
    let early = matching_eval("z", "filter", "priority = 50");
    let keep = matching_eval("y", "keep", "priority = 900");
    let by = |texts: &[&str]| filtered_by(&compile(texts).expect("compiles"), &eval, None);
    assert_eq!(by(&[&b, &a]).as_deref(), Some("a"));
    assert_eq!(by(&[&a, &b]).as_deref(), Some("a"), "the order of files does not matter");
    assert_eq!(by(&[&a, &b, &early]).as_deref(), Some("z"));
    assert_eq!(by(&[&a, &b, &early, &keep]), None);
}

#[test]
fn rules_on_trial_and_past_their_date_only_show() {
    let eval = [("blocked", "eval")];
    let trial = matching_eval("trial", "filter", "mode = \"observe\"");
    let expired = matching_eval("expired", "filter", "expires = 2026-11-22");
    let fresh = matching_eval("fresh", "filter", "expires = 2026-11-23");
    let label = matching_eval("label", "label", "tags = [\"odd\"]");
    let rules = compile(&[&trial, &expired, &label]).expect("compiles");
    let today = TODAY;
    show(&rules, &eval, None, |subject| {
        let verdict = rules.judge(subject, today);
        assert_eq!(verdict.filtered_by, None);
        assert_eq!(verdict.tags, ["odd"]);
        let observed: Vec<_> = verdict.observed.iter().map(|matched| matched.rule).collect();
        assert_eq!(observed, ["expired", "trial"]);
        assert_eq!(verdict.observed[0].reason, Reason::Site);
    });
    let rules = compile(&[&trial, &fresh]).expect("compiles");
    assert_eq!(filtered_by(&rules, &eval, None).as_deref(), Some("fresh"));
}

#[test]
fn overrides_change_rules_of_other_files() {
    let eval = [("blocked", "eval")];
    let filter = matching_eval("r1", "filter", "");
    let changed = |lines: &str| {
        let text = format!("[[override]]\nid = \"r1\"\n{lines}");
        let rules = compile(&[&text, &filter]).expect("compiles");
        filtered_by(&rules, &eval, None)
    };
    assert_eq!(changed("").as_deref(), Some("r1"));
    assert_eq!(changed("enabled = false"), None);
    assert_eq!(changed("mode = \"observe\""), None);
    assert_eq!(changed("apps = [\"shop\"]"), None);
    assert_eq!(changed("expires = 2026-01-01"), None);
    assert_eq!(changed("action = \"keep\""), None);
}

#[test]
fn mistakes_are_told_with_line_key_and_what_is_allowed() {
    let lines = |lines: &str| rule(&format!("[rule.all]\n{lines}"));
    let rows = [
        (
            "unknown top key",
            "rules = []".to_owned(),
            2,
            "did you mean `rule`? Expected one of format, pack",
        ),
        (
            "unknown rule key",
            rule("aktion = 1\n[rule.all]\nos = { is = \"x\" }"),
            8,
            "did you mean `action`? Expected one of id, title",
        ),
        (
            "unknown field",
            lines("blocked_hots = { is = \"a.test\" }"),
            9,
            "did you mean `blocked_host`? Expected one of blocked_host",
        ),
        (
            "unknown operator",
            lines("blocked_host = { contains = \"a\" }"),
            9,
            "has no operator `contains`; expected one of is, in, under",
        ),
        ("host with a path", lines("blocked_host = { is = \"a.test/x\" }"), 9, "is no host"),
        ("host with a port", lines("blocked_host = { is = \"a.test:80\" }"), 9, "is no host"),
        (
            "host with a default port",
            lines("blocked_host = { is = \"a.test:443\" }"),
            9,
            "is no host",
        ),
        ("host with a star", lines("blocked_host = { under = \"*.a.test\" }"), 9, "is no host"),
        ("empty host", lines("blocked_host = { is = \"\" }"), 9, "is no host"),
        (
            "scheme with slashes",
            lines("blocked_scheme = { is = \"moz-extension://\" }"),
            9,
            "is no scheme",
        ),
        (
            "unknown class",
            lines("classification = { is = \"inlien\" }"),
            9,
            "expected one of inline_script",
        ),
        ("no path", lines("path = { is = \"cart\" }"), 9, "must begin with `/`"),
        (
            "no number",
            lines("browser_major = { ge = \"40\" }"),
            9,
            "expected a whole number, found a string",
        ),
        ("no network", lines("blocked_host = { cidr = \"10.0.0.0/99\" }"), 9, "is no network"),
        ("no list", lines("blocked_host = { list = \"nix.txt\" }"), 9, "no list file `nix.txt`"),
        ("empty list", lines("blocked_host = { in = [] }"), 9, "an empty list matches nothing"),
        (
            "policy as a text",
            lines("original_policy = { contains = \"eval\" }"),
            9,
            "expected one of names_host, names_scheme, permits, exists",
        ),
        (
            "policy: a source as a host",
            lines("original_policy = { names_host = \"*.a.test\" }"),
            9,
            "is no host",
        ),
        (
            "policy: a scheme with a colon",
            lines("original_policy = { names_scheme = \"data:\" }"),
            9,
            "is no scheme",
        ),
        (
            "policy: permits a word",
            lines("os = { is = \"x\" }\noriginal_policy = { permits = \"eval\" }"),
            10,
            "expected true or false",
        ),
        ("empty text", lines("user_agent = { contains = \"\" }"), 9, "would match everything"),
        (
            "bad regex",
            lines("os = { is = \"x\" }\nuser_agent = { regex = \"(\" }"),
            10,
            "no regular expression",
        ),
        ("regex alone", lines("user_agent = { regex = \"x\" }"), 9, "needs a cheaper question"),
        ("no table", lines("blocked_host = \"a.test\""), 9, "expected a question such as { is"),
        ("nothing asked", rule(""), 2, "it needs `any` or `all`"),
        ("empty block", rule("[rule.all]"), 8, "would match everything"),
        ("any as a table", rule("[rule.any]\nos = { is = \"x\" }"), 8, "write [[rule.any]]"),
        ("no id", "[[rule]]\ntitle = \"t\"".to_owned(), 2, "`id` is missing"),
        ("bad id", "[[rule]]\nid = \"A B\"".to_owned(), 3, "is no id"),
        (
            "bad reason",
            rule("").replace("\"site\"", "\"noise\""),
            5,
            "expected one of browser_extension",
        ),
        (
            "bad action",
            rule("").replace("\"filter\"", "\"drop\""),
            6,
            "expected one of keep, filter, label",
        ),
        ("bad app", rule("apps = [\"a*b*\"]"), 8, "at most one `*`"),
        ("bad date", rule("expires = 1"), 8, "expected a date"),
        ("bad toml", "[[rule]\n".to_owned(), 2, ""),
        ("newer format", "format = 2".to_owned(), 2, ""),
        (
            "unknown canary",
            rule("may_match_canary = [\"nix\"]"),
            8,
            "`nix` is no canary; expected one of bare-inline-script",
        ),
        (
            "unknown override",
            "[[override]]\nid = \"nix\"\nenabled = false".to_owned(),
            3,
            "no rule of this id",
        ),
        (
            "filters by sample",
            lines("sample = { contains = \"x\" }"),
            9,
            "which an attacker writes",
        ),
    ];
    for (what, text, line, message) in rows {
        let errors = compile(&[&text]).err().unwrap_or_else(|| panic!("{what} compiles"));
        let found =
            errors.iter().any(|error| error.line == Some(line) && error.message.contains(message));
        assert!(found, "{what}: {errors:#?}");
        assert!(errors.iter().all(|error| error.file == "filters/0.toml"), "{what}");
    }
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let errors = compile(&["nix = 1", "nix = 1\n[[rule]]\nid = \"a\""]).expect_err("fails");
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert_eq!(
        errors[0].to_string(),
        "filters/0.toml:2:1: key `nix`: unknown key; expected one of format, pack, rule, override, \
         own_hosts, enforce"
    );
    assert_eq!(errors[0].excerpt().as_deref(), Some("  |\n2 | nix = 1\n  | ^"));
}

#[test]
fn an_id_is_taken_once() {
    let text = matching_eval("r1", "filter", "");
    let errors = compile(&[&text, &text]).expect_err("fails");
    assert!(errors[0].message.contains("taken by filters/0.toml:2"), "{errors:?}");
}

#[test]
fn the_hash_follows_the_texts_alone() {
    let sources = |files: &[(&str, &str)]| Sources {
        files: files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        ..Sources::default()
    };
    let hash = |files: &[(&str, &str)]| {
        RuleSet::compile(&sources(files)).expect("compiles").hash().to_owned()
    };
    let here = hash(&[("/a/x.toml", "format = 1"), ("/a/y.toml", "format = 1\n")]);
    assert_eq!(hash(&[("/b/y.toml", "format = 1\n"), ("/b/x.toml", "format = 1")]), here);
    assert_ne!(hash(&[("/a/x.toml", "format = 1 "), ("/a/y.toml", "format = 1\n")]), here);
}

#[test]
fn explanations_name_the_block_and_the_value() {
    let rules = compile(&[&rule(
        "[[rule.any]]\nblocked_host = { is = \"a.test\" }\n[[rule.any]]\nblocked_host = { under = \"b.test\" }\n\
         [rule.all]\nviolation_type = { is = \"img-src\" }",
    )])
    .expect("compiles");
    let fields = [("effective", "img-src"), ("blocked", "https://x.b.test/")];
    let traces = show(&rules, &fields, None, |subject| rules.explain(subject, TODAY));
    assert!(traces[0].matched);
    assert_eq!(traces[0].block, "any[1]");
    assert_eq!(traces[0].decided[0].condition, "blocked_host under \"b.test\"");
    assert_eq!(traces[0].decided[0].value.as_deref(), Some("x.b.test"));
    let fields = [("effective", "font-src"), ("blocked", "https://x.b.test/")];
    let traces = show(&rules, &fields, None, |subject| rules.explain(subject, TODAY));
    assert!(!traces[0].matched);
    assert!(!traces[0].decided[1].holds);
}

#[test]
fn all_files_of_the_folder_are_compiled_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/filters");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let shipped: Vec<_> = SHIPPED_FILES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, shipped);
}
