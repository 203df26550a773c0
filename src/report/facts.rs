//! What follows from a violation and its delivery.

use super::{Agent, Classification, DirectiveName, Disposition, Relation};
use jiff::Timestamp;
use std::borrow::Cow;
use std::fmt;

/// The derived fields of one violation. Borrows from the violation and from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts<'v> {
    /// When it happened: receipt minus `age`.
    pub timestamp: Timestamp,
    /// `unknown` where neither path nor query names one.
    pub app_name: Cow<'v, str>,
    pub environment: Option<Cow<'v, str>>,
    pub release: Option<Cow<'v, str>>,
    pub disposition: Disposition,
    pub page_status: Option<u16>,
    pub classification: Classification,
    /// The directive to group by; `-elem` and `-attr` folded.
    pub violation_type: Option<DirectiveName<'v>>,
    pub blocked_domain: Option<&'v str>,
    pub report_domain: Option<&'v str>,
    pub relation: Option<Relation>,
    /// The user agent that the browser fields were read from, cut at its limit.
    pub user_agent: Option<&'v str>,
    pub agent: Agent,
    pub policy_hash: Option<PolicyHash>,
    pub fingerprint: Fingerprint,
}

/// Sixteen hexadecimal digits: see [`crate::policy::policy_key`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyHash(pub String);

/// 128 bits that are equal for the same violation, whoever reports it and however.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
