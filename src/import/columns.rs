//! What the columns of a file are, and rows to candidates.
//!
//! Two dialects. A **headed** file names its columns, in any order. The **original's** takes them by
//! position: user name, password, then cells of the form `claimURI=value`.
//! [`header`](crate::import::header) decides which one a file is in.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};

use memchr::{memchr, memchr_iter};

use crate::formats::csv_writer::is_marked;
use crate::formats::delimiter::Delimiter;
use crate::formats::row::{Flaw, Row, TextRow};
use crate::import::cells;
use crate::import::header_words::{self, HeaderWords};
use crate::import::presets::Cells;
use crate::import::preview::PreviewColumn;
use crate::passwords::rules;
use crate::quoted;
use crate::users::candidate::{Candidate, CandidateColumns};
use crate::users::claims::{ClaimTable, Field, SET_BY_SERVER};
use crate::users::merge::cleared;
use crate::users::name::{sorting_key, split_domain};
use crate::users::problem::{Problem, Severity};

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
const WITHOUT_NULL_WORDS: [&str; 15] = [
    "created",
    "dob",
    "employeeNumber",
    "mobile",
    "modified",
    "otherphone",
    "phoneNumbers",
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
    /// Whether the columns are the original's, named or not.
    is_originals: bool,
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
    /// It holds what a rejected row had behind the last column: claims, or too much.
    pub is_surplus: bool,
}

