//! The two addresses and their differences.

use serde_json::{Value, json};

use crate::provision::bulk_request::WSO2_PATH;
use crate::provision::plan::Strictness;
use crate::scim::check::Leniency;

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// Follows the RFCs.
    Rfc,
    /// Follows WSO2 Identity Server.
    Wso2,
}

impl Mount {
    /// Both addresses.
    pub const ALL: [Mount; 2] = [Mount::Rfc, Mount::Wso2];

    /// The path, without a trailing slash.
    pub fn path(self) -> &'static str {
        match self {
            Mount::Rfc => "/scim/v2",
            Mount::Wso2 => WSO2_PATH,
        }
    }

    /// How to treat a Bulk request in which operations are malformed.
    pub fn strictness(self) -> Strictness {
        match self {
            Mount::Rfc => Strictness::Operation,
            Mount::Wso2 => Strictness::Request,
        }
    }

    /// What messages may omit: the original's own samples have an empty or no list of `schemas`, and unquoted
    /// text in filters.
    pub fn leniency(self) -> Leniency {
        Leniency {
            schemas_required: self == Mount::Rfc,
        }
    }

    /// The status of an operation in the answer to a Bulk request: text (RFC 7644 §3.7.3), or, as WSO2's own
    /// clients expect, an object with a number and, after a failure, the reason.
    pub fn operation_status(self, status: u16, detail: Option<&str>) -> Value {
        match (self, detail) {
            (Mount::Rfc, _) => status.to_string().into(),
            (Mount::Wso2, None) => json!({ "code": status }),
            (Mount::Wso2, Some(detail)) => json!({ "code": status, "description": detail }),
        }
    }

    /// The label of a Bulk request in the record of its import.
    pub fn bulk_label(self) -> &'static str {
        match self {
            Mount::Rfc => "scim/v2/Bulk",
            Mount::Wso2 => "scim2/Bulk",
        }
    }
}
