//! `cspipe check`: are the settings right, and do the rules hold?

use super::{Format, SettingsArgs, wrong};
use clap::Args;
use cspipe::app;
use cspipe::filter::{Mode, RuleError, RuleSet, told};
use cspipe::reload::{self, LoadError};
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &CheckArgs) -> ExitCode {
    let loaded =
        arguments.settings.load().map_err(|error| error.to_string()).and_then(|settings| {
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
            match arguments.format {
                Format::Text => print!("{}", summary(&rules)),
                Format::Json => print_json(&as_json(&rules)),
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

fn summary(rules: &RuleSet) -> String {
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
    for rule in rules.rules() {
        if rule.has_expired(today) {
            text.push_str(&format!("  `{}` only observes since its date\n", rule.id));
        } else if rule.mode == Mode::Observe {
            text.push_str(&format!("  `{}`: {}\n", rule.id, rule.standing(today)));
        }
    }
    for (apps, hosts) in rules.own_hosts().apps() {
        text.push_str(&format!("  own hosts of `{apps}`: {hosts}\n"));
    }
    for (reason, count) in by_reason(rules) {
        text.push_str(&format!("  {count:4} {reason}\n"));
    }
    text
}

fn today() -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}

fn by_reason(rules: &RuleSet) -> BTreeMap<&'static str, usize> {
    rules.rules().iter().fold(BTreeMap::new(), |mut counts, rule| {
        *counts.entry(rule.reason.name()).or_default() += 1;
        counts
    })
}

fn as_json(rules: &RuleSet) -> serde_json::Value {
    let today = today();
    let on_trial = rules.rules().iter().filter(|rule| rule.mode == Mode::Observe);
    json!({
        "ok": true,
        "rules": rules.rules().len(),
        "origin": rules.origin(),
        "hash": rules.hash(),
        "examples": rules.rules().iter().map(|rule| rule.examples.len()).sum::<usize>(),
        "on_trial": on_trial
            .map(|rule| (rule.id.as_str(), rule.standing(today)))
            .collect::<BTreeMap<_, _>>(),
        "own_hosts": rules
            .own_hosts()
            .apps()
            .map(|(apps, hosts)| (apps.to_string(), hosts))
            .collect::<BTreeMap<_, _>>(),
        "by_reason": by_reason(rules),
    })
}

fn error_json(error: &RuleError) -> serde_json::Value {
    json!({
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "rule": error.rule,
        "key": error.key,
        "message": error.message,
    })
}

fn print_json(value: &serde_json::Value) {
    println!("{value:#}");
}
