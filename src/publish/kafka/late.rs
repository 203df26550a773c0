//! Records that are in the spool and in librdkafka's hands as well.
//!
//! A request that waited too long has its records spooled, and librdkafka goes on trying to send
//! them. Whoever empties the spool asks here first, so that what arrives late is not sent again.
//! It forgets everything when the process ends: then a record may arrive twice.

use std::collections::HashMap;
use uuid::Uuid;

/// What is known of such records.
#[derive(Debug, Default)]
pub(super) struct Late(HashMap<Uuid, Place, foldhash::quality::RandomState>);

/// Where such a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// librdkafka may still bring it to Kafka.
    Flying,
    /// Kafka has it.
    Arrived,
}

impl Late {
    /// The record is about to be spooled while librdkafka has it.
    pub(super) fn flies(&mut self, id: Uuid) {
        self.0.insert(id, Place::Flying);
    }

    /// librdkafka has told how it ended.
    pub(super) fn ends(&mut self, id: Uuid, arrived: bool) {
        if arrived {
            self.0.insert(id, Place::Arrived);
        } else {
            self.0.remove(&id);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn place(&self, id: Uuid) -> Option<Place> {
        self.0.get(&id).copied()
    }

    /// The spool is empty: what has arrived is not there, or was never let in.
    pub(super) fn forget_arrived(&mut self) {
        self.0.retain(|_, place| *place == Place::Flying);
    }

    /// The record has left the spool.
    pub(super) fn forget(&mut self, id: Uuid) {
        self.0.remove(&id);
    }
}
