//! The gate: credentials in, a caller or a refusal out, before any row is read.
//!
//! A verified credential is remembered for some minutes under a keyed digest over the stored hash
//! too, so the second call costs microseconds, and a changed or removed operator is forgotten at
//! once: the operator is read anew each time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::basic::Credentials;
use crate::users::DEFAULT_ORGANIZATION;
use crate::users::digest_memory::DigestMemory;
use crate::users::hashing::HashPool;
use crate::users::operator::{Operator, Role};
use crate::users::passwords::Settings;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// Credentials that may be remembered at the same time.
const CAPACITY: usize = 10_000;

/// Somebody whose credentials were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The operator's name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The organization they act in.
    pub organization: String,
}

impl Caller {
    /// The person at the machine's own terminal, who holds the data directory and so everything.
    pub fn terminal() -> Self {
        Caller {
            name: "terminal".into(),
            role: Role::Admin,
            organization: DEFAULT_ORGANIZATION.into(),
        }
    }

    /// The operator, once who they are is proved.
    pub fn new(operator: Operator) -> Self {
        let organization = operator
            .organization
            .unwrap_or_else(|| DEFAULT_ORGANIZATION.into());
        Caller {
            name: operator.name,
            role: operator.role,
            organization,
        }
    }
}

/// What the gate remembers of a credential, and what it still has to find out.
#[derive(Debug)]
pub enum Recalled {
    /// Verified a short while ago, and nothing has changed since.
    Caller(Caller),
    /// The password has to be verified; that takes milliseconds of one core.
    Unknown(Option<Operator>),
}

/// Knows operators.
#[derive(Debug)]
pub struct Gate {
    store: Arc<dyn Store>,
    pool: Arc<HashPool>,
    memory: DigestMemory<()>,
}

impl Gate {
    /// A gate that remembers as long as the settings say.
    ///
    /// # Errors
    /// The machine's random source failed.
    pub fn new(
        store: Arc<dyn Store>,
        pool: Arc<HashPool>,
        settings: &Settings,
    ) -> Result<Self, ring::error::Unspecified> {
        let keep = Duration::from_secs(settings.remember_seconds);
        Ok(Gate {
            store,
            pool,
            memory: DigestMemory::new(keep, CAPACITY)?,
        })
    }

    /// What is known of the credential without hashing anything.
    ///
    /// # Errors
    /// The store failed.
    pub fn recall(&self, credentials: &Credentials) -> Result<Recalled, StoreError> {
        let Some(operator) = self.store.operator(&credentials.name)? else {
            return Ok(Recalled::Unknown(None));
        };
        let parts = [
            &operator.name,
            &operator.password_hash,
            credentials.password.expose(),
        ];
        match self.memory.recall(&parts, Instant::now()) {
            Some(()) => Ok(Recalled::Caller(Caller::new(operator))),
            None => Ok(Recalled::Unknown(Some(operator))),
        }
    }

    /// Verifies the password of `operator`, or spends the same time on nobody's. Blocking.
    pub fn verify(&self, credentials: &Credentials, operator: Option<Operator>) -> Option<Caller> {
        let stored = operator
            .as_ref()
            .map(|operator| operator.password_hash.clone());
        if !self.pool.verify(credentials.password.clone(), stored) {
            return None;
        }
        let operator = operator?;
        let parts = [
            &operator.name,
            &operator.password_hash,
            credentials.password.expose(),
        ];
        self.memory.remember(&parts, (), Instant::now());
        Some(Caller::new(operator))
    }
}
