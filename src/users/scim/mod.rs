//! Users and groups as SCIM has them (RFC 7643): schemas, paths, filters, documents.
//!
//! Stores compile filters and doors speak the protocol; this is what both know.

pub mod schema;
pub mod error;
pub mod json;
pub mod document;
pub mod values;
pub mod elements;
pub mod check;
pub mod date_time;
pub mod path;
pub mod filter;
mod filter_tokens;
mod filter_parser;
pub mod wso2_names;
pub mod patch_path;
pub mod places;
pub mod evaluate;
pub mod projection;
mod element_filter;
mod patch_change;
pub mod patch;
pub mod patch_apply;
pub mod member_changes;
pub mod lists;
pub mod zuora;
pub mod render;

#[cfg(test)]
mod patch_tests;
