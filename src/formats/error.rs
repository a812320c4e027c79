//! Errors of a file as a whole. No message quotes the content of a cell: it may be a password.

use std::io;

use crate::formats::kind::FileKind;

/// The reason why a file cannot be read as rows, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file is empty.
    #[error("The file is empty; it needs a header line and one line for each user.")]
    Empty,
    /// The first bytes show another format.
    #[error("The file is {found}; send CSV or an Excel workbook (.csv, .tsv, .xlsx, .xls).")]
    NotRows {
        /// The format.
        found: &'static str,
    },
    /// Other workbooks use all memory for workbooks.
    #[error(
        "Other workbooks use all memory for workbooks (files.workbooks_memory_bytes); send the file again in \
         {seconds} s, or as CSV, which does not use this memory."
    )]
    MemoryBusy {
        /// When to try again.
        seconds: u64,
    },
    /// The name and the first bytes show different formats.
    #[error(
        "The file name ends in .{} but the file is {found}; correct the extension, or save the file in the \
         format that its name states.",
        called.as_str()
    )]
    Contradiction {
        /// The format according to the name.
        called: FileKind,
        /// The format according to the content.
        found: &'static str,
    },
    /// The file is base64 text whose content is not, or not certainly, a table.
    #[error(
        "The content of the file is base64 text: it was probably encoded twice. Send the unencoded file; a \
         SOAP library does the encoding."
    )]
    Base64,
    /// The file is a `data:` URL that cannot be read.
    #[error(
        "The content of the file is a data: URL and not a table in base64; send the file itself, without \
         `data:` and the media type before it."
    )]
    DataUrl,
    /// The first line contains NUL bytes.
    #[error(
        "The first line contains NUL bytes: the file is a binary file or text in an unknown charset; save it \
         as CSV (UTF-8), or set its charset (files.charset)."
    )]
    Binary,
    /// The byte-order mark or the header line shows a charset that is not supported.
    #[error("The file is in {charset}; save it as UTF-8 and send that.")]
    Charset {
        /// The name of the charset.
        charset: &'static str,
    },
    /// The caller chose a charset that does not exist.
    #[error(
        "{label:?} is not a known charset; use a name such as \"utf-8\", \"windows-1252\" or \"cp850\", or \
         leave it out and the charset is detected."
    )]
    UnknownCharset {
        /// The name, shortened.
        label: String,
    },
    /// The caller chose a delimiter that is not one.
    #[error(
        "{word:?} is not a delimiter; use \"comma\", \"semicolon\", \"tab\", \"bar\", or one of the characters \
         # : ~ ^ ! / & * % + $, or leave it out and the delimiter is detected."
    )]
    UnknownDelimiter {
        /// The word, shortened.
        word: String,
    },
    /// Several characters could be the delimiter.
    #[error(
        "The first line contains several possible delimiters (comma, semicolon, TAB, bar), and the second \
         line does not show which one is used; set files.delimiter, or put a line such as `sep=;` at the \
         top of the file."
    )]
    Delimiter,
    /// The header line seems to use a delimiter that must be set.
    #[error(
        "The columns of the first line seem to be separated by `{shown}`, but not all of them are known; set \
         files.delimiter (--delimiter) to `{word}`, or save the file with commas, semicolons, TABs or \
         vertical bars."
    )]
    UnusualDelimiter {
        /// The character.
        shown: &'static str,
        /// The setting's word for it.
        word: &'static str,
    },
    /// The header line uses a delimiter that is not supported.
    #[error(
        "The columns are separated by `{found}`, which is not supported; save the file with commas, semicolons, \
         TABs or vertical bars."
    )]
    NoDelimiter {
        /// The text between the columns.
        found: &'static str,
    },
    /// A line `sep=` does not name a delimiter.
    #[error(
        "The first line begins with `sep=` but does not name a delimiter; save the file with commas, \
         semicolons, TABs or vertical bars between its columns."
    )]
    SepLine,
    /// A field exceeds the limit, usually because of an unclosed quotation mark.
    #[error(
        "The row that begins in line {line} has a field of more than {limit} bytes; \
         look for an unclosed quotation mark there."
    )]
    FieldTooLong {
        /// Line where the row begins, from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A row has too many bytes or fields.
    #[error("The row that begins in line {line} is too long: it has more than {limit} {what}.")]
    RowTooLong {
        /// Line where the row begins, from 1.
        line: u64,
        /// The limit.
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
    /// A workbook cannot be parsed.
    #[error(
        "The workbook cannot be read{}{}: {what}; open it in a spreadsheet program, save it again as \
         .xlsx and send that.",
        in_sheet(sheet.as_deref()),
        after(*line)
    )]
    Workbook {
        /// What is wrong with it.
        what: &'static str,
        /// The sheet that was being read.
        sheet: Option<String>,
        /// The last row read, from 1; 0 if there was none.
        line: u64,
    },
    /// A cell of the header row has no usable text.
    #[error(
        "The cell {cell} of the header row{} {what}; write the name of the column there.",
        in_sheet(sheet.as_deref())
    )]
    HeaderCell {
        /// The name of the sheet.
        sheet: Option<String>,
        /// The cell, such as `C1`.
        cell: String,
        /// What is wrong with it.
        what: String,
    },
    /// A workbook that needs a password.
    #[error(
        "The workbook is encrypted; remove the password in the spreadsheet program, save it and send that. If \
         it opens without a password, remove the protection of its structure (Protect Workbook) instead."
    )]
    Encrypted,
    /// A document or workbook in a format that is not supported.
    #[error(
        "The file is {found}; open it in a spreadsheet program, save it as an Excel workbook (.xlsx) or as \
         CSV, and send that."
    )]
    OtherWorkbook {
        /// The format.
        found: &'static str,
    },
    /// A workbook without a worksheet.
    #[error("The workbook has no sheet with cells; put the users in its first sheet.")]
    NoSheet,
    /// The workbook has no sheet with the requested name.
    #[error("The workbook has no sheet {requested:?}; its sheets are {existing}.")]
    UnknownSheet {
        /// The requested name, shortened.
        requested: String,
        /// The names of the sheets, shortened.
        existing: String,
        /// The names of the sheets.
        sheets: Vec<String>,
    },
    /// The sheet is empty.
    #[error(
        "The sheet {sheet:?} of the workbook is empty; put a header row and one row for each user into it, \
         or name another sheet."
    )]
    EmptySheet {
        /// The name of the sheet, shortened.
        sheet: String,
    },
    /// A workbook exceeds a limit.
    #[error(
        "The workbook is too large: it has more than {limit} bytes {what}. Split it, save it as CSV, or \
         ask the administrator for a higher {setting}."
    )]
    WorkbookTooLarge {
        /// `as sent`, `when decompressed` or `of texts and formats`.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
        /// The setting of the limit.
        setting: &'static str,
    },
    /// The source failed; the owner of the reader knows why.
    #[error("The file could not be read: {0}.")]
    Io(#[from] io::Error),
}

