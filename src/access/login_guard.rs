//! Slows down wrong passwords by account and by address, and limits how many passwords are verified at the
//! same time, in turns.
//!
//! A right password is accepted regardless of earlier failures of its address: systems that share an address
//! must not lock each other out. An account with many wrong passwords is verified at a limited rate that is
//! shared among addresses, so that a caller from another address cannot lock its owner out. An address from
//! which the account has logged in before does not wait for that. Everything kept in memory is limited.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::access::settings::Settings;
use crate::passwords::digest_memory::DigestMemory;
use crate::slots::{Limits, NoSlot, Slot, Slots};
use crate::users::name::lookup_key;

/// Accounts, and addresses, whose failures are counted at the same time.
const CAPACITY: usize = 10_000;

/// Number of remembered pairs of account and address, and for how long they are remembered.
const PROVEN: usize = 10_000;
const PROVEN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Maximum delay of the response to a wrong password.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// Maximum time that a login waits because of the rate of its account.
const LONGEST_PACE: Duration = Duration::from_secs(10);

/// Number of logins that may wait for their turn, and for how long.
const WAITING: usize = 4_096;
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// The account and the address of a login, in a form whose size does not depend on the caller's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    account: u64,
    network: u64,
}

impl Attempt {
    /// The pair as the parts of a [`DigestMemory`] key.
    fn parts(self) -> [String; 2] {
        [self.account, self.network].map(|part| format!("{part:x}"))
    }
}

/// The consequence of a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Penalty {
    /// The delay of the response.
    pub delay: Duration,
    /// Seconds to wait before the next login, if there were too many failures.
    pub limited: Option<u64>,
}

/// A reserved time at which a login may be verified.
#[derive(Debug)]
pub struct Reservation {
    /// The time until then.
    pub wait: Duration,
    attempt: Attempt,
    reserved: Arc<Mutex<HashSet<Attempt>>>,
}

/// Too many logins are in progress; retry after this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited(pub u64);

/// Counts and limits logins.
pub struct LoginGuard {
    settings: Settings,
    hasher: RandomState,
    accounts: Mutex<Counts>,
    addresses: Mutex<Counts>,
    proven: DigestMemory<()>,
    reserved: Arc<Mutex<HashSet<Attempt>>>,
    turns: Slots,
}

type Counts = HashMap<u64, Count>;

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
    /// The next time at which the account may be verified.
    next: Instant,
}

impl LoginGuard {
    /// A guard that verifies `at_once` passwords at the same time.
    ///
    /// # Errors
    /// The system's random number generator failed.
    pub fn new(settings: &Settings, at_once: usize) -> Result<Self, ring::error::Unspecified> {
        Ok(LoginGuard {
            settings: settings.clone(),
            hasher: RandomState::new(),
            accounts: Mutex::default(),
            addresses: Mutex::default(),
            proven: DigestMemory::new(PROVEN_FOR, PROVEN)?,
            reserved: Arc::default(),
            turns: Slots::new(Limits {
                total: at_once,
                group: at_once,
                member: at_once,
                waiting: WAITING,
            }),
        })
    }

    /// A login to the account of this name from an address in this network. The account is the same whatever
    /// organization the name has.
    pub fn attempt(&self, name: &str, network: &str) -> Attempt {
        let bare = name.rsplit_once('@').map_or(name, |(bare, _)| bare);
        Attempt {
            account: self.hasher.hash_one(lookup_key(bare)),
            network: self.hasher.hash_one(network),
        }
    }

    /// Whether the account has had so many wrong passwords that a login from this address is subject to its
    /// rate.
    pub fn must_pace(&self, attempt: Attempt, now: Instant) -> bool {
        let accounts = locked(&self.accounts);
        let count = accounts.get(&attempt.account);
        let over = count.is_some_and(|count| {
            count.failures > self.settings.login_failures_per_account && !self.is_over(count, now)
        });
        drop(accounts);
        over && self
            .proven
            .recall(&attempt.parts().each_ref().map(String::as_str), now)
            .is_none()
    }

