//! The data model of SCIM (RFC 7643): schemas, paths, filters, documents.
//!
//! Stores compile filters and front ends implement the protocol; this module is what both share.

pub mod attribute_names;
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
pub mod filter_parser;
pub mod patch_path;
pub mod evaluate;
pub mod projection;
mod element_filter;
mod patch_change;
pub mod patch;
pub mod patch_apply;
pub mod member_changes;

#[cfg(test)]
mod patch_tests;
