//! The gate: credentials in, a caller or a refusal out, before any row is read.
//!
//! A verified credential is remembered for some minutes under a keyed digest over the stored hash
//! too, so the second call costs microseconds, and a changed or removed operator is forgotten at
//! once: the operator is read anew each time, and so is a token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::acting::Acting;
use crate::access::basic::Credentials;
use crate::access::bearer;
use crate::access::login_guard::LoginGuard;
use crate::access::sessions::{Holder, Sessions};
use crate::access::settings as access;
use crate::clock::Moment;
use crate::passwords::digest_memory::DigestMemory;
use crate::passwords::hashing::HashPool;
use crate::passwords::rules::Settings;
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::import_record::ImportRecord;
use crate::users::operator::Role;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// Credentials that may be remembered at the same time, right ones and wrong ones.
const CAPACITY: usize = 10_000;

/// For how long a wrong credential is known to be wrong: a client that repeats one costs no hashing.
const WRONG_FOR: Duration = Duration::from_secs(60);

/// Somebody whose credentials were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The operator's name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The organization they act in, spelt as in every key.
    pub organization: String,
    /// Whether they may act in any other as well: they are an operator of all organizations, and neither
    /// their name nor their token says which one they mean.
    pub anywhere: bool,
    /// The id of the request they make, for the audit.
    pub request_id: Option<String>,
}

impl Caller {
    /// The person at the machine's own terminal, who holds the data directory and so everything, at
    /// work in this organization.
    pub fn terminal(organization: &str) -> Self {
        Caller {
            name: "terminal".into(),
            role: Role::Admin,
            organization: organization.to_owned(),
            anywhere: true,
            request_id: None,
        }
    }

    /// Whether they may stop an import or take it back: their own, or as an admin any.
    pub fn may_take_back(&self, import: &ImportRecord) -> bool {
        self.role == Role::Admin || self.name == import.operator
    }

    /// The same, through this channel, for the audit.
    pub fn actor(&self, channel: Channel) -> Actor {
        Actor {
            organization: self.organization.clone(),
            operator: self.name.clone(),
            channel,
            request_id: self.request_id.clone(),
        }
    }

    /// The operator where they act, once who they are is proved.
    pub fn new(acting: Acting) -> Self {
        Caller {
            name: acting.operator.name,
            role: acting.operator.role,
            organization: acting.organization,
            anywhere: acting.anywhere,
            request_id: None,
        }
    }
}

/// What the gate remembers of a credential, and what it still has to find out.
#[derive(Debug)]
pub enum Recalled {
    /// Verified a short while ago, and nothing has changed since.
    Caller(Caller),
    /// It was found wrong a short while ago, and nothing has changed since.
    Wrong,
    /// The password has to be verified; that takes milliseconds of one core.
    Unknown(Option<Acting>),
}

