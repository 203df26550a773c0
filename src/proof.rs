//! Rules are proven by their own examples before they may judge anything.
//!
//! In: the texts of a rule set. Out: a [`RuleSet`] of which every example came out as written and
//! no rule filters a canary by accident, or every mistake there is. The examples go through the
//! very stages that run in production. A rule set that is not proven is not used.

use crate::decode::{Entry, Scratch, decode};
use crate::filter::{
    Action, Canary, Condition, Example, Field, OwnHosts, Rule, RuleError, RuleSet, Sources,
    Subject, canaries, in_order,
};
use crate::pipeline::Stages;
use crate::report::Delivery;
use jiff::Timestamp;

/// Compiles a rule set and proves it.
///
/// # Errors
///
/// Every mistake that was found, in the order of files and lines.
pub fn prove(sources: &Sources, stages: &Stages) -> Result<RuleSet, Vec<RuleError>> {
    // Examples are written for what is kept by default, whatever a site keeps.
    let stages = &stages.as_shipped();
    let canaries = canaries()?;
    // The examples of what is right are run all the same: everything is told at once.
    let (rules, mut errors) = RuleSet::compile_what_is_right(sources);
    errors.extend(rented_own_hosts(&rules, stages));
    for rule in rules.rules() {
        errors.extend(rule.examples.iter().filter_map(|example| {
            run_example(rule, example, stages).err().map(|message| RuleError {
                rule: Some(rule.id.clone()),
                key: Some("example".to_owned()),
                message,
                ..example.place.clone()
            })
        }));
        if rule.action == Action::Filter {
            errors.extend(unproven_blocks(rule, stages));
            errors.extend(rented_hosts(rule, stages));
            errors.extend(spared(rule, &canaries, stages).err());
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(in_order(errors)) }
}

fn run_example(rule: &Rule, example: &Example, stages: &Stages) -> Result<(), String> {
    let delivery = delivery_of(example);
    let matched = examine(&example.body, &delivery, &example.own_hosts, stages, |subject| {
        rule.matches_as_written(subject)
    })?;
    match (example.matches, matched) {
        (true, false) => Err(format!(
            "the rule does not match this example, and should. {}",
            why_not(rule, example, &delivery, stages)
        )),
        (false, true) => Err(format!(
            "the rule matches this example, and should not: {}",
            example.why.as_deref().unwrap_or("no reason given")
        )),
        _ => Ok(()),
    }
}

/// A block of `any` that no example shows is a block that may never match.
fn unproven_blocks(rule: &Rule, stages: &Stages) -> Vec<RuleError> {
    let is_shown = |block: &[Condition]| {
        rule.examples.iter().filter(|example| example.matches).any(|example| {
            let delivery = delivery_of(example);
            examine(&example.body, &delivery, &example.own_hosts, stages, |subject| {
                block.iter().all(|condition| condition.holds(subject))
            })
            .unwrap_or(false)
        })
    };
    let unshown = rule.any.iter().enumerate().filter(|(_, block)| !is_shown(block));
    unshown
        .map(|(at, block)| {
            let place = block.first().map_or(&rule.place, |condition| &condition.place);
            let message = "no example with `match = true` shows this block";
            rule.error_at(place, &format!("any[{at}]"), message)
        })
        .collect()
}

/// A public suffix is a place where strangers live: `github.io`, `cloudfront.net`, `co.uk`.
fn rented_hosts(rule: &Rule, stages: &Stages) -> Vec<RuleError> {
    let conditions = rule.any.iter().flatten().chain(&rule.all);
    conditions
        .filter(|condition| condition.field == Field::BlockedHost)
        .flat_map(|condition| condition.parents().map(move |host| (condition, host)))
        .filter(|(_, host)| stages.is_public_suffix(host))
        .map(|(condition, host)| {
            rule.error_at(
                &condition.place,
                "blocked_host.under",
                format!("anybody may have a name under `{host}`; name the hosts themselves"),
            )
        })
        .collect()
}

/// Whoever calls such a place his own, calls all strangers there his own.
fn rented_own_hosts(rules: &RuleSet, stages: &Stages) -> Vec<RuleError> {
    let rented = rules.own_hosts().hosts().filter(|(host, _)| stages.is_public_suffix(host));
    rented
        .map(|(host, place)| RuleError {
            key: Some("own_hosts".to_owned()),
            message: format!(
                "anybody may have a name under `{host}`; name your own hosts there, such as \
                 someone.{host}"
            ),
            ..place.clone()
        })
        .collect()
}

fn delivery_of(example: &Example) -> Delivery<'_> {
    Delivery {
        received_at: Timestamp::UNIX_EPOCH,
        app: example.app.as_deref(),
        query: example.query.as_deref(),
        user_agent: example.user_agent.as_deref(),
        content_type: None,
    }
}

