//! Numbers of the pipeline: every report once when it comes, once when its end is known.

use crate::policy::Directive;
use crate::publish::Landed;
use crate::report::{
    Classification, Disposition, Facts, Matched, OTHER_APPS, Outcome, Rejection, Tally, Verdict,
    Wire,
};
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counters, registered once and shared.
#[derive(Clone)]
pub struct Metrics {
    received: Vec<IntCounter>,
    ended: Vec<IntCounter>,
    rejected: IntCounterVec,
    violations: IntCounterVec,
    browsers: IntCounterVec,
    filtered: IntCounterVec,
    observed: IntCounterVec,
    apps: Arc<Apps>,
    series: Arc<Mutex<Counters<Series>>>,
    browser_series: Arc<Mutex<Counters<Seen>>>,
}

/// Counters by closed keys: looking them up so is cheaper than by texts.
type Counters<K> = HashMap<K, IntCounter, foldhash::quality::RandomState>;

/// What is counted once a request's records are durable, by each record's place in the batch.
#[derive(Debug, Default)]
pub struct Settling(Vec<(usize, IntCounter)>);

/// One series of the violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Series {
    app: usize,
    classification: Classification,
    violation_type: Option<Directive>,
    disposition: Disposition,
}

/// One series of the browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seen {
    app: usize,
    browser: Option<&'static str>,
}

/// The applications that have series of their own. Whoever posts chooses the name, so that their
/// number must be bounded.
struct Apps {
    max: usize,
    known: Mutex<HashMap<String, usize, foldhash::quality::RandomState>>,
}

impl Metrics {
    /// Registers everything. `max_apps` bounds how many applications have series of their own;
    /// `known_apps` have theirs whoever comes first.
    ///
    /// # Errors
    ///
    /// When a name is taken in the registry.
    pub fn register(
        registry: &Registry,
        max_apps: usize,
        known_apps: &[String],
    ) -> Result<Self, prometheus::Error> {
        let vec = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let received =
            vec("cspipe_reports_received_total", "Reports that came in, by envelope.", &["wire"])?;
        let ended = vec("cspipe_reports_total", "Reports by how they ended.", &["outcome"])?;
        let rejected =
            vec("cspipe_rejected_total", "Reports that could not be read.", &["reason"])?;
        for label in Rejection::LABELS {
            rejected.with_label_values(&[label]);
        }
        Ok(Self {
            received: Wire::ALL
                .iter()
                .map(|wire| received.with_label_values(&[wire.name()]))
                .collect(),
            ended: Outcome::ALL
                .iter()
                .map(|outcome| ended.with_label_values(&[outcome.name()]))
                .collect(),
            rejected,
            violations: vec(
                "cspipe_violations_total",
                "Clean violations.",
                &["app", "classification", "violation_type", "disposition"],
            )?,
            browsers: vec(
                "cspipe_violations_by_browser_total",
                "Clean violations, by the browser that sent them.",
                &["app", "browser"],
            )?,
            filtered: vec(
                "cspipe_filtered_total",
                "Violations that a rule filtered.",
                &["app", "reason", "rule"],
            )?,
            observed: vec(
                "cspipe_observed_total",
                "Violations that a rule on trial would have filtered.",
                &["reason", "rule"],
            )?,
            apps: Arc::new(Apps::new(max_apps, known_apps)),
            series: Arc::default(),
            browser_series: Arc::default(),
        })
    }

    /// Counts reports that came in.
    pub fn received(&self, wire: Wire, reports: usize) {
        self.received[wire as usize].inc_by(reports as u64);
    }

    /// Counts reports whose end is known.
    pub fn ended(&self, outcome: Outcome, reports: usize) {
        self.ended[outcome as usize].inc_by(reports as u64);
    }

    /// Counts one report that could not be read.
    pub fn rejected(&self, rejection: Rejection) {
        self.rejected.with_label_values(&[rejection.label()]).inc();
        self.ended(Outcome::Rejected, 1);
    }

