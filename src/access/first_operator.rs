//! The first start: somebody has to be able to call. Nobody ships with a password.

use ring::rand::{SecureRandom, SystemRandom};

use crate::clock::Moment;
use crate::users::hashing::HashPool;
use crate::users::operator::{Operator, Role};
use crate::users::secret::Secret;
use crate::users::store::Store;

/// The name of the operator that the first start makes.
pub const NAME: &str = "admin";

/// Characters of a made-up password: no two that look alike.
const ALPHABET: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

const LENGTH: usize = 20;

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
    store
        .add_operator(&operator)
        .map_err(|error| error.to_string())?;
    Ok(if made_up {
        FirstOperator::MadeUp(password)
    } else {
        FirstOperator::Configured
    })
}

/// A password of 20 characters out of 56: 116 bits.
///
/// # Errors
/// The machine's random source failed.
pub fn random_password() -> Result<Secret, String> {
    let random = SystemRandom::new();
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let mut bytes = [0u8; 32];
        random
            .fill(&mut bytes)
            .map_err(|_| "the machine's random source failed".to_owned())?;
        // Bytes above the last whole multiple of 56 would favour the first letters.
        let fair = bytes.iter().filter(|byte| usize::from(**byte) < 224);
        let letters = fair.filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
        password.extend(
            letters
                .map(|letter| char::from(*letter))
                .take(LENGTH - password.len()),
        );
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_differ_and_keep_to_their_alphabet() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 20);
        assert!(one.expose().bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}
