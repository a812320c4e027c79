//! What can be wrong with a file as a whole.

use std::io;

/// A file that cannot be read as rows, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// There is nothing in it.
    #[error("The file is empty; it needs a header line and one line for each user.")]
    Empty,
    /// Its first bytes say that it is something else.
    #[error("The file is {found} and not CSV; save it as CSV (UTF-8) and send that.")]
    NotCsv {
        /// What it is.
        found: &'static str,
    },
    /// Its byte-order mark says that it is not UTF-8.
    #[error("The file is in {charset}; save it as UTF-8 and send that.")]
    Charset {
        /// Name of the charset.
        charset: &'static str,
    },
    /// Its columns are not separated by commas.
    #[error(
        "The first line has no comma but {found}; save the file with commas between its columns."
    )]
    Delimiter {
        /// What stands there in place of commas.
        found: &'static str,
    },
    /// A field is longer than a field can be: most often a quote that is never closed.
    #[error(
        "The row that begins in line {line} has a field of more than {limit} bytes; \
         look for a quotation mark that is not closed there."
    )]
    FieldTooLong {
        /// Line where the row begins, from 1.
        line: u64,
        /// Bytes that a field may have.
        limit: usize,
    },
    /// A row has more bytes or fields than a row can have.
    #[error("The row that begins in line {line} is too long: it has more than {limit} {what}.")]
    RowTooLong {
        /// Line where the row begins, from 1.
        line: u64,
        /// What there may be of it.
        limit: usize,
        /// `bytes` or `fields`.
        what: &'static str,
    },
    /// The file ends inside a quoted field.
    #[error(
        "The file ends inside a quoted field of the row that begins in line {line}; \
         close the quotation mark."
    )]
    UnclosedQuote {
        /// Line where the row begins, from 1.
        line: u64,
    },
    /// The source failed; the reader's owner knows what it means.
    #[error("The file could not be read: {0}.")]
    Io(#[from] io::Error),
}

impl FormatError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            FormatError::Empty => "IMP-FILE-EMPTY",
            FormatError::NotCsv { .. } => "IMP-FILE-FORMAT",
            FormatError::Charset { .. } => "IMP-FILE-CHARSET",
            FormatError::Delimiter { .. } => "IMP-CSV-DELIMITER",
            FormatError::FieldTooLong { .. } => "IMP-CSV-FIELD",
            FormatError::RowTooLong { .. } => "IMP-CSV-ROW",
            FormatError::UnclosedQuote { .. } => "IMP-CSV-QUOTE",
            FormatError::Io(_) => "IMP-IO",
        }
    }
}
