//! The numbers of a running cspipe, as Prometheus would scrape them.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Debug, Clone, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads the text format; lines that are no sample are left out.
    pub fn read(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// The sum over all series of a name, or the one series of a name with its labels; nothing
    /// where there is none.
    pub fn total(&self, name: &str) -> Option<f64> {
        let of_name = |series: &str| {
            series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let mut found = self.0.iter().filter(|(series, _)| of_name(series)).peekable();
        found.peek()?;
        Some(found.map(|(_, value)| value).sum())
    }

    /// Counts of things: 0 where there is no such series.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole, and small enough"
    )]
    pub fn count(&self, name: &str) -> u64 {
        self.total(name).unwrap_or_default() as u64
    }

    /// One outcome of reports.
    pub fn outcome(&self, outcome: &str) -> u64 {
        self.count(&format!("cspipe_reports_total{{outcome=\"{outcome}\"}}"))
    }

    /// What does not add up once nothing is on its way.
    pub fn imbalances(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let received = self.count("cspipe_reports_received_total");
        let ended = self.count("cspipe_reports_total");
        if received != ended {
            wrong.push(format!("received {received} reports, and {ended} came to an end"));
        }
        let stored = ["clean", "filtered", "other"].map(|outcome| self.outcome(outcome));
        let stored: u64 = stored.iter().sum();
        let end = |end: &str| self.count(&format!("cspipe_kafka_records_total{{end=\"{end}\"}}"));
        // Specimens are records too, and are counted as such beside their reports.
        let durable = end("delivered") + end("spooled") + end("rejected");
        let specimens = self.outcome("rejected");
        if !(stored..=stored + specimens).contains(&durable) {
            wrong.push(format!(
                "{stored} reports and at most {specimens} specimens, but {durable} records"
            ));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_over_all_series_of_a_name() {
        let metrics = Metrics::read("# HELP a\na{b=\"c\"} 1\na{b=\"d\"} 2\nab 4\nc 8\n");
        assert_eq!(metrics.total("a"), Some(3.0));
        assert_eq!(metrics.total("a{b=\"d\"}"), Some(2.0));
        assert_eq!(metrics.count("c"), 8);
        assert_eq!(metrics.total("d"), None);
    }
}
