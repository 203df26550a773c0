//! Rule files as people write them.

use super::condition::Test;
use super::enforce::{self, Enforcement};
use super::error::RuleError;
use super::example::{canaries, read_example};
use super::operator::{self, Lists};
use super::own_hosts::OwnHosts;
use super::rule::{Action, AppGlob, Block, Mode, Rule};
use super::toml::{Node, Pair, collect, parse, unknown_key};
use crate::report::Reason;
use jiff::civil::Date;

/// What one file says.
#[derive(Debug, Default)]
pub struct RuleFile {
    pub rules: Vec<Rule>,
    pub overrides: Vec<Override>,
    pub own_hosts: OwnHosts,
    pub enforcements: Vec<Enforcement>,
}

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

/// Reads one file. `lists` finds the text of a list file that stands beside it.
pub fn read(file: &str, text: &str, lists: &Lists<'_>) -> Result<RuleFile, Vec<RuleError>> {
    parse(file, text, |root| {
        let mut rule_file = RuleFile::default();
        let mut errors = Vec::new();
        let mut has_format = false;
        for pair in root.pairs().map_err(|error| vec![error])? {
            match pair.key {
                "format" => {
                    has_format = true;
                    match pair.value.integer() {
                        Ok(FORMAT) => {}
                        Ok(other) => errors.push(pair.value.error(format!(
                            "format {other} is not known; this program reads format {FORMAT}"
                        ))),
                        Err(error) => errors.push(error),
                    }
                }
                "pack" => errors.extend(pair.value.string().err()),
                "rule" => collect(&pair.value, &mut errors, |node| {
                    rule_file.rules.push(read_rule(node, lists)?);
                    Ok(())
                }),
                "override" => collect(&pair.value, &mut errors, |node| {
                    rule_file.overrides.push(read_override(node)?);
                    Ok(())
                }),
                "own_hosts" => rule_file.own_hosts = OwnHosts::read(&pair.value, &mut errors),
                "enforce" => rule_file.enforcements = enforce::read(&pair.value, &mut errors),
                _ => errors
                    .push(unknown_key(&pair, "format, pack, rule, override, own_hosts, enforce")),
            }
        }
        if !has_format {
            errors.push(RuleError::at(file, text, 0, format!("`format = {FORMAT}` is missing")));
        }
        if errors.is_empty() { Ok(rule_file) } else { Err(errors) }
    })
}

fn read_rule(node: &Node<'_>, lists: &Lists<'_>) -> Result<Rule, RuleError> {
    let pairs = node.pairs()?;
    let id = match pairs.iter().find(|pair| pair.key == "id") {
        Some(pair) => rule_id(&pair.value)?,
        None => return Err(node.error("a rule without `id`")),
    };
    read_rule_keys(node, &pairs, &id, lists).map_err(|mut error| {
        error.rule = Some(id);
        error
    })
}

