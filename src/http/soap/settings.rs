//! `[soap]` of the settings.

use serde::{Deserialize, Serialize};

use crate::http::soap::security_settings;

/// Where Muster may follow the original more closely.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How a success is answered.
    pub success: Success,
    /// HTTP status of a SOAP 1.2 `Sender` fault: 400, as SOAP 1.2 asks for, or 500 for clients that lose
    /// a fault behind another status.
    pub sender_status: SenderStatus,
    /// Whether the only attachment of a message whose handler is absent is taken for the file, as some
    /// clients attach files without a reference.
    pub take_unreferenced_attachment: bool,
    /// Whether a request that comes as MTOM is answered as MTOM too, also when there is no attachment in the
    /// answer: WCF on Mono reads nothing else then.
    pub answer_mtom_with_mtom: bool,
    /// Names that a list of users or roles holds at the most, of each domain.
    pub list_limit: usize,
    /// `[soap.security]`.
    pub security: security_settings::Settings,
    /// Problems that are listed in a fault's detail; the others are counted.
    pub problems_in_fault: usize,
}

/// How a success is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Success {
    /// 200 with `bulkImportUsersResponse`: every client reads it.
    Response,
    /// 202 with an empty body, as older generations of the original answer.
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
            _ => Err("sender_status is 400 or 500"),
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
