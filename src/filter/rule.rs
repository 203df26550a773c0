//! A rule, ready to be asked.

use super::condition::{Condition, Test};
use super::error::RuleError;
use super::example::Example;
use super::field::{Field, Subject};
use super::keys::RuleKey;
use crate::report::{Reason, closed_set};
use jiff::civil::Date;
use std::fmt;

closed_set! {
    /// What happens to a violation that a rule matches.
    Action {
        /// No other rule may filter it.
        Keep = "keep",
        /// It goes to the filtered stream.
        Filter = "filter",
        /// It gets the rule's tags.
        Label = "label",
    }
}

closed_set! {
    /// Whether a rule decides.
    Mode {
        Enforce = "enforce",
        /// It only shows what it would have done.
        Observe = "observe",
    }
}

/// One noise rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub title: String,
    pub reason: Reason,
    pub action: Action,
    pub mode: Mode,
    /// The apps for which it decides although it is on trial.
    pub enforced_for: Vec<AppGlob>,
    pub priority: i64,
    pub apps: Vec<AppGlob>,
    /// The same as the rule's own file says it, before any override: its examples are of these.
    pub written_apps: Vec<AppGlob>,
    pub tags: Vec<String>,
    pub evidence: Vec<String>,
    /// After this day a filter rule only observes.
    pub expires: Option<Date>,
    /// Canaries that it may match, by name.
    pub may_match_canary: Vec<String>,
    pub file: String,
    pub line: usize,
    /// Where it begins.
    pub place: Box<RuleError>,
    /// One of these must hold, if there are any.
    pub any: Vec<Block>,
    /// This must hold.
    pub all: Block,
    /// None of these may hold.
    pub unless: Vec<Block>,
    pub examples: Vec<Example>,
}

/// Questions that must all be answered with yes.
pub type Block = Vec<Condition>;

/// An application's name, with at most one `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppGlob {
    head: String,
    /// Absent when the name is meant exactly.
    tail: Option<String>,
}

impl Rule {
    /// A mistake of this rule that no single place in its file shows.
    pub fn error(&self, key: &str, message: impl Into<String>) -> RuleError {
        self.error_at(&self.place, key, message)
    }

    /// A mistake of this rule at a place in its file.
    pub fn error_at(&self, place: &RuleError, key: &str, message: impl Into<String>) -> RuleError {
        RuleError {
            rule: Some(self.id.clone()),
            key: Some(key.to_owned()),
            message: message.into(),
            ..place.clone()
        }
    }

