//! What is asked of the spool beside appending.

use super::{PutBehind, Spooled};
use crate::store::AppendError;

/// Work for the writer's thread, and how to answer it.
pub(in crate::store) enum Job {
    Read { after: i64, records: u32, bytes: u64, done: Done<Vec<Spooled>> },
    Forget { through: i64, done: Done<()> },
    PutBehind { numbers: Vec<i64>, done: Done<PutBehind> },
}

/// How to answer a job.
pub(in crate::store) type Done<T> = Box<dyn FnOnce(Result<T, AppendError>) + Send>;

impl Job {
    /// Answers with an error.
    pub(in crate::store) fn refuse(self, error: AppendError) {
        match self {
            Self::Read { done, .. } => done(Err(error)),
            Self::Forget { done, .. } => done(Err(error)),
            Self::PutBehind { done, .. } => done(Err(error)),
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read { after, .. } => write!(out, "Read after {after}"),
            Self::Forget { through, .. } => write!(out, "Forget through {through}"),
            Self::PutBehind { numbers, .. } => write!(out, "Put {} behind", numbers.len()),
        }
    }
}
