//! Users and groups one by one, and in bulk: the core behind every door that speaks of resources
//! rather than of files.
//!
//! Read `provisioner.rs` first, then `bulk.rs`, which is a Bulk request from top to bottom.

pub mod settings;
pub mod error;
pub mod operation;
mod rights;
mod prepare;
mod apply;
mod users;
mod groups;
mod members;
pub mod provisioner;
pub mod references;
pub mod bulk_request;
pub mod plan;
pub mod outcome;
mod bulk;
mod ready;
mod part;
mod attempt;
pub mod bulk_job;
pub mod whole;
