//! Which cells are headings, and stay as they are: a heading is often what fails.

use std::io::Read;

use crate::formats::open::{Options, open};
use crate::formats::row::{Row, TextRow};
use crate::import::anonymize::words::is_word_of_header;
use crate::import::header::{self, Beginning, Header, Wanted};
use crate::import::row_shape::{headings, is_blank};
use crate::users::claims::ClaimTable;
use crate::users::options::HeaderLine;

/// The headings of a file.
#[derive(Debug, Default)]
pub(super) struct Headings {
    /// The line that they stand in; 0: the file has none, or none that is taken for such.
    pub line: u64,
    /// The headings, without blanks at their ends.
    pub cells: Vec<String>,
    /// Words of the product that exported the file, which mean something in its columns.
    pub words: Vec<&'static str>,
}

/// Looks for the headings of the file that `source` gives, as an import does it. A line is one of headings where
/// the import understands all of them, the caller says so, or at least half of them are known: any other line may be
/// a user.
pub(super) fn find(
    source: impl Read,
    options: &Options<'_>,
    wanted: Wanted<'_>,
    claims: &ClaimTable,
) -> Headings {
    // What cannot be opened has no headings; why is found out by its import.
    let Ok(mut opened) = open(source, options) else {
        return Headings::default();
    };
    let Ok(mut rows) = opened.rows() else {
        return Headings::default();
    };
    if rows.look_ahead(header::LOOK).is_err() {
        return Headings::default();
    }
    let ahead = rows.ahead();
    let beginning = Beginning {
        rows: ahead.iter().map(Row::text).collect(),
        first_line_is_empty: rows.first_line_is_empty(),
        is_workbook: rows.detected().sheet.is_some(),
    };
    let understood = beginning.rows.first().and_then(|first| {
        let first = first.as_ref().ok()?;
        header::from_first_row(first, wanted, claims).ok().flatten()
    });
    let read = match understood {
        Some(header) => Ok(header),
        None => header::read(&beginning, wanted, claims),
    };
    let (row, words, is_certain) = match &read {
        Ok(Header { plan, rows, .. }) if plan.has_header_line() => {
            let place = rows.checked_sub(1);
            let row = place.and_then(|place| beginning.rows.get(place));
            (row, plan.words().collect(), plan.is_named())
        }
        Ok(_) => return Headings::default(),
        Err(_) => {
            let is_wanted = |row: &TextRow<'_>| match wanted.line {
                HeaderLine::Line(line) => row.line() == line,
                HeaderLine::Auto | HeaderLine::None => !is_blank(row),
            };
            let mut rows = beginning.rows.iter();
            let row = rows.find(|row| row.as_ref().is_ok_and(is_wanted));
            (row, Vec::new(), false)
        }
    };
    let Some(Ok(row)) = row else {
        return Headings::default();
    };
    let cells: Vec<String> = headings(row).into_iter().map(str::to_owned).collect();
    let is_said = wanted.line == HeaderLine::Line(row.line());
    let is_known = |cell: &&String| {
        cell.starts_with('_') || claims.column(cell).is_some() || is_word_of_header(cell)
    };
    let filled = cells.iter().filter(|cell| !cell.is_empty());
    let known = filled.clone().filter(is_known).count();
    match is_certain || is_said || known > 0 && 2 * known >= filled.count() {
        true => Headings {
            line: row.line(),
            cells,
            words,
        },
        false => Headings::default(),
    }
}
