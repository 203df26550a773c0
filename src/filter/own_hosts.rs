//! The hosts that a site calls its own, by app.
//!
//! In: `[own_hosts]` of the rule files, an app's name or glob with its hosts. Out: for a host and
//! an app, whether it is one of them. An app that nobody wrote a list for has none: what is
//! foreign to it is not known, and nothing is said.

use super::condition::{Words, suffixes};
use super::error::{RuleError, all};
use super::rule::AppGlob;
use super::spelling::quoted;
use super::toml::Node;
use super::value;

/// The lists of all apps.
#[derive(Debug, Clone, Default)]
pub struct OwnHosts {
    lists: Vec<List>,
}

/// The hosts of the apps that a glob matches.
#[derive(Debug, Clone)]
struct List {
    apps: AppGlob,
    /// Each counts together with everything under it.
    hosts: Words,
    /// Where it stands.
    place: RuleError,
}

impl OwnHosts {
    /// No list for any app.
    pub const NONE: &'static Self = &Self { lists: Vec::new() };

    /// Whether a host is one of an app's own; `None` when the app has no list. Lists of several
    /// globs add up.
    pub fn owns(&self, app: &str, host: &str) -> Option<bool> {
        let mut lists = self.lists.iter().filter(|list| list.apps.matches(app)).peekable();
        lists.peek()?;
        Some(lists.any(|list| suffixes(host).any(|suffix| list.hosts.contains(suffix))))
    }

    /// The globs that have lists, file by file, and how many hosts each has.
    pub fn apps(&self) -> impl Iterator<Item = (&AppGlob, usize)> {
        self.lists.iter().map(|list| (&list.apps, list.hosts.len()))
    }

    /// Each host, and where its list stands.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, &RuleError)> {
        self.lists.iter().flat_map(|list| list.hosts.iter().map(move |host| (&**host, &list.place)))
    }

    /// Reads `[own_hosts]`.
    pub fn read(value: &Node<'_>) -> Result<Self, Vec<RuleError>> {
        let pairs = value.pairs()?;
        let lists = all(pairs.iter().map(|pair| {
            let place = pair.value.error_at(pair.key_start, "");
            let name = || format!("own_hosts.{}", pair.key);
            let Some(apps) = AppGlob::parse(pair.key) else {
                let message = format!("{} is no app name with at most one `*`", quoted(pair.key));
                return Err(vec![place.saying(message).under(name)]);
            };
            match value::hosts(&pair.value) {
                Ok(hosts) => Ok(List { apps, hosts, place }),
                Err(errors) => Err(errors.into_iter().map(|error| error.under(name)).collect()),
            }
        }))?;
        Ok(Self { lists })
    }

    /// Reads the list that an example brings along, for whatever app it is of.
    pub fn read_of_example(value: &Node<'_>) -> Result<Self, Vec<RuleError>> {
        let hosts = value::hosts(value)?;
        Ok(Self { lists: vec![List { apps: AppGlob::every(), hosts, place: value.error("") }] })
    }

    /// Takes the lists of another file in. A glob has one list: two might be a slip of the hand.
    pub fn add(&mut self, other: Self) -> Vec<RuleError> {
        let mut errors = Vec::new();
        for list in other.lists {
            match self.lists.iter().find(|first| first.apps == list.apps) {
                Some(first) => errors.push(RuleError {
                    key: Some(format!("own_hosts.{}", list.apps)),
                    message: format!(
                        "the app has a list of own hosts in {}:{}; put all of them there",
                        first.place.file,
                        first.place.line.unwrap_or(1),
                    ),
                    ..list.place
                }),
                None => self.lists.push(list),
            }
        }
        errors
    }
}
