//! What rules may ask of the report's policy.

use super::*;

const POLICY: &str = "default-src 'self' x-apple-ql-id: https://*.Blackspider.com:*; img-src \
                      www.zscaler.test *; report-uri https://collector.test/";

/// Whether a rule with these conditions matches a report with these fields.
fn matches(conditions: &str, fields: &[(&str, &str)]) -> bool {
    let rules = compile(&[&rule(&format!("[rule.all]\n{conditions}"))])
        .unwrap_or_else(|errors| panic!("{conditions}: {errors:?}"));
    filtered_by(&rules, fields, None).is_some()
}

#[test]
fn a_policy_is_asked_for_what_it_names() {
    let rows = [
        ("names_host = \"blackspider.com\"", true),
        ("names_host = \"sub.blackspider.com\"", false),
        ("names_host = \"spider.com\"", false),
        ("names_host = [\"a.test\", \"zscaler.test\"]", true),
        ("names_host = \"www.zscaler.test\"", true),
        ("names_host = \"collector.test\"", false),
        ("names_scheme = \"x-apple-ql-id\"", true),
        ("names_scheme = [\"data\", \"https\"]", false),
        ("exists = true", true),
        ("exists = false", false),
    ];
    for (asked, want) in rows {
        let condition = format!("original_policy = {{ {asked} }}");
        let fields = [("blocked", "inline"), ("policy", POLICY)];
        assert_eq!(matches(&condition, &fields), want, "{asked}");
        let without = matches(&condition, &[("blocked", "inline")]);
        assert_eq!(without, asked == "exists = false", "{asked}, no policy");
    }
}

#[test]
fn a_policy_is_asked_for_what_it_permits() {
    const EVAL: (&str, &str) = ("blocked", "eval");
    const PAGE: (&str, &str) = ("document", "https://shop.test/");
    // Name, fields, whether the policy permits it.
    let rows: [(&str, Fields, Option<bool>); 17] = [
        (
            "eval, allowed",
            &[EVAL, ("effective", "script-src"), ("policy", "script-src 'unsafe-eval'")],
            Some(true),
        ),
        (
            "eval, not allowed",
            &[EVAL, ("effective", "script-src"), ("policy", "script-src 'self'")],
            Some(false),
        ),
        ("no policy", &[EVAL, ("effective", "script-src")], None),
        ("no directive", &[EVAL, ("policy", "script-src 'unsafe-eval'")], None),
        (
            "a directive of nobody",
            &[EVAL, ("effective", "x-src"), ("policy", "default-src 'unsafe-eval'")],
            None,
        ),
        (
            "another host, allowed",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "https://a.test/x.png?y=1"),
                ("policy", "img-src 'self' *.a.test a.test"),
            ],
            Some(true),
        ),
        (
            "another host, with www",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "https://www.a.test/x.png"),
                ("policy", "img-src a.test"),
            ],
            Some(false),
        ),
        (
            "www and a port",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "https://www.a.test:8443/x.png"),
                ("policy", "img-src www.a.test:8443/x.png"),
            ],
            Some(true),
        ),
        (
            "the page's own host: a redirect may stand behind it",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "https://shop.test/x.png"),
                ("policy", "img-src 'self'"),
            ],
            None,
        ),
        (
            "the origin alone, and a path in the policy",
            &[
                PAGE,
                ("effective", "frame-src"),
                ("blocked", "https://a.test"),
                ("policy", "frame-src a.test/x/"),
            ],
            None,
        ),
        (
            "the origin alone, and none in the policy",
            &[
                PAGE,
                ("effective", "frame-src"),
                ("blocked", "https://a.test"),
                ("policy", "frame-src a.test"),
            ],
            Some(true),
        ),
        (
            "a part of the path is masked",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "https://a.test/u/aBcDeFgHiJkLmNoPqRsTuV123456/x.png"),
                ("policy", "img-src a.test/u/someone/x.png"),
            ],
            None,
        ),
        (
            "a scheme",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "data:image/png,x"),
                ("policy", "img-src data:"),
            ],
            Some(true),
        ),
        (
            "javascript: is inline code",
            &[
                PAGE,
                ("effective", "script-src"),
                ("blocked", "javascript:x"),
                ("policy", "script-src javascript:"),
            ],
            None,
        ),
        (
            "the policy's nonce is masked, and still one",
            &[
                PAGE,
                ("effective", "script-src-elem"),
                ("blocked", "inline"),
                ("policy", "script-src 'nonce-r4nd0m' 'unsafe-inline'"),
            ],
            None,
        ),
        (
            "no page",
            &[
                ("effective", "img-src"),
                ("blocked", "https://a.test/x"),
                ("policy", "img-src a.test"),
            ],
            None,
        ),
        (
            "no URL",
            &[
                PAGE,
                ("effective", "img-src"),
                ("blocked", "https://[email]"),
                ("policy", "img-src *"),
            ],
            None,
        ),
    ];
    for (name, fields, want) in rows {
        for answer in [true, false] {
            // The gate is one that every report here passes.
            let conditions = format!(
                "app_name = {{ is = \"unknown\" }}\noriginal_policy = {{ permits = {answer} }}"
            );
            assert_eq!(matches(&conditions, fields), want == Some(answer), "{name}: {answer}");
        }
    }
}

