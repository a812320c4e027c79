//! The product: rows in, report out. Every door leads here, and nothing here knows which one it was.

pub mod settings;
pub mod request;
pub mod single_user;
pub mod columns;
pub mod importer;
pub mod batching;
pub mod default_password;
pub mod generated_passwords;
pub mod fingerprint;
pub mod report;
pub mod error;
