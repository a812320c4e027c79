//! Login sessions, identified by a random id that only the caller has.
//!
//! They are kept in memory, so they end with the process; each use extends the session. Only the digest of
//! the id is kept.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::clock::Moment;
use crate::hex;

/// Number of sessions at the same time; a new one replaces the least recently used one.
const CAPACITY: usize = 10_000;

/// Bytes of an id.
const ID_BYTES: usize = 16;

/// Maximum length of a client's name for itself, in characters.
const USER_AGENT: usize = 200;

/// How long a session of the portal lasts, however much it is used.
const LONGEST_PORTAL: Duration = Duration::from_secs(12 * 3600);

/// The owner of a session, and the hash of the password that opened it: a new password ends the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The operator's name.
    pub name: String,
    /// PHC string of the operator's password at login.
    pub password_hash: String,
    /// The organization of the login.
    pub organization: String,
}

/// What a session is for. A session of one kind is not accepted as one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// For programs: the cookie of `AuthenticationAdmin`.
    Api,
    /// For a browser: the admin portal.
    Portal,
}

/// Where a session was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
    /// What the client calls itself (`User-Agent`), shortened and without control characters.
    pub user_agent: String,
}

impl Client {
    /// A client at this address.
    pub fn new(address: IpAddr, user_agent: &str) -> Self {
        let plain = user_agent.chars().filter(|sign| !sign.is_control());
        Client {
            address,
            user_agent: plain.take(USER_AGENT).collect(),
        }
    }
}

/// A session of the portal, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its public id; it cannot be used as the session's secret.
    pub id: String,
    /// The token that every form of the session has.
    pub csrf: String,
    /// When it was opened.
    pub opened: Moment,
    /// When it was last used.
    pub used: Moment,
    /// Where it was opened.
    pub client: Client,
}

/// All sessions.
pub struct Sessions {
    keep: Duration,
    keep_portal: Duration,
    random: SystemRandom,
    by_digest: Mutex<HashMap<Vec<u8>, Session>>,
}

struct Session {
    holder: Holder,
    opened: Instant,
    used: Instant,
    /// For a session of the portal.
    portal: Option<SessionInfo>,
}

impl Sessions {
    /// An empty set; a session ends after `keep` without use, one of the portal after `keep_portal`.
    pub fn new(keep: Duration, keep_portal: Duration) -> Self {
        Sessions {
            keep,
            keep_portal,
            random: SystemRandom::new(),
            by_digest: Mutex::default(),
        }
    }

    /// Opens a session for programs and returns its id, 32 hexadecimal digits.
    ///
    /// # Errors
    /// The system's random number generator failed.
    pub fn open(&self, holder: Holder, now: Instant) -> Result<String, ring::error::Unspecified> {
        self.add(holder, now, None)
    }

    /// Opens a session of the portal and returns its secret id, 32 hexadecimal digits.
    ///
    /// # Errors
    /// The system's random number generator failed.
    pub fn open_portal(
        &self,
        holder: Holder,
        client: Client,
        now: Instant,
        at: Moment,
    ) -> Result<String, ring::error::Unspecified> {
        let info = SessionInfo {
            id: self.random_id()?,
            csrf: self.random_id()?,
            opened: at,
            used: at,
            client,
        };
        self.add(holder, now, Some(info))
    }

    fn random_id(&self) -> Result<String, ring::error::Unspecified> {
        let mut bytes = [0u8; ID_BYTES];
        self.random.fill(&mut bytes)?;
        Ok(hex::encode(&bytes))
    }

