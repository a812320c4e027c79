//! The gate: credentials in, a caller or a refusal out, before any row is read.
//!
//! A verified credential is remembered for some minutes under a keyed digest over the stored hash
//! too, so the second call costs microseconds, and a changed or removed operator is forgotten at
//! once: the operator is read anew each time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::basic::Credentials;
use crate::access::sessions::{Holder, Sessions};
use crate::access::settings as access;
use crate::users::DEFAULT_ORGANIZATION;
use crate::users::audit::Actor;
use crate::users::digest_memory::DigestMemory;
use crate::users::hashing::HashPool;
use crate::users::import_record::{Door, ImportRecord};
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

    /// Whether they may stop an import or take it back: their own, or as an admin any.
    pub fn may_take_back(&self, import: &ImportRecord) -> bool {
        self.role == Role::Admin || self.name == import.operator
    }

    /// The same, through this door, for the audit.
    pub fn actor(&self, door: Door) -> Actor {
        Actor {
            organization: self.organization.clone(),
            operator: self.name.clone(),
            door,
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
    sessions: Sessions,
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
        access: &access::Settings,
    ) -> Result<Self, ring::error::Unspecified> {
        let keep = Duration::from_secs(settings.remember_seconds);
        Ok(Gate {
            store,
            pool,
            memory: DigestMemory::new(keep, CAPACITY)?,
            sessions: Sessions::new(access.session()),
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

    /// Who is calling with these credentials, if they are right. Blocking.
    ///
    /// # Errors
    /// The store failed.
    pub fn caller(&self, credentials: &Credentials) -> Result<Option<Caller>, StoreError> {
        Ok(match self.recall(credentials)? {
            Recalled::Caller(caller) => Some(caller),
            Recalled::Unknown(operator) => self.verify(credentials, operator),
        })
    }

    /// Opens a session for whoever has these credentials, if they are right; answers its id. Blocking.
    ///
    /// # Errors
    /// The store or the machine's random source failed.
    pub fn log_in(&self, credentials: &Credentials) -> Result<Option<String>, StoreError> {
        let Some(caller) = self.caller(credentials)? else {
            return Ok(None);
        };
        let Some(operator) = self.store.operator(&caller.name)? else {
            return Ok(None);
        };
        let holder = Holder {
            name: operator.name,
            password_hash: operator.password_hash,
        };
        let id = self
            .sessions
            .open(holder, Instant::now())
            .map_err(|_| StoreError::Failed("the machine's random source failed".into()))?;
        Ok(Some(id))
    }

    /// Ends a session.
    pub fn log_out(&self, session: &str) {
        self.sessions.close(session);
    }

    /// Who is calling in this session, unless it has ended: by time, by logging out, or because the
    /// operator is gone or has another password.
    ///
    /// # Errors
    /// The store failed.
    pub fn caller_in(&self, session: &str) -> Result<Option<Caller>, StoreError> {
        let Some(holder) = self.sessions.find(session, Instant::now()) else {
            return Ok(None);
        };
        let operator = self.store.operator(&holder.name)?;
        let same = operator.filter(|operator| operator.password_hash == holder.password_hash);
        if same.is_none() {
            self.sessions.close(session);
        }
        Ok(same.map(Caller::new))
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
