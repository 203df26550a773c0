//! Rules tried on what is stored, and asked what they do, by the program itself.

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use support::process::{Edge, cspipe, folder, run, succeed, texts, write};
use tempfile::TempDir;

/// A folder with the violations of two applications in its store.
fn stored() -> TempDir {
    let folder = folder();
    let edge = Edge::start(folder.path());
    for (app, path, blocked, directive) in [
        ("shop", "a", "https://cdn.coupons.example/box", "frame-src"),
        ("shop", "b", "https://cdn.coupons.example/box", "frame-src"),
        ("shop", "c", "https://cdn.coupons.example/x.js", "script-src-elem"),
        ("blog", "d", "https://cdn.coupons.example/box", "frame-src"),
        ("shop", "e", "chrome-extension", "script-src-elem"),
        ("shop", "f", "inline", "script-src-elem"),
    ] {
        let body = serde_json::json!({ "csp-report": {
            "document-uri": format!("https://{app}.example/{path}"),
            "blocked-uri": blocked,
            "effective-directive": directive,
            "disposition": "enforce",
        } });
        assert_eq!(edge.post(&format!("/csp/{app}"), &body.to_string()).status, 204);
    }
    edge.stop();
    folder
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (out, _) = succeed(cspipe(folder).args(arguments).args(["--format", "json"]));
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn a_new_rule_is_tried_before_it_is_live() {
    let folder = stored();
    write(folder.path(), "site.toml", RULE);
    let (out, _) = succeed(cspipe(folder.path()).args(["rules", "try", "site.toml"]));
    let expected = "\
site.toml beside the rules (built in), compared with the rules in force (built in)
6 violations of the last 7d

clean → filtered: 2
       2  shop  frame-src  by `coupon-toolbar`
          https://cdn.coupons.example/box on https://shop.example/a
          cspipe explain --id ";
    assert!(out.starts_with(expected), "{out}");
    assert!(out.ends_with("\n\n4 unchanged\n"), "{out}");

    let tried = json(folder.path(), &["rules", "try", "site.toml"]);
    assert_eq!(tried["violations"], 6);
    assert_eq!(tried["unchanged"], 4);
    let [moved] = &tried["moves"].as_array().expect("a list")[..] else { panic!("{tried}") };
    assert_eq!(moved["app_name"], "shop");
    assert_eq!(moved["violation_type"], "frame-src");
    assert_eq!(moved["from"]["stream"], "clean");
    assert_eq!(moved["to"]["filter_rule"], "coupon-toolbar");
    assert_eq!(moved["specimens"].as_array().map(Vec::len), Some(1), "one fingerprint");
}

#[test]
fn an_override_moves_reports_back_and_observing_is_told() {
    let folder = stored();
    let softer =
        "format = 1\n[[override]]\nid = \"extension-blocked-scheme\"\nmode = \"observe\"\n";
    write(folder.path(), "soft.toml", softer);
    let (out, _) = succeed(cspipe(folder.path()).args(["rules", "try", "soft.toml"]));
    let back = "\nfiltered → clean: 1\n       1  shop  script-src  no longer by `extension-blocked-scheme`\n";
    assert!(out.contains(back), "{out}");
    assert!(out.contains("\nlabels\n  extension  on 1 fewer\n"), "{out}");

    write(folder.path(), "site.toml", &RULE.replace("reason =", "mode = \"observe\"\nreason ="));
    let tried = json(folder.path(), &["rules", "try", "site.toml"]);
    assert_eq!(tried["moves"], serde_json::json!([]));
    assert_eq!(tried["observed"][0]["reports"], 2);
    assert_eq!(tried["observed"][0]["to"]["filter_rule"], "coupon-toolbar");
}

#[test]
fn a_changed_file_takes_the_place_of_the_one_in_force() {
    let folder = stored();
    succeed(cspipe(folder.path()).args(["init", "."]));
    write(folder.path(), "filters/site.toml", RULE);
    // The file in force is compared with what was decided when the reports came.
    let (out, _) = succeed(cspipe(folder.path()).args(["rules", "try", "filters/site.toml"]));
    assert!(out.contains("compared with the decisions as they were stored\n"), "{out}");
    assert!(out.contains("\nclean → filtered: 2\n"), "{out}");

    // A changed copy is compared with the file in force, whose place it takes.
    write(
        folder.path(),
        "draft/site.toml",
        &RULE.replace("[\"shop\", ", "[\"press\", ").replace("app = \"shop\"", "app = \"press\""),
    );
    let mut command = cspipe(folder.path());
    let (out, _) = succeed(command.args(["rules", "try", "draft/site.toml"]));
    assert!(out.starts_with("draft/site.toml in the place of filters/site.toml, "), "{out}");
    assert!(out.contains("\nfiltered → clean: 2\n") && out.contains("  shop  frame-src"), "{out}");

    // A whole folder takes the place of all.
    fs::create_dir(folder.path().join("few")).expect("a folder");
    write(folder.path(), "few/site.toml", RULE);
    let (out, _) = succeed(cspipe(folder.path()).args(["rules", "try", "few"]));
    assert!(out.starts_with("All rules from few, compared with the rules in force"), "{out}");
    assert!(out.contains("no longer by `extension-blocked-scheme`"), "{out}");
}

#[test]
fn lists_are_found_beside_the_file_or_in_the_folder_in_force() {
    let folder = stored();
    let listed = RULE.replace("under = \"coupons.example\"", "list = \"coupons.txt\"");
    write(folder.path(), "site.toml", &listed);
    let output = run(cspipe(folder.path()).args(["rules", "try", "site.toml"]));
    assert_eq!(output.status.code(), Some(1));
    let (_, errors) = texts(output);
    assert!(errors.contains("site.toml:") && errors.contains("coupons.txt"), "{errors}");

    write(folder.path(), "coupons.txt", ".coupons.example\n");
    let tried = json(folder.path(), &["rules", "try", "site.toml"]);
    assert_eq!(tried["moves"][0]["reports"], 2);

    succeed(cspipe(folder.path()).args(["init", "."]));
    fs::rename(folder.path().join("coupons.txt"), folder.path().join("filters/coupons.txt"))
        .expect("it moves");
    let tried = json(folder.path(), &["rules", "try", "site.toml"]);
    assert_eq!(tried["moves"][0]["reports"], 2);
}

#[test]
fn what_cannot_be_tried_is_told() {
    let folder = folder();
    succeed(cspipe(folder.path()).args(["init", "."]));
    let off = "format = 1\n[[override]]\nid = \"crawler\"\nenabled = false\n";
    write(folder.path(), "filters/off.toml", off);
    write(folder.path(), "site.toml", RULE);
    write(
        folder.path(),
        "wrong.toml",
        &RULE.replace("frame-src\", \"child", "frame-scr\", \"child"),
    );
    for (arguments, code, told) in [
        (&["rules", "try", "site.toml"][..], 3, "data/cspipe.db: there is no store here yet"),
        (&["rules", "try", "none.toml"], 2, "cannot read none.toml"),
        (&["rules", "try", "wrong.toml"], 1, "wrong.toml:14:"),
        (&["rules", "try", "site.toml", "--since", "soon"], 2, "expected a duration such as 7d"),
        (&["rules", "why", "extension-blocked-schema"], 2, "mean `extension-blocked-scheme`?"),
        (&["rules", "why", "crawler"], 2, "switched off by the override in filters/off.toml:3"),
        (&["explain", "--id", "0192"], 2, "0192"),
        (&["explain", "--id", "01a20cc2-ab8f-749f-a6de-73565e4fbed5"], 3, "no store here yet"),
    ] {
        let output = run(cspipe(folder.path()).args(arguments));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let (out, errors) = texts(output);
        assert_eq!(out, "", "{arguments:?}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_schema_is_printed_as_it_is_shipped() {
    let folder = folder();
    let (out, _) = succeed(cspipe(folder.path()).args(["rules", "schema"]));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters/rules.schema.json");
    assert_eq!(out, fs::read_to_string(shipped).expect("it is there"));
}

#[test]
fn a_rule_is_shown_with_its_place_its_examples_and_its_hits() {
    let folder = stored();
    let (out, _) =
        succeed(cspipe(folder.path()).args(["rules", "why", "extension-blocked-scheme"]));
    let mut rest = &*out;
    for part in [
        "`extension-blocked-scheme`: An extension's own resource was blocked\n",
        "  browser-extensions.toml:",
        "  filter; enforce; reason browser_extension; apps *; labels extension\n",
        "Evidence\n",
        "Asks\n  any of  blocked_scheme in [",
        "Examples\n  yes  {\"csp-report\":",
        "  no   {\"csp-report\":",
        "Hits in what is stored of the last 7d, by day of receipt (UTC)\n",
        "            1              1              0\n",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} here in\n{out}"));
        rest = &rest[at + part.len()..];
    }
    let shown = json(folder.path(), &["rules", "why", "extension-blocked-scheme"]);
    assert_eq!(shown["hits"][0]["matches"], 1);
    assert_eq!(shown["hits"][0]["filtered"], 1);
    assert!(shown["line"].as_u64() > Some(1), "{shown}");
}

#[test]
fn check_tells_which_rules_do_nothing_and_which_expire() {
    let folder = stored();
    write(folder.path(), "filters/site.toml", &RULE.replace("2099-06-30", &in_days(30)));
    let (out, _) = succeed(cspipe(folder.path()).arg("check"));
    assert!(
        out.contains(&format!(
            "\nexpires on {}: `coupon-toolbar` (filters/site.toml:4)\n",
            in_days(30)
        )),
        "{out}"
    );
    assert!(
        out.contains("\nuse: 1 of 1 rules matched something in the 6 violations of the last 7d\n"),
        "{out}"
    );

    let told = json(folder.path(), &["check", "--filters", "filters"]);
    assert_eq!(told["never_matched"], serde_json::json!([]));
    fs::remove_file(folder.path().join("filters/site.toml")).expect("it goes");
    fs::remove_dir(folder.path().join("filters")).expect("it goes");
    let told = json(folder.path(), &["check"]);
    assert_eq!(told["violations"], 6);
    let unused = told["never_matched"].as_array().expect("a list");
    assert!(unused.contains(&"crawler-traffic".into()), "{told}");
    assert!(!unused.contains(&"extension-blocked-scheme".into()), "{told}");
}

#[test]
fn a_stored_record_is_explained() {
    let folder = stored();
    let query = "SELECT id FROM filtered LIMIT 1";
    let database = support::process::database(folder.path());
    let id: String = database.query_row(query, [], |row| row.get(0)).expect("a record");
    let (out, _) = succeed(cspipe(folder.path()).args(["explain", "--id", &id]));
    assert!(out.starts_with("Normalized, without the browser's quirks\n"), "{out}");
    assert!(out.contains("\n  `extension-blocked-scheme` matches ("), "{out}");
    assert!(out.contains(&format!("\"id\": \"{id}\"")), "{out}");
    assert!(out.ends_with("Stored as\n  filtered by `extension-blocked-scheme`\n"), "{out}");

    let explained = json(folder.path(), &["explain", "--id", &id]);
    assert_eq!(explained["stored_as"]["filter_rule"], "extension-blocked-scheme");
    assert_eq!(explained["verdict"], "filtered");
    assert_eq!(explained["record"]["id"], id);

    let other = "01a20cc2-ab8f-749f-a6de-73565e4fbed5";
    let output = run(cspipe(folder.path()).args(["explain", "--id", other]));
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(output).1.contains("no record has the id"));
}

/// A day from now, as rule files write it.
fn in_days(days: i64) -> String {
    use jiff::{Timestamp, ToSpan, tz::TimeZone};
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    today.saturating_add(days.days()).to_string()
}

const RULE: &str = r#"format = 1
pack = "site"

[[rule]]
id = "coupon-toolbar"
title = "A shopping toolbar frames its own site"
reason = "browser_extension"
action = "filter"
apps = ["shop", "shop-*"]
evidence = ["ticket OPS-1234"]
expires = 2099-06-30
[[rule.any]]
blocked_host = { under = "coupons.example" }
effective_directive = { in = ["frame-src", "child-src"] }
[[rule.example]]
match = true
app = "shop"
report = { blocked-uri = "https://cdn.coupons.example/box", effective-directive = "frame-src" }
[[rule.example]]
match = false
why = "a lookalike host"
app = "shop"
report = { blocked-uri = "https://coupons.example.evil.test/box", effective-directive = "frame-src" }
[[rule.example]]
match = false
why = "a script from the same host must still surface"
app = "shop"
report = { blocked-uri = "https://cdn.coupons.example/x.js", effective-directive = "script-src" }
"#;
