//! What ends an import. A bad row does not; it is a [`Problem`](crate::users::problem::Problem).

use crate::formats::error::FormatError;
use crate::import::columns::HeaderError;
use crate::import::report::Report;
use crate::users::hashing::HashError;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// Why an import ended before the end of its file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes did not arrive as they should.
    #[error(transparent)]
    Wire(WireError),
    /// The bytes are no rows.
    #[error(transparent)]
    Format(FormatError),
    /// The header line cannot be followed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password hash function failed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Passwords could not be made up, or not be handed out.
    #[error(
        "The generated passwords could not be handed out: {0}. Users of this import that are not in \
         the file of passwords have one that nobody knows; give them another."
    )]
    GeneratedPasswords(String),
    /// The server is stopping.
    #[error("The server is stopping; send the file again when it is back.")]
    Stopping,
}

impl From<FormatError> for ImportError {
    /// What the source said about itself comes out of the reader's error again.
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Io(io) => ImportError::Wire(WireError::from_io(io)),
            other => ImportError::Format(other),
        }
    }
}

impl ImportError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            ImportError::Wire(error) => error.code(),
            ImportError::Format(error) => error.code(),
            ImportError::Header(_) => "IMP-CSV-HEADER",
            ImportError::Store(StoreError::Full) => "IMP-STORE-FULL",
            ImportError::Store(StoreError::Busy) => "IMP-STORE-BUSY",
            ImportError::Store(_) => "IMP-STORE",
            ImportError::Hash(_) => "IMP-HASH",
            ImportError::GeneratedPasswords(_) => "IMP-GENERATED-PASSWORDS",
            ImportError::Stopping => "IMP-STOPPING",
        }
    }

    /// Whether the same file, sent again whole, would complete the import.
    pub fn is_interruption(&self) -> bool {
        match self {
            ImportError::Wire(error) => error.is_truncation(),
            ImportError::Stopping
            | ImportError::Store(_)
            | ImportError::Hash(_)
            | ImportError::GeneratedPasswords(_) => true,
            ImportError::Format(_) | ImportError::Header(_) => false,
        }
    }
}

/// An import that ended early, and how far it came.
#[derive(Debug)]
pub struct ImportFailure {
    /// Why.
    pub error: ImportError,
    /// How far; its counters say exactly what is stored.
    pub report: Box<Report>,
}

impl ImportFailure {
    /// What is stored, and what to do next.
    pub fn progress(&self) -> String {
        let report = &self.report;
        match (report.counters.created, self.error.is_interruption()) {
            (0, _) => "Nothing is stored.".into(),
            (rows, true) => format!(
                "{rows} users are stored and import {} is interrupted; sending the whole file again \
                 completes it.",
                report.import
            ),
            (rows, false) => format!(
                "{rows} users from before that line are stored by import {}; mend the file and send \
                 it again.",
                report.import
            ),
        }
    }
}

impl std::fmt::Display for ImportFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.error, self.progress())
    }
}

impl std::error::Error for ImportFailure {}
