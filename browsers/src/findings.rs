//! The table of what engines report, as the documentation shows it.
//!
//! In comes the table of kinds, which the run has just held against the engines; out goes the
//! part of `docs/browsers.md` between the two marks. The line with the versions is not compared:
//! an update of a browser that changes nothing else is no reason to fail.

use crate::browser::Engine;
use crate::kinds::{Difference, Mode, Table, Visit, Way};
use crate::matrix::Identity;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Says where the documentation differs from the table; writes it anew if that is asked for.
pub fn check(
    table: &Table,
    browsers: &[Identity],
    path: &Path,
    write: bool,
) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (before, rest) = text.split_once(BEGIN).context("no mark where the tables begin")?;
    let (old, after) = rest.split_once(END).context("no mark where the tables end")?;
    let new = section(table, browsers);
    if write {
        fs::write(path, format!("{before}{BEGIN}{new}{END}{after}"))?;
        return Ok(Vec::new());
    }
    let compared = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with(VERSIONS)).map(str::to_owned).collect()
    };
    let (old, new) = (compared(old), compared(&new));
    let missing =
        new.iter().filter(|line| !old.contains(line)).map(|line| format!("missing: {line}"));
    let stale = old.iter().filter(|line| !new.contains(line)).map(|line| format!("stale: {line}"));
    let mut wrong: Vec<String> = missing.chain(stale).collect();
    if wrong.is_empty() && old != new {
        wrong.push("the lines stand in another order".to_owned());
    }
    Ok(wrong)
}

fn section(table: &Table, browsers: &[Identity]) -> String {
    let mut text = String::from("\n");
    let versions: Vec<String> = browsers
        .iter()
        .map(|identity| format!("{} {}", identity.engine.title(), identity.version))
        .collect();
    let _ = writeln!(text, "{VERSIONS}{}.\n", versions.join(", "));

    text.push_str(
        "| the page has | directive | `classification` | Chromium | Firefox | WebKitGTK |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for kind in &table.kinds {
        let record = kind.record();
        let value = |name: &str| record.get(name).map_or("", String::as_str);
        let cells = Engine::ALL.map(|engine| reported(table, kind.name.as_str(), engine));
        let _ = writeln!(
            text,
            "| {} | `{}` | `{}` | {} |",
            kind.what,
            value("effective_directive"),
            value("classification"),
            cells.join(" | ")
        );
    }

    text.push_str("\n| where | who | what is different | why |\n| --- | --- | --- | --- |\n");
    for difference in &table.every {
        let _ = writeln!(text, "| {} |", row(difference.cause_name(), difference));
    }
    for kind in &table.kinds {
        for difference in &kind.differs {
            let _ = writeln!(text, "| {} |", row(&kind.what, difference));
        }
    }
    text
}

fn row(place: &str, difference: &Difference) -> String {
    let mut who = vec![difference.engine.map_or("all", Engine::title).to_owned()];
    who.extend(difference.mode.map(|mode| mode_name(mode).to_owned()));
    if !difference.ways.is_empty() {
        who.push(ways_name(&difference.ways).to_owned());
    }
    let mut what = Vec::new();
    if difference.records.as_ref().is_some_and(Vec::is_empty) {
        what.push("not reported".to_owned());
    }
    if difference.repeats {
        what.push("may come twice".to_owned());
    }
    if difference.fingerprint {
        what.push("another `fingerprint`".to_owned());
    }
    what.extend(difference.fields.iter().map(|(field, value)| match value.as_str() {
        "-" => format!("no `{field}`"),
        "*" => format!("`{field}` of some value"),
        value if value.starts_with('~') => format!("`{field}` may be absent"),
        value => format!("`{field}` is `{}`", value.replace('\n', " ")),
    }));
    format!("{place} | {} | {} | {}", who.join(", "), what.join("; "), difference.why)
}

/// Under which policies an engine reports a kind, in a few words.
fn reported(table: &Table, kind: &str, engine: Engine) -> String {
    let mut by_mode: BTreeMap<Mode, BTreeSet<Way>> = BTreeMap::new();
    let mut visits = 0;
    let mut reporting = 0;
    for visit in table.visits(engine).filter(|visit| visit.kind.name == kind) {
        visits += 1;
        if is_reported(table, visit) {
            reporting += 1;
            by_mode.entry(visit.mode).or_default().insert(visit.way);
        }
    }
    if reporting == visits {
        return "yes".to_owned();
    }
    let mut words = Vec::new();
    for (mode, ways) in by_mode {
        let ways: Vec<_> = Way::ALL.into_iter().filter(|way| ways.contains(way)).collect();
        let by = if ways.len() == Way::ALL.len() {
            String::new()
        } else {
            format!(", by {}", ways_name(&ways))
        };
        words.push(format!("{}{by}", mode_name(mode)));
    }
    if words.is_empty() { "no".to_owned() } else { words.join("; ") }
}

fn is_reported(table: &Table, visit: Visit<'_>) -> bool {
    !table.expected(visit, [""; 3]).records.is_empty()
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforced",
        Mode::Report => "report-only",
    }
}

/// Where both directives are given, engines that know `report-to` use that one.
const fn ways_name(ways: &[Way]) -> &'static str {
    match ways {
        [Way::Uri] => "`report-uri`",
        [Way::To, Way::Both] => "`report-to`",
        _ => "some ways",
    }
}

const BEGIN: &str = "<!-- begin: written by `scripts/browsers --write` -->\n";
const END: &str = "<!-- end -->\n";
const VERSIONS: &str = "Run with ";
