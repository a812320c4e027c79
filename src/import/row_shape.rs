//! Classifies the first rows of a file by shape: whether a line is a user or a title, and whether rows are in
//! the original dialect.

use crate::formats::row::TextRow;
use crate::import::cells::{is_address, is_claim_shaped, trimmed};
use crate::import::header_words;
use crate::passwords::rules;
use crate::users::claims::ClaimTable;

/// The headings, trimmed, without empty ones at the end of the line.
pub(super) fn headings<'r>(row: &TextRow<'r>) -> Vec<&'r str> {
    let mut headings: Vec<&str> = row.iter().map(trimmed).collect();
    while headings.last().is_some_and(|heading| heading.is_empty()) {
        headings.pop();
    }
    headings
}

/// Whether the row has no visible text.
pub(super) fn is_blank(row: &TextRow<'_>) -> bool {
    row.iter().all(|cell| trimmed(cell).is_empty())
}

/// Whether the line is a comment, as scripts write it above a table.
pub(super) fn is_commented(row: &TextRow<'_>) -> bool {
    let first = row.get(0).map(trimmed).unwrap_or_default();
    first.starts_with('#') || first.starts_with("//")
}

/// Whether the line has the shape of a user in the original dialect: a `claimURI=value` cell after the
/// second, or a second cell that looks like a password, as most of those in the rows `below` do, next to a
/// first cell that is one word and not a heading. A date or number in a title looks like a password too
/// (`Stand,01.Dez.2026`).
pub(super) fn is_data<'r>(
    row: &TextRow<'_>,
    below: impl Iterator<Item = &'r TextRow<'r>>,
    claims: &ClaimTable,
) -> bool {
    let further: Vec<&str> = row
        .iter()
        .skip(2)
        .map(trimmed)
        .filter(|cell| !cell.is_empty())
        .collect();
    let (name, password) = (
        row.get(0).map(trimmed).unwrap_or_default(),
        row.get(1).map(trimmed).unwrap_or_default(),
    );
    let may_be_name = !name.is_empty()
        && claims.column(name).is_none()
        && !header_words::is_user_name(name)
        && !name.contains(char::is_whitespace)
        && !is_commented(row);
    if !may_be_name || !further.iter().all(|cell| is_claim_shaped(cell)) {
        return false;
    }
    let may_be_password = |cell: &str| rules::looks_like_password(cell) && !is_address(cell);
    if !further.is_empty() {
        return true;
    }
    if !may_be_password(password) || header_words::is_numbered(password, claims) {
        return false;
    }
    let seconds = below.filter_map(|row| row.get(1)).map(trimmed);
    let (mut all, mut like) = (0, 0);
    for cell in seconds.filter(|cell| !cell.is_empty()) {
        all += 1;
        like += usize::from(may_be_password(cell));
    }
    2 * like >= all
}

/// Whether a line above a header line is a title and not a user: its first cell is more than one word or ends
/// with a colon, or its second one contains a year or a time (`Generated,2026-12-01T08:00:00Z`).
pub(super) fn is_title(row: &TextRow<'_>) -> bool {
    let cell = |position| row.get(position).map(trimmed).unwrap_or_default();
    let (first, second) = (cell(0), cell(1));
    let has_year = |text: &str| {
        let mut numbers = text.split(|sign: char| !sign.is_ascii_digit());
        numbers.any(|number| number.len() == 4 && number.starts_with(['1', '2']))
    };
    let has_time = |text: &str| {
        let bytes = text.as_bytes();
        let mut windows = bytes.windows(5);
        windows.any(|it| {
            it.iter().enumerate().all(|(place, byte)| match place {
                2 => *byte == b':',
                _ => byte.is_ascii_digit(),
            })
        })
    };
    first.contains(char::is_whitespace)
        || first.ends_with(':')
        || has_year(second)
        || has_time(second)
}

/// Whether rows are in the original dialect: one has a `claimURI=value` cell after its second, and none has
/// an e-mail address in the second.
pub(super) fn has_claims<'r>(rows: impl Iterator<Item = &'r TextRow<'r>>) -> bool {
    let mut any = false;
    for row in rows {
        if is_address_second(row) {
            return false;
        }
        any |= row
            .iter()
            .skip(2)
            .any(|cell| is_claim_shaped(trimmed(cell)));
    }
    any
}

/// Whether the second cell is an e-mail address, which is hardly a password.
pub(super) fn is_address_second(row: &TextRow<'_>) -> bool {
    row.get(1).is_some_and(|cell| is_address(trimmed(cell)))
}
