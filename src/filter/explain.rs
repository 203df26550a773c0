//! Why a rule matched, or nearly did.

use super::compile::RuleSet;
use super::condition::Condition;
use super::field::Subject;
use super::rule::{Rule, holds};
use jiff::civil::Date;
use serde::Serialize;

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    pub rule: String,
    pub title: String,
    pub reason: &'static str,
    pub action: &'static str,
    /// `enforce`, `observe`, `observe, enforced for` apps, or `expired on` a date.
    pub mode: String,
    pub file: String,
    pub line: usize,
    pub matched: bool,
    /// The block that matched, or came nearest: `any[0]`, `all`.
    pub block: String,
    /// The conditions of that block and of `all`, in order.
    pub decided: Vec<Decided>,
    /// Why it does not match although the block does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
}

/// One condition and what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    pub condition: String,
    /// The value in the violation; absent when the field is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What the value does not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    pub holds: bool,
}

impl RuleSet {
    /// The rules that match, and those that come near: in order.
    ///
    /// A rule comes near when a condition of its own holds, one that names hosts, schemes or the
    /// like; that the directive is a script's holds for half of all rules and tells nothing.
    pub fn explain(&self, subject: &Subject<'_>, today: Date) -> Vec<RuleTrace> {
        self.rules().iter().filter_map(|rule| explain_rule(rule, subject, today)).collect()
    }
}

fn explain_rule(rule: &Rule, subject: &Subject<'_>, today: Date) -> Option<RuleTrace> {
    let blocks = rule.any.iter().enumerate().map(|(at, block)| (format!("any[{at}]"), &block[..]));
    let (block, decided) = blocks
        .chain(rule.any.is_empty().then(|| ("all".to_owned(), &[][..])))
        .map(|(name, block)| (name, decide(block.iter().chain(&rule.all), subject)))
        // The block with the fewest conditions that fail; the first of several.
        .min_by_key(|(_, decided)| decided.iter().filter(|one| !one.holds).count())?;
    let holds_all = decided.iter().all(|one| one.holds);
    let is_near = || {
        let conditions = rule.any.iter().flatten().chain(&rule.all);
        conditions.into_iter().any(|condition| condition.is_telling() && condition.holds(subject))
    };
    if !holds_all && !is_near() {
        return None;
    }
    let stopped_by = if !holds_all {
        None
    } else if !rule.applies_to(subject) {
        Some("apps".to_owned())
    } else {
        rule.unless
            .iter()
            .position(|block| holds(block.iter(), subject))
            .map(|at| format!("unless[{at}]"))
    };
    Some(RuleTrace {
        rule: rule.id.clone(),
        title: rule.title.clone(),
        reason: rule.reason.name(),
        action: rule.action.name(),
        mode: rule.standing(today),
        file: rule.file.clone(),
        line: rule.line,
        matched: holds_all && stopped_by.is_none(),
        block,
        decided,
        stopped_by,
    })
}

fn decide<'c>(
    conditions: impl Iterator<Item = &'c Condition>,
    subject: &Subject<'_>,
) -> Vec<Decided> {
    conditions
        .map(|condition| Decided {
            condition: condition.written.clone(),
            value: condition
                .field
                .text(subject)
                .map(str::to_owned)
                .or_else(|| condition.field.number(subject).map(|number| number.to_string())),
            note: condition.note(subject),
            holds: condition.holds(subject),
        })
        .collect()
}
