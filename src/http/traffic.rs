//! What bounds the requests that are under way, shared by every front end: how many of them work at once and in
//! whose turn, how fast a body has to come, and how much is read of a sender who has not said who it is.
//!
//! Whatever waits here waits without a thread and reads nothing further of its body, so that the sender waits too.

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

/// Turns to true when the server stops.
pub type StopSignal = watch::Receiver<bool>;

/// Requests that may wait for a slot, of each kind.
const WAITING: usize = 8_192;

/// After how many seconds a request that got no slot is worth another try.
const COME_BACK: u64 = 5;

/// The bounds of a server.
#[derive(Debug)]
pub struct Traffic {
    /// Turns to true when the server stops.
    pub stop: StopSignal,
    pace: PaceMeter,
    wait: Duration,
    small: Slots,
    long: Slots,
    unauthenticated: Slots,
    unauthenticated_time: Duration,
    address: ClientAddress,
}

/// How large the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// It is all in memory: the work does not wait for the sender.
    Small,
    /// It comes while it is worked on.
    Long,
}

/// In whose turn a request works.
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
    /// Seconds after which another try is worth it.
    pub seconds: u64,
}

impl Traffic {
    /// The bounds that the settings ask for, with `slots` long requests at once.
    ///
    /// # Errors
    /// A sentence: a trusted proxy's address cannot be read.
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

    /// Waits for the turn of a request of this size.
    ///
    /// # Errors
    /// It did not come in time.
    pub async fn turn(&self, size: Size, by: &OnBehalf) -> Result<Slot, Busy> {
        let slots = match size {
            Size::Small => &self.small,
            Size::Long => &self.long,
        };
        slots
            .take(&by.organization, &by.operator, self.wait)
            .await
            .map_err(|_| Busy { seconds: COME_BACK })
    }

    /// Waits until a request from this address may be read whose sender is not known yet, and answers until when
    /// it has to have said who it is.
    ///
    /// # Errors
    /// Too many such requests are under way.
    pub async fn unauthenticated(&self, address: IpAddr) -> Result<(Slot, Instant), Busy> {
        let group = network(address);
        let slot = self
            .unauthenticated
            .take(&group, "", self.unauthenticated_time)
            .await
            .map_err(|_| Busy { seconds: COME_BACK })?;
        Ok((slot, Instant::now() + self.unauthenticated_time))
    }

    /// The address that a request came from, as far as it can be trusted.
    pub fn address_of(&self, head: &RequestHead) -> IpAddr {
        self.address.of(head)
    }

    /// Measures the pace of a body.
    pub fn meter(&self) -> PaceMeter {
        self.pace
    }
}

/// One operator gets half of the slots at the most, one organization three quarters, so that others find some.
fn shares(total: usize) -> Limits {
    Limits {
        total,
        group: (total * 3 / 4).max(1),
        member: (total / 2).max(1),
        waiting: WAITING,
    }
}

/// The addresses that count as one: an IPv4 address, and the 64 bits of an IPv6 address that one network has
/// (RFC 4291 §2.5.4).
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
    fn shares_leave_something_to_others_where_there_is_something() {
        let of = |total| (shares(total).group, shares(total).member);
        assert_eq!(
            (of(64), of(4), of(2), of(1)),
            ((48, 32), (3, 2), (1, 1), (1, 1))
        );
    }

    #[test]
    fn one_network_of_ipv6_counts_as_one_address() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
