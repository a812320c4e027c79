//! What can be wrong with a file as a whole. No sentence here repeats what stands in a cell: it may be
//! a password.

use std::io;

use crate::formats::kind::FileKind;

/// A file that cannot be read as rows, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// There is nothing in it.
    #[error("The file is empty; it needs a header line and one line for each user.")]
    Empty,
    /// Its first bytes say that it is something else.
    #[error("The file is {found}; send CSV or an Excel workbook (.csv, .tsv, .xlsx, .xls).")]
    NotRows {
        /// What it is.
        found: &'static str,
    },
    /// Other workbooks have all the memory that there is for them.
    #[error(
        "Other workbooks take all the memory that there is for workbooks (files.workbooks_memory_bytes); send \
         the file again in {seconds} s, or as CSV, which needs none of it."
    )]
    MemoryBusy {
        /// When to come back.
        seconds: u64,
    },
    /// Its name says one thing and its first bytes another.
    #[error(
        "The file is called .{} and is {found}; give it the name of what it is, or save it as what it \
         is called.",
        called.as_str()
    )]
    Contradiction {
        /// What its name says.
        called: FileKind,
        /// What it is.
        found: &'static str,
    },
    /// It is base64 text, and what is inside is no table or may be none.
    #[error(
        "The content of the file is base64 text: it was probably encoded twice. Send the file as it is; a \
         SOAP library encodes it by itself."
    )]
    Base64,
    /// It is a `data:` URL that cannot be read.
    #[error(
        "The content of the file is a data: URL and not a table in base64; send the file as it is, without \
         `data:` and the media type before it."
    )]
    DataUrl,
    /// Text with NUL bytes in it.
    #[error(
        "The first line has NUL bytes in it, so that the file is a binary file or text in a charset that \
         cannot be told; save it as CSV (UTF-8), or set its charset (files.charset)."
    )]
    Binary,
    /// Its byte-order mark or its header line says that its charset cannot be read.
    #[error("The file is in {charset}; save it as UTF-8 and send that.")]
    Charset {
        /// Name of the charset.
        charset: &'static str,
    },
    /// Several characters could be the delimiter.
    #[error(
        "The first line has several of the characters that can stand between columns (comma, \
         semicolon, TAB, bar), and the second line does not tell which it is; set files.delimiter, or \
         put a line such as `sep=;` at the top of the file."
    )]
    Delimiter,
    /// The header line seems to be divided by a character that can be set.
    #[error(
        "The columns of the first line seem to be divided by `{shown}`, and not all of them are known; set \
         files.delimiter (--delimiter) to `{word}`, or save the file with commas, semicolons, TABs or \
         vertical bars."
    )]
    UnusualDelimiter {
        /// The character.
        shown: &'static str,
        /// The word for it in the settings.
        word: &'static str,
    },
    /// The header line is divided by something that cannot be set.
    #[error(
        "The columns are divided by `{found}`, which is not read; save the file with commas, semicolons, \
         TABs or vertical bars."
    )]
    NoDelimiter {
        /// What stands between the columns.
        found: &'static str,
    },
    /// A line `sep=` with something that is no delimiter.
    #[error(
        "The first line begins with `sep=` and does not name a delimiter; save the file with commas, \
         semicolons, TABs or vertical bars between its columns."
    )]
    SepLine,
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
    /// A workbook that cannot be understood.
    #[error(
        "The workbook cannot be read{}{}: {what}; open it in the spreadsheet program, save it again as \
         .xlsx and send that.",
        in_sheet(sheet.as_deref()),
        after(*line)
    )]
    Workbook {
        /// What is wrong with it.
        what: &'static str,
        /// The sheet that is read.
        sheet: Option<String>,
        /// The row that was read last, from 1; 0: none yet.
        line: u64,
    },
    /// A cell of the header row has no text that could be taken.
    #[error(
        "The cell {cell} of the header row{} {what}; write the name of the column there.",
        in_sheet(sheet.as_deref())
    )]
    HeaderCell {
        /// The sheet.
        sheet: Option<String>,
        /// The cell, such as `C1`.
        cell: String,
        /// What is wrong with it.
        what: String,
    },
    /// A workbook that only its password opens.
    #[error(
        "The workbook is encrypted; remove the password in the spreadsheet program, save it and send that. If \
         it opens without a password, take away the protection of its structure (Protect Workbook) instead."
    )]
    Encrypted,
    /// A workbook of another kind than those that are read.
    #[error(
        "The file is {found}; open it in a spreadsheet program, save it as an Excel workbook (.xlsx) or as \
         CSV, and send that."
    )]
    OtherWorkbook {
        /// What it is.
        found: &'static str,
    },
    /// A workbook without a sheet of cells.
    #[error("The workbook has no sheet with cells; put the users in its first sheet.")]
    NoSheet,
    /// It has no sheet of the name that was asked for.
    #[error("The workbook has no sheet {wanted:?}; its sheets are {there}.")]
    UnknownSheet {
        /// The name that was asked for, shortened.
        wanted: String,
        /// The names of its sheets, shortened.
        there: String,
    },
    /// The sheet is empty.
    #[error(
        "The sheet {sheet:?} of the workbook is empty; put a header row and one row for each user into it, \
         or name another sheet."
    )]
    EmptySheet {
        /// Its name, shortened.
        sheet: String,
    },
    /// A workbook is too large.
    #[error(
        "The workbook is too large: it has more than {limit} bytes {what}. Split it, save it as CSV, or \
         ask the administrator for a higher {setting}."
    )]
    WorkbookTooLarge {
        /// `as it is sent`, `when it is inflated` or `of texts and formats`.
        what: &'static str,
        /// Bytes there may be.
        limit: u64,
        /// The setting.
        setting: &'static str,
    },
    /// The source failed; the reader's owner knows what it means.
    #[error("The file could not be read: {0}.")]
    Io(#[from] io::Error),
}