    /// Says what is wrong with the rule as a whole, and which key it is about.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let mut say = |key: RuleKey, message: &str| wrong.push((key.name(), message.to_owned()));
        if self.any.is_empty() && self.all.is_empty() {
            say(
                RuleKey::Any,
                "asks nothing: it needs `any` or `all`, as in [[rule.any]] with a line such as \
                 blocked_host = { under = \"ads.example\" }",
            );
        }
        if self.evidence.is_empty() {
            say(RuleKey::Evidence, "an empty list: say where this was seen or explained");
        }
        if self.action == Action::Label && self.tags.is_empty() {
            say(RuleKey::Action, "a rule that labels needs `tags`, as in tags = [\"odd\"]");
        }
        let count = |matches| self.examples.iter().filter(|one| one.matches == matches).count();
        if count(true) == 0 {
            say(RuleKey::Example, "an example with `match = true` is missing");
        }
        // One lookalike and one neighbour keep a rule from growing over what it was meant for.
        match (self.action, count(false)) {
            (Action::Filter, found @ (0 | 1)) => say(
                RuleKey::Example,
                &format!(
                    "a rule that filters needs two examples with `match = false`, and has {}: a \
                     lookalike and a neighbour of what it is meant for",
                    if found == 0 { "none" } else { "one" }
                ),
            ),
            (_, 0) => say(RuleKey::Example, "an example with `match = false` is missing"),
            _ => {}
        }
        wrong
    }

    /// Whether the rule matches, asked the long way; the index gives the same answer faster.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.applies_to(subject) && self.matches_any_app(subject)
    }

    /// The same, for the applications that the rule's own file names.
    pub fn matches_as_written(&self, subject: &Subject<'_>) -> bool {
        is_meant(&self.written_apps, subject) && self.matches_any_app(subject)
    }

    /// Whether the rule would match what was blocked and its source on some page, for some app
    /// and browser: everything else that it asks for is taken to be so.
    pub fn matches_somewhere(&self, subject: &Subject<'_>) -> bool {
        let may_hold =
            |block: &Block| block.iter().all(|condition| condition.holds_somewhere(subject));
        let holds_always =
            |block: &Block| block.iter().all(|condition| condition.holds_everywhere(subject));
        may_hold(&self.all)
            && (self.any.is_empty() || self.any.iter().any(may_hold))
            && !self.unless.iter().any(holds_always)
    }

    fn matches_any_app(&self, subject: &Subject<'_>) -> bool {
        let with_all = |block: &Block| holds(block.iter().chain(&self.all), subject);
        let matches = if self.any.is_empty() {
            holds(self.all.iter(), subject)
        } else {
            self.any.iter().any(with_all)
        };
        matches && !self.is_excepted(subject)
    }

    /// Whether every way to match leads over the app's own hosts.
    pub fn asks_own_hosts(&self) -> bool {
        let asks = |block: &Block| block.iter().any(|one| matches!(one.test, Test::Own(_)));
        asks(&self.all) || (!self.any.is_empty() && self.any.iter().all(asks))
    }

    /// Whether the rule is meant for the subject's application.
    pub fn applies_to(&self, subject: &Subject<'_>) -> bool {
        is_meant(&self.apps, subject)
    }

    pub fn is_excepted(&self, subject: &Subject<'_>) -> bool {
        self.unless.iter().any(|block| holds(block.iter(), subject))
    }

    /// Whether the rule only shows what it would do, for the subject's application.
    pub fn is_on_trial(&self, subject: &Subject<'_>, today: Date) -> bool {
        self.has_expired(today)
            || self.mode == Mode::Observe && !is_meant(&self.enforced_for, subject)
    }

    /// What the rule does today, for people: `enforce`, `observe`, `observe, enforced for` apps,
    /// `expired on` a date.
    pub fn standing(&self, today: Date) -> String {
        match (self.expires, self.mode) {
            (Some(expires), _) if self.has_expired(today) => format!("expired on {expires}"),
            (_, Mode::Enforce) => "enforce".to_owned(),
            (_, Mode::Observe) if self.enforced_for.is_empty() => "observe".to_owned(),
            (_, Mode::Observe) => {
                let apps: Vec<_> = self.enforced_for.iter().map(ToString::to_string).collect();
                format!("observe, enforced for {}", apps.join(", "))
            }
        }
    }

    /// Whether the rule's last day is over.
    pub fn has_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|expires| today > expires)
    }
}

fn is_meant(apps: &[AppGlob], subject: &Subject<'_>) -> bool {
    let app = Field::AppName.text(subject).unwrap_or("");
    apps.iter().any(|glob| glob.matches(app))
}

/// Whether every condition holds. What is dear to ask is asked last.
pub fn holds<'c>(
    conditions: impl Iterator<Item = &'c Condition> + Clone,
    subject: &Subject<'_>,
) -> bool {
    let is_dear = |condition: &&Condition| condition.test.is_permission();
    conditions.clone().filter(|one| !is_dear(one)).all(|condition| condition.holds(subject))
        && conditions.filter(is_dear).all(|condition| condition.holds(subject))
}

impl AppGlob {
    /// `*`.
    pub const fn every() -> Self {
        Self { head: String::new(), tail: Some(String::new()) }
    }

    /// The name, if it is meant exactly.
    pub fn exact(&self) -> Option<&str> {
        self.tail.is_none().then_some(&*self.head)
    }

    /// Reads `*`, `shop`, `shop-*`; `None` for more than one star or none of a name.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, tail) = match text.split_once('*') {
            Some((head, tail)) => (head, Some(tail)),
            None => (text, None),
        };
        // A part of a name may be nothing but a hyphen.
        let is_name =
            |part: &str| part.is_empty() || crate::report::is_app_name(&format!("a{part}"));
        let is_glob = !text.is_empty() && is_name(head) && tail.is_none_or(is_name);
        is_glob.then(|| Self { head: head.to_owned(), tail: tail.map(str::to_owned) })
    }

    pub fn matches(&self, app: &str) -> bool {
        match &self.tail {
            None => app == self.head,
            Some(tail) => app
                .strip_prefix(self.head.as_str())
                .is_some_and(|rest| rest.ends_with(tail.as_str())),
        }
    }
}

impl fmt::Display for AppGlob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tail {
            None => out.write_str(&self.head),
            Some(tail) => write!(out, "{}*{tail}", self.head),
        }
    }
}
