//! A file as the texts of its cells, and the same file with other texts in their places.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::formats::charset::TextCharset;
use crate::formats::csv::CsvRows;
use crate::formats::decode::Decoded;
use crate::formats::delimiter::{Delimiter, SepLine};
use crate::formats::detected::CharsetFrom;
use crate::formats::error::FormatError;
use crate::formats::kind::{BEGINNING, Content};
use crate::formats::not_a_table::recognize;
use crate::formats::open::Options;
use crate::formats::replace::text::Text;
use crate::formats::replace::text_layout::TextCells;
use crate::formats::replace::text_units::Units;
use crate::formats::replace::workbook_copy;
use crate::formats::wrapped::wrapped;
use crate::wire::base64::Base64Reader;

/// Why a file cannot be written with other texts.
#[derive(Debug, thiserror::Error)]
pub enum CannotReplace {
    /// It is a workbook of the old kind.
    #[error(
        "it is an Excel workbook of the old kind (.xls), whose content cannot be replaced in place; save it as \
         .xlsx, or as CSV, and look whether the import of that file fails in the same way"
    )]
    Xls,
    /// It is neither text nor a workbook.
    #[error("it is {0}, which has no cells whose content could be replaced")]
    NoCells(&'static str),
    /// What a byte means depends on those before it.
    #[error(
        "it is in {0}, in which the same bytes stand for different characters; save it as UTF-8, and look whether \
         the import of that file fails in the same way"
    )]
    Charset(&'static str),
    /// The workbook cannot be copied.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A character that was to stand in the place of another one takes up more or fewer bytes.
    #[error("a character takes up another number of bytes than the one that it was to replace")]
    Length,
}

/// A file whose texts can be replaced.
pub struct Document(Kind);

enum Kind {
    Text(TextFile),
    Workbook(Vec<u8>),
    /// Base64 text.
    Wrapped {
        head: Vec<u8>,
        inner: Box<Document>,
        tail: Vec<u8>,
        is_padded: bool,
    },
}

struct TextFile {
    bytes: Vec<u8>,
    /// Where its first record begins.
    start: usize,
    units: Units,
    delimiter: Option<Delimiter>,
    /// The charset was detected by the characters, or has those of one language only.
    has_alphabet: bool,
    is_table: bool,
}

impl Document {
    /// The file that `bytes` are, read as an import with these options does it.
    ///
    /// # Errors
    /// Its content cannot be replaced.
    pub fn open(bytes: Vec<u8>, options: &Options<'_>) -> Result<Self, CannotReplace> {
        let length = usize::try_from(BEGINNING).unwrap_or(usize::MAX);
        let beginning = bytes.get(..length).unwrap_or(&bytes);
        if let Ok(Some(start)) = wrapped(beginning, options.columns.0)
            && let Some(document) = Document::unwrapped(&bytes, start, options)?
        {
            return Ok(document);
        }
        let content = Content::of(beginning);
        let bare = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
        let kind = match content {
            Content::Empty | Content::Text => Kind::Text(TextFile::open(bytes, options, true)?),
            Content::Savable(_) => Kind::Text(TextFile::open(bytes, options, false)?),
            Content::Other(_) if recognize(bare).is_some() => {
                Kind::Text(TextFile::open(bytes, options, false)?)
            }
            Content::Zip { .. } => Kind::Workbook(bytes),
            Content::Compound => return Err(CannotReplace::Xls),
            Content::Utf32 => return Err(CannotReplace::NoCells(content.described())),
            Content::Other(found) => return Err(CannotReplace::NoCells(found)),
        };
        Ok(Document(kind))
    }

    /// The file that stands in base64 from `start` on; none where it is not all base64.
    fn unwrapped(
        bytes: &[u8],
        start: usize,
        options: &Options<'_>,
    ) -> Result<Option<Self>, CannotReplace> {
        let (head, payload) = bytes.split_at_checked(start).unwrap_or_default();
        let text = payload.trim_ascii_end();
        let mut inside = Vec::new();
        if Base64Reader::new(text).read_to_end(&mut inside).is_err() {
            return Ok(None);
        }
        let inner = Document::open(inside, options)?;
        Ok(Some(Document(Kind::Wrapped {
            head: head.to_vec(),
            inner: Box::new(inner),
            tail: payload.get(text.len()..).unwrap_or_default().to_vec(),
            // A text that needs no padding does not say whether it would have it.
            is_padded: text.ends_with(b"=") || text.len().is_multiple_of(4),
        })))
    }

