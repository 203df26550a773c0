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
    /// It was read, and its record is larger than Kafka takes.
    TooLargeForKafka,
    /// It was read, and Kafka says that its record is not valid for the topic.
    RefusedByKafka,
    /// It was in its topic, and Elasticsearch does not take it.
    RefusedByElasticsearch,
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
            Self::TooLargeForKafka => "too_large_for_kafka",
            Self::RefusedByKafka => "refused_by_kafka",
            Self::RefusedByElasticsearch => "refused_by_elasticsearch",
        }
    }

    /// Every label, for whoever wants to register them ahead.
    pub const LABELS: [&'static str; 10] = [
        "empty",
        "syntax",
        "too_deep",
        "not_an_object",
        "not_a_report",
        "no_body",
        "says_nothing",
        "too_large_for_kafka",
        "refused_by_kafka",
        "refused_by_elasticsearch",
    ];
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
            Self::TooLargeForKafka => out.write_str(
                "the record is larger than Kafka takes: message.max.bytes of the producer, \
                 max.message.bytes of the topic",
            ),
            Self::RefusedByKafka => {
                out.write_str("Kafka says that the record is not valid for the topic")
            }
            Self::RefusedByElasticsearch => out.write_str("Elasticsearch does not take the record"),
        }
    }
}

impl Tally {
    /// How many reports there were.
    pub const fn total(&self) -> u32 {
        self.clean + self.filtered + self.rejected + self.other
    }

    pub const fn add(&mut self, stream: Stream) {
        *self.of(stream) += 1;
    }

    /// Takes one back that was added.
    pub const fn take(&mut self, stream: Stream) {
        *self.of(stream) -= 1;
    }

    const fn of(&mut self, stream: Stream) -> &mut u32 {
        match stream {
            Stream::Clean => &mut self.clean,
            Stream::Filtered => &mut self.filtered,
            Stream::Other => &mut self.other,
            Stream::Rejected => &mut self.rejected,
        }
    }
}
