//! How a store fails, whichever it is.

use crate::passwords::hashing::HashError;

/// A store failed; nothing of what it was asked to write is in it, unless the error says that it is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("There is no room left where the users are stored.")]
    Full,
    /// Another process holds the store for too long.
    #[error("Another process holds the store; try again in a moment.")]
    Busy,
    /// The store was made by a newer version.
    #[error(
        "The store has schema version {found}, and this version knows {known}; use a newer one."
    )]
    NewerSchema {
        /// Version of the store.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
    /// The write reached the disk, and the disk did not confirm it.
    #[error(
        "The disk did not confirm a write, so it is not known whether it is stored; send the same request again \
         with the same key."
    )]
    Uncertain,
    /// The store is being closed and opened again after a failure of the disk.
    #[error("The store is being recovered after a failure of the disk; try again in a moment.")]
    Recovering,
    /// As many queries that read all users run as may at the same time.
    #[error(
        "As many searches that read all users are under way as may be at once; try again in {seconds} s, or ask \
         for one user by name."
    )]
    TooManyScans {
        /// When to come back.
        seconds: u64,
    },
    /// The machine has no memory, no random bytes or no thread left for what the store is asked for.
    #[error(
        "The server has not enough memory or threads for this at the moment; try again in a moment."
    )]
    NoResources,
    /// What is there is no store, or none that can be used; the sentence says what to do.
    #[error("{0}.")]
    Unusable(String),
    /// The store was shut down.
    #[error("The store is closed.")]
    Closed,
    /// Anything else; the text is for the log.
    #[error("The store failed: {0}.")]
    Failed(String),
}

impl From<HashError> for StoreError {
    /// Why has been logged.
    fn from(_: HashError) -> Self {
        StoreError::NoResources
    }
}

impl StoreError {
    /// Whether the same request may succeed later, unchanged.
    pub fn passes(&self) -> bool {
        match self {
            StoreError::Full
            | StoreError::Busy
            | StoreError::Uncertain
            | StoreError::Recovering
            | StoreError::TooManyScans { .. }
            | StoreError::NoResources
            | StoreError::Closed => true,
            StoreError::NewerSchema { .. } | StoreError::Unusable(_) | StoreError::Failed(_) => {
                false
            }
        }
    }
}
