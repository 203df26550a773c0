//! The program as it is run: how it starts, what it leaves behind, how it is told things.

mod support;

use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::edge::{REPORT, wait_until};
use support::process::{Edge, cspipe, folder, number, run, shell, texts, write};

#[test]
fn what_it_prints_shows_what_has_come_in() {
    let folder = folder();
    let edge = Edge::start(folder.path());
    assert_eq!(edge.post("/csp/shop", REPORT).status, 204);
    assert_eq!(edge.get("/readyz").status, 200);

    let lines: Vec<String> = edge.lines.iter().take(2).collect();
    assert_eq!(lines[0], format!("try http://{}/demo", edge.private));
    let look = lines[1].strip_prefix("look ").expect("a command");
    let (shown, _) = texts(run(&mut shell(look, folder.path())));
    assert!(shown.ends_with("Z|shop|unauthorized_host|script-src|https://cdn.example.net/x.js\n"));
    edge.stop();
}

#[test]
fn the_sqlite3_shell_reads_beside_a_running_edge() {
    let folder = folder();
    let edge = Edge::start(folder.path());
    for number in 1..=12 {
        assert_eq!(edge.post("/csp/demo?enforce=1", &numbered(number)).status, 204);
        assert_eq!(edge.post("/csp/shop", REPORT).status, 204);
    }
    let query = "SELECT timestamp, classification, violation_type, blocked_uri FROM clean \
                 WHERE app_name='demo' ORDER BY timestamp DESC LIMIT 10";
    let mut sqlite3 = Command::new("sqlite3");
    sqlite3.current_dir(folder.path()).args(["data/cspipe.db", query]);
    let (rows, errors) = texts(sqlite3.output().expect("sqlite3, of Debian's package sqlite3"));

    assert_eq!(errors, "");
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows.len(), 10);
    assert!(rows.is_sorted_by(|later, earlier| later[..24] >= earlier[..24]), "{rows:?}");
    for row in &rows {
        assert_eq!(&row[24..60], "|unauthorized_host|script-src|https:", "{row}");
    }
    assert_eq!(edge.post("/csp/demo", REPORT).status, 204);
    edge.stop();
}

