//! One entry of a body, before anybody judged it.

use super::{Repairs, Wire};
use std::borrow::Cow;

/// One CSP violation report as the browser wrote it.
///
/// Fields carry the names of the `report-uri` keys (CSP3 section 5.3), also where the Reporting
/// API's names were on the wire. Text is borrowed from the body. Empty and `null` count as
/// absent, except in `blocked_uri`: there CSP1 engines mean something by an empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawReport<'b> {
    pub wire: Option<Wire>,
    pub repairs: Repairs,
    pub document_uri: Option<Cow<'b, str>>,
    pub referrer: Option<Cow<'b, str>>,
    pub blocked_uri: Option<Cow<'b, str>>,
    pub violated_directive: Option<Cow<'b, str>>,
    pub effective_directive: Option<Cow<'b, str>>,
    pub original_policy: Option<Cow<'b, str>>,
    pub disposition: Option<Cow<'b, str>>,
    pub status_code: Option<u32>,
    pub script_sample: Option<Cow<'b, str>>,
    pub source_file: Option<Cow<'b, str>>,
    pub line_number: Option<u32>,
    pub column_number: Option<u32>,
    /// `GET url HTTP/1.1`: Firefox 5 to 13, in place of `document-uri`.
    pub request: Option<Cow<'b, str>>,
    /// `url` of the Reporting API's envelope.
    pub envelope_url: Option<Cow<'b, str>>,
    /// Milliseconds between the violation and its delivery.
    pub age: Option<i64>,
    /// `user_agent` of the envelope: the page's, where the request's may be a proxy's.
    pub user_agent: Option<Cow<'b, str>>,
}

/// A report of another type that came to the same URL (Reporting API section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReport<'b> {
    pub wire: Wire,
    pub repairs: Repairs,
    /// `deprecation`, `network-error`, `csp-hash`, …, as written.
    pub report_type: Cow<'b, str>,
    pub url: Option<Cow<'b, str>>,
    pub age: Option<i64>,
    pub user_agent: Option<Cow<'b, str>>,
    /// The body as JSON text.
    pub body: Option<String>,
}

impl RawReport<'_> {
    /// Whether the entry holds anything by which a violation can be known.
    pub fn says_something(&self) -> bool {
        self.violated_directive.is_some()
            || self.effective_directive.is_some()
            || self.blocked_uri.as_deref().is_some_and(|blocked| !blocked.is_empty())
            || self.document_uri.is_some()
            || self.request.is_some()
    }
}
