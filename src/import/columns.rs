//! Which column is what: the header line, and rows to candidates.
//!
//! Two dialects. A **headed** file names its columns, in any order. The **original's** takes them by
//! position: user name, password, then cells of the form `claimURI=value`; its header line is
//! dropped unread.

use std::borrow::Cow;

use memchr::memchr;

use crate::formats::csv_writer::is_marked;
use crate::formats::delimiter::Delimiter;
use crate::formats::row::{Row, TextRow};
use crate::import::preview::PreviewColumn;
use crate::users::candidate::{Candidate, CandidateColumns};
use crate::users::claims::{ClaimTable, Field};
use crate::users::merge::cleared;
use crate::users::name::{fold, split_domain};
use crate::users::passwords;
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

/// What the columns of a file are.
#[derive(Debug)]
pub struct ColumnPlan<'t> {
    claims: &'t ClaimTable,
    columns: Vec<Column>,
    /// Whether every field behind the last column is a claim cell too, and rows may be shorter.
    open_ended: bool,
    /// What stands between the columns; none in a workbook.
    delimiter: Option<Delimiter>,
    /// The file is a list of rejected rows, mended and sent again.
    is_reject_file: bool,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    /// None: the column is not read (a reject file's own columns).
    field: Option<Field>,
}

/// A header line that cannot be followed without guessing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Some names are known and some are not.
    #[error(
        "The header line has unknown columns: {unknown}. Rename or remove them, or map them to \
         attributes in [claims] of the settings. Known columns are {known}."
    )]
    UnknownColumns {
        /// The unknown names.
        unknown: String,
        /// The known ones.
        known: String,
    },
    /// No column is the user name, and others are known.
    #[error("The header line has no user name column; name one of its columns `username`.")]
    NoUserName,
    /// Two columns mean the same.
    #[error("The header line names the column {name} twice.")]
    Twice {
        /// The second one's name.
        name: String,
    },
}

impl<'t> ColumnPlan<'t> {
    /// Reads the header line.
    ///
    /// # Errors
    /// The header is understood in part, and following it would be a guess.
    pub fn from_header(
        header: &TextRow<'_>,
        claims: &'t ClaimTable,
        warnings: &mut Vec<Problem>,
    ) -> Result<Self, HeaderError> {
        let mut names: Vec<&str> = header.iter().map(str::trim).collect();
        while names.last().is_some_and(|name| name.is_empty()) {
            names.pop();
        }
        let fields: Vec<Option<&Field>> = names.iter().map(|name| claims.column(name)).collect();
        let ignored = |name: &str| name.starts_with('_');
        // The second cell may be a password, where the line is no header: it is never repeated.
        let unknown: Vec<String> = names
            .iter()
            .zip(&fields)
            .enumerate()
            .filter(|(_, (name, field))| field.is_none() && !ignored(name))
            .map(|(position, (name, _))| match position {
                1 => "the second one".to_owned(),
                _ if passwords::looks_like_one(name) => format!("number {}", position + 1),
                _ => (*name).to_owned(),
            })
            .collect();
        let has_user_name = fields.contains(&Some(&Field::UserName));
        if has_user_name && unknown.is_empty() {
            return Self::headed(&names, &fields, claims);
        }
        if fits_positions(&fields) {
            warnings.push(positional_warning(header, has_user_name));
            return Ok(Self::positional(claims));
        }
        if has_user_name {
            let unknown = unknown.join(", ");
            return Err(HeaderError::UnknownColumns {
                unknown,
                known: claims.column_names().join(", "),
            });
        }
        Err(HeaderError::NoUserName)
    }

    fn headed(
        names: &[&str],
        fields: &[Option<&Field>],
        claims: &'t ClaimTable,
    ) -> Result<Self, HeaderError> {
        for (position, field) in fields.iter().enumerate() {
            let repeatable = matches!(field, None | Some(Field::ClaimCells));
            if !repeatable && fields.iter().take(position).any(|earlier| earlier == field) {
                let name = names.get(position).copied().unwrap_or_default().to_owned();
                return Err(HeaderError::Twice { name });
            }
        }
        let columns: Vec<Column> = names
            .iter()
            .zip(fields)
            .map(|(name, field)| Column {
                name: (*name).to_owned(),
                field: field.cloned(),
            })
            .collect();
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
        Ok(ColumnPlan {
            claims,
            is_reject_file,
            columns,
            open_ended,
            delimiter: Some(Delimiter::Comma),
        })
    }

