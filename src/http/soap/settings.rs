//! The `[soap]` section of the settings.

use serde::{Deserialize, Serialize};

use crate::http::soap::security_settings;

/// Options for clients that need Muster to follow the original more closely.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How a success is answered.
    pub success: Success,
    /// HTTP status of a SOAP 1.2 `Sender` fault: 400 as SOAP 1.2 requires, or 500 for clients that
    /// discard a fault with any other status.
    pub sender_status: SenderStatus,
    /// Whether the only attachment of a message without a handler is used as the file. Some clients attach
    /// files without a reference.
    pub take_unreferenced_attachment: bool,
    /// Whether an MTOM request gets an MTOM answer even if the answer has no attachment. WCF on Mono
    /// accepts nothing else.
    pub answer_mtom_with_mtom: bool,
    /// Maximum number of names in a list of users or roles, per domain.
    pub list_limit: usize,
    /// `[soap.security]`.
    pub security: security_settings::Settings,
    /// Maximum number of problems listed in a fault's detail; the rest are only counted.
    pub problems_in_fault: usize,
}

/// How a success is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Success {
    /// 200 with `bulkImportUsersResponse`, which every client can read.
    Response,
    /// 202 with an empty body, like older generations of the original.
    Accepted,
}

/// HTTP status of a SOAP 1.2 `Sender` fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum SenderStatus {
    /// 400, SOAP 1.2 part 2 §7.4.2.
    BadRequest,
    /// 500, as for every other fault.
    InternalServerError,
}

impl From<SenderStatus> for u16 {
    fn from(status: SenderStatus) -> Self {
        match status {
            SenderStatus::BadRequest => 400,
            SenderStatus::InternalServerError => 500,
        }
    }
}

impl TryFrom<u16> for SenderStatus {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        match status {
            400 => Ok(SenderStatus::BadRequest),
            500 => Ok(SenderStatus::InternalServerError),
            _ => Err("sender_status must be 400 or 500"),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            success: Success::Response,
            sender_status: SenderStatus::BadRequest,
            take_unreferenced_attachment: false,
            answer_mtom_with_mtom: false,
            list_limit: 100,
            security: security_settings::Settings::default(),
            problems_in_fault: 100,
        }
    }
}
