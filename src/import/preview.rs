//! The preview in a dry run: the meaning of the columns, and the first rows.

use serde::Serialize;

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

    /// Adds a row, up to the limits.
    pub(super) fn add(&mut self, line: u64, cells: impl FnOnce() -> Vec<String>) {
        if self.rows.len() < ROWS && self.size < BYTES {
            let cells = cells();
            self.size += cells.iter().map(String::len).sum::<usize>();
            self.rows.push(PreviewRow { line, cells });
        }
    }
}
