//! The channel of a request.

use serde::Serialize;

use crate::words::parsed_words;

/// The channel of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// `bulkImportUsers` over SOAP.
    Soap,
    /// `muster import`.
    Terminal,
    /// The REST resources below `/api/v1`.
    Rest,
    /// SCIM 2.0.
    Scim,
    /// The pages of the portal.
    Portal,
}

parsed_words!(Channel {
    Soap => "soap",
    Terminal => "terminal",
    Rest => "rest",
    Scim => "scim",
    Portal => "portal",
});
