//! All settings together, and where they come from.
//!
//! Each component's settings live beside it; here they are only nested and loaded. Later sources
//! win: defaults, the file, the environment, flags. An unknown key is an error that names its
//! source, so that a typing mistake never passes for a default.

mod load;

pub use load::{DEFAULT_FILE, Flags, SettingsError, load};

use crate::publish::kafka;
use crate::store::spool;
use crate::{derive, http, index, normalize, pipeline, store};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The data directory.
    pub data: Data,
    /// The folder of rule files. When absent: `filters`, if it exists, else the built-in rules.
    pub filters: Option<PathBuf>,
    /// How log lines are written: `text` or `json`.
    pub log: Log,
    pub http: http::Settings,
    pub pipeline: pipeline::Settings,
    pub normalize: normalize::Settings,
    pub derive: derive::Settings,
    pub store: store::Settings,
    pub kafka: kafka::Settings,
    pub spool: spool::Settings,
    pub index: index::Settings,
}

/// The data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(pub PathBuf);

/// How log lines are written, to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Data {
    fn default() -> Self {
        Self("data".into())
    }
}

impl Settings {
    /// The folder of rule files; `None` for the built-in rules.
    pub fn filters_folder(&self) -> Option<PathBuf> {
        self.filters.clone().or_else(|| {
            let usual = PathBuf::from(DEFAULT_FILTERS);
            usual.is_dir().then_some(usual)
        })
    }
}

/// Where rule files are looked for unless told otherwise.
const DEFAULT_FILTERS: &str = "filters";
