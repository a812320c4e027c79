//! Verifies a user's password. After a match, a hash that is weaker than the current scheme is
//! replaced, and an expired initial password is reported as such. For a locked user the result says
//! nothing about the password.

use crate::clock::Moment;
use crate::passwords::hashing::HashPool;
use crate::passwords::rules::Settings;
use crate::passwords::secret::Secret;
use crate::users::account_state::is_locked;
use crate::users::store::{NewPassword, StoredPassword, UserStore};
use crate::users::store_error::StoreError;

/// The result of a password check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password matches.
    Right,
    /// The password matches, but it is an initial one that has expired.
    Expired,
    /// The password does not match, or there is no such user.
    Wrong,
    /// The user is locked, disabled or not active; the password was not checked.
    Locked,
}

/// The dependencies of a password check.
#[derive(Clone, Copy)]
pub struct PasswordChecker<'a> {
    /// The users.
    pub store: &'a dyn UserStore,
    /// Makes and compares hashes.
    pub pool: &'a HashPool,
    /// How long initial passwords are valid.
    pub settings: &'a Settings,
}

impl PasswordChecker<'_> {
    /// Checks the password of the user called `name`, in any case, at the moment `now`.
    ///
    /// # Errors
    /// The store failed.
    pub fn check(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
        password: Secret,
        now: Moment,
    ) -> Result<Verdict, StoreError> {
        let user = self.store.user(organization, domain, name)?;
        if user.is_some_and(|user| is_locked(&user.attributes)) {
            return Ok(Verdict::Locked);
        }
        let stored = self.store.password(organization, domain, name)?;
        let hash = stored.as_ref().map(|stored| stored.hash.clone());
        let right = self.pool.verify(password.clone(), hash)?;
        let Some(stored) = stored.filter(|_| right) else {
            return Ok(Verdict::Wrong);
        };
        if stored.must_change && self.settings.initial_has_expired(stored.set_at, now) {
            return Ok(Verdict::Expired);
        }
        if !self.pool.is_current(&stored.hash)
            && let Err(error) = self.rehash(organization, domain, name, stored, password)
        {
            // The password is right all the same; the hash is replaced at the next login.
            tracing::warn!(%error, "a password hash could not be replaced by a stronger one");
        }
        Ok(Verdict::Right)
    }

    /// Replaces the verified hash only; the age of the password stays the same.
    fn rehash(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
        stored: StoredPassword,
        password: Secret,
    ) -> Result<(), String> {
        let hash = self
            .pool
            .hash(password)
            .map_err(|error| error.to_string())?;
        let stronger = NewPassword {
            hash,
            must_change: stored.must_change,
            set_at: stored.set_at,
            replacing: Some(stored.hash),
            by: None,
        };
        self.store
            .set_password(organization, domain, name, &stronger)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}
