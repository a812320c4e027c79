//! Logging a caller in by name and password, or by a token: what every front end does, whether the credentials came
//! in the HTTP head or in an envelope.
//!
//! A credential that was right a short while ago passes at once. Any other is verified in its turn, and the answer to
//! a wrong one comes late, in a time that does not tell whether the account exists.

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

/// Where credentials came from, and how.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Over which channel.
    pub channel: Channel,
    /// How.
    pub method: Method,
    /// From which address.
    pub address: IpAddr,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl Origin {
    /// The caller, as who made this request.
    pub fn made_by(&self, caller: Caller) -> Caller {
        Caller {
            request_id: self.request_id.clone(),
            ..caller
        }
    }
}

/// Why a caller is not let in.
#[derive(Debug)]
pub enum Refused {
    /// No credentials, or not all of them: the caller is to send them.
    NoCredentials,
    /// Another scheme than Basic and Bearer.
    OtherScheme,
    /// The credentials are wrong.
    Wrong,
    /// The bearer token is unknown, revoked or expired.
    InvalidToken,
    /// There were too many wrong ones for this account or from this address, or too many logins are under way.
    Limited {
        /// Seconds after which to come back.
        seconds: u64,
    },
    /// It could not be found out.
    Failed(StoreError),
}

/// The stable code of [`Refused::Limited`].
pub const LIMITED_CODE: &str = "IMP-LOGIN-LIMIT";

/// What a caller is told who is limited.
pub fn limited_detail(seconds: u64) -> String {
    format!(
        "There were too many logins with a wrong password for this account or from this address, or too many are \
         under way; check the name and the password, and try again in {seconds} s."
    )
}

impl Refused {
    /// What the 401 asks for; none when it is not a 401.
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
        // Asked again behind each wait: meanwhile the same credential may have been verified.
        let acting = match app.gate.recall(&credentials).map_err(Refused::Failed)? {
            Recalled::Caller(caller) => return Ok(origin.made_by(caller)),
            Recalled::Wrong => {
                drop(turn);
                return Err(wrong(app, &credentials.name, origin).await);
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
        // The turn lasts as long as the work, whether the caller still waits for it or not.
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
            return Err(wrong(app, &name, origin).await);
        };
        guard.succeeded(attempt, Instant::now());
        return Ok(origin.made_by(caller));
    }
}

/// The caller with this bearer token.
///
/// # Errors
/// There is no such token, or too many wrong ones came from there.
pub async fn by_token(
    app: &web::Data<App>,
    token: &Secret,
    origin: &Origin,
) -> Result<Caller, Refused> {
    let found = app.gate.bearer(token, app.clock.now());
    if let Some(caller) = found.map_err(Refused::Failed)? {
        return Ok(origin.made_by(caller));
    }
    note(app, String::new(), origin);
    let network = network(origin.address);
    let penalty = app.gate.guard.token_failed(&network, Instant::now());
    Err(held_back(penalty, Refused::InvalidToken).await)
}

/// Notes that a login to `name` was wrong, and answers in its time what the caller is told.
pub async fn wrong(app: &App, name: &str, origin: &Origin) -> Refused {
    note(app, name.to_owned(), origin);
    let guard = &app.gate.guard;
    let attempt = guard.attempt(name, &network(origin.address));
    held_back(guard.failed(attempt, Instant::now()), Refused::Wrong).await
}

/// For the audit.
fn note(app: &App, name: String, origin: &Origin) {
    app.failed_logins.note(FailedLogin {
        name,
        channel: origin.channel,
        method: origin.method,
        address: Some(origin.address),
        request_id: origin.request_id.clone(),
    });
}

async fn held_back(penalty: Penalty, refused: Refused) -> Refused {
    tokio::time::sleep(penalty.delay).await;
    match penalty.limited {
        Some(seconds) => Refused::Limited { seconds },
        None => refused,
    }
}