    /// Shows every text in the order of the file.
    ///
    /// # Errors
    /// The workbook cannot be read to its end.
    pub fn texts(
        &self,
        options: &Options<'_>,
        visit: &mut dyn FnMut(Text<'_>),
    ) -> Result<(), CannotReplace> {
        match &self.0 {
            Kind::Text(file) => {
                let mut cells = file.cells();
                while let Some(record) = cells.next_record() {
                    record.iter().for_each(|cell| visit(Text::Cell(&cell.text)));
                }
            }
            Kind::Workbook(bytes) => {
                workbook_copy::copy(bytes, options.settings, &mut |text| {
                    visit(text);
                    None
                })?;
            }
            Kind::Wrapped { inner, .. } => inner.texts(options, visit)?,
        }
        Ok(())
    }

    /// The file with what `replacement` says in the place of each text; none: the text stays. A text of a text
    /// file has as many characters as the one that it replaces, each of which [fits](Self::fits).
    ///
    /// # Errors
    /// The workbook cannot be read to its end, or a replacement does not fit.
    pub fn rewritten(
        &self,
        options: &Options<'_>,
        replacement: &mut dyn FnMut(Text<'_>) -> Option<String>,
    ) -> Result<Vec<u8>, CannotReplace> {
        match &self.0 {
            Kind::Text(file) => file.rewritten(replacement),
            Kind::Workbook(bytes) => Ok(workbook_copy::copy(bytes, options.settings, replacement)?),
            Kind::Wrapped {
                head,
                inner,
                tail,
                is_padded,
            } => {
                let mut text = STANDARD.encode(inner.rewritten(options, replacement)?);
                if !is_padded {
                    text.truncate(text.trim_end_matches('=').len());
                }
                Ok([head, text.as_bytes(), tail].concat())
            }
        }
    }

    /// Whether one character can stand in the place of another.
    pub fn fits(&self, old: char, new: char) -> bool {
        match &self.0 {
            Kind::Text(file) => file.units.fits(old, new),
            Kind::Workbook(_) => true,
            Kind::Wrapped { inner, .. } => inner.fits(old, new),
        }
    }

    /// Whether letters outside ASCII are to be replaced by those that the file has, because its charset was detected by
    /// them, or has no others.
    pub fn has_alphabet(&self) -> bool {
        match &self.0 {
            Kind::Text(file) => file.has_alphabet,
            Kind::Workbook(_) => false,
            Kind::Wrapped { inner, .. } => inner.has_alphabet(),
        }
    }

    /// Whether it has cells, and not only lines.
    pub fn is_table(&self) -> bool {
        match &self.0 {
            Kind::Text(file) => file.is_table,
            Kind::Workbook(_) => true,
            Kind::Wrapped { inner, .. } => inner.is_table(),
        }
    }

    /// Whether it is a workbook.
    pub fn is_workbook(&self) -> bool {
        match &self.0 {
            Kind::Text(_) => false,
            Kind::Workbook(_) => true,
            Kind::Wrapped { inner, .. } => inner.is_workbook(),
        }
    }
}

impl TextFile {
    fn open(bytes: Vec<u8>, options: &Options<'_>, is_table: bool) -> Result<Self, CannotReplace> {
        let settings = options.settings;
        let decoded = || Decoded::new(bytes.as_slice(), settings.charset.0).stated(options.charset);
        let mut text = decoded();
        // Its charset is known when it was read to its end; a slice has all its bytes.
        io::copy(&mut text, &mut io::sink()).map_err(FormatError::from)?;
        let charset = text.charset();
        let known = TextCharset::for_label(charset.name);
        let units = known.and_then(Units::of);
        let units = units.ok_or(CannotReplace::Charset(charset.name))?;
        let mut rows = CsvRows::new(decoded(), settings.delimiter.0);
        let delimiter = match is_table && rows.detect_format(options.columns.0).is_ok() {
            true => rows.delimiter(),
            false => None,
        };
        let mark = match &units {
            Units::Utf8 if bytes.starts_with(b"\xef\xbb\xbf") => 3,
            Units::Utf16(true) if bytes.starts_with(b"\xff\xfe") => 2,
            Units::Utf16(false) if bytes.starts_with(b"\xfe\xff") => 2,
            _ => 0,
        };
        let start = match delimiter {
            Some(_) => behind_sep_line(&bytes, mark, &units),
            None => mark,
        };
        let is_utf = matches!(units, Units::Utf8 | Units::Utf16(_));
        Ok(TextFile {
            start,
            units,
            is_table: delimiter.is_some(),
            delimiter,
            has_alphabet: !is_utf || charset.from == CharsetFrom::Guess,
            bytes,
        })
    }

    fn cells(&self) -> TextCells<'_> {
        let delimiter = self.delimiter.map(Delimiter::byte);
        TextCells::new(&self.bytes, self.start, &self.units, delimiter)
    }

    fn rewritten(
        &self,
        replacement: &mut dyn FnMut(Text<'_>) -> Option<String>,
    ) -> Result<Vec<u8>, CannotReplace> {
        let mut bytes = self.bytes.clone();
        let mut cells = self.cells();
        while let Some(record) = cells.next_record() {
            for cell in record {
                let Some(new) = replacement(Text::Cell(&cell.text)) else {
                    continue;
                };
                if new.chars().count() != cell.units.len() {
                    return Err(CannotReplace::Length);
                }
                for (unit, new) in cell.units.iter().zip(new.chars()) {
                    // Bytes that are not a character stay.
                    if unit.character.is_none_or(|old| old == new) {
                        continue;
                    }
                    let new = self.units.bytes(new).ok_or(CannotReplace::Length)?;
                    let place = bytes.get_mut(unit.start..unit.start + unit.length);
                    match place {
                        Some(place) if place.len() == new.len() => place.copy_from_slice(&new),
                        _ => return Err(CannotReplace::Length),
                    }
                }
            }
        }
        Ok(bytes)
    }
}

/// Where the records begin: behind Excel's line `sep=;`, where there is one.
fn behind_sep_line(bytes: &[u8], start: usize, units: &Units) -> usize {
    let mut line = String::new();
    let mut end = start;
    while line.len() < 16
        && let Some(unit) = units.at(bytes, end)
    {
        match unit.character {
            Some('\n' | '\r') | None => break,
            Some(character) => line.push(character),
        }
        end += unit.length;
    }
    match SepLine::read(line.as_bytes()) {
        Some(sep) if sep.length == line.len() => end,
        _ => start,
    }
}
