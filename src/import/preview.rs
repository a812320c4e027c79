//! What a dry run shows of a file: how its columns are understood, and its first rows.

use serde::Serialize;

/// Rows that are shown.
const ROWS: usize = 20;

/// Bytes of cells behind which no further row is shown.
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

/// A column and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewColumn {
    /// The name, as the file has it.
    pub name: String,
    /// What it stands for, such as `userName` or `attribute country`; none: it is ignored.
    pub stands_for: Option<String>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewRow {
    /// Line of the file where it begins, from 1.
    pub line: u64,
    /// Its cells, the password's blanked.
    pub cells: Vec<String>,
}

impl Preview {
    /// The names of the columns, as the file has them.
    pub fn header(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| &column.name);
        names.cloned().collect()
    }

    /// Adds a row while there is room.
    pub(super) fn add(&mut self, line: u64, cells: impl FnOnce() -> Vec<String>) {
        if self.rows.len() < ROWS && self.size < BYTES {
            let cells = cells();
            self.size += cells.iter().map(String::len).sum::<usize>();
            self.rows.push(PreviewRow { line, cells });
        }
    }
}
