//! Authentication: turns credentials into a caller or a refusal before any row is read.
//!
//! A verified credential is cached for some minutes under a keyed digest that includes the stored hash, so
//! the second call costs microseconds. The operator and the token are read each time, so a changed or removed
//! operator loses access at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::acting::Acting;
use crate::access::basic::Credentials;
use crate::access::bearer;
use crate::access::login_guard::LoginGuard;
use crate::access::sessions::{Client, Holder, SessionInfo, Sessions};
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

/// Number of cached credentials, for right ones and for wrong ones each.
const CAPACITY: usize = 10_000;

/// How long a wrong credential is cached, so that a client that repeats one costs no hashing.
const WRONG_FOR: Duration = Duration::from_secs(60);

/// A caller whose credentials were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The operator's name.
    pub name: String,
    /// The caller's role.
    pub role: Role,
    /// The organization to act in, spelled as in keys.
    pub organization: String,
    /// Whether the caller may act in any other organization too: an operator of all organizations whose name
    /// or token does not name one.
    pub anywhere: bool,
    /// The id of the request, for the audit log.
    pub request_id: Option<String>,
}

impl Caller {
    /// The user of the local terminal, who has the data directory and so all rights, acting in this
    /// organization.
    pub fn terminal(organization: &str) -> Self {
        Caller {
            name: "terminal".into(),
            role: Role::Admin,
            organization: organization.to_owned(),
            anywhere: true,
            request_id: None,
        }
    }

    /// Whether the caller may cancel or undo an import: an operator their own, an admin any.
    pub fn may_undo(&self, import: &ImportRecord) -> bool {
        self.role == Role::Admin || self.name == import.operator
    }

    /// The caller as an actor on this channel, for the audit log.
    pub fn actor(&self, channel: Channel) -> Actor {
        Actor {
            organization: self.organization.clone(),
            operator: self.name.clone(),
            channel,
            request_id: self.request_id.clone(),
        }
    }

    /// The operator, after authentication.
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

/// The result of a cache lookup.
#[derive(Debug)]
pub enum Recalled {
    /// Verified a short while ago and unchanged since.
    Caller(Caller),
    /// Found wrong a short while ago and unchanged since.
    Wrong,
    /// The password has to be verified, which takes milliseconds on one core.
    Unknown(Option<Acting>),
}

/// Authenticates operators.
#[derive(Debug)]
pub struct Gate {
    store: Arc<dyn Store>,
    pool: Arc<HashPool>,
    memory: DigestMemory<()>,
    wrong: DigestMemory<()>,
    sessions: Sessions,
    /// How long a session of the portal is kept without use.
    pub portal_idle: Duration,
    /// Delays wrong passwords.
    pub guard: LoginGuard,
}

impl Gate {
    /// A gate that caches credentials as long as the settings say.
    ///
    /// # Errors
    /// The system's random number generator failed.
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
            sessions: Sessions::new(access.session(), access.portal_session()),
            portal_idle: access.portal_session(),
        })
    }

    /// Looks the credential up in the cache, without hashing.
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

    /// The caller with this bearer token, if the token exists, has not expired, and its operator may still
    /// act in its organization. The token is looked up each time, which costs microseconds.
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
            None => Some(Acting::new(operator)),
        };
        Ok(acting.map(|acting| Caller {
            role,
            ..Caller::new(acting)
        }))
    }

    /// Opens a session for this caller. Returns its id, or none if the operator no longer exists.
    ///
    /// # Errors
    /// The store or the system's random number generator failed.
    pub fn open_session(&self, caller: &Caller) -> Result<Option<String>, StoreError> {
        let Some(holder) = self.holder(caller)? else {
            return Ok(None);
        };
        let id = self.sessions.open(holder, Instant::now());
        id.map(Some).map_err(|_| no_random())
    }

    /// Opens a session of the portal for this caller. Returns its secret id, or none if the operator no longer
    /// exists.
    ///
    /// # Errors
    /// The store or the system's random number generator failed.
    pub fn open_portal_session(
        &self,
        caller: &Caller,
        client: Client,
        at: Moment,
    ) -> Result<Option<String>, StoreError> {
        let Some(holder) = self.holder(caller)? else {
            return Ok(None);
        };
        let id = self
            .sessions
            .open_portal(holder, client, Instant::now(), at);
        id.map(Some).map_err(|_| no_random())
    }

    fn holder(&self, caller: &Caller) -> Result<Option<Holder>, StoreError> {
        let operator = self.store.operator(&caller.name)?;
        Ok(operator.map(|operator| Holder {
            name: operator.name,
            password_hash: operator.password_hash,
            organization: caller.organization.clone(),
        }))
    }

    /// The operator's open sessions of the portal, the latest first.
    pub fn sessions_of(&self, operator: &str) -> Vec<SessionInfo> {
        self.sessions.of(operator, Instant::now())
    }

    /// Ends the operator's session of the portal with this public id. Returns whether it existed.
    pub fn revoke(&self, operator: &str, public_id: &str) -> bool {
        self.sessions.revoke(operator, public_id)
    }

    /// Whether the session of the portal with this public id is open.
    pub fn is_portal_session_open(&self, public_id: &str) -> bool {
        self.sessions.is_portal_open(public_id, Instant::now())
    }

    /// The caller of this session of the portal, on the conditions of [`caller_in`](Self::caller_in).
    ///
    /// # Errors
    /// The store failed.
    pub fn portal_session(
        &self,
        session: &str,
        at: Moment,
    ) -> Result<Option<(Caller, SessionInfo)>, StoreError> {
        let found = self.sessions.find_portal(session, Instant::now(), at);
        let Some((holder, info)) = found else {
            return Ok(None);
        };
        let caller = self.caller_of(session, &holder)?;
        Ok(caller.map(|caller| (caller, info)))
    }

    /// Ends a session.
    pub fn log_out(&self, session: &str) {
        self.sessions.close(session);
    }

    /// The caller of this session, unless it has ended: by timeout or logout, or because the operator was
    /// removed, has another password, or may no longer act in the organization.
    ///
    /// # Errors
    /// The store failed.
    pub fn caller_in(&self, session: &str) -> Result<Option<Caller>, StoreError> {
        match self.sessions.find(session, Instant::now()) {
            Some(holder) => self.caller_of(session, &holder),
            None => Ok(None),
        }
    }

    fn caller_of(&self, session: &str, holder: &Holder) -> Result<Option<Caller>, StoreError> {
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

    /// Verifies the password of the operator, or spends the same time if there is none. Blocking.
    ///
    /// # Errors
    /// There was not enough memory to verify it.
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

fn no_random() -> StoreError {
    tracing::error!("the system's random number generator failed");
    StoreError::NoResources
}

/// The cache key of a right password: it depends on the operator found, not on the spelling of the name.
fn proved<'a>(acting: &'a Acting, credentials: &'a Credentials) -> [&'a str; 4] {
    [
        &acting.operator.name,
        &acting.operator.password_hash,
        &acting.organization,
        credentials.password.expose(),
    ]
}

/// The cache key of a wrong password, also for a name that no operator has.
fn disproved<'a>(acting: Option<&'a Acting>, credentials: &'a Credentials) -> [&'a str; 3] {
    let stored = acting.map_or("", |acting| acting.operator.password_hash.as_str());
    [&credentials.name, stored, credentials.password.expose()]
}

/// Passwords of callers that are verified at the same time: half of the workers, and at least one.
fn pool_share(pool: &HashPool) -> usize {
    (pool.workers() / 2).max(1)
}
