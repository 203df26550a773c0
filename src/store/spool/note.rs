//! What went wrong last with Kafka, on its way to the disk.

use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last error, until it is written down. A later one takes the place of an earlier.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Option<Note>>);

/// An error and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) at: Timestamp,
    pub(super) error: String,
}

impl Notes {
    pub(super) fn put(&self, mut error: String) {
        let end = error.floor_char_boundary(MAX_LENGTH);
        error.truncate(end);
        *self.lock() = Some(Note { at: Timestamp::now(), error });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_none()
    }

    pub(super) fn take(&self) -> Option<Note> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of an error that are kept: a line or two.
const MAX_LENGTH: usize = 1000;