    fn positional(claims: &'t ClaimTable) -> Self {
        let fields = [Field::UserName, Field::Password, Field::ClaimCells];
        let columns = POSITIONAL
            .iter()
            .zip(fields)
            .map(|(name, field)| Column {
                name: (*name).to_owned(),
                field: Some(field),
            })
            .collect();
        ColumnPlan {
            claims,
            columns,
            is_reject_file: false,
            open_ended: true,
            delimiter: Some(Delimiter::Comma),
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
            stands_for: column.field.as_ref().map(Field::to_string),
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
    /// The row has another number of fields than the header.
    pub fn candidate<'r>(&'r self, row: &TextRow<'r>) -> Result<Candidate<'r>, Problem> {
        self.check_width(row)?;
        let mut candidate = Candidate {
            line: row.line(),
            ..Candidate::default()
        };
        for (position, value) in row.iter().enumerate() {
            let Some(column) = self.columns.get(position).or(self.columns.last()) else {
                break;
            };
            if position >= self.columns.len() && !self.open_ended {
                break;
            }
            let value = match &column.field {
                // It was left out of the file, so what is there now was never marked.
                Some(Field::Password) => value,
                _ => self.refused(value),
            };
            match &column.field {
                None => {}
                Some(Field::ClaimCells) => self.read_claim_cell(value, column, &mut candidate),
                // The original never reads its header, so a column of claim cells may have any name.
                Some(field)
                    if !matches!(field, Field::UserName | Field::Password)
                        && self.is_claim_cell(value) =>
                {
                    self.read_claim_cell(value, column, &mut candidate);
                }
                Some(field) => put(&mut candidate, field, &column.name, value),
            }
        }
        Ok(candidate)
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
        let is_name = |column: &Column| column.field == Some(Field::UserName);
        let position = self.columns.iter().position(is_name);
        let field = position.and_then(|position| row.fields().nth(position));
        let field = field.unwrap_or_default();
        let Ok(text) = std::str::from_utf8(field) else {
            return Cow::Borrowed(field);
        };
        let (_, name) = split_domain(self.refused(text));
        match fold(name) {
            Cow::Borrowed(key) => Cow::Borrowed(key.as_bytes()),
            Cow::Owned(key) => Cow::Owned(key.into_bytes()),
        }
    }

    fn check_width(&self, row: &TextRow<'_>) -> Result<(), Problem> {
        let (wanted, found) = (self.columns.len(), row.len());
        let surplus_is_empty = || row.iter().skip(wanted).all(str::is_empty);
        if self.open_ended || found == wanted || (found > wanted && surplus_is_empty()) {
            return Ok(());
        }
        let plural = if found == 1 { "field" } else { "fields" };
        let advice = match self.delimiter.map(Delimiter::name) {
            Some(comma) => {
                format!("is a {comma} missing, or a value with a {comma} not in quotation marks?")
            }
            None => "name every column in the header row, or empty the cells beside it".to_owned(),
        };
        Err(Problem::new(
            Severity::Failed,
            row.line(),
            None,
            "field-count",
            format!("the row has {found} {plural} and the header has {wanted}; {advice}"),
        )
        .about(row.get(0).unwrap_or_default()))
    }

    fn is_claim_cell(&self, value: &str) -> bool {
        // Every cell of a file is searched here, and hardly one has the sign.
        memchr(b'=', value.as_bytes()).is_some_and(|sign| {
            let uri = value.get(..sign).unwrap_or_default();
            value.contains("://") && self.claims.claim(uri.trim()).is_some()
        })
    }

    /// `claimURI=value`, with exactly one `=`; the original's reading, trailing `=` included.
    fn read_claim_cell<'r>(
        &'r self,
        cell: &'r str,
        column: &'r Column,
        candidate: &mut Candidate<'r>,
    ) {
        if cell.trim().is_empty() {
            return;
        }
        let line = candidate.line;
        let fail = |code, message: String| {
            Problem::new(
                Severity::Failed,
                line,
                Cow::Owned(column.name.clone()),
                code,
                message,
            )
        };
        let (uri, value) = match cell.trim_end_matches('=').split_once('=') {
            Some((uri, value)) if !value.contains('=') => (uri.trim(), value),
            _ => {
                candidate.problems.push(fail(
                    "claim-format",
                    "Claims and values are not in correct format: a cell holds one claimURI=value; \
                     give each claim a cell of its own"
                        .into(),
                ));
                return;
            }
        };
        put_claim(candidate, self.claims, uri, value, &column.name);
    }
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
                    "Claim URI is invalid, {uri}: there is no such claim; correct it, or map it to \
                     an attribute in [claims] of the settings"
                ),
            ));
        }
        Some(Field::UserName) => candidate.user_name_claim = Some(value),
        Some(field) => put(candidate, field, column, value),
        // The original takes any URI with these letters for the roles.
        None => put(candidate, &Field::Roles, column, value),
    }
}

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
        Field::ClaimCells => {}
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
        Field::UserName | Field::Password | Field::ClaimCells => None,
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

