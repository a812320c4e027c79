//! What a user is: names, passwords, the way from a [`candidate::Candidate`] to a user that a store
//! takes, and the ports that every store stands behind.
//!
//! Nothing here knows of files, messages, HTTP or a database.

pub mod name;
pub mod name_pattern;
pub mod account_state;
pub mod claim_dialects;
pub mod claims;
pub mod problem;
pub mod candidate;
pub mod domains;
pub mod role_cell;
pub mod role_name;
pub mod password_cell;
pub mod policy;
pub mod options;
pub mod batch;
pub mod merge;
pub mod reject;
pub mod reject_block;
pub mod undo;
pub mod undo_steps;
pub mod audit;
pub mod import_record;
pub mod store_error;
pub mod operator;
pub mod password_right;
pub mod token;
pub mod organization;
pub mod store;
pub mod resources;
pub mod documents;
pub mod page;
pub mod backup;
pub mod password_check;

/// The organization that everything belongs to until another is named.
pub const DEFAULT_ORGANIZATION: &str = "default";

/// The domain of roles that belong to no user store, whose names begin with `Internal/`.
pub const INTERNAL_DOMAIN: &str = "INTERNAL";

/// The user store that is meant when a request names none (WSO2's primary user store).
pub const PRIMARY_DOMAIN: &str = "PRIMARY";
