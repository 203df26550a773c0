//! Rules on trial that decide for some apps.

use super::*;

const EVAL: [(&str, &str); 1] = [("blocked", "eval")];

fn trial() -> String {
    matching_eval("trial", "filter", "mode = \"observe\"")
}

/// What a set says of an `eval` of an app: the rule that filters it, and those that would.
fn verdict(rules: &RuleSet, app: &str) -> (Option<String>, Vec<String>) {
    show(rules, &EVAL, Some(app), |subject| {
        let verdict = rules.judge(subject, TODAY);
        (
            verdict.filtered_by.map(|matched| matched.rule.to_owned()),
            verdict.observed.iter().map(|matched| matched.rule.to_owned()).collect(),
        )
    })
}

#[test]
fn a_rule_on_trial_decides_for_the_apps_of_its_line() {
    let decides = (Some("trial".to_owned()), vec![]);
    let observes = (None, vec!["trial".to_owned()]);
    let line = "[enforce]\ntrial = [\"shop\", \"shop-*\"]";
    for texts in [[line, trial().as_str()], [trial().as_str(), line]] {
        let rules = compile(&texts).expect("compiles");
        assert_eq!(verdict(&rules, "shop"), decides);
        assert_eq!(verdict(&rules, "shop-de"), decides);
        assert_eq!(verdict(&rules, "blog"), observes);
        assert_eq!(verdict(&rules, "shops"), observes);
    }
    let rules = compile(&["[enforce]\ntrial = [\"*\"]", &trial()]).expect("compiles");
    assert_eq!(verdict(&rules, "blog"), decides);
}

