//! The body of a request, through all stages.
//!
//! What is counted in comes out, whole records only; normalising twice is normalising once; the
//! slow decoder says the same wherever it judges.
#![no_main]

#[path = "../../tests/reference/mod.rs"]
mod reference;

use arc_swap::ArcSwap;
use cspipe::decode::{Entry, Scratch, Unreadable, decode};
use cspipe::filter;
use cspipe::pipeline::{self, Pipeline, Taken};
use cspipe::proof;
use cspipe::publish::Sink;
use cspipe::report::Batch;
use cspipe_fuzz::{delivery, rules, stages};
use jiff::civil::date;
use std::sync::{Arc, LazyLock, Mutex};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    reference::check(body);

    let mut scratch = Scratch::default();
    let decoded = decode(body, &mut scratch, stages().max_reports);
    let expected = match &decoded {
        Ok(entries) => entries.len(),
        Err(Unreadable::Rejected(_)) => 1,
        Err(Unreadable::TooMany(_)) => 0,
    };
    for entry in decoded.unwrap_or_default() {
        let Entry::Violation(raw) = entry else { continue };
        let once = stages().normalize(raw);
        let twice = stages().normalize(once.to_raw());
        assert_eq!(once, twice);
        let (facts, facts_again) =
            (stages().derive(&once, &delivery(None)), stages().derive(&twice, &delivery(None)));
        assert_eq!(facts, facts_again);
        let subject = rules().subject(&once, &facts);
        let asked = rules().rules().iter().filter(|rule| rule.matches(&subject));
        let found = rules().matching(&subject);
        assert!(found.map(|rule| &rule.id).eq(asked.map(|rule| &rule.id)));
        let _ = rules().judge(&subject, date(2026, 11, 23));
    }

    let taken = PIPELINE.take(body, &delivery(Some("app=fuzz")));
    let batches = std::mem::take(&mut *BATCHES.lock().expect("not poisoned"));
    let counted: u32 = batches.iter().map(|batch| batch.tally.total()).sum();
    assert_eq!(usize::try_from(counted).expect("few"), expected, "{taken:?}");
    let records = batches.iter().flat_map(|batch| batch.entries.iter().map(|it| batch.json(it)));
    let mut written = 0;
    for json in records {
        let record: serde_json::Value = serde_json::from_slice(json).expect("a record is JSON");
        let fields = record.as_object().expect("a record is an object");
        assert!(fields.values().all(|value| !value.is_null() && value != ""), "{record}");
        written += 1;
    }
    assert_eq!(written, expected);
    if let Taken::Overloaded = taken {
        panic!("a sink in memory has room");
    }
});

static BATCHES: LazyLock<Arc<Mutex<Vec<Batch>>>> = LazyLock::new(Default::default);
static PIPELINE: LazyLock<Pipeline> = LazyLock::new(|| {
    let settings = pipeline::Settings {
        edge: Some("edge-1".to_owned()),
        specimens_per_second: u32::MAX,
        ..pipeline::Settings::default()
    };
    let registry = prometheus::Registry::new();
    let metrics = pipeline::Metrics::register(&registry, settings.max_metric_apps, &[])
        .expect("the names are free");
    let rules = proof::prove(&filter::shipped(), stages()).expect("the shipped rules hold");
    let rules = Arc::new(ArcSwap::from_pointee(rules));
    Pipeline::new(stages().clone(), rules, Sink::Memory(BATCHES.clone()), &settings, metrics)
});
