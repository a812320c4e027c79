//! The columns of a file, and the conversion of rows to candidates.
//!
//! There are two dialects. A **headed** file names its columns, in any order. The **original** dialect has
//! columns by position: user name, password, then cells of the form `claimURI=value`.
//! [`header`](crate::import::header) decides which dialect a file has.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};

use memchr::{memchr, memchr_iter};

use crate::formats::csv_writer::is_marked;
use crate::formats::delimiter::Delimiter;
use crate::formats::row::{Flaw, Row, TextRow};
use crate::import::cells;
use crate::import::header_words::{self, HeaderWords};
use crate::import::presets::Cells;
use crate::import::presets::preset::is_example;
use crate::import::preview::PreviewColumn;
use crate::passwords::password_shape::PasswordShape;
use crate::passwords::rules;
use crate::quoted;
use crate::users::candidate::{Candidate, CandidateColumns};
use crate::users::claims::{ClaimTable, Field, SET_BY_SERVER};
use crate::users::merge::cleared;
use crate::users::name::{sorting_key, split_domain};
use crate::users::problem::{Problem, Severity};

/// Column names of the original, for files whose header does not name them.
const POSITIONAL: [&str; 3] = ["UserName", "Password", "Claims"];

/// Columns that a reject file adds; none of them is read.
pub const REJECT_COLUMNS: [&str; 3] = ["_line", "_code", "_message"];

/// The value of the column `_code` in a line that is not a row but says that the reject file is incomplete.
pub const INCOMPLETE: &str = "rejects-incomplete";

/// A cell that clears the value of an existing user.
pub const CLEAR: &str = r"\N";

/// Attributes with numbers and dates, where a database's word for null is not a value.
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

/// The columns of a file.
#[derive(Debug)]
pub struct ColumnPlan<'t> {
    claims: &'t ClaimTable,
    columns: Vec<Column>,
    /// Position of the user name, from 0.
    name_position: usize,
    /// Whether the columns are the original's, by position.
    by_position: bool,
    /// Whether no heading says that the second column has passwords.
    password_by_position: bool,
    /// Whether every field after the last column is a claim cell too, and rows may be shorter.
    open_ended: bool,
    /// Whether the columns are the original's, named or not.
    is_originals: bool,
    /// The delimiter of the columns; none in a workbook.
    delimiter: Option<Delimiter>,
    /// Whether the cells of a password column are shown by their shape and not blank.
    shows_shapes: bool,
    /// Whether the file is a corrected reject file.
    is_reject_file: bool,
    /// The cells of the header line in the file; empty if there is no header line.
    header_line: Vec<String>,
    /// The words of the header, to recognize a row that repeats it.
    header_words: HeaderWords,
    /// A bit for each of [`SET_BY_SERVER`] that has been seen.
    seen_set_by_server: AtomicU8,
}

/// A column and its meaning.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The heading.
    pub name: String,
    /// None: the column is not read.
    pub field: Option<Field>,
    /// The second field with the same value.
    pub second: Option<Field>,
    /// How its cells are written.
    pub cells: Cells,
    /// Whether it holds cells that a rejected row had after the last column: claims or surplus.
    pub is_surplus: bool,
}

impl Column {
    /// A column with one meaning and unchanged cells.
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

/// The content of a row of the file.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every row is the large one"
)]
pub enum RowContent<'r> {
    /// A user.
    User(Candidate<'r>),
    /// A repeated header line.
    Header,
    /// A line of dashes, as programs draw below headings.
    Ruled,
    /// A line `sep=`, as Excel reads it at the beginning of a file.
    Separator,
    /// The example of a template.
    Example,
    /// A blank row.
    Nothing,
}

/// The result of reading a cell.
enum ReadCell {
    /// The value has been added to the candidate.
    Read,
    /// The cell marks its row as the example of a template.
    Example,
}

