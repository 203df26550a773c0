//! What the spool counts.

use crate::metrics::register;
use crate::store;
use prometheus::{IntCounter, IntGauge, Registry};

/// The spool's metrics. Clones count into the same numbers.
///
/// What the embedded store counts is counted under the same names: a process has one of the two.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(in crate::store) store: store::Metrics,
    pub(super) records: IntGauge,
    pub(super) bytes: IntGauge,
    pub(super) max_bytes: IntGauge,
    pub(super) oldest_seconds: IntGauge,
    pub(super) appended: IntCounter,
    pub(super) drained: IntCounter,
    pub(super) put_behind: IntCounter,
    pub(super) full: IntCounter,
    pub(super) set_aside: IntCounter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        Ok(Self {
            store: store::Metrics::register(registry)?,
            records: gauge("cspipe_spool_records", "Records that wait in the spool.")?,
            bytes: gauge("cspipe_spool_bytes", "Bytes of the spool that hold something.")?,
            max_bytes: gauge(
                "cspipe_spool_max_bytes",
                "How many bytes the spool may hold, as it is set.",
            )?,
            oldest_seconds: gauge(
                "cspipe_spool_oldest_seconds",
                "Age of the oldest record in the spool by its receipt; 0 when there is none.",
            )?,
            appended: counter(
                "cspipe_spool_appended_total",
                "Records that were put into the spool.",
            )?,
            drained: counter(
                "cspipe_spool_drained_total",
                "Records that were deleted from the spool: delivered, or put behind all others.",
            )?,
            put_behind: counter(
                "cspipe_spool_put_behind_total",
                "Records that went from the spool's beginning to its end, because Kafka takes \
                 nothing for their topic: each counts as appended and as drained once more.",
            )?,
            full: counter(
                "cspipe_spool_full_total",
                "Records that were turned away because the spool had no room for them.",
            )?,
            set_aside: counter(
                "cspipe_spool_set_aside_records_total",
                "Records in spools that were set aside as damaged, or removed, while in use.",
            )?,
        })
    }
}

impl Metrics {
    /// Whether a spool was found damaged since the start.
    pub fn is_damaged(&self) -> bool {
        self.store.damaged.get() > 0
    }

    /// How many records wait in the spool.
    pub fn records(&self) -> u64 {
        u64::try_from(self.records.get()).unwrap_or(0)
    }
}
