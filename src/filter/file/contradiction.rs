//! Questions that cannot all be answered with yes.
//!
//! In: the conditions of one way in which a rule may match. Out: the first that contradicts those
//! before it, where that is certain. A rule that can never match looks as if it worked.

use crate::filter::condition::{Condition, Test, Words};

/// The first condition that cannot hold together with those before it, and why.
pub fn find<'c>(conditions: &[&'c Condition]) -> Option<(&'c Condition, String)> {
    conditions.iter().enumerate().find_map(|(at, later)| {
        let same_field: Vec<_> =
            conditions[..=at].iter().filter(|one| one.field == later.field).copied().collect();
        let why = never(&same_field)?;
        let others: Vec<_> =
            same_field.iter().map(|one| format!("`{}`", short(&one.written))).collect();
        Some((*later, format!("can never hold: {} {why}", others.join(" and "))))
    })
}

/// Why conditions on one field exclude each other.
fn never(conditions: &[&Condition]) -> Option<&'static str> {
    let is_missing = |one: &&&Condition| matches!(one.test, Test::Exists(false));
    if conditions.iter().any(|one| is_missing(&one))
        && !conditions.iter().all(|one| is_missing(&one))
    {
        return Some("cannot both be: a field that is missing has no value");
    }
    if !has_number(conditions) {
        return Some("leave no number");
    }
    if !has_word(conditions) {
        return Some("have no word in common");
    }
    None
}

fn has_number(conditions: &[&Condition]) -> bool {
    let (mut from, mut to) = (0, u64::from(u32::MAX) + 1);
    let mut asks = false;
    for condition in conditions {
        if let Test::Range(least, below) = condition.test {
            asks = true;
            from = from.max(u64::from(least));
            to = below.map_or(to, |below| to.min(u64::from(below)));
        }
    }
    let mut lists = conditions.iter().filter_map(|condition| match &condition.test {
        Test::Numbers(numbers) => Some(numbers),
        _ => None,
    });
    let Some(first) = lists.next() else { return !asks || from < to };
    let rest: Vec<_> = lists.collect();
    first.iter().any(|number| {
        (from..to).contains(&u64::from(*number)) && rest.iter().all(|list| list.contains(number))
    })
}

/// Whether some word is in all sets. Sets of hosts with all below them are left alone.
fn has_word(conditions: &[&Condition]) -> bool {
    let mut sets = conditions.iter().filter_map(|condition| match &condition.test {
        Test::Words { exact, under } if under.is_empty() => Some(exact),
        _ => None,
    });
    let Some(first) = sets.next() else { return true };
    let rest: Vec<&Words> = sets.collect();
    first.iter().any(|word| rest.iter().all(|set| set.contains(word)))
}

fn short(written: &str) -> String {
    let mut shown: String = written.chars().take(60).collect();
    if shown.len() < written.len() {
        shown.push('…');
    }
    shown
}