#[test]
fn a_policy_that_was_cut_is_not_trusted() {
    let long = format!("img-src a.test {}", "b.test ".repeat(2000));
    let fields = [
        ("document", "https://shop.test/"),
        ("effective", "img-src"),
        ("blocked", "https://a.test/"),
        ("policy", long.as_str()),
    ];
    let gate = "blocked_host = { is = \"a.test\" }\noriginal_policy =";
    assert!(!matches(&format!("{gate} {{ permits = true }}"), &fields));
    assert!(matches(&format!("{gate} {{ names_host = \"b.test\" }}"), &fields));
}

#[test]
fn permission_needs_a_gate_on_every_way_to_it() {
    const PERMITS: &str = "original_policy = { permits = true }";
    const GATE: &str = "blocked_keyword = { is = \"eval\" }";
    let rows = [
        ("alone", format!("[rule.all]\n{PERMITS}"), Some((8, "all"))),
        ("in all", format!("[rule.all]\n{PERMITS}\n{GATE}"), None),
        ("gate in all", format!("[[rule.any]]\n{PERMITS}\n[rule.all]\n{GATE}"), None),
        ("gates in every block", format!("[[rule.any]]\n{GATE}\n[rule.all]\n{PERMITS}"), None),
        (
            "gate in the other block",
            format!("[[rule.any]]\n{GATE}\n[[rule.any]]\n{PERMITS}"),
            Some((10, "any[1]")),
        ),
        (
            "gate in one block",
            format!(
                "[[rule.any]]\n{GATE}\n[[rule.any]]\nos = {{ exists = true }}\n[rule.all]\n{PERMITS}"
            ),
            Some((12, "all")),
        ),
        ("no word", format!("[rule.all]\n{PERMITS}\nline_number = {{ ge = 1 }}"), Some((8, "all"))),
        (
            "in unless",
            format!("[[rule.unless]]\n{PERMITS}\n[rule.all]\nos = {{ exists = true }}"),
            Some((8, "unless[0]")),
        ),
        ("unless, gated", format!("[[rule.unless]]\n{PERMITS}\n[rule.all]\n{GATE}"), None),
    ];
    for (name, lines, want) in rows {
        let errors = compile(&[&rule(&lines)]).err().unwrap_or_default();
        let found: Vec<_> = errors
            .iter()
            .map(|error| (error.line.unwrap_or(0), error.key.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(found, want.into_iter().collect::<Vec<_>>(), "{name}: {errors:#?}");
        assert!(errors.iter().all(|error| error.message.contains("cheaper question")), "{name}");
        assert!(errors.iter().all(|error| error.excerpt().is_some()), "{name}");
    }
}

#[test]
fn rules_that_wait_for_a_source_are_each_found_once() {
    let by = |id: &str, asked: &str| {
        rule(&format!("[rule.all]\noriginal_policy = {{ {asked} }}"))
            .replace("id = \"r\"", &format!("id = \"{id}\""))
    };
    let rules = compile(&[
        &by("a", "names_host = [\"zscaler.test\", \"a.zscaler.test\"]"),
        &by("b", "names_scheme = [\"data\", \"blob\"]"),
        &by("c", "names_host = \"zscaler.test\", names_scheme = \"data\""),
        &by("d", "exists = true"),
    ])
    .expect("compiles");
    let found = |policy| {
        show(&rules, &[("blocked", "inline"), ("policy", policy)], None, |subject| {
            rules.matching(subject).map(|rule| rule.id.clone()).collect::<Vec<_>>()
        })
    };
    assert_eq!(found("img-src a.zscaler.test A.ZSCALER.TEST *.zscaler.test"), ["a", "d"]);
    assert_eq!(found("img-src data: blob: DATA:; font-src data:"), ["b", "d"]);
    assert_eq!(found("img-src data: zscaler.test"), ["a", "b", "c", "d"]);
    assert_eq!(found("img-src notzscaler.test"), ["d"]);
}

#[test]
fn explanations_say_what_the_policy_permits() {
    let conditions = "blocked_keyword = { is = \"eval\" }\noriginal_policy = { permits = true }";
    let rules = compile(&[&rule(&format!("[rule.all]\n{conditions}"))]).expect("compiles");
    let note = |policy| {
        let fields = [("blocked", "eval"), ("effective", "script-src"), ("policy", policy)];
        let traces = show(&rules, &fields, None, |subject| rules.explain(subject, TODAY));
        traces.first().and_then(|trace| trace.decided[1].note)
    };
    // A word of a closed set brings no rule near: only the match is told.
    assert_eq!(note("script-src 'unsafe-eval'"), Some("which permits what was blocked"));
    assert_eq!(note("script-src 'self'"), None);
}
