//! Failed logins in the audit log. The first ones in a minute get an entry each; the others are counted in
//! one entry at the end of the minute, so that a flood of them fills neither the audit log nor the memory.
//!
//! The code that refuses a login only queues it. A thread looks up the operator and writes the entry.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::access::acting::Acting;
use crate::clock::Clock;
use crate::quoted;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::store::Store;

/// The action of the entries.
const ACTION: &str = "login.failed";

/// The interval over which logins are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// Entries per account and address in a minute; further logins are only counted. All names that no operator
/// has count as one account.
const OF_EACH: u64 = 5;

/// Entries for all accounts in a minute.
const OF_ALL: u64 = 100;

/// Accounts and addresses that are counted separately in a minute; the logins of all others are counted
/// together.
const KEYS: usize = 10_000;

/// Failed logins that may wait to be written; further ones are only counted.
const WAITING: usize = 1_000;

/// Characters of a name that are kept until it is looked up.
const NAME: usize = 300;

/// How the credentials were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// HTTP Basic.
    Basic,
    /// A bearer token, which names no account.
    Bearer,
    /// A WS-Security UsernameToken.
    UsernameToken,
    /// The operation `login`.
    Login,
    /// The portal's form.
    Form,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Method::Basic => "basic",
            Method::Bearer => "bearer",
            Method::UsernameToken => "usernameToken",
            Method::Login => "login",
            Method::Form => "form",
        }
    }
}

/// A login that failed because the name, the password or the token was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLogin {
    /// The name that was sent; empty if there was none.
    pub name: String,
    /// The channel.
    pub channel: Channel,
    /// How the credentials were sent.
    pub method: Method,
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// Writes failed logins to the audit log.
pub struct FailedLogins {
    /// None if closed.
    writer: Mutex<Option<(SyncSender<FailedLogin>, JoinHandle<()>)>>,
    /// The number of logins dropped because the queue was full.
    left_out: Arc<AtomicU64>,
}

impl FailedLogins {
    /// Starts the thread that writes to this store.
    ///
    /// # Errors
    /// A sentence: the thread could not be started.
    pub fn start(store: Arc<dyn Store>, clock: Clock) -> Result<Self, String> {
        let (sender, receiver) = sync_channel(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&left_out);
        let thread = std::thread::Builder::new()
            .name("failed-logins".into())
            .spawn(move || write(store.as_ref(), &clock, &receiver, &counted))
            .map_err(|error| format!("a thread cannot be started: {error}"))?;
        Ok(FailedLogins {
            writer: Mutex::new(Some((sender, thread))),
            left_out,
        })
    }

    /// Queues a failed login; does not block.
    pub fn note(&self, mut login: FailedLogin) {
        if let Some((end, _)) = login.name.char_indices().nth(NAME) {
            login.name.truncate(end);
        }
        let writer = self.writer();
        let sent = writer.as_ref().map(|(sender, _)| sender.try_send(login));
        if !matches!(sent, Some(Ok(()))) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the queued logins and closes the queue.
    pub fn close(&self) {
        let Some((sender, thread)) = self.writer().take() else {
            return;
        };
        drop(sender);
        if thread.join().is_err() {
            tracing::error!("the thread that writes failed logins panicked");
        }
    }

    fn writer(&self) -> MutexGuard<'_, Option<(SyncSender<FailedLogin>, JoinHandle<()>)>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FailedLogins {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for FailedLogins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FailedLogins")
    }
}

fn write(store: &dyn Store, clock: &Clock, logins: &Receiver<FailedLogin>, left_out: &AtomicU64) {
    let mut counts = Counts::new(Instant::now());
    loop {
        let next = logins.recv_timeout(counts.left(Instant::now()));
        let mut entries = Vec::new();
        if counts.left(Instant::now()).is_zero()
            || matches!(next, Err(RecvTimeoutError::Disconnected))
        {
            counts.beyond += left_out.swap(0, Ordering::Relaxed);
            entries.extend(counts.summaries(Instant::now()).map(|it| it.entry(clock)));
        }
        match next {
            Ok(login) => match Account::of(store, login) {
                Ok(account) => {
                    if counts.is_recorded(&account) {
                        entries.push(account.entry(clock));
                    }
                }
                Err(error) => tracing::error!(%error, "a failed login could not be looked up"),
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                record(store, entries);
                return;
            }
        }
        record(store, entries);
    }
}

