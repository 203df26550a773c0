//! What others rely on: a report with everything that was found out about it.

use super::{Agent, Facts, NormalizedOther, Rejection, Stream, Verdict, Violation};
use jiff::Timestamp;
use uuid::Uuid;

/// A violation on its way out. Field by field it is the contract of the `clean` and `filtered`
/// streams; `publish/encode.rs` writes it down.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub id: Uuid,
    pub received_at: Timestamp,
    pub violation: &'a Violation<'a>,
    pub facts: &'a Facts<'a>,
    pub verdict: &'a Verdict<'a>,
    /// Which instance took it.
    pub edge: &'a str,
}

/// A report of another type on its way out.
#[derive(Debug, Clone, Copy)]
pub struct OtherRecord<'a> {
    pub id: Uuid,
    pub received_at: Timestamp,
    pub timestamp: Timestamp,
    pub app_name: &'a str,
    pub report: &'a NormalizedOther<'a>,
    pub report_domain: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub agent: Agent,
    pub edge: &'a str,
}

/// A specimen of what could not be read.
#[derive(Debug, Clone, Copy)]
pub struct RejectedRecord<'a> {
    pub id: Uuid,
    pub received_at: Timestamp,
    pub rejection: Rejection,
    /// What whoever refused it says; the rejection's own words when absent.
    pub detail: Option<&'a str>,
    pub content_type: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub app_name: &'a str,
    /// The first bytes of the body, or of the entry that could not be read.
    pub body: &'a [u8],
    pub edge: &'a str,
}

impl Record<'_> {
    /// The version of the record's shape: raised by anything but a new field.
    pub const SCHEMA: u32 = 1;

    /// The stream that the verdict sends it to.
    pub const fn stream(&self) -> Stream {
        match self.verdict.filtered_by {
            Some(_) => Stream::Filtered,
            None => Stream::Clean,
        }
    }
}