/// Knows operators.
#[derive(Debug)]
pub struct Gate {
    store: Arc<dyn Store>,
    pool: Arc<HashPool>,
    memory: DigestMemory<()>,
    wrong: DigestMemory<()>,
    sessions: Sessions,
    /// Slows wrong passwords down.
    pub guard: LoginGuard,
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
        let guard = LoginGuard::new(access, pool_share(&pool))?;
        Ok(Gate {
            store,
            pool,
            memory: DigestMemory::new(keep, CAPACITY)?,
            wrong: DigestMemory::new(WRONG_FOR, CAPACITY)?,
            guard,
            sessions: Sessions::new(access.session()),
        })
    }

    /// What is known of the credential without hashing anything.
    ///
    /// # Errors
    /// The store failed.
    pub fn recall(&self, credentials: &Credentials) -> Result<Recalled, StoreError> {
        let now = Instant::now();
        let acting = Acting::find(self.store.as_ref(), &credentials.name)?;
        if let Some(acting) = &acting
            && self
                .memory
                .recall(&proved(acting, credentials), now)
                .is_some()
        {
            return Ok(Recalled::Caller(Caller::new(acting.clone())));
        }
        let disproved = disproved(acting.as_ref(), credentials);
        Ok(match self.wrong.recall(&disproved, now) {
            Some(()) => Recalled::Wrong,
            None => Recalled::Unknown(acting),
        })
    }

    /// Who is calling with this bearer token, if it is one, its time is not over, and its operator may
    /// still act in its organization. It is looked up each time, which costs microseconds.
    ///
    /// # Errors
    /// The store failed.
    pub fn bearer(&self, token: &Secret, now: Moment) -> Result<Option<Caller>, StoreError> {
        let found = self.store.token(&bearer::digest_of(token))?;
        let Some((token, operator)) = found.filter(|(token, _)| now < token.expires_at) else {
            return Ok(None);
        };
        let role = token.role_with(&operator);
        let acting = match &token.organization {
            Some(organization) => Acting::within(self.store.as_ref(), operator, organization)?,
            None => Some(Acting::at_home(operator)),
        };
        Ok(acting.map(|acting| Caller {
            role,
            ..Caller::new(acting)
        }))
    }

    /// Opens a session for this caller; answers its id, or none when the operator is gone.
    ///
    /// # Errors
    /// The store or the machine's random source failed.
    pub fn open_session(&self, caller: &Caller) -> Result<Option<String>, StoreError> {
        let Some(operator) = self.store.operator(&caller.name)? else {
            return Ok(None);
        };
        let holder = Holder {
            name: operator.name,
            password_hash: operator.password_hash,
            organization: caller.organization.clone(),
        };
        let id = self.sessions.open(holder, Instant::now()).map_err(|_| {
            tracing::error!("the machine's random source failed");
            StoreError::NoResources
        })?;
        Ok(Some(id))
    }

    /// Ends a session.
    pub fn log_out(&self, session: &str) {
        self.sessions.close(session);
    }

    /// Who is calling in this session, unless it has ended: by time, by logging out, or because the
    /// operator is gone, has another password, or may no longer act in the organization.
    ///
    /// # Errors
    /// The store failed.
    pub fn caller_in(&self, session: &str) -> Result<Option<Caller>, StoreError> {
        let Some(holder) = self.sessions.find(session, Instant::now()) else {
            return Ok(None);
        };
        let operator = self.store.operator(&holder.name)?;
        let same = operator.filter(|operator| operator.password_hash == holder.password_hash);
        let acting = match same {
            Some(operator) => Acting::within(self.store.as_ref(), operator, &holder.organization)?,
            None => None,
        };
        if acting.is_none() {
            self.sessions.close(session);
        }
        Ok(acting.map(Caller::new))
    }

    /// Verifies the password of whom the name means, or spends the same time on nobody's. Blocking.
    ///
    /// # Errors
    /// There was no memory to find out.
    pub fn verify(
        &self,
        credentials: &Credentials,
        acting: Option<Acting>,
    ) -> Result<Option<Caller>, StoreError> {
        let stored = acting
            .as_ref()
            .map(|acting| acting.operator.password_hash.clone());
        if !self.pool.verify(credentials.password.clone(), stored)? {
            let disproved = disproved(acting.as_ref(), credentials);
            self.wrong.remember(&disproved, (), Instant::now());
            return Ok(None);
        }
        let Some(acting) = acting else {
            return Ok(None);
        };
        self.memory
            .remember(&proved(&acting, credentials), (), Instant::now());
        Ok(Some(Caller::new(acting)))
    }
}

/// What a right password has proved: of what the name meant, and not of what it was.
fn proved<'a>(acting: &'a Acting, credentials: &'a Credentials) -> [&'a str; 4] {
    [
        &acting.operator.name,
        &acting.operator.password_hash,
        &acting.organization,
        credentials.password.expose(),
    ]
}

/// What a wrong password has disproved, also of a name that means no operator.
fn disproved<'a>(acting: Option<&'a Acting>, credentials: &'a Credentials) -> [&'a str; 3] {
    let stored = acting.map_or("", |acting| acting.operator.password_hash.as_str());
    [&credentials.name, stored, credentials.password.expose()]
}

/// Passwords of callers that are verified at the same time: half of what the machine can, and one at the least.
fn pool_share(pool: &HashPool) -> usize {
    (pool.workers() / 2).max(1)
}
