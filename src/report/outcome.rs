//! How a report ends.

use super::class::closed_set;
use std::fmt;

closed_set! {
    /// The end of one report. Every report has exactly one.
    Outcome {
        Clean = "clean",
        Filtered = "filtered",
        /// It could not be read.
        Rejected = "rejected",
        /// It is of another type than `csp-violation`.
        Other = "other",
        /// It was turned away: too large, too many, or nothing durable could be had.
        Refused = "refused",
    }
}

closed_set! {
    /// Where a record goes: a topic in Kafka, a view in the store.
    Stream {
        Clean = "clean",
        Filtered = "filtered",
        Other = "other",
        Rejected = "rejected",
    }
}

/// Why a body, or one entry of it, could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing but white space.
    Empty,
    /// No JSON and no form; `at` is the byte where reading ended.
    Syntax { at: usize, what: &'static str },
    /// Nested deeper than any report.
    TooDeep,
    /// JSON, but neither an object nor an array of objects.
    NotAnObject,
    /// An object without any key of a report.
    NotAReport,
    /// A `csp-violation` or `csp-report` whose content is missing or no object.
    NoBody,
    /// An envelope around nothing that could be a violation.
    SaysNothing,
}

/// How many reports of one request ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub clean: u32,
    pub filtered: u32,
    pub rejected: u32,
    pub other: u32,
}

impl Rejection {
    /// The closed metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Syntax { .. } => "syntax",
            Self::TooDeep => "too_deep",
            Self::NotAnObject => "not_an_object",
            Self::NotAReport => "not_a_report",
            Self::NoBody => "no_body",
            Self::SaysNothing => "says_nothing",
        }
    }

    /// Every label, for whoever wants to register them ahead.
    pub const LABELS: [&'static str; 7] =
        ["empty", "syntax", "too_deep", "not_an_object", "not_a_report", "no_body", "says_nothing"];
}

impl fmt::Display for Rejection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("the body is empty"),
            Self::Syntax { at, what } => write!(out, "byte {at}: {what}"),
            Self::TooDeep => out.write_str("nested deeper than any report"),
            Self::NotAnObject => out.write_str("expected an object or an array of objects"),
            Self::NotAReport => out.write_str(
                "an object without `csp-report`, `type` or any key of a violation report",
            ),
            Self::NoBody => out.write_str("the report's content is missing or no object"),
            Self::SaysNothing => {
                out.write_str("names neither a directive, nor a blocked resource, nor a page")
            }
        }
    }
}

impl Tally {
    /// How many reports there were.
    pub const fn total(&self) -> u32 {
        self.clean + self.filtered + self.rejected + self.other
    }

    pub const fn add(&mut self, stream: Stream) {
        match stream {
            Stream::Clean => self.clean += 1,
            Stream::Filtered => self.filtered += 1,
            Stream::Other => self.other += 1,
            Stream::Rejected => self.rejected += 1,
        }
    }
}
