//! Errors of a store, the same for every kind of store.

use crate::passwords::hashing::HashError;

/// A store failed. Nothing of the requested write is stored, unless the error says that this is
/// unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("The disk of the user store is full.")]
    Full,
    /// Another process has locked the store for too long.
    #[error("Another process has locked the store; try again in a moment.")]
    Busy,
    /// A newer version of Muster created the store.
    #[error(
        "The store has schema version {found}, and this version supports up to {known}; use a \
         newer version of Muster."
    )]
    NewerSchema {
        /// Version of the store.
        found: u32,
        /// The newest version supported.
        known: u32,
    },
    /// A write reached the disk, and the disk did not confirm it.
    #[error(
        "The disk did not confirm a write, so it is not known whether it is stored; send the \
         same request again with the same key."
    )]
    Uncertain,
    /// The store is being reopened after a disk failure.
    #[error("The store is recovering from a disk failure; try again in a moment.")]
    Recovering,
    /// The limit of concurrent queries that read all users is reached.
    #[error(
        "Too many searches that read all users are running; try again in {seconds} s, or search \
         for one user by name."
    )]
    TooManyScans {
        /// Seconds until the caller should try again.
        seconds: u64,
    },
    /// The machine lacks memory, random bytes or a thread for the request.
    #[error(
        "The server does not have enough memory or threads for this at the moment; try again in \
         a moment."
    )]
    NoResources,
    /// The file is not a store, or is not usable; the message says what to do.
    #[error("{0}.")]
    Unusable(String),
    /// The store was shut down.
    #[error("The store is closed.")]
    Closed,
    /// Any other error; the text is for the log.
    #[error("The store failed: {0}.")]
    Failed(String),
}

impl From<HashError> for StoreError {
    /// The reason has been logged.
    fn from(_: HashError) -> Self {
        StoreError::NoResources
    }
}

impl StoreError {
    /// Whether the same request may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
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
