//! Users and groups as SCIM documents (RFC 7643), and back: where each claim is in a document, and the forms
//! that WSO2 and Zuora expect.
//!
//! [`crate::scim`] has the protocol's own parts: schemas, paths, filters, PATCH.

pub mod claim_paths;
pub mod multi_valued;
pub mod resource;
pub mod wso2_names;
pub mod zuora;
