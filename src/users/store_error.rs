//! How a store fails, whichever it is.

/// A store failed; nothing of what it was asked to write is in it.
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
    /// The store was shut down.
    #[error("The store is closed.")]
    Closed,
    /// Anything else; the text is for the log.
    #[error("The store failed: {0}.")]
    Failed(String),
}