#[test]
fn labels_and_keeps_of_a_trial_count_where_they_are_enforced() {
    let filter = matching_eval("filter", "filter", "");
    let keep = matching_eval("keep", "keep", "mode = \"observe\"");
    let label = matching_eval("label", "label", "mode = \"observe\"\ntags = [\"odd\"]");
    let lines = "[enforce]\nkeep = [\"shop\"]\nlabel = [\"blog\"]";
    let rules = compile(&[&filter, &keep, &label, lines]).expect("compiles");
    let tags = |app| {
        show(&rules, &EVAL, Some(app), |subject| {
            rules.judge(subject, TODAY).tags.into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
    };
    assert_eq!(verdict(&rules, "shop").0, None);
    assert_eq!(verdict(&rules, "blog").0.as_deref(), Some("filter"));
    assert_eq!((tags("shop"), tags("blog")), (vec![], vec!["odd".to_owned()]));
}

#[test]
fn the_apps_that_a_rule_is_meant_for_and_its_date_still_count() {
    let meant = matching_eval("trial", "filter", "mode = \"observe\"\napps = [\"shop-*\"]");
    let rules = compile(&["[enforce]\ntrial = [\"*\"]", &meant]).expect("compiles");
    assert_eq!(verdict(&rules, "shop-de").0.as_deref(), Some("trial"));
    assert_eq!(verdict(&rules, "blog"), (None, vec![]));

    let expired = matching_eval("trial", "filter", "mode = \"observe\"\nexpires = 2026-11-22");
    let rules = compile(&["[enforce]\ntrial = [\"shop\"]", &expired]).expect("compiles");
    assert_eq!(verdict(&rules, "shop"), (None, vec!["trial".to_owned()]));

    // An override that puts a rule on trial, and a line that excepts an app.
    let enforced = matching_eval("trial", "filter", "");
    let observe = "[[override]]\nid = \"trial\"\nmode = \"observe\"\n[enforce]\ntrial = [\"shop\"]";
    let rules = compile(&[observe, &enforced]).expect("compiles");
    assert_eq!(verdict(&rules, "shop").0.as_deref(), Some("trial"));
    assert_eq!(verdict(&rules, "blog").0, None);
}

#[test]
fn what_a_rule_does_is_told_truly() {
    let set = |line: &str| {
        let others = [
            matching_eval("enforced", "filter", ""),
            matching_eval("expired", "filter", "mode = \"observe\"\nexpires = 2026-11-22"),
        ];
        compile(&[&trial(), &others[0], &others[1], line]).expect("compiles")
    };
    // Line, deciding, for some, observing, what the explanation says.
    let rows = [
        ("", 1, 0, 1, "observe"),
        (
            "[enforce]\ntrial = [\"shop\", \"shop-*\"]\nexpired = [\"shop\"]",
            1,
            1,
            0,
            "observe, enforced for shop, shop-*",
        ),
        ("[enforce]\ntrial = [\"*\"]", 2, 0, 0, "observe, enforced for *"),
    ];
    for (line, deciding, deciding_for_some, observing, mode) in rows {
        let rules = set(line);
        let want = Counts { deciding, deciding_for_some, observing, expired: 1 };
        assert_eq!(rules.counts(TODAY), want, "{line}");
        let traces = show(&rules, &EVAL, Some("shop"), |subject| rules.explain(subject, TODAY));
        let mode_of = |id| traces.iter().find(|trace| trace.rule == id).map(|trace| &*trace.mode);
        assert_eq!(mode_of("trial"), Some(mode), "{line}");
        assert_eq!(mode_of("enforced"), Some("enforce"));
        assert_eq!(mode_of("expired"), Some("expired on 2026-11-22"));
    }
}

#[test]
fn a_line_without_effect_is_a_mistake() {
    let trial = trial();
    let other = matching_eval("other", "filter", "mode = \"observe\"\napps = [\"shop\", \"b-*\"]");
    let enforced = matching_eval("enforced", "filter", "");
    let off = "[[override]]\nid = \"trial\"\nenabled = false";
    let rows: [(&str, &[&str], usize, &str); 9] = [
        (
            "unknown id",
            &["[enforce]\ntrail = [\"shop\"]", &trial, &other],
            3,
            "there is no rule of this id; did you mean `trial`?; on trial are other, trial",
        ),
        ("no rule on trial", &["[enforce]\nx = [\"shop\"]"], 3, "no rule is on trial"),
        (
            "enforced already",
            &["[enforce]\nenforced = [\"shop\"]", &enforced, &trial],
            3,
            "decides already, for every app that it is meant for; on trial are trial",
        ),
        (
            "enforced already, by an override",
            &[
                "[[override]]\nid = \"trial\"\nmode = \"enforce\"\n[enforce]\ntrial = [\"shop\"]",
                &trial,
            ],
            6,
            "decides already",
        ),
        (
            "switched off",
            &["[enforce]\ntrial = [\"shop\"]", &trial, off],
            3,
            "switched off by the override in filters/2.toml:3",
        ),
        (
            "an app that the rule is not meant for",
            &["[enforce]\nother = [\"b-x\", \"blog\"]", &other],
            3,
            "not meant for `blog`, only for shop, b-*",
        ),
        ("no list", &["[enforce]\ntrial = \"shop\"", &trial], 3, "expected a list, found a string"),
        ("no apps", &["[enforce]\ntrial = []", &trial], 3, "an empty list would match no app"),
        ("bad app", &["[enforce]\ntrial = [\"a*b*\"]", &trial], 3, "no app name with at most one"),
    ];
    for (what, texts, line, message) in rows {
        let errors = compile(texts).err().unwrap_or_else(|| panic!("{what} compiles"));
        assert_eq!(errors.len(), 1, "{what}: {errors:#?}");
        let error = &errors[0];
        assert_eq!((error.file.as_str(), error.line), ("filters/0.toml", Some(line)), "{what}");
        assert!(error.message.contains(message), "{what}: {error:#?}");
        assert!(error.key.as_deref().is_some_and(|key| key.starts_with("enforce.")), "{what}");
        assert!(error.excerpt().is_some(), "{what}");
    }
    let errors = compile(&["enforce = 1"]).expect_err("no table");
    assert_eq!(errors[0].message, "expected a table, found a whole number");
}

#[test]
fn a_rule_has_one_line_over_all_files() {
    let line = "[enforce]\ntrial = [\"shop\"]";
    let errors = compile(&[line, &trial(), line]).expect_err("two lines of one rule");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(
        errors[0].to_string(),
        "filters/2.toml:3:1: rule `trial`: key `enforce.trial`: the rule has a line in \
         filters/0.toml:3; put all its apps there"
    );
    assert_eq!(errors[0].excerpt().as_deref(), Some("  |\n3 | trial = [\"shop\"]\n  | ^"));
}

#[test]
fn a_file_that_cannot_be_read_casts_no_doubt_on_the_lines_of_others() {
    let broken = trial().replace("action = \"filter\"", "action = \"drop\"");
    let errors = compile(&["[enforce]\ntrial = [\"shop\"]", &broken]).expect_err("fails");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(errors[0].file, "filters/1.toml");
}

#[test]
fn one_line_switches_each_shipped_rule_on_trial_on() {
    let mut sources = shipped();
    let on_trial: Vec<_> = RuleSet::compile(&sources)
        .expect("the shipped rules compile")
        .rules()
        .iter()
        .filter(|rule| rule.mode == Mode::Observe)
        .map(|rule| rule.id.clone())
        .collect();
    for id in ["crawler-traffic", "foreign-page", "outdated-browser"] {
        assert!(on_trial.iter().any(|one| one == id), "{id}: {on_trial:?}");
    }
    let lines: String = on_trial.iter().map(|id| format!("{id} = [\"shop\"]\n")).collect();
    let site = format!("format = 1\n[own_hosts]\nshop = \"shop.example\"\n[enforce]\n{lines}");
    sources.files.push(("site.toml".to_owned(), site));
    let rules = RuleSet::compile(&sources).expect("the lines have an effect");
    // The user agent of these tests is Firefox 41's.
    let page = [("document", "https://shop.example.proxy.test/"), ("blocked", "eval")];
    let seen = |app: &str| {
        show(&rules, &page, Some(app), |subject| {
            let verdict = rules.judge(subject, TODAY);
            let by = verdict.filtered_by.map(|matched| matched.rule.to_owned());
            (by, verdict.observed.iter().map(|one| one.rule.to_owned()).collect::<Vec<_>>())
        })
    };
    assert_eq!(seen("shop"), (Some("foreign-page".to_owned()), vec![]));
    assert_eq!(seen("blog"), (None, vec!["outdated-browser".to_owned()]));
}

#[test]
fn a_rule_over_own_hosts_wants_a_list_of_them() {
    let with = |site: &str| {
        let mut sources = shipped();
        sources.files.push(("site.toml".to_owned(), format!("format = 1\n{site}")));
        RuleSet::compile(&sources)
    };
    let line = "[enforce]\nforeign-page = [\"shop\"]\n";
    for site in [line, &format!("{line}[own_hosts]\nblog = \"blog.example\"\n")] {
        let errors = with(site).expect_err("it would match nothing");
        assert_eq!(
            errors[0].to_string(),
            "site.toml:3:1: rule `foreign-page`: key `enforce.foreign-page`: the rule goes by \
             [own_hosts], which has no list for `shop`; write one such as \"shop\" = \
             [\"shop.example\"]"
        );
    }
    with(&format!("{line}[own_hosts]\n\"sh*\" = \"shop.example\"\n")).expect("a list by a glob");
    let any = "[enforce]\nforeign-page = [\"*\"]\n[own_hosts]\nblog = \"blog.example\"\n";
    with(any).expect("some app has a list");
    with("[enforce]\nforeign-page = [\"*\"]\n").expect_err("no app has one");
}
