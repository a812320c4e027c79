//! What the columns of a file are, and rows to candidates.
//!
//! Two dialects. A **headed** file names its columns, in any order. The **original's** takes them by
//! position: user name, password, then cells of the form `claimURI=value`.
//! [`header`](crate::import::header) decides which one a file is in.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};

use memchr::memchr;

use crate::formats::csv_writer::is_marked;
use crate::formats::delimiter::Delimiter;
use crate::formats::row::{Row, TextRow};
use crate::import::cells;
use crate::import::presets::Cells;
use crate::import::preview::PreviewColumn;
use crate::quoted;
use crate::users::candidate::{Candidate, CandidateColumns};
use crate::users::claims::{ClaimTable, Field, SET_BY_SERVER};
use crate::users::merge::cleared;
use crate::users::name::{sorting_key, split_domain};
use crate::users::passwords;
use crate::users::problem::{Problem, Severity};

/// Headings of passwords in the original's dialect.
pub(super) const PASSWORD_HEADINGS: [&str; 4] = ["password", "pass", "pwd", "credential"];

/// Names of the original's columns, for files whose header says nothing.
const POSITIONAL: [&str; 3] = ["UserName", "Password", "Claims"];

/// Columns that a reject file adds; none of them is read.
pub const REJECT_COLUMNS: [&str; 3] = ["_line", "_code", "_message"];

/// What stands in the column `_code` of a line that is no row: it says that a reject file does not have all
/// rejected rows.
pub const INCOMPLETE: &str = "rejects-incomplete";

/// A cell that clears what an existing user has.
pub const CLEAR: &str = r"\N";

/// Attributes that hold numbers and dates, in which a database's word for no value is none.
const WITHOUT_NULL_WORDS: [&str; 14] = [
    "created",
    "dob",
    "employeeNumber",
    "mobile",
    "modified",
    "otherphone",
    "phoneNumbers.fax",
    "phoneNumbers.home",
    "phoneNumbers.other",
    "phoneNumbers.pager",
    "phoneNumbers.work",
    "postalcode",
    "telephone",
    "extendedExternalId",
];

/// What the columns of a file are.
#[derive(Debug)]
pub struct ColumnPlan<'t> {
    claims: &'t ClaimTable,
    columns: Vec<Column>,
    /// Where the user name is, from 0.
    name_position: usize,
    /// The columns are the original's, by position.
    by_position: bool,
    /// No heading says that the second column has passwords.
    password_by_position: bool,
    /// Whether every field behind the last column is a claim cell too, and rows may be shorter.
    open_ended: bool,
    /// What stands between the columns; none in a workbook.
    delimiter: Option<Delimiter>,
    /// The file is a list of rejected rows, mended and sent again.
    is_reject_file: bool,
    /// The cells of the header line, as the file has them; none: it has no header line.
    header_line: Vec<String>,
    /// The header's words, to tell a row that repeats it.
    header_words: HeaderWords,
    /// Which of [`SET_BY_SERVER`] have been seen, a bit each.
    seen_set_by_server: AtomicU8,
}

/// A column and what it stands for.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its heading.
    pub name: String,
    /// None: the column is not read.
    pub field: Option<Field>,
    /// What it stands for besides.
    pub second: Option<Field>,
    /// How its cells are written.
    pub cells: Cells,
}

impl Column {
    /// A column that stands for one thing, in cells that are read as they are.
    pub(super) fn plain(name: String, field: Option<Field>) -> Self {
        Column {
            name,
            field,
            second: None,
            cells: Cells::Plain,
        }
    }
}

/// What a row of the file is.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every row is the large one"
)]
pub enum RowContent<'r> {
    /// It asks for a user.
    User(Candidate<'r>),
    /// It repeats the header line.
    Header,
    /// It is a line of dashes, as programs draw it below their headings.
    Ruled,
    /// It is the example of a template.
    Example,
    /// It says nothing.
    Nothing,
}

/// What a cell came to.
enum ReadCell {
    /// What it says is in the candidate.
    Read,
    /// It tells that its row is the example of a template.
    Example,
}

