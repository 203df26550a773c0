//! What flows: the nouns that the stages hand to each other.
//!
//! Nothing in here reads bytes, asks a clock or touches the outside. The words, once and for all:
//!
//! - A **delivery** is what the HTTP request said around the body: when, to which URL, by whom.
//! - A **raw report** is what one entry of the body said, key by key, before anybody judged it.
//! - A **violation** is a raw report without its browser's quirks, scrubbed of secrets.
//! - **Facts** are what follows from a violation and its delivery.
//! - A **verdict** is what the noise rules say: clean or filtered, and by which rule.
//! - A **record** is all of it together: what Kafka, the store and Elasticsearch see.
//! - An **outcome** is how a report ended: clean, filtered, rejected, other or refused. Every
//!   report ends in exactly one.
//! - A **batch** holds the encoded records of one request, on their way to the sink.
//! - A **tally** counts the outcomes of one request.

mod address;
mod agent;
mod batch;
mod blocked;
mod class;
mod delivery;
mod facts;
mod key;
mod outcome;
mod raw;
mod record;
mod repairs;
mod url;
mod verdict;
mod violation;

pub use address::{Address, Location, SchemeKind, scheme_kind};
pub use agent::{Agent, Device};
pub use batch::{Batch, Entry};
pub use blocked::Blocked;
pub(crate) use class::closed_set;
pub use class::{Classification, Disposition, Relation, Wire};
pub use delivery::{Delivery, OTHER_APPS, is_app_name};
pub use facts::{Facts, Fingerprint, PolicyHash};
pub use key::ReportKey;
pub use outcome::{Outcome, Rejection, Stream, Tally};
pub use raw::{OtherReport, RawReport};
pub use record::{OtherRecord, Record, RejectedRecord};
pub use repairs::{Repair, Repairs};
pub use url::{NetworkScheme, UrlParts, bare_host, split_scheme};
pub use verdict::{Matched, Reason, Verdict};
pub use violation::{DirectiveName, NormalizedOther, Violation};
