//! Users and groups one by one, and in bulk: the core behind every channel that speaks of resources
//! rather than of files.
//!
//! Read `provisioner.rs` first, then `bulk.rs`, which is a Bulk request from top to bottom.

pub mod settings;
pub mod error;
pub mod operation;
pub mod rights;
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
mod bulk_run;
mod bulk;
mod hashed_operation;
mod bulk_transaction;
mod forward_references;
pub mod bulk_job;
pub mod all_or_nothing;
