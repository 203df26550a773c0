//! How often each rule matches what is stored, by day.

use super::Replayed;
use crate::filter::RuleSet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

/// Hits of every rule of a set, those without any included.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Hits {
    by_rule: BTreeMap<String, BTreeMap<Date, Day>>,
}

/// What one rule did on one day (UTC, by receipt).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Violations that it matches as it stands now.
    pub matches: u64,
    /// Violations that were stored as filtered by it.
    pub filtered: u64,
    /// Violations that were stored as what it would have filtered, while it was on trial.
    pub observed: u64,
}

impl Hits {
    /// No hits yet, for each rule of a set.
    pub fn new(rules: &RuleSet) -> Self {
        let by_rule = rules.rules().iter().map(|rule| (rule.id.clone(), BTreeMap::new())).collect();
        Self { by_rule }
    }

    /// Counts one violation.
    pub fn add(&mut self, rules: &RuleSet, replayed: &Replayed<'_>) {
        let date = TimeZone::UTC.to_datetime(replayed.record.received_at).date();
        let mut on_that_day = |rule: &str, count: fn(&mut Day)| {
            if let Some(days) = self.by_rule.get_mut(rule) {
                count(days.entry(date).or_default());
            }
        };
        let subject = rules.subject(replayed.violation, replayed.facts);
        for rule in rules.matching(&subject) {
            on_that_day(&rule.id, |day| day.matches += 1);
        }
        if let Some(rule) = replayed.record.filter_rule.as_deref() {
            on_that_day(rule, |day| day.filtered += 1);
        }
        for rule in replayed.record.observed() {
            on_that_day(rule, |day| day.observed += 1);
        }
    }

    /// The days on which a rule did anything, oldest first; nothing for a rule of another set.
    pub fn of(&self, rule: &str) -> impl Iterator<Item = (Date, Day)> {
        self.by_rule.get(rule).into_iter().flatten().map(|(date, day)| (*date, *day))
    }

    /// The rules that match nothing of it all, in the order of their ids.
    pub fn never_matched(&self) -> impl Iterator<Item = &str> {
        let never = |days: &BTreeMap<Date, Day>| days.values().all(|day| day.matches == 0);
        self.by_rule.iter().filter(move |(_, days)| never(days)).map(|(rule, _)| rule.as_str())
    }
}
