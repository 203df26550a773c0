//! What the store counts.

use super::AppendError;
use crate::metrics::register;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    exponential_buckets,
};

/// The store's metrics. Clones count into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(super) commits: IntCounter,
    pub(super) commit_seconds: Histogram,
    pub(super) commit_records: Histogram,
    pub(super) commit_bytes: Histogram,
    pub(super) queue_bytes: IntGauge,
    pub(super) store_bytes: IntGauge,
    pub(super) wal_bytes: IntGauge,
    pub(super) disk_free: IntGauge,
    pub(super) disk_size: IntGauge,
    pub(super) damaged: IntCounter,
    pub(super) expired_by_age: IntCounter,
    pub(super) expired_by_bytes: IntCounter,
    errors: IntCounterVec,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let histogram = |name, help, buckets: Vec<f64>| {
            let options = HistogramOpts::new(name, help).buckets(buckets);
            register(registry, Histogram::with_opts(options)?)
        };
        let counters =
            |name, help| register(registry, IntCounterVec::new(Opts::new(name, help), &["cause"])?);

        let expired = counters(
            "cspipe_store_expired_records_total",
            "Records that were deleted because of their age or for want of room.",
        )?;
        let errors = counters(
            "cspipe_store_errors_total",
            "Commits and other work on the database that failed.",
        )?;
        for error in AppendError::ALL {
            errors.with_label_values(&[error.label()]);
        }
        Ok(Self {
            commits: counter(
                "cspipe_store_commits_total",
                "Transactions that were committed and synced to the disk.",
            )?,
            commit_seconds: histogram(
                "cspipe_store_commit_seconds",
                "Time from the begin of a transaction until it was on the disk.",
                exponential_buckets(0.000_25, 2.0, 16)?,
            )?,
            commit_records: histogram(
                "cspipe_store_commit_records",
                "Records of one transaction.",
                exponential_buckets(1.0, 4.0, 9)?,
            )?,
            commit_bytes: histogram(
                "cspipe_store_commit_bytes",
                "Bytes of records of one transaction.",
                exponential_buckets(1024.0, 4.0, 9)?,
            )?,
            queue_bytes: gauge(
                "cspipe_store_queue_bytes",
                "Memory held by records that wait for the disk.",
            )?,
            store_bytes: gauge("cspipe_store_bytes", "Size of the database file.")?,
            wal_bytes: gauge(
                "cspipe_store_wal_bytes",
                "Size of the write-ahead log; it grows as long as a reader keeps its transaction.",
            )?,
            disk_free: gauge(
                "cspipe_disk_free_bytes",
                "What is free on the file system that holds the data directory.",
            )?,
            disk_size: gauge("cspipe_disk_size_bytes", "Size of that file system.")?,
            damaged: counter(
                "cspipe_store_damaged_total",
                "Databases that were found damaged and set aside.",
            )?,
            expired_by_age: expired.with_label_values(&["age"]),
            expired_by_bytes: expired.with_label_values(&["bytes"]),
            errors,
        })
    }

    pub(super) fn count_error(&self, error: AppendError) {
        self.errors.with_label_values(&[error.label()]).inc();
    }

    /// Shows how much room a file system has. Blocks kept for root are not free.
    pub(super) fn show_disk(&self, disk: &rustix::fs::StatVfs) {
        let bytes =
            |blocks: u64| i64::try_from(blocks.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX);
        self.disk_free.set(bytes(disk.f_bavail));
        self.disk_size.set(bytes(disk.f_blocks));
    }
}
