//! The words that rules, overrides and `[enforce]` share: ids, actions, modes, apps.

use crate::filter::error::{RuleError, all};
use crate::filter::example::canaries;
use crate::filter::keys::names;
use crate::filter::rule::{Action, AppGlob, Mode};
use crate::filter::spelling::quoted;
use crate::filter::toml::Node;
use crate::report::Reason;

/// An id or a tag: what a metric label and a web address can hold.
pub fn rule_id(value: &Node<'_>, what: &str) -> Result<String, RuleError> {
    let text = value.string()?;
    let is_id = (1..=MAX_ID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_id {
        Ok(text.to_owned())
    } else {
        Err(value.error(format!(
            "{} is no {what}: use up to {MAX_ID} lower-case letters, digits and hyphens",
            quoted(text)
        )))
    }
}

pub fn read_canary_names(value: &Node<'_>) -> Result<Vec<String>, Vec<RuleError>> {
    let known = canaries().unwrap_or_default();
    let known: Vec<_> = known.iter().map(|canary| canary.id.as_str()).collect();
    all(value.items()?.iter().map(|item| {
        let name = item.string()?;
        if name == "*" || known.contains(&name) {
            return Ok(name.to_owned());
        }
        Err(item.unknown("canary", name, &known))
    }))
}

pub fn read_action(value: &Node<'_>) -> Result<Action, RuleError> {
    one_of(value, "action", Action::ALL, Action::name)
}

pub fn read_reason(value: &Node<'_>) -> Result<Reason, RuleError> {
    one_of(value, "reason", Reason::ALL, Reason::name)
}

pub fn read_mode(value: &Node<'_>) -> Result<Mode, RuleError> {
    one_of(value, "mode", Mode::ALL, Mode::name)
}

/// Reads names of apps and globs.
pub fn read_apps(value: &Node<'_>) -> Result<Vec<AppGlob>, Vec<RuleError>> {
    let globs = all(value.items()?.iter().map(|item| {
        let text = item.string()?;
        AppGlob::parse(text).ok_or_else(|| {
            item.error(format!("{} is no app name with at most one `*`", quoted(text)))
        })
    }))?;
    if globs.is_empty() {
        return Err(value.error("an empty list would match no app").into());
    }
    Ok(globs)
}

fn one_of<T: Copy>(
    value: &Node<'_>,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, RuleError> {
    let text = value.string()?;
    let found = all.iter().copied().find(|&one| name(one) == text);
    found.ok_or_else(|| value.unknown(what, text, &names(all, name)))
}

/// How long an id may be.
pub const MAX_ID: usize = 64;
