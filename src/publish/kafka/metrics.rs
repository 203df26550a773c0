//! What is counted of Kafka.

use super::trouble::Trouble;
use crate::metrics::register;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, exponential_buckets,
};
use rdkafka::statistics::Statistics;

/// Metrics of Kafka mode. Clones count into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(super) delivered: IntCounter,
    pub(super) spooled: IntCounter,
    pub(super) rejected: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) specimens: IntCounter,
    pub(super) maybe_duplicates: IntCounter,
    pub(super) breaker_open: IntGauge,
    pub(super) delivery_seconds: Histogram,
    errors: IntCounterVec,
    queue_messages: IntGauge,
    queue_bytes: IntGauge,
    sent_bytes: IntGauge,
    broker_up: IntGaugeVec,
    broker_in_flight: IntGaugeVec,
    broker_rtt_mean: GaugeVec,
    broker_rtt_p99: GaugeVec,
    broker_errors: IntGaugeVec,
    broker_timeouts: IntGaugeVec,
    statistics_age: Gauge,
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    ///
    /// When a name is taken in the registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let brokers =
            |name, help| register(registry, IntGaugeVec::new(Opts::new(name, help), &["broker"])?);
        let seconds =
            |name, help| register(registry, GaugeVec::new(Opts::new(name, help), &["broker"])?);
        let records = register(
            registry,
            IntCounterVec::new(
                Opts::new(
                    "cspipe_kafka_records_total",
                    "Records of requests, by where they ended: acknowledged by Kafka, in the \
                     spool, as a specimen of what Kafka refuses, or nowhere, with a 503.",
                ),
                &["end"],
            )?,
        )?;
        let errors = register(
            registry,
            IntCounterVec::new(
                Opts::new("cspipe_kafka_errors_total", "Records and requests that Kafka failed."),
                &["class"],
            )?,
        )?;
        for trouble in Trouble::ALL {
            errors.with_label_values(&[trouble.label()]);
        }
        let delivery = HistogramOpts::new(
            "cspipe_kafka_delivery_seconds",
            "Time from handing a request's records over until Kafka acknowledged the last of them.",
        );
        Ok(Self {
            delivered: records.with_label_values(&["delivered"]),
            spooled: records.with_label_values(&["spooled"]),
            rejected: records.with_label_values(&["rejected"]),
            refused: records.with_label_values(&["refused"]),
            specimens: register(
                registry,
                IntCounter::new(
                    "cspipe_spool_specimens_total",
                    "Records of the spool that Kafka refuses, and of which the rejected stream got \
                     a specimen.",
                )?,
            )?,
            maybe_duplicates: register(
                registry,
                IntCounter::new(
                    "cspipe_kafka_maybe_duplicates_total",
                    "Records that may be in Kafka twice: taken back, or given up by librdkafka, \
                     after they had been sent.",
                )?,
            )?,
            breaker_open: gauge(
                "cspipe_kafka_breaker_open",
                "Whether requests go to the spool without asking Kafka.",
            )?,
            delivery_seconds: register(
                registry,
                Histogram::with_opts(delivery.buckets(exponential_buckets(0.001, 2.0, 14)?))?,
            )?,
            errors,
            queue_messages: gauge(
                "cspipe_kafka_queue_messages",
                "Records that librdkafka has and Kafka has not acknowledged.",
            )?,
            queue_bytes: gauge("cspipe_kafka_queue_bytes", "Bytes of these records.")?,
            sent_bytes: gauge(
                "cspipe_kafka_sent_bytes",
                "Bytes sent to brokers since the producer was made, compressed.",
            )?,
            broker_up: brokers("cspipe_kafka_broker_up", "Whether the broker is connected.")?,
            broker_in_flight: brokers(
                "cspipe_kafka_broker_in_flight_requests",
                "Requests to the broker that have no answer yet.",
            )?,
            broker_rtt_mean: seconds(
                "cspipe_kafka_broker_rtt_mean_seconds",
                "Mean time of the broker's answers, over the last seconds.",
            )?,
            broker_rtt_p99: seconds(
                "cspipe_kafka_broker_rtt_p99_seconds",
                "The time within which 99 of 100 answers of the broker come.",
            )?,
            broker_errors: brokers(
                "cspipe_kafka_broker_errors",
                "Failures to send to the broker or to read from it, since the producer was made.",
            )?,
            broker_timeouts: brokers(
                "cspipe_kafka_broker_request_timeouts",
                "Requests to the broker that had no answer in time, since the producer was made.",
            )?,
            statistics_age: register(
                registry,
                Gauge::new(
                    "cspipe_kafka_statistics_timestamp_seconds",
                    "When librdkafka last told these numbers, in seconds since 1970.",
                )?,
            )?,
        })
    }

    pub(super) fn count_error(&self, trouble: Trouble) {
        self.errors.with_label_values(&[trouble.label()]).inc();
    }

    /// Shows librdkafka's statistics: one field each, in base units.
    pub(super) fn show(&self, statistics: &Statistics) {
        self.queue_messages.set(whole(statistics.msg_cnt));
        self.queue_bytes.set(whole(statistics.msg_size));
        self.sent_bytes.set(statistics.tx_bytes);
        self.statistics_age.set(statistics.time as f64);
        // Brokers that were only asked where the others are have no id.
        for broker in statistics.brokers.values().filter(|broker| broker.nodeid >= 0) {
            let name = broker.nodeid.to_string();
            let labels = &[name.as_str()];
            let is_up = matches!(broker.state.as_str(), "UP" | "UPDATE");
            self.broker_up.with_label_values(labels).set(is_up.into());
            self.broker_in_flight.with_label_values(labels).set(broker.waitresp_cnt);
            if let Some(rtt) = &broker.rtt {
                self.broker_rtt_mean.with_label_values(labels).set(rtt.avg as f64 / MICROSECONDS);
                self.broker_rtt_p99.with_label_values(labels).set(rtt.p99 as f64 / MICROSECONDS);
            }
            let errors = whole(broker.txerrs.saturating_add(broker.rxerrs));
            self.broker_errors.with_label_values(labels).set(errors);
            self.broker_timeouts.with_label_values(labels).set(whole(broker.req_timeouts));
        }
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// librdkafka counts time in microseconds.
const MICROSECONDS: f64 = 1e6;
