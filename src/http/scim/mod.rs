//! The SCIM 2.0 front end (RFC 7643, RFC 7644), at two addresses: `/scim/v2` follows the RFCs, `/scim2`
//! follows WSO2 Identity Server.
//!
//! Start with `routes.rs`, the table of operations, then read `endpoint.rs`, which handles a request.

pub mod mount;
pub mod place;
pub mod routes;
pub mod front_end;
pub mod call;
pub mod endpoint;
pub mod admission;
pub mod message;
pub mod resources;
pub mod list_request;
pub mod listing;
pub mod cursor;
pub mod bulk;
pub mod zuora;
pub mod zuora_user;
pub mod zuora_answer;
pub mod discovery;
pub mod answer;
pub mod error;

pub use front_end::mount;