impl<'t> ColumnPlan<'t> {
    /// The plan of a file whose header line has these cells and defines these columns.
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
            shows_shapes: false,
            columns,
            open_ended,
            delimiter: Some(Delimiter::Comma),
            header_line,
            seen_set_by_server: AtomicU8::new(0),
        }
    }

    /// The warnings for columns whose values are set by the server.
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

    /// Which of [`SET_BY_SERVER`] have been seen, for [`forget_seen_since`](Self::forget_seen_since).
    pub(super) fn seen(&self) -> u8 {
        self.seen_set_by_server.load(Ordering::Relaxed)
    }

    /// Forgets what was seen since then, because the row is read again.
    pub(super) fn forget_seen_since(&self, seen: u8) {
        self.seen_set_by_server.store(seen, Ordering::Relaxed);
    }

    /// Position of the user name, from 0.
    pub(super) fn name_position(&self) -> usize {
        self.name_position
    }

    /// Whether this one of [`SET_BY_SERVER`] is seen for the first time.
    fn is_first(&self, name: &str) -> bool {
        let place = SET_BY_SERVER.iter().position(|known| *known == name);
        let bit = 1 << place.unwrap_or_default();
        self.seen_set_by_server.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// The plan of a file in the original dialect, with the cells of its header line, if any.
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

    /// The same plan with the file's delimiter, or none for a workbook.
    pub fn separated_by(self, delimiter: Option<Delimiter>) -> Self {
        ColumnPlan { delimiter, ..self }
    }

    /// The same plan, whose cells for people have the shapes of passwords if `shows` is true.
    pub(super) fn showing_shapes(self, shows: bool) -> Self {
        ColumnPlan {
            shows_shapes: shows,
            ..self
        }
    }

    /// Whether the file has a header line that is not empty.
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

    /// Whether the header line names the columns, and all its headings are understood.
    pub(super) fn is_named(&self) -> bool {
        self.has_header_line() && !self.by_position
    }

    /// Words of the product that exported the file, which mean something in its columns.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().flat_map(|column| match column.cells {
            Cells::Words(words) => words.iter().map(|(word, _)| *word).collect(),
            Cells::HashFunction => vec!["crypt"],
            Cells::Plain | Cells::Apostrophe | Cells::Asterisks | Cells::Example => Vec::new(),
        })
    }

    /// The names of the columns, for the reject file.
    pub fn header(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// The field of the column at `position` and its second one; for an open-ended plan also after its last column.
    pub(super) fn fields_at(&self, position: usize) -> (Option<&Field>, Option<&Field>) {
        let last = self.columns.last().filter(|_| self.open_ended);
        let column = self.columns.get(position).or(last);
        column.map_or((None, None), |it| (it.field.as_ref(), it.second.as_ref()))
    }

    /// The heading of the column at `position` in the header line of the file.
    pub(super) fn heading_at(&self, position: usize) -> &str {
        self.header_line.get(position).map_or("", String::as_str)
    }

    /// The number of columns, or of headings if the line has more.
    pub(super) fn width(&self) -> usize {
        self.columns.len().max(self.header_line.len())
    }

    /// The columns and their meanings.
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

    /// The cells of a row, with the password's cleared.
    pub fn text_cells(&self, row: &TextRow<'_>) -> Vec<String> {
        let cells = row
            .iter()
            .map(|cell| Cow::Borrowed(self.without_mark(cell)));
        self.without_password(row.len(), cells)
    }

    /// The same for a row with fields that are not text.
    pub fn cells(&self, row: &Row<'_>) -> Vec<String> {
        let mut cells = self.without_password(row.len(), row.lossy());
        if matches!(row.flaw(), Some(field) if matches!(field.flaw, Flaw::Quotes(_))) {
            self.hide_unclear(&mut cells, row);
        }
        cells
    }

    /// Clears cells that may be the password of a row whose quotation marks are unclear. A cell with a single
    /// mark was probably followed by a delimiter inside the quotation, and cells have moved. In that case
    /// only the user name is kept, changed so that the row fails again until it is corrected.
    fn hide_unclear(&self, cells: &mut [String], row: &Row<'_>) {
        let mut fields = row.fields();
        if fields.any(|field| memchr_iter(b'"', field).count() % 2 == 1) {
            let sign = self.delimiter.map_or(',', |it| char::from(it.byte()));
            for (position, cell) in cells.iter_mut().enumerate() {
                // A later column may contain a moved cell.
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
            if !is_known && (self.open_ended || rules::looks_like_password(bare)) {
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
                    true if self.shows_shapes => PasswordShape::of(&cell).to_string(),
                    true => String::new(),
                    false if position == self.name_position => self.without_rest_of_row(cell),
                    false => cell.into_owned(),
                }
            })
            .collect()
    }

    /// Whether the cell at `position` in a row of `found` cells is or may be the password, because the row
    /// has more or fewer cells than the header and cells have moved. The cell in the user name column is
    /// always taken as the user name.
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

    /// A user name without the text after a delimiter, if that may be a password: the cell may hold the whole
    /// row. The result cannot be mistaken for a name.
    fn without_rest_of_row(&self, cell: Cow<'_, str>) -> String {
        let Some(rest) = self.tail_at_delimiter(&cell) else {
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

    /// Whether a column of names has a value that looks like a password: the columns may be in another order
    /// than in the header.
    fn is_out_of_place(&self, position: usize, cell: &str) -> bool {
        let field = self.columns.get(position).and_then(|it| it.field.as_ref());
        let names = [
            Field::GivenName,
            Field::FamilyName,
            Field::Roles,
            Field::Groups,
        ];
        field.is_some_and(|field| names.contains(field)) && rules::looks_like_password(cell)
    }

    /// Whether the cell is a claim with a password. There is no such claim.
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

    /// A cell of a reject file, without the mark that prevents spreadsheets from evaluating it.
    fn without_mark<'r>(&self, cell: &'r str) -> &'r str {
        match cell.strip_prefix('\'') {
            Some(bare) if self.is_reject_file && is_marked(bare) => bare,
            _ => cell,
        }
    }

    /// Reads a row.
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
            Some(b'E' | b'e') if row.get(self.name_position).is_some_and(is_example) => {
                return Ok(RowContent::Example);
            }
            _ => {
                if let Some(content) = self.recognize_line_between(row)? {
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
        // Hardly any row has an equals sign; searching the row once is faster than searching every cell.
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
        // Cells after the last column.
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
            self.check_user_name_cell(row.line(), candidate.user_name, is_alone)?;
        }
        Ok(RowContent::User(candidate))
    }

    /// The part of a cell from the first common delimiter or the file's own on.
    fn tail_at_delimiter<'c>(&self, cell: &'c str) -> Option<&'c str> {
        let delimiter = self.delimiter.map(|it| char::from(it.byte()));
        let is_between = |sign| matches!(sign, ',' | ';' | '\t' | '|') || Some(sign) == delimiter;
        cell.find(is_between).and_then(|place| cell.get(place..))
    }

    /// Refuses a user name that contains the whole row or several cells of it: the only filled cell of the
    /// row has a delimiter, or the text after a delimiter looks like a password or an e-mail address. The
    /// message does not quote it.
    fn check_user_name_cell(&self, line: u64, name: &str, is_alone: bool) -> Result<(), Problem> {
        match self.tail_at_delimiter(name) {
            Some(rest) if is_alone || holds_other_cells(name, rest) => {}
            _ => return Ok(()),
        }
        Err(Problem::new(
            Severity::Failed,
            line,
            None,
            "field-count",
            "the user name cell contains delimiters and values of other cells; put each value in a \
             cell of its own, without quotation marks around several values",
        ))
    }

    /// Reads a cell of this column. Always inlined: it runs for every cell, and a call would cost as much as
    /// its work.
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
                    candidate
                        .problems
                        .push(remaining_surplus(line, &column.name));
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

    /// The normalized cell, and whether normalization left it unchanged.
    #[inline(always)]
    fn tidy<'r>(&self, value: &'r str, field: Option<&Field>) -> (&'r str, bool) {
        let without_mark = match field {
            // A reject file omits passwords, so this cell was added later and has no mark.
            Some(Field::Password) => value,
            _ => self.without_mark(value),
        };
        let cell = cells::trimmed(without_mark);
        let bare = match cell.as_bytes().first() {
            Some(b'=') => cells::text_marked(cell).map_or(cell, cells::trimmed),
            _ => cell,
        };
        (bare, bare.len() == without_mark.len())
    }

    /// Whether the row is not a row of data: it is blank, or it is the last line of an incomplete reject
    /// file.
    pub(super) fn is_not_a_row(&self, row: &Row<'_>) -> bool {
        row.is_empty_line() || (self.is_reject_file && self.is_end_of_rejects(row))
    }

    fn is_end_of_rejects(&self, row: &Row<'_>) -> bool {
        let is_code = |column: &Column| column.name == REJECT_COLUMNS[1];
        let position = self.columns.iter().position(is_code);
        let code = position.and_then(|position| row.fields().nth(position));
        code == Some(INCOMPLETE.as_bytes())
    }

    /// The sort key of a row. Rows that may belong to the same user have equal keys.
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

    /// Recognizes lines between the rows of concatenated files: a header line, or a line `sep=`.
    fn recognize_line_between<'r>(
        &self,
        row: &TextRow<'r>,
    ) -> Result<Option<RowContent<'r>>, Problem> {
        let is_word = |cell| self.header_words.may_be(cell);
        if !row.get(self.name_position).is_some_and(is_word) {
            return Ok(None);
        }
        if cells::is_separator_line(row.iter()) {
            return Ok(Some(RowContent::Separator));
        }
        Ok(self.repeats_header(row)?.then_some(RowContent::Header))
    }

    /// Whether the row repeats the header line, or is another header with the same columns in the same order.
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
            // The column is unknown, so the columns after it are unknown too.
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
        // The words of another header may also be a user with the password `password`.
        let is_header = known >= 2 && (unknown == 0 || names_password) && claims == 0;
        match (is_header, in_order) {
            (false, _) => Ok(false),
            (true, true) => Ok(true),
            (true, false) => Err(another_header(row.line())),
        }
    }

    /// The meaning of the cell at `position` if it is a heading; the inner value is none for a column that is
    /// not read.
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

    /// Whether all columns are in the original's order: user name, password, claim cells.
    pub(super) fn is_in_originals_order(&self) -> bool {
        self.is_originals
    }

    /// Checks that the cells of a row with fewer cells than the header are in their columns. A value that
    /// looks like a password in a column of names has moved there because a cell before it is missing.
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
                "the row has {found} fields and the header has {wanted}, and a value that looks like a password is \
                 in a column of names; add the cell that is missing before it"
            ),
        )
        .about(row.get(self.name_position).unwrap_or_default()))
    }

    /// Reads a cell after the last column: a claim, or a surplus cell.
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
            None => "name every column in the header row, or clear the cells next to it".to_owned(),
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

    /// Reads `claimURI=value` with exactly one `=`, as the original does; trailing `=` are ignored.
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
            // One warning per file is enough.
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
                    let warning = invalid_address(Severity::Warning, line, column);
                    candidate.warnings.push(warning);
                }
                false => {
                    let problem = invalid_address(Severity::Failed, line, column);
                    candidate.problems.push(problem);
                }
            }
        }
    }
}

