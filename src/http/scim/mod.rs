//! SCIM 2.0 (RFC 7643, RFC 7644), all of it, at two addresses: `/scim/v2` as the RFCs have it, `/scim2`
//! as WSO2 Identity Server does.
//!
//! Read `routes.rs` first: it is the table of what there is; then `endpoint.rs`, the way of a request.

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

pub use endpoint::{before_the_body, routes};
pub use front_end::ScimFrontEnd;
