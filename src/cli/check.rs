//! `cspipe check`: are the settings right, do the rules hold, and which of them does anything?

use super::since::Since;
use super::{Format, Ground, StoreArgs, print_json, today, wrong};
use clap::Args;
use cspipe::app;
use cspipe::filter::{Mode, Rule, RuleError, RuleSet, told};
use cspipe::reload::{self, LoadError};
use cspipe::replay::{Hits, Seen};
use cspipe::store::{OpenError, Reader};
use jiff::ToSpan;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// How far back to look in the store for what the rules match, by receipt: 7d, 2026-11-17
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Since,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

/// What the rules match in the store.
enum Use {
    Counted {
        seen: Seen,
        hits: Hits,
    },
    /// Nothing is stored yet.
    NoStore,
    /// Rules can be checked without a store, so this is no mistake of theirs.
    Unreadable(String),
}

pub fn run(arguments: &CheckArgs) -> ExitCode {
    let loaded = arguments.store.load().map_err(|error| error.to_string()).and_then(|settings| {
        let stages = app::stages(&settings).map_err(|error| error.to_string())?;
        Ok((settings, stages))
    });
    let (settings, stages) = match loaded {
        Ok(loaded) => loaded,
        Err(message) => {
            if arguments.format == Format::Json {
                print_json(&json!({ "ok": false, "settings_error": message }));
            }
            return wrong(&message);
        }
    };
    match reload::load(settings.filters_folder().as_deref(), &stages) {
        Ok(rules) => {
            let ground = Ground { settings, stages, rules };
            let used = look_for_use(&ground, &arguments.since);
            match arguments.format {
                Format::Text => print!("{}", summary(&ground.rules, &used, &arguments.since)),
                Format::Json => print_json(&as_json(&ground.rules, &used)),
            }
            ExitCode::SUCCESS
        }
        Err(LoadError::Rules(errors)) => {
            match arguments.format {
                Format::Text => eprintln!("{}", told(&errors)),
                Format::Json => print_json(&json!({
                    "ok": false,
                    "errors": errors.iter().map(error_json).collect::<Vec<_>>(),
                })),
            }
            ExitCode::from(1)
        }
        Err(error) => wrong(&error),
    }
}

/// Runs the rules over what is stored.
fn look_for_use(ground: &Ground, since: &Since) -> Use {
    let reader = match Reader::open(&ground.settings.data.0) {
        Ok(reader) => reader,
        Err(OpenError::Missing { .. }) => return Use::NoStore,
        Err(error) => return Use::Unreadable(error.to_string()),
    };
    match ground.hits(&reader, since) {
        Ok((seen, hits)) => Use::Counted { seen, hits },
        Err(error) => Use::Unreadable(error.to_string()),
    }
}

fn summary(rules: &RuleSet, used: &Use, since: &Since) -> String {
    let today = today();
    let counts = rules.counts(today);
    let examples: usize = rules.rules().iter().map(|rule| rule.examples.len()).sum();
    let for_some = match counts.deciding_for_some {
        0 => String::new(),
        some => format!(", {some} for some apps"),
    };
    let mut text = format!(
        "settings: right\nrules: {} from {}, hash {}; {} decide{for_some}, {} observe, {} \
         are past their date; {examples} examples hold\n",
        rules.rules().len(),
        rules.origin(),
        rules.hash(),
        counts.deciding,
        counts.observing,
        counts.expired,
    );
    for rule in rules.rules().iter().filter(|rule| rule.mode == Mode::Observe) {
        if !rule.has_expired(today) {
            text.push_str(&format!("  `{}`: {}\n", rule.id, rule.standing(today)));
        }
    }
    for (apps, hosts) in rules.own_hosts().apps() {
        text.push_str(&format!("  own hosts of `{apps}`: {hosts}\n"));
    }
    for (reason, count) in by_reason(rules) {
        text.push_str(&format!("  {count:4} {reason}\n"));
    }
    for rule in rules.rules().iter().filter(|rule| rule.has_expired(today)) {
        text.push_str(&format!("expired: `{}` only observes since its date\n", rule.id));
    }
    for (date, rule) in expiring(rules) {
        text.push_str(&format!("expires on {date}: `{}` ({}:{})\n", rule.id, rule.file, rule.line));
    }
    match used {
        Use::NoStore => {
            text.push_str("use: nothing is stored yet, so nobody knows what they match\n");
        }
        Use::Unreadable(why) => text.push_str(&format!("use: not known; {why}\n")),
        Use::Counted { seen, hits } => {
            let unused: Vec<&str> = hits.never_matched().collect();
            text.push_str(&format!(
                "use: {} of {} rules matched something in the {} violations {since}\n",
                rules.rules().len() - unused.len(),
                rules.rules().len(),
                seen.violations,
            ));
            if seen.violations > 0 && !unused.is_empty() {
                text.push_str("  never matched:\n");
                for rule in unused {
                    text.push_str(&format!("    {rule}\n"));
                }
            }
        }
    }
    text
}

/// The rules that expire soon, the first to do so first.
fn expiring(rules: &RuleSet) -> Vec<(jiff::civil::Date, &Rule)> {
    let today = today();
    let soon = today.saturating_add(SOON_DAYS.days());
    let mut expiring: Vec<_> = rules
        .rules()
        .iter()
        .filter_map(|rule| Some((rule.expires?, rule)))
        .filter(|(date, _)| (today..=soon).contains(date))
        .collect();
    expiring.sort_by_key(|(date, rule)| (*date, &rule.id));
    expiring
}

fn by_reason(rules: &RuleSet) -> BTreeMap<&'static str, usize> {
    rules.rules().iter().fold(BTreeMap::new(), |mut counts, rule| {
        *counts.entry(rule.reason.name()).or_default() += 1;
        counts
    })
}

fn as_json(rules: &RuleSet, used: &Use) -> Value {
    let counts = rules.counts(today());
    let expiring: Vec<_> = expiring(rules)
        .into_iter()
        .map(|(date, rule)| json!({ "rule": rule.id, "expires": date }))
        .collect();
    let on_trial = rules.rules().iter().filter(|rule| rule.mode == Mode::Observe);
    let mut told = json!({
        "ok": true,
        "rules": rules.rules().len(),
        "origin": rules.origin(),
        "hash": rules.hash(),
        "deciding": counts.deciding,
        "observing": counts.observing,
        "expired": counts.expired,
        "examples": rules.rules().iter().map(|rule| rule.examples.len()).sum::<usize>(),
        "on_trial": on_trial
            .map(|rule| (rule.id.as_str(), rule.standing(today())))
            .collect::<BTreeMap<_, _>>(),
        "own_hosts": rules
            .own_hosts()
            .apps()
            .map(|(apps, hosts)| (apps.to_string(), hosts))
            .collect::<BTreeMap<_, _>>(),
        "by_reason": by_reason(rules),
        "expire_soon": expiring,
    });
    match used {
        Use::NoStore => {}
        Use::Unreadable(why) => told["store_error"] = json!(why),
        Use::Counted { seen, hits } => {
            told["violations"] = json!(seen.violations);
            told["never_matched"] = json!(hits.never_matched().collect::<Vec<_>>());
        }
    }
    told
}

fn error_json(error: &RuleError) -> Value {
    json!({
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "rule": error.rule,
        "key": error.key,
        "message": error.message,
    })
}

/// How many days ahead an expiry is told.
const SOON_DAYS: i32 = 60;
