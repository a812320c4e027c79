//! Looks at the beginning of a file before it is imported: how it is read, what its columns mean, and its first rows.
//!
//! Nothing is written. If the header line is not understood, the result says why, and has the columns and rows
//! nevertheless. **Cells that are or may be passwords are never in it**, only their [shape](PasswordShape).

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use crate::formats::detected::Detected;
use crate::formats::error::FormatError;
use crate::formats::open::{Options, Rows, open};
use crate::formats::row::Row;
use crate::import::cells::{is_address, trimmed};
use crate::import::columns::ColumnPlan;
use crate::import::error::ImportError;
use crate::import::header::{self, Wanted, probable};
use crate::import::header_error::HeaderError;
use crate::import::header_words::{is_numbered, names_password};
use crate::import::presets;
use crate::import::preview::PreviewRow;
use crate::import::reading::{read_header, refused_header};
use crate::passwords::hash_schemes::{Recognised, recognise};
use crate::passwords::password_shape::PasswordShape;
use crate::passwords::rules::looks_like_password;
use crate::users::claim_labels::label;
use crate::users::claims::{ClaimTable, Field};
use crate::users::problem::Problem;

/// Maximum number of rows.
const ROWS: usize = 20;

/// Bytes of cells after which no further row is added.
const BYTES: usize = 256 * 1024;

/// Maximum characters of a cell, a sample or a heading; the rest is cut off.
const CELL: usize = 200;

/// Samples of a column.
const SAMPLES: usize = 3;

/// The beginning of a file.
#[derive(Debug, Clone)]
pub struct Look {
    /// How the file is read.
    pub detected: Detected,
    /// The names of the sheets of a workbook.
    pub sheets: Vec<String>,
    /// The line that names the columns, or the most probable one; none: there is no such line.
    pub header_line: Option<u64>,
    /// The product whose export it is, if the headings show it.
    pub preset: Option<&'static str>,
    /// The columns, in the order of the file.
    pub columns: Vec<LookColumn>,
    /// The first rows after the header line.
    pub rows: Vec<PreviewRow>,
    /// Warnings about the header line.
    pub warnings: Vec<Problem>,
    /// Why an import would refuse the header line.
    pub error: Option<LookError>,
}

/// A column and its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookColumn {
    /// Its position, from 0.
    pub position: usize,
    /// The heading in the file; empty if there is none.
    pub heading: String,
    /// The field that it is read as, by the name that a map accepts; none: it is not read, or not understood.
    pub meaning: Option<String>,
    /// The same for people.
    pub label: Option<String>,
    /// Whether it is not read because a map, the heading or the product that exported the file says so. Without a
    /// meaning and not ignored: it is not understood.
    pub ignored: bool,
    /// Up to three distinct values.
    pub samples: Vec<String>,
    /// Whether its values are or may be passwords, so that only their shapes are shown.
    pub password: bool,
}

/// Why an import would refuse the header line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookError {
    /// The stable code.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// A target to which a column can be mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The name that a [map](crate::users::options::ColumnMap) accepts.
    pub value: String,
    /// The name for people.
    pub label: String,
}

/// Nothing of the file can be read.
#[derive(Debug)]
pub struct LookFailure {
    /// Why. Other options (charset, delimiter, sheet) may help.
    pub error: ImportError,
    /// The names of the sheets, if the file is a workbook that can be opened.
    pub sheets: Vec<String>,
}