impl<'t> ColumnPlan<'t> {
    /// The plan of a file whose header line has these cells, and names these columns.
    pub(super) fn headed(
        columns: Vec<Column>,
        header_line: Vec<String>,
        claims: &'t ClaimTable,
    ) -> Self {
        let open_ended = matches!(
            columns.last(),
            Some(Column {
                field: Some(Field::ClaimCells),
                ..
            })
        );
        let is_reject_file = REJECT_COLUMNS
            .iter()
            .all(|own| columns.iter().any(|column| column.name == *own));
        let is_name = |column: &Column| column.field == Some(Field::UserName);
        let name_position = columns.iter().position(is_name).unwrap_or_default();
        let mut header_words = HeaderWords::new(claims);
        if let Some(heading) = header_line.get(name_position) {
            header_words.add(heading);
        }
        ColumnPlan {
            claims,
            by_position: false,
            password_by_position: false,
            header_words,
            name_position,
            is_reject_file,
            columns,
            open_ended,
            delimiter: Some(Delimiter::Comma),
            header_line,
            seen_set_by_server: AtomicU8::new(0),
        }
    }

    /// The warnings for columns of what the server sets.
    pub(super) fn set_by_server(&self, line: u64) -> Vec<Problem> {
        let columns = self.columns.iter();
        columns
            .filter_map(|column| match &column.field {
                Some(Field::SetByServer(what)) => Some((column, *what)),
                _ => None,
            })
            .filter(|(_, what)| self.is_first(what))
            .map(|(column, what)| set_by_server(line, &column.name, what))
            .collect()
    }

