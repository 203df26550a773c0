//! What is counted of the indexer.

use super::answer::Cause;
use crate::metrics::register;
use crate::report::Stream;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    exponential_buckets,
};

/// Metrics of the indexer. Clones count into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    records: IntCounterVec,
    lag: IntGaugeVec,
    pub(super) batch_records: Histogram,
    pub(super) batch_bytes: Histogram,
    pub(super) request_seconds: Histogram,
    retries: IntCounterVec,
    pub(super) held: IntGauge,
    pub(super) in_flight_bytes: IntGauge,
    pub(super) commits: IntCounter,
    pub(super) rebalances: IntCounter,
    expired: IntCounterVec,
}

/// What became of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Indexed,
    Duplicate,
    Refused,
}

impl End {
    const ALL: [Self; 3] = [Self::Indexed, Self::Duplicate, Self::Refused];

    const fn label(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    ///
    /// When a name is taken in the registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let records = Opts::new(
            "cspipe_index_records_total",
            "Records that are done, by what Elasticsearch said: indexed, there already, or refused.",
        );
        let lag = Opts::new(
            "cspipe_index_lag_records",
            "Records of a partition of this indexer that are not yet committed.",
        );
        let retries = Opts::new("cspipe_index_retries_total", "Requests sent again, by cause.");
        let expired = Opts::new(
            "cspipe_index_expired_records_total",
            "Records that Kafka's retention deleted before they were indexed.",
        );
        let histogram = |name, help, from, factor, count| {
            let buckets = exponential_buckets(from, factor, count)?;
            register(
                registry,
                Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?,
            )
        };
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        let metrics = Self {
            records: register(registry, IntCounterVec::new(records, &["stream", "outcome"])?)?,
            lag: register(registry, IntGaugeVec::new(lag, &["topic", "partition"])?)?,
            batch_records: histogram(
                "cspipe_index_batch_records",
                "Records of one _bulk request.",
                1.0,
                4.0,
                8,
            )?,
            batch_bytes: histogram(
                "cspipe_index_batch_bytes",
                "Bytes of one _bulk request.",
                1024.0,
                4.0,
                9,
            )?,
            request_seconds: histogram(
                "cspipe_index_request_seconds",
                "The time of one _bulk request until its answer or its failure.",
                0.005,
                2.0,
                14,
            )?,
            retries: register(registry, IntCounterVec::new(retries, &["cause"])?)?,
            held: gauge(
                "cspipe_index_held",
                "Whether Elasticsearch takes nothing of a stream, whose partitions are held back.",
            )?,
            in_flight_bytes: gauge(
                "cspipe_index_in_flight_bytes",
                "Bytes of records that are held until Elasticsearch has answered.",
            )?,
            commits: counter("cspipe_index_commits_total", "Commits of offsets that Kafka took.")?,
            rebalances: counter(
                "cspipe_index_rebalances_total",
                "How often partitions were given to this indexer or taken from it.",
            )?,
            expired: register(registry, IntCounterVec::new(expired, &["topic"])?)?,
        };
        // A series that is there from the beginning shows that nothing has happened yet.
        for stream in Stream::ALL {
            for end in End::ALL {
                metrics.records.with_label_values(&[stream.name(), end.label()]);
            }
        }
        for cause in Cause::ALL {
            metrics.retries.with_label_values(&[cause.label()]);
        }
        Ok(metrics)
    }

    pub(super) fn count(&self, stream: Stream, end: End, records: u64) {
        self.records.with_label_values(&[stream.name(), end.label()]).inc_by(records);
    }

    pub(super) fn count_retry(&self, cause: Cause) {
        self.retries.with_label_values(&[cause.label()]).inc();
    }

    pub(super) fn count_expired(&self, topic: &str, records: u64) {
        self.expired.with_label_values(&[topic]).inc_by(records);
    }

    pub(super) fn show_lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag.with_label_values(&[topic, &partition.to_string()]).set(records);
    }

    /// Forgets a partition that another indexer has now.
    pub(super) fn forget_lag(&self, topic: &str, partition: i32) {
        // Nothing was shown of one that was here for a moment only.
        let _ = self.lag.remove_label_values(&[topic, &partition.to_string()]);
    }
}
