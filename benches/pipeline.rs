//! What a report costs, stage by stage, over the bodies under `tests/reports/`.
//!
//! Run with `cargo bench`. Figures are per body; throughput is in bytes of body.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use cspipe::decode::{Entry, Scratch, decode};
use cspipe::filter;
use cspipe::proof;
use cspipe::publish;
use cspipe::report::{Batch, RawReport, Record};
use std::hint::black_box;
use support::{Bench, Fixture, fixtures, noon, stages};

/// One plain report per engine and delivery way, a batch, and one that must be mended.
const BODIES: &[&str] = &[
    "chrome-csp-report",
    "capture-firefox-report-uri",
    "capture-webkit-report-uri-hybrid",
    "capture-chromium-mixed-batch",
    "chrome-extension-bare",
    "invalid-utf-8-in-sample",
];

fn bodies() -> Vec<Fixture> {
    fixtures().into_iter().filter(|fixture| BODIES.contains(&fixture.name.as_str())).collect()
}

fn plain() -> Fixture {
    bodies().into_iter().find(|fixture| fixture.name == BODIES[0]).expect("is there")
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for fixture in bodies() {
        group.throughput(Throughput::Bytes(fixture.body.len() as u64));
        let mut scratch = Scratch::default();
        group.bench_function(&fixture.name, |bencher| {
            bencher.iter(|| black_box(decode(black_box(&fixture.body), &mut scratch, 100)).is_ok());
        });
    }
    group.finish();
}

fn stage_by_stage(criterion: &mut Criterion) {
    let fixture = plain();
    let delivery = fixture.delivery();
    let stages = stages();
    let rules = proof::prove(&filter::shipped(), &stages).expect("the shipped rules hold");
    let today = jiff::tz::TimeZone::UTC.to_datetime(noon()).date();
    let mut scratch = Scratch::default();
    let entries = decode(&fixture.body, &mut scratch, 100).expect("it can be read");
    let Some(Entry::Violation(raw)) = entries.into_iter().next() else { panic!("no violation") };
    let raw: RawReport<'_> = raw;

    criterion.bench_function("normalize", |bencher| {
        bencher.iter_batched(|| raw.clone(), |raw| stages.normalize(raw), BatchSize::SmallInput);
    });
    let violation = stages.normalize(raw.clone());
    criterion.bench_function("derive", |bencher| {
        bencher.iter(|| stages.derive(black_box(&violation), &delivery));
    });
    let facts = stages.derive(&violation, &delivery);
    let subject = rules.subject(&violation, &facts);
    criterion.bench_function("filter", |bencher| {
        bencher.iter(|| rules.judge(black_box(&subject), today));
    });
    let verdict = rules.judge(&subject, today);
    criterion.bench_function("encode", |bencher| {
        bencher.iter_batched(
            || Batch { bytes: Vec::with_capacity(4096), ..Batch::default() },
            |mut batch| {
                let record = Record {
                    id: uuid::Uuid::nil(),
                    received_at: noon(),
                    violation: &violation,
                    facts: &facts,
                    verdict: &verdict,
                    edge: "edge-1",
                };
                publish::encode(&record, &mut batch);
                batch
            },
            BatchSize::SmallInput,
        );
    });
}

fn whole_reports(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    for fixture in bodies() {
        group.throughput(Throughput::Bytes(fixture.body.len() as u64));
        let bench = Bench::new();
        let mut taken = 0u32;
        group.bench_function(&fixture.name, |bencher| {
            bencher.iter(|| {
                black_box(bench.pipeline.take(&fixture.body, &fixture.delivery()));
                taken += 1;
                // The sink is memory; without this it would be all of it.
                if taken.is_multiple_of(1024) {
                    bench.batches.lock().expect("not poisoned").clear();
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decoding, stage_by_stage, whole_reports);
criterion_main!(benches);