    fn add(
        &self,
        holder: Holder,
        now: Instant,
        portal: Option<SessionInfo>,
    ) -> Result<String, ring::error::Unspecified> {
        let id = self.random_id()?;
        let mut sessions = self.locked();
        if sessions.len() >= CAPACITY {
            sessions.retain(|_, session| self.is_open(session, now));
        }
        if sessions.len() >= CAPACITY {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                sessions.remove(&key);
            }
        }
        let session = Session {
            holder,
            opened: now,
            used: now,
            portal,
        };
        sessions.insert(key(&id), session);
        Ok(id)
    }

    fn is_open(&self, session: &Session, now: Instant) -> bool {
        let idle = now.duration_since(session.used);
        match session.portal {
            None => idle < self.keep,
            Some(_) => {
                idle < self.keep_portal && now.duration_since(session.opened) < LONGEST_PORTAL
            }
        }
    }

    /// The owner of the session for programs `id`, if it has not ended.
    pub fn find(&self, id: &str, now: Instant) -> Option<Holder> {
        self.use_session(id, Kind::Api, now, |session| session.holder.clone())
    }

    /// The owner of the session of the portal `id`, if it has not ended.
    pub fn find_portal(&self, id: &str, now: Instant, at: Moment) -> Option<(Holder, SessionInfo)> {
        let found = self.use_session(id, Kind::Portal, now, |session| {
            let info = session.portal.as_mut()?;
            info.used = at;
            Some((session.holder.clone(), info.clone()))
        });
        found.flatten()
    }

    fn use_session<T>(
        &self,
        id: &str,
        kind: Kind,
        now: Instant,
        take: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        let mut sessions = self.locked();
        let key = key(id);
        let session = sessions.get_mut(&key)?;
        if session.portal.is_some() != (kind == Kind::Portal) {
            return None;
        }
        if !self.is_open(session, now) {
            sessions.remove(&key);
            return None;
        }
        session.used = now;
        Some(take(session))
    }

    /// The open sessions of the portal of this operator, the latest first.
    pub fn of(&self, operator: &str, now: Instant) -> Vec<SessionInfo> {
        let sessions = self.locked();
        let own = sessions
            .values()
            .filter(|session| session.holder.name == operator && self.is_open(session, now));
        let mut own: Vec<_> = own.filter_map(|session| session.portal.clone()).collect();
        own.sort_by_key(|info| std::cmp::Reverse(info.opened));
        own
    }

    /// Ends the operator's session of the portal with this public id. Returns whether it existed.
    pub fn revoke(&self, operator: &str, public_id: &str) -> bool {
        let mut sessions = self.locked();
        let before = sessions.len();
        sessions.retain(|_, session| {
            let is_it = session
                .portal
                .as_ref()
                .is_some_and(|info| info.id == public_id);
            !(is_it && session.holder.name == operator)
        });
        sessions.len() < before
    }

    /// Whether the session of the portal with this public id is open.
    pub fn is_portal_open(&self, public_id: &str, now: Instant) -> bool {
        let sessions = self.locked();
        let mut open = sessions
            .values()
            .filter(|session| self.is_open(session, now));
        open.any(|session| {
            session
                .portal
                .as_ref()
                .is_some_and(|info| info.id == public_id)
        })
    }

    /// Ends a session, if it exists.
    pub fn close(&self, id: &str) {
        self.locked().remove(&key(id));
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Session>> {
        self.by_digest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn key(id: &str) -> Vec<u8> {
    digest(&SHA256, id.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder {
            name: "admin".into(),
            organization: "default".into(),
            password_hash: "$hash$".into(),
        }
    }

    #[test]
    fn use_extends_the_session() {
        let (sessions, start) = (
            Sessions::new(Duration::from_secs(60), Duration::from_secs(30)),
            Instant::now(),
        );
        let id = sessions.open(holder(), start).unwrap();
        assert_eq!(id.len(), 32);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(sessions.find(&id, at(50)), Some(holder()));
        assert_eq!(sessions.find(&id, at(100)), Some(holder()));
        assert_eq!(sessions.find(&id, at(161)), None);
        assert_eq!(sessions.find("", start), None);
    }

    #[test]
    fn closed_session_is_removed_and_ids_differ() {
        let (sessions, now) = (
            Sessions::new(Duration::from_secs(60), Duration::from_secs(30)),
            Instant::now(),
        );
        let (one, two) = (
            sessions.open(holder(), now).unwrap(),
            sessions.open(holder(), now).unwrap(),
        );
        assert_ne!(one, two);
        sessions.close(&one);
        assert_eq!(sessions.find(&one, now), None);
        assert_eq!(sessions.find(&two, now), Some(holder()));
    }

    #[test]
    fn least_recently_used_session_is_evicted() {
        let (sessions, start) = (
            Sessions::new(Duration::from_secs(60), Duration::from_secs(30)),
            Instant::now(),
        );
        let first = sessions.open(holder(), start).unwrap();
        let later = start + Duration::from_secs(1);
        for _ in 1..=CAPACITY {
            sessions.open(holder(), later).unwrap();
        }
        assert_eq!(sessions.locked().len(), CAPACITY);
        assert_eq!(sessions.find(&first, later), None);
    }

    fn portal(sessions: &Sessions, now: Instant) -> String {
        let client = Client::new([127, 0, 0, 1].into(), "Browser\u{1b}[31m 1.0");
        sessions
            .open_portal(holder(), client, now, Moment(7))
            .unwrap()
    }

    #[test]
    fn sessions_of_one_kind_are_not_accepted_as_the_other() {
        let minute = Duration::from_secs(60);
        let (sessions, now) = (Sessions::new(minute, minute), Instant::now());
        let (api, browser) = (
            sessions.open(holder(), now).unwrap(),
            portal(&sessions, now),
        );
        assert_eq!(sessions.find(&browser, now), None);
        assert_eq!(sessions.find_portal(&api, now, Moment(8)), None);
        let (found, info) = sessions.find_portal(&browser, now, Moment(8)).unwrap();
        assert_eq!(
            (found, info.opened, info.used),
            (holder(), Moment(7), Moment(8))
        );
        assert_eq!(info.client.user_agent, "Browser[31m 1.0");
        assert!(info.csrf.len() == 32 && info.csrf != info.id && info.id != browser);
    }

    #[test]
    fn portal_sessions_end_when_idle_after_twelve_hours_and_when_revoked() {
        let (minute, start) = (Duration::from_secs(60), Instant::now());
        let sessions = Sessions::new(minute, minute);
        let id = portal(&sessions, start);
        assert!(
            sessions
                .find_portal(&id, start + minute, Moment(8))
                .is_none()
        );

        let sessions = Sessions::new(minute, LONGEST_PORTAL * 2);
        let id = portal(&sessions, start);
        let last = start + LONGEST_PORTAL - minute;
        assert!(sessions.find_portal(&id, last, Moment(8)).is_some());
        assert!(
            sessions
                .find_portal(&id, last + minute, Moment(8))
                .is_none()
        );

        let id = portal(&sessions, start);
        let [info] = sessions.of("admin", start).try_into().unwrap();
        assert!(sessions.of("other", start).is_empty());
        assert!(sessions.is_portal_open(&info.id, start));
        assert!(!sessions.revoke("other", &info.id) && sessions.revoke("admin", &info.id));
        assert!(!sessions.is_portal_open(&info.id, start));
        assert!(sessions.find_portal(&id, start, Moment(8)).is_none());
    }
}