    /// Whether this one of [`SET_BY_SERVER`] is seen for the first time.
    fn is_first(&self, name: &str) -> bool {
        let place = SET_BY_SERVER.iter().position(|known| *known == name);
        let bit = 1 << place.unwrap_or_default();
        self.seen_set_by_server.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// The plan of a file in the original's dialect, whose header line, if it has one, has these cells.
    pub(super) fn positional(header_line: Vec<String>, claims: &'t ClaimTable) -> Self {
        let fields = [Field::UserName, Field::Password, Field::ClaimCells];
        let column = |(name, field): (&str, Field)| Column::plain(name.to_owned(), Some(field));
        let is_named = header_line.get(1).is_some_and(|heading| {
            let heading = cells::trimmed(heading);
            claims.column(heading) == Some(&Field::Password)
                || PASSWORD_HEADINGS
                    .iter()
                    .any(|it| heading.eq_ignore_ascii_case(it))
        });
        ColumnPlan {
            by_position: true,
            password_by_position: !is_named,
            ..Self::headed(
                POSITIONAL.into_iter().zip(fields).map(column).collect(),
                header_line,
                claims,
            )
        }
    }

    /// The plan of a file with another delimiter than the comma, or, being a workbook, with none.
    pub fn separated_by(self, delimiter: Option<Delimiter>) -> Self {
        ColumnPlan { delimiter, ..self }
    }

    /// The name of the column at `position`.
    pub fn column_name(&self, position: usize) -> String {
        match self.columns.get(position).or(self.columns.last()) {
            Some(column) => column.name.clone(),
            None => position.to_string(),
        }
    }

    /// The names of the columns, as a reject file repeats them.
    pub fn header(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// The columns and what they stand for.
    pub fn columns(&self) -> Vec<PreviewColumn> {
        let column = |column: &Column| PreviewColumn {
            name: column.name.clone(),
            stands_for: column.field.as_ref().map(|field| match &column.second {
                Some(second) => format!("{field}, {second}"),
                None => field.to_string(),
            }),
        };
        self.columns.iter().map(column).collect()
    }

    /// The cells of a row, the password's blanked.
    pub fn text_cells(&self, row: &TextRow<'_>) -> Vec<String> {
        let cells = row.iter().map(|cell| Cow::Borrowed(self.refused(cell)));
        self.without_password(row.len(), cells)
    }

    /// The same of a row with fields that are no text.
    pub fn cells(&self, row: &Row<'_>) -> Vec<String> {
        self.without_password(row.len(), row.fields().map(String::from_utf8_lossy))
    }

    fn without_password<'c>(
        &self,
        found: usize,
        cells: impl Iterator<Item = Cow<'c, str>>,
    ) -> Vec<String> {
        cells
            .enumerate()
            .map(|(position, cell)| {
                let hidden = self.may_be_password(position, found)
                    || self.is_password_claim(&cell)
                    || self.is_out_of_place(position, &cell);
                match hidden {
                    true => String::new(),
                    false => cell.into_owned(),
                }
            })
            .collect()
    }

    /// Whether the cell at `position` of a row of `found` cells is the password, or may be, because
    /// the row has more or fewer cells than the header and they have moved to one side. What stands
    /// in the user name's column is taken for the user name all the same.
    fn may_be_password(&self, position: usize, found: usize) -> bool {
        let at = |wanted: &Field| {
            let columns = &mut self.columns.iter();
            columns.position(|column| column.field.as_ref() == Some(wanted))
        };
        let Some(password) = at(&Field::Password) else {
            return false;
        };
        let wanted = self.columns.len();
        if self.open_ended || found == wanted {
            return position == password;
        }
        let first = password.saturating_sub(wanted.saturating_sub(found));
        let last = password + found.saturating_sub(wanted);
        (first..=last).contains(&position) && at(&Field::UserName) != Some(position)
    }

    /// Whether a column of names holds what looks like a password: the columns may be in another order
    /// than the header says.
    fn is_out_of_place(&self, position: usize, cell: &str) -> bool {
        let field = self.columns.get(position).and_then(|it| it.field.as_ref());
        let names = [
            Field::GivenName,
            Field::FamilyName,
            Field::Roles,
            Field::Groups,
        ];
        field.is_some_and(|field| names.contains(field)) && passwords::looks_like_one(cell)
    }

    /// Whether the cell is a password as a claim, of which there is none.
    fn is_password_claim(&self, cell: &str) -> bool {
        cell.split_once('=').is_some_and(|(uri, _)| {
            let uri = uri.trim();
            let named = uri.to_lowercase();
            self.claims.claim(uri) == Some(&Field::Password)
                || (uri.contains(':')
                    && ["password", "credential"]
                        .iter()
                        .any(|it| named.contains(it)))
        })
    }

    /// A cell of a reject file without the mark that keeps spreadsheets from running it.
    fn refused<'r>(&self, cell: &'r str) -> &'r str {
        match cell.strip_prefix('\'') {
            Some(bare) if self.is_reject_file && is_marked(bare) => bare,
            _ => cell,
        }
    }

    /// What the row asks for.
    ///
    /// # Errors
    /// The row has more fields than the header.
    pub fn read<'r>(&'r self, row: &TextRow<'r>) -> Result<RowContent<'r>, Problem> {
        match row
            .get(self.name_position)
            .and_then(|cell| cell.bytes().next())
        {
            Some(b'-' | b'=' | b'_' | b'+' | b'|' | 0xe2) if cells::is_ruled(row.iter()) => {
                return Ok(RowContent::Ruled);
            }
            _ if self.repeats_header(row)? => return Ok(RowContent::Header),
            _ => {}
        }
        if row.len() < self.columns.len() && !self.open_ended {
            self.check_short(row)?;
        }
        let mut candidate = Candidate {
            line: row.line(),
            by_position: self.password_by_position,
            ..Candidate::default()
        };
        // Hardly any row has the sign, and each of its cells would be searched for it.
        let has_equals = memchr(b'=', row.text().as_bytes()).is_some();
        let mut is_blank = true;
        let mut values = row.iter();
        for (column, value) in self.columns.iter().zip(&mut values) {
            let (cell, is_tidy) = self.tidy(value, column.field.as_ref());
            is_blank &= cell.is_empty() && cells::trimmed(value).is_empty();
            match self.read_cell(column, cell, is_tidy, has_equals, &mut candidate) {
                ReadCell::Read => {}
                ReadCell::Example => return Ok(RowContent::Example),
            }
        }
        // What is behind the last column, if anything is.
        for value in values {
            let last = self.columns.last().filter(|_| self.open_ended);
            let (cell, is_tidy) = self.tidy(value, last.and_then(|column| column.field.as_ref()));
            is_blank &= cell.is_empty() && cells::trimmed(value).is_empty();
            match last {
                None => self.read_surplus(cell, row, &mut candidate)?,
                Some(column) => {
                    match self.read_cell(column, cell, is_tidy, has_equals, &mut candidate) {
                        ReadCell::Read => {}
                        ReadCell::Example => return Ok(RowContent::Example),
                    }
                }
            }
        }
        match is_blank {
            true => Ok(RowContent::Nothing),
            false => Ok(RowContent::User(candidate)),
        }
    }

    /// Reads a cell of this column. It runs once a cell, and a call would cost as much as what is done.
    #[inline(always)]
    fn read_cell<'r>(
        &'r self,
        column: &'r Column,
        cell: &'r str,
        is_tidy: bool,
        has_equals: bool,
        candidate: &mut Candidate<'r>,
    ) -> ReadCell {
        let line = candidate.line;
        let cell = match column.cells {
            Cells::Plain => cell,
            cells if cells.is_example(cell) => return ReadCell::Example,
            cells => {
                if cells.is_foreign_hash(cell) {
                    candidate.problems.push(foreign_hash(line, &column.name));
                }
                cells.read(cell)
            }
        };
        let Some(field) = &column.field else {
            return ReadCell::Read;
        };
        if let Some(error) = cells::spreadsheet_error(cell) {
            let problem = spreadsheet_error(line, &column.name, error);
            candidate.problems.push(problem);
            return ReadCell::Read;
        }
        match field {
            Field::ClaimCells => self.read_claim(cell, &column.name, candidate),
            Field::UserName => put(candidate, field, &column.name, cell),
            Field::Password => {
                if !is_tidy && !cell.is_empty() {
                    let warning = password_trimmed(line, &column.name);
                    candidate.warnings.push(warning);
                }
                put(candidate, field, &column.name, cell);
            }
            // The original never reads its header, so a column of claim cells may have any name.
            _ if has_equals && self.is_claim_cell(cell) => {
                self.read_claim(cell, &column.name, candidate);
            }
            field => put_value(candidate, field, &column.name, cell),
        }
        if let Some(second) = &column.second {
            put_value(candidate, second, &column.name, cell);
        }
        ReadCell::Read
    }

    /// A cell as it is read, and whether it is so as the file has it.
    #[inline(always)]
    fn tidy<'r>(&self, value: &'r str, field: Option<&Field>) -> (&'r str, bool) {
        let refused = match field {
            // A reject file leaves it out, so what is there now was never marked.
            Some(Field::Password) => value,
            _ => self.refused(value),
        };
        let cell = cells::trimmed(refused);
        let bare = match cell.as_bytes().first() {
            Some(b'=') => cells::text_marked(cell).map_or(cell, cells::trimmed),
            _ => cell,
        };
        (bare, bare.len() == refused.len())
    }

    /// Whether the row stands for nothing: it is blank, or the last line of a reject file that has not all
    /// rejected rows.
    pub(super) fn is_no_row(&self, row: &Row<'_>) -> bool {
        row.is_nothing() || (self.is_reject_file && self.is_end_of_rejects(row))
    }

    fn is_end_of_rejects(&self, row: &Row<'_>) -> bool {
        let is_code = |column: &Column| column.name == REJECT_COLUMNS[1];
        let position = self.columns.iter().position(is_code);
        let code = position.and_then(|position| row.fields().nth(position));
        code == Some(INCOMPLETE.as_bytes())
    }

    /// The bytes by which a row is sorted: of two rows that may be one user's they are the same.
    pub(super) fn name_key<'r>(&self, row: &Row<'r>) -> Cow<'r, [u8]> {
        let column = self.columns.get(self.name_position);
        let cells = column.map_or(Cells::Plain, |column| column.cells);
        let field = row.fields().nth(self.name_position).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(field) else {
            return Cow::Borrowed(field);
        };
        let (_, name) = split_domain(cells.read(self.tidy(text, Some(&Field::UserName)).0));
        match sorting_key(name) {
            Cow::Borrowed(key) => Cow::Borrowed(key.as_bytes()),
            Cow::Owned(key) => Cow::Owned(key.into_bytes()),
        }
    }

    /// Whether the row repeats the header line, as files do that were put together.
    fn repeats_header(&self, row: &TextRow<'_>) -> Result<bool, Problem> {
        let is_word = |cell| self.header_words.may_be(cell);
        if !row.get(self.name_position).is_some_and(is_word) {
            return Ok(false);
        }
        let same =
            |(cell, heading): (&str, &String)| cells::trimmed(cell).eq_ignore_ascii_case(heading);
        let is_same = !self.header_line.is_empty()
            && row.iter().zip(&self.header_line).all(same)
            && row
                .iter()
                .skip(self.header_line.len())
                .all(|cell| cells::trimmed(cell).is_empty());
        if is_same && (row.len() > 1 || self.header_line.len() == 1) {
            return Ok(true);
        }
        // Another header line: what is behind it may be in another order.
        let words = row
            .iter()
            .map(cells::trimmed)
            .filter(|cell| !cell.is_empty());
        let words: Vec<&str> = words.collect();
        let count = words.len();
        if count < 2 || !words.iter().all(|word| self.claims.column(word).is_some()) {
            return Ok(false);
        }
        if self.by_position && count <= POSITIONAL.len() {
            return Ok(true);
        }
        Err(Problem::new(
            Severity::Failed,
            row.line(),
            None,
            "header-repeated",
            "the row is a header line with other columns than the file's; rows behind it may be in another \
             order, so send them as a file of their own",
        ))
    }

    /// Whether the cells of a row that has fewer than the header stand in their columns: what looks like a
    /// password in a column of names has moved there, because a cell is missing before it.
    fn check_short(&self, row: &TextRow<'_>) -> Result<(), Problem> {
        let mut cells = row.iter().enumerate();
        if !cells.any(|(position, cell)| self.is_out_of_place(position, cell)) {
            return Ok(());
        }
        let (wanted, found) = (self.columns.len(), row.len());
        Err(Problem::new(
            Severity::Failed,
            row.line(),
            None,
            "field-count",
            format!(
                "the row has {found} fields and the header has {wanted}, and what looks like a password stands \
                 in a column of names; add the cell that is missing before it"
            ),
        )
        .about(row.get(self.name_position).unwrap_or_default()))
    }

    /// A cell behind the last column: a claim, or too much.
    fn read_surplus<'r>(
        &'r self,
        cell: &'r str,
        row: &TextRow<'_>,
        candidate: &mut Candidate<'r>,
    ) -> Result<(), Problem> {
        if cell.is_empty() {
            return Ok(());
        }
        if cells::is_claim_shaped(cell) {
            self.read_claim(cell, POSITIONAL[2], candidate);
            return Ok(());
        }
        let (wanted, found) = (self.columns.len(), row.len());
        let plural = if found == 1 { "field" } else { "fields" };
        let advice = match self.delimiter.map(Delimiter::name) {
            Some(comma) => format!("is a value with a {comma} not in quotation marks?"),
            None => "name every column in the header row, or empty the cells beside it".to_owned(),
        };
        let name = row.get(self.name_position);
        Err(Problem::new(
            Severity::Failed,
            row.line(),
            None,
            "field-count",
            format!("the row has {found} {plural} and the header has {wanted}; {advice}"),
        )
        .about(name.unwrap_or_default()))
    }

    fn is_claim_cell(&self, value: &str) -> bool {
        memchr(b'=', value.as_bytes()).is_some_and(|sign| {
            let uri = value.get(..sign).unwrap_or_default();
            uri.contains(':') && self.claims.claim(uri.trim()).is_some()
        })
    }

    /// `claimURI=value`, with exactly one `=`; the original's reading, trailing `=` included.
    fn read_claim<'r>(&'r self, cell: &'r str, column: &'r str, candidate: &mut Candidate<'r>) {
        if cell.is_empty() {
            return;
        }
        let line = candidate.line;
        let (uri, value) = match cell.trim_end_matches('=').split_once('=') {
            Some((uri, value)) if !value.contains('=') => (uri.trim(), cells::trimmed(value)),
            _ => {
                candidate.problems.push(Problem::new(
                    Severity::Failed,
                    line,
                    Cow::Owned(column.to_owned()),
                    "claim-format",
                    "Claims and values are not in correct format: a cell holds one claimURI=value; \
                     give each claim a cell of its own",
                ));
                return;
            }
        };
        if let Some(error) = cells::spreadsheet_error(value) {
            let problem = spreadsheet_error(line, column, error);
            return candidate.problems.push(problem);
        }
        let value = match self.claims.claim(uri) {
            // One warning a file is enough.
            Some(Field::SetByServer(what)) if !self.is_first(what) => return,
            Some(field) => without_null_word(field, value),
            None => value,
        };
        put_claim(candidate, self.claims, uri, value, column);
        if self.claims.claim(uri) == Some(&Field::Email)
            && candidate
                .email
                .is_some_and(|address| !cells::is_address(address))
        {
            // The original stores it.
            let warning = no_address(Severity::Warning, line, column);
            candidate.warnings.push(warning);
        }
    }
}