/// Whether no name contradicts the original's positions.
fn fits_positions(fields: &[Option<&Field>]) -> bool {
    let known_at = |position: usize| fields.get(position).copied().flatten();
    known_at(0).is_none_or(|field| *field == Field::UserName)
        && known_at(1).is_none_or(|field| *field == Field::Password)
        && fields
            .iter()
            .skip(2)
            .flatten()
            .all(|field| **field == Field::ClaimCells)
        && (fields.len() < 2 || known_at(1).is_some() || known_at(0).is_none())
}

fn positional_warning(header: &TextRow<'_>, has_user_name: bool) -> Problem {
    let looks_like_data = !has_user_name
        && header.iter().any(|cell| {
            cell.contains(['=', '@']) || cell.bytes().any(|byte| byte.is_ascii_digit())
        });
    let (code, message) = if looks_like_data {
        (
            "first-line-looks-like-data",
            "the first line looks like a user and was taken as the header, so that user was not \
             imported; put the line `UserName,Password,Claims` before it"
                .to_owned(),
        )
    } else {
        (
            "header-not-understood",
            "the header line has names that are not known, so the columns were taken by position: user \
             name, password, then claimURI=value cells"
                .to_owned(),
        )
    };
    Problem::new(Severity::Warning, header.line(), None, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::csv::CsvRows;

    fn table() -> ClaimTable {
        ClaimTable::new(&Default::default())
    }

    /// Field by field what the first row behind the header asks for, and the warnings' codes.
    fn plan(file: &str) -> Result<(String, Vec<String>), String> {
        let table = table();
        let mut rows = CsvRows::new(file.as_bytes(), None);
        let mut warnings = Vec::new();
        let header = rows.next_row().unwrap().unwrap();
        let plan = ColumnPlan::from_header(&header.text().unwrap(), &table, &mut warnings)
            .map_err(|error| error.to_string())?;
        let row = rows.next_row().unwrap().unwrap();
        let seen = match plan.candidate(&row.text().unwrap()) {
            Ok(c) => format!(
                "{}|{}|{}|{}|{}|{:?}|{}|{:?}",
                c.user_name,
                c.password.unwrap_or("-"),
                c.given_name.unwrap_or("-"),
                c.family_name.unwrap_or("-"),
                c.email.unwrap_or("-"),
                c.attributes,
                c.roles.unwrap_or("-"),
                c.problems
                    .iter()
                    .map(|p| p.code.to_string())
                    .collect::<Vec<_>>(),
            ),
            Err(problem) => problem.code.to_string(),
        };
        Ok((
            seen,
            warnings
                .into_iter()
                .map(|warning| warning.code.into_owned())
                .collect(),
        ))
    }

    fn first(file: &str) -> String {
        plan(file).unwrap().0
    }

    #[test]
    fn the_vendors_sample_has_given_names_and_no_passwords() {
        assert_eq!(
            plan("UserName,FirstName\nbulkUser1,Ruwan").unwrap(),
            (r#"bulkUser1|-|Ruwan|-|-|[]|-|[]"#.into(), vec![])
        );
    }

    #[test]
    fn the_originals_dialect_reads_claim_cells() {
        assert_eq!(
            first(
                "UserName,Password,Claims\n\
                 n,P,http://wso2.org/claims/emailaddress=n@x.org,http://wso2.org/claims/country=FR,\
                 ,http://wso2.org/claims/role=admin:Internal/x,=ignored,\
                 http://wso2.org/claims/givenname=G="
            ),
            r#"n|P|G|-|n@x.org|[("country", "FR")]|admin:Internal/x|[]"#
        );
        assert_eq!(first("UserName,Password,Claims\nn,P"), "n|P|-|-|-|[]|-|[]");
        assert_eq!(first("UserName,Password,Claims\nn"), "n|-|-|-|-|[]|-|[]");
        let renamed = "UserName,Password,Email\nn,P,http://wso2.org/claims/emailaddress=n@x.org";
        assert_eq!(
            first(renamed),
            "n|P|-|-|n@x.org|[]|-|[]",
            "the header's name does not matter"
        );
    }

    #[test]
    fn claim_cells_are_refused_as_in_the_original() {
        for (cell, code) in [
            ("http://wso2.org/claims/givenname", "claim-format"),
            ("http://wso2.org/claims/givenname=", "claim-format"),
            ("http://wso2.org/claims/givenname=a=b", "claim-format"),
            ("http://wso2.org/claims/nosuch=a", "claim-unknown"),
        ] {
            let file = format!("UserName,Password,Claims\nn,P,{cell}");
            assert_eq!(first(&file), format!("n|P|-|-|-|[]|-|[{code:?}]"), "{cell}");
        }
    }

    #[test]
    fn headed_columns_come_in_any_order_and_case() {
        assert_eq!(
            first(
                "EmailAddress,familyName,USERNAME,given name,http://wso2.org/claims/country\n\
                   n@x.org,F,n,G,FR"
            ),
            r#"n|-|G|F|n@x.org|[("country", "FR")]|-|[]"#
        );
        assert_eq!(
            first("username,email,_line,_code\nn,n@x.org,4,x"),
            "n|-|-|-|n@x.org|[]|-|[]"
        );
        assert_eq!(
            first("username,email,,\nn,n@x.org,,"),
            "n|-|-|-|n@x.org|[]|-|[]"
        );
    }

    #[test]
    fn a_row_of_another_width_is_a_problem() {
        assert_eq!(first("username,email\nn"), "field-count");
        assert_eq!(first("username,email\nn,e,x"), "field-count");
    }

    #[test]
    fn headers_that_would_have_to_be_guessed_are_errors() {
        let error = |file: &str| plan(file).unwrap_err();
        assert!(error("username,email,colour\na,b,c").contains("unknown columns: colour"));
        assert!(
            !error("user,S3cret,email\na,b,c").contains("S3cret"),
            "perhaps a password"
        );
        assert!(error("email,givenname\na,b").contains("no user name column"));
        assert!(error("username,firstname,given_name\na,b,c").contains("given_name twice"));
        assert!(error("username,colour\na,b").contains("unknown columns: the second one"));
    }

    #[test]
    fn a_header_that_says_nothing_is_dropped_and_said_so() {
        let (seen, warnings) = plan("Benutzer,Kennwort\nn,P").unwrap();
        assert_eq!(
            (seen.as_str(), warnings),
            ("n|P|-|-|-|[]|-|[]", vec!["header-not-understood".into()])
        );
        let (_, warnings) = plan("alice,Passw0rd\nn,P").unwrap();
        assert_eq!(warnings, ["first-line-looks-like-data"]);
        let (_, warnings) = plan("UserName,Password,Colour\nn,P").unwrap();
        assert_eq!(
            warnings,
            ["header-not-understood"],
            "known positions, one unknown name"
        );
    }

    #[test]
    fn a_rejected_row_repeats_no_password_wherever_it_may_have_moved() {
        let table = table();
        let cells = |header: &str, row: &str| {
            let file = format!("{header}\n{row}\n");
            let mut rows = CsvRows::new(file.as_bytes(), None);
            let header = rows.next_row().unwrap().unwrap();
            let plan = ColumnPlan::from_header(&header.text().unwrap(), &table, &mut Vec::new());
            let plan = plan.unwrap();
            let row = rows.next_row().unwrap().unwrap();
            let cells = plan.text_cells(&row.text().unwrap());
            assert_eq!(plan.cells(&row), cells);
            cells.join("|")
        };
        let header = "username,givenname,password,country";
        assert_eq!(cells(header, "n,G,P,FR"), "n|G||FR");
        assert_eq!(cells(header, "n,P,FR"), "n||", "one is missing before it");
        assert_eq!(cells(header, "n,P"), "n|");
        assert_eq!(
            cells(header, "n,G,x,P,FR"),
            "n|G|||FR",
            "one too many before it"
        );
        assert_eq!(
            cells(header, "n,Secret-1,G,FR"),
            "n|||FR",
            "in another order"
        );
        let claims = "UserName,Password,Claims";
        let claim = "http://wso2.org/claims/password=P";
        assert_eq!(cells(claims, &format!("n,,{claim},x")), "n|||x");
    }
}
