//! The one way in: a source of bytes becomes rows, whatever kind of file it is.

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

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What its name says it is, where it says something.
    pub called: Option<FileKind>,
    /// The charset that the sender of a text file states.
    pub charset: Option<TextCharset>,
    /// `[files]`.
    pub settings: &'a Settings,
    /// Where a workbook is put aside: it is read from its end.
    pub spool: &'a SpoolSettings,
    /// The memory of all workbooks that are read.
    pub memory: &'a WorkbookMemory,
    /// The sheet of a workbook that is read; none: the first one that can be seen.
    pub sheet: Option<&'a str>,
    /// The names that columns have.
    pub columns: KnownColumns<'a>,
}

/// Tells whether a text is the name of a column. What the columns mean is not known here; that some are
/// known tells a table from other texts.
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

/// Opens the file that `source` gives. Text is read as it comes; a workbook is put aside first.
///
/// # Errors
/// It is not what its name says, nothing that has rows, a damaged or too large workbook, or the source
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
            rows.look_at_the_beginning(options.columns.0)?;
            Opening::Csv(Box::new(rows))
        }
        FileKind::Xlsx => {
            let limits = Limits {
                inflated: settings.workbook_inflated_bytes,
                memory: settings.memory_of_one(),
            };
            let (file, parts, _) = put_aside(source, options)?;
            let memory = (limits, options.memory);
            let book = XlsxBook::open(file, parts, memory, options.sheet)?;
            Opening::Xlsx(Box::new(book))
        }
        FileKind::Xls => {
            let (file, _, bytes) = put_aside(source, options)?;
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
    /// Whether it came as base64 text or a `data:` URL, and what is inside is read.
    pub fn was_wrapped(&self) -> bool {
        self.was_wrapped
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
            behind: Behind::More,
            any: false,
        })
    }
}

/// The rows of a file.
pub struct Rows<'f, R> {
    detected: &'f Detected,
    content: Kind<'f, R>,
    /// Rows that were read and are still to be given.
    ahead: LookAhead,
    /// What comes behind them.
    behind: Behind,
    /// Whether there was one.
    any: bool,
}

enum Behind {
    More,
    Nothing,
    Failure(Box<FormatError>),
}

enum Kind<'f, R> {
    Csv(&'f mut CsvRows<Decoded<R>>),
    Xlsx(Box<XlsxRows<'f>>),
    Xls(Box<XlsRows<'f>>),
}

impl<R: Read> Rows<'_, R> {
    /// The next row that is not blank; none at the end of a file that has at least one.
    ///
    /// # Errors
    /// The file is empty, breaks a limit or its format's rules, or its source failed.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        if !self.ahead.is_over() {
            return Ok(self.ahead.next());
        }
        match std::mem::replace(&mut self.behind, Behind::Nothing) {
            Behind::Nothing => Ok(None),
            Behind::Failure(error) => Err(*error),
            Behind::More => {
                self.behind = Behind::More;
                self.read_row()
            }
        }
    }

    /// Whether nothing is in the first line, not counting a line `sep=` before it: known when rows were looked
    /// at.
    pub fn first_line_is_empty(&self) -> bool {
        match &self.content {
            Kind::Csv(rows) => rows.first_line_is_empty(),
            Kind::Xlsx(_) | Kind::Xls(_) => {
                let first = self.ahead.rows().next();
                first.is_some_and(|row| row.line() > 1)
            }
        }
    }

    /// The rows that were looked at and are still to be given.
    pub fn ahead(&self) -> Vec<Row<'_>> {
        self.ahead.rows().collect()
    }

    /// Reads rows ahead until they have `most` bytes or the file ends; they are given by
    /// [`next_row`](Self::next_row) all the same. What is wrong behind them is answered when they are
    /// taken.
    ///
    /// # Errors
    /// What is wrong with the first row.
    pub fn look_ahead(&mut self, most: usize) -> Result<(), FormatError> {
        let mut ahead = std::mem::take(&mut self.ahead);
        while ahead.len() < most && matches!(self.behind, Behind::More) {
            match self.read_row() {
                Ok(Some(row)) => ahead.keep(&row),
                Ok(None) => self.behind = Behind::Nothing,
                Err(error) if ahead.is_over() => return Err(error),
                Err(error) => self.behind = Behind::Failure(Box::new(error)),
            }
        }
        self.ahead = ahead;
        Ok(())
    }

    /// Takes `count` of the rows that were looked at.
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

    /// What was read by other conventions than CSV's, so far.
    pub fn conventions(&self) -> Conventions {
        match &self.content {
            Kind::Csv(rows) => rows.conventions(),
            Kind::Xlsx(_) | Kind::Xls(_) => Conventions::default(),
        }
    }

    /// How the file is read, as far as it is known by the rows that were read.
    pub fn detected(&self) -> Detected {
        let mut detected = self.detected.clone();
        if let Kind::Csv(rows) = &self.content {
            detected.charset = Some(rows.source().charset());
            detected.delimiter = rows.delimiter();
        }
        detected
    }
}

/// What the file is by its content, where its name does not say otherwise.
fn kind(content: Content, called: Option<FileKind>) -> Result<FileKind, FormatError> {
    let found = content.described();
    match (content, called) {
        (Content::Nothing, _) => Err(FormatError::Empty),
        (Content::Text, None | Some(FileKind::Csv)) => Ok(FileKind::Csv),
        (Content::Zip { .. }, None | Some(FileKind::Xlsx)) => Ok(FileKind::Xlsx),
        // An encrypted workbook of the new kind is a compound file too: that is said when it is open.
        (Content::Compound, None | Some(FileKind::Xls | FileKind::Xlsx)) => Ok(FileKind::Xls),
        (Content::Utf32, None | Some(FileKind::Csv)) => {
            Err(FormatError::Charset { charset: "UTF-32" })
        }
        (Content::Savable(found), _) => Err(FormatError::OtherWorkbook { found }),
        // Under any name it is refused.
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

/// Parts that an archive may have: its directory is in memory.
const PARTS_LIMIT: usize = 10_000;

/// Puts the file aside; answers it, how many parts it has if it is an archive, and how many bytes.
fn put_aside(
    mut source: impl Read,
    options: &Options<'_>,
) -> Result<(SpoolReader, usize, u64), FormatError> {
    let limit = options.settings.workbook_bytes.min(options.spool.limit);
    let spool = SpoolSettings {
        folder: options.spool.folder.clone(),
        limit,
    };
    let mut aside = Aside {
        spool: Spool::new(&spool),
        end: Vec::new(),
        parts: 0,
    };
    let copied = io::copy(&mut source, &mut aside).map_err(WireError::from_io);
    match copied {
        Err(WireError::SpoolFull { limit }) => {
            return Err(FormatError::WorkbookTooLarge {
                what: "as it is sent",
                limit,
                setting: "files.workbook_bytes",
            });
        }
        Err(error) => return Err(io::Error::from(error).into()),
        Ok(_) => {}
    }
    if aside.parts > PARTS_LIMIT {
        return Err(FormatError::workbook("it has too many parts"));
    }
    let bytes = aside.spool.len();
    let reader = aside.spool.into_reader().map_err(io::Error::from)?;
    Ok((reader, aside.parts, bytes))
}

/// Counts the entries of an archive's directory on their way: each begins with the same four bytes.
struct Aside {
    spool: Spool,
    /// The last bytes written.
    end: Vec<u8>,
    parts: usize,
}

impl Write for Aside {
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
