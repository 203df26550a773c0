//! The stages before the rules, with what they need.
//!
//! Apart from the pipeline so that rules can be proven, and reports explained, by the very stages
//! that run in production.

use super::settings;
use crate::derive::{self, Deriver, ListError, OtherFacts};
use crate::normalize;
use crate::report::{Delivery, Facts, NormalizedOther, OtherReport, RawReport, Violation};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that a body goes through before it is judged.
pub struct Stages {
    pub max_reports: usize,
    normalize: normalize::Settings,
    deriver: Arc<Deriver>,
}

/// Why there are no stages.
#[derive(Debug, thiserror::Error)]
pub enum StagesError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}")]
    Invalid { path: PathBuf, source: ListError },
}

impl Stages {
    /// Loads what the stages need.
    ///
    /// # Errors
    ///
    /// When a public suffix list of the site's own cannot be read, or is none.
    pub fn new(
        settings: &settings::Settings,
        normalize: &normalize::Settings,
        derive: &derive::Settings,
    ) -> Result<Self, StagesError> {
        let list = &derive.public_suffix_list;
        let own = list.as_ref().map(std::fs::read).transpose();
        let path = || list.clone().unwrap_or_default();
        let own = own.map_err(|source| StagesError::Unreadable { path: path(), source })?;
        let deriver = Deriver::new(derive, own.as_deref())
            .map_err(|source| StagesError::Invalid { path: path(), source })?;
        Ok(Self {
            max_reports: settings.max_reports,
            normalize: normalize.clone(),
            deriver: Arc::new(deriver),
        })
    }

    /// A delivery of which no text is longer than what is kept of it.
    pub fn bounded<'r>(&self, delivery: &Delivery<'r>) -> Delivery<'r> {
        let max = usize::try_from(self.normalize.max_user_agent.as_u64()).unwrap_or(usize::MAX);
        let cut = |text: &'r str| &text[..text.floor_char_boundary(max)];
        Delivery {
            user_agent: delivery.user_agent.map(cut),
            content_type: delivery.content_type.map(cut),
            ..*delivery
        }
    }

    /// The same stages, keeping of each field what is kept by default.
    #[must_use]
    pub fn as_shipped(&self) -> Self {
        Self {
            max_reports: self.max_reports,
            normalize: normalize::Settings::default(),
            deriver: self.deriver.clone(),
        }
    }

    pub fn normalize<'b>(&self, raw: RawReport<'b>) -> Violation<'b> {
        normalize::normalize(raw, &self.normalize)
    }

    pub fn normalize_other<'b>(&self, report: OtherReport<'b>) -> NormalizedOther<'b> {
        normalize::normalize_other(report, &self.normalize)
    }

    pub fn derive<'v>(&self, violation: &'v Violation<'_>, delivery: &Delivery<'v>) -> Facts<'v> {
        self.deriver.derive(violation, delivery)
    }

    pub fn derive_other<'v>(
        &self,
        report: &'v NormalizedOther<'_>,
        delivery: &Delivery<'v>,
    ) -> OtherFacts<'v> {
        self.deriver.derive_other(
            report.document.as_ref(),
            report.age,
            report.user_agent.as_deref(),
            delivery,
        )
    }

    /// Whether anybody may register, or rent, names under this host.
    pub fn is_public_suffix(&self, host: &str) -> bool {
        self.deriver.is_public_suffix(host)
    }

    pub fn app_name<'v>(&self, delivery: &Delivery<'v>) -> Cow<'v, str> {
        self.deriver.app_name(delivery)
    }
}
