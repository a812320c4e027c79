//! Names of Muster's own header fields.

/// The field with an import's id, counters and number of warnings, as in SOAP answers.
pub const IMPORT_FIELD: &str = "Muster-Import";
