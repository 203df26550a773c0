//! One question about one field.

use super::error::RuleError;
use super::field::{Field, FieldKind, Subject};
use super::permission::permitted;
use crate::policy::Policy;
use ipnet::IpNet;
use regex::RegexSet;
use std::borrow::Cow;
use std::net::IpAddr;

/// Texts that can be found by one hash probe.
pub type Words = std::collections::HashSet<Box<str>, foldhash::quality::RandomState>;

/// A question with its field.
#[derive(Debug, Clone)]
pub struct Condition {
    pub field: Field,
    pub test: Test,
    /// As it stands in the file, for explanations.
    pub written: String,
    /// Where it stands, should it turn out wrong.
    pub place: Box<RuleError>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub enum Test {
    /// `is`, `in`, and for hosts `under` and `list`.
    Words {
        exact: Words,
        /// Hosts that count together with everything under them.
        under: Words,
    },
    Cidr(Vec<IpNet>),
    Exists(bool),
    Starts(Vec<String>),
    Contains(Vec<String>),
    Regex(RegexSet),
    /// Of numbers: from the first up to, and without, the second.
    Range(u32, Option<u32>),
    Numbers(Vec<u32>),
    /// Of a policy: a source of it is one of these hosts, or under one.
    NamesHost(Words),
    /// Of a policy: one of these schemes is a source of it.
    NamesScheme(Words),
    /// Whether the policy permits what was blocked; where that is not sure, neither holds.
    Permits(bool),
    /// Whether the host is one of the app's own; of an app that has none, neither holds.
    Own(bool),
}

impl Condition {
    /// Whether the subject answers yes. A missing field never does, except to `exists = false`.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        match &self.test {
            Test::Numbers(numbers) => {
                self.field.number(subject).is_some_and(|number| numbers.contains(&number))
            }
            Test::Range(from, to) => self
                .field
                .number(subject)
                .is_some_and(|number| number >= *from && to.is_none_or(|to| number < to)),
            Test::Exists(wanted) => {
                let exists =
                    self.field.text(subject).is_some() || self.field.number(subject).is_some();
                exists == *wanted
            }
            Test::Own(wanted) => self.owned(subject) == Some(*wanted),
            Test::Permits(wanted) => permitted(subject.violation) == Some(*wanted),
            text_test => self.field.text(subject).is_some_and(|text| text_test.holds_for(text)),
        }
    }
}

impl Condition {
    /// Whether it may hold for what was blocked on some page, for some app and browser.
    pub fn holds_somewhere(&self, subject: &Subject<'_>) -> bool {
        if !self.field.is_about_the_violation() {
            return true;
        }
        match self.test {
            // A host is own to one app and foreign to another.
            Test::Own(_) => self.field.text(subject).is_some(),
            _ => self.holds(subject),
        }
    }

    /// Whether it holds for what was blocked on any page, for any app and browser.
    pub fn holds_everywhere(&self, subject: &Subject<'_>) -> bool {
        self.field.is_about_the_violation()
            && !matches!(self.test, Test::Own(_))
            && self.holds(subject)
    }

    fn owned(&self, subject: &Subject<'_>) -> Option<bool> {
        subject.own_hosts.owns(&subject.facts.app_name, self.field.text(subject)?)
    }

    /// Whether few violations can answer yes: it names words, not of a closed set, for what was
    /// blocked, by whom, or by which policy. Half of all visitors use one browser.
    pub fn is_telling(&self) -> bool {
        match self.test {
            Test::NamesHost(_) | Test::NamesScheme(_) => true,
            Test::Words { .. } | Test::Cidr(_) => {
                !matches!(self.field.kind(), FieldKind::Closed(_))
                    && self.field.is_about_the_violation()
            }
            _ => false,
        }
    }

    /// What else there is to say of an answer, beside the field's value.
    pub fn note(&self, subject: &Subject<'_>) -> Option<&'static str> {
        match &self.test {
            Test::Permits(_) => Some(match permitted(subject.violation) {
                Some(true) => "which permits what was blocked",
                Some(false) => "which does not permit what was blocked",
                None => "and whether that permits what was blocked is not sure",
            }),
            Test::Own(_) => self.field.text(subject).map(|_| match self.owned(subject) {
                Some(true) => "one of the app's own hosts",
                Some(false) => "none of the app's own hosts",
                None => "and the app has no [own_hosts]",
            }),
            _ => None,
        }
    }

    /// The hosts that it takes together with everything under them.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        let under = match &self.test {
            Test::Words { under, .. } => Some(under),
            _ => None,
        };
        under.into_iter().flatten().map(|host| &**host)
    }
}

impl Test {
    fn holds_for(&self, text: &str) -> bool {
        match self {
            Self::Words { exact, under } => {
                exact.contains(text)
                    || (!under.is_empty() && suffixes(text).any(|suffix| under.contains(suffix)))
            }
            Self::Cidr(networks) => text
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network| network.contains(&address))),
            Self::Starts(heads) => heads.iter().any(|head| text.starts_with(head.as_str())),
            Self::Contains(parts) => parts.iter().any(|part| text.contains(part.as_str())),
            Self::Regex(set) => set.is_match(text),
            Self::NamesHost(hosts) => Policy::new(text)
                .hosts()
                .any(|host| suffixes(&lower(host)).any(|suffix| hosts.contains(suffix))),
            Self::NamesScheme(schemes) => {
                Policy::new(text).schemes().any(|scheme| schemes.contains(&*lower(scheme)))
            }
            Self::Exists(_)
            | Self::Range(..)
            | Self::Numbers(_)
            | Self::Permits(_)
            | Self::Own(_) => false,
        }
    }

    /// Whether few violations can pass it, so that a dearer question may stand beside it.
    pub const fn is_gate(&self) -> bool {
        matches!(self, Self::Words { .. })
    }

    /// Whether it takes the policy apart, which costs more than all other questions together.
    pub const fn is_permission(&self) -> bool {
        matches!(self, Self::Permits(_))
    }
}

/// The text in lower case, as words are written.
pub fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// A host and what it stands under, label by label: `a.b.c`, `b.c`, `c`.
pub fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |rest| rest.split_once('.').map(|(_, parent)| parent))
}
