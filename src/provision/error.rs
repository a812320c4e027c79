//! Errors of reading or changing users and groups.

use crate::import::job_error::JobError;
use crate::passwords::hashing::HashError;
use crate::scim::error::ScimError;
use crate::users::store_error::StoreError;

/// The reason.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The request cannot be executed.
    #[error(transparent)]
    Refused(#[from] ScimError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A request with many operations could not be accepted.
    #[error(transparent)]
    Job(#[from] JobError),
}
