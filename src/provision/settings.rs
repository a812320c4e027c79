//! `[scim]` of the settings: limits, and what Zuora's callers are told.

use serde::{Deserialize, Serialize};

use crate::provision::bulk_request::BulkLimits;

/// What a result of a Bulk request at WSO2's address has as its `response`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BulkResponse {
    /// As WSO2 Identity Server's documentation shows it, and its clients read it: a failure has its error as text
    /// that holds JSON, and what succeeded has none.
    #[default]
    Documented,
    /// As its code answers: also what succeeded has its resource, as such a text.
    String,
    /// As RFC 7644 §3.7.3 has it: a failure has its error as an object.
    Object,
}

/// `[scim]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Operations that a Bulk request may hold, and users of a Zuora bulk call.
    pub max_operations: usize,
    /// Bytes that the body of such a request may have.
    pub max_payload_bytes: u64,
    /// Bytes that the body of any other request may have.
    pub max_resource_bytes: u64,
    /// Resources of a page when the caller does not say how many.
    pub page_size: usize,
    /// Resources that a page may have.
    pub max_page_size: usize,
    /// For how long a cursor can be used, in seconds.
    pub cursor_seconds: u64,
    /// What a result of a Bulk request at WSO2's address (`/scim2`) has as its `response`.
    pub wso2_bulk_response: BulkResponse,
    /// Status of a Zuora bulk call that made its users: 200 or 201.
    pub zuora_created_status: u16,
    /// What Zuora's callers are told is the region of their data, of users who are made from now on.
    pub zuora_region: String,
    /// Whether users whom Zuora's call makes from now on log in elsewhere. Of those who do not, and have
    /// no password yet, the status is `NEW`.
    pub zuora_sso_enabled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_operations: 1_000,
            max_payload_bytes: 1_048_576,
            max_resource_bytes: 1_048_576,
            page_size: 100,
            max_page_size: 1_000,
            cursor_seconds: 3_600,
            wso2_bulk_response: BulkResponse::default(),
            zuora_created_status: 200,
            zuora_region: "EU".into(),
            zuora_sso_enabled: true,
        }
    }
}

impl Settings {
    /// The limits of a Bulk request.
    pub fn bulk_limits(&self) -> BulkLimits {
        BulkLimits {
            operations: self.max_operations,
            payload: self.max_payload_bytes,
        }
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("max_operations", self.max_operations as u64),
            ("max_payload_bytes", self.max_payload_bytes),
            ("max_resource_bytes", self.max_resource_bytes),
            ("page_size", self.page_size as u64),
            ("max_page_size", self.max_page_size as u64),
            ("cursor_seconds", self.cursor_seconds),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("scim.{key} is 0; give a number from 1 on"));
        }
        if self.page_size > self.max_page_size {
            return Err("scim.page_size is larger than scim.max_page_size".into());
        }
        if !matches!(self.zuora_created_status, 200 | 201) {
            return Err("scim.zuora_created_status is 200 or 201".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_refused() {
        assert!(Settings::default().check().is_ok());
        let none = Settings {
            max_operations: 0,
            ..Settings::default()
        };
        assert!(none.check().unwrap_err().contains("scim.max_operations"));
        let odd = Settings {
            zuora_created_status: 207,
            ..Settings::default()
        };
        assert!(odd.check().is_err());
    }
}
