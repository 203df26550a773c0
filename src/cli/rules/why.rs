//! `cspipe rules why`: one rule, and what it does.

use crate::cli::since::Since;
use crate::cli::{Format, Ground, StoreArgs, print_json, today, unavailable, wrong};
use clap::Args;
use cspipe::filter::{Block, Rule, RuleSet, nearest};
use cspipe::replay::Hits;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The id of the rule
    id: String,
    /// How far back to count hits, by receipt: 7d, 36h, 2026-11-17
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Since,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

pub fn run(arguments: &WhyArgs) -> Result<(), ExitCode> {
    let ground = Ground::load(&arguments.store)?;
    let rules = ground.rules.rules();
    let Some(rule) = rules.iter().find(|rule| rule.id == arguments.id) else {
        return Err(wrong(&absent(&arguments.id, &ground.rules)));
    };
    // A rule can be looked at where nothing is stored yet.
    let hits = match ground.store() {
        Ok(reader) => {
            let counted = ground.hits(&reader, &arguments.since);
            Some(counted.map_err(|error| unavailable(&error))?.1)
        }
        Err(_) => None,
    };
    match arguments.format {
        Format::Text => print!("{}{}", text(rule), hits_text(rule, hits.as_ref(), arguments)),
        Format::Json => print_json(&as_json(rule, hits.as_ref())),
    }
    Ok(())
}

/// Says that no such rule is in force, and what may be meant.
fn absent(id: &str, rules: &RuleSet) -> String {
    if let Some((file, line)) = rules.switched_off(id) {
        return format!("the rule `{id}` is switched off by the override in {file}:{line}");
    }
    let ids: Vec<&str> = rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    let meant = nearest(id, &ids).map_or(String::new(), |id| format!("; did you mean `{id}`?"));
    format!("there is no rule `{id}` ({}){meant}", rules.origin())
}

fn text(rule: &Rule) -> String {
    let mut out = format!("`{}`: {}\n", rule.id, rule.title);
    out.push_str(&format!("  {}:{}\n", rule.file, rule.line));
    let mut states = vec![
        rule.action.name().to_owned(),
        mode(rule),
        format!("reason {}", rule.reason.name()),
        format!("apps {}", list(&rule.apps)),
    ];
    if !rule.tags.is_empty() {
        states.push(format!("labels {}", rule.tags.join(", ")));
    }
    out.push_str(&format!("  {}\n", states.join("; ")));
    out.push_str("Evidence\n");
    for evidence in &rule.evidence {
        out.push_str(&format!("  {evidence}\n"));
    }
    out.push_str("Asks\n");
    let blocks = rule.any.iter().map(|block| ("any of", block));
    let all = (!rule.all.is_empty()).then_some(("all of", &rule.all));
    let unless = rule.unless.iter().map(|block| ("unless", block));
    for (name, block) in blocks.chain(all).chain(unless) {
        out.push_str(&format!("  {name:6}  {}\n", conditions(block).join("\n          ")));
    }
    out.push_str("Examples\n");
    for example in &rule.examples {
        let (mark, why) = (if example.matches { "yes" } else { "no " }, example.why.as_deref());
        out.push_str(&format!("  {mark}  {}\n", example.body));
        let around =
            [("app", &example.app), ("query", &example.query), ("user agent", &example.user_agent)];
        for (name, value) in around {
            if let Some(value) = value {
                out.push_str(&format!("       {name} {value}\n"));
            }
        }
        if let Some(why) = why {
            out.push_str(&format!("       {why}\n"));
        }
    }
    out
}

fn hits_text(rule: &Rule, hits: Option<&Hits>, arguments: &WhyArgs) -> String {
    let Some(hits) = hits else { return "Hits\n  nothing is stored yet\n".to_owned() };
    let days: Vec<_> = hits.of(&rule.id).collect();
    let since = &arguments.since;
    if days.is_empty() {
        return format!("Hits\n  none in what is stored {since}\n");
    }
    let mut out = format!(
        "Hits in what is stored {since}, by day of receipt (UTC)\n  day         matches now  \
         filtered then  observed then\n"
    );
    for (date, day) in days {
        out.push_str(&format!(
            "  {date}  {:11}  {:13}  {:13}\n",
            day.matches, day.filtered, day.observed
        ));
    }
    out
}

fn as_json(rule: &Rule, hits: Option<&Hits>) -> Value {
    let examples: Vec<_> = rule
        .examples
        .iter()
        .map(|example| {
            json!({
                "match": example.matches,
                "why": example.why,
                "report": serde_json::from_str::<Value>(&example.body).unwrap_or(Value::Null),
                "app": example.app,
                "query": example.query,
                "ua": example.user_agent,
            })
        })
        .collect();
    let days = hits.map(|hits| {
        hits.of(&rule.id)
            .map(|(date, day)| {
                json!({
                    "day": date,
                    "matches": day.matches,
                    "filtered": day.filtered,
                    "observed": day.observed,
                })
            })
            .collect::<Vec<_>>()
    });
    json!({
        "id": rule.id,
        "title": rule.title,
        "file": rule.file,
        "line": rule.line,
        "reason": rule.reason.name(),
        "action": rule.action.name(),
        "mode": mode(rule),
        "apps": rule.apps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tags": rule.tags,
        "evidence": rule.evidence,
        "expires": rule.expires,
        "any": rule.any.iter().map(conditions).collect::<Vec<_>>(),
        "all": conditions(&rule.all),
        "unless": rule.unless.iter().map(conditions).collect::<Vec<_>>(),
        "examples": examples,
        "hits": days,
    })
}

/// What the rule does today, and until when.
fn mode(rule: &Rule) -> String {
    let today = today();
    match rule.expires {
        Some(expires) if !rule.has_expired(today) => {
            format!("{} until {expires}", rule.standing(today))
        }
        _ => rule.standing(today),
    }
}

fn conditions(block: &Block) -> Vec<&str> {
    block.iter().map(|condition| condition.written.as_str()).collect()
}

fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
