//! What a rule may ask about: fields of the record, each with its type.

use super::own_hosts::OwnHosts;
use crate::policy::Directive;
use crate::report::{
    Address, Agent, Blocked, Classification, Device, Disposition, Facts, Relation, Violation, Wire,
};

/// What a rule set judges.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    pub violation: &'s Violation<'s>,
    pub facts: &'s Facts<'s>,
    /// Those that the rule set knows; see [`super::RuleSet::subject`].
    pub own_hosts: &'s OwnHosts,
}

/// Declares the fields: variant, name, type.
macro_rules! fields {
    ($($variant:ident = $name:literal: $kind:expr,)+) => {
        /// A field that a rule may ask about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Field {
            $($variant,)+
        }

        impl Field {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in rule files; that of the record's field where it has one.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What may be asked of it.
            pub const fn kind(self) -> FieldKind {
                match self {
                    $(Self::$variant => $kind,)+
                }
            }
        }
    };
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A host name or address.
    Host,
    /// A registrable domain.
    Domain,
    /// A word that is compared as it is.
    Keyword,
    /// The name of a scheme, lower case.
    Scheme,
    /// A word from a closed set.
    Closed(ClosedSet),
    Number,
    /// Free text, of an attacker's choice.
    Text,
    /// The path of a URL.
    Path,
    /// A policy: taken apart and asked, never searched as a text.
    Policy,
}

/// A closed set, by what it lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedSet {
    Classification,
    Directive,
    Relation,
    Disposition,
    Device,
    Wire,
    BlockedKeyword,
    Browser,
    System,
}

fields! {
    BlockedHost = "blocked_host": FieldKind::Host,
    SourceHost = "source_host": FieldKind::Host,
    ReportHost = "report_host": FieldKind::Host,
    ReferrerHost = "referrer_host": FieldKind::Host,
    BlockedDomain = "blocked_domain": FieldKind::Domain,
    ReportDomain = "report_domain": FieldKind::Domain,
    BlockedScheme = "blocked_scheme": FieldKind::Scheme,
    SourceScheme = "source_scheme": FieldKind::Scheme,
    ReportScheme = "report_scheme": FieldKind::Scheme,
    BlockedLabel = "blocked_label": FieldKind::Keyword,
    SourceLabel = "source_label": FieldKind::Keyword,
    BlockedKeyword = "blocked_keyword": FieldKind::Closed(ClosedSet::BlockedKeyword),
    Classification = "classification": FieldKind::Closed(ClosedSet::Classification),
    ViolationType = "violation_type": FieldKind::Closed(ClosedSet::Directive),
    EffectiveDirective = "effective_directive": FieldKind::Closed(ClosedSet::Directive),
    ViolatedDirective = "violated_directive": FieldKind::Closed(ClosedSet::Directive),
    Relation = "relation": FieldKind::Closed(ClosedSet::Relation),
    Disposition = "disposition": FieldKind::Closed(ClosedSet::Disposition),
    Device = "device": FieldKind::Closed(ClosedSet::Device),
    Wire = "wire": FieldKind::Closed(ClosedSet::Wire),
    AppName = "app_name": FieldKind::Keyword,
    Environment = "environment": FieldKind::Keyword,
    Release = "release": FieldKind::Keyword,
    Browser = "browser": FieldKind::Closed(ClosedSet::Browser),
    Os = "os": FieldKind::Closed(ClosedSet::System),
    BrowserMajor = "browser_major": FieldKind::Number,
    PageStatus = "page_status": FieldKind::Number,
    LineNumber = "line_number": FieldKind::Number,
    ColumnNumber = "column_number": FieldKind::Number,
    Sample = "sample": FieldKind::Text,
    UserAgent = "user_agent": FieldKind::Text,
    OriginalPolicy = "original_policy": FieldKind::Policy,
    Path = "path": FieldKind::Path,
    BlockedPath = "blocked_path": FieldKind::Path,
    SourcePath = "source_path": FieldKind::Path,
}

impl Field {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether it says what was blocked and by whom, rather than on which page, for which app or
    /// in which browser.
    pub const fn is_about_the_violation(self) -> bool {
        match self {
            Self::BlockedHost
            | Self::SourceHost
            | Self::BlockedDomain
            | Self::BlockedScheme
            | Self::SourceScheme
            | Self::BlockedLabel
            | Self::SourceLabel
            | Self::BlockedKeyword
            | Self::Classification
            | Self::ViolationType
            | Self::EffectiveDirective
            | Self::ViolatedDirective
            | Self::Relation
            | Self::Sample
            | Self::BlockedPath
            | Self::SourcePath => true,
            Self::ReportHost
            | Self::ReferrerHost
            | Self::ReportDomain
            | Self::ReportScheme
            | Self::Disposition
            | Self::Device
            | Self::Wire
            | Self::AppName
            | Self::Environment
            | Self::Release
            | Self::Browser
            | Self::Os
            | Self::BrowserMajor
            | Self::PageStatus
            | Self::LineNumber
            | Self::ColumnNumber
            | Self::UserAgent
            | Self::OriginalPolicy
            | Self::Path => false,
        }
    }

