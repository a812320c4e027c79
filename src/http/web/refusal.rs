//! Why a request is refused or fails, in words for a reader.

use actix_web::http::StatusCode;

use crate::http::form_reader::FormError;
use crate::http::intake::Unserved;
use crate::http::login::{self, Refused};
use crate::import::error::ImportError;
use crate::import::job_error::JobError;
use crate::users::domains::UnknownDomain;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// A refusal or a failure.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub text: String,
    /// Seconds after which a retry may succeed.
    pub retry_after: Option<u64>,
    /// The allowed methods, for 405.
    pub allow: Option<String>,
    /// Whether signing in would help.
    pub sign_in: bool,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Refusal {
            status,
            code,
            text: text.into(),
            retry_after: None,
            allow: None,
            sign_in: false,
        }
    }

    /// A field of a form is invalid.
    pub fn field(text: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "IMP-FIELD", text)
    }

    /// There is no page at the address.
    pub fn not_found() -> Self {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "IMP-HTTP-NOT-FOUND",
            "There is no page at this address.",
        )
    }

    /// There is no such import in the operator's organization.
    pub fn no_such_import() -> Self {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "IMP-IMPORT-UNKNOWN",
            "There is no such import in this organization.",
        )
    }

    /// The uploaded file is not there, or belongs to another session.
    pub fn no_such_draft() -> Self {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "IMP-PORTAL-FILE-GONE",
            "The uploaded file is no longer here: it was imported or discarded, its session ended, or it was not \
             used for an hour. Upload it again.",
        )
    }

    /// The request has no session, or the session has ended.
    pub fn not_signed_in() -> Self {
        Refusal {
            sign_in: true,
            ..Refusal::new(
                StatusCode::UNAUTHORIZED,
                "IMP-ACCESS-NONE",
                "Sign in first; your session may have ended.",
            )
        }
    }

    /// The form's token is not that of the session.
    pub fn stale_form() -> Self {
        Refusal::new(
            StatusCode::FORBIDDEN,
            "IMP-PORTAL-FORM",
            "This form belongs to another session, so nothing was changed. Load the page again and repeat the entry.",
        )
    }

    fn internal(code: &'static str) -> Self {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code,
            "The server failed; its log has the cause.",
        )
    }
}

/// A sentence as it stands on a page: with a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let mut sentence: String = match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => return String::new(),
    };
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        ImportError::Store(error).into()
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        let code = error.code();
        let text = sentence(&error.to_string());
        let retry_after = error.retry_after();
        let with = |status, text| Refusal {
            retry_after,
            ..Refusal::new(status, code, text)
        };
        match error {
            ImportError::Wire(error) => error.into(),
            ImportError::Format(_)
            | ImportError::Header(_)
            | ImportError::TooManyProblems { .. }
            | ImportError::OtherContent
            | ImportError::PasswordColumn
            | ImportError::Selection
            | ImportError::NotClean { .. } => with(StatusCode::UNPROCESSABLE_ENTITY, text),
            ImportError::Cancelled | ImportError::Overtaken => with(StatusCode::CONFLICT, text),
            ImportError::Store(StoreError::Full) | ImportError::Sorting(_) => {
                with(StatusCode::INSUFFICIENT_STORAGE, text)
            }
            ImportError::Store(StoreError::TooManyScans { .. }) => {
                with(StatusCode::TOO_MANY_REQUESTS, text)
            }
            ImportError::Store(
                StoreError::Busy
                | StoreError::Closed
                | StoreError::Recovering
                | StoreError::Uncertain
                | StoreError::NoResources,
            )
            | ImportError::MemoryBusy { .. }
            | ImportError::Stopping => with(StatusCode::SERVICE_UNAVAILABLE, text),
            ImportError::Store(
                StoreError::NewerSchema { .. } | StoreError::Failed(_) | StoreError::Unusable(_),
            )
            | ImportError::Hash(_)
            | ImportError::GeneratedPasswords(_) => Refusal::internal(code),
        }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        let status = match &error {
            WireError::Io(cause) => {
                tracing::error!(error = %cause, "a request could not be read");
                return Refusal::internal(error.code());
            }
            WireError::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            WireError::HttpStalled { .. } => StatusCode::REQUEST_TIMEOUT,
            WireError::HttpTooLarge { .. } | WireError::SpoolFull { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            _ => StatusCode::BAD_REQUEST,
        };
        let text = match &error {
            WireError::SpoolFull { limit } => {
                format!("The file is larger than the limit of {limit} bytes; split it.")
            }
            other => sentence(&other.to_string()),
        };
        Refusal::new(status, error.code(), text)
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Wire(error) => error.into(),
            FormError::Field { code, detail } => {
                Refusal::new(StatusCode::BAD_REQUEST, code, detail)
            }
        }
    }
}

impl From<JobError> for Refusal {
    fn from(error: JobError) -> Self {
        let (code, text) = (error.code(), sentence(&error.to_string()));
        match error {
            JobError::Import(failure) => failure.error.into(),
            JobError::Busy { seconds } => Refusal {
                retry_after: Some(seconds),
                ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, text)
            },
            JobError::NoSuchImport(_) => Refusal::no_such_import(),
            JobError::Store(error) => error.into(),
            JobError::Domain(_)
            | JobError::Key
            | JobError::KeyAndEdits
            | JobError::KeyAndPasswords => Refusal::new(StatusCode::BAD_REQUEST, code, text),
            JobError::KeyReused { .. }
            | JobError::NotQueued { .. }
            | JobError::StillRunning(_)
            | JobError::AlreadyUndone(_) => Refusal::new(StatusCode::CONFLICT, code, text),
        }
    }
}

impl From<UnknownDomain> for Refusal {
    fn from(error: UnknownDomain) -> Self {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "IMP-DOMAIN",
            sentence(&error.to_string()),
        )
    }
}

impl From<Unserved> for Refusal {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Busy { seconds } => JobError::Busy { seconds }.into(),
            Unserved::Failed(failed) => StoreError::from(failed).into(),
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoCredentials | Refused::OtherScheme | Refused::InvalidToken => {
                Refusal::not_signed_in()
            }
            Refused::Wrong => Refusal::new(
                StatusCode::UNAUTHORIZED,
                "IMP-ACCESS-CREDENTIALS",
                "The name or the password is wrong.",
            ),
            Refused::Limited { seconds } => Refusal {
                retry_after: Some(seconds),
                ..Refusal::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    login::LIMITED_CODE,
                    login::limited_detail(seconds),
                )
            },
            Refused::Failed(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_and_end_as_such() {
        assert_eq!(sentence("the file is empty"), "The file is empty.");
        assert_eq!(sentence("Is it?"), "Is it?");
        assert_eq!(sentence("élan"), "Élan.");
        assert_eq!(sentence(""), "");
    }
}
