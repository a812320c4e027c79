//! Imports: turns the rows of a file into users and returns a report. All channels use this module; it depends on
//! none of them.

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
mod cells;
pub mod header;
pub mod header_error;
mod header_words;
mod row_shape;
mod meaning;
pub mod presets;
pub mod columns;
pub mod judging;
pub mod importer;
mod reading;
mod sorting;
mod sorted_runs;
mod rows_digest;
mod digest_watch;
pub mod memory;
pub mod batching;
pub mod pending;
pub mod default_password;
pub mod generated_passwords;
pub mod fingerprint;
pub mod report;
pub mod error;
