//! The entry point: turns a source of bytes into rows, whatever the file format.

use std::fmt;
use std::io::{self, Read, Write};

use crate::formats::charset::TextCharset;
use crate::formats::csv::{Conventions, CsvRows};
use crate::formats::decode::Decoded;
use crate::formats::detected::Detected;
use crate::formats::error::{FormatError, shortened};
use crate::formats::inflation::Limits;
use crate::formats::kind::{BEGINNING, Content, FileKind};
use crate::formats::look_ahead::LookAhead;
use crate::formats::row::Row;
use crate::formats::settings::Settings;
use crate::formats::workbook_memory::WorkbookMemory;
use crate::formats::wrapped::{unwrap, wrapped};
use crate::formats::xls::{XlsBook, XlsRows};
use crate::formats::xlsx::{XlsxBook, XlsxRows};
use crate::wire::error::WireError;
use crate::wire::peek::peek;
use crate::wire::spool::{Spool, SpoolReader, SpoolSettings};

/// How to open a file.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The format according to the file name, if the name has a known extension.
    pub called: Option<FileKind>,
    /// The charset of a text file according to its sender.
    pub charset: Option<TextCharset>,
    /// `[files]`.
    pub settings: &'a Settings,
    /// Where workbooks are spooled; a workbook must be read from its end.
    pub spool: &'a SpoolSettings,
    /// The memory shared by all workbooks that are being read.
    pub memory: &'a WorkbookMemory,
    /// The sheet of a workbook to read; `None` means the first visible one.
    pub sheet: Option<&'a str>,
    /// The known column names.
    pub columns: KnownColumns<'a>,
}

/// Whether a text is a column name. This module does not know what columns mean; known names only distinguish
/// a table from other text.
#[derive(Clone, Copy)]
pub struct KnownColumns<'a>(pub &'a (dyn Fn(&str) -> bool + Sync));

impl fmt::Debug for KnownColumns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownColumns")
    }
}

/// An opened file.
pub struct Opened<R> {
    detected: Detected,
    was_wrapped: bool,
    content: Opening<R>,
}

enum Opening<R> {
    Csv(Box<CsvRows<Decoded<R>>>),
    Xlsx(Box<XlsxBook>),
    Xls(Box<XlsBook>),
}

/// Opens the file in `source`. Text is read as it arrives; a workbook is spooled first.
///
/// # Errors
/// The format does not match the name or is not supported, the workbook is damaged or too large, or the source
/// failed.
pub fn open<R: Read>(
    source: R,
    options: &Options<'_>,
) -> Result<Opened<impl Read + use<R>>, FormatError> {
    let (beginning, source) = peek(source, BEGINNING)?;
    let wrapping = wrapped(&beginning, options.columns.0)?;
    let source = unwrap(source, wrapping)?;
    let (inside, source) = peek(source, wrapping.map_or(0, |_| BEGINNING))?;
    let beginning = wrapping.map_or(beginning, |_| inside);
    let kind = kind(Content::of(&beginning), options.called)?;
    let settings = options.settings;
    let content = match kind {
        FileKind::Csv => {
            let text = Decoded::new(source, settings.charset.0).stated(options.charset);
            let mut rows = CsvRows::new(text, settings.delimiter.0);
            rows.detect_format(options.columns.0)?;
            Opening::Csv(Box::new(rows))
        }
        FileKind::Xlsx => {
            let limits = Limits {
                inflated: settings.workbook_inflated_bytes,
                memory: settings.memory_of_one(),
            };
            let (file, parts, _) = spool_workbook(source, options)?;
            let memory = (limits, options.memory);
            let book = XlsxBook::open(file, parts, memory, options.sheet)?;
            Opening::Xlsx(Box::new(book))
        }
        FileKind::Xls => {
            let (file, _, bytes) = spool_workbook(source, options)?;
            let memory = (settings.memory_of_one(), options.memory);
            let book = XlsBook::open(file, bytes, memory, options.sheet)?;
            contradict(FileKind::Xls, options.called)?;
            Opening::Xls(Box::new(book))
        }
    };
    let sheet = match &content {
        Opening::Csv(_) => None,
        Opening::Xlsx(book) => Some(book.sheet().to_owned()),
        Opening::Xls(book) => Some(book.sheet().to_owned()),
    };
    let detected = Detected {
        kind,
        charset: None,
        delimiter: None,
        sheet,
    };
    Ok(Opened {
        detected,
        was_wrapped: wrapping.is_some(),
        content,
    })
}

