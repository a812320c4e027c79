//! Why users and groups could not be looked up or changed.

use crate::import::job_error::JobError;
use crate::passwords::hashing::HashError;
use crate::scim::error::ScimError;
use crate::users::store_error::StoreError;

/// Why.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// What was asked for cannot be done.
    #[error(transparent)]
    Refused(#[from] ScimError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A request with many operations could not be taken in.
    #[error(transparent)]
    Job(#[from] JobError),
}
