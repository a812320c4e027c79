//! Users and groups, singly and in bulk: the core of all channels that deal with resources instead
//! of files.
//!
//! Read `provisioner.rs` first, then `bulk.rs`, which executes a Bulk request.

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