fn record(store: &dyn Store, entries: Vec<AuditEntry>) {
    for entry in entries {
        let noted = store.transact(&entry.organization, &mut |tx| tx.note(&entry));
        if let Err(error) = noted {
            tracing::error!(%error, "a failed login could not be written into the audit");
        }
    }
}

/// The account that a failed login is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    organization: String,
    /// The operator's name, or the part of an unknown name that may be shown.
    name: String,
    is_known: bool,
    login: FailedLogin,
}

impl Account {
    fn of(
        store: &dyn Store,
        login: FailedLogin,
    ) -> Result<Self, crate::users::store_error::StoreError> {
        let acting = match login.name.is_empty() {
            true => None,
            false => Acting::find(store, &login.name)?,
        };
        Ok(match acting {
            Some(acting) => Account {
                organization: acting.organization,
                name: acting.operator.name,
                is_known: true,
                login,
            },
            None => Account {
                organization: DEFAULT_ORGANIZATION.to_owned(),
                // Some callers send the password in place of the name.
                name: quoted::word(&login.name),
                is_known: false,
                login,
            },
        })
    }

    fn key(&self) -> Key {
        Key {
            organization: self.organization.clone(),
            operator: self.is_known.then(|| self.name.clone()),
            channel: self.login.channel,
            address: self.login.address,
        }
    }

    fn entry(&self, clock: &Clock) -> AuditEntry {
        let mut entry = entry(clock, &self.organization, &self.name, self.login.channel);
        entry.details = json!({
            "method": self.login.method.as_str(),
            "address": self.login.address.map(|address| address.to_string()),
            "knownOperator": self.is_known,
        });
        entry.request_id = self.login.request_id.clone();
        entry
    }
}

/// Logins that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    organization: String,
    /// The operator; none for names that no operator has.
    operator: Option<String>,
    channel: Channel,
    address: Option<IpAddr>,
}

/// The failed logins of a minute.
struct Counts {
    begun: Instant,
    of_each: HashMap<Key, u64>,
    recorded: u64,
    /// Logins that are counted together because too many accounts and addresses take part.
    beyond: u64,
}

/// Logins without an entry of their own.
struct Summary {
    key: Option<Key>,
    attempts: u64,
}

impl Counts {
    fn new(now: Instant) -> Self {
        Counts {
            begun: now,
            of_each: HashMap::new(),
            recorded: 0,
            beyond: 0,
        }
    }

    /// The time left in the minute.
    fn left(&self, now: Instant) -> Duration {
        MINUTE.saturating_sub(now.duration_since(self.begun))
    }

    /// Counts a login; returns whether it gets an entry of its own.
    fn is_recorded(&mut self, account: &Account) -> bool {
        let key = account.key();
        if self.of_each.len() >= KEYS && !self.of_each.contains_key(&key) {
            self.beyond += 1;
            return false;
        }
        let count = self.of_each.entry(key).or_insert(0);
        *count += 1;
        let is_recorded = *count <= OF_EACH && self.recorded < OF_ALL;
        match is_recorded {
            true => self.recorded += 1,
            // Logins with an entry of their own are not counted a second time.
            false if *count <= OF_EACH => self.beyond += 1,
            false => {}
        }
        is_recorded
    }