    /// Remembers what to count of a judged violation once it is durable.
    pub fn judged(
        &self,
        place: usize,
        facts: &Facts<'_>,
        verdict: &Verdict<'_>,
        settling: &mut Settling,
    ) {
        let app = self.apps.label(&facts.app_name);
        for Matched { rule, reason } in &verdict.observed {
            settling.0.push((place, self.observed.with_label_values(&[reason.name(), rule])));
        }
        let counter = match verdict.filtered_by {
            Some(Matched { rule, reason }) => {
                let name = if app == OTHER { OTHER_APPS } else { &facts.app_name };
                self.filtered.with_label_values(&[name, reason.name(), rule])
            }
            None => {
                settling.0.push((place, self.browser(app, facts)));
                self.violation(app, facts)
            }
        };
        settling.0.push((place, counter));
    }

    /// Counts the reports of a request that has become durable. The rejected ones among them were
    /// counted when they were rejected; what the sink could not take as it is, is rejected now.
    pub fn settled(&self, mut tally: Tally, settling: &Settling, landed: &Landed) {
        for unfit in &landed.unfit {
            tally.take(unfit.stream);
            self.rejected(unfit.rejection);
        }
        self.ended(Outcome::Clean, tally.clean as usize);
        self.ended(Outcome::Filtered, tally.filtered as usize);
        self.ended(Outcome::Other, tally.other as usize);
        for (place, counter) in &settling.0 {
            if !landed.unfit.iter().any(|unfit| unfit.place == *place) {
                counter.inc();
            }
        }
    }

    /// The series of one clean violation.
    fn violation(&self, app: usize, facts: &Facts<'_>) -> IntCounter {
        let violation_type = facts.violation_type.as_ref().and_then(|name| name.known());
        let series = Series {
            app,
            classification: facts.classification,
            violation_type,
            disposition: facts.disposition,
        };
        let mut known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        // Once there are too many series only those of [`OTHER_APPS`] are still made, and these are
        // bounded by the closed sets.
        let series = if known.len() >= MAX_SERIES && !known.contains_key(&series) {
            Series { app: OTHER, ..series }
        } else {
            series
        };
        known
            .entry(series)
            .or_insert_with(|| {
                self.violations.with_label_values(&[
                    if series.app == OTHER { OTHER_APPS } else { &facts.app_name },
                    facts.classification.name(),
                    violation_type.map_or("other", Directive::name),
                    facts.disposition.name(),
                ])
            })
            .clone()
    }

    /// The series of a clean violation's browser: a closed set, and bounded as above. Apart from
    /// the other labels, as with them there would be a hundred times as many.
    fn browser(&self, app: usize, facts: &Facts<'_>) -> IntCounter {
        let browser = facts.agent.browser;
        let seen = Seen { app, browser };
        let mut known = self.browser_series.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = if known.len() >= MAX_SERIES && !known.contains_key(&seen) {
            Seen { app: OTHER, ..seen }
        } else {
            seen
        };
        known
            .entry(seen)
            .or_insert_with(|| {
                let app = if seen.app == OTHER { OTHER_APPS } else { &facts.app_name };
                self.browsers.with_label_values(&[app, browser.unwrap_or("unknown")])
            })
            .clone()
    }
}

impl Apps {
    fn new(max: usize, known: &[String]) -> Self {
        let known: HashMap<_, _, _> =
            known.iter().enumerate().map(|(at, app)| (app.clone(), at + 1)).collect();
        // Whoever posts first to made-up names must not take all that is left.
        Self { max: max.max(known.len()), known: Mutex::new(known) }
    }

    /// The application's number, or [`OTHER`] once there are too many.
    fn label(&self, app: &str) -> usize {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&label) = known.get(app) {
            return label;
        }
        if known.len() >= self.max {
            return OTHER;
        }
        let label = known.len() + 1;
        known.insert(app.to_owned(), label);
        label
    }
}

/// The number of all applications beyond the limit.
const OTHER: usize = 0;
const MAX_SERIES: usize = 10_000;
