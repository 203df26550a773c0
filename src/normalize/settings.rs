//! What is kept of each field, and how much of it.

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// How reports are normalised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What to keep of the page's URL: `scrub` (mask secrets), `origin` or `keep`.
    pub document: Keep,
    /// What to keep of the referrer; `drop` keeps nothing.
    pub referrer: KeepReferrer,
    /// What to keep of the blocked URL.
    pub blocked: Keep,
    /// What to keep of the source file's URL.
    pub source: Keep,
    /// What to keep of the policy: `scrub` masks nonces and secrets in URLs, `keep` and `drop` do
    /// what they say.
    pub policy: KeepText,
    /// What to keep of the sample of the blocked code, in the same words.
    pub sample: KeepText,
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

/// How much of a URL is kept. User info and fragments never are; the origin always is, because
/// classification, rules and fingerprints rest on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Everything that can be kept of a URL: path and query as they are.
    Keep,
    /// Query values go, names stay; path parts that look like secrets are masked.
    Scrub,
    /// Scheme, host and port.
    Origin,
}

/// How much of the referrer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepReferrer {
    Keep,
    Scrub,
    Origin,
    Drop,
}

/// How much of a text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepText {
    Keep,
    /// What looks like a secret is masked.
    Scrub,
    Drop,
}

impl KeepReferrer {
    /// What holds for the URL, if any of it is kept.
    pub const fn of_url(self) -> Option<Keep> {
        match self {
            Self::Keep => Some(Keep::Keep),
            Self::Scrub => Some(Keep::Scrub),
            Self::Origin => Some(Keep::Origin),
            Self::Drop => None,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            document: Keep::Scrub,
            referrer: KeepReferrer::Scrub,
            blocked: Keep::Scrub,
            source: Keep::Scrub,
            policy: KeepText::Scrub,
            sample: KeepText::Scrub,
            max_url: ByteSize::kib(2),
            max_policy: ByteSize::kib(8),
            max_sample: ByteSize::b(256),
            max_user_agent: ByteSize::b(512),
            other_bodies: true,
            max_other_body: ByteSize::kib(4),
        }
    }
}
