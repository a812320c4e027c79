//! Names of header fields of our own.

/// The field that has an import's id, counters and number of warnings, as on the SOAP endpoints.
pub const IMPORT_FIELD: &str = "Muster-Import";
