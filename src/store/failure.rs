//! What went wrong with the database, while it was opened or used.

use super::database::{self, OpenError};
use super::{AppendError, damage};

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("the database is no spool")]
    NoSpool,
}

impl Failure {
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Open(error) => matches!(error, OpenError::Damaged { .. }),
            Self::Sqlite(error) => damage::is_damage(error),
            Self::NoSpool => false,
        }
    }

    /// Whether more room on the disk would help.
    pub(super) fn is_disk_full(&self) -> bool {
        match self {
            Self::Open(error) => error.is_disk_full(),
            Self::Sqlite(error) => database::is_disk_full(error),
            Self::NoSpool => false,
        }
    }

    /// What it is for whoever waits for an answer.
    pub(super) fn kind(&self) -> AppendError {
        match self {
            Self::Open(OpenError::Damaged { .. }) => AppendError::Damaged,
            Self::Sqlite(source) | Self::Open(OpenError::Sqlite { source, .. }) => source.into(),
            Self::Open(
                OpenError::Directory { .. }
                | OpenError::NotADirectory { .. }
                | OpenError::Missing { .. }
                | OpenError::Io { .. },
            ) => AppendError::Io,
            Self::Open(
                OpenError::Locked { .. }
                | OpenError::Newer { .. }
                | OpenError::Foreign { .. }
                | OpenError::NoWal { .. },
            )
            | Self::NoSpool => AppendError::Other,
        }
    }
}