/// Which words the columns of any file may have as headings, told by their first letter and length: most
/// rows are no header line, and few get beyond this.
#[derive(Debug)]
struct HeaderWords([u64; 26]);

impl HeaderWords {
    fn new(claims: &ClaimTable) -> Self {
        let mut words = HeaderWords([0; 26]);
        claims
            .column_names()
            .into_iter()
            .for_each(|name| words.add(name));
        words
    }

    fn add(&mut self, heading: &str) {
        if let Some(set) = first_letter(heading).and_then(|letter| self.0.get_mut(letter)) {
            *set |= 1 << letters(heading);
        }
    }

    /// Whether the cell may be a heading, written in one word or with blanks, hyphens and underscores.
    fn may_be(&self, cell: &str) -> bool {
        let Some(set) = first_letter(cell).and_then(|letter| self.0.get(letter)) else {
            return cell.starts_with(|first: char| !first.is_ascii_alphanumeric());
        };
        set & (1 << letters(cell)) != 0
    }
}

/// How many letters a heading has, without what is not compared; at most as many as a set has bits.
fn letters(heading: &str) -> usize {
    let mut others = 0_u8;
    for byte in heading.bytes() {
        others = others.saturating_add(u8::from(matches!(byte, b' ' | b'-' | b'_')));
    }
    heading.len().saturating_sub(usize::from(others)).min(63)
}

