//! Rule files as people write them.

use super::condition::Test;
use super::contradiction;
use super::enforce::{self, Enforcement};
use super::error::{RuleError, all};
use super::example::{canaries, read_example};
use super::field::Field;
use super::keys::{ExampleKey, FileKey, RuleKey, names};
use super::operator;
use super::overrides::{self, Override};
use super::own_hosts::OwnHosts;
use super::rule::{Action, AppGlob, Block, Mode, Rule};
use super::spelling::{nearest, quoted};
use super::toml::{Node, Pair, collect, parse, unknown_key};
use super::value::Lists;
use crate::report::Reason;

/// What one file says, and what is wrong with the rest of it.
#[derive(Debug, Default)]
pub struct Read {
    pub rules: Vec<Rule>,
    pub overrides: Vec<Override>,
    pub own_hosts: OwnHosts,
    pub enforcements: Vec<Enforcement>,
    pub errors: Vec<RuleError>,
    /// Whether its grammar was right; if not, it may have rules that nobody knows of.
    pub is_whole: bool,
}

/// Reads one file. `lists` finds the text of a list file that stands beside it.
pub fn read(file: &str, text: &str, lists: &Lists<'_>) -> Read {
    let mut read = Read::default();
    let result = parse(file, text, |root| {
        read.is_whole = true;
        let pairs = root.pairs()?;
        let mut errors = Vec::new();
        if !pairs.iter().any(|pair| pair.key == FileKey::Format.name()) {
            let message = format!("`format = {FORMAT}` is missing; a rule file begins with it");
            errors.push(RuleError::at(file, text, 0, message));
        }
        for pair in &pairs {
            let mistakes = read_file_key(pair, &mut read, lists).err().into_iter().flatten();
            errors.extend(mistakes.map(|error| error.under(|| pair.key.to_owned())));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    });
    read.errors.extend(result.err().into_iter().flatten());
    read
}

fn read_file_key(
    pair: &Pair<'_>,
    read: &mut Read,
    lists: &Lists<'_>,
) -> Result<(), Vec<RuleError>> {
    let value = &pair.value;
    let Some(key) = FileKey::from_name(pair.key) else {
        let elsewhere = if RuleKey::from_name(pair.key).is_some() {
            Some(format!("`{}` is a key of a rule: write [[rule]] above it", pair.key))
        } else {
            None
        };
        return Err(unknown_key(pair, &names(FileKey::ALL, FileKey::name), elsewhere).into());
    };
    match key {
        FileKey::Format => match value.integer() {
            Ok(FORMAT) => {}
            Ok(other) => {
                let message =
                    format!("format {other} is not known; this program reads format {FORMAT}");
                return Err(value.error(message).into());
            }
            Err(error) => return Err(error.into()),
        },
        FileKey::Pack => {
            value.string()?;
        }
        FileKey::Rule => {
            collect(pair, "rule", |node| {
                let rule = read_rule(node, lists)?;
                read.rules.push(rule);
                Ok(())
            })?;
        }
        FileKey::Override => {
            collect(pair, "override", |node| {
                read.overrides.push(overrides::read(node)?);
                Ok(())
            })?;
        }
        FileKey::OwnHosts => read.own_hosts = OwnHosts::read(value)?,
        FileKey::Enforce => read.enforcements = enforce::read(value)?,
    }
    Ok(())
}

fn read_rule(node: &Node<'_>, lists: &Lists<'_>) -> Result<Rule, Vec<RuleError>> {
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
        RuleKey::Reason => {
            rule.reason = one_of(value, "reason", Reason::ALL, Reason::name)?;
        }
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

fn read_canary_names(value: &Node<'_>) -> Result<Vec<String>, Vec<RuleError>> {
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

pub const FORMAT: i64 = 1;
const DEFAULT_PRIORITY: i64 = 100;
/// How long an id may be.
pub const MAX_ID: usize = 64;
