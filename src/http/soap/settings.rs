//! `[soap]` of the settings.

use serde::Deserialize;

/// Where Muster may follow the original more closely.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How a success is answered.
    pub success: Success,
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
            problems_in_fault: 100,
        }
    }
}
