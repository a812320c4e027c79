//! Why a header line is refused. Headings are quoted, shortened; what may be a password never is.

use crate::formats::error::shortened;
use crate::formats::row::FlawedField;

/// How to say what the header line is.
const HOW: &str = "Rename the headings, say what they mean (the option map, such as \"E-Mail \
    Address=emailaddress\", or \"_\" for a column that is not read), or say which line is the header line \
    (the option header: a line number, or none; files.map and files.header in the settings).";

/// A header line that cannot be followed without guessing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Some names are known and some are not.
    #[error(
        "Line {line} was read as the header line and has unknown columns: {}. {HOW} Columns whose heading \
         begins with \"_\" are not read. Known columns are {known}.",
        unknown.join(", ")
    )]
    UnknownColumns {
        /// The line.
        line: u64,
        /// The unknown names.
        unknown: Vec<String>,
        /// The known ones.
        known: String,
    },
    /// No column is the user name, and others are known.
    #[error(
        "Line {line} was read as the header line and has no user name column{}. Name one of its columns \
         `username`. {HOW}",
        match unknown.is_empty() {
            true => String::new(),
            false => format!("; not known are {}", unknown.join(", ")),
        }
    )]
    NoUserName {
        /// The line.
        line: u64,
        /// The names that are not known.
        unknown: Vec<String>,
    },
    /// Nothing of the line is known.
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
    /// The header line stands below other lines.
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
        "Line {line} was to be the header line, and no row begins there within the first 64 KiB of the file."
    )]
    NoSuchLine {
        /// The line.
        line: u64,
    },
    /// Two columns mean the same.
    #[error("The header line names the column {name} twice; rename one, or map it to \"_\".")]
    Twice {
        /// The second one's name.
        name: String,
    },
    /// The caller maps a heading that the file does not have.
    #[error("The map names the heading {heading:?}, which the header line does not have.")]
    NotThere {
        /// The heading.
        heading: String,
    },
    /// The caller maps a heading to a column that does not exist.
    #[error(
        "The map says that {heading:?} means {meaning:?}, which is no column. Known columns are {known}."
    )]
    NoMeaning {
        /// The heading.
        heading: String,
        /// What it is to mean.
        meaning: String,
        /// The columns there are.
        known: String,
    },
    /// The same of a sheet of a workbook.
    #[error(
        "{error} This is {}; another sheet is chosen by its name (the option sheet).",
        in_sheet(sheet)
    )]
    InSheet {
        /// Its name.
        sheet: String,
        /// What is wrong.
        error: Box<HeaderError>,
    },
    /// The first row is no text.
    #[error(
        "A cell of the header line is no text, holds an error, or has quotation marks that are not those of CSV."
    )]
    Flawed(FlawedField),
}

impl HeaderError {
    /// The same, where the header line is in a sheet of this name.
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

/// A heading as a message quotes it.
pub(super) fn quote(heading: &str) -> String {
    format!("\"{}\"", crate::quoted::heading(heading))
}
