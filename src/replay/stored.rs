//! A record as it was published, read back.
//!
//! In: the JSON text of a violation's record, as `publish/encode.rs` writes it. Out: the same
//! violation and facts that it was made of. Only what was observed is read; what follows from it
//! (classification, hosts, browser, fingerprint) is worked out anew, so that a rule sees what this
//! version of the program makes of it.

use super::trial::Decision;
use crate::pipeline::Stages;
use crate::publish::OBSERVED;
use crate::report::{Delivery, Facts, RawReport, Repair, Repairs, Violation, Wire};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use uuid::Uuid;

/// The fields of a violation's record that it can be judged again by, and the decision of then.
#[derive(Debug, Deserialize)]
pub struct StoredRecord<'r> {
    pub id: Uuid,
    pub received_at: Timestamp,
    #[serde(rename = "@timestamp")]
    pub timestamp: Timestamp,
    #[serde(borrow)]
    pub app_name: Text<'r>,
    #[serde(borrow)]
    pub environment: Option<Text<'r>>,
    #[serde(borrow)]
    pub release: Option<Text<'r>>,
    #[serde(borrow)]
    pub disposition: Option<Text<'r>>,
    pub page_status: Option<u32>,
    #[serde(borrow)]
    pub violated_directive: Option<Text<'r>>,
    #[serde(borrow)]
    pub effective_directive: Option<Text<'r>>,
    #[serde(borrow)]
    pub blocked_uri: Option<Text<'r>>,
    #[serde(borrow)]
    pub document_uri: Option<Text<'r>>,
    #[serde(borrow)]
    pub referrer: Option<Text<'r>>,
    #[serde(borrow)]
    pub source_file: Option<Text<'r>>,
    pub line_number: Option<u32>,
    pub column_number: Option<u32>,
    #[serde(borrow)]
    pub sample: Option<Text<'r>>,
    #[serde(borrow)]
    pub user_agent: Option<Text<'r>>,
    #[serde(borrow)]
    pub original_policy: Option<Text<'r>>,
    #[serde(borrow)]
    pub wire: Option<Text<'r>>,
    #[serde(borrow, default)]
    pub repaired: Vec<Text<'r>>,
    #[serde(borrow, default)]
    pub tags: Vec<Text<'r>>,
    #[serde(borrow)]
    pub filter_rule: Option<Text<'r>>,
    #[serde(borrow)]
    pub edge: Option<Text<'r>>,
}

/// A text that is borrowed wherever it was written without escapes. serde borrows a `Cow` only
/// where it stands by itself.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Text<'r>(#[serde(borrow)] Cow<'r, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl StoredRecord<'_> {
    /// The decision that it was stored with.
    pub fn decision(&self) -> Decision {
        match self.filter_rule.as_deref() {
            Some(rule) => Decision::Filtered(rule.to_owned()),
            None => Decision::Clean,
        }
    }

    /// The labels that rules gave.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| &**tag).filter(|tag| !tag.starts_with(OBSERVED))
    }

    /// The rules on trial that would have filtered it.
    pub fn observed(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().filter_map(|tag| tag.strip_prefix(OBSERVED))
    }

    /// Takes the violation through the stages again and shows what rules are to judge.
    ///
    /// Stages that keep less than those it was stored by show less.
    pub fn replay<T>(
        &self,
        stages: &Stages,
        see: impl FnOnce(&Violation<'_>, &Facts<'_>) -> T,
    ) -> T {
        let violation = stages.normalize(self.to_raw());
        let delivery = Delivery {
            received_at: self.received_at,
            app: Some(&self.app_name),
            query: None,
            user_agent: None,
            content_type: None,
        };
        let mut facts = stages.derive(&violation, &delivery);
        // They came in the query of the request, which is gone.
        facts.environment = borrowed(self.environment.as_ref());
        facts.release = borrowed(self.release.as_ref());
        see(&violation, &facts)
    }

    /// The report that a browser would have to send for this record.
    fn to_raw(&self) -> RawReport<'_> {
        let mut repairs = Repairs::default();
        for repair in self.repaired.iter().filter_map(|name| Repair::from_name(name)) {
            repairs.add(repair);
        }
        let age = self.received_at.as_millisecond() - self.timestamp.as_millisecond();
        RawReport {
            wire: self.wire.as_deref().and_then(Wire::from_name),
            repairs,
            document_uri: borrowed(self.document_uri.as_ref()),
            referrer: borrowed(self.referrer.as_ref()),
            blocked_uri: borrowed(self.blocked_uri.as_ref()),
            violated_directive: borrowed(self.violated_directive.as_ref()),
            effective_directive: borrowed(self.effective_directive.as_ref()),
            original_policy: borrowed(self.original_policy.as_ref()),
            disposition: borrowed(self.disposition.as_ref()),
            status_code: self.page_status,
            script_sample: borrowed(self.sample.as_ref()),
            source_file: borrowed(self.source_file.as_ref()),
            line_number: self.line_number,
            column_number: self.column_number,
            request: None,
            envelope_url: None,
            age: Some(age),
            user_agent: borrowed(self.user_agent.as_ref()),
        }
    }
}

fn borrowed<'r>(text: Option<&'r Text<'_>>) -> Option<Cow<'r, str>> {
    text.map(|text| Cow::Borrowed(&**text))
}
