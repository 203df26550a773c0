//! The encoded records of one request, ready for a sink.

use super::{Classification, Disposition, Stream, Tally};
use crate::policy::Directive;
use jiff::Timestamp;
use std::ops::Range;
use uuid::Uuid;

/// Encoded records in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    /// JSON objects, one behind the other.
    pub bytes: Vec<u8>,
    pub entries: Vec<Entry>,
    /// Counts every report of the request, also those of which no record is kept.
    pub tally: Tally,
}

/// What a sink must know of one record without reading it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub stream: Stream,
    pub id: Uuid,
    pub received_at: Timestamp,
    pub timestamp: Timestamp,
    /// Where in the batch's bytes the JSON object stands.
    pub json: Range<usize>,
    /// Where in the batch's bytes the application's name stands, without quotes.
    pub app: Range<usize>,
    /// Absent for streams that hold no violations.
    pub classification: Option<Classification>,
    /// Absent where the directive is unknown.
    pub violation_type: Option<Directive>,
    pub disposition: Option<Disposition>,
}

impl Batch {
    /// The JSON object of one record.
    pub fn json(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.json.clone()]
    }

    /// The application's name of one record.
    pub fn app(&self, entry: &Entry) -> &str {
        std::str::from_utf8(&self.bytes[entry.app.clone()]).unwrap_or("unknown")
    }
}
