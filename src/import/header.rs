//! Finds the header line and determines the columns.
//!
//! The decision is made by the caller's options, or by the first line and the rows in the first [`LOOK`]
//! bytes. A header that is not understood is refused: a guess would read addresses as passwords and headings
//! as names.

use std::collections::HashMap;

use crate::formats::cell_name::column_letter;
use crate::formats::row::{FlawedField, Row, TextRow};
use crate::import::cells::{is_claim_shaped, is_same, trimmed};
use crate::import::columns::{Column, ColumnPlan};
use crate::import::header_error::{HeaderError, quote};
use crate::import::header_words;
use crate::import::meaning::{Meaning, Meanings};
use crate::import::presets::{self, Preset};
use crate::import::row_shape::{
    has_claims, headings, is_address_second, is_blank, is_commented, is_data, is_title,
};
use crate::users::claim_labels::label;
use crate::users::claims::{ClaimTable, Field};
use crate::users::options::{ColumnMap, HeaderLine};
use crate::users::problem::{Problem, Severity};

/// Bytes of rows that are used to find the header line.
pub const LOOK: usize = 64 * 1024;

/// Maximum characters shown of a product's heading.
const LONGEST_HEADING: usize = 120;

/// Number of rows that are searched for a header line below other lines.
const LINES_ABOVE: usize = 20;

/// The beginning of a file.
pub struct Beginning<'r> {
    /// Its first rows, including blank ones.
    pub rows: Vec<Result<TextRow<'r>, FlawedField>>,
    /// Whether its first line is empty: the original takes that line as the header line.
    pub first_line_is_empty: bool,
    /// Whether the file is a workbook, whose columns have letters.
    pub is_workbook: bool,
}

/// The caller's options for the header line.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'o> {
    /// Which line it is.
    pub line: HeaderLine,
    /// The meaning of columns; each heading has to exist.
    pub map: &'o ColumnMap,
    /// The same from the settings; headings that do not exist are ignored.
    pub settings_map: &'o ColumnMap,
}

/// The result: columns and warnings.
#[derive(Debug)]
pub struct Header<'t> {
    /// The columns.
    pub plan: ColumnPlan<'t>,
    /// Number of rows that are not users: the header line and the lines above it.
    pub rows: usize,
    /// Warnings for the caller.
    pub warnings: Vec<Problem>,
}

/// The header if the first row alone decides it: all of its headings are known.
///
/// # Errors
/// Two headings mean the same, or the caller's map does not match the file.
pub fn from_first_row<'t>(
    first: &TextRow<'_>,
    wanted: Wanted<'_>,
    claims: &'t ClaimTable,
) -> Result<Option<Header<'t>>, HeaderError> {
    if wanted.line != HeaderLine::Auto || is_blank(first) {
        return Ok(None);
    }
    let headings = headings(first);
    let has_gap = headings.iter().any(|heading| heading.is_empty());
    let beginning = Beginning {
        rows: Vec::new(),
        first_line_is_empty: false,
        is_workbook: false,
    };
    let reader = HeaderReader {
        beginning: &beginning,
        wanted,
        claims,
    };
    match has_gap {
        true => Ok(None),
        false => reader.understood(first, 0),
    }
}

/// Determines the columns.
///
/// # Errors
/// The header is not understood, or only in part, so that following it would be a guess; or the first row is
/// not text.
pub fn read<'t>(
    beginning: &Beginning<'_>,
    wanted: Wanted<'_>,
    claims: &'t ClaimTable,
) -> Result<Header<'t>, HeaderError> {
    let reader = HeaderReader {
        beginning,
        wanted,
        claims,
    };
    match wanted.line {
        HeaderLine::Auto => reader.decide(),
        HeaderLine::None => reader.without_header(),
        HeaderLine::Line(line) => reader.at_line(line),
    }
}

/// The columns of a file whose header line is not understood, as far as they are.
pub(super) struct Probable<'t> {
    /// The columns of the most probable header line; those without a meaning are not read.
    pub plan: ColumnPlan<'t>,
    /// For each column whether its heading is unknown.
    pub unknown: Vec<bool>,
    /// Its position among the rows; none: there is no header line.
    pub header: Option<usize>,
}

