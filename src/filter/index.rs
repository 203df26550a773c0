//! Finding the rules that may match, without asking them all.
//!
//! Every way in which a rule can match has a set of words that one of its fields must be in. The
//! words lead back to it: for each such field of a violation one hash probe, for hosts one a
//! label. The number of rules, and of hosts in their lists, does not matter. A way that asks for a
//! source of the policy and for no word waits for that source: the policy is walked once for all
//! of them. Only what asks for neither is tried every time.

use super::condition::{Condition, Test, Words, lower, suffixes};
use super::field::{Field, FieldKind, Subject};
use super::rule::{Rule, holds};
use crate::policy::Policy;
use std::collections::HashMap;

/// The ways in which rules can match, by the words that they wait for.
#[derive(Debug, Default)]
pub struct Index {
    ways: Vec<Way>,
    by_field: Vec<FieldIndex>,
    /// Hosts that stand in policies, with everything under them.
    policy_hosts: Waiting,
    policy_schemes: Waiting,
    /// Ways that wait for no word.
    always: Vec<usize>,
}

/// One way in which one rule can match.
#[derive(Debug)]
struct Way {
    /// Its place in the rule set.
    rule: usize,
    /// Which block of `any`, if the rule has some.
    any: Option<usize>,
}

#[derive(Debug)]
struct FieldIndex {
    field: Field,
    exact: Waiting,
    under: Waiting,
}

/// Words, and the ways that wait for them.
type Waiting = HashMap<Box<str>, Vec<usize>, foldhash::quality::RandomState>;

impl Index {
    /// Builds the index of a sorted list of rules.
    pub fn build(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            let blocks: Vec<Option<usize>> = if rule.any.is_empty() {
                vec![None]
            } else {
                (0..rule.any.len()).map(Some).collect()
            };
            for any in blocks {
                let way = index.ways.len();
                index.ways.push(Way { rule: place, any });
                let block = any.map_or(&[][..], |any| &rule.any[any]);
                let conditions = block.iter().chain(&rule.all);
                if let Some((field, exact, under)) = anchor(conditions.clone()) {
                    index.wait(way, field, exact, under);
                    continue;
                }
                let names =
                    |test: &&Test| matches!(test, Test::NamesHost(_) | Test::NamesScheme(_));
                match conditions.map(|condition| &condition.test).find(names) {
                    Some(Test::NamesHost(hosts)) => {
                        wait_for(&mut index.policy_hosts, hosts, way);
                    }
                    Some(Test::NamesScheme(schemes)) => {
                        wait_for(&mut index.policy_schemes, schemes, way);
                    }
                    _ => index.always.push(way),
                }
            }
        }
        index
    }

    /// The places of the rules that match, in order and without repetition.
    pub fn matching(&self, rules: &[Rule], subject: &Subject<'_>) -> Vec<usize> {
        let mut matching = Vec::new();
        let mut try_way = |way: usize| {
            let Way { rule: place, any } = self.ways[way];
            let rule = &rules[place];
            let block: &[Condition] = any.map_or(&[], |any| &rule.any[any]);
            if holds(block.iter().chain(&rule.all), subject)
                && rule.applies_to(subject)
                && !rule.is_excepted(subject)
            {
                matching.push(place);
            }
        };
        for field_index in &self.by_field {
            let Some(text) = field_index.field.text(subject) else { continue };
            let exact = field_index.exact.get(text).into_iter();
            exact.flatten().copied().for_each(&mut try_way);
            if !field_index.under.is_empty() {
                for suffix in suffixes(text) {
                    let under = field_index.under.get(suffix).into_iter();
                    under.flatten().copied().for_each(&mut try_way);
                }
            }
        }
        self.named_by_policy(subject).into_iter().for_each(&mut try_way);
        self.always.iter().copied().for_each(try_way);
        matching.sort_unstable();
        matching.dedup();
        matching
    }

    /// The ways that wait for what the policy names, each once: to ask one walks the policy again.
    fn named_by_policy(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut ways = Vec::new();
        let Some(policy) = Field::OriginalPolicy.text(subject).map(Policy::new) else {
            return ways;
        };
        let mut add = |found: Option<&Vec<usize>>| {
            for &way in found.into_iter().flatten() {
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
        };
        if !self.policy_hosts.is_empty() {
            for host in policy.hosts() {
                suffixes(&lower(host)).for_each(|suffix| add(self.policy_hosts.get(suffix)));
            }
        }
        if !self.policy_schemes.is_empty() {
            policy.schemes().for_each(|scheme| add(self.policy_schemes.get(&*lower(scheme))));
        }
        ways
    }

    fn wait(&mut self, way: usize, field: Field, exact: &Words, under: &Words) {
        let at = match self.by_field.iter().position(|index| index.field == field) {
            Some(at) => at,
            None => {
                self.by_field.push(FieldIndex {
                    field,
                    exact: HashMap::default(),
                    under: HashMap::default(),
                });
                self.by_field.len() - 1
            }
        };
        let index = &mut self.by_field[at];
        wait_for(&mut index.exact, exact, way);
        wait_for(&mut index.under, under, way);
    }
}

fn wait_for(waiting: &mut Waiting, words: &Words, way: usize) {
    for word in words {
        waiting.entry(word.clone()).or_default().push(way);
    }
}

/// The condition that rules out most: a host before a scheme before a word of a closed set.
fn anchor<'c>(
    conditions: impl Iterator<Item = &'c Condition>,
) -> Option<(Field, &'c Words, &'c Words)> {
    conditions
        .filter_map(|condition| match &condition.test {
            Test::Words { exact, under } => Some((condition.field, exact, under)),
            _ => None,
        })
        .min_by_key(|(field, ..)| match field.kind() {
            FieldKind::Host => 0,
            FieldKind::Domain | FieldKind::Keyword => 1,
            FieldKind::Closed(set) if !set.is_coarse() => 1,
            FieldKind::Scheme => 2,
            FieldKind::Path => 3,
            FieldKind::Closed(_) => 4,
            FieldKind::Number | FieldKind::Text | FieldKind::Policy => 5,
        })
}
