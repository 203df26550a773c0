//! Files → one rule set, whole or not at all.

use super::error::{RuleError, in_order};
use super::field::{Field, Subject};
use super::file::{self, enforce, overrides};
use super::index::Index;
use super::own_hosts::OwnHosts;
use super::rule::{Action, AppGlob, Mode, Rule};
use super::value::Lists;
use crate::report::{Facts, Violation};
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// The texts that a rule set is made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Where they come from, as people know it: a folder, or "built in".
    pub origin: String,
    /// Names and texts of the rule files, `*.toml`.
    pub files: Vec<(String, String)>,
    /// Names and texts of everything else: list files.
    pub lists: Vec<(String, String)>,
    /// What could not be read, and why.
    pub unreadable: Vec<RuleError>,
}

/// Rules in the order in which they decide, and the way to find them.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    index: Index,
    own_hosts: OwnHosts,
    /// The ids of rules that overrides removed, and where these stand.
    switched_off: Vec<(String, RuleError)>,
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
    /// Every mistake that was found, in the order of files and lines. There is no rule set then.
    pub fn compile(sources: &Sources) -> Result<Self, Vec<RuleError>> {
        let (rules, errors) = Self::compile_what_is_right(sources);
        if errors.is_empty() { Ok(rules) } else { Err(in_order(errors)) }
    }

    /// The rules that are right, and what is wrong with the others. Only without a mistake may
    /// such a set judge; it is for finding all that is wrong at once.
    pub fn compile_what_is_right(sources: &Sources) -> (Self, Vec<RuleError>) {
        let mut rules: Vec<Rule> = Vec::new();
        let mut changes = Vec::new();
        let mut enforcements = Vec::new();
        let mut own_hosts = OwnHosts::default();
        let mut errors = sources.unreadable.clone();
        let mut is_whole = errors.is_empty();
        for (name, text) in &sources.files {
            let lists = ListFiles::beside(name, sources);
            let find = |list: &str| lists.find(list);
            let read = file::read(name, text, &Lists { find: &find, names: &lists.names() });
            rules.extend(read.rules);
            changes.extend(read.overrides);
            enforcements.extend(read.enforcements);
            errors.extend(own_hosts.add(read.own_hosts));
            errors.extend(read.errors);
            is_whole &= read.is_whole;
        }
        errors.extend(duplicates(&rules));
        let broken: HashSet<String> =
            errors.iter().filter_map(|error| error.rule.clone()).collect();
        // A file that could not be read may hold the rule that a line of another is about.
        let is_known = |id: &str| !is_whole || broken.contains(id);
        let mut switched_off = Vec::new();
        errors.extend(overrides::apply(changes, &mut rules, &mut switched_off, is_known));
        errors.extend(enforce::apply(
            enforcements,
            &mut rules,
            &own_hosts,
            &switched_off,
            is_known,
        ));
        errors.extend(rules.iter().filter_map(trusts_a_sample));
        rules.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        let set = Self {
            index: Index::build(&rules),
            rules,
            own_hosts,
            switched_off,
            hash: hash(sources),
            origin: sources.origin.clone(),
        };
        (set, errors)
    }

    /// All rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Where an override has switched a rule off: file and line.
    pub fn switched_off(&self, rule: &str) -> Option<(&str, usize)> {
        let (_, place) = self.switched_off.iter().find(|(id, _)| id == rule)?;
        Some((&place.file, place.line.unwrap_or(1)))
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

/// The list files of one rule file: those that stand beside it.
struct ListFiles<'s> {
    /// Their full names begin with it.
    folder: String,
    all: &'s [(String, String)],
}

impl<'s> ListFiles<'s> {
    fn beside(rule_file: &str, sources: &'s Sources) -> Self {
        let folder = rule_file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Self { folder, all: &sources.lists }
    }

    fn find(&self, list: &str) -> Option<(String, String)> {
        let beside = format!("{}{list}", self.folder);
        self.all.iter().find(|(name, _)| *name == beside).cloned()
    }

    fn names(&self) -> Vec<&'s str> {
        let beside = |name: &'s str| name.strip_prefix(&self.folder).filter(|n| !n.contains('/'));
        self.all.iter().filter_map(|(name, _)| beside(name)).collect()
    }
}

fn duplicates(rules: &[Rule]) -> Vec<RuleError> {
    let mut seen: HashMap<&str, &Rule> = HashMap::new();
    let mut errors = Vec::new();
    for rule in rules {
        if let Some(first) = seen.get(rule.id.as_str()) {
            errors.push(rule.error(
                "id",
                format!(
                    "the id is taken by {}:{}; to change that rule write [[override]]",
                    first.file, first.line
                ),
            ));
        } else {
            seen.insert(&rule.id, rule);
        }
    }
    errors
}

/// A sample is text of the attacker's choice: a rule that filters by it is a way to hide.
fn trusts_a_sample(rule: &Rule) -> Option<RuleError> {
    let mut asked = rule.any.iter().flatten().chain(&rule.all);
    let sample = asked.find(|condition| condition.field == Field::Sample)?;
    (rule.action == Action::Filter).then(|| {
        rule.error_at(
            &sample.place,
            "sample",
            "a rule that filters may not go by the sample, which an attacker writes; use \
             action = \"label\"",
        )
    })
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