impl LookFailure {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

impl fmt::Display for LookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for LookFailure {}

impl From<FormatError> for LookFailure {
    fn from(error: FormatError) -> Self {
        let sheets = match &error {
            FormatError::UnknownSheet { sheets, .. } => sheets.clone(),
            _ => Vec::new(),
        };
        LookFailure {
            error: error.into(),
            sheets,
        }
    }
}

/// All targets of a column, in the order of a menu. There are no others: an attribute that is not among them has to be
/// added to `[claims]` of the settings.
/// [`IGNORED_COLUMN`](crate::users::options::IGNORED_COLUMN) says that a column is not read.
pub fn choices(claims: &ClaimTable) -> Vec<Choice> {
    let choice = |field: &Field| Choice {
        value: field.column_name().to_owned(),
        label: label(field).into_owned(),
    };
    claims.targets().into_iter().map(choice).collect()
}

/// Looks at the beginning of `file`.
pub(super) fn look(
    file: impl Read,
    options: &Options<'_>,
    wanted: Wanted<'_>,
    claims: &ClaimTable,
) -> Result<Look, LookFailure> {
    let mut opened = open(file, options)?;
    let sheets = opened.sheets().to_vec();
    let result = opened.rows().and_then(|mut rows| {
        rows.look_ahead(header::LOOK)?;
        match rows.ahead().is_empty() {
            true => Err(FormatError::Empty),
            false => Ok(look_at(&rows, wanted, claims)),
        }
    });
    match result {
        Ok(look) => Ok(Look { sheets, ..look }),
        Err(error) => Err(LookFailure {
            sheets,
            ..error.into()
        }),
    }
}

/// Looks at the rows that have been read ahead; the result has no sheets.
fn look_at(rows: &Rows<'_, impl Read>, wanted: Wanted<'_>, claims: &ClaimTable) -> Look {
    let ahead = rows.ahead();
    let delimiter = rows.detected().delimiter;
    let (beginning, warnings, error) = match read_header(rows, wanted, claims) {
        Ok(header) => {
            let is_named = header.plan.has_header_line();
            let beginning = Beginning {
                plan: header.plan.separated_by(delimiter),
                unknown: Vec::new(),
                header: header.rows.checked_sub(1).filter(|_| is_named),
                skipped: header.rows,
                may_be_data: false,
            };
            (beginning, header.warnings, None)
        }
        Err(error) => {
            let probable = probable(&ahead, wanted, claims, &error);
            let beginning = Beginning {
                plan: probable.plan.separated_by(delimiter),
                unknown: probable.unknown,
                header: probable.header,
                skipped: probable.header.map_or(0, |position| position + 1),
                may_be_data: is_not_understood(&error),
            };
            let error = refused_header(error, rows);
            let (code, message) = (error.code(), error.to_string());
            (beginning, Vec::new(), Some(LookError { code, message }))
        }
    };
    let header = beginning.header.and_then(|position| ahead.get(position));
    let body: Vec<Row<'_>> = ahead.iter().skip(beginning.skipped).copied().collect();
    let (columns, shown) = beginning.describe(&body, claims);
    let headings: Vec<&str> = columns.iter().map(|it| it.heading.as_str()).collect();
    let preset = header.and_then(|_| presets::find(&headings));
    Look {
        preset: preset.map(|preset| preset.name),
        detected: rows.detected(),
        sheets: Vec::new(),
        header_line: header.map(Row::line),
        columns,
        rows: shown,
        warnings,
        error,
    }
}

/// Whether the line that was read as the header may be a row.
fn is_not_understood(error: &HeaderError) -> bool {
    match error {
        HeaderError::InSheet { error, .. } => is_not_understood(error),
        HeaderError::NotUnderstood { .. } | HeaderError::Flawed(_) => true,
        _ => false,
    }
}

/// What is known of the first rows.
struct Beginning<'t> {
    plan: ColumnPlan<'t>,
    /// For each column whether its heading is unknown; empty if the header line is understood.
    unknown: Vec<bool>,
    /// The position of the header line.
    header: Option<usize>,
    /// Rows up to the header line.
    skipped: usize,
    /// Whether the header line may be a row, so that headings say nothing.
    may_be_data: bool,
}

