//! What is typed, and what is answered: texts, files and exit codes of the program itself.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::Fixture;
use support::edge::REPORT;
use support::process::{Edge, cspipe, folder, run, run_with_input, succeed, texts, write};

#[test]
fn check_passes_on_the_defaults() {
    let folder = folder();
    let (out, errors) = succeed(cspipe(folder.path()).arg("check"));
    assert_eq!(errors, "");
    assert!(out.starts_with("settings: right\nrules: "), "{out}");
    assert!(out.contains(" from built in, hash ") && out.contains(" examples hold\n"), "{out}");

    let (out, _) = succeed(cspipe(folder.path()).args(["check", "--format", "json"]));
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["ok"], true);
    assert_eq!(told["origin"], "built in");
    let by_reason = told["by_reason"].as_object().expect("an object");
    let sum: u64 = by_reason.values().map(|count| count.as_u64().expect("a number")).sum();
    assert_eq!(told["rules"], sum);
    assert!(told["examples"].as_u64() > Some(sum) && told["hash"].is_string(), "{out}");
}

#[test]
fn health_tells_whether_an_edge_can_store() {
    let folder = folder();
    let edge = Edge::start(folder.path());
    let ask = |address: &str, flags: &[&str]| {
        let asked = run(cspipe(folder.path()).args(["health", "--private", address]).args(flags));
        (asked.status.code(), texts(asked))
    };
    let address = edge.private.to_string();
    assert_eq!(ask(&address, &[]), (Some(0), ("ready\n".to_owned(), String::new())));
    assert_eq!(ask(&address, &["--live"]), (Some(0), ("ok\n".to_owned(), String::new())));
    // Whoever listens on every address is asked on loopback.
    let everywhere = format!("0.0.0.0:{}", edge.private.port());
    assert_eq!(ask(&everywhere, &[]).0, Some(0));
    // The public listener has no such path.
    let (code, (out, errors)) = ask(&edge.public.to_string(), &[]);
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(errors.starts_with("cspipe: ") && errors.ends_with('\n'), "{errors}");
    edge.stop();
    let (code, (out, errors)) = ask(&address, &[]);
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(errors.contains(&address) && errors.contains("refused"), "{errors}");
}

#[test]
fn check_says_where_a_rule_is_wrong() {
    let folder = folder();
    let line = "blocked_host = { undr = \"ads.example\" }";
    write(
        folder.path(),
        "filters/a.toml",
        &format!("{RULE_HEAD}example = []\n[[rule.any]]\n{line}\n"),
    );
    write(folder.path(), "filters/b.toml", "format = 1\nrules = []\n");

    let output = run(cspipe(folder.path()).arg("check"));
    assert_eq!(output.status.code(), Some(1));
    let (out, errors) = texts(output);
    assert_eq!(out, "");
    let lines: Vec<&str> = errors.lines().collect();
    let first = "filters/a.toml:11:18: rule `site-noise`: key `any.blocked_host`: ";
    assert!(lines[0].starts_with(first) && lines[0].contains("undr"), "{errors}");
    assert_eq!(lines[1..3], ["   |", &*format!("11 | {line}")]);
    assert_eq!(lines[3], format!("   | {}^", " ".repeat(17)));
    assert!(lines[4].starts_with("filters/b.toml:2:1: key `rules`: unknown key"), "{errors}");
    assert_eq!(lines[5..], ["  |", "2 | rules = []", "  | ^", "2 mistakes in the rules"]);

    let output = run(cspipe(folder.path()).args(["check", "--format", "json"]));
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_str(&texts(output).0).expect("JSON");
    assert_eq!(told["ok"], false);
    let [first, second] = &told["errors"].as_array().expect("a list")[..] else {
        panic!("{told}");
    };
    assert_eq!(first["file"], "filters/a.toml");
    assert_eq!((&first["line"], &first["column"]), (&11.into(), &18.into()));
    assert_eq!((&first["rule"], &first["key"]), (&"site-noise".into(), &"any.blocked_host".into()));
    assert!(lines[0].ends_with(first["message"].as_str().expect("text")));
    assert_eq!((&second["line"], &second["rule"]), (&2.into(), &Value::Null));
}

