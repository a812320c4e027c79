//! Users and groups as SCIM documents (RFC 7643), and back: the path of each claim in a document,
//! and the forms that WSO2 and Zuora expect.
//!
//! The general parts of the protocol are in [`crate::scim`]: schemas, paths, filters, PATCH.

pub mod claim_paths;
pub mod multi_valued;
pub mod resource;
pub mod wso2_names;
pub mod zuora;
