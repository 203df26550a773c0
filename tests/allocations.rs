//! How much a report costs in allocations once everything is warm.
//!
//! The numbers are limits that may only sink. Most of what is left is asked for by the record:
//! the entry list, the policy's key, a masked text.

mod support;

use cspipe::decode::{Entry, Scratch, decode};
use cspipe::filter;
use cspipe::proof;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use support::{Bench, fixtures, noon, stages};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator that counts cannot be written without")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.with(Cell::get);
    let result = work();
    (COUNT.with(Cell::get) - before, result)
}

/// A report as Chromium posts it, with nothing that must be rewritten.
const FIXTURE: &str = "chrome-csp-report";

#[test]
fn stages_allocate_little() {
    let fixture = fixtures().into_iter().find(|fixture| fixture.name == FIXTURE).expect("is there");
    let delivery = fixture.delivery();
    let stages = stages();
    let rules = proof::prove(&filter::shipped(), &stages).expect("the shipped rules hold");
    let today = jiff::tz::TimeZone::UTC.to_datetime(noon()).date();
    let mut scratch = Scratch::default();
    for round in 0..3 {
        let (decoding, entries) =
            count(|| decode(&fixture.body, &mut scratch, 100).expect("it can be read"));
        let Some(Entry::Violation(raw)) = entries.into_iter().next() else {
            panic!("no violation")
        };
        let (normalizing, violation) = count(|| stages.normalize(raw));
        let (deriving, facts) = count(|| stages.derive(&violation, &delivery));
        let subject = rules.subject(&violation, &facts);
        let (judging, verdict) = count(|| rules.judge(&subject, today));
        assert_eq!(verdict.filtered_by, None);
        // The first rounds fill buffers and the cache of user agents.
        if round == 2 {
            assert!(decoding <= 2, "decode: {decoding}");
            assert!(normalizing <= 2, "normalize: {normalizing}");
            assert!(deriving <= 5, "derive: {deriving}");
            assert_eq!(judging, 0, "filter");
        }
    }
}

#[test]
fn a_whole_report_allocates_a_bounded_number_of_times() {
    let fixture = fixtures().into_iter().find(|fixture| fixture.name == FIXTURE).expect("is there");
    let bench = Bench::new();
    let mut allocations = 0;
    for _ in 0..5 {
        let (counted, _) = count(|| bench.pipeline.take(&fixture.body, &fixture.delivery()));
        allocations = counted;
    }
    assert!(allocations <= 16, "{allocations}");
}