/// What the violation of an example looks like to the rule.
fn why_not(rule: &Rule, example: &Example, delivery: &Delivery<'_>, stages: &Stages) -> String {
    let conditions = rule.any.iter().flatten().chain(&rule.all);
    examine(&example.body, delivery, &example.own_hosts, stages, |subject| {
        let mut seen: Vec<String> = Vec::new();
        for condition in conditions {
            let field = condition.field;
            let value = match field.text(subject) {
                Some(text) => format!("`{text}`"),
                None => field.number(subject).map_or("missing".to_owned(), |n| n.to_string()),
            };
            let note = condition.note(subject).map_or(String::new(), |note| format!(", {note}"));
            let line = format!("{} is {value}{note}", field.name());
            if !seen.contains(&line) {
                seen.push(line);
            }
        }
        format!("Here {}", seen.join(", "))
    })
    .unwrap_or_default()
}

/// Whether a rule leaves every canary alone, or says by name that it does not.
fn spared(rule: &Rule, canaries: &[Canary], stages: &Stages) -> Result<(), RuleError> {
    let delivery = Delivery {
        received_at: Timestamp::UNIX_EPOCH,
        app: None,
        query: None,
        user_agent: None,
        content_type: None,
    };
    let mut hit = Vec::new();
    for canary in canaries {
        // The canary stands for every page, app and browser.
        let matched = examine(&canary.body, &delivery, OwnHosts::NONE, stages, |subject| {
            rule.matches_somewhere(subject)
        })
        .map_err(|message| {
            rule.error("may_match_canary", format!("canary `{}`: {message}", canary.id))
        })?;
        if matched && !rule.may_match_canary.iter().any(|name| name == "*" || *name == canary.id) {
            hit.push(canary);
        }
    }
    let Some(first) = hit.first() else { return Ok(()) };
    let names =
        hit.iter().map(|canary| format!("\"{}\"", canary.id)).collect::<Vec<_>>().join(", ");
    let all = if hit.len() == canaries.len() { ", or [\"*\"]" } else { "" };
    Err(rule.error(
        "may_match_canary",
        format!(
            "would filter the canary `{}`: {}. If that is meant, write may_match_canary = \
             [{names}]{all}",
            first.id, first.why
        ),
    ))
}

/// Takes one report through the stages and shows it.
fn examine<T>(
    body: &str,
    delivery: &Delivery<'_>,
    own_hosts: &OwnHosts,
    stages: &Stages,
    show: impl FnOnce(&Subject<'_>) -> T,
) -> Result<T, String> {
    let mut scratch = Scratch::default();
    let entries = decode(body.as_bytes(), &mut scratch, 1).map_err(|_| {
        "the report says nothing that a violation is known by: it needs a blocked-uri, \
             effective-directive, violated-directive or document-uri"
            .to_owned()
    })?;
    let Some(Entry::Violation(raw)) = entries.into_iter().next() else {
        return Err("the report is no violation".to_owned());
    };
    let violation = stages.normalize(raw);
    let facts = stages.derive(&violation, delivery);
    Ok(show(&Subject { violation: &violation, facts: &facts, own_hosts }))
}