    /// Reserves the next time at which the account may be verified.
    ///
    /// # Errors
    /// It is too far away, or this address already has a reservation.
    pub fn reserve(&self, attempt: Attempt, now: Instant) -> Result<Reservation, Limited> {
        let mut accounts = locked(&self.accounts);
        let Some(count) = accounts.get_mut(&attempt.account) else {
            return Ok(self.reservation(attempt, Duration::ZERO));
        };
        let over = count
            .failures
            .saturating_sub(self.settings.login_failures_per_account);
        let interval = Duration::from_secs(1 + u64::from(over / 10)).min(LONGEST_PACE / 2);
        let wait = count.next.saturating_duration_since(now);
        let again = Limited(wait.max(interval).as_secs().max(1));
        if wait > LONGEST_PACE || !locked(&self.reserved).insert(attempt) {
            return Err(again);
        }
        count.next = now + wait + interval;
        Ok(self.reservation(attempt, wait))
    }

    fn reservation(&self, attempt: Attempt, wait: Duration) -> Reservation {
        Reservation {
            wait,
            attempt,
            reserved: Arc::clone(&self.reserved),
        }
    }

    /// Waits until the password of this login may be verified. Addresses take turns, and so do the accounts
    /// of an address.
    ///
    /// # Errors
    /// The turn did not come in time.
    pub async fn turn(&self, attempt: Attempt) -> Result<Slot, Limited> {
        let group = format!("{:x}", attempt.network);
        let member = format!("{:x}", attempt.account);
        let turn = self.turns.take(&group, &member, LONGEST_TURN).await;
        turn.map_err(|NoSlot| Limited(5))
    }

    /// Records a right password.
    pub fn succeeded(&self, attempt: Attempt, now: Instant) {
        self.proven
            .remember(&attempt.parts().each_ref().map(String::as_str), (), now);
    }

    /// Records a wrong password.
    pub fn failed(&self, attempt: Attempt, now: Instant) -> Penalty {
        let account = self.count(&self.accounts, attempt.account, now);
        let address = self.count(&self.addresses, attempt.network, now);
        self.penalty(account, address)
    }

    /// Records a wrong token, which belongs to no account.
    pub fn token_failed(&self, network: &str, now: Instant) -> Penalty {
        let network = self.hasher.hash_one(network);
        let address = self.count(&self.addresses, network, now);
        self.penalty(0, address)
    }

    fn penalty(&self, account: u32, address: u32) -> Penalty {
        let Settings {
            login_failures_per_account,
            login_failures_per_address,
            ..
        } = self.settings;
        let limited = account > login_failures_per_account || address > login_failures_per_address;
        // The first half of the allowed failures is not delayed: people mistype.
        let beyond = |failures: u32, limit: u32| failures.saturating_sub(limit / 2).min(4);
        let beyond = beyond(account, login_failures_per_account)
            .max(beyond(address, login_failures_per_address));
        let delay = match beyond {
            0 => Duration::ZERO,
            beyond => Duration::from_millis(125 << beyond).min(LONGEST_DELAY),
        };
        Penalty {
            delay,
            limited: limited.then_some(10),
        }
    }