fn first_letter(text: &str) -> Option<usize> {
    let letter = text.as_bytes().first()?.to_ascii_lowercase();
    letter
        .is_ascii_lowercase()
        .then(|| usize::from(letter - b'a'))
}

/// An empty text where the cell is a database's word for no value, in columns that hold no such word.
#[inline]
fn without_null_word<'r>(field: &Field, cell: &'r str) -> &'r str {
    let may_be_null = || match field {
        Field::Email => true,
        Field::Attribute(name) => WITHOUT_NULL_WORDS.contains(&name.as_ref()),
        _ => false,
    };
    // Of the two questions this one is answered sooner.
    match cells::is_null_word(cell) && may_be_null() {
        true => "",
        false => cell,
    }
}

/// The warning for what is ignored, because the server says it itself.
fn set_by_server(line: u64, column: &str, what: &str) -> Problem {
    Problem::new(
        Severity::Warning,
        line,
        Cow::Owned(column.to_owned()),
        "claim-set-by-server",
        format!("{what} is set by the server; what the file says of it was ignored"),
    )
}

/// Gives the candidate what the cell of a headed column says.
#[inline(always)]
fn put_value<'r>(candidate: &mut Candidate<'r>, field: &'r Field, column: &'r str, cell: &'r str) {
    put(candidate, field, column, without_null_word(field, cell));
    if *field == Field::Email && candidate.email.is_some_and(|it| !cells::is_address(it)) {
        let problem = no_address(Severity::Failed, candidate.line, column);
        candidate.problems.push(problem);
    }
}