    /// The summaries of the minute that has ended; starts the next one.
    fn summaries(&mut self, now: Instant) -> impl Iterator<Item = Summary> + use<> {
        let ended = std::mem::replace(self, Counts::new(now));
        let mut beyond = ended.beyond;
        let mut summaries: Vec<Summary> = Vec::new();
        let mut counted: Vec<(Key, u64)> = ended
            .of_each
            .into_iter()
            .filter(|(_, count)| *count > OF_EACH)
            .collect();
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (place, (key, count)) in counted.into_iter().enumerate() {
            let attempts = count - OF_EACH;
            match place < usize::try_from(OF_ALL).unwrap_or(usize::MAX) {
                true => summaries.push(Summary {
                    key: Some(key),
                    attempts,
                }),
                false => beyond += attempts,
            }
        }
        if beyond > 0 {
            summaries.push(Summary {
                key: None,
                attempts: beyond,
            });
        }
        summaries.into_iter()
    }
}

impl Summary {
    fn entry(&self, clock: &Clock) -> AuditEntry {
        let Some(key) = &self.key else {
            let mut entry = entry(clock, DEFAULT_ORGANIZATION, "(many)", Channel::Rest);
            entry.details = json!({ "furtherAttempts": self.attempts });
            return entry;
        };
        let name = key.operator.as_deref().unwrap_or("(unknown)");
        let mut entry = entry(clock, &key.organization, name, key.channel);
        entry.details = json!({
            "furtherAttempts": self.attempts,
            "address": key.address.map(|address| address.to_string()),
            "knownOperator": key.operator.is_some(),
        });
        entry
    }
}

fn entry(clock: &Clock, organization: &str, name: &str, channel: Channel) -> AuditEntry {
    let who = Actor {
        organization: organization.to_owned(),
        operator: name.to_owned(),
        channel,
        request_id: None,
    };
    AuditEntry::new(&who, ACTION, clock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, is_known: bool, last: u8) -> Account {
        Account {
            organization: "default".into(),
            name: name.into(),
            is_known,
            login: FailedLogin {
                name: name.into(),
                channel: Channel::Soap,
                method: Method::Basic,
                address: Some(IpAddr::from([10, 0, 0, last])),
                request_id: None,
            },
        }
    }

    fn ended(counts: &mut Counts) -> Vec<(Option<String>, u64)> {
        let recorded = counts.summaries(Instant::now());
        recorded
            .map(|it| {
                let name = it.key.map(|key| key.operator.unwrap_or_default());
                (name, it.attempts)
            })
            .collect()
    }

    #[test]
    fn first_logins_of_a_minute_have_entries_and_others_are_counted() {
        let mut counts = Counts::new(Instant::now());
        let recorded = |counts: &mut Counts, account: &Account, times| {
            (0..times).filter(|_| counts.is_recorded(account)).count()
        };
        assert_eq!(recorded(&mut counts, &account("ann", true, 1), 12), 5);
        assert_eq!(recorded(&mut counts, &account("ann", true, 2), 2), 2);
        // Names that no operator has count as one account.
        let unknown = |number| account(&format!("x{number}"), false, 1);
        let of_unknown = (0..9).filter(|number| counts.is_recorded(&unknown(*number)));
        assert_eq!(of_unknown.count(), 5);
        let expected = [(Some("ann".to_owned()), 7), (Some(String::new()), 4)];
        assert_eq!(ended(&mut counts), expected);
        assert_eq!(ended(&mut counts), []);
        assert_eq!(recorded(&mut counts, &account("ann", true, 1), 1), 1);
    }

    #[test]
    fn distributed_flood_is_limited_and_counted() {
        let mut counts = Counts::new(Instant::now());
        let mut recorded = 0;
        let attempts = KEYS as u64 + 500;
        for number in 0..attempts {
            recorded += u64::from(counts.is_recorded(&account(&format!("a{number}"), true, 1)));
        }
        assert_eq!(recorded, OF_ALL);
        assert_eq!(counts.of_each.len(), KEYS);
        assert_eq!(ended(&mut counts), [(None, attempts - OF_ALL)]);
    }
}
