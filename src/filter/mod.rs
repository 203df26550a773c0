//! Violation and facts → verdict.
//!
//! In: a [`Subject`] and a [`RuleSet`]. Out: a [`Verdict`]: clean or filtered, by which rule, with
//! which labels. Rules are data, under `filters/`; the folder `file` knows how they are written and
//! what editors may know of that; this one what they may ask (`field`), how it is answered
//! (`condition`), how they are put together (`compile`), found (`index`) and explained (`explain`).
//! What a site says of its hosts stands in `own_hosts`; what a policy says of the violation in
//! `permission`.
//!
//! Order: rules stand sorted by priority and id, so that the order of files does not matter. A
//! matching `keep` rule beats every `filter` rule; among these the first gives the reason. A rule
//! on trial, or past its date, decides nothing, and is named on the record.
//!
//! Evaluation cannot fail: a missing field matches nothing. It never reads a file; `proof` runs
//! the examples, `reload` reads the folder.

mod compile;
mod condition;
mod error;
mod example;
mod explain;
mod field;
mod file;
mod index;
mod keys;
mod own_hosts;
mod permission;
mod rule;
mod shipped;
mod spelling;
#[cfg(test)]
mod tests;
mod toml;
mod value;

pub use compile::{Counts, RuleSet, Sources};
pub use condition::Condition;
pub use error::{RuleError, counted, in_order, told};
pub use example::{Canary, Example, canaries};
pub use explain::{Decided, RuleTrace};
pub use field::{Field, FieldKind, Subject};
pub use file::schema::json_schema;
pub use own_hosts::OwnHosts;
pub use rule::{Action, AppGlob, Block, Mode, Rule};
pub use shipped::{FILES as SHIPPED_FILES, shipped};
pub use spelling::nearest;

use crate::report::{Matched, Verdict};
use jiff::civil::Date;

impl RuleSet {
    /// Judges one violation. `today` decides which rules are past their date.
    pub fn judge<'r>(&'r self, subject: &Subject<'_>, today: Date) -> Verdict<'r> {
        let mut verdict = Verdict::default();
        for rule in self.matching(subject) {
            let matched = Matched { rule: &rule.id, reason: rule.reason };
            if rule.is_on_trial(subject, today) {
                // A rule that keeps or labels shows nothing as long as it does not decide.
                if rule.action == Action::Filter {
                    verdict.observed.push(matched);
                }
                continue;
            }
            for tag in &rule.tags {
                if !verdict.tags.contains(&tag.as_str()) {
                    verdict.tags.push(tag);
                }
            }
            match rule.action {
                Action::Label => {}
                Action::Keep => {
                    verdict.kept_by.get_or_insert(matched);
                }
                Action::Filter => {
                    verdict.filtered_by.get_or_insert(matched);
                }
            }
        }
        if verdict.kept_by.is_some() {
            verdict.filtered_by = None;
            verdict.observed.clear();
        }
        verdict
    }
}
