//! Changes that an operator makes to the cells of a file before it is imported. The file itself stays as it was sent;
//! the changes are applied to its rows while they are read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::formats::row::{FlawedField, Row};
use crate::import::cells::{is_invisible, trimmed};
use crate::import::edited_row::EditedRow;

/// The changes to one file. Values may be passwords: they are not in the debug output, and wiped when dropped.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// New values of cells: by the line in which the row begins, and by the position of the cell, from 0. The row may
    /// have fewer cells, and the cell may have no text.
    pub cells: BTreeMap<u64, BTreeMap<usize, String>>,
    /// Changes to all cells with one kind of problem.
    pub mends: Vec<Mend>,
}

/// A change to all cells of one column with one problem. It is applied when the check of a row finds the problem, once
/// for each row, and the row is checked again. Problems that only the store finds are not mended.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mend {
    /// The code of the problem.
    pub code: String,
    /// The position of the column, from 0.
    pub column: usize,
    /// What is done with the cell.
    pub action: MendAction,
}

/// What is done with a cell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MendAction {
    /// White space at the ends and invisible characters anywhere are removed.
    Trim,
    /// Upper-case letters are replaced by lower-case letters.
    LowerCase,
    /// The cell is emptied.
    Clear,
    /// The cell gets this value.
    Set(String),
}

impl Edits {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.mends.is_empty()
    }

    /// The row with its new cells; none if there are none for it.
    pub(super) fn apply(&self, row: &Row<'_>) -> Option<EditedRow> {
        let cells = self.cells.get(&row.line())?;
        let cells: Vec<(usize, &str)> = cells
            .iter()
            .map(|(position, value)| (*position, value.as_str()))
            .collect();
        Some(EditedRow::of(row, &cells))
    }

    /// The first mend that is not in `used` and that applies to a problem.
    pub(super) fn mend_for(
        &self,
        used: &[bool],
        has_problem: impl Fn(&Mend) -> bool,
    ) -> Option<(usize, &Mend)> {
        let mends = self.mends.iter().enumerate();
        let mut unused = mends.filter(|(number, _)| !used.get(*number).copied().unwrap_or(true));
        unused.find(|(_, mend)| has_problem(mend))
    }
}

impl Mend {
    /// The row with the mended cell.
    pub(super) fn apply(&self, row: &Row<'_>) -> EditedRow {
        let field = row.fields().nth(self.column).unwrap_or_default();
        let has_text =
            !matches!(row.flaw(), Some(FlawedField { position, .. }) if position == self.column);
        let text = std::str::from_utf8(field).ok().filter(|_| has_text);
        let value = match (&self.action, text) {
            (MendAction::Clear, _) => Cow::Borrowed(""),
            (MendAction::Set(value), _) => Cow::Borrowed(value.as_str()),
            (MendAction::Trim, Some(text)) => {
                let visible = trimmed(text).chars().filter(|sign| !is_invisible(*sign));
                Cow::Owned(visible.collect())
            }
            (MendAction::LowerCase, Some(text)) => Cow::Owned(text.to_lowercase()),
            // There is no text to change.
            (MendAction::Trim | MendAction::LowerCase, None) => return EditedRow::of(row, &[]),
        };
        let edited = EditedRow::of(row, &[(self.column, &value)]);
        if let Cow::Owned(mut value) = value {
            value.zeroize();
        }
        edited
    }
}

impl Drop for Edits {
    fn drop(&mut self) {
        let cells = self.cells.values_mut().flat_map(BTreeMap::values_mut);
        cells.for_each(Zeroize::zeroize);
        for mend in &mut self.mends {
            if let MendAction::Set(value) = &mut mend.action {
                value.zeroize();
            }
        }
    }
}

impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: usize = self.cells.values().map(BTreeMap::len).sum();
        write!(f, "Edits({cells} cells, {:?})", self.mends)
    }
}

impl fmt::Debug for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: {:?}", self.code, self.column, self.action)
    }
}

impl fmt::Debug for MendAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MendAction::Trim => "Trim",
            MendAction::LowerCase => "LowerCase",
            MendAction::Clear => "Clear",
            MendAction::Set(_) => "Set(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits() -> Edits {
        Edits {
            cells: BTreeMap::from([(
                3,
                BTreeMap::from([(0, "kim".into()), (2, "s3cret-X".into())]),
            )]),
            mends: vec![
                Mend {
                    code: "email-form".into(),
                    column: 1,
                    action: MendAction::Clear,
                },
                Mend {
                    code: "password-rule".into(),
                    column: 2,
                    action: MendAction::Set("s3cret-Y".into()),
                },
            ],
        }
    }

    #[test]
    fn edits_round_trip_through_strict_json() {
        let json = serde_json::to_string(&edits()).unwrap();
        assert_eq!(
            json,
            "{\"cells\":{\"3\":{\"0\":\"kim\",\"2\":\"s3cret-X\"}},\"mends\":[{\"code\":\"email-form\",\
             \"column\":1,\"action\":\"clear\"},{\"code\":\"password-rule\",\"column\":2,\
             \"action\":{\"set\":\"s3cret-Y\"}}]}"
        );
        assert_eq!(serde_json::from_str::<Edits>(&json).unwrap(), edits());
        for other in [
            "{}",
            "{\"cells\":{},\"mends\":[],\"more\":1}",
            "{\"cells\":{\"x\":{}},\"mends\":[]}",
            "{\"cells\":{},\"mends\":[{\"code\":\"x\",\"column\":1,\"action\":\"upper\"}]}",
        ] {
            assert!(serde_json::from_str::<Edits>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn debug_output_has_no_values() {
        assert_eq!(
            format!("{:?}", edits()),
            "Edits(2 cells, [email-form in 1: Clear, password-rule in 2: Set(…)])"
        );
    }

    #[test]
    fn mends_change_one_cell() {
        let row = Row::new(3, "kim Mi\u{200b}A ".as_bytes(), &[3, 11]);
        let cells = |action| {
            let mend = Mend {
                code: "x".into(),
                column: 1,
                action,
            };
            let edited = mend.apply(&row);
            let text = edited.row().text().unwrap();
            let cells: Vec<String> = text.iter().map(str::to_owned).collect();
            cells.join("|")
        };
        assert_eq!(cells(MendAction::Trim), "kim|MiA");
        assert_eq!(cells(MendAction::LowerCase), "kim| mi\u{200b}a ");
        assert_eq!(cells(MendAction::Clear), "kim|");
        assert_eq!(cells(MendAction::Set("x,y".into())), "kim|x,y");
    }
}
