//! The preview in a dry run: the meaning of the columns, and the first rows.

use serde::Serialize;

use crate::import::cells::trimmed;
use crate::quoted;
use crate::scim::attribute_names::IDENTITY;
use crate::users::claims::Field;
use crate::users::kinds::Kind;

/// Maximum number of rows.
const ROWS: usize = 20;

/// Bytes of cells after which no further row is added.
const BYTES: usize = 256 * 1024;

/// The preview.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Preview {
    /// The columns, in the order of the file.
    pub columns: Vec<PreviewColumn>,
    /// The first rows.
    pub rows: Vec<PreviewRow>,
    /// Bytes of their cells.
    #[serde(skip)]
    size: usize,
}

/// A column and its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewColumn {
    /// The name in the file.
    pub name: String,
    /// The meaning, such as `userName` or `attribute country`; none: it is ignored.
    pub stands_for: Option<String>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewRow {
    /// The line of the file where it begins, from 1.
    pub line: u64,
    /// Its cells; the password's is blanked.
    pub cells: Vec<String>,
}

impl Preview {
    /// The names of the columns in the file.
    pub fn header(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| &column.name);
        names.cloned().collect()
    }

    /// The position of the column that findings of this kind are about; none if there is no such column, or several.
    pub(super) fn position(&self, kind: &Kind) -> Option<usize> {
        let name = kind.column.as_deref()?;
        let of = |is_it: &dyn Fn(&PreviewColumn) -> bool| {
            let columns = self.columns.iter().enumerate();
            let mut found = columns.filter(|(_, column)| is_it(column));
            match (found.next(), found.next()) {
                (Some((position, _)), None) => Some(position),
                _ => None,
            }
        };
        let fields = |column: &PreviewColumn, wanted: &str| {
            let fields = column.stands_for.as_deref().unwrap_or_default();
            fields.split(", ").any(|field| field == wanted)
        };
        // A finding of a store names the field, one of the check the heading as messages quote it.
        let attribute = format!("attribute {name}");
        let identity = format!("attribute {IDENTITY}{name}");
        of(&|column| column.stands_for.is_some() && quoted::heading(&column.name) == name)
            .or_else(|| of(&|column| quoted::heading(&column.name) == name))
            .or_else(|| of(&|column| fields(column, name)))
            .or_else(|| of(&|column| fields(column, &attribute) || fields(column, &identity)))
    }

    /// The position of the cell in a row with these cells, if the column is the one at `position`: a row may have
    /// several cells of the last column, if that has claims.
    pub(super) fn position_in_row<'c>(
        &self,
        position: usize,
        cells: impl Iterator<Item = &'c str>,
    ) -> Option<usize> {
        let claims = Field::ClaimCells.to_string();
        let is_last = position + 1 == self.columns.len();
        let column = self.columns.get(position)?;
        if !is_last || column.stands_for.as_ref() != Some(&claims) {
            return Some(position);
        }
        let cells = cells.enumerate().skip(position);
        let mut filled = cells.filter(|(_, cell)| !trimmed(cell).is_empty());
        match (filled.next(), filled.next()) {
            (Some((only, _)), None) => Some(only),
            _ => None,
        }
    }

    /// Adds a row, up to the limits.
    pub(super) fn add(&mut self, line: u64, cells: impl FnOnce() -> Vec<String>) {
        if self.rows.len() < ROWS && self.size < BYTES {
            let cells = cells();
            self.size += cells.iter().map(String::len).sum::<usize>();
            self.rows.push(PreviewRow { line, cells });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::users::problem::{Problem, Severity};

    #[test]
    fn finding_is_about_the_only_column_that_it_can_name() {
        let column = |(name, stands_for): (&str, Option<&str>)| PreviewColumn {
            name: name.to_owned(),
            stands_for: stands_for.map(str::to_owned),
        };
        let columns = [
            ("Login", Some("userName, emails")),
            ("Mail", None),
            ("Mail", Some("attribute emails.work")),
            ("Lock", Some("attribute identity/accountLocked")),
            ("Same", Some("attribute title")),
            ("Same", Some("attribute country")),
            ("Claims", Some("claimURI=value")),
        ];
        let preview = Preview {
            columns: columns.map(column).into(),
            ..Preview::default()
        };
        let position = |name: &str| {
            let column = Cow::Owned(name.to_owned());
            preview.position(&Kind::of(&Problem::new(
                Severity::Failed,
                1,
                column,
                "x",
                "",
            )))
        };
        for (name, expected) in [
            ("Login", Some(0)),
            ("userName", Some(0)),
            ("emails", Some(0)),
            ("Mail", Some(2)),
            ("accountLocked", Some(3)),
            ("Same", None),
            ("country", Some(5)),
            ("password", None),
        ] {
            assert_eq!(position(name), expected, "{name}");
        }
        let place =
            |position, cells: &[&str]| preview.position_in_row(position, cells.iter().copied());
        let one = ["kim", "", "", "", "", "", "", "", "x"];
        assert_eq!(place(2, &one), Some(2));
        assert_eq!(place(6, &one), Some(8));
        assert_eq!(place(6, &["", "", "", "", "", "", "x", "y"]), None);
    }
}