/// The value, or an empty text for a database's null word in columns that never hold such a word.
#[inline]
fn without_null_word<'r>(field: &Field, cell: &'r str) -> &'r str {
    let may_be_null = || match field {
        Field::Email => true,
        Field::Attribute(name) => {
            WITHOUT_NULL_WORDS.contains(&name.as_ref()) || is_address_field(field)
        }
        _ => false,
    };
    // This test is faster than the other one, so it comes first.
    match cells::is_null_word(cell) && may_be_null() {
        true => "",
        false => cell,
    }
}

/// The warning for a value that is ignored because the server sets it.
fn set_by_server(line: u64, column: &str, what: &str) -> Problem {
    Problem::new(
        Severity::Warning,
        line,
        Cow::Owned(column.to_owned()),
        "claim-set-by-server",
        format!("{what} is set by the server; the value in the file was ignored"),
    )
}

/// Adds the value of a headed column to the candidate.
#[inline(always)]
fn put_value<'r>(candidate: &mut Candidate<'r>, field: &'r Field, column: &'r str, cell: &'r str) {
    let value = without_null_word(field, cell);
    put(candidate, field, column, value);
    let is_invalid = match field {
        Field::Email => candidate.email.is_some_and(|it| !cells::is_address(it)),
        Field::Attribute(_) if is_address_field(field) => {
            !value.is_empty() && value != CLEAR && !are_addresses(value)
        }
        _ => false,
    };
    if is_invalid {
        let problem = invalid_address(Severity::Failed, candidate.line, column);
        candidate.problems.push(problem);
    }
}

