//! A site's changes to rules that stand elsewhere: `[[override]]`.
//!
//! In: the tables as TOML, and the rules. Out: the rules as the site wants them, or what is wrong:
//! an id that no rule has, a second change of one rule, a change that leaves no whole rule.

use super::word::{read_action, read_apps, read_mode, rule_id};
use crate::filter::error::RuleError;
use crate::filter::keys::{OverrideKey, RuleKey, names};
use crate::filter::rule::{Action, AppGlob, Mode, Rule};
use crate::filter::spelling::nearest;
use crate::filter::toml::{Node, Pair, unknown_key};
use jiff::civil::Date;
use std::collections::HashMap;

/// A site's change to a rule that stands elsewhere.
#[derive(Debug)]
pub struct Override {
    pub id: String,
    pub enabled: Option<bool>,
    pub mode: Option<Mode>,
    pub action: Option<Action>,
    pub apps: Option<Vec<AppGlob>>,
    pub expires: Option<Date>,
    /// Where it stands, should its target not exist.
    pub place: RuleError,
}

/// Reads one `[[override]]`.
pub fn read(node: &Node<'_>) -> Result<Override, Vec<RuleError>> {
    let mut changes = Override {
        id: String::new(),
        enabled: None,
        mode: None,
        action: None,
        apps: None,
        expires: None,
        place: node.error(""),
    };
    let pairs = node.pairs()?;
    let id = pairs.iter().find(|pair| pair.key == OverrideKey::Id.name());
    let mut errors = Vec::new();
    match id {
        Some(pair) => changes.place = pair.value.error(""),
        None => errors.push(
            node.error("`id` is missing: the id of the rule to change")
                .under(|| "override.id".to_owned()),
        ),
    }
    for pair in &pairs {
        let mistakes = read_key(pair, &mut changes).err().into_iter().flatten();
        errors.extend(mistakes.map(|error| error.under(|| format!("override.{}", pair.key))));
    }
    if errors.is_empty() {
        return Ok(changes);
    }
    let named = (!changes.id.is_empty()).then_some(changes.id);
    Err(errors.into_iter().map(|error| RuleError { rule: named.clone(), ..error }).collect())
}

fn read_key(pair: &Pair<'_>, changes: &mut Override) -> Result<(), Vec<RuleError>> {
    let value = &pair.value;
    let Some(key) = OverrideKey::from_name(pair.key) else {
        let elsewhere = RuleKey::from_name(pair.key).map(|_| {
            format!(
                "`{}` cannot be overridden, only {}; for more copy the rule under an id of your \
                 own and switch this one off",
                pair.key,
                names(&OverrideKey::ALL[1..], OverrideKey::name).join(", ")
            )
        });
        let known = names(OverrideKey::ALL, OverrideKey::name);
        return Err(unknown_key(pair, &known, elsewhere).into());
    };
    match key {
        OverrideKey::Id => changes.id = rule_id(value, "id")?,
        OverrideKey::Enabled => changes.enabled = Some(value.bool()?),
        OverrideKey::Mode => changes.mode = Some(read_mode(value)?),
        OverrideKey::Action => changes.action = Some(read_action(value)?),
        OverrideKey::Apps => changes.apps = Some(read_apps(value)?),
        OverrideKey::Expires => changes.expires = Some(value.date()?),
    }
    Ok(())
}

/// Applies the overrides. Those that switch a rule off are told, with their places. `is_known`
/// says of an id that no rule has whether it is one all the same: of a rule that is wrong, or of
/// one in a file that could not be read.
pub fn apply(
    overrides: Vec<Override>,
    rules: &mut Vec<Rule>,
    switched_off: &mut Vec<(String, RuleError)>,
    is_known: impl Fn(&str) -> bool,
) -> Vec<RuleError> {
    let mut errors = Vec::new();
    let mut seen: HashMap<String, RuleError> = HashMap::new();
    for changes in overrides {
        let wrong = |key: &str, message: String| RuleError {
            rule: Some(changes.id.clone()),
            key: Some(format!("override.{key}")),
            message,
            ..changes.place.clone()
        };
        if let Some(first) = seen.get(&changes.id) {
            let (file, line) = (&first.file, first.line.unwrap_or(1));
            errors.push(wrong(
                "id",
                format!(
                    "a second override of one rule; the first is {file}:{line}, put both into one"
                ),
            ));
            continue;
        }
        seen.insert(changes.id.clone(), changes.place.clone());
        let Some(at) = rules.iter().position(|rule| rule.id == changes.id) else {
            if !is_known(&changes.id) {
                let ids: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
                let hint = nearest(&changes.id, &ids)
                    .map_or(".".to_owned(), |meant| format!("; did you mean `{meant}`?"));
                errors.push(wrong(
                    "id",
                    format!(
                        "there is no rule of this id{hint} An override changes a rule that stands \
                         in any file of the same folder"
                    ),
                ));
            }
            continue;
        };
        if changes.enabled == Some(false) {
            rules.remove(at);
            switched_off.push((changes.id, changes.place));
            continue;
        }
        let rule = &mut rules[at];
        rule.mode = changes.mode.unwrap_or(rule.mode);
        rule.action = changes.action.unwrap_or(rule.action);
        rule.expires = changes.expires.or(rule.expires);
        if let Some(apps) = &changes.apps {
            rule.apps.clone_from(apps);
        }
        errors.extend(rule.check().into_iter().map(|(_, message)| wrong("action", message)));
    }
    errors
}
