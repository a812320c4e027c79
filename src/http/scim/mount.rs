//! The two addresses, and in what they differ.

use serde_json::{Value, json};

use crate::provision::bulk_request::WSO2_PATH;
use crate::provision::plan::Strictness;
use crate::scim::check::Leniency;

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// As the RFCs have it.
    Rfc,
    /// As WSO2 Identity Server does.
    Wso2,
}

impl Mount {
    /// Both.
    pub const ALL: [Mount; 2] = [Mount::Rfc, Mount::Wso2];

    /// The path, without a slash at its end.
    pub fn path(self) -> &'static str {
        match self {
            Mount::Rfc => "/scim/v2",
            Mount::Wso2 => WSO2_PATH,
        }
    }

    /// What is done about a Bulk request with operations whose frame is broken.
    pub fn strictness(self) -> Strictness {
        match self {
            Mount::Rfc => Strictness::Operation,
            Mount::Wso2 => Strictness::Request,
        }
    }

    /// What messages may leave out: the original's own samples have an empty list of `schemas`, or none, and
    /// text without quotation marks in filters.
    pub fn leniency(self) -> Leniency {
        Leniency {
            schemas_required: self == Mount::Rfc,
        }
    }

    /// The status of an operation in the answer to a Bulk request: text (RFC 7644 §3.7.3), or, as
    /// WSO2's own clients expect it, an object with a number, and with the reason when it failed.
    pub fn operation_status(self, status: u16, detail: Option<&str>) -> Value {
        match (self, detail) {
            (Mount::Rfc, _) => status.to_string().into(),
            (Mount::Wso2, None) => json!({ "code": status }),
            (Mount::Wso2, Some(detail)) => json!({ "code": status, "description": detail }),
        }
    }

    /// What a Bulk request is called in the record of its import.
    pub fn bulk_label(self) -> &'static str {
        match self {
            Mount::Rfc => "scim/v2/Bulk",
            Mount::Wso2 => "scim2/Bulk",
        }
    }
}
