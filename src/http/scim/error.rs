//! Maps every failure to a SCIM error (RFC 7644 §3.12).

use actix_web::http::StatusCode;
use serde_json::{Map, Value};

use crate::http::blocking::Failed;
use crate::http::challenge::Challenge;
use crate::http::intake::Unserved;
use crate::http::login::{self, Refused};
use crate::import::job_error::JobError;
use crate::provision::error::ProvisionError;
use crate::scim::error::ScimError;
use crate::users::store_error::StoreError;

/// URN of the message.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Seconds after which a full disk may have free space again.
const FULL_RETRY: u64 = 60;

/// An error and the header fields of its answer.
#[derive(Debug)]
pub struct Failure {
    /// The error.
    pub error: ScimError,
    /// `WWW-Authenticate` for a 401.
    pub challenge: Option<Challenge>,
    /// `Allow` for a 405.
    pub allow: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// An error without a keyword.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        ScimError::new(status.as_u16(), detail).into()
    }

    /// The body.
    pub fn body(&self) -> Value {
        body(&self.error)
    }
}

/// An error as a message.
pub fn body(error: &ScimError) -> Value {
    let mut body = Map::new();
    body.insert("schemas".into(), vec![ERROR].into());
    body.insert("status".into(), error.status.to_string().into());
    if let Some(scim_type) = error.scim_type {
        body.insert("scimType".into(), scim_type.as_str().into());
    }
    body.insert("detail".into(), error.detail.as_str().into());
    body.into()
}

impl From<ScimError> for Failure {
    fn from(error: ScimError) -> Self {
        Failure {
            // Only a full disk has this status.
            retry_after: (error.status == 507).then_some(FULL_RETRY),
            error,
            challenge: None,
            allow: None,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let detail = match &refused {
            Refused::NoCredentials => {
                "Authorization failure. Authorization information was invalid or missing from your \
                 request: send the name and password of an operator (Basic), or a token (Bearer)."
            }
            Refused::OtherScheme => "The supported authentication schemes are Basic and Bearer.",
            Refused::Wrong => "The name or the password is wrong.",
            Refused::InvalidToken => "The token is unknown, revoked or expired.",
            Refused::Limited { seconds } => {
                return Failure {
                    retry_after: Some(*seconds),
                    ..Failure::new(
                        StatusCode::TOO_MANY_REQUESTS,
                        login::limited_detail(*seconds),
                    )
                };
            }
            Refused::Failed(error) => return store(error),
        };
        let challenge = refused.challenge();
        Failure {
            challenge,
            ..Failure::new(StatusCode::UNAUTHORIZED, detail)
        }
    }
}

impl From<Unserved> for Failure {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Busy { seconds } => job(JobError::Busy { seconds }),
            Unserved::Failed(Failed::NoResources) => store(&StoreError::NoResources),
            Unserved::Failed(Failed::Died) => {
                tracing::error!(error = %unserved, "a call's task died");
                Failure::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The call failed; see the server's log.",
                )
            }
        }
    }
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Refused(error) => error.into(),
            ProvisionError::Store(error) => store(&error),
            ProvisionError::Hash(error) => {
                tracing::error!(%error, "a password could not be hashed");
                Failure {
                    retry_after: Some(5),
                    ..Failure::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "A password could not be hashed; see the server's log.",
                    )
                }
            }
            ProvisionError::Job(error) => job(error),
        }
    }
}

fn job(error: JobError) -> Failure {
    let status = match &error {
        JobError::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
        JobError::KeyReused { .. } | JobError::StillRunning(_) | JobError::AlreadyUndone(_) => {
            StatusCode::CONFLICT
        }
        JobError::Key
        | JobError::KeyAndPasswords
        | JobError::KeyAndEdits
        | JobError::NotQueued { .. } => StatusCode::BAD_REQUEST,
        JobError::NoSuchImport(_) | JobError::Domain(_) => StatusCode::NOT_FOUND,
        JobError::Store(error) => return store(error),
        JobError::Import(failure) if failure.error.is_full() => return full(),
        JobError::Import(failure) => {
            tracing::error!(%failure, "a bulk request ended early");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let retry_after = match &error {
        JobError::Busy { seconds } => Some(*seconds),
        _ => None,
    };
    Failure {
        retry_after,
        ..Failure::new(status, error.to_string())
    }
}

/// The disk is full.
pub fn full() -> Failure {
    Failure::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "The disk of the user store is full; nothing was changed. Try again after the administrator has freed \
         space.",
    )
}

/// A failure of the store; its own message is only logged.
pub fn store(error: &StoreError) -> Failure {
    tracing::error!(%error, "the store failed");
    match error {
        StoreError::Full => full(),
        StoreError::Busy | StoreError::Closed | StoreError::Recovering => Failure {
            retry_after: Some(5),
            ..Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The store cannot be written to at the moment; try again later.",
            )
        },
        StoreError::Uncertain => Failure {
            retry_after: Some(5),
            ..Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("IMP-STORE-UNCERTAIN: {error}"),
            )
        },
        StoreError::NoResources => Failure {
            retry_after: Some(5),
            ..Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
        },
        StoreError::TooManyScans { seconds } => Failure {
            retry_after: Some(*seconds),
            ..Failure::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
        },
        StoreError::NewerSchema { .. } | StoreError::Unusable(_) | StoreError::Failed(_) => {
            Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The store failed; see the server's log.",
            )
        }
    }
}
