//! `[soap]` of the settings.

use serde::Deserialize;

use crate::http::soap::security;

/// Where Muster may follow the original more closely.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How a success is answered.
    pub success: Success,
    /// Whether the only attachment of a message whose handler is absent is taken for the file, as some
    /// clients attach files without a reference.
    pub take_unreferenced_attachment: bool,
    /// `[soap.security]`.
    pub security: security::Settings,
    /// Problems that are listed in a fault's detail; the others are counted.
    pub problems_in_fault: usize,
}

/// How a success is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Success {
    /// 200 with `bulkImportUsersResponse`: every client reads it.
    Response,
    /// 202 with an empty body, as older generations of the original answer.
    Accepted,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            success: Success::Response,
            take_unreferenced_attachment: false,
            security: security::Settings::default(),
            problems_in_fault: 100,
        }
    }
}
