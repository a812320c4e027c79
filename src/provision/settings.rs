//! `[scim]` of the settings: limits, and values for Zuora's API.

use serde::{Deserialize, Serialize};

use crate::provision::bulk_request::BulkLimits;

/// The `response` member in results of a Bulk request at WSO2's address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BulkResponse {
    /// As in WSO2 Identity Server's documentation, and as its clients expect: a failure has its
    /// error as a text that contains JSON, a success has none.
    #[default]
    Documented,
    /// As in its code: a success has its resource as such a text, too.
    String,
    /// As in RFC 7644 §3.7.3: a failure has its error as an object.
    Object,
}

/// `[scim]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The largest number of operations in a Bulk request, and of users in a Zuora bulk call.
    pub max_operations: usize,
    /// The largest body of such a request, in bytes.
    pub max_payload_bytes: u64,
    /// The largest body of any other request, in bytes.
    pub max_resource_bytes: u64,
    /// Resources per page if the caller does not specify a number.
    pub page_size: usize,
    /// The largest number of resources per page.
    pub max_page_size: usize,
    /// How long a cursor is valid, in seconds.
    pub cursor_seconds: u64,
    /// The `response` member in results of a Bulk request at WSO2's address (`/scim2`).
    pub wso2_bulk_response: BulkResponse,
    /// The status of a Zuora bulk call that created its users: 200 or 201.
    pub zuora_created_status: u16,
    /// The data region that Zuora's API reports for users created from now on.
    pub zuora_region: String,
    /// Whether users created by Zuora's call from now on log in elsewhere. Users who do not, and
    /// have no password yet, have the status `NEW`.
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

    /// Checks the settings.
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
            return Err(format!("scim.{key} is 0; give a number of at least 1"));
        }
        if self.page_size > self.max_page_size {
            return Err("scim.page_size is larger than scim.max_page_size".into());
        }
        if !matches!(self.zuora_created_status, 200 | 201) {
            return Err("scim.zuora_created_status must be 200 or 201".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_settings_are_refused() {
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
