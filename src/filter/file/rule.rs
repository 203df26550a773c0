//! One rule as it stands in its file.
//!
//! In: a `[[rule]]` as TOML. Out: the rule, or every mistake in it. What no single place of it shows
//! is asked of the rule as a whole: questions that contradict each other, and dear ones that no
//! cheaper one guards.

use super::word::{read_action, read_apps, read_canary_names, read_mode, read_reason, rule_id};
use super::{contradiction, operator};
use crate::filter::condition::Test;
use crate::filter::error::{RuleError, all};
use crate::filter::example::read_example;
use crate::filter::field::Field;
use crate::filter::keys::{ExampleKey, RuleKey, names};
use crate::filter::rule::{Action, AppGlob, Block, Mode, Rule};
use crate::filter::spelling::nearest;
use crate::filter::toml::{Node, Pair, collect, unknown_key};
use crate::filter::value::Lists;
use crate::report::Reason;

pub fn read_rule(node: &Node<'_>, lists: &Lists<'_>) -> Result<Rule, Vec<RuleError>> {
    let pairs = node.pairs()?;
    let id = pairs.iter().find(|pair| pair.key == RuleKey::Id.name());
    // What is wrong with the id itself is told with the other keys.
    let name = id.and_then(|pair| rule_id(&pair.value, "id").ok()).unwrap_or_default();
    read_rule_keys(node, &pairs, &name, lists).map_err(|errors| {
        let named = (!name.is_empty()).then_some(name);
        errors.into_iter().map(|error| RuleError { rule: named.clone(), ..error }).collect()
    })
}

fn read_rule_keys(
    node: &Node<'_>,
    pairs: &[Pair<'_>],
    id: &str,
    lists: &Lists<'_>,
) -> Result<Rule, Vec<RuleError>> {
    let place = node.error("");
    let mut rule = Rule {
        id: id.to_owned(),
        title: String::new(),
        reason: Reason::Site,
        action: Action::Label,
        mode: Mode::Enforce,
        enforced_for: Vec::new(),
        priority: DEFAULT_PRIORITY,
        apps: vec![AppGlob::every()],
        written_apps: vec![AppGlob::every()],
        tags: Vec::new(),
        evidence: Vec::new(),
        expires: None,
        may_match_canary: Vec::new(),
        file: node.file.to_owned(),
        line: place.line.unwrap_or(1),
        place: Box::new(place),
        any: Vec::new(),
        all: Block::new(),
        unless: Vec::new(),
        examples: Vec::new(),
    };
    let mut errors = Vec::new();
    for key in RuleKey::ALL.iter().filter(|key| key.is_needed()) {
        // Told with the key that was meant to be it.
        let is_misspelled = |pair: &Pair<'_>| {
            RuleKey::from_name(pair.key).is_none()
                && nearest(pair.key, &names(RuleKey::ALL, RuleKey::name)) == Some(key.name())
        };
        if !pairs.iter().any(|pair| pair.key == key.name() || is_misspelled(pair)) {
            errors.push(node.error(missing(*key)).under(|| key.name().to_owned()));
        }
    }
    for pair in pairs {
        let mistakes = read_rule_key(pair, &mut rule, lists).err().into_iter().flatten();
        errors.extend(mistakes.map(|error| error.under(|| pair.key.to_owned())));
    }
    // What is wrong with the rule as a whole shows only when its parts are right.
    if errors.is_empty() {
        errors.extend(rule.check().into_iter().map(|(key, message)| {
            let at = pairs.iter().find(|pair| pair.key == key);
            let place = at.map_or(node.error(""), |pair| pair.value.error_at(pair.key_start, ""));
            place.saying(message).under(|| key.to_owned())
        }));
        errors.extend(check_gates(pairs, &rule).err());
        errors.extend(contradictions(&rule));
    }
    if errors.is_empty() { Ok(rule) } else { Err(errors) }
}

/// Says what a key that is missing is for.
fn missing(key: RuleKey) -> String {
    let what = match key {
        RuleKey::Id => "a name of its own, in lower case and with hyphens",
        RuleKey::Title => "a few words for people",
        RuleKey::Reason => "why it is noise; `site` for your own reasons",
        RuleKey::Action => "keep, filter or label",
        RuleKey::Evidence => "say where this was seen or explained",
        RuleKey::Example => {
            "write [[rule.example]] with a report that it must match, and with some that it must not"
        }
        RuleKey::Mode
        | RuleKey::Priority
        | RuleKey::Apps
        | RuleKey::Tags
        | RuleKey::Expires
        | RuleKey::MayMatchCanary
        | RuleKey::Any
        | RuleKey::All
        | RuleKey::Unless => "it may be left out",
    };
    let name = key.name();
    format!("`{name}` is missing: {what}")
}

/// Blocks whose questions exclude each other, or those of `all`.
fn contradictions(rule: &Rule) -> Vec<RuleError> {
    let in_block = |name: &str, block: &Block, more: &Block| {
        let conditions: Vec<_> = more.iter().chain(block).collect();
        contradiction::find(&conditions).map(|(condition, why)| {
            let name = format!("{name}.{}", condition.field.name());
            condition.place.as_ref().clone().saying(why).under(|| name)
        })
    };
    let of_all = in_block("all", &rule.all, &Block::new());
    let mut errors: Vec<_> = match of_all {
        Some(error) => vec![error],
        None => rule.any.iter().filter_map(|block| in_block("any", block, &rule.all)).collect(),
    };
    errors.extend(rule.unless.iter().filter_map(|block| in_block("unless", block, &Block::new())));
    errors
}

