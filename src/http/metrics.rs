//! What the public listener counts.
//!
//! Requests and answers alone; what became of the reports in them is counted by the pipeline.
//! Nothing that a client sends becomes a label.

use super::status::Code;
use crate::metrics::register;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::time::Duration;

/// The listener's metrics. Clones count into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    responses: [IntCounter; Code::ALL.len()],
    ack_seconds: Histogram,
    pub(super) in_flight_bytes: IntGauge,
    pub(super) connections: IntGauge,
    pub(super) accept_waits: IntCounter,
    pub(super) accept_errors: IntCounter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let responses = register(
            registry,
            IntCounterVec::new(
                Opts::new(
                    "cspipe_http_responses_total",
                    "Answers on the public address, by status code.",
                ),
                &["code"],
            )?,
        )?;
        Ok(Self {
            responses: Code::ALL.map(|code| responses.with_label_values(&[code.status().as_str()])),
            ack_seconds: register(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "cspipe_ack_seconds",
                        "Time from the end of a request head until its reports were durable.",
                    )
                    .buckets(ACK_BUCKETS.to_vec()),
                )?,
            )?,
            in_flight_bytes: register(
                registry,
                IntGauge::new(
                    "cspipe_http_in_flight_bytes",
                    "Memory set aside for bodies that are on their way in.",
                )?,
            )?,
            connections: register(
                registry,
                IntGauge::new("cspipe_http_connections", "Open public connections.")?,
            )?,
            accept_waits: register(
                registry,
                IntCounter::new(
                    "cspipe_http_accept_waits_total",
                    "Times that no connection was accepted because the most were open.",
                )?,
            )?,
            accept_errors: register(
                registry,
                IntCounter::new(
                    "cspipe_http_accept_errors_total",
                    "Connections that the system could not hand over, mostly for want of files.",
                )?,
            )?,
        })
    }

    pub(super) fn count_response(&self, code: Code) {
        self.responses[code as usize].inc();
    }

    pub(super) fn observe_ack(&self, took: Duration) {
        self.ack_seconds.observe(took.as_secs_f64());
    }
}

/// A commit to a good disk is at the lower end; what waits for a dead broker, at the upper.
const ACK_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
