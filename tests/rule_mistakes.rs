//! Rule files that are broken: what whoever edits them is told, and what his editor refuses.
//!
//! Every row is one broken folder. The messages of all rows are one snapshot, to be read as the
//! person reads them who gets them.

mod support;

use cspipe::filter::{Sources, json_schema, told};
use cspipe::proof::prove;
use cspipe::reload;
use std::fs;
use support::stages;

/// Whether the schema refuses a file, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Editor {
    Refuses,
    /// No TOML: an editor says so without any schema.
    Cannot,
    /// What only the other files, the examples or the calendar can show.
    Accepts,
}
use Editor::{Accepts, Cannot, Refuses};

const HEAD: &str = "format = 1

[[rule]]
id = \"ads\"
title = \"Ads\"
reason = \"site\"
action = \"filter\"
evidence = [\"seen\"]
";

const ALL: &str = "
[rule.all]
blocked_host = { under = \"ads.example\" }
";

const EXAMPLES: &str = "
[[rule.example]]
match = true
report = { blocked-uri = \"https://ads.example/x.js\", effective-directive = \"script-src\" }

[[rule.example]]
match = false
why = \"a lookalike\"
report = { blocked-uri = \"https://ads.example.evil.test/x.js\" }

[[rule.example]]
match = false
why = \"a neighbour\"
report = { blocked-uri = \"https://shop.example/x.js\" }
";

/// A whole rule in which something was exchanged.
fn but(from: &str, to: &str) -> String {
    let whole = format!("{HEAD}{ALL}{EXAMPLES}");
    assert!(whole.contains(from), "{from}");
    whole.replacen(from, to, 1)
}

/// A whole rule with more keys.
fn with(key: &str) -> String {
    format!("{HEAD}{key}\n{ALL}{EXAMPLES}")
}

/// A whole rule that asks this as well.
fn asking(question: &str) -> String {
    format!("{HEAD}{ALL}{question}\n{EXAMPLES}")
}

/// A whole rule with blocks of its own.
fn blocks(blocks: &str) -> String {
    format!("{HEAD}\n{blocks}\n{EXAMPLES}")
}

/// A whole rule with something behind its examples.
fn followed_by(text: &str) -> String {
    format!("{HEAD}{ALL}{EXAMPLES}\n{text}\n")
}

/// A whole rule whose first example reports this.
fn reporting(report: &str) -> String {
    but(
        "{ blocked-uri = \"https://ads.example/x.js\", effective-directive = \"script-src\" }",
        report,
    )
}

fn rows() -> Vec<(&'static str, Editor, String)> {
    let long = "x".repeat(1 << 20);
    vec![
        // The grammar of TOML.
        ("unclosed quote", Cannot, but("\"Ads\"", "\"Ads")),
        ("closing quote of the other kind", Cannot, but("\"Ads\"", "\"Ads'")),
        ("no quotes", Cannot, but("\"Ads\"", "Ads")),
        ("missing comma", Cannot, asking("report_host = { in = [\"a.test\" \"b.test\"] }")),
        ("missing bracket", Cannot, but("[\"seen\"]", "[\"seen\"")),
        ("missing brace", Cannot, but("\"ads.example\" }", "\"ads.example\"")),
        ("colon for an equals sign", Cannot, but("title =", "title:")),
        ("key without value", Cannot, but("\"Ads\"", "")),
        ("key twice", Cannot, with("title = \"More ads\"")),
        ("table twice", Cannot, format!("{HEAD}{ALL}{ALL}{EXAMPLES}")),
        ("header without end", Cannot, but("[[rule]]", "[[rule]")),
        ("comment of another language", Cannot, but("[[rule]]", "// ads\n[[rule]]")),
        ("backslash in double quotes", Cannot, asking("user_agent = { regex = \"\\d+\" }")),
        ("leading zero", Cannot, with("priority = 010")),
        ("day that is none", Cannot, with("expires = 2027-02-30")),
        ("two mistakes of grammar", Cannot, but("\"Ads\"", "Ads").replace("[\"seen\"]", "[seen]")),
        ("behind tabs", Cannot, but("title = \"Ads\"", "\t\ttitle = Ads")),
        ("behind wide letters", Refuses, but("report = {", "report = { why = \"広告\", ")),
        ("a carriage return at the end", Cannot, format!("{}\r", but("", ""))),
        ("lines that end as on Windows", Refuses, but("title", "titel").replace('\n', "\r\n")),
        ("a byte order mark and a mistake", Refuses, format!("\u{feff}{}", but("title", "titel"))),
        ("a line of a megabyte", Refuses, with(&format!("tags = [\"{long}\"]"))),
        ("nothing", Refuses, String::new()),
        ("a comment alone", Refuses, "# ads\n".to_owned()),
        ("control characters", Refuses, but("\"ads.example\"", "\"ads\\u001b[31m\\n.example\"")),
        ("a key of two lines", Refuses, with("\"a\\nb\" = 1")),
        ("a reason of two lines", Accepts, but("a neighbour", "a\\nb").replace("https://shop.example/x.js", "https://ads.example/")),
        // The shape.
        ("format missing", Refuses, but("format = 1\n", "")),
        ("newer format", Refuses, but("format = 1", "format = 2")),
        ("format as text", Refuses, but("format = 1", "format = \"1\"")),
        ("[rule]", Refuses, but("[[rule]]", "[rule]").replace("[[rule.example]]", "[[example]]")),
        ("[[rules]]", Refuses, format!("{HEAD}{ALL}{EXAMPLES}").replace("[[rule", "[[rules").replace("[rule.", "[rules.")),
        ("no header", Refuses, format!("{HEAD}{EXAMPLES}").replace("[[rule]]\n", "").replace("[[rule.example]]", "[[example]]")),
        ("[[rule.all]]", Refuses, but("[rule.all]", "[[rule.all]]")),
        ("[rule.any]", Refuses, but("[rule.all]", "[rule.any]")),
        ("[rule.unless]", Refuses, asking("[rule.unless]\nos = { is = \"iOS\" }")),
        ("[rule.example]", Refuses, but(EXAMPLES, "\n[rule.example]\nmatch = true\n")),
        ("[[overide]]", Refuses, followed_by("[[overide]]\nid = \"ads\"")),
        ("titel", Refuses, but("title", "titel")),
        ("exmaple", Refuses, but("[[rule.example]]", "[[rule.exmaple]]")),
        ("matches for match", Refuses, but("match = true", "matches = true")),
        ("effectiv_directive", Refuses, asking("effectiv_directive = { is = \"script-src\" }")),
        ("effective-directive", Refuses, asking("effective-directive = { is = \"script-src\" }")),
        ("a field that there is not", Refuses, asking("colour = { is = \"red\" }")),
        ("a field outside of blocks", Refuses, with("blocked_host = { is = \"a.test\" }")),
        ("a key of the rule inside a block", Refuses, asking("tags = [\"ads\"]")),
        ("a key of the rule inside an example", Refuses, but("why =", "tags = [\"ads\"]\nwhy =")),
        ("a key of a report outside of it", Refuses, but("why =", "blocked-uri = \"eval\"\nwhy =")),
        ("contain for contains", Refuses, asking("user_agent = { contain = \"x\" }")),
        ("an operator of another type", Refuses, asking("blocked_host = { regex = \"x\" }").replacen(ALL, "\n[rule.all]\n", 1)),
        ("no operator", Refuses, asking("report_host = \"a.test\"")),
        ("nothing asked", Refuses, asking("report_host = {}")),
        ("empty block", Refuses, blocks("[rule.all]")),
        ("no block", Refuses, blocks("")),
        ("no id", Refuses, but("id = \"ads\"\n", "")),
        ("no title, reason, action, evidence", Refuses, but("title = \"Ads\"\nreason = \"site\"\naction = \"filter\"\nevidence = [\"seen\"]\n", "")),
        ("every type wrong", Refuses, "format = 1\n[[rule]]\nid = 1\ntitle = 1\nreason = 1\naction = true\nmode = 1.5\npriority = \"1\"\napps = \"shop\"\ntags = \"ads\"\nevidence = \"seen\"\nexpires = \"2027-06-30\"\nmay_match_canary = \"*\"\nany = 1\nall = 1\nunless = \"x\"\nexample = true\n".to_owned()),
        ("types of questions", Refuses, blocks("[rule.all]\nblocked_host = { is = 1, under = true, cidr = 10, list = 1, own = \"true\", exists = \"no\" }\nbrowser_major = { is = \"40\", ge = 1.5, lt = -1 }\nuser_agent = { regex = [1] }\nblocked_path = { starts = 1 }")),
        ("types of examples", Refuses, but("match = true", "match = \"true\"\nwhy = 1\nua = 1\napp = 1\nquery = 1")),
        ("types of an override", Refuses, followed_by("[[override]]\nid = \"ads\"\nenabled = \"false\"\nmode = 1\napps = \"shop\"\nexpires = 2027-06-30T12:00:00Z")),
        ("empty lists", Refuses, blocks("apps = []\nevidence = []\nany = []\n[rule.all]\nblocked_host = { in = [] }").replace("evidence = [\"seen\"]\n", "")),
        // The values.
        ("empty title", Refuses, but("\"Ads\"", "\" \"")),
        ("id with capitals", Refuses, but("\"ads\"", "\"Ads Block\"")),
        ("tag with a space", Refuses, with("tags = [\"two words\"]")),
        ("reason that there is not", Refuses, but("\"site\"", "\"browser_extention\"")),
        ("action that there is not", Refuses, but("\"filter\"", "\"drop\"")),
        ("mode that there is not", Refuses, with("mode = \"observed\"")),
        ("app with two stars", Refuses, with("apps = [\"*shop*\"]")),
        ("host with a scheme", Refuses, but("\"ads.example\"", "\"https://ads.example\"")),
        ("host with a port", Refuses, but("\"ads.example\"", "\"ads.example:443\"")),
        ("host with a path", Refuses, but("\"ads.example\"", "\"ads.example/x.js\"")),
        ("host with a star", Refuses, but("\"ads.example\"", "\"*.ads.example\"")),
        ("host with a dot before it", Refuses, but("\"ads.example\"", "\".ads.example\"")),
        ("host with a space", Refuses, but("\"ads.example\"", "\"ads example\"")),
        ("host that is a scheme", Refuses, but("\"ads.example\"", "\"chrome-extension://\"")),
        ("empty host", Refuses, but("\"ads.example\"", "\"\"")),
        ("scheme with a colon", Refuses, asking("blocked_scheme = { is = \"HTTPS:\" }")),
        ("scheme that is an address", Refuses, asking("report_scheme = { is = \"https://shop.example/\" }")),
        ("directive that there is not", Refuses, asking("violation_type = { is = \"script-src-elm\" }")),
        ("directive with its sources", Refuses, asking("violated_directive = { is = \"script-src 'self'\" }")),
        ("classification that there is not", Refuses, asking("classification = { in = [\"eval\", \"inline-script\"] }")),
        ("browser in lower case", Refuses, asking("browser = { is = \"chrome\" }")),
        ("browser that there is not", Refuses, asking("browser = { is = \"Netscape\" }")),
        ("system with its version", Refuses, asking("os = { is = \"Windows 10\" }")),
        ("path without a slash", Accepts, asking("path = { starts = \"cart\" }")),
        ("path with a query", Refuses, asking("path = { is = \"/cart?x=1\" }")),
        ("app name with a star", Refuses, asking("app_name = { is = \"shop-*\" }")),
        ("number that is too large", Refuses, asking("browser_major = { is = 4294967296 }")),
        ("number that is below zero", Refuses, asking("line_number = { gt = -1 }")),
        ("network that is an address", Refuses, asking("source_host = { cidr = \"10.0.0.1\" }")),
        ("network that is none", Accepts, asking("source_host = { cidr = \"10.0.0.0/99\" }")),
        ("empty text", Refuses, asking("user_agent = { contains = \"\" }")),
        ("pattern that is none", Accepts, asking("user_agent = { regex = [\"ok\", \"(ads\"] }")),
        ("pattern that looks back", Accepts, asking("user_agent = { regex = \"(?<=ads)x\" }")),
        ("pattern that is too large", Accepts, asking("user_agent = { regex = \"(\\\\w{1000}){1000}\" }")),
        ("pattern alone", Accepts, blocks("[[rule.any]]\nblocked_path = { regex = \"x\" }\n[rule.all]\nblocked_host = { under = \"ads.example\" }")),
        ("range that holds for nothing", Accepts, asking("browser_major = { ge = 10, lt = 5 }")),
        ("ranges of two blocks", Accepts, blocks("[[rule.any]]\nbrowser_major = { lt = 40 }\n[rule.all]\nbrowser_major = { ge = 50 }\nblocked_host = { under = \"ads.example\" }")),
        ("words that exclude each other", Accepts, asking("report_host = { is = \"a.test\", in = [\"b.test\", \"c.test\"] }")),
        ("missing and not", Accepts, asking("sample = { exists = false, contains = \"x\" }")),
        ("list that is not there", Accepts, asking("report_host = { list = \"hots.txt\" }")),
        ("list in another folder", Refuses, asking("report_host = { list = \"../hosts.txt\" }")),
        ("list with bad lines", Accepts, asking("report_host = { list = \"bad.txt\" }")),
        ("list without hosts", Accepts, asking("report_host = { list = \"empty.txt\" }")),
        ("date in quotes", Accepts, with("expires = \"2027-06-30\"")),
        ("date as people write it", Refuses, with("expires = \"30.6.2027\"")),
        // What it all means.
        ("id twice", Accepts, followed_by(&format!("{HEAD}{ALL}{EXAMPLES}").replace("format = 1\n", ""))),
        ("override of nothing", Accepts, followed_by("[[override]]\nid = \"adds\"\nenabled = false")),
        ("override twice", Accepts, followed_by("[[override]]\nid = \"ads\"\nmode = \"observe\"\n[[override]]\nid = \"ads\"\nmode = \"enforce\"")),
        ("override of a key that stays", Refuses, followed_by("[[override]]\nid = \"ads\"\ntitle = \"x\"")),
        ("override into a label without tags", Accepts, followed_by("[[override]]\nid = \"ads\"\naction = \"label\"")),
        ("override without id", Refuses, followed_by("[[override]]\nenabled = false")),
        ("label without tags", Refuses, but("\"filter\"", "\"label\"")),
        ("filter by the sample", Accepts, asking("sample = { contains = \"x\" }")),
        ("one example that must not match", Accepts, but("[[rule.example]]\nmatch = false\nwhy = \"a neighbour\"\nreport = { blocked-uri = \"https://shop.example/x.js\" }\n", "")),
        ("no example", Refuses, format!("{HEAD}{ALL}")),
        ("example without why", Refuses, but("why = \"a neighbour\"\n", "")),
        ("example without match", Refuses, but("match = true\n", "")),
        ("example without report", Refuses, but("report = { blocked-uri = \"https://shop.example/x.js\" }\n", "")),
        ("empty report", Refuses, reporting("{}")),
        ("report with a misspelled key", Refuses, reporting("{ blockd-uri = \"https://ads.example/x.js\" }")),
        ("report with a key of the rule", Refuses, reporting("{ blocked_host = \"ads.example\" }")),
        ("report in its envelope", Refuses, reporting("{ csp-report = { blocked-uri = \"https://ads.example/x.js\" } }")),
        ("report with a list", Refuses, reporting("{ blocked-uri = [\"https://ads.example/x.js\"] }")),
        ("report that says too little", Accepts, reporting("{ referrer = \"https://ads.example/\" }")),
        ("example that does not match", Accepts, reporting("{ blocked-uri = \"https://ad.example/x.js\" }")),
        ("example that matches", Accepts, but("https://shop.example/x.js", "https://cdn.ads.example/x.js")),
        ("block that no example shows", Accepts, asking("[[rule.any]]\nblocked_scheme = { is = \"https\" }\n[[rule.any]]\nblocked_scheme = { is = \"wss\" }")),
        ("canary", Accepts, but("under = \"ads.example\"", "in = [\"ads.example\", \"googletagmanager.com\"]")),
        ("canary that there is not", Accepts, with("may_match_canary = [\"bare-inline-scripts\"]")),
        ("names that anybody may rent", Accepts, but("\"ads.example\"", "[\"ads.example\", \"github.io\"]")),
        ("policy without a gate", Accepts, blocks("[rule.all]\noriginal_policy = { permits = true }")),
        ("own hosts of two stars", Refuses, followed_by("[own_hosts]\n\"*shop*\" = [\"shop.example\"]")),
        ("own hosts with an address", Refuses, followed_by("[own_hosts]\nshop = [\"https://shop.example/\"]")),
        ("enforced rule that there is not", Accepts, followed_by("[enforce]\nadds = [\"shop\"]")),
        ("enforced for a text", Refuses, followed_by("[enforce]\nads = \"shop\"")),
        ("many at once", Refuses, followed_by("[[override]]\nid = \"nix\"\n[[rule]]\nid = \"b\"\nactoin = \"filter\"\nreason = \"sit\"\n[rule.all]\nos = { is = \"Win\" }\nbrowzer = { is = \"Chrome\" }")),
    ]
}

fn sources(text: String) -> Sources {
    Sources {
        files: vec![("filters/site.toml".to_owned(), text)],
        lists: vec![
            ("filters/hosts.txt".to_owned(), "ads.example\n".to_owned()),
            ("filters/empty.txt".to_owned(), "# none\n".to_owned()),
            (
                "filters/bad.txt".to_owned(),
                "ads.example\n0.0.0.0 ads.test\n  *.ads.test  # all\n||ads.test^\nhttps://ads.test/\n"
                    .to_owned(),
            ),
        ],
        ..Sources::default()
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_what_is_allowed() {
    let mut messages = String::new();
    for (name, _, text) in rows() {
        let errors = prove(&sources(text), &stages()).err();
        let errors = errors.unwrap_or_else(|| panic!("{name}: no mistake"));
        for error in &errors {
            let excerpt = error.excerpt();
            assert!(error.line.is_some() && error.column.is_some(), "{name}: {error}");
            assert!(excerpt.is_some(), "{name}: {error}");
            let excerpt = excerpt.unwrap_or_default();
            assert!(excerpt.lines().count() == 3 && excerpt.len() < 600, "{name}: {excerpt}");
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{name}: {line:?}");
            assert!(line.len() < 1_500, "{name}: {line}");
        }
        let places: Vec<_> = errors.iter().map(|error| (&error.file, error.line)).collect();
        assert!(places.is_sorted(), "{name}: {places:?}");
        messages.push_str(&format!("==== {name}\n{}\n\n", told(&errors)));
    }
    insta::assert_snapshot!("messages", messages);
}

#[test]
fn editors_refuse_what_is_misspelled_or_of_the_wrong_type() {
    let schema = jsonschema::validator_for(&json_schema()).expect("a schema");
    for (name, editor, text) in rows() {
        let found = match toml::from_str::<toml::Value>(text.trim_start_matches('\u{feff}')) {
            Err(_) => Cannot,
            Ok(file) if schema.is_valid(&as_json(file.clone())) => Accepts,
            Ok(_) => Refuses,
        };
        assert_eq!(found, editor, "{name}");
    }
    let refused = rows().iter().filter(|(_, editor, _)| *editor == Refuses).count();
    assert!(refused >= 25, "{refused}");
}

/// A file of TOML as editors show it to a schema.
fn as_json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(as_json).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, as_json(value))).collect()
        }
    }
}

#[test]
fn editors_accept_what_is_right() {
    let schema = jsonschema::validator_for(&json_schema()).expect("a schema");
    let accept = |name: &str, text: &str| {
        let file: toml::Value =
            toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let wrong: Vec<_> = schema
            .iter_errors(&as_json(file))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    };
    accept("a whole rule", &format!("{HEAD}{ALL}{EXAMPLES}"));
    for (name, text) in cspipe::filter::shipped().files {
        accept(&name, &text);
    }
    let readme = include_str!("../filters/README.md");
    let examples: Vec<_> = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        // Some show a part of a rule.
        .filter(|example| !example.starts_with("[rule"))
        .collect();
    assert!(examples.len() >= 3);
    for example in examples {
        let format = if example.contains("format = 1") { "" } else { "format = 1\n" };
        accept("filters/README.md", &format!("{format}{example}"));
    }
}

#[test]
fn the_schema_in_the_folder_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/filters/rules.schema.json");
    let schema = format!("{:#}\n", json_schema());
    if std::env::var_os("CSPIPE_WRITE_SCHEMA").is_some() {
        fs::write(path, &schema).expect("written");
    }
    let same = fs::read_to_string(path).is_ok_and(|there| there == schema);
    assert!(
        same,
        "filters/rules.schema.json is not what the code says; write it anew with \
         CSPIPE_WRITE_SCHEMA=1 cargo test --test rule_mistakes, and read the difference"
    );
}

#[test]
fn files_that_are_no_text_are_told_with_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("written");
    };
    write("a.toml", b"format = 1\n# caf\xe9\npack = 1\n");
    fs::create_dir(folder.path().join("b.toml")).expect("a folder");
    std::os::unix::fs::symlink("nowhere", folder.path().join("c.toml")).expect("a link");
    write("d.toml", b"format = 1\n[[override]]\nid = \"in-a-file-that-cannot-be-read\"\n");
    write("e.txt", b"ads.example\n\xff\xfe\n");
    write("f.toml", b"format = 1\ntitel = 1\n");
    let error = reload::load(Some(folder.path()), &stages()).expect_err("mistakes");
    let place = format!("{}/", folder.path().display());
    insta::assert_snapshot!("unreadable", error.told().replace(&place, ""));
    // In a log and in an answer every mistake is one line.
    assert_eq!(error.to_string().lines().count(), 6, "{error}");
}