fn foreign_hash(line: u64, column: &str) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        "password-hash-scheme",
        "the file says that the password is a hash of a scheme that is not verified here; empty both cells, and \
         the user gets the default password",
    )
}

fn spreadsheet_error(line: u64, column: &str, error: &str) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        "cell-error",
        format!("the cell holds the error {error}; correct its formula or empty it"),
    )
}

fn no_address(severity: Severity, line: u64, column: &str) -> Problem {
    Problem::new(
        severity,
        line,
        Cow::Owned(column.to_owned()),
        "email-form",
        "the e-mail address is not one address with text on both sides of one @ and no white space; \
         correct it",
    )
}

fn password_trimmed(line: u64, column: &str) -> Problem {
    Problem::new(
        Severity::Warning,
        line,
        Cow::Owned(column.to_owned()),
        "password-trimmed",
        "the password had blanks or a spreadsheet's text mark at its ends, which were left out",
    )
}

/// Gives the candidate the value of the claim `uri`.
pub(super) fn put_claim<'r>(
    candidate: &mut Candidate<'r>,
    claims: &'r ClaimTable,
    uri: &str,
    value: &'r str,
    column: &'r str,
) {
    match claims.claim(uri) {
        _ if uri.is_empty() => {}
        Some(Field::Password | Field::ClaimCells) | None if !uri.contains("role") => {
            candidate.problems.push(Problem::new(
                Severity::Failed,
                candidate.line,
                Cow::Owned(column.to_owned()),
                "claim-unknown",
                format!(
                    "Claim URI is invalid, {}: there is no such claim; correct it, or map it to \
                     an attribute in [claims] of the settings",
                    quoted::uri(uri)
                ),
            ));
        }
        Some(Field::UserName) => candidate.user_name_claim = Some(value),
        Some(Field::SetByServer(what)) => {
            let warning = set_by_server(candidate.line, column, what);
            candidate.warnings.push(warning);
        }
        Some(field) => put(candidate, field, column, value),
        // The original takes any URI with these letters for the roles.
        None => put(candidate, &Field::Roles, column, value),
    }
}

