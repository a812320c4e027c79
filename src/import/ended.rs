//! How a call or a cancellation ended.

use crate::import::report::Report;
use crate::users::import_record::ImportRecord;

/// The result of a call.
#[derive(Debug)]
pub enum Ended {
    /// The import ran to its end.
    Ran(Box<Report>),
    /// The import is queued, or an earlier call had the same key: the record of the import.
    Recorded(Box<ImportRecord>),
}

/// The result of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The import had not begun, and will not.
    BeforeItBegan,
    /// The import ends after its current batch.
    Asked,
    /// The import had already ended.
    TooLate,
}
