//! Which rows of a file a dry run checks.

use std::collections::BTreeSet;

/// The rows that are checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All rows.
    #[default]
    All,
    /// The rows that begin in these lines. The file is read up to the last of them, and the other rows are neither
    /// checked nor counted: whether a name occurs twice is only found among the selected rows. For dry runs only.
    Lines(BTreeSet<u64>),
}

impl Selection {
    /// The selected lines; none if all rows are.
    pub(super) fn lines(&self) -> Option<&BTreeSet<u64>> {
        match self {
            Selection::All => None,
            Selection::Lines(lines) => Some(lines),
        }
    }
}
