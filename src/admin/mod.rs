//! Administers single users and roles: finds, changes and deletes them.
//!
//! Creating users, also single ones, belongs to the import module.

pub mod administration;
pub mod error;
