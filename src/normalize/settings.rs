//! What is kept of each field, and how much of it.

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// How reports are normalised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What to keep of the page's URL: `scrub` (mask secrets), `origin`, `keep` or `drop`.
    pub document: Keep,
    /// What to keep of the referrer.
    pub referrer: Keep,
    /// What to keep of the blocked URL.
    pub blocked: Keep,
    /// What to keep of the source file's URL.
    pub source: Keep,
    /// What to keep of the policy: `scrub` masks nonces and the secrets of its report-uri.
    pub policy: Keep,
    /// What to keep of the sample of the blocked code.
    pub sample: Keep,
    /// Where a URL is cut.
    pub max_url: ByteSize,
    /// Where a policy is cut.
    pub max_policy: ByteSize,
    /// Where a sample is cut; browsers send 40 characters and a few words around them.
    pub max_sample: ByteSize,
    /// Where a user agent is cut.
    pub max_user_agent: ByteSize,
    /// Whether the bodies of other report types are kept.
    pub other_bodies: bool,
    /// Beyond this size the body of another report type is left out.
    pub max_other_body: ByteSize,
}

/// How much of a field is kept. User info and fragments never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Everything that can be kept of a URL: path and query as they are.
    Keep,
    /// Query values go, names stay; path parts that look like secrets are masked.
    Scrub,
    /// Scheme, host and port.
    Origin,
    /// Nothing.
    Drop,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            document: Keep::Scrub,
            referrer: Keep::Scrub,
            blocked: Keep::Scrub,
            source: Keep::Scrub,
            policy: Keep::Scrub,
            sample: Keep::Scrub,
            max_url: ByteSize::kib(2),
            max_policy: ByteSize::kib(8),
            max_sample: ByteSize::b(256),
            max_user_agent: ByteSize::b(512),
            other_bodies: true,
            max_other_body: ByteSize::kib(4),
        }
    }
}
