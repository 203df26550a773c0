//! A report without its browser's quirks.

use super::{Address, Blocked, Disposition, RawReport, Repairs, Wire};
use crate::policy::Directive;
use std::borrow::Cow;

/// A CSP violation (CSP3 section 2.4), in one spelling for all browsers and scrubbed of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation<'b> {
    pub wire: Wire,
    pub repairs: Repairs,
    pub document: Option<Address<'b>>,
    pub referrer: Option<Address<'b>>,
    pub blocked: Blocked<'b>,
    /// As the browser named it: a fallback such as `default-src` before CSP3.
    pub violated: Option<DirectiveName<'b>>,
    /// What was attempted, where the browser tells or where it follows.
    pub effective: Option<DirectiveName<'b>>,
    pub policy: Option<Cow<'b, str>>,
    /// `None` when the browser did not say.
    pub disposition: Option<Disposition>,
    /// The page's HTTP status, when it is not 0.
    pub status: Option<u16>,
    pub sample: Option<Cow<'b, str>>,
    pub source: Option<Address<'b>>,
    /// Counted from 1.
    pub line: Option<u32>,
    pub column: Option<u32>,
    /// Milliseconds between the violation and its delivery, when plausible.
    pub age: Option<u32>,
    /// The envelope's user agent.
    pub user_agent: Option<Cow<'b, str>>,
}

/// A report of another type, scrubbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizedOther<'b> {
    pub wire: Wire,
    /// Lower-case letters, digits and hyphens; `unknown` for anything else.
    pub report_type: Cow<'b, str>,
    pub document: Option<Address<'b>>,
    pub age: Option<u32>,
    pub user_agent: Option<Cow<'b, str>>,
    /// The body as JSON text, its URLs scrubbed.
    pub body: Option<String>,
    pub repairs: Repairs,
}

/// A directive by name, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectiveName<'b> {
    Known(Directive),
    /// Lower case, at most 40 letters, digits and hyphens.
    Unknown(Cow<'b, str>),
}

impl DirectiveName<'_> {
    pub fn name(&self) -> &str {
        match self {
            Self::Known(directive) => directive.name(),
            Self::Unknown(name) => name,
        }
    }

    pub const fn known(&self) -> Option<Directive> {
        match self {
            Self::Known(directive) => Some(*directive),
            Self::Unknown(_) => None,
        }
    }
}

impl<'b> Violation<'b> {
    /// The directive to judge by: what was attempted, else what the browser named.
    ///
    /// CSP3 makes both equal; CSP2 engines name a fallback in `violated-directive` and the
    /// attempt in `effective-directive`, so the latter falls together across browsers. An
    /// unknown word yields to a known one.
    pub fn directive(&self) -> Option<&DirectiveName<'b>> {
        match (&self.effective, &self.violated) {
            (Some(effective @ DirectiveName::Known(_)), _) => Some(effective),
            (_, Some(violated @ DirectiveName::Known(_))) => Some(violated),
            (effective, violated) => effective.as_ref().or(violated.as_ref()),
        }
    }

    /// Whether engines name only the origin of what this directive blocks.
    pub fn names_origin_only(&self) -> bool {
        super::address::names_origin_only(self.directive())
    }

    /// Writes the violation back as the report that a CSP3 browser would have sent for it.
    ///
    /// Normalising it again changes nothing; records can be judged anew through it.
    pub fn to_raw(&self) -> RawReport<'_> {
        let text = |text| Some(Cow::Borrowed(text));
        RawReport {
            wire: Some(self.wire),
            repairs: self.repairs,
            document_uri: self.document.as_ref().and_then(|document| text(document.text())),
            referrer: self.referrer.as_ref().and_then(|referrer| text(referrer.text())),
            blocked_uri: self.blocked.text().and_then(text),
            violated_directive: self.violated.as_ref().and_then(|name| text(name.name())),
            effective_directive: self.effective.as_ref().and_then(|name| text(name.name())),
            original_policy: self.policy.as_deref().and_then(text),
            disposition: self.disposition.and_then(|disposition| text(disposition.name())),
            status_code: self.status.map(u32::from),
            script_sample: self.sample.as_deref().and_then(text),
            source_file: self.source.as_ref().and_then(|source| text(source.text())),
            line_number: self.line,
            column_number: self.column,
            request: None,
            envelope_url: None,
            age: self.age.map(i64::from),
            user_agent: self.user_agent.as_deref().and_then(text),
        }
    }
}
