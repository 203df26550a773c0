//! One line that lets a rule on trial decide, app by app.
//!
//! In: `[enforce]` of the rule files, a rule's id with apps. Out: the rule knows for which apps it
//! decides; for every other it goes on observing. A line without effect is a mistake.

use super::word::read_apps;
use crate::filter::error::{RuleError, all};
use crate::filter::own_hosts::OwnHosts;
use crate::filter::rule::{AppGlob, Mode, Rule};
use crate::filter::spelling::nearest;
use crate::filter::toml::Node;

/// One line of `[enforce]`.
#[derive(Debug)]
pub struct Enforcement {
    id: String,
    apps: Vec<AppGlob>,
    /// Where it stands, should it have no effect.
    place: RuleError,
}

/// Reads `[enforce]`.
pub fn read(value: &Node<'_>) -> Result<Vec<Enforcement>, Vec<RuleError>> {
    let pairs = value.pairs()?;
    all(pairs.iter().map(|pair| {
        let apps = read_apps(&pair.value).map_err(|errors| {
            let named = errors.into_iter().map(|error| error.under(|| key(pair.key)));
            named.collect::<Vec<_>>()
        })?;
        let place = pair.value.error_at(pair.key_start, "");
        Ok::<_, Vec<RuleError>>(Enforcement { id: pair.key.to_owned(), apps, place })
    }))
}

/// Tells the rules, after all overrides. `switched_off` are the rules that these removed, and
/// where; `is_known` says of an id that no rule has whether it is one that could not be read.
pub fn apply(
    lines: Vec<Enforcement>,
    rules: &mut [Rule],
    own_hosts: &OwnHosts,
    switched_off: &[(String, RuleError)],
    is_known: impl Fn(&str) -> bool,
) -> Vec<RuleError> {
    let mut errors = Vec::new();
    let mut seen: Vec<(String, RuleError)> = Vec::new();
    for line in lines {
        match effect(&line, rules, own_hosts, switched_off, &seen) {
            Ok(Some(at)) => rules[at].enforced_for = line.apps,
            Ok(None) if is_known(&line.id) => {}
            Ok(None) => errors.push(no_rule(&line, rules)),
            Err(message) => errors.push(RuleError {
                rule: Some(line.id.clone()),
                key: Some(key(&line.id)),
                message,
                ..line.place.clone()
            }),
        }
        seen.push((line.id, line.place));
    }
    errors
}

/// The place of the rule that the line changes, if there is one, or why it changes none.
fn effect(
    line: &Enforcement,
    rules: &[Rule],
    own_hosts: &OwnHosts,
    switched_off: &[(String, RuleError)],
    seen: &[(String, RuleError)],
) -> Result<Option<usize>, String> {
    let place_in = |places: &[(String, RuleError)]| {
        let (_, place) = places.iter().find(|(id, _)| *id == line.id)?;
        Some(format!("{}:{}", place.file, place.line.unwrap_or(1)))
    };
    if let Some(first) = place_in(seen) {
        return Err(format!("the rule has a line in {first}; put all its apps there"));
    }
    if let Some(place) = place_in(switched_off) {
        return Err(format!("the rule was switched off by the override in {place}"));
    }
    let Some(at) = rules.iter().position(|rule| rule.id == line.id) else {
        return Ok(None);
    };
    let rule = &rules[at];
    if rule.mode == Mode::Enforce {
        return Err(format!(
            "the rule decides already, for every app that it is meant for; {}",
            on_trial(rules)
        ));
    }
    let is_meant = |app: &str| rule.apps.iter().any(|glob| glob.matches(app));
    let stranger = line.apps.iter().filter_map(AppGlob::exact).find(|app| !is_meant(app));
    if let Some(app) = stranger {
        let apps: Vec<_> = rule.apps.iter().map(ToString::to_string).collect();
        return Err(format!("the rule is not meant for `{app}`, only for {}", apps.join(", ")));
    }
    // Without a list it would match nothing, and nobody would notice.
    let listless = line.apps.iter().find(|apps| match apps.exact() {
        Some(app) => own_hosts.owns(app, "").is_none(),
        None => own_hosts.apps().next().is_none(),
    });
    match listless.filter(|_| rule.asks_own_hosts()) {
        Some(apps) => Err(format!(
            "the rule goes by [own_hosts], which has no list for `{apps}`; write one such as \
             {apps:?} = [\"shop.example\"]",
            apps = apps.to_string(),
        )),
        None => Ok(Some(at)),
    }
}

fn no_rule(line: &Enforcement, rules: &[Rule]) -> RuleError {
    let ids: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let hint =
        nearest(&line.id, &ids).map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
    RuleError {
        rule: Some(line.id.clone()),
        key: Some(key(&line.id)),
        message: format!("there is no rule of this id{hint}; {}", on_trial(rules)),
        ..line.place.clone()
    }
}

/// What may stand in `[enforce]`.
fn on_trial(rules: &[Rule]) -> String {
    let mut ids: Vec<_> =
        rules.iter().filter(|rule| rule.mode == Mode::Observe).map(|rule| &*rule.id).collect();
    ids.sort_unstable();
    if ids.is_empty() {
        "no rule is on trial".to_owned()
    } else {
        format!("on trial are {}", ids.join(", "))
    }
}

fn key(id: &str) -> String {
    format!("enforce.{id}")
}
