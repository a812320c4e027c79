//! A row that was not stored, kept so that it can be corrected and sent again.

use serde::Serialize;

use crate::users::batch::NewUser;
use crate::users::problem::Problem;

/// One rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// Its cells, with the password blanked.
    pub cells: Vec<String>,
    /// The code of its first problem.
    pub code: String,
    /// All its problems, as sentences.
    pub message: String,
}

impl Reject {
    /// The row of a user that could not be written.
    pub fn of(user: &NewUser<'_>, failure: &Problem) -> Self {
        let cells = user.cells.and_then(|json| serde_json::from_str(json).ok());
        Reject {
            line: user.line,
            cells: cells.unwrap_or_default(),
            code: failure.code.to_string(),
            message: failure.message.clone(),
        }
    }

    /// The approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        let text = |text: &String| text.len() + size_of::<String>();
        let cells: usize = self.cells.iter().map(text).sum();
        size_of::<Reject>() + cells + self.code.len() + self.message.len()
    }
}