/// Whether the field holds e-mail addresses: the primary one, or one of `emails.work` and similar.
#[inline]
fn is_address_field(field: &Field) -> bool {
    match field {
        Field::Email => true,
        Field::Attribute(name) => name.starts_with("emails."),
        _ => false,
    }
}

/// Whether the value is an e-mail address, or several separated by commas.
fn are_addresses(value: &str) -> bool {
    let mut each = value.split(',').map(cells::trimmed);
    each.all(cells::is_address)
}

/// Whether the text after a delimiter in a user name belongs in other cells: a password or an e-mail address.
/// A distinguished name (`uid=kim,ou=Building12`) is a valid name.
fn holds_other_cells(name: &str, rest: &str) -> bool {
    let is_distinguished = || name.split(',').all(|part| part.contains('='));
    let is_between = |sign: char| !sign.is_alphanumeric() && !"!#$%&*+-./?@^_~".contains(sign);
    let is_other = |part: &str| rules::looks_like_password(part) || cells::is_address(part);
    rest.split(is_between).any(is_other) && !is_distinguished()
}

/// Whether all columns are in the original's order.
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

fn remaining_surplus(line: u64, column: &str) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        "field-count",
        "the row had more fields than the header, and the surplus is in this column; move it to where it \
         belongs, or clear the cell",
    )
}