impl<R: Read> Opened<R> {
    /// Whether the file was base64 text or a `data:` URL that has been decoded.
    pub fn was_wrapped(&self) -> bool {
        self.was_wrapped
    }

    /// The names of the sheets of a workbook, in their order.
    pub fn sheets(&self) -> &[String] {
        match &self.content {
            Opening::Csv(_) => &[],
            Opening::Xlsx(book) => book.sheets(),
            Opening::Xls(book) => book.sheets(),
        }
    }

    /// What is known about the file before a row has been read.
    pub fn detected(&self) -> &Detected {
        &self.detected
    }

    /// The rows.
    ///
    /// # Errors
    /// The sheet of a workbook is damaged.
    pub fn rows(&mut self) -> Result<Rows<'_, R>, FormatError> {
        let content = match &mut self.content {
            Opening::Csv(rows) => Kind::Csv(rows),
            Opening::Xlsx(book) => Kind::Xlsx(Box::new(book.rows()?)),
            Opening::Xls(book) => Kind::Xls(Box::new(book.rows()?)),
        };
        Ok(Rows {
            detected: &self.detected,
            content,
            ahead: LookAhead::default(),
            after_ahead: AfterAhead::More,
            any: false,
        })
    }
}

/// The rows of a file.
pub struct Rows<'f, R> {
    detected: &'f Detected,
    content: Kind<'f, R>,
    /// Rows that were read ahead and are not yet returned.
    ahead: LookAhead,
    /// What follows these rows.
    after_ahead: AfterAhead,
    /// Whether any row has been read.
    any: bool,
}

enum AfterAhead {
    More,
    End,
    Failure(Box<FormatError>),
}

enum Kind<'f, R> {
    Csv(&'f mut CsvRows<Decoded<R>>),
    Xlsx(Box<XlsxRows<'f>>),
    Xls(Box<XlsRows<'f>>),
}

impl<R: Read> Rows<'_, R> {
    /// Returns the next row that is not blank; `None` at the end of a file with at least one row.
    ///
    /// # Errors
    /// The file is empty, exceeds a limit or is malformed, or its source failed.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        if !self.ahead.is_over() {
            return Ok(self.ahead.next());
        }
        match std::mem::replace(&mut self.after_ahead, AfterAhead::End) {
            AfterAhead::End => Ok(None),
            AfterAhead::Failure(error) => Err(*error),
            AfterAhead::More => {
                self.after_ahead = AfterAhead::More;
                self.read_row()
            }
        }
    }

    /// Whether the first line is empty, not counting a line `sep=` before it. Known once rows have been read
    /// ahead.
    pub fn first_line_is_empty(&self) -> bool {
        match &self.content {
            Kind::Csv(rows) => rows.first_line_is_empty(),
            Kind::Xlsx(_) | Kind::Xls(_) => {
                let first = self.ahead.rows().next();
                first.is_some_and(|row| row.line() > 1)
            }
        }
    }

    /// The rows that were read ahead and are not yet returned.
    pub fn ahead(&self) -> Vec<Row<'_>> {
        self.ahead.rows().collect()
    }

    /// Reads rows ahead until they have `max_bytes` bytes or the file ends; [`next_row`](Self::next_row) still
    /// returns them. An error after the first row is returned when the rows before it have been taken.
    ///
    /// # Errors
    /// The first row cannot be read.
    pub fn look_ahead(&mut self, max_bytes: usize) -> Result<(), FormatError> {
        let mut ahead = std::mem::take(&mut self.ahead);
        while ahead.len() < max_bytes && matches!(self.after_ahead, AfterAhead::More) {
            match self.read_row() {
                Ok(Some(row)) => ahead.keep(&row),
                Ok(None) => self.after_ahead = AfterAhead::End,
                Err(error) if ahead.is_over() => return Err(error),
                Err(error) => self.after_ahead = AfterAhead::Failure(Box::new(error)),
            }
        }
        self.ahead = ahead;
        Ok(())
    }

    /// Skips `count` of the rows that were read ahead.
    pub fn skip_ahead(&mut self, count: usize) {
        self.ahead.take(count);
    }

    fn read_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        let row = match &mut self.content {
            Kind::Csv(rows) => return rows.next_row(),
            Kind::Xlsx(rows) => rows.next_row()?,
            Kind::Xls(rows) => rows.next_row()?,
        };
        if row.is_none() && !self.any {
            let sheet = shortened(self.detected.sheet.as_deref().unwrap_or_default());
            return Err(FormatError::EmptySheet { sheet });
        }
        self.any = true;
        Ok(row)
    }

    /// How many rows so far use other quoting conventions than RFC 4180.
    pub fn conventions(&self) -> Conventions {
        match &self.content {
            Kind::Csv(rows) => rows.conventions(),
            Kind::Xlsx(_) | Kind::Xls(_) => Conventions::default(),
        }
    }

    /// How the file is read, as far as the rows read so far show it.
    pub fn detected(&self) -> Detected {
        let mut detected = self.detected.clone();
        if let Kind::Csv(rows) = &self.content {
            detected.charset = Some(rows.source().charset());
            detected.delimiter = rows.delimiter();
        }
        detected
    }
}

