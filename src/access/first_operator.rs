//! Creates the first operator at the first start. There is no built-in password.

use crate::access::gate::Caller;
use crate::clock::Moment;
use crate::passwords::hashing::HashPool;
use crate::passwords::random_password::random_password;
use crate::passwords::secret::Secret;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::operator::{Operator, Role};
use crate::users::store::Store;

/// The name of the operator that the first start creates.
pub const NAME: &str = "admin";

/// What was done about the operator `admin`.
#[derive(Debug)]
pub enum FirstOperator {
    /// There are operators already.
    NotNeeded,
    /// It was created with the configured password.
    Configured,
    /// It was created with this generated password, which is shown once.
    Generated(Secret),
}

/// Creates the operator `admin` if there is no operator.
///
/// # Errors
/// A sentence: the store, the hash function or the system's random number generator failed.
pub fn ensure(
    store: &dyn Store,
    pool: &HashPool,
    configured: Option<Secret>,
    now: Moment,
) -> Result<FirstOperator, String> {
    if !store
        .operators()
        .map_err(|error| error.to_string())?
        .is_empty()
    {
        return Ok(FirstOperator::NotNeeded);
    }
    let (password, generated) = match configured {
        Some(password) => (password, false),
        None => (random_password()?, true),
    };
    let operator = Operator {
        name: NAME.into(),
        role: Role::Admin,
        organization: None,
        password_hash: pool
            .hash(password.clone())
            .map_err(|error| error.to_string())?,
        created_at: now,
    };
    let by = Caller::terminal(DEFAULT_ORGANIZATION).actor(Channel::Terminal);
    store
        .add_operator(&operator, &by)
        .map_err(|error| error.to_string())?;
    Ok(if generated {
        FirstOperator::Generated(password)
    } else {
        FirstOperator::Configured
    })
}