fn read_rule_keys(
    node: &Node<'_>,
    pairs: &[Pair<'_>],
    id: &str,
    lists: &Lists<'_>,
) -> Result<Rule, RuleError> {
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
        any: Vec::new(),
        all: Block::new(),
        unless: Vec::new(),
        examples: Vec::new(),
    };
    for pair in pairs {
        read_rule_key(pair, &mut rule, lists).map_err(|mut error| {
            error.key.get_or_insert_with(|| pair.key.to_owned());
            error
        })?;
    }
    for key in ["title", "reason", "action"] {
        if !pairs.iter().any(|pair| pair.key == key) {
            return Err(node.error(format!("`{key}` is missing")));
        }
    }
    rule.check().map_err(|message| node.error(message))?;
    check_gates(pairs, &rule)?;
    Ok(rule)
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
fn read_rule_key(pair: &Pair<'_>, rule: &mut Rule, lists: &Lists<'_>) -> Result<(), RuleError> {
    let value = &pair.value;
    match pair.key {
        "id" => {}
        "title" => rule.title = value.string()?.to_owned(),
        "reason" => {
            rule.reason = one_of(value, Reason::from_name, &names(Reason::ALL, Reason::name))?;
        }
        "action" => rule.action = read_action(value)?,
        "mode" => rule.mode = read_mode(value)?,
        "priority" => rule.priority = value.integer()?,
        "apps" => {
            rule.apps = read_apps(value)?;
            rule.written_apps.clone_from(&rule.apps);
        }
        "tags" => rule.tags = value.items()?.iter().map(read_tag).collect::<Result<_, _>>()?,
        "evidence" => rule.evidence = value.strings()?,
        "expires" => rule.expires = Some(value.date()?),
        "may_match_canary" => rule.may_match_canary = read_canary_names(value)?,
        "any" => rule.any = read_blocks(value, "any", lists)?,
        "all" => rule.all = read_block(value, "all", lists)?,
        "unless" => rule.unless = read_blocks(value, "unless", lists)?,
        "example" => {
            rule.examples = value.items()?.iter().map(read_example).collect::<Result<_, _>>()?;
        }
        _ => return Err(unknown_key(pair, RULE_KEYS)),
    }
    Ok(())
}

fn read_blocks(value: &Node<'_>, name: &str, lists: &Lists<'_>) -> Result<Vec<Block>, RuleError> {
    if value.is_table() {
        return Err(value.error(format!("`{name}` is a list of blocks: write [[rule.{name}]]")));
    }
    value.items()?.iter().map(|block| read_block(block, name, lists)).collect()
}

fn read_block(value: &Node<'_>, name: &str, lists: &Lists<'_>) -> Result<Block, RuleError> {
    let mut block = Block::new();
    for pair in value.pairs()? {
        let conditions = operator::read(&pair, lists).map_err(|mut error| {
            error.key.get_or_insert_with(|| format!("{name}.{}", pair.key));
            error
        })?;
        block.extend(conditions);
    }
    if block.is_empty() {
        return Err(value.error("an empty block would match everything"));
    }
    let has_regex = block.iter().any(|condition| matches!(condition.test, Test::Regex(_)));
    let has_gate = block.iter().any(|condition| condition.test.is_gate());
    if has_regex && !has_gate {
        return Err(value.error(
            "a regular expression needs a cheaper question beside it in the same block: `is`, \
             `in`, `under` or `list` on another field",
        ));
    }
    Ok(block)
}

fn read_override(node: &Node<'_>) -> Result<Override, RuleError> {
    let mut id = None;
    let mut changes = Override {
        id: String::new(),
        enabled: None,
        mode: None,
        action: None,
        apps: None,
        expires: None,
        place: node.error(""),
    };
    for pair in node.pairs()? {
        let value = &pair.value;
        match pair.key {
            "id" => id = Some(rule_id(value)?),
            "enabled" => changes.enabled = Some(value.bool()?),
            "mode" => changes.mode = Some(read_mode(value)?),
            "action" => changes.action = Some(read_action(value)?),
            "apps" => changes.apps = Some(read_apps(value)?),
            "expires" => changes.expires = Some(value.date()?),
            _ => return Err(unknown_key(&pair, "id, enabled, mode, action, apps, expires")),
        }
    }
    changes.id = id.ok_or_else(|| node.error("an override without `id`"))?;
    Ok(changes)
}

fn rule_id(value: &Node<'_>) -> Result<String, RuleError> {
    let text = value.string()?;
    let is_id = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_id {
        Ok(text.to_owned())
    } else {
        Err(value.error(format!(
            "`{text}` is no id: use up to 64 lower-case letters, digits and hyphens"
        )))
    }
}

fn read_tag(value: &Node<'_>) -> Result<String, RuleError> {
    rule_id(value)
}

fn read_canary_names(value: &Node<'_>) -> Result<Vec<String>, RuleError> {
    let known = canaries().unwrap_or_default();
    value
        .items()?
        .iter()
        .map(|item| {
            let name = item.string()?;
            if name == "*" || known.iter().any(|canary| canary.id == name) {
                return Ok(name.to_owned());
            }
            let known: Vec<_> = known.iter().map(|canary| canary.id.as_str()).collect();
            Err(item.error(format!("no canary `{name}`; there are {}", known.join(", "))))
        })
        .collect()
}

fn read_action(value: &Node<'_>) -> Result<Action, RuleError> {
    one_of(
        value,
        |name| match name {
            "keep" => Some(Action::Keep),
            "filter" => Some(Action::Filter),
            "label" => Some(Action::Label),
            _ => None,
        },
        "keep, filter, label",
    )
}

fn read_mode(value: &Node<'_>) -> Result<Mode, RuleError> {
    one_of(
        value,
        |name| match name {
            "enforce" => Some(Mode::Enforce),
            "observe" => Some(Mode::Observe),
            _ => None,
        },
        "enforce, observe",
    )
}

/// Reads names of apps and globs.
pub fn read_apps(value: &Node<'_>) -> Result<Vec<AppGlob>, RuleError> {
    let globs = value
        .items()?
        .iter()
        .map(|item| {
            let text = item.string()?;
            AppGlob::parse(text)
                .ok_or_else(|| item.error(format!("`{text}` is no app name with at most one `*`")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if globs.is_empty() {
        return Err(value.error("an empty list would match no app"));
    }
    Ok(globs)
}

fn one_of<T>(
    value: &Node<'_>,
    read: impl FnOnce(&str) -> Option<T>,
    allowed: &str,
) -> Result<T, RuleError> {
    let text = value.string()?;
    read(text)
        .ok_or_else(|| value.error(format!("`{text}` is not allowed; expected one of {allowed}")))
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    all.iter().map(|&one| name(one)).collect::<Vec<_>>().join(", ")
}

const FORMAT: i64 = 1;
const DEFAULT_PRIORITY: i64 = 100;
const RULE_KEYS: &str = "id, title, reason, action, mode, priority, apps, tags, evidence, expires, \
                         may_match_canary, any, all, unless, example";