/// Determines the most probable header line and the columns that it has, although [`read`] refused the file with
/// this error.
pub(super) fn probable<'t>(
    rows: &[Row<'_>],
    wanted: Wanted<'_>,
    claims: &'t ClaimTable,
    error: &HeaderError,
) -> Probable<'t> {
    let header = probable_line(rows, wanted, claims, error);
    let text = |field: &[u8]| trimmed(&String::from_utf8_lossy(field)).to_owned();
    let mut headings: Vec<String> = match header.and_then(|position| rows.get(position)) {
        Some(row) => row.fields().map(text).collect(),
        None => {
            let width = rows.iter().map(Row::len).max().unwrap_or_default();
            (1..=width).map(|number| number.to_string()).collect()
        }
    };
    while headings.last().is_some_and(String::is_empty) {
        headings.pop();
    }
    let names: Vec<&str> = headings.iter().map(String::as_str).collect();
    let meanings = Meanings::lenient(&names, wanted.map, wanted.settings_map, claims);
    let mut unknown = Vec::new();
    let columns = names.iter().enumerate().map(|(position, heading)| {
        let meaning = meanings.of(position, heading);
        unknown.push(meaning == Meaning::Unknown);
        let field = match meaning {
            Meaning::Field(field) => Some(field),
            Meaning::Ignored | Meaning::Dropped | Meaning::Unknown => None,
        };
        Column::plain((*heading).to_owned(), field)
    });
    let columns: Vec<Column> = columns.collect();
    Probable {
        plan: ColumnPlan::headed(columns, headings, claims),
        unknown,
        header,
    }
}

/// The position of the most probable header line among the rows.
fn probable_line(
    rows: &[Row<'_>],
    wanted: Wanted<'_>,
    claims: &ClaimTable,
    error: &HeaderError,
) -> Option<usize> {
    let at = |line: u64| rows.iter().position(|row| row.line() == line);
    let is_above = |row: &Row<'_>| {
        row.text().is_ok_and(|row| {
            let cells: Vec<&str> = row.iter().map(trimmed).collect();
            is_blank(&row) || presets::is_preface(&cells)
        })
    };
    let first = rows.iter().position(|row| !is_above(row));
    match (wanted.line, error) {
        (_, HeaderError::InSheet { error, .. }) => probable_line(rows, wanted, claims, error),
        (HeaderLine::None, _) => None,
        (HeaderLine::Line(line), _) => at(line).or(first),
        (HeaderLine::Auto, HeaderError::LinesAbove { header, .. }) => at(*header).or(first),
        (HeaderLine::Auto, HeaderError::NotUnderstood { .. }) => {
            // A line with more headings that are known, or with more than one cell below a title.
            let score = |row: &Row<'_>| {
                let Ok(row) = row.text() else {
                    return (0, false);
                };
                let cells = headings(&row);
                let known = |cell: &&&str| {
                    claims.column(cell).is_some()
                        || header_words::is_user_name(cell)
                        || header_words::names_password(cell)
                };
                let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
                (cells.iter().filter(known).count(), filled > 1)
            };
            let start = first?;
            let candidates = rows.iter().enumerate().skip(start).take(LINES_ABOVE);
            let mut best = (start, (0, false));
            for (position, row) in candidates {
                if score(row) > best.1 {
                    best = (position, score(row));
                }
            }
            Some(best.0)
        }
        (HeaderLine::Auto, _) => first,
    }
}

struct HeaderReader<'b, 'r, 't> {
    beginning: &'b Beginning<'r>,
    wanted: Wanted<'b>,
    claims: &'t ClaimTable,
}

