//! What holds for all stages together.

use serde::{Deserialize, Serialize};

/// How requests are taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How many reports one body may hold; Chromium queues at most 100.
    pub max_reports: usize,
    /// Of how many unreadable bodies a second a specimen is kept. All are counted.
    pub specimens_per_second: u32,
    /// The name of this instance on its records; the machine's name when absent.
    pub edge: Option<String>,
    /// How many applications have series of their own in the metrics; the rest count as `(other)`.
    pub max_metric_apps: usize,
}

impl Settings {
    /// The name of this instance.
    pub fn edge_name(&self) -> String {
        self.edge
            .clone()
            .or_else(|| std::env::var("HOSTNAME").ok())
            .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "cspipe".to_owned())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_reports: 100, specimens_per_second: 10, edge: None, max_metric_apps: 200 }
    }
}