    /// The field's text; `None` when it is missing or a number.
    pub fn text<'s>(self, subject: &Subject<'s>) -> Option<&'s str> {
        let Subject { violation, facts, own_hosts: _ } = *subject;
        let blocked = || violation.blocked.address();
        let source = || violation.source.as_ref();
        let document = || violation.document.as_ref();
        match self {
            Self::BlockedHost => blocked().and_then(Address::host),
            Self::SourceHost => source().and_then(Address::host),
            Self::ReportHost => document().and_then(Address::host),
            Self::ReferrerHost => violation.referrer.as_ref().and_then(Address::host),
            Self::BlockedDomain => facts.blocked_domain,
            Self::ReportDomain => facts.report_domain,
            Self::BlockedScheme => blocked().and_then(Address::scheme),
            Self::SourceScheme => source().and_then(Address::scheme),
            Self::ReportScheme => document().and_then(Address::scheme),
            Self::BlockedLabel => blocked().and_then(Address::label),
            Self::SourceLabel => source().and_then(Address::label),
            Self::BlockedKeyword => match &violation.blocked {
                Blocked::Resource(_) => None,
                keyword => keyword.text(),
            },
            Self::Classification => Some(facts.classification.name()),
            Self::ViolationType => facts.violation_type.as_ref().map(|name| name.name()),
            Self::EffectiveDirective => violation.effective.as_ref().map(|name| name.name()),
            Self::ViolatedDirective => violation.violated.as_ref().map(|name| name.name()),
            Self::Relation => facts.relation.map(Relation::name),
            Self::Disposition => Some(facts.disposition.name()),
            Self::Device => facts.agent.device.map(Device::name),
            Self::Wire => Some(violation.wire.name()),
            Self::AppName => Some(&facts.app_name),
            Self::Environment => facts.environment.as_deref(),
            Self::Release => facts.release.as_deref(),
            Self::Browser => facts.agent.browser,
            Self::Os => facts.agent.os,
            Self::Sample => violation.sample.as_deref(),
            Self::UserAgent => facts.user_agent,
            Self::OriginalPolicy => violation.policy.as_deref(),
            Self::Path => document().and_then(Address::path),
            Self::BlockedPath => blocked().and_then(Address::path),
            Self::SourcePath => source().and_then(Address::path),
            Self::BrowserMajor | Self::PageStatus | Self::LineNumber | Self::ColumnNumber => None,
        }
    }

    /// The field's number; `None` when it is missing or a text.
    pub fn number(self, subject: &Subject<'_>) -> Option<u32> {
        match self {
            Self::BrowserMajor => subject.facts.agent.major,
            Self::PageStatus => subject.facts.page_status.map(u32::from),
            Self::LineNumber => subject.violation.line,
            Self::ColumnNumber => subject.violation.column,
            _ => None,
        }
    }
}

impl ClosedSet {
    /// Whether a word of it is said by so many violations that it tells nothing.
    pub const fn is_coarse(self) -> bool {
        match self {
            Self::Classification
            | Self::Directive
            | Self::Relation
            | Self::Disposition
            | Self::Device
            | Self::Wire
            | Self::BlockedKeyword => true,
            Self::Browser | Self::System => false,
        }
    }

    /// The words of the set.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Classification => Classification::ALL.iter().map(|one| one.name()).collect(),
            Self::Directive => Directive::ALL.iter().map(|one| one.name()).collect(),
            Self::Relation => Relation::ALL.iter().map(|one| one.name()).collect(),
            Self::Disposition => Disposition::ALL.iter().map(|one| one.name()).collect(),
            Self::Device => Device::ALL.iter().map(|one| one.name()).collect(),
            Self::Wire => Wire::ALL.iter().map(|one| one.name()).collect(),
            Self::Browser => Agent::BROWSERS.to_vec(),
            Self::System => Agent::SYSTEMS.to_vec(),
            Self::BlockedKeyword => {
                vec![
                    "inline",
                    "eval",
                    "wasm-eval",
                    "trusted-types-policy",
                    "trusted-types-sink",
                    "null",
                ]
            }
        }
    }
}