/// Taking a policy apart costs more than all else that a rule can ask; each way to that question
/// leads past one that few violations pass.
fn check_gates(pairs: &[Pair<'_>], rule: &Rule) -> Result<(), RuleError> {
    let asks = |block: &Block| block.iter().any(|condition| condition.test.is_permission());
    let has_gate = |block: &Block| block.iter().any(|condition| condition.test.is_gate());
    let ungated = |block: &Block| asks(block) && !has_gate(block) && !has_gate(&rule.all);
    let blocks_gate_all = !rule.any.is_empty() && rule.any.iter().all(has_gate);
    for pair in pairs {
        let at = match pair.key {
            "any" => rule.any.iter().position(ungated),
            "unless" => rule.unless.iter().position(ungated),
            "all" if ungated(&rule.all) && !blocks_gate_all => {
                return Err(needs_gate("all", &pair.value));
            }
            _ => None,
        };
        if let Some(at) = at {
            let key = format!("{}[{at}]", pair.key);
            return Err(needs_gate(&key, pair.value.items()?.get(at).unwrap_or(&pair.value)));
        }
    }
    Ok(())
}

fn needs_gate(key: &str, place: &Node<'_>) -> RuleError {
    let mut error = place.error(
        "`permits` needs a cheaper question beside it, in the same block or in `all`: `is`, `in`, \
         `under` or `list` on another field",
    );
    error.key = Some(key.to_owned());
    error
}

/// Reads one key of a rule.
fn read_rule_key(
    pair: &Pair<'_>,
    rule: &mut Rule,
    lists: &Lists<'_>,
) -> Result<(), Vec<RuleError>> {
    let value = &pair.value;
    let Some(key) = RuleKey::from_name(pair.key) else {
        let elsewhere = if Field::from_name(pair.key).is_some() {
            Some(format!("`{}` is a field: write it into [[rule.any]] or [rule.all]", pair.key))
        } else if ExampleKey::from_name(pair.key).is_some() {
            Some(format!("`{}` is a key of an example: write it into [[rule.example]]", pair.key))
        } else {
            None
        };
        return Err(unknown_key(pair, &names(RuleKey::ALL, RuleKey::name), elsewhere).into());
    };
    match key {
        RuleKey::Id => {
            rule_id(value, "id")?;
        }
        RuleKey::Title => rule.title = value.words()?.to_owned(),
        RuleKey::Reason => rule.reason = read_reason(value)?,
        RuleKey::Action => rule.action = read_action(value)?,
        RuleKey::Mode => rule.mode = read_mode(value)?,
        RuleKey::Priority => rule.priority = value.integer()?,
        RuleKey::Apps => {
            rule.apps = read_apps(value)?;
            rule.written_apps.clone_from(&rule.apps);
        }
        RuleKey::Tags => {
            rule.tags = all(value.items()?.iter().map(|item| rule_id(item, "tag")))?;
        }
        RuleKey::Evidence => {
            rule.evidence = all(value.items()?.iter().map(|item| item.words().map(str::to_owned)))?;
        }
        RuleKey::Expires => rule.expires = Some(value.date()?),
        RuleKey::MayMatchCanary => rule.may_match_canary = read_canary_names(value)?,
        RuleKey::Any => rule.any = read_blocks(pair, "any", lists)?,
        RuleKey::All => {
            if value.items().is_ok() {
                let message = "`all` is one block: write [rule.all] once, and what is or into \
                               [[rule.any]]";
                return Err(value.error(message).into());
            }
            rule.all = read_block(value, "all", lists)?;
        }
        RuleKey::Unless => rule.unless = read_blocks(pair, "unless", lists)?,
        RuleKey::Example => rule.examples = collect(pair, "rule.example", read_example)?,
    }
    Ok(())
}

fn read_blocks(
    pair: &Pair<'_>,
    name: &str,
    lists: &Lists<'_>,
) -> Result<Vec<Block>, Vec<RuleError>> {
    let blocks = collect(pair, &format!("rule.{name}"), |block| read_block(block, name, lists))?;
    if blocks.is_empty() {
        return Err(pair.value.error("an empty list asks nothing").into());
    }
    Ok(blocks)
}

fn read_block(value: &Node<'_>, name: &str, lists: &Lists<'_>) -> Result<Block, Vec<RuleError>> {
    let conditions = all(value.pairs()?.iter().map(|pair| {
        operator::read(pair, lists).map_err(|errors| {
            let name = || format!("{name}.{}", pair.key);
            errors.into_iter().map(|error| error.under(name)).collect::<Vec<_>>()
        })
    }))?;
    let block: Block = conditions.into_iter().flatten().collect();
    if block.is_empty() {
        return Err(value.error("an empty block would match everything").into());
    }
    let regex = block.iter().find(|condition| matches!(condition.test, Test::Regex(_)));
    let has_gate = block.iter().any(|condition| condition.test.is_gate());
    match regex {
        Some(regex) if !has_gate => Err(regex
            .place
            .as_ref()
            .clone()
            .saying(
                "a regular expression needs a cheaper question beside it in the same block: \
                 `is`, `in`, `under` or `list` on another field",
            )
            .under(|| format!("{name}.{}", regex.field.name()))
            .into()),
        _ => Ok(block),
    }
}

const DEFAULT_PRIORITY: i64 = 100;