/// The format according to the content, checked against the name.
fn kind(content: Content, called: Option<FileKind>) -> Result<FileKind, FormatError> {
    let found = content.described();
    match (content, called) {
        (Content::Empty, _) => Err(FormatError::Empty),
        (Content::Text, None | Some(FileKind::Csv)) => Ok(FileKind::Csv),
        (Content::Zip { .. }, None | Some(FileKind::Xlsx)) => Ok(FileKind::Xlsx),
        // An encrypted .xlsx workbook is also a compound file; it is detected when the file is opened.
        (Content::Compound, None | Some(FileKind::Xls | FileKind::Xlsx)) => Ok(FileKind::Xls),
        (Content::Utf32, None | Some(FileKind::Csv)) => {
            Err(FormatError::Charset { charset: "UTF-32" })
        }
        (Content::Savable(found), _) => Err(FormatError::OtherWorkbook { found }),
        // Refused whatever the name is.
        (Content::Other(found), _) => Err(FormatError::NotRows { found }),
        (_, Some(called)) => Err(FormatError::Contradiction { called, found }),
    }
}

fn contradict(kind: FileKind, called: Option<FileKind>) -> Result<(), FormatError> {
    match called {
        Some(called) if called != kind => Err(FormatError::Contradiction {
            called,
            found: kind.described(),
        }),
        _ => Ok(()),
    }
}

/// Parts that an archive may have: its directory is held in memory.
const PARTS_LIMIT: usize = 10_000;

/// Spools the file; returns it with the number of its archive entries and its size in bytes.
fn spool_workbook(
    mut source: impl Read,
    options: &Options<'_>,
) -> Result<(SpoolReader, usize, u64), FormatError> {
    let limit = options.settings.workbook_bytes.min(options.spool.limit);
    let spool = SpoolSettings {
        folder: options.spool.folder.clone(),
        limit,
    };
    let mut counting = CountingSpool {
        spool: Spool::new(&spool),
        end: Vec::new(),
        parts: 0,
    };
    let copied = io::copy(&mut source, &mut counting).map_err(WireError::from_io);
    match copied {
        Err(WireError::SpoolFull { limit }) => {
            return Err(FormatError::WorkbookTooLarge {
                what: "as sent",
                limit,
                setting: "files.workbook_bytes",
            });
        }
        Err(error) => return Err(io::Error::from(error).into()),
        Ok(_) => {}
    }
    if counting.parts > PARTS_LIMIT {
        return Err(FormatError::workbook("it has too many parts"));
    }
    let bytes = counting.spool.len();
    let reader = counting.spool.into_reader().map_err(io::Error::from)?;
    Ok((reader, counting.parts, bytes))
}

/// Counts the entries of an archive's directory while the file is spooled: each begins with the same four bytes.
struct CountingSpool {
    spool: Spool,
    /// The last bytes written.
    end: Vec<u8>,
    parts: usize,
}

impl Write for CountingSpool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const ENTRY: &[u8] = b"PK\x01\x02";
        let count = self.spool.write(bytes)?;
        let written = bytes.get(..count).unwrap_or_default();
        let (head, tail) = (written.len().min(3), written.len().saturating_sub(3));
        self.end.extend(written.get(..head).unwrap_or_default());
        let seam = memchr::memmem::find_iter(&self.end, ENTRY).count();
        self.parts += seam + memchr::memmem::find_iter(written, ENTRY).count();
        if written.len() >= 3 {
            self.end.clear();
            self.end.extend(written.get(tail..).unwrap_or_default());
        } else {
            let old = self.end.len().saturating_sub(3);
            self.end.drain(..old);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }
}
