//! Whether a user's password is the right one, and what follows from a right one: a hash that is not
//! as strong as ours is replaced, and an initial password that is too old is told as such. Of a user who
//! is locked nothing is said of the password.

use crate::clock::Moment;
use crate::passwords::hashing::HashPool;
use crate::passwords::rules::Settings;
use crate::passwords::secret::Secret;
use crate::users::account_state::is_locked;
use crate::users::store::{NewPassword, StoredPassword, UserStore};
use crate::users::store_error::StoreError;

/// What a password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the user's.
    Right,
    /// It is the user's, but it was an initial one and its time is over.
    Expired,
    /// It is not the user's, or there is no such user.
    Wrong,
    /// The user is locked, disabled or not active, whatever the password is.
    Locked,
}

/// What it takes to check passwords.
#[derive(Clone, Copy)]
pub struct PasswordChecker<'a> {
    /// Where the users are.
    pub store: &'a dyn UserStore,
    /// Where hashes are made and compared.
    pub pool: &'a HashPool,
    /// How long initial passwords last.
    pub settings: &'a Settings,
}

impl PasswordChecker<'_> {
    /// Checks the password of the user called `name`, in any case, at the moment `now`.
    ///
    /// # Errors
    /// The store could not be asked.
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
            // The password was right all the same, and there is a next time.
            tracing::warn!(%error, "a password hash could not be replaced by a stronger one");
        }
        Ok(Verdict::Right)
    }

    /// Replaces the hash that was verified, and no other; the age of the password stays.
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
