//! Which names the endpoint's URL may carry, and where to find what does not fit into code.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How facts are derived.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Query names that carry the application, where the path does not.
    pub app: Vec<String>,
    /// Query names that say whether the policy is enforced (`1`, `true`, `yes`, or nothing: it is).
    pub enforce: Vec<String>,
    /// Query names that say that the policy only reports.
    pub report_only: Vec<String>,
    /// Query names that carry the HTTP status of the page.
    pub status: Vec<String>,
    /// Query names that carry the environment.
    pub environment: Vec<String>,
    /// Query names that carry the release.
    pub release: Vec<String>,
    /// A public suffix list to use instead of the built-in one.
    pub public_suffix_list: Option<PathBuf>,
    /// How many user agents are remembered.
    pub user_agent_cache: usize,
}

impl Default for Settings {
    fn default() -> Self {
        fn names(names: &[&str]) -> Vec<String> {
            names.iter().map(|&name| name.to_owned()).collect()
        }
        Self {
            app: names(&["app", "app_name"]),
            enforce: names(&["enforce", "enforced"]),
            report_only: names(&["report_only"]),
            status: names(&["status"]),
            environment: names(&["environment", "env", "sentry_environment"]),
            release: names(&["release", "sentry_release"]),
            public_suffix_list: None,
            user_agent_cache: 4096,
        }
    }
}
