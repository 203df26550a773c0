//! Record → bytes → sink.
//!
//! In: records, one after the other. Out: one [`Batch`] of JSON objects, handed to a [`Sink`]; the
//! [`Receipt`] tells when all of them are durable. It touches the outside, and never waits.

mod encode;
pub mod kafka;
mod sink;

pub use encode::{OBSERVED, encode, encode_other, encode_rejected};
pub use sink::{Landed, NoRoom, NotDurable, Receipt, Settled, Sink, Unfit};

#[cfg(doc)]
use crate::report::Batch;