fn another_header(line: u64) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        None,
        "header-repeated",
        "the row is a header line with other columns than the file's; rows after it may be in another \
         order, so send them as a separate file",
    )
}

fn foreign_hash(line: u64, column: &str) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        "password-hash-scheme",
        "the file says that the password is a hash of an unsupported scheme; clear both cells, and \
         the user gets the default password",
    )
}

fn spreadsheet_error(line: u64, column: &str, error: &str) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        "cell-error",
        format!("the cell holds the error {error}; correct its formula or clear the cell"),
    )
}

fn invalid_address(severity: Severity, line: u64, column: &str) -> Problem {
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
        "the password had blanks or a spreadsheet's text mark at its ends, which were removed",
    )
}

/// Adds the value of the claim `uri` to the candidate.
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
        // The original takes any URI that contains these letters as the roles.
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

/// The name of the value that a clearing cell clears.
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

/// The name that a reject file gives to a cell after the last column. Rows may have more claim cells than the
/// header names; any other surplus is only shown.
pub(super) fn extra_column(header: &[String], position: usize) -> String {
    match header.last().map(|name| name.to_lowercase()) {
        Some(last) if last == "claims" || last == "claim" => "Claims".to_owned(),
        _ => format!("{EXTRA}{}", position + 1 - header.len()),
    }
}

/// The prefix of columns that are only shown.
const EXTRA: &str = "_extra";

/// Whether a reject file uses this name for cells after the last column.
pub(super) fn is_extra_column(name: &str) -> bool {
    name.strip_prefix(EXTRA).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
