//! Where settings come from, who wins, and how a mistake in them is told.

mod support;

use cspipe::settings::Settings;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::process::{Edge, cspipe, folder, run, succeed, texts, write};

#[test]
fn wrong_settings_are_told_in_one_line() {
    for (name, file, variable, told) in [
        ("no TOML", "[http]\nlisten =\n", NONE, "cspipe.toml:2: "),
        ("unknown key", "lisen = 1\n", NONE, "cspipe.toml: key `lisen`: no such setting"),
        (
            "unknown key in a section",
            "[http]\nmax_bodi = 1\n",
            NONE,
            "cspipe.toml: key `http.max_bodi`: no such setting",
        ),
        (
            "bad size",
            "[http]\nmax_body = \"lots\"\n",
            NONE,
            "cspipe.toml: key `http.max_body`: expected a size",
        ),
        ("bad duration", "[store]\nmax_age = 30\n", NONE, "cspipe.toml: key `store.max_age`: "),
        ("bad address", "[http]\nlisten = \"8080\"\n", NONE, "cspipe.toml: key `http.listen`: "),
        (
            "bad app name",
            "[http.apps]\nknown = [\"a b\"]\n",
            NONE,
            "cspipe.toml: key `http.apps.known`: \"a b\" is no app name",
        ),
        (
            "values that do not go together",
            "[http]\nmax_body = \"1 MiB\"\nmax_in_flight = \"1 KiB\"\n",
            NONE,
            "key `http.max_in_flight`: must be at least http.max_body",
        ),
        ("missing suffix list", "[derive]\npublic_suffix_list = \"none.dat\"\n", NONE, "none.dat"),
        ("unknown variable", "", ("CSPIPE_FOO", "1"), "environment variable CSPIPE_FOO: no such"),
        (
            "a port that is no link to a Service",
            "",
            ("CSPIPE_LISTEN_PORT", "80"),
            "environment variable CSPIPE_LISTEN_PORT: no such",
        ),
        (
            "unknown key in a variable",
            "",
            ("CSPIPE_HTTP__LISTN", "1"),
            "environment variable CSPIPE_HTTP__LISTN: ",
        ),
        (
            "unknown section in a variable",
            "",
            ("CSPIPE_HTP__LISTEN", "1"),
            "environment variable CSPIPE_HTP",
        ),
        (
            "bad value in a variable",
            "",
            ("CSPIPE_HTTP__MAX_BODY", "lots"),
            "environment variable CSPIPE_HTTP__MAX_BODY: ",
        ),
        ("missing file", "", ("CSPIPE_CONFIG", "none.toml"), "cannot read none.toml: "),
        ("missing rules", "", ("CSPIPE_FILTERS", "none"), "cannot read none: "),
    ] {
        let folder = folder();
        write(folder.path(), "config/cspipe.toml", file);
        let check = |format: &str| {
            let mut check = cspipe(folder.path());
            check.args(["check", "--format", format]).env(variable.0, variable.1);
            let output = run(&mut check);
            assert_eq!(output.status.code(), Some(2), "{name}");
            texts(output)
        };
        let (out, errors) = check("text");
        assert_eq!((&*out, errors.lines().count()), ("", 1), "{name}: {errors}");
        assert!(errors.starts_with("cspipe: ") && errors.contains(told), "{name}: {errors}");
        if name != "missing rules" {
            let told: Value = serde_json::from_str(&check("json").0).expect(name);
            assert_eq!(told["ok"], false, "{name}");
            assert_eq!(errors, format!("cspipe: {}\n", text(&told["settings_error"])), "{name}");
        }
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    // Every address that begins with 127 is this machine.
    for (name, variables, flags, listens, stores) in [
        ("file", vec![], vec![], "127.0.0.2", "of-file"),
        ("section", vec![("CSPIPE_HTTP__LISTEN", "127.0.0.3:0")], vec![], "127.0.0.3", "of-file"),
        (
            "variables",
            vec![("CSPIPE_LISTEN", "127.0.0.3:0"), ("CSPIPE_DATA", "of-variable")],
            vec![],
            "127.0.0.3",
            "of-variable",
        ),
        (
            "flags",
            vec![("CSPIPE_LISTEN", "127.0.0.3:0"), ("CSPIPE_DATA", "of-variable")],
            vec!["--listen", "127.0.0.4:0", "--data", "of-flag"],
            "127.0.0.4",
            "of-flag",
        ),
        (
            "another file",
            vec![("CSPIPE_CONFIG", "none.toml")],
            vec!["--config", "other.toml"],
            "127.0.0.5",
            "data",
        ),
    ] {
        let folder = folder();
        let http = "[http]\nprivate = \"127.0.0.1:0\"\n";
        let file = format!("data = \"of-file\"\n{http}listen = \"127.0.0.2:0\"\n");
        write(folder.path(), "config/cspipe.toml", &file);
        write(folder.path(), "other.toml", &format!("{http}listen = \"127.0.0.5:0\"\n"));
        let mut serve = cspipe(folder.path());
        let edge = Edge::spawn(serve.arg("serve").args(flags).envs(variables));
        assert_eq!(edge.public.ip().to_string(), listens, "{name}");
        assert_eq!(edge.private.ip().to_string(), "127.0.0.1", "{name}");
        assert!(folder.path().join(stores).join("cspipe.db").is_file(), "{name}");
    }
}

#[test]
fn what_kubernetes_sets_beside_a_service_is_no_setting() {
    let folder = folder();
    let mut check = cspipe(folder.path());
    check.arg("check");
    for service in ["CSPIPE", "CSPIPE_PRIVATE", "CSPIPE_EDGE_2"] {
        for (suffix, value) in [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", "80"),
            ("SERVICE_PORT_HTTP", "80"),
            ("PORT", "tcp://10.0.0.1:80"),
            ("PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("PORT_80_TCP_PROTO", "tcp"),
            ("PORT_80_TCP_PORT", "80"),
            ("PORT_80_TCP_ADDR", "10.0.0.1"),
        ] {
            check.env(format!("{service}_{suffix}"), value);
        }
    }
    succeed(&mut check);
}

#[test]
fn cargo_run_sets_nothing_that_is_refused() {
    // What build.rs hands to cargo, cargo hands to the program: here as with `cargo run`.
    let folder = folder();
    let mut check = cspipe(folder.path());
    for (name, value) in std::env::vars_os() {
        let name = name.into_string().expect("text");
        if name.starts_with("CSPIPE_") && name != "CSPIPE_KILL_ROUNDS" {
            check.env(name, value);
        }
    }
    succeed(check.arg("check"));
}

#[test]
fn the_settings_file_shows_every_setting_with_its_default() {
    let path = Path::new(ROOT).join("config/cspipe.toml");
    let text = fs::read_to_string(path).expect("a file");
    let file: Settings = toml::from_str(&text).expect("right settings");
    let [file, defaults] = [file, Settings::default()].map(serde_json::to_value);
    let defaults = defaults.expect("JSON");
    assert_eq!(file.expect("JSON"), defaults);

    let mut wanted = BTreeSet::new();
    collect_keys("", &defaults, &mut wanted);
    let mut section = String::new();
    let mut shown = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some(key) = key_of(line) {
            shown.insert(format!("{section}{key}"));
        }
    }
    assert_eq!(shown, wanted);

    // What has no default stands there as a comment, and is right when it is none.
    let uncommented = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if key_of(setting).is_some() => setting,
        _ => line,
    });
    let settings = toml::from_str::<Settings>(&uncommented.collect::<Vec<_>>().join("\n"));
    let settings = serde_json::to_value(settings.expect("right settings")).expect("JSON");
    assert!(!settings.to_string().contains("null"), "{settings}");
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The paths of all values that are no sections.
fn collect_keys(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    let Some(section) = value.as_object() else {
        keys.insert(path.to_owned());
        return;
    };
    for (key, value) in section {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        collect_keys(&path, value, keys);
    }
}

/// The key of a line that sets something, be it in a comment.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_key.then_some(key)
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A variable that means nothing.
const NONE: (&str, &str) = ("UNUSED", "");
