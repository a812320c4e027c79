//! The product: rows in, report out. Every door leads here, and nothing here knows which one it was.

pub mod settings;
pub mod request;
pub mod single_user;
pub mod task;
pub mod upload;
mod rejects_aside;
pub mod reject_file;
pub mod jobs;
pub mod control;
pub mod preview;
pub mod presets;
pub mod columns;
pub mod judging;
pub mod importer;
mod reading;
mod sorting;
mod sorted_runs;
mod rows_digest;
pub mod batching;
pub mod ending;
pub mod default_password;
pub mod generated_passwords;
pub mod fingerprint;
pub mod report;
pub mod error;