impl FormatError {
    /// A workbook that cannot be parsed, and the reason.
    pub(super) fn workbook(what: &'static str) -> Self {
        FormatError::Workbook {
            what,
            sheet: None,
            line: 0,
        }
    }

    /// Adds the sheet and the last row read, unless the error has them already.
    pub(super) fn at(mut self, name: &str, last: u64) -> Self {
        if let FormatError::Workbook { sheet, line, .. } = &mut self {
            sheet.get_or_insert_with(|| shortened(name));
            *line = (*line).max(last);
        }
        self
    }

    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            FormatError::Empty | FormatError::EmptySheet { .. } => "IMP-FILE-EMPTY",
            FormatError::NotRows { .. }
            | FormatError::Contradiction { .. }
            | FormatError::Base64
            | FormatError::DataUrl
            | FormatError::Binary
            | FormatError::OtherWorkbook { .. } => "IMP-FILE-FORMAT",
            FormatError::Charset { .. } | FormatError::UnknownCharset { .. } => "IMP-FILE-CHARSET",
            FormatError::Delimiter
            | FormatError::UnknownDelimiter { .. }
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
        line => format!(" after row {line}"),
    }
}

fn in_sheet(sheet: Option<&str>) -> String {
    sheet.map_or_else(String::new, |name| format!(" in the sheet {name:?}"))
}

/// Characters of a sheet name that are quoted; Excel allows 31.
const NAME: usize = 40;

/// A name, shortened for a message.
pub fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}
