//! Stored violations, judged again.
//!
//! In: a store to read, and rules. Out: for every violation in it what these rules say of it: what
//! would move between clean and filtered if a rule were changed (`trial`), and how often each rule
//! matches (`hits`). A record carries all that is needed for that (`stored`); it goes through the
//! very stages that run in production.
//!
//! It never changes a record, and never asks what time it is.

mod hits;
mod stored;
mod trial;

pub use hits::{Day, Hits};
pub use stored::StoredRecord;
pub use trial::{Baseline, Decision, Move, Specimen, Trial};

use crate::pipeline::Stages;
use crate::report::{Facts, Stream, Violation};
use crate::store::{ReadError, Reader};
use jiff::Timestamp;

/// One stored violation, ready to be judged.
#[derive(Debug)]
pub struct Replayed<'r> {
    pub record: &'r StoredRecord<'r>,
    /// The stream that it is stored in.
    pub stream: Stream,
    pub violation: &'r Violation<'r>,
    pub facts: &'r Facts<'r>,
}

/// What a walk over the store has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    pub violations: u64,
    /// Records that this program cannot read: another one wrote into the database.
    pub unreadable: u64,
}

/// Walks over the violations that were received at or after a moment, oldest first.
///
/// `progress` is told how many records were passed, and how many there are.
///
/// # Errors
///
/// When the database cannot be read.
pub fn replay(
    reader: &Reader,
    since: Timestamp,
    stages: &Stages,
    mut progress: impl FnMut(u64, u64),
    mut see: impl FnMut(&Replayed<'_>),
) -> Result<Seen, ReadError> {
    let span = reader.since(since)?;
    let mut seen = Seen::default();
    reader.violations(span, |stream, json, passed| {
        match serde_json::from_str::<StoredRecord<'_>>(json) {
            // A record received before is stored later when its request took longer.
            Ok(record) if record.received_at >= since => {
                seen.violations += 1;
                record.replay(stages, |violation, facts| {
                    see(&Replayed { record: &record, stream, violation, facts });
                });
            }
            Ok(_) => {}
            Err(_) => seen.unreadable += 1,
        }
        progress(passed, span.records);
    })?;
    Ok(seen)
}
