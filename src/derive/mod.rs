//! Violation + delivery → facts.
//!
//! In: what was violated, and what the HTTP request said around it. Out: the fields by which
//! people query: application, hosts and domains, classification, browser, fingerprint. Everything
//! here follows from its input; the time of receipt comes in with the delivery.
//!
//! It never changes what the browser said, and never decides what is noise.

mod classify;
mod domain;
mod fingerprint;
mod settings;
mod smuggled;
#[cfg(test)]
mod tests;
mod user_agent;

pub use domain::ListError;
pub use settings::Settings;

use crate::policy::policy_key;
use crate::report::{
    Address, Agent, Blocked, Delivery, DirectiveName, Disposition, Facts, PolicyHash, Relation,
    Violation,
};
use domain::Domains;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use smuggled::Smuggled;
use std::borrow::Cow;

/// What deriving needs besides its input, made once.
pub struct Deriver {
    domains: Domains,
    settings: Settings,
    /// What was read from user agents. A site sees the same few over and over, and reading one
    /// costs more than all the rest of a report.
    agents: Cache<String, Agent>,
}

/// What is known of a report that is no violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFacts<'v> {
    pub timestamp: Timestamp,
    pub app_name: Cow<'v, str>,
    pub report_domain: Option<&'v str>,
    pub user_agent: Option<&'v str>,
    pub agent: Agent,
}

impl Deriver {
    /// Reads the list of public suffixes, the built-in one when there is no other, and makes the
    /// cache.
    ///
    /// # Errors
    ///
    /// When the list of the site's own is none.
    pub fn new(settings: &Settings, public_suffixes: Option<&[u8]>) -> Result<Self, ListError> {
        Ok(Self {
            domains: Domains::read(public_suffixes)?,
            agents: Cache::new(settings.user_agent_cache),
            settings: settings.clone(),
        })
    }

    /// Works out what follows from a violation.
    pub fn derive<'v>(&self, violation: &'v Violation<'_>, delivery: &Delivery<'v>) -> Facts<'v> {
        let smuggled = Smuggled::read(delivery.query, &self.settings);
        let disposition =
            violation.disposition.or(smuggled.disposition).unwrap_or(Disposition::Unknown);
        let page = violation.document.as_ref().and_then(Address::location);
        let blocked = match &violation.blocked {
            Blocked::Resource(Address::Network(location)) => Some(location),
            _ => None,
        };
        let report_domain = page.map(|page| self.domains.registrable(page));
        let blocked_domain = blocked.map(|blocked| self.domains.registrable(blocked));
        let relation = page.zip(blocked).map(|(page, blocked)| {
            if page.host == blocked.host {
                Relation::SameHost
            } else if report_domain == blocked_domain {
                Relation::SameSite
            } else {
                Relation::CrossSite
            }
        });
        let user_agent = violation.user_agent.as_deref().or(delivery.user_agent);

        Facts {
            timestamp: happened_at(delivery.received_at, violation.age),
            app_name: app_name(delivery, &smuggled),
            environment: smuggled.environment,
            release: smuggled.release,
            disposition,
            page_status: smuggled.status.or(violation.status),
            classification: classify::classify(violation, relation),
            violation_type: violation.directive().map(base),
            blocked_domain,
            report_domain,
            relation,
            user_agent,
            agent: self.agent(user_agent),
            policy_hash: violation
                .policy
                .as_deref()
                .map(|policy| PolicyHash(policy_key(policy, page.map(|page| &*page.host)))),
            fingerprint: fingerprint::fingerprint(violation),
        }
    }

    /// Works out what follows from a report of another type.
    pub fn derive_other<'v>(
        &self,
        document: Option<&'v Address<'_>>,
        age: Option<u32>,
        envelope_user_agent: Option<&'v str>,
        delivery: &Delivery<'v>,
    ) -> OtherFacts<'v> {
        let smuggled = Smuggled::read(delivery.query, &self.settings);
        let user_agent = envelope_user_agent.or(delivery.user_agent);
        OtherFacts {
            timestamp: happened_at(delivery.received_at, age),
            app_name: app_name(delivery, &smuggled),
            report_domain: document
                .and_then(Address::location)
                .map(|page| self.domains.registrable(page)),
            user_agent,
            agent: self.agent(user_agent),
        }
    }

    /// Whether anybody may register, or rent, names under this host.
    pub fn is_public_suffix(&self, host: &str) -> bool {
        self.domains.is_public_suffix(host)
    }

    /// The application that a delivery is for, where nothing else is asked of it.
    pub fn app_name<'v>(&self, delivery: &Delivery<'v>) -> Cow<'v, str> {
        app_name(delivery, &Smuggled::read(delivery.query, &self.settings))
    }

    fn agent(&self, user_agent: Option<&str>) -> Agent {
        let Some(user_agent) = user_agent.filter(|agent| !agent.is_empty()) else {
            return Agent::default();
        };
        if let Some(agent) = self.agents.get(user_agent) {
            return agent;
        }
        let agent = user_agent::parse(user_agent);
        self.agents.insert(user_agent.to_owned(), agent);
        agent
    }
}

/// The path wins over the query: it is what an operator wrote into the header's URL last.
fn app_name<'v>(delivery: &Delivery<'v>, smuggled: &Smuggled<'v>) -> Cow<'v, str> {
    delivery
        .app
        .map(Cow::Borrowed)
        .or_else(|| smuggled.app.clone())
        .unwrap_or(Cow::Borrowed("unknown"))
}

/// Receipt minus age: browsers send late, and clocks of clients are not to be trusted.
fn happened_at(received_at: Timestamp, age: Option<u32>) -> Timestamp {
    let age = SignedDuration::from_millis(i64::from(age.unwrap_or(0)));
    received_at.checked_sub(age).unwrap_or(received_at)
}

/// `-elem` and `-attr` folded, so that one policy groups alike in every browser.
fn base<'v>(name: &'v DirectiveName<'_>) -> DirectiveName<'v> {
    match name {
        DirectiveName::Known(directive) => DirectiveName::Known(directive.base()),
        DirectiveName::Unknown(name) => DirectiveName::Unknown(Cow::Borrowed(name)),
    }
}