    /// Counts a failure; returns the number of failures.
    fn count(&self, counts: &Mutex<Counts>, key: u64, now: Instant) -> u32 {
        let mut counts = locked(counts);
        if counts.len() >= CAPACITY && !counts.contains_key(&key) {
            self.evict(&mut counts, now);
        }
        let fresh = Count {
            failures: 0,
            last: now,
            next: now,
        };
        let count = counts.entry(key).or_insert(fresh);
        if self.is_over(count, now) {
            *count = fresh;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        count.failures
    }

    /// Whether the last failure is too old to count.
    fn is_over(&self, count: &Count, now: Instant) -> bool {
        let window = Duration::from_secs(self.settings.login_window_seconds);
        now.saturating_duration_since(count.last) >= window
    }

    /// Removes expired counts, or else the one with the oldest failure.
    fn evict(&self, counts: &mut Counts, now: Instant) {
        counts.retain(|_, count| !self.is_over(count, now));
        if counts.len() < CAPACITY {
            return;
        }
        let oldest = counts.iter().min_by_key(|(_, count)| count.last);
        if let Some((&key, _)) = oldest {
            counts.remove(&key);
        }
    }
}

impl std::fmt::Debug for LoginGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginGuard")
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        locked(&self.reserved).remove(&self.attempt);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> LoginGuard {
        LoginGuard::new(&Settings::default(), 1).unwrap()
    }

    fn fail(guard: &LoginGuard, times: u32, attempt: Attempt, now: Instant) -> Penalty {
        let last = (0..times).map(|_| guard.failed(attempt, now)).last();
        last.unwrap()
    }

    #[test]
    fn delay_grows_until_the_limit() {
        let (guard, now) = (guard(), Instant::now());
        let attempt = guard.attempt("ann", "192.0.2.1");
        let first = fail(&guard, 5, attempt, now);
        assert_eq!((first.delay, first.limited), (Duration::ZERO, None));
        let next = guard.failed(attempt, now);
        assert_eq!(next.delay, Duration::from_millis(250));
        let limited = fail(&guard, 5, attempt, now);
        assert_eq!((limited.delay, limited.limited), (LONGEST_DELAY, Some(10)));
        let later = now + Duration::from_secs(Settings::default().login_window_seconds);
        assert_eq!(guard.failed(attempt, later).delay, Duration::ZERO);
    }

    #[test]
    fn address_with_many_accounts_is_limited_and_its_accounts_are_not_paced() {
        let (guard, now) = (guard(), Instant::now());
        let limit = Settings::default().login_failures_per_address;
        let names = 0..=limit;
        let last = names.map(|name| {
            let attempt = guard.attempt(&format!("name{name}"), "192.0.2.1");
            guard.failed(attempt, now)
        });
        assert_eq!(last.last().unwrap().limited, Some(10));
        assert!(!guard.must_pace(guard.attempt("ann", "192.0.2.1"), now));
        assert_eq!(guard.token_failed("192.0.2.1", now).limited, Some(10));
        assert_eq!(guard.token_failed("192.0.2.2", now).limited, None);
    }

    #[test]
    fn attacked_account_is_verified_at_a_rate_shared_by_addresses() {
        let (guard, now) = (guard(), Instant::now());
        let attacker = guard.attempt("Ann", "192.0.2.1");
        fail(&guard, 11, attacker, now);
        assert!(guard.must_pace(attacker, now));
        let held = guard.reserve(attacker, now).unwrap();
        assert_eq!(held.wait, Duration::ZERO);
        assert!(
            guard.reserve(attacker, now).is_err(),
            "an address has one reservation at a time"
        );
        let owner = guard.attempt("ann", "198.51.100.7");
        assert!(guard.must_pace(owner, now));
        let own = guard.reserve(owner, now).unwrap();
        assert_eq!(own.wait, Duration::from_secs(1));
        drop(held);
        assert!(guard.reserve(attacker, now).is_ok());
        guard.succeeded(owner, now);
        assert!(
            !guard.must_pace(owner, now),
            "the account has logged in from this address before"
        );
        assert!(guard.must_pace(attacker, now));
    }

    #[test]
    fn counts_are_limited() {
        let (guard, mut now) = (guard(), Instant::now());
        for name in 0..CAPACITY + 500 {
            now += Duration::from_micros(1);
            let network = format!("10.0.{}.{}", name / 256, name % 256);
            guard.failed(guard.attempt(&format!("{name}"), &network), now);
        }
        assert_eq!(locked(&guard.accounts).len(), CAPACITY);
        assert_eq!(locked(&guard.addresses).len(), CAPACITY);
    }
}