#[test]
fn check_and_explain_say_where_a_rule_on_trial_decides() {
    let folder = folder();
    succeed(cspipe(folder.path()).arg("init"));
    let site = "format = 1\n[own_hosts]\nshop = [\"shop.example\"]\n\"blog-*\" = \"blog.example\"\n\
                [enforce]\nforeign-page = [\"shop\", \"shop-*\"]\n";
    write(folder.path(), "filters/site.toml", site);
    let (out, _) = succeed(cspipe(folder.path()).arg("check"));
    assert!(out.contains("decide, 1 for some apps, 3 observe"), "{out}");
    assert!(out.contains("\n  `foreign-page`: observe, enforced for shop, shop-*\n"), "{out}");
    assert!(out.contains("\n  `crawler-traffic`: observe\n"), "{out}");
    assert!(out.contains("\n  own hosts of `blog-*`: 1\n  own hosts of `shop`: 1\n"), "{out}");
    let (out, _) = succeed(cspipe(folder.path()).args(["check", "--format", "json"]));
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["on_trial"]["foreign-page"], "observe, enforced for shop, shop-*");
    assert_eq!(told["own_hosts"]["blog-*"], 1);

    let report = br#"{"csp-report":{"document-uri":"https://shop.example.proxy.test/","effective-directive":"img-src","blocked-uri":"https://a.test/x"}}"#;
    let of = |app: &str| {
        let report = explain(folder.path(), &["--path", &format!("/csp/{app}")], report);
        (report["filter_rule"].clone(), report["would_filter"].clone())
    };
    assert_eq!(of("shop"), ("foreign-page".into(), Value::Null));
    assert_eq!(of("blog-a"), (Value::Null, serde_json::json!(["foreign-page"])));
    assert_eq!(of("docs"), (Value::Null, Value::Null));
}

#[test]
fn check_runs_the_examples() {
    let folder = folder();
    let rule = format!("{RULE_HEAD}any = [{{ blocked_host = {{ is = \"ads.example\" }} }}]\n");
    let examples = [("true", "ads.example"), ("false", "example"), ("false", "ads.example")];
    let examples = examples.map(|(matches, host)| {
        format!(
            "[[rule.example]]\nmatch = {matches}\nwhy = \"{host}\"\n\
             report = {{ blocked-uri = \"https://{host}/x.js\", \
             effective-directive = \"script-src\" }}\n"
        )
    });
    write(folder.path(), "filters/a.toml", &(rule + &examples.concat()));
    let output = run(cspipe(folder.path()).arg("check"));
    assert_eq!(output.status.code(), Some(1));
    let (_, errors) = texts(output);
    assert!(errors.contains("filters/a.toml:") && errors.contains("`site-noise`"), "{errors}");
    assert!(errors.ends_with("1 mistake in the rules\n"), "{errors}");
}

