//! Single users and roles, for whoever administers them: looked up, changed, removed.
//!
//! Bringing users in is the import core's, one at a time too.

pub mod administration;
pub mod error;