#[test]
fn only_the_owner_may_look() {
    let folder = folder();
    let edge = Edge::spawn(&mut shell("umask 0; exec \"$0\" \"$@\"", folder.path()));
    assert_eq!(edge.post("/csp/shop", REPORT).status, 204);
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    let data = folder.path().join("data");
    assert_eq!(mode(&data), 0o700);
    let files = files(&data);
    assert!(files.contains(&data.join("cspipe.db")));
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn what_cannot_be_had_is_said_in_one_line() {
    let folder = folder();
    let edge = Edge::start(folder.path());
    let (public, private) = (edge.public.to_string(), edge.private.to_string());
    fs::write(folder.path().join("file"), "in the way").expect("a file");
    fs::create_dir(folder.path().join("foreign")).expect("a directory");
    let foreign = Connection::open(folder.path().join("foreign/cspipe.db")).expect("a database");
    foreign.execute_batch("CREATE TABLE photo (id)").expect("a table");

    for (name, [listen, private, data], told) in [
        ("data directory in use", [FREE, FREE, "data"], "data/cspipe.lock: another cspipe"),
        ("public port in use", [&public, FREE, "second"], &*public),
        ("private port in use", [FREE, &private, "second"], &*private),
        ("a file in the place of the data directory", [FREE, FREE, "file"], "file: "),
        ("a file in the way to it", [FREE, FREE, "file/data"], "file/data: "),
        ("a database of another program", [FREE, FREE, "foreign"], "foreign/cspipe.db: "),
    ] {
        let mut second = cspipe(folder.path());
        second.args(["serve", "--listen", listen, "--private", private, "--data", data]);
        // Or there would be lines of the log as well.
        second.env("RUST_LOG", "error");
        let output = run(&mut second);
        let code = output.status.code();
        let (out, errors) = texts(output);
        assert_eq!((code, &*out), (Some(3), ""), "{name}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{name}: {errors}");
        assert!(errors.starts_with("cspipe: ") && errors.contains(told), "{name}: {errors}");
    }
    assert_eq!(edge.post("/csp/shop", REPORT).status, 204);
    edge.stop();
}

#[test]
fn a_damaged_database_is_set_aside() {
    type Damage = fn(&mut Vec<u8>);
    let rows: [(&str, Damage); 4] = [
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("a few bytes of it", |bytes| bytes.truncate(50)),
        ("garbage", |bytes| bytes.fill(b'x')),
        ("garbage behind the first page", |bytes| bytes[4096..].fill(b'x')),
    ];
    let sound = folder();
    let edge = Edge::start(sound.path());
    let batch: Value = (1..=100).map(|_| entry()).collect();
    assert_eq!(edge.post("/csp/shop", &batch.to_string()).status, 204);
    edge.stop();
    let sound = fs::read(sound.path().join("data/cspipe.db")).expect("a database");

    for (name, damage) in rows {
        let folder = folder();
        let data = folder.path().join("data");
        let mut damaged = sound.clone();
        damage(&mut damaged);
        fs::create_dir(&data).expect("a directory");
        fs::write(data.join("cspipe.db"), &damaged).expect("a file");

        let edge = Edge::start(folder.path());
        assert_eq!(edge.post("/csp/shop", REPORT).status, 204, "{name}");
        assert_eq!(edge.numbers().of("cspipe_store_damaged_total"), 1, "{name}");
        assert_eq!(number(folder.path(), "SELECT count(*) FROM clean"), 1, "{name}");
        let is_aside = |path: &PathBuf| path.to_string_lossy().contains("cspipe.db.damaged-");
        let aside: Vec<_> = files(&data).into_iter().filter(is_aside).collect();
        assert_eq!(aside.len(), 1, "{name}: {aside:?}");
        assert_eq!(fs::read(&aside[0]).expect("a file"), damaged, "{name}");
        edge.stop();
    }
}

#[test]
fn sighup_reads_the_rules_anew() {
    let folder = folder();
    let install = |text: &str| {
        // In one step: the folder is watched as well, and no reader may see half a file.
        write(folder.path(), "site.toml", text);
        let from = folder.path().join("site.toml");
        fs::rename(from, folder.path().join("filters/site.toml")).expect("a file system");
    };
    fs::create_dir(folder.path().join("filters")).expect("a directory");
    install(&rule("other.test"));
    let edge = Edge::start(folder.path());
    let hash = || edge.numbers().label("cspipe_rules_info");
    let is_ok = || edge.numbers().of("cspipe_rules_last_reload_ok") == 1;
    let reloads = || edge.numbers().of("cspipe_rules_reloads_total{result=\"ok\"}");
    let filtered = || {
        let report = REPORT.replace("cdn.example.net", "ads.test");
        assert_eq!(edge.post("/csp/shop", &report).status, 204);
        number(folder.path(), "SELECT count(*) FROM filtered")
    };
    let (first, before) = (hash(), reloads());
    edge.signal("HUP");
    wait_until("a reload without a change", || reloads() > before);
    assert_eq!((hash() == first, is_ok(), filtered()), (true, true, 0));

    install(&rule("ads.test"));
    edge.signal("HUP");
    wait_until("new rules", || hash() != first);
    let second = hash();
    assert_eq!((is_ok(), filtered()), (true, 1));

    install(&rule("ads.test").replace("reason", "raeson"));
    edge.signal("HUP");
    wait_until("a refusal of the rules", || !is_ok());
    assert_eq!((hash(), filtered()), (second, 2));

    install(&rule("other.test"));
    edge.signal("HUP");
    wait_until("rules that hold", is_ok);
    assert_eq!((hash(), filtered()), (first, 2));

    edge.signal("TERM");
    let (code, log) = edge.ended();
    assert_eq!(code, Some(0), "{log}");
    let told = "filters/site.toml:7:1: rule `site-noise`: key `raeson`: unknown key";
    assert!(log.contains(told), "{log}");
}

#[test]
fn signals_are_heeded_as_soon_as_the_addresses_are_told() {
    let folder = folder();
    // A shell sends a signal at once, where a test would have to run `kill` first.
    let script = "mkfifo out; \"$0\" \"$@\" >out 2>log & exec 3<out; read -r line <&3; \
                  read -r line <&3; kill -s HUP $!; kill -s TERM $!; wait $!";
    for round in 1..=20 {
        let _ = fs::remove_file(folder.path().join("out"));
        let output = run(&mut shell(script, folder.path()));
        let code = output.status.code();
        // The shell says 128 and the number of the signal when that ended the process.
        assert_eq!(code, Some(0), "round {round}: {}", texts(output).1);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn numbered(number: u32) -> String {
    json!({ "csp-report": {
        "document-uri": "https://shop.example/cart",
        "effective-directive": "script-src-elem",
        "blocked-uri": format!("https://cdn.example.net/{number}.js"),
    } })
    .to_string()
}

fn entry() -> Value {
    json!({ "type": "csp-violation", "age": 0, "url": "https://shop.example/cart", "body": {
        "documentURL": "https://shop.example/cart",
        "effectiveDirective": "script-src-elem",
        "blockedURL": "https://cdn.example.net/x.js",
        "originalPolicy": "script-src 'self'",
    } })
}

/// A file of one rule, which filters what comes from a host.
fn rule(host: &str) -> String {
    format!(
        r#"format = 1

[[rule]]
id = "site-noise"
title = "Noise"
action = "filter"
reason = "site"
evidence = ["a test"]
any = [{{ blocked_host = {{ is = "{host}" }} }}]

[[rule.example]]
match = true
report = {{ blocked-uri = "https://{host}/x.js", effective-directive = "script-src" }}

[[rule.example]]
match = false
why = "a lookalike"
report = {{ blocked-uri = "https://{host}.evil.test/x.js", effective-directive = "script-src" }}

[[rule.example]]
match = false
why = "a neighbour"
report = {{ blocked-uri = "https://other.{host}/x.js", effective-directive = "script-src" }}
"#
    )
}

const FREE: &str = "127.0.0.1:0";
