//! Authenticates a caller by name and password, or by a token. It is shared by all front ends, for credentials in the
//! HTTP head as well as in an envelope.
//!
//! Credentials that were verified recently are accepted at once. Others are verified in turn, and wrong ones are
//! answered after a delay that does not reveal whether the account exists.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::{rt, web};
use tracing::Instrument;

use crate::access::basic::Credentials;
use crate::access::failed_logins::{FailedLogin, Method};
use crate::access::gate::{Caller, Recalled};
use crate::access::login_guard::{Limited, Penalty};
use crate::app::App;
use crate::http::blocking::{self, Failed};
use crate::http::challenge::Challenge;
use crate::http::traffic::network;
use crate::passwords::secret::Secret;
use crate::users::channel::Channel;
use crate::users::store_error::StoreError;

/// The origin of credentials.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The channel.
    pub channel: Channel,
    /// The authentication method.
    pub method: Method,
    /// The client's address.
    pub address: IpAddr,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl Origin {
    /// The caller with the id of this request.
    pub fn with_request_id(&self, caller: Caller) -> Caller {
        Caller {
            request_id: self.request_id.clone(),
            ..caller
        }
    }
}

/// Why a caller is refused.
#[derive(Debug)]
pub enum Refused {
    /// No credentials, or incomplete ones: the caller should send them.
    NoCredentials,
    /// A scheme other than Basic and Bearer.
    OtherScheme,
    /// The credentials are wrong.
    Wrong,
    /// The bearer token is unknown, revoked or expired.
    InvalidToken,
    /// Too many wrong credentials for this account or from this address, or too many logins in progress.
    Limited {
        /// Seconds after which to retry.
        seconds: u64,
    },
    /// The credentials could not be verified.
    Failed(StoreError),
}

/// The stable code of [`Refused::Limited`].
pub const LIMITED_CODE: &str = "IMP-LOGIN-LIMIT";

/// The message for a limited caller.
pub fn limited_detail(seconds: u64) -> String {
    format!(
        "Too many logins with a wrong password for this account or from this address, or too many logins in \
         progress; check the name and the password, and retry in {seconds} s."
    )
}

impl Refused {
    /// The challenge of a 401; none for other statuses.
    pub fn challenge(&self) -> Option<Challenge> {
        match self {
            Refused::NoCredentials | Refused::OtherScheme | Refused::Wrong => {
                Some(Challenge::Credentials)
            }
            Refused::InvalidToken => Some(Challenge::InvalidToken),
            Refused::Limited { .. } | Refused::Failed(_) => None,
        }
    }
}

impl From<Limited> for Refused {
    fn from(Limited(seconds): Limited) -> Self {
        Refused::Limited { seconds }
    }
}

/// The caller with these credentials.
///
/// # Errors
/// The credentials are wrong, or the login is limited.
pub async fn by_password(
    app: &web::Data<App>,
    credentials: Credentials,
    origin: &Origin,
) -> Result<Caller, Refused> {
    let guard = &app.gate.guard;
    let (mut pace, mut turn) = (None, None);
    loop {
        // Repeated after each wait: the same credentials may have been verified meanwhile.
        let acting = match app.gate.recall(&credentials).map_err(Refused::Failed)? {
            Recalled::Caller(caller) => return Ok(origin.with_request_id(caller)),
            Recalled::Wrong => {
                drop(turn);
                return Err(reject_wrong(app, &credentials.name, origin).await);
            }
            Recalled::Unknown(acting) => acting,
        };
        let attempt = guard.attempt(&credentials.name, &network(origin.address));
        if pace.is_none() && guard.must_pace(attempt, Instant::now()) {
            drop(turn.take());
            let reserved = guard.reserve(attempt, Instant::now())?;
            tokio::time::sleep(reserved.wait).await;
            pace = Some(reserved);
            continue;
        }
        let Some(turn) = turn.take() else {
            turn = Some(guard.turn(attempt).await?);
            continue;
        };
        let (shared, name) = (app.clone(), credentials.name.clone());
        // The turn is held until the work ends, even if the caller has disconnected.
        let verifying = async move {
            let _turn = turn;
            blocking::run(move || shared.gate.verify(&credentials, acting)).await
        };
        let verified = rt::spawn(verifying.in_current_span())
            .await
            .unwrap_or(Err(Failed::Died))
            .map_err(|failed| Refused::Failed(failed.into()))?
            .map_err(Refused::Failed)?;
        let Some(caller) = verified else {
            return Err(reject_wrong(app, &name, origin).await);
        };
        guard.succeeded(attempt, Instant::now());
        return Ok(origin.with_request_id(caller));
    }
}

/// The caller with this bearer token.
///
/// # Errors
/// There is no such token, or too many wrong ones came from this address.
pub async fn by_token(
    app: &web::Data<App>,
    token: &Secret,
    origin: &Origin,
) -> Result<Caller, Refused> {
    let found = app.gate.bearer(token, app.clock.now());
    if let Some(caller) = found.map_err(Refused::Failed)? {
        return Ok(origin.with_request_id(caller));
    }
    record(app, String::new(), origin);
    let network = network(origin.address);
    let penalty = app.gate.guard.token_failed(&network, Instant::now());
    Err(apply_penalty(penalty, Refused::InvalidToken).await)
}

/// Records a failed login to `name`, and returns the refusal after the delay.
pub async fn reject_wrong(app: &App, name: &str, origin: &Origin) -> Refused {
    record(app, name.to_owned(), origin);
    let guard = &app.gate.guard;
    let attempt = guard.attempt(name, &network(origin.address));
    apply_penalty(guard.failed(attempt, Instant::now()), Refused::Wrong).await
}

/// Records the failed login for the audit log.
fn record(app: &App, name: String, origin: &Origin) {
    app.failed_logins.note(FailedLogin {
        name,
        channel: origin.channel,
        method: origin.method,
        address: Some(origin.address),
        request_id: origin.request_id.clone(),
    });
}

async fn apply_penalty(penalty: Penalty, refused: Refused) -> Refused {
    tokio::time::sleep(penalty.delay).await;
    match penalty.limited {
        Some(seconds) => Refused::Limited { seconds },
        None => refused,
    }
}