impl Column {
    /// A column that stands for one thing, in cells that are read as they are.
    pub(super) fn plain(name: String, field: Option<Field>) -> Self {
        Column {
            name,
            field,
            second: None,
            cells: Cells::Plain,
            is_surplus: false,
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
    /// It is a line `sep=`, as Excel reads it at the beginning of a file.
    Separator,
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
        mut columns: Vec<Column>,
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
        let surplus = columns
            .iter_mut()
            .filter(|column| is_reject_file && column.field.is_none());
        for column in surplus.filter(|column| is_extra_column(&column.name)) {
            column.field = Some(Field::ClaimCells);
            column.is_surplus = true;
        }
        let is_name = |column: &Column| column.field == Some(Field::UserName);
        let name_position = columns.iter().position(is_name).unwrap_or_default();
        let mut header_words = HeaderWords::new(claims);
        if let Some(heading) = header_line.get(name_position) {
            header_words.add(&heading.to_lowercase());
            header_words.add(&heading.to_uppercase());
        }
        ColumnPlan {
            is_originals: are_originals(&columns),
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
            claims.column(heading) == Some(&Field::Password) || header_words::is_password(heading)
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

    /// Whether the file has a header line, and something in it.
    pub(super) fn has_header_line(&self) -> bool {
        !self.header_line.is_empty()
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
        let cells = row.fields().map(String::from_utf8_lossy);
        let mut cells = self.without_password(row.len(), cells);
        if matches!(row.flaw(), Some(field) if matches!(field.flaw, Flaw::Quotes(_))) {
            self.hide_strays(&mut cells, row);
        }
        cells
    }

    /// Blanks what may be the password of a row whose quotation marks are unclear. Where a mark is alone in its cell,
    /// a delimiter stood behind it and the cells have moved: then the user name alone is left, so that the row fails
    /// again until it is mended.
    fn hide_strays(&self, cells: &mut [String], row: &Row<'_>) {
        let mut fields = row.fields();
        if fields.any(|field| memchr_iter(b'"', field).count() % 2 == 1) {
            let sign = self.delimiter.map_or(',', |it| char::from(it.byte()));
            for (position, cell) in cells.iter_mut().enumerate() {
                // In a later column there may be something else by now.
                if position > 0 || self.name_position > 0 {
                    cell.clear();
                }
                if position == self.name_position {
                    cell.push(sign);
                    cell.push('…');
                }
            }
            return;
        }
        let is_password = |column: &Column| column.field == Some(Field::Password);
        if !self.columns.iter().any(is_password) {
            return;
        }
        let others = cells.iter_mut().enumerate();
        for (_, cell) in others.filter(|(position, _)| *position != self.name_position) {
            let bare = cell.trim_matches(|sign: char| sign == '"' || sign.is_whitespace());
            let is_known = cells::is_claim_shaped(bare) || cells::is_address(bare);
            if !is_known && (self.open_ended || rules::looks_like_one(bare)) {
                cell.clear();
            }
        }
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
                    false if position == self.name_position => self.without_rest_of_row(cell),
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

    /// A user name without what is behind a delimiter in it, where a password may be there: the whole row may stand
    /// in the cell. What is left cannot be taken for a name by itself.
    fn without_rest_of_row(&self, cell: Cow<'_, str>) -> String {
        let Some(rest) = self.behind_delimiter(&cell) else {
            return cell.into_owned();
        };
        match holds_other_cells(&cell, rest) {
            true => {
                let kept = cell.len() - rest.len();
                let sign = rest.chars().next().unwrap_or(',');
                format!("{}{sign}…", cell.get(..kept).unwrap_or_default())
            }
            false => cell.into_owned(),
        }
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
        field.is_some_and(|field| names.contains(field)) && rules::looks_like_one(cell)
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
            Some(b'-' | b'=' | b'_' | b'+' | b'|' | b'*' | b'~' | b'.' | 0xc2 | 0xe2)
                if cells::is_ruled(row.iter()) =>
            {
                return Ok(RowContent::Ruled);
            }
            _ => {
                if let Some(content) = self.of_a_line_between(row)? {
                    return Ok(content);
                }
            }
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
        let (mut is_blank, mut filled) = (true, 0);
        let mut values = row.iter();
        for (column, value) in self.columns.iter().zip(&mut values) {
            let (cell, is_tidy) = self.tidy(value, column.field.as_ref());
            let is_filled = !cell.is_empty() || !cells::trimmed(value).is_empty();
            is_blank &= !is_filled;
            filled += u32::from(is_filled && column.field.is_some());
            match self.read_cell(column, cell, is_tidy, has_equals, &mut candidate) {
                ReadCell::Read => {}
                ReadCell::Example => return Ok(RowContent::Example),
            }
        }
        // What is behind the last column, if anything is.
        for value in values {
            let last = self.columns.last().filter(|_| self.open_ended);
            let (cell, is_tidy) = self.tidy(value, last.and_then(|column| column.field.as_ref()));
            let is_filled = !cell.is_empty() || !cells::trimmed(value).is_empty();
            is_blank &= !is_filled;
            filled += u32::from(is_filled);
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
        if is_blank {
            return Ok(RowContent::Nothing);
        }
        let is_alone = filled == 1 && self.columns.len() > 1;
        if is_alone || row.is_packed() {
            self.check_alone(row.line(), candidate.user_name, is_alone)?;
        }
        Ok(RowContent::User(candidate))
    }

    /// What stands in a cell from the first character on that is, or often is, between columns.
    fn behind_delimiter<'c>(&self, cell: &'c str) -> Option<&'c str> {
        let delimiter = self.delimiter.map(|it| char::from(it.byte()));
        let is_between = |sign| matches!(sign, ',' | ';' | '\t' | '|') || Some(sign) == delimiter;
        cell.find(is_between).and_then(|place| cell.get(place..))
    }

    /// Whether a user name is the whole row, or several cells of it: it is the only cell that has something in it and
    /// has a delimiter in it, or what is behind the delimiter looks like a password or an e-mail address. It is not
    /// repeated.
    fn check_alone(&self, line: u64, name: &str, is_alone: bool) -> Result<(), Problem> {
        match self.behind_delimiter(name) {
            Some(rest) if is_alone || holds_other_cells(name, rest) => {}
            _ => return Ok(()),
        }
        Err(Problem::new(
            Severity::Failed,
            line,
            None,
            "field-count",
            "the cell of the user name has delimiters in it, and what belongs into other cells; give each value a \
             cell of its own, without quotation marks around more than one",
        ))
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
        if let Some(error) = cells::spreadsheet_error(cell, *field == Field::Password) {
            let problem = spreadsheet_error(line, &column.name, error);
            candidate.problems.push(problem);
            return ReadCell::Read;
        }
        match field {
            Field::ClaimCells if column.is_surplus && !cells::is_claim_shaped(cell) => {
                if !cell.is_empty() {
                    candidate.problems.push(still_surplus(line, &column.name));
                }
            }
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

    /// What a line is that stands between the rows where files were put together: a header line, or a line
    /// `sep=`.
    fn of_a_line_between<'r>(&self, row: &TextRow<'r>) -> Result<Option<RowContent<'r>>, Problem> {
        let is_word = |cell| self.header_words.may_be(cell);
        if !row.get(self.name_position).is_some_and(is_word) {
            return Ok(None);
        }
        if cells::is_separator_line(row.iter()) {
            return Ok(Some(RowContent::Separator));
        }
        Ok(self.repeats_header(row)?.then_some(RowContent::Header))
    }

    /// Whether the row repeats the header line, or another one of the same columns in the same order.
    fn repeats_header(&self, row: &TextRow<'_>) -> Result<bool, Problem> {
        let same = |(cell, heading): (&str, &String)| cells::is_same(cells::trimmed(cell), heading);
        let is_same = !self.header_line.is_empty()
            && row.iter().zip(&self.header_line).all(same)
            && row
                .iter()
                .skip(self.header_line.len())
                .all(|cell| cells::trimmed(cell).is_empty());
        if is_same && (row.len() > 1 || self.header_line.len() == 1) {
            return Ok(true);
        }
        let cell = |position: usize| row.get(position).map(cells::trimmed).unwrap_or_default();
        let name = cell(self.name_position);
        let first = self.meaning(self.name_position, name);
        let is_password = |column: &Column| column.field == Some(Field::Password);
        let password = self.columns.iter().position(is_password);
        let second = password.map(cell).unwrap_or_default();
        if first.is_none() {
            // No column that is known here: what is behind it, is not known either.
            return match header_words::are_user_and_password(name, second) {
                true => Err(another_header(row.line())),
                false => Ok(false),
            };
        }
        let (mut known, mut unknown, mut claims, mut in_order) = (0, 0, 0, true);
        for (position, cell) in row.iter().map(cells::trimmed).enumerate() {
            match self.meaning(position, cell) {
                _ if cell.is_empty() => {}
                None if cells::is_claim_shaped(cell) => claims += 1,
                None => unknown += 1,
                Some(field) => {
                    known += 1;
                    let column = self.columns.get(position);
                    let column = column.or(self.columns.last().filter(|_| self.open_ended));
                    in_order &= column.is_some_and(|column| column.field.as_ref() == field);
                }
            }
        }
        let names_password = first == Some(Some(&Field::UserName))
            && password.is_some_and(|position| {
                self.meaning(position, second) == Some(Some(&Field::Password))
            });
        // The words of some other header are an account with the password `password`, if they are one.
        let is_header = known >= 2 && (unknown == 0 || names_password) && claims == 0;
        match (is_header, in_order) {
            (false, _) => Ok(false),
            (true, true) => Ok(true),
            (true, false) => Err(another_header(row.line())),
        }
    }

    /// What the cell at `position` stands for, if it is a heading; none within: a column that is not read.
    fn meaning(&self, position: usize, cell: &str) -> Option<Option<&Field>> {
        const USER_NAME: &Field = &Field::UserName;
        const PASSWORD: &Field = &Field::Password;
        let mut headings = self.header_line.iter();
        let own = headings.position(|heading| cells::is_same(cell, heading));
        let own = own.filter(|_| !self.by_position && !cell.is_empty());
        if let Some(column) = own.and_then(|own| self.columns.get(own)) {
            return Some(column.field.as_ref());
        }
        match self.claims.column(cell) {
            Some(field) => Some(Some(field)),
            None if position == self.name_position && header_words::is_user_name(cell) => {
                Some(Some(USER_NAME))
            }
            None if header_words::is_password(cell) => Some(Some(PASSWORD)),
            None => None,
        }
    }

    /// Whether the columns are those of the original, as far as there are any: user name, password, claim cells.
    pub(super) fn is_in_originals_order(&self) -> bool {
        self.is_originals
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
        if let Some(error) = cells::spreadsheet_error(value, false) {
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
        let holds_address = self.claims.claim(uri).is_some_and(is_address_field);
        if holds_address && value != CLEAR && !value.is_empty() && !are_addresses(value) {
            match self.is_originals {
                // The original stores it.
                true => {
                    let warning = no_address(Severity::Warning, line, column);
                    candidate.warnings.push(warning);
                }
                false => {
                    let problem = no_address(Severity::Failed, line, column);
                    candidate.problems.push(problem);
                }
            }
        }
    }
}

/// An empty text where the cell is a database's word for no value, in columns that hold no such word.
#[inline]
fn without_null_word<'r>(field: &Field, cell: &'r str) -> &'r str {
    let may_be_null = || match field {
        Field::Email => true,
        Field::Attribute(name) => {
            WITHOUT_NULL_WORDS.contains(&name.as_ref()) || is_address_field(field)
        }
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
    let value = without_null_word(field, cell);
    put(candidate, field, column, value);
    let is_no_address = match field {
        Field::Email => candidate.email.is_some_and(|it| !cells::is_address(it)),
        Field::Attribute(_) if is_address_field(field) => {
            !value.is_empty() && value != CLEAR && !are_addresses(value)
        }
        _ => false,
    };
    if is_no_address {
        let problem = no_address(Severity::Failed, candidate.line, column);
        candidate.problems.push(problem);
    }
}

/// Whether the field holds e-mail addresses: the primary one, or one of `emails.work` and its kind.
#[inline]
fn is_address_field(field: &Field) -> bool {
    match field {
        Field::Email => true,
        Field::Attribute(name) => name.starts_with("emails."),
        _ => false,
    }
}

/// Whether the value is an e-mail address, or several with commas between.
fn are_addresses(value: &str) -> bool {
    let mut each = value.split(',').map(cells::trimmed);
    each.all(cells::is_address)
}

/// Whether what is behind a delimiter in a user name belongs into other cells: a password or an e-mail address. A
/// distinguished name (`uid=kim,ou=Building12`) is a name.
fn holds_other_cells(name: &str, rest: &str) -> bool {
    let is_distinguished = || name.split(',').all(|part| part.contains('='));
    let is_between = |sign: char| !sign.is_alphanumeric() && !"!#$%&*+-./?@^_~".contains(sign);
    let is_other = |part: &str| rules::looks_like_one(part) || cells::is_address(part);
    rest.split(is_between).any(is_other) && !is_distinguished()
}

/// Whether the columns are those of the original, as far as there are any.
fn are_originals(columns: &[Column]) -> bool {
    let fields = [Field::UserName, Field::Password];
    let of_reject_file = |column: &&Column| REJECT_COLUMNS.contains(&column.name.as_str());
    let mut columns = columns.iter().filter(|column| !of_reject_file(column));
    let mut position = 0;
    columns.all(|column| {
        let wanted = fields.get(position).unwrap_or(&Field::ClaimCells);
        position += 1;
        column.field.as_ref() == Some(wanted)
    })
}

fn still_surplus(line: u64, column: &str) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        "field-count",
        "the row had more fields than the header, and what was too much is in this column; move it to where it \
         belongs, or empty the cell",
    )
}

fn another_header(line: u64) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        None,
        "header-repeated",
        "the row is a header line with other columns than the file's; rows behind it may be in another \
         order, so send them as a file of their own",
    )
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
        _ => format!("{EXTRA}{}", position + 1 - header.len()),
    }
}

/// How the names of columns begin that hold what is only shown.
const EXTRA: &str = "_extra";

/// Whether a reject file gives this name to what stands behind the last column.
pub(super) fn is_extra_column(name: &str) -> bool {
    name.strip_prefix(EXTRA).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
