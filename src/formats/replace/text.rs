//! What can be replaced in a file.

/// Something in a file that can be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Text<'t> {
    /// The text of a cell, or a line of a file that is not a table.
    Cell(&'t str),
    /// A number of a workbook, as it is written there.
    Number(&'t str),
    /// A number of a workbook that is shown as a date: days since the epoch.
    Date(&'t str),
}
