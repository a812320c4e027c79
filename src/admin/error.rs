//! Why a call about a single user or role changed nothing.

use crate::passwords::hashing::HashError;
use crate::passwords::rules::WeakPassword;
use crate::users::domains::UnknownDomain;
use crate::users::store_error::StoreError;

/// The failure; nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// The name's domain does not exist.
    #[error(transparent)]
    Domain(#[from] UnknownDomain),
    /// There is no such user.
    #[error("There is no user {name:?} in the domain {domain}.")]
    NoSuchUser {
        /// The bare name.
        name: String,
        /// The domain.
        domain: String,
    },
    /// The caller may not set the password of this user.
    #[error("Only an operator with the role admin may set the password of an existing user.")]
    NotAllowed,
    /// The password breaks a rule.
    #[error("The new password cannot be used: {0}.")]
    Password(#[from] WeakPassword),
    /// The role name is invalid.
    #[error("The role name cannot be used: {0}.")]
    RoleName(&'static str),
    /// The role exists already.
    #[error("The role {0:?} exists already; choose another name.")]
    RoleTaken(String),
    /// The hash function failed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            AdminError::Domain(_) => "IMP-DOMAIN",
            AdminError::NoSuchUser { .. } => "IMP-USER-UNKNOWN",
            AdminError::NotAllowed => "IMP-ACCESS-RIGHT",
            AdminError::Password(_) => "IMP-USER-PASSWORD",
            AdminError::RoleName(_) => "IMP-ROLE-NAME",
            AdminError::RoleTaken(_) => "IMP-ROLE-TAKEN",
            AdminError::Hash(_) => "IMP-HASH",
            AdminError::Store(_) => "IMP-STORE",
        }
    }
}
