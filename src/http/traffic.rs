//! The limits on requests in progress, shared by every front end: how many are processed at once and in which order,
//! how fast a body must arrive, and how much is read from an unauthenticated sender.
//!
//! Waiting requests hold no thread and read nothing further of their bodies, which slows their senders down.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::dev::RequestHead;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::access::gate::Caller;
use crate::http::client_address::ClientAddress;
use crate::http::pace::PaceMeter;
use crate::http::settings::Settings;
use crate::slots::{Limits, Slot, Slots};

/// Becomes true when the server stops.
pub type StopSignal = watch::Receiver<bool>;

/// Maximum number of requests that wait for a slot, of each kind.
const WAITING: usize = 8_192;

/// Seconds after which a request that got no slot should be retried.
const RETRY_SECONDS: u64 = 5;

/// The limits of a server.
#[derive(Debug)]
pub struct Traffic {
    /// Becomes true when the server stops.
    pub stop: StopSignal,
    pace: PaceMeter,
    wait: Duration,
    small: Slots,
    long: Slots,
    unauthenticated: Slots,
    unauthenticated_time: Duration,
    address: ClientAddress,
}

/// The size of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// It is in memory: the work does not wait for the sender.
    Small,
    /// It arrives while it is processed.
    Long,
}

/// On whose behalf a request is processed.
#[derive(Debug, Clone, Default)]
pub struct OnBehalf {
    /// The organization that the caller acts in.
    pub organization: String,
    /// The caller's name.
    pub operator: String,
}

impl From<&Caller> for OnBehalf {
    fn from(caller: &Caller) -> Self {
        OnBehalf {
            organization: caller.organization.clone(),
            operator: caller.name.clone(),
        }
    }
}

/// No slot became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Seconds after which to retry.
    pub seconds: u64,
}

impl Traffic {
    /// The limits in the settings, with `slots` concurrent long requests.
    ///
    /// # Errors
    /// The message for the user: a trusted proxy's address is invalid.
    pub fn new(settings: &Settings, slots: usize, stop: StopSignal) -> Result<Self, String> {
        Ok(Traffic {
            stop,
            pace: PaceMeter::new(settings.pace()),
            wait: Duration::from_secs(settings.slot_seconds),
            small: Slots::new(shares(settings.small_requests)),
            long: Slots::new(shares(slots)),
            unauthenticated: Slots::new(Limits {
                total: settings.unauthenticated_requests,
                group: settings.unauthenticated_requests_per_address,
                member: settings.unauthenticated_requests_per_address,
                waiting: WAITING,
            }),
            unauthenticated_time: Duration::from_secs(settings.unauthenticated_seconds),
            address: ClientAddress::new(&settings.trusted_proxies)?,
        })
    }

    /// Waits for a slot for a request of this size.
    ///
    /// # Errors
    /// None became free in time.
    pub async fn acquire_slot(&self, size: Size, by: &OnBehalf) -> Result<Slot, Busy> {
        let slots = match size {
            Size::Small => &self.small,
            Size::Long => &self.long,
        };
        slots
            .take(&by.organization, &by.operator, self.wait)
            .await
            .map_err(|_| Busy {
                seconds: RETRY_SECONDS,
            })
    }

    /// Waits for a slot to read a request from this address whose sender is unknown, and returns the deadline by
    /// which the sender must be known.
    ///
    /// # Errors
    /// Too many such requests are in progress.
    pub async fn unauthenticated(&self, address: IpAddr) -> Result<(Slot, Instant), Busy> {
        let group = network(address);
        let slot = self
            .unauthenticated
            .take(&group, "", self.unauthenticated_time)
            .await
            .map_err(|_| Busy {
                seconds: RETRY_SECONDS,
            })?;
        Ok((slot, Instant::now() + self.unauthenticated_time))
    }

    /// The client's address, as far as it can be trusted.
    pub fn address_of(&self, head: &RequestHead) -> IpAddr {
        self.address.of(head)
    }

    /// A meter for the pace of one body.
    pub fn meter(&self) -> PaceMeter {
        self.pace
    }
}

/// One operator gets at most half of the slots, one organization three quarters, so that some remain for others.
fn shares(total: usize) -> Limits {
    Limits {
        total,
        group: (total * 3 / 4).max(1),
        member: (total / 2).max(1),
        waiting: WAITING,
    }
}

/// The group of an address: an IPv4 address itself, or the 64-bit prefix of an IPv6 address, which identifies one
/// network (RFC 4291 §2.5.4).
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_leave_slots_for_others() {
        let of = |total| (shares(total).group, shares(total).member);
        assert_eq!(
            (of(64), of(4), of(2), of(1)),
            ((48, 32), (3, 2), (1, 1), (1, 1))
        );
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
