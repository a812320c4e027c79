//! A row that was not stored, kept as it came so that it can be mended and sent again.

use serde::Serialize;

/// One rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// Its cells, the password's blanked.
    pub cells: Vec<String>,
    /// The code of the first thing that is wrong with it.
    pub code: String,
    /// All that is wrong with it, in sentences.
    pub message: String,
}
