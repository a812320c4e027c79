//! The first start: somebody has to be able to call. Nobody ships with a password.

use crate::access::gate::Caller;
use crate::clock::Moment;
use crate::passwords::hashing::HashPool;
use crate::passwords::random_password::random_password;
use crate::passwords::secret::Secret;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::operator::{Operator, Role};
use crate::users::store::Store;

/// The name of the operator that the first start makes.
pub const NAME: &str = "admin";

/// What happened to the operator `admin`.
#[derive(Debug)]
pub enum FirstOperator {
    /// There are operators already.
    NotNeeded,
    /// It was made with the password that was configured.
    Configured,
    /// It was made with this password, which is told once.
    MadeUp(Secret),
}

/// Makes the operator `admin` when there is no operator at all.
///
/// # Errors
/// A sentence: the store, the hash function or the machine's random source failed.
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
    let (password, made_up) = match configured {
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
    Ok(if made_up {
        FirstOperator::MadeUp(password)
    } else {
        FirstOperator::Configured
    })
}