impl Beginning<'_> {
    fn describe(
        &self,
        body: &[Row<'_>],
        claims: &ClaimTable,
    ) -> (Vec<LookColumn>, Vec<PreviewRow>) {
        let width = body.iter().map(Row::len).chain([self.plan.width()]).max();
        let texts: Vec<Vec<Cow<'_, str>>> = body.iter().map(texts).collect();
        let mut columns: Vec<LookColumn> = (0..width.unwrap_or_default())
            .map(|position| self.column(position, &texts, claims))
            .collect();
        let mut rows = Vec::new();
        let mut bytes = 0;
        for (row, texts) in body.iter().zip(&texts) {
            if row.is_blank() {
                continue;
            }
            let mut visible = match row.text() {
                Ok(text) => self.plan.text_cells(&text),
                Err(_) => self.plan.cells(row),
            }
            .into_iter();
            let mut shown = Vec::new();
            for (text, column) in texts.iter().zip(&mut columns) {
                let visible = visible.next().unwrap_or_default();
                let is_empty = trimmed(text).is_empty();
                let is_hidden = column.password || (visible.is_empty() && !is_empty);
                let cell = match is_hidden {
                    true => PasswordShape::of(text).to_string(),
                    false => shortened(&visible),
                };
                if column.samples.len() < SAMPLES && !is_empty && !column.samples.contains(&cell) {
                    column.samples.push(cell.clone());
                }
                shown.push(cell);
            }
            if rows.len() < ROWS && bytes < BYTES {
                bytes += shown.iter().map(String::len).sum::<usize>();
                rows.push(PreviewRow {
                    line: row.line(),
                    cells: shown,
                });
            }
        }
        (columns, rows)
    }

    /// The column at `position`, without its samples.
    fn column(
        &self,
        position: usize,
        rows: &[Vec<Cow<'_, str>>],
        claims: &ClaimTable,
    ) -> LookColumn {
        let (field, second) = self.plan.fields_at(position);
        let heading = self.plan.heading_at(position);
        let is_unknown = self.unknown.get(position).copied().unwrap_or_default();
        let values = || {
            let cells = rows.iter().filter_map(|row| row.get(position));
            cells
                .map(|cell| trimmed(cell))
                .filter(|cell| !cell.is_empty())
        };
        let password = match field {
            Some(Field::Password) => true,
            // A heading such as `askPassword` with exactly this meaning names no passwords.
            Some(field) => {
                let is_own = claims.column(heading) == Some(field);
                let is_hash = |cell: &str| matches!(recognise(cell), Some(Recognised::Known(_)));
                (!is_own && names_password(heading)) || values().any(is_hash)
            }
            None => {
                let is_hash = |cell: &str| PasswordShape::of(cell).is_hash();
                let is_digest =
                    |cell: &&str| matches!(PasswordShape::of(cell), PasswordShape::Digest(_));
                let may_be = |cell: &&str| looks_like_password(cell) && !is_address(cell);
                let most = |number: usize| number > 0 && 2 * number >= values().count();
                names_password(heading)
                    || values().any(is_hash)
                    || most(values().filter(is_digest).count())
                    || (self.may_be_data && most(values().filter(may_be).count()))
            }
        };
        let is_headed = self.header.is_some();
        let may_be_password = self.may_be_data
            && claims.column(heading).is_none()
            && (looks_like_password(heading) && !is_numbered(heading, claims)
                || PasswordShape::of(heading).is_hash());
        let label = field.map(|field| match second {
            Some(second) => format!("{}, {}", label(field), label(second)),
            None => label(field).into_owned(),
        });
        LookColumn {
            position,
            heading: match may_be_password {
                _ if !is_headed => String::new(),
                true => PasswordShape::of(heading).to_string(),
                false => shortened(heading),
            },
            meaning: field.map(|field| field.column_name().to_owned()),
            label,
            ignored: field.is_none() && !is_unknown && position < self.plan.width(),
            samples: Vec::new(),
            password,
        }
    }
}

/// The cells of a row as text.
fn texts<'r>(row: &Row<'r>) -> Vec<Cow<'r, str>> {
    row.lossy().collect()
}

/// A text of limited length.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
