//! Why a header line is refused. Headings are quoted and shortened; text that may be a password is never
//! quoted.

use crate::formats::error::shortened;
use crate::formats::row::FlawedField;

/// How to specify the header line.
const HOW: &str = "Rename the headings, say what they mean (the option map, such as \"E-Mail \
    Address=emailaddress\", or \"_\" for a column that is not read), or say which line is the header line \
    (the option header: a line number, or none; files.map and files.header in the settings).";

/// A header line that could only be followed by guessing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Some headings are known and some are not.
    #[error(
        "Line {line} was read as the header line and has unknown columns: {}. {HOW} Columns whose heading \
         begins with \"_\" are not read. Known columns are {known}.",
        unknown.join(", ")
    )]
    UnknownColumns {
        /// The line.
        line: u64,
        /// The unknown headings.
        unknown: Vec<String>,
        /// The known columns.
        known: String,
    },
    /// Other columns are known, but none is the user name.
    #[error(
        "Line {line} was read as the header line and has no user name column{}. Name one of its columns \
         `username`. {HOW}",
        match unknown.is_empty() {
            true => String::new(),
            false => format!("; unknown columns: {}", unknown.join(", ")),
        }
    )]
    NoUserName {
        /// The line.
        line: u64,
        /// The unknown headings.
        unknown: Vec<String>,
    },
    /// No heading of the line is known.
    #[error(
        "Line {line} was read as the header line, and none of its columns is known: {}. A file begins with \
         a header line such as `username,password,emailaddress` or `UserName,Password,Claims`. {HOW}",
        unknown.join(", ")
    )]
    NotUnderstood {
        /// The line.
        line: u64,
        /// Its headings.
        unknown: Vec<String>,
    },
    /// The header line is below other lines.
    #[error(
        "Line {line} was read as the header line, and line {header} looks like it. Remove the lines above \
         line {header}, or say that it is the header line (the option header, {header})."
    )]
    LinesAbove {
        /// The line that was read.
        line: u64,
        /// The line that looks like a header line.
        header: u64,
    },
    /// There is no such line near the beginning of the file.
    #[error(
        "Line {line} was given as the header line, but no row begins there within the first 64 KiB of the file."
    )]
    NoSuchLine {
        /// The line.
        line: u64,
    },
    /// Two columns mean the same.
    #[error("The header line names the column {name} twice; rename one, or map it to \"_\".")]
    Twice {
        /// The name of the second one.
        name: String,
    },
    /// Two columns with different headings mean the same.
    #[error(
        "The columns {} and {} of the header line are both read as {field:?}; map one of them to another column, or \
         to \"_\".",
        quote(first),
        quote(second)
    )]
    BothMean {
        /// The heading of the first one.
        first: String,
        /// The heading of the second one.
        second: String,
        /// What both are read as.
        field: String,
    },
    /// The map has a heading that the file does not have.
    #[error("The map names the heading {heading:?}, which the header line does not have.")]
    NotThere {
        /// The heading.
        heading: String,
    },
    /// The map has a column that does not exist.
    #[error(
        "The map says that {heading:?} means {meaning:?}, which is not a column. Known columns are {known}."
    )]
    NoMeaning {
        /// The heading.
        heading: String,
        /// The meaning in the map.
        meaning: String,
        /// The known columns.
        known: String,
    },
    /// An error in a sheet of a workbook.
    #[error(
        "{error} This is {}; choose another sheet by its name (the option sheet).",
        in_sheet(sheet)
    )]
    InSheet {
        /// The name of the sheet.
        sheet: String,
        /// The error.
        error: Box<HeaderError>,
    },
    /// The first row is not text.
    #[error(
        "A cell of the header line is not text, holds an error, or has quotation marks that do not follow CSV."
    )]
    Flawed(FlawedField),
}

impl HeaderError {
    /// Adds the name of the sheet that has the header line.
    #[must_use]
    pub(super) fn in_sheet(self, sheet: Option<&str>) -> Self {
        match sheet {
            Some(sheet) => HeaderError::InSheet {
                sheet: shortened(sheet),
                error: Box::new(self),
            },
            None => self,
        }
    }
}

fn in_sheet(name: &str) -> String {
    format!("in the sheet {name:?}")
}

/// A heading as messages quote it.
pub(super) fn quote(heading: &str) -> String {
    format!("\"{}\"", crate::quoted::heading(heading))
}