#[test]
fn init_writes_what_the_repository_has_and_overwrites_nothing() {
    let folder = folder();
    let wanted: BTreeSet<PathBuf> = ["config/cspipe.toml", "config/record.schema.json"]
        .map(PathBuf::from)
        .into_iter()
        .chain(files(Path::new(ROOT), "filters"))
        .collect();
    let (out, _) = succeed(cspipe(folder.path()).args(["init", "here"]));
    assert!(out.lines().all(|line| line.starts_with("wrote here/")), "{out}");
    assert_eq!(out.lines().count(), wanted.len());
    let here = folder.path().join("here");
    let written = files(&here, "filters").chain(files(&here, "config")).collect();
    assert_eq!(wanted, written);
    for name in &wanted {
        let [ours, theirs] = [Path::new(ROOT), &here].map(|root| fs::read(root.join(name)));
        // Whole files would make no message.
        let is_same = ours.expect("a file") == theirs.expect("a file");
        assert!(is_same, "{} was built in differently", name.display());
    }
    let (out, _) = succeed(cspipe(&here).arg("check"));
    assert!(out.contains(" from filters, hash "), "{out}");

    write(&here, "config/cspipe.toml", "log = \"json\"\n");
    let (out, _) = succeed(cspipe(&here).arg("init"));
    let kept = |line: &str| line.starts_with("kept ./") && line.ends_with(", which exists");
    assert!(out.lines().all(kept) && out.lines().count() == wanted.len(), "{out}");
    let kept = fs::read_to_string(here.join("config/cspipe.toml"));
    assert_eq!(kept.expect("a file"), "log = \"json\"\n");

    fs::write(folder.path().join("file"), "in the way").expect("a file");
    let output = run(cspipe(folder.path()).args(["init", "file"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(output).1.starts_with("cspipe: cannot write file/"));
}

#[test]
fn explain_shows_every_stage_and_the_rule_that_decides() {
    let folder = folder();
    let fixture = Path::new(ROOT).join("tests/reports/chrome-extension-bare.http");
    let body = Fixture::read(&fixture).body;
    fs::write(folder.path().join("report.json"), &body).expect("a file");

    let (from_file, _) = succeed(cspipe(folder.path()).args(["explain", "report.json"]));
    let output = run_with_input(cspipe(folder.path()).args(["explain", "-"]), &body);
    let from_input = texts(output).0;
    let untimed = |text: &str| {
        let is_time = |line: &&str| line.contains("timestamp\"") || line.contains("received_at\"");
        text.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(untimed(&from_file), untimed(&from_input));
    let mut rest = &*from_file;
    for part in [
        "Decoded, as the browser wrote it\n",
        "  blocked-uri ",
        " \"chrome-extension\"\n",
        "Normalized, without the browser's quirks\n",
        "Derived\n",
        "  classification ",
        " \"browser_extension\"\n",
        "Rules\n",
        "  `extension-blocked-scheme` matches (An extension's own resource was blocked",
        "browser-extensions.toml:",
        "    yes any[0]: blocked_scheme",
        "; it is \"chrome-extension\"\n",
        "Verdict\n  filtered by `extension-blocked-scheme`\n",
        "Record\n",
        "\"filter_rule\": \"extension-blocked-scheme\"",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} here in\n{from_file}"));
        rest = &rest[at + part.len()..];
    }

    let explained = explain(folder.path(), &["report.json"], b"");
    assert_eq!(explained["outcome"], "violation");
    assert_eq!(explained["verdict"], "filtered");
    assert_eq!(explained["filter_rule"], "extension-blocked-scheme");
    assert_eq!(explained["rules"][0]["rule"], "extension-blocked-scheme");
    assert_eq!(explained["rules"][0]["matched"], true);
    assert_eq!(explained["record"]["stream"], "filtered");
}

#[test]
fn explain_takes_the_request_as_it_would_come() {
    let folder = folder();
    let record = |flags: &[&str]| explain(folder.path(), flags, REPORT.as_bytes())["record"].take();
    let bare = record(&[]);
    assert_eq!((&bare["app_name"], &bare["disposition"]), (&"unknown".into(), &"unknown".into()));
    assert_eq!(bare.get("browser"), None);

    for (name, flags, field, value) in [
        ("path", &["--path", "/csp/shop?enforce=1"][..], "app_name", "shop"),
        ("query of the path", &["--path", "/csp/shop?enforce=1"], "disposition", "enforce"),
        ("query", &["--query", "app=shop&report_only=1"], "disposition", "report"),
        ("app in the query", &["--query", "app=shop"], "app_name", "shop"),
        ("path of another product", &["--path", "/api/7/security/"], "app_name", "7"),
        (
            "user agent",
            &[
                "--user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            ],
            "browser",
            "Firefox",
        ),
    ] {
        assert_eq!(record(flags)[field], value, "{name}");
    }
}

#[test]
fn explain_reads_the_rules_that_serve_would() {
    let folder = folder();
    succeed(cspipe(folder.path()).arg("init"));
    let report = r#"{"csp-report":{"document-uri":"https://shop.example/","blocked-uri":"chrome-extension","effective-directive":"font-src"}}"#;
    assert_eq!(explain(folder.path(), &[], report.as_bytes())["verdict"], "filtered");
    let off = "format = 1\n[[override]]\nid = \"extension-blocked-scheme\"\nenabled = false\n";
    write(folder.path(), "filters/site.toml", off);
    assert_eq!(explain(folder.path(), &[], report.as_bytes())["verdict"], "clean");
}

#[test]
fn explain_tells_wrong_use_from_an_unreadable_body() {
    let folder = folder();
    for path in ["/", "/csp/a/b", "csp", "/report"] {
        let output = run(cspipe(folder.path()).args(["explain", "--path", path]));
        assert_eq!(output.status.code(), Some(2), "{path}");
        let (_, errors) = texts(output);
        assert!(errors.starts_with(&format!("cspipe: --path {path}: no report")), "{errors}");
    }
    let output = run(cspipe(folder.path()).args(["explain", "none.json"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(output).1.starts_with("cspipe: cannot read none.json: "));

    for body in ["", "nonsense", "{\"csp-report\":", "[]", "7"] {
        let output = run_with_input(cspipe(folder.path()).arg("explain"), body.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{body}");
        let (out, _) = texts(output);
        let is_told = out.starts_with("rejected (") || out == "The body holds no report.\n";
        assert!(is_told && out.lines().count() == 1, "{body}: {out}");
    }
    let explained = explain(folder.path(), &[], b"nonsense");
    assert_eq!(explained["outcome"], "rejected");
    assert!(explained["reason"].is_string() && explained["detail"].is_string(), "{explained}");
}

#[test]
fn help_tells_every_flag() {
    let folder = folder();
    let settings = ["--config <FILE>", "--filters <DIR>"];
    for (command, flags) in [
        ("serve", &["--listen <ADDR>", "--private <ADDR>", "--data <DIR>", "SIGHUP"][..]),
        ("check", &["--since <TIME>", "--data <DIR>", "--format <FORMAT>"]),
        (
            "explain",
            &[
                "[FILE]",
                "--id <UUID>",
                "--path <PATH>",
                "--query <",
                "--user-agent <",
                "--format <",
            ],
        ),
        ("init", &["[DIR]"]),
    ] {
        let (out, _) = succeed(cspipe(folder.path()).args([command, "--help"]));
        let shared = if command == "init" { &[][..] } else { &settings };
        for flag in flags.iter().chain(shared) {
            assert!(out.contains(flag), "{command}: {flag} in\n{out}");
        }
        let (all, _) = succeed(cspipe(folder.path()).arg("--help"));
        assert!(all.contains(&format!("\n  {command} ")), "{command} in\n{all}");
    }
    let (out, _) = succeed(cspipe(folder.path()).arg("--version"));
    assert!(out.starts_with(concat!("cspipe ", env!("CARGO_PKG_VERSION"), " (")), "{out}");

    for wrong in [&[][..], &["frobnicate"], &["serve", "--listen", "8080"], &["check", "--x"]] {
        assert_eq!(run(cspipe(folder.path()).args(wrong)).status.code(), Some(2), "{wrong:?}");
    }
}

/// The explanation of the one report of a body.
fn explain(folder: &Path, flags: &[&str], body: &[u8]) -> Value {
    let mut explain = cspipe(folder);
    let output = run_with_input(explain.args(["explain", "--format", "json"]).args(flags), body);
    assert_eq!(output.status.code(), Some(0), "{flags:?}");
    let mut explanation: Value = serde_json::from_str(&texts(output).0).expect("JSON");
    assert_eq!(explanation["reports"].as_array().map(Vec::len), Some(1));
    explanation["reports"][0].take()
}

/// The files of a folder, as seen from its parent.
fn files(parent: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent.join(name)).expect("a folder");
    entries.map(move |entry| Path::new(name).join(entry.expect("an entry").file_name()))
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const RULE_HEAD: &str = r#"format = 1

[[rule]]
id = "site-noise"
title = "Noise"
action = "filter"
reason = "site"
evidence = ["a test"]
"#;
