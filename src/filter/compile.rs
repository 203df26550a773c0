//! Files → one rule set, whole or not at all.

use super::enforce;
use super::error::RuleError;
use super::field::{Field, Subject};
use super::file::{self, Override};
use super::index::Index;
use super::own_hosts::OwnHosts;
use super::rule::{Action, AppGlob, Mode, Rule};
use crate::report::{Facts, Violation};
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The texts that a rule set is made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Where they come from, as people know it: a folder, or "built in".
    pub origin: String,
    /// Names and texts of the rule files, `*.toml`.
    pub files: Vec<(String, String)>,
    /// Names and texts of everything else: list files.
    pub lists: Vec<(String, String)>,
}

/// Rules in the order in which they decide, and the way to find them.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    index: Index,
    own_hosts: OwnHosts,
    hash: String,
    origin: String,
}

/// Rules by what they do today.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub deciding: usize,
    /// Deciding for some apps, on trial for the others.
    pub deciding_for_some: usize,
    pub observing: usize,
    pub expired: usize,
}

impl RuleSet {
    /// Reads, layers and indexes rules. The examples are not run here: see [`crate::proof`].
    ///
    /// # Errors
    ///
    /// Every mistake that was found. There is no rule set then.
    pub fn compile(sources: &Sources) -> Result<Self, Vec<RuleError>> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut overrides = Vec::new();
        let mut enforcements = Vec::new();
        let mut own_hosts = OwnHosts::default();
        let mut errors = Vec::new();
        for (name, text) in &sources.files {
            let lists = |list: &str| find_list(sources, name, list);
            match file::read(name, text, &lists) {
                Ok(read) => {
                    rules.extend(read.rules);
                    overrides.extend(read.overrides);
                    enforcements.extend(read.enforcements);
                    errors.extend(own_hosts.add(read.own_hosts));
                }
                Err(mistakes) => errors.extend(mistakes),
            }
        }
        // A file that could not be read may hold the rule that a line of another is about.
        let is_whole = errors.is_empty();
        errors.extend(duplicates(&rules));
        let mut switched_off = Vec::new();
        errors.extend(apply(overrides, &mut rules, &mut switched_off));
        if is_whole {
            errors.extend(enforce::apply(enforcements, &mut rules, &switched_off));
        }
        errors.extend(rules.iter().filter_map(trusts_a_sample));
        if !errors.is_empty() {
            return Err(errors);
        }
        rules.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        Ok(Self {
            index: Index::build(&rules),
            rules,
            own_hosts,
            hash: hash(sources),
            origin: sources.origin.clone(),
        })
    }

    /// All rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules judge: a violation and its facts, with the own hosts that are known.
    pub const fn subject<'s>(
        &'s self,
        violation: &'s Violation<'s>,
        facts: &'s Facts<'s>,
    ) -> Subject<'s> {
        Subject { violation, facts, own_hosts: &self.own_hosts }
    }

    /// The hosts that apps call their own.
    pub const fn own_hosts(&self) -> &OwnHosts {
        &self.own_hosts
    }

    /// The rules that match a violation, in order.
    pub fn matching<'r>(&'r self, subject: &Subject<'_>) -> impl Iterator<Item = &'r Rule> {
        let matching = self.index.matching(&self.rules, subject);
        matching.into_iter().map(|place| &self.rules[place])
    }

    /// Sixteen hexadecimal digits that change with every change of the texts.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Where the rules come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// List files stand beside the rule file that names them.
fn find_list(sources: &Sources, rule_file: &str, list: &str) -> Option<(String, String)> {
    let folder = rule_file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside = if folder.is_empty() { list.to_owned() } else { format!("{folder}/{list}") };
    sources.lists.iter().find(|(name, _)| *name == beside).cloned()
}

fn duplicates(rules: &[Rule]) -> Vec<RuleError> {
    let mut seen: HashMap<&str, &Rule> = HashMap::new();
    let mut errors = Vec::new();
    for rule in rules {
        if let Some(first) = seen.insert(&rule.id, rule) {
            errors.push(rule.error(
                "id",
                format!(
                    "the id is taken by {}:{}; to change that rule write [[override]]",
                    first.file, first.line
                ),
            ));
        }
    }
    errors
}

/// A sample is text of the attacker's choice: a rule that filters by it is a way to hide.
fn trusts_a_sample(rule: &Rule) -> Option<RuleError> {
    let mut asked = rule.any.iter().flatten().chain(&rule.all).map(|condition| condition.field);
    let trusts = rule.action == Action::Filter && asked.any(|field| field == Field::Sample);
    trusts.then(|| {
        rule.error(
            "sample",
            "a rule that filters may not go by the sample, which an attacker writes; use \
             action = \"label\"",
        )
    })
}

/// Applies the overrides. Those that switch a rule off are told, with their places.
fn apply(
    overrides: Vec<Override>,
    rules: &mut Vec<Rule>,
    switched_off: &mut Vec<(String, RuleError)>,
) -> Vec<RuleError> {
    let mut errors = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for changes in overrides {
        let Some(at) = rules.iter().position(|rule| rule.id == changes.id) else {
            let message = if seen.contains(&changes.id) {
                "the rule was switched off by another override"
            } else {
                "there is no rule of this id; an override changes a rule that stands in another \
                 file of the same folder"
            };
            errors.push(RuleError {
                rule: Some(changes.id),
                key: Some("override.id".to_owned()),
                message: message.to_owned(),
                ..changes.place
            });
            continue;
        };
        if seen.contains(&changes.id) {
            errors.push(RuleError {
                rule: Some(changes.id),
                key: Some("override.id".to_owned()),
                message: "a second override of one rule".to_owned(),
                ..changes.place
            });
            continue;
        }
        seen.push(changes.id.clone());
        if changes.enabled == Some(false) {
            rules.remove(at);
            switched_off.push((changes.id, changes.place));
            continue;
        }
        let rule = &mut rules[at];
        rule.mode = changes.mode.unwrap_or(rule.mode);
        rule.action = changes.action.unwrap_or(rule.action);
        rule.expires = changes.expires.or(rule.expires);
        if let Some(apps) = changes.apps {
            rule.apps = apps;
        }
        if let Err(message) = rule.check() {
            errors.push(RuleError {
                rule: Some(changes.id),
                key: Some("override.action".to_owned()),
                message,
                ..changes.place
            });
        }
    }
    errors
}

fn hash(sources: &Sources) -> String {
    let mut texts: Vec<_> = sources.files.iter().chain(&sources.lists).collect();
    texts.sort();
    let mut digest = Sha256::new();
    for (name, text) in texts {
        // Only the name inside the folder: two machines with equal rules show equal hashes.
        let name = name.rsplit('/').next().unwrap_or(name);
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl RuleSet {
    /// How many rules decide today, for all their apps or for some, are on trial, and are past
    /// their date.
    pub fn counts(&self, today: Date) -> Counts {
        let mut counts = Counts::default();
        for rule in &self.rules {
            *match (rule.has_expired(today), rule.mode) {
                (true, _) => &mut counts.expired,
                (false, Mode::Enforce) => &mut counts.deciding,
                (false, Mode::Observe) if rule.enforced_for.contains(&AppGlob::every()) => {
                    &mut counts.deciding
                }
                (false, Mode::Observe) if rule.enforced_for.is_empty() => &mut counts.observing,
                (false, Mode::Observe) => &mut counts.deciding_for_some,
            } += 1;
        }
        counts
    }
}