impl<'r, 't> HeaderReader<'_, 'r, 't> {
    fn decide(&self) -> Result<Header<'t>, HeaderError> {
        let rows = &self.beginning.rows;
        let is_preface = |row: &TextRow<'_>| {
            let cells: Vec<&str> = row.iter().map(trimmed).collect();
            presets::is_preface(&cells)
        };
        let is_above = |row: &&Result<TextRow<'_>, FlawedField>| {
            row.as_ref()
                .is_ok_and(|row| is_blank(row) || is_preface(row))
        };
        let above = rows.iter().take_while(is_above).count();
        let Some(first) = rows.get(above) else {
            // Only blank rows.
            return Ok(self.positional(None, above));
        };
        let first = first
            .as_ref()
            .map_err(|flawed| HeaderError::Flawed(*flawed))?;
        if let Some(header) = self.understood(first, above)? {
            return Ok(header);
        }
        if !self.wanted.map.is_empty() {
            return Err(self.not_understood(first, above));
        }
        let below = || rows.iter().skip(above + 1).flatten();
        let better = self.header_below(above);
        let lines_above = |header: &TextRow<'_>| HeaderError::LinesAbove {
            line: first.line(),
            header: header.line(),
        };
        // By position, other columns of the rows below that header would be read as passwords.
        if let Some((header, plan)) = &better
            && !plan.is_in_originals_order()
        {
            return Err(lines_above(header));
        }
        let is_data = is_data(first, below(), self.claims);
        if self.is_originals(first, below()) || (!is_data && has_claims(below())) {
            return Ok(self.by_position(first, above));
        }
        if let Some((header, plan)) = &better
            && plan.columns().len() > 1
            && is_title(first)
        {
            return Err(lines_above(header));
        }
        if self.looks_like_headings(first) {
            return Err(self.not_understood(first, above));
        }
        if self.beginning.first_line_is_empty || above > 0 {
            return Ok(self.positional(None, above));
        }
        if is_data && !below().any(|row| is_address_second(row)) {
            let warning = Problem::new(
                Severity::Warning,
                first.line(),
                None,
                "first-line-is-data",
                "the first line looks like a user and not like a header line, so it was imported as a \
                 row; put the line `UserName,Password,Claims` above it, or say that line 1 is the \
                 header (header=1)",
            );
            let mut header = self.positional(None, above);
            header.warnings.push(warning);
            return Ok(header);
        }
        Err(self.not_understood(first, above))
    }

    /// Without a header line, columns are numbered.
    fn without_header(&self) -> Result<Header<'t>, HeaderError> {
        if self.wanted.map.is_empty() {
            return Ok(self.positional(None, 0));
        }
        let rows = self.beginning.rows.iter().flatten();
        let width = rows.map(|row| row.len()).max().unwrap_or_default();
        let numbers: Vec<String> = (1..=width).map(|number| number.to_string()).collect();
        let headings: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let meanings = self.meanings(&headings)?;
        let columns = headings.iter().enumerate().map(|(position, number)| {
            let field = match meanings.of(position, number) {
                Meaning::Field(field) => Some(field),
                Meaning::Ignored | Meaning::Dropped | Meaning::Unknown => None,
            };
            Column::plain((*number).to_owned(), field)
        });
        let columns: Vec<Column> = columns.collect();
        check_columns(&columns, 0)?;
        Ok(Header {
            plan: ColumnPlan::headed(columns, Vec::new(), self.claims),
            rows: 0,
            warnings: Vec::new(),
        })
    }

    /// The caller specified that `line` is the header line.
    fn at_line(&self, line: u64) -> Result<Header<'t>, HeaderError> {
        let rows = &self.beginning.rows;
        let is_there = |row: &Result<TextRow<'_>, FlawedField>| {
            row.as_ref().is_ok_and(|row| row.line() == line)
        };
        let Some(position) = rows.iter().position(is_there) else {
            // An empty first line is the header line of a file without headings.
            if line == 1 && self.beginning.first_line_is_empty {
                return Ok(self.positional(None, 0));
            }
            return Err(HeaderError::NoSuchLine { line });
        };
        let Some(Ok(header)) = rows.get(position) else {
            return Err(HeaderError::NoSuchLine { line });
        };
        if let Some(understood) = self.understood(header, position)? {
            return Ok(understood);
        }
        let below = rows.iter().skip(position + 1).flatten();
        let headings = headings(header);
        let known = |heading: &&str| self.claims.column(heading);
        let contradicts = match (
            headings.first().and_then(known),
            headings.get(1).and_then(known),
        ) {
            (None, None | Some(Field::Password)) => false,
            (Some(Field::UserName), Some(Field::Password)) => false,
            (Some(Field::UserName), None) => headings.len() > 1,
            _ => true,
        };
        let mut further = headings.iter().skip(2).filter_map(known);
        let fits = self.is_originals(header, below)
            || (!contradicts && further.all(|field| *field == Field::ClaimCells));
        match self.wanted.map.is_empty() && fits {
            true => Ok(self.by_position(header, position)),
            false => Err(self.not_understood(header, position)),
        }
    }

    /// The header if all headings of the row are known; otherwise none.
    fn understood(
        &self,
        row: &TextRow<'_>,
        position: usize,
    ) -> Result<Option<Header<'t>>, HeaderError> {
        let headings = headings(row);
        let meanings = self.meanings(&headings)?;
        let mut columns = Vec::new();
        let mut dropped = Vec::new();
        for (position, heading) in headings.iter().enumerate() {
            let field = match meanings.of(position, heading) {
                Meaning::Field(field) => Some(field),
                Meaning::Ignored => None,
                Meaning::Dropped => {
                    dropped.push((position, *heading));
                    None
                }
                Meaning::Unknown if heading.is_empty() && self.is_empty_below(position) => None,
                Meaning::Unknown => return Ok(None),
            };
            columns.push(Column {
                name: (*heading).to_owned(),
                field,
                second: meanings.second(position, heading),
                cells: meanings.cells(position, heading),
                is_surplus: false,
            });
        }
        let has_user_name = columns.iter().any(|it| it.field == Some(Field::UserName));
        if !has_user_name {
            return Ok(None);
        }
        check_columns(&columns, row.line())?;
        let mut warnings = Vec::new();
        if let (Some(preset), false) = (meanings.preset(), dropped.is_empty()) {
            let names: Vec<String> = dropped
                .iter()
                .map(|(position, heading)| {
                    listed(preset, *position, heading, self.beginning.is_workbook)
                })
                .collect();
            let names = names.join(", ");
            warnings.push(Problem::new(
                Severity::Warning,
                row.line(),
                None,
                "columns-ignored",
                format!(
                    "the file was read as an export of {}; these columns have no equivalent and were not \
                     read: {names}",
                    preset.name
                ),
            ));
        }
        let plan = ColumnPlan::headed(columns, cells(row), self.claims);
        warnings.extend(plan.set_by_server(row.line()));
        Ok(Some(Header {
            plan,
            rows: position + 1,
            warnings,
        }))
    }

    fn meanings(&self, headings: &[&str]) -> Result<Meanings<'_>, HeaderError> {
        Meanings::new(
            headings,
            self.wanted.map,
            self.wanted.settings_map,
            self.claims,
        )
    }

    /// Whether the column at `position` is empty in every row.
    fn is_empty_below(&self, position: usize) -> bool {
        let rows = self.beginning.rows.iter().flatten();
        let mut cells = rows.filter_map(|row| row.get(position));
        cells.all(|cell| trimmed(cell).is_empty())
    }

    /// Whether the line is the original's header or similar: a word for the user name, a word for the
    /// password, and nothing after them that contradicts claim cells.
    fn is_originals<'x>(
        &self,
        row: &TextRow<'_>,
        mut below: impl Iterator<Item = &'x TextRow<'x>>,
    ) -> bool {
        let headings = headings(row);
        let is = |position: usize, is_word: fn(&str) -> bool| {
            headings
                .get(position)
                .is_some_and(|heading| is_word(heading))
        };
        if !is(0, header_words::is_user_name) || !is(1, header_words::is_password) {
            return false;
        }
        let further = headings.iter().skip(2);
        let knows_others = further
            .filter_map(|heading| self.claims.column(heading))
            .any(|field| *field != Field::ClaimCells);
        !knows_others
            || below.all(|row| {
                row.iter()
                    .skip(2)
                    .map(trimmed)
                    .all(|cell| cell.is_empty() || is_claim_shaped(cell))
            })
    }

    /// The original's columns, with a header line that is ignored.
    fn by_position(&self, row: &TextRow<'_>, position: usize) -> Header<'t> {
        let mut header = self.positional(Some(row), position + 1);
        header.warnings.push(Problem::new(
            Severity::Warning,
            row.line(),
            None,
            "header-not-understood",
            "the header line has unknown names, so the columns were read by position: user \
             name, password, then claimURI=value cells",
        ));
        header
    }

    fn positional(&self, header: Option<&TextRow<'_>>, rows: usize) -> Header<'t> {
        Header {
            plan: ColumnPlan::positional(header.map(cells).unwrap_or_default(), self.claims),
            rows,
            warnings: Vec::new(),
        }
    }

    /// The first row shortly after `position` whose headings are all known, and its columns.
    fn header_below(&self, position: usize) -> Option<(&TextRow<'r>, ColumnPlan<'t>)> {
        let later = self.beginning.rows.iter().skip(position + 1);
        let mut later = later.take(LINES_ABOVE).flatten();
        later.find_map(|row| match self.understood(row, 0) {
            Ok(Some(header)) if !is_blank(row) => Some((row, header.plan)),
            _ => None,
        })
    }

    /// Whether a line that could be a user has the words of a header line: a heading that is known or nearly
    /// so, words of other languages, a heading with a number, or a comment sign.
    fn looks_like_headings(&self, row: &TextRow<'_>) -> bool {
        let cell = |position| row.get(position).map(trimmed).unwrap_or_default();
        let (first, second) = (cell(0), cell(1));
        let nearly = |heading: &str| {
            let meanings = self.meanings(&[]);
            meanings.is_ok_and(|meanings| meanings.nearly_names(heading))
        };
        is_commented(row)
            || self.claims.column(first).is_some()
            || header_words::is_user_name(first)
            || header_words::are_user_and_password(first, second)
            || header_words::is_numbered(second, self.claims)
            || nearly(first)
            || nearly(second)
    }

    /// The error for a line that was read as the header.
    fn not_understood(&self, row: &TextRow<'_>, position: usize) -> HeaderError {
        let headings = headings(row);
        let meanings = match self.meanings(&headings) {
            Ok(meanings) => meanings,
            Err(error) => return error,
        };
        let line = row.line();
        if let Some((better, _)) = self.header_below(position) {
            return HeaderError::LinesAbove {
                line,
                header: better.line(),
            };
        }
        let known = self.claims.column_names().join(", ");
        let unknown: Vec<String> = headings
            .iter()
            .enumerate()
            .filter(|(position, heading)| {
                matches!(meanings.of(*position, heading), Meaning::Unknown)
            })
            .map(|(position, heading)| {
                meanings.described(position, heading, self.beginning.is_workbook)
            })
            .collect();
        let understands_some = unknown.len() < headings.len();
        match (meanings.has_user_name(&headings), understands_some) {
            (true, _) => HeaderError::UnknownColumns {
                line,
                unknown,
                known,
            },
            (false, true) => HeaderError::NoUserName { line, unknown },
            (false, false) => HeaderError::NotUnderstood { line, unknown },
        }
    }
}

/// A dropped column as the warning lists it: by its heading in full if the product has it or nothing of it
/// has to be hidden; otherwise by its number or, in a workbook, its letter.
fn listed(preset: &Preset, position: usize, heading: &str, is_workbook: bool) -> String {
    // As long as any product's own heading.
    let full: String = heading.chars().take(LONGEST_HEADING).collect();
    let full = format!("\"{full}\"");
    match preset.names(heading) || quote(heading) == full {
        true => full,
        false if is_workbook => format!("column {}", column_letter(position)),
        false => format!("column {}", position + 1),
    }
}

/// Checks that no two columns mean the same and that one is the user name.
fn check_columns(columns: &[Column], line: u64) -> Result<(), HeaderError> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for column in columns {
        let Some(field) = &column.field else { continue };
        let repeatable = matches!(field, Field::ClaimCells | Field::SetByServer(_));
        if repeatable {
            continue;
        }
        let name = column.name.as_str();
        let Some(first) = seen.insert(field.to_string(), name) else {
            continue;
        };
        return Err(match is_same(first, name) {
            true => HeaderError::Twice { name: name.into() },
            false => HeaderError::BothMean {
                first: first.into(),
                second: name.into(),
                field: label(field).into_owned(),
            },
        });
    }
    match columns.iter().any(|it| it.field == Some(Field::UserName)) {
        true => Ok(()),
        false => Err(HeaderError::NoUserName {
            line,
            unknown: Vec::new(),
        }),
    }
}

fn cells(row: &TextRow<'_>) -> Vec<String> {
    headings(row).into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
