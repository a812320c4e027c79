//! Users: names, passwords, the steps from a [`candidate::Candidate`] to a user that a store
//! accepts, and the ports that every store implements.
//!
//! Nothing here depends on files, messages, HTTP or a database.

pub mod built_in;
pub mod name;
pub mod name_pattern;
pub mod account_state;
pub mod claim_dialects;
pub mod claims;
pub mod claim_labels;
pub mod problem;
pub mod candidate;
pub mod domains;
pub mod role_cell;
pub mod role_name;
pub mod password_cell;
pub mod policy;
pub mod options;
pub mod column_maps;
pub mod batch;
pub mod merge;
pub mod reject;
pub mod kinds;
pub mod reject_block;
pub mod undo;
pub mod undo_steps;
pub mod actor;
pub mod audit;
pub mod import_id;
pub mod channel;
pub mod import_record;
pub mod import_filter;
pub mod store_error;
pub mod operator;
pub mod password_right;
pub mod token;
pub mod organization;
pub mod step;
pub mod user;
pub mod store;
pub mod resources;
pub mod documents;
pub mod page;
pub mod backup;
pub mod password_check;
