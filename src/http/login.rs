//! Logging a caller in by name and password, or by a token: what every front end does, whether the credentials came
//! in the HTTP head or in an envelope.
//!
//! A credential that was right a short while ago passes at once. Any other is verified in its turn, and the answer to
//! a wrong one comes late, in a time that does not tell whether the account exists.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::web;

use crate::access::basic::Credentials;
use crate::access::gate::{Caller, Recalled};
use crate::access::login_guard::{Attempt, Limited, Penalty};
use crate::app::App;
use crate::http::blocking;
use crate::http::challenge::Challenge;
use crate::http::traffic::network;
use crate::users::secret::Secret;
use crate::users::store_error::StoreError;

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

/// The caller with these credentials, which came from `address`.
///
/// # Errors
/// The credentials are wrong, or the login is limited.
pub async fn by_password(
    app: &web::Data<App>,
    credentials: Credentials,
    address: IpAddr,
) -> Result<Caller, Refused> {
    let guard = &app.gate.guard;
    let attempt = guard.attempt(&credentials.name, &network(address));
    let mut pace = None;
    loop {
        match app.gate.recall(&credentials).map_err(Refused::Failed)? {
            Recalled::Caller(caller) => return Ok(caller),
            Recalled::Wrong => return Err(wrong(app, attempt).await),
            Recalled::Unknown(_) => {}
        }
        if pace.is_none() && guard.must_pace(attempt, Instant::now()) {
            let reserved = guard.reserve(attempt, Instant::now())?;
            tokio::time::sleep(reserved.wait).await;
            pace = Some(reserved);
        }
        let turn = guard.turn(attempt).await?;
        // Meanwhile the same credential may have been verified, or its account have got a pace to keep.
        let Recalled::Unknown(acting) = app.gate.recall(&credentials).map_err(Refused::Failed)?
        else {
            continue;
        };
        if pace.is_none() && guard.must_pace(attempt, Instant::now()) {
            continue;
        }
        let shared = app.clone();
        let verified = blocking::run(move || {
            // The turn lasts as long as the work, whether the caller still waits for it or not.
            let _turn = turn;
            shared.gate.verify(&credentials, acting)
        });
        let verified = verified
            .await
            .map_err(|failed| Refused::Failed(failed.into()))?
            .map_err(Refused::Failed)?;
        let Some(caller) = verified else {
            return Err(wrong(app, attempt).await);
        };
        guard.succeeded(attempt, Instant::now());
        return Ok(caller);
    }
}

/// The caller with this bearer token, which came from `address`.
///
/// # Errors
/// There is no such token, or too many wrong ones came from there.
pub async fn by_token(
    app: &web::Data<App>,
    token: &Secret,
    address: IpAddr,
) -> Result<Caller, Refused> {
    let found = app.gate.bearer(token, app.clock.now());
    if let Some(caller) = found.map_err(Refused::Failed)? {
        return Ok(caller);
    }
    let penalty = app
        .gate
        .guard
        .token_failed(&network(address), Instant::now());
    Err(held_back(penalty, Refused::InvalidToken).await)
}

/// Notes that a login to `name` from `address` was wrong, and answers in its time what the caller is told.
pub async fn refuse(app: &web::Data<App>, name: &str, address: IpAddr) -> Refused {
    wrong(app, app.gate.guard.attempt(name, &network(address))).await
}

async fn wrong(app: &App, attempt: Attempt) -> Refused {
    let penalty = app.gate.guard.failed(attempt, Instant::now());
    held_back(penalty, Refused::Wrong).await
}

async fn held_back(penalty: Penalty, refused: Refused) -> Refused {
    tokio::time::sleep(penalty.delay).await;
    match penalty.limited {
        Some(seconds) => Refused::Limited { seconds },
        None => refused,
    }
}