#[inline]
fn put<'r>(candidate: &mut Candidate<'r>, field: &'r Field, column: &'r str, value: &'r str) {
    if value == CLEAR && !matches!(field, Field::UserName) {
        return candidate.cleared.extend(name_of(field));
    }
    let some = Some(value).filter(|value| !value.is_empty());
    let columns: &mut CandidateColumns<'r> = &mut candidate.columns;
    match field {
        Field::UserName => {
            columns.user_name = column;
            candidate.user_name = value;
        }
        Field::Password => {
            columns.password = column;
            candidate.password = some;
        }
        Field::Roles => {
            columns.roles = column;
            candidate.roles = some;
        }
        Field::Groups => {
            columns.roles = column;
            candidate.groups = some;
        }
        Field::GivenName => candidate.given_name = some,
        Field::FamilyName => candidate.family_name = some,
        Field::Email => candidate.email = some,
        Field::ExternalId => candidate.external_id = some,
        Field::Attribute(name) => {
            if let Some(value) = some {
                candidate.attributes.push((name, value));
            }
        }
        // A column of claim cells is read cell by cell.
        Field::ClaimCells | Field::SetByServer(_) => {}
    }
}

/// What a cell clears that says so.
fn name_of(field: &Field) -> Option<&str> {
    match field {
        Field::GivenName => Some(cleared::GIVEN_NAME),
        Field::FamilyName => Some(cleared::FAMILY_NAME),
        Field::Email => Some(cleared::EMAIL),
        Field::ExternalId => Some(cleared::EXTERNAL_ID),
        Field::Roles | Field::Groups => Some(cleared::ROLES),
        Field::Attribute(name) => Some(name),
        Field::UserName | Field::Password | Field::ClaimCells | Field::SetByServer(_) => None,
    }
}

/// The name that a reject file gives to the cell behind the last column: rows may have more claim
/// cells than the header names, and any other surplus is only shown.
pub(super) fn extra_column(header: &[String], position: usize) -> String {
    match header.last().map(|name| name.to_lowercase()) {
        Some(last) if last == "claims" || last == "claim" => "Claims".to_owned(),
        _ => format!("_extra{}", position + 1 - header.len()),
    }
}
