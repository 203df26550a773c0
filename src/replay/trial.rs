//! What a changed rule set would move, before it is live.

use super::{Replayed, StoredRecord};
use crate::filter::RuleSet;
use crate::report::{Blocked, DirectiveName, Facts, Verdict};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What a rule set is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Baseline<'b> {
    /// Other rules, asked about the same violations.
    Rules(&'b RuleSet),
    /// The decisions of then, as they stand in the records.
    Stored,
}

/// A comparison, growing with every violation that it is shown.
#[derive(Debug)]
pub struct Trial<'t> {
    rules: &'t RuleSet,
    baseline: Baseline<'t>,
    today: Date,
    /// Violations that get another decision.
    moves: BTreeMap<MoveKey, Effect>,
    /// Violations that a rule on trial would filter, and would not before.
    observed: BTreeMap<MoveKey, Effect>,
    /// By label: how many violations gain it, and how many lose it.
    labels: BTreeMap<String, (u64, u64)>,
    unchanged: u64,
}

/// Violations of one application under one directive that move alike.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    pub app_name: String,
    /// Absent where the directive is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation_type: Option<String>,
    /// The decision before.
    pub from: Decision,
    pub to: Decision,
    pub reports: u64,
    /// A few of them, each of another fingerprint.
    pub specimens: Vec<Specimen>,
}

/// Clean, or filtered by a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "stream", content = "filter_rule", rename_all = "snake_case")]
pub enum Decision {
    Clean,
    Filtered(String),
}

/// One violation, to be looked at by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Specimen {
    pub id: Uuid,
    #[serde(rename = "@timestamp")]
    pub timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_file: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MoveKey {
    app_name: String,
    violation_type: Option<String>,
    from: Decision,
    to: Decision,
}

#[derive(Debug, Default)]
struct Effect {
    reports: u64,
    specimens: Vec<Specimen>,
    fingerprints: BTreeSet<[u8; 16]>,
}

/// What was decided about one violation.
struct Decided {
    decision: Decision,
    observed: BTreeSet<String>,
    labels: BTreeSet<String>,
}

impl<'t> Trial<'t> {
    /// Compares `rules` with a baseline. `today` decides which rules are past their date.
    pub fn new(rules: &'t RuleSet, baseline: Baseline<'t>, today: Date) -> Self {
        Self {
            rules,
            baseline,
            today,
            moves: BTreeMap::new(),
            observed: BTreeMap::new(),
            labels: BTreeMap::new(),
            unchanged: 0,
        }
    }

    /// Judges one violation by both.
    pub fn add(&mut self, replayed: &Replayed<'_>) {
        let judge = |rules: &RuleSet| {
            let subject = rules.subject(replayed.violation, replayed.facts);
            Decided::by(&rules.judge(&subject, self.today))
        };
        let before = match self.baseline {
            Baseline::Rules(rules) => judge(rules),
            Baseline::Stored => Decided::stored(replayed.record),
        };
        let after = judge(self.rules);
        let mut is_unchanged = before.decision == after.decision;
        if is_unchanged {
            for rule in after.observed.difference(&before.observed) {
                is_unchanged = false;
                let to = Decision::Filtered(rule.clone());
                let key = MoveKey::new(replayed.facts, before.decision.clone(), to);
                self.observed.entry(key).or_default().add(replayed);
            }
        } else {
            let key = MoveKey::new(replayed.facts, before.decision, after.decision);
            self.moves.entry(key).or_default().add(replayed);
        }
        for label in after.labels.difference(&before.labels) {
            is_unchanged = false;
            self.labels.entry(label.clone()).or_default().0 += 1;
        }
        for label in before.labels.difference(&after.labels) {
            is_unchanged = false;
            self.labels.entry(label.clone()).or_default().1 += 1;
        }
        self.unchanged += u64::from(is_unchanged);
    }

    /// Violations that get another decision: from clean to filtered first, then from filtered to
    /// clean, then those that another rule filters; among these the most first.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = listed(&self.moves);
        moves.sort_by_key(|one| match (&one.from, &one.to) {
            (_, Decision::Clean) => 1,
            (Decision::Clean, _) => 0,
            (Decision::Filtered(_), _) => 2,
        });
        moves
    }

    /// Violations that stay where they are, and that a rule on trial would now filter.
    pub fn observed(&self) -> Vec<Move> {
        listed(&self.observed)
    }

    /// Labels that violations gain or lose, with how many do.
    pub fn labels(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.labels.iter().map(|(label, (gained, lost))| (label.as_str(), *gained, *lost))
    }

    /// Violations of which nothing changes.
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }
}

impl Decided {
    fn by(verdict: &Verdict<'_>) -> Self {
        Self {
            decision: match verdict.filtered_by {
                Some(matched) => Decision::Filtered(matched.rule.to_owned()),
                None => Decision::Clean,
            },
            observed: verdict.observed.iter().map(|matched| matched.rule.to_owned()).collect(),
            labels: verdict.tags.iter().map(|&tag| tag.to_owned()).collect(),
        }
    }

    fn stored(record: &StoredRecord<'_>) -> Self {
        Self {
            decision: record.decision(),
            observed: record.observed().map(str::to_owned).collect(),
            labels: record.labels().map(str::to_owned).collect(),
        }
    }
}

impl MoveKey {
    fn new(facts: &Facts<'_>, from: Decision, to: Decision) -> Self {
        let directive = facts.violation_type.as_ref().map(DirectiveName::name);
        Self {
            app_name: facts.app_name.clone().into_owned(),
            violation_type: directive.map(str::to_owned),
            from,
            to,
        }
    }
}

impl Effect {
    fn add(&mut self, replayed: &Replayed<'_>) {
        self.reports += 1;
        let mut is_new = || self.fingerprints.insert(replayed.facts.fingerprint.0);
        if self.specimens.len() < MAX_SPECIMENS && is_new() {
            self.specimens.push(Specimen::of(replayed));
        }
    }
}

impl Specimen {
    fn of(replayed: &Replayed<'_>) -> Self {
        let violation = replayed.violation;
        Self {
            id: replayed.record.id,
            timestamp: replayed.record.timestamp,
            blocked_uri: Blocked::text(&violation.blocked).map(str::to_owned),
            document_uri: violation.document.as_ref().map(|page| page.text().to_owned()),
            source_file: violation.source.as_ref().map(|source| source.text().to_owned()),
        }
    }
}

/// The groups with the most reports first.
fn listed(groups: &BTreeMap<MoveKey, Effect>) -> Vec<Move> {
    let mut moves: Vec<_> = groups
        .iter()
        .map(|(key, effect)| Move {
            app_name: key.app_name.clone(),
            violation_type: key.violation_type.clone(),
            from: key.from.clone(),
            to: key.to.clone(),
            reports: effect.reports,
            specimens: effect.specimens.clone(),
        })
        .collect();
    moves.sort_by_key(|one| std::cmp::Reverse(one.reports));
    moves
}

/// How many violations of a group are shown.
const MAX_SPECIMENS: usize = 3;