impl FormatError {
    /// A workbook that cannot be understood, and why.
    pub(super) fn workbook(what: &'static str) -> Self {
        FormatError::Workbook {
            what,
            sheet: None,
            line: 0,
        }
    }

    /// The same with the sheet and the row that was read last, where it does not say them yet.
    pub(super) fn at(mut self, name: &str, last: u64) -> Self {
        if let FormatError::Workbook { sheet, line, .. } = &mut self {
            sheet.get_or_insert_with(|| shortened(name));
            *line = (*line).max(last);
        }
        self
    }

    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            FormatError::Empty | FormatError::EmptySheet { .. } => "IMP-FILE-EMPTY",
            FormatError::NotRows { .. }
            | FormatError::Contradiction { .. }
            | FormatError::Base64
            | FormatError::DataUrl
            | FormatError::Binary
            | FormatError::OtherWorkbook { .. } => "IMP-FILE-FORMAT",
            FormatError::Charset { .. } => "IMP-FILE-CHARSET",
            FormatError::Delimiter
            | FormatError::UnusualDelimiter { .. }
            | FormatError::NoDelimiter { .. }
            | FormatError::SepLine => "IMP-CSV-DELIMITER",
            FormatError::FieldTooLong { .. } => "IMP-CSV-FIELD",
            FormatError::RowTooLong { .. } => "IMP-CSV-ROW",
            FormatError::UnclosedQuote { .. } => "IMP-CSV-QUOTE",
            FormatError::Workbook { .. }
            | FormatError::HeaderCell { .. }
            | FormatError::NoSheet
            | FormatError::UnknownSheet { .. } => "IMP-WORKBOOK",
            FormatError::Encrypted => "IMP-WORKBOOK-ENCRYPTED",
            FormatError::WorkbookTooLarge { .. } => "IMP-WORKBOOK-SIZE",
            FormatError::MemoryBusy { .. } => "IMP-BUSY",
            FormatError::Io(_) => "IMP-IO",
        }
    }
}

fn after(line: u64) -> String {
    match line {
        0 => String::new(),
        line => format!(" behind row {line}"),
    }
}

fn in_sheet(sheet: Option<&str>) -> String {
    sheet.map_or_else(String::new, |name| format!(" in the sheet {name:?}"))
}

/// Characters of a sheet's name that are repeated; it can have 31.
const NAME: usize = 40;

/// A name as it is repeated in a sentence.
pub fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}
