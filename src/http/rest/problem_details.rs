//! Maps every failure to problem details (RFC 9457) and a status (RFC 9110 §15).
//!
//! An import that ran to its end is not a failure, even if rows failed: they are in its report.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::http::challenge::Challenge;
use crate::http::form_reader::FormError;
use crate::http::intake::{self, Body};
use crate::http::login::{self, Refused};
use crate::http::request_id;
use crate::http::rest::fields::IMPORT_FIELD;
use crate::import::error::{ImportError, ImportFailure};
use crate::import::job_error::JobError;
use crate::import::report::Report;
use crate::users::domains::UnknownDomain;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportState;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The failure of a call.
#[derive(Debug)]
pub struct ProblemDetails {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code of the failure.
    pub code: &'static str,
    /// A message that says what to do; never contains a password.
    pub detail: String,
    /// The import that it is about.
    pub import: Option<ImportId>,
    /// The report of that import, if this call was to run it.
    pub report: Option<Box<Report>>,
    /// Seconds after which a retry may succeed.
    pub retry_after: Option<u64>,
    /// The allowed methods, for 405.
    pub allow: Option<String>,
    /// The challenge of a 401.
    pub challenge: Option<Challenge>,
}

/// The JSON members, in order.
#[derive(Serialize)]
struct Members<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ImportId>,
    /// The former name of `id`, kept for existing clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<ImportId>,
    /// The request's id, as in `X-Request-Id`.
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Report>,
}

impl ProblemDetails {
    /// A problem with this status.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        ProblemDetails {
            status,
            code,
            detail: detail.into(),
            import: None,
            report: None,
            retry_after: None,
            allow: None,
            challenge: None,
        }
    }

    /// The request is invalid.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        ProblemDetails::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// An internal failure; the log has the cause.
    pub fn internal(code: &'static str, detail: impl Into<String>) -> Self {
        ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail)
    }

    /// There is no import with the id in the path.
    pub fn no_such_import(id: &str) -> Self {
        let shown: String = id.chars().take(80).collect();
        ProblemDetails::new(
            StatusCode::NOT_FOUND,
            "IMP-IMPORT-UNKNOWN",
            format!("There is no import {shown}."),
        )
    }

    /// A call with the same key was made before, and its import has not completed.
    pub fn earlier_call(report: Report) -> Self {
        let (import, state) = (report.import, report.state);
        let running = matches!(state, ImportState::Queued | ImportState::Running);
        let advice = match running {
            true => "poll it at its address, or repeat this call later",
            false => "use another key for a new call",
        };
        ProblemDetails {
            import: Some(import),
            report: Some(Box::new(report)),
            retry_after: running.then_some(5),
            ..ProblemDetails::new(
                StatusCode::CONFLICT,
                "IMP-EARLIER-CALL",
                format!(
                    "A call with this key was made before, and its import {import} is {}; {advice}.",
                    state.as_str()
                ),
            )
        }
    }

    /// A call with the same key is being received and has no record yet.
    pub fn key_in_use(seconds: u64) -> Self {
        ProblemDetails {
            retry_after: Some(seconds),
            ..ProblemDetails::new(
                StatusCode::CONFLICT,
                "IMP-EARLIER-CALL",
                format!("A call with this key is being received; retry in {seconds} s."),
            )
        }
    }

    /// The HTTP response, for a request with these header fields.
    pub fn respond(&self, headers: &HeaderMap, body: Body) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        if let Some(challenge) = self.challenge {
            challenge.add_to(&mut response);
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if let Some(report) = &self.report {
            response.insert_header((IMPORT_FIELD, report.dictionary()));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        intake::close_if_needed(&mut response, headers, body);
        let members = Members {
            r#type: format!("urn:problem-type:muster:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            id: self.import,
            import: self.import,
            request_id: request_id::of(headers),
            report: self.report.as_deref(),
        };
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.content_type(MEDIA_TYPE);
        match serde_json::to_string(&members) {
            Ok(text) => response.body(text),
            Err(error) => {
                tracing::error!(%error, "a problem could not be serialized");
                response.finish()
            }
        }
    }
}

impl From<Refused> for ProblemDetails {
    fn from(refused: Refused) -> Self {
        let challenge = refused.challenge();
        let unauthorized = |code, detail| ProblemDetails {
            challenge,
            ..ProblemDetails::new(StatusCode::UNAUTHORIZED, code, detail)
        };
        match refused {
            Refused::NoCredentials => unauthorized(
                "IMP-ACCESS-NONE",
                "The request has no credentials; send HTTP Basic credentials or a bearer token.",
            ),
            Refused::OtherScheme => unauthorized(
                "IMP-ACCESS-SCHEME",
                "The scheme of the Authorization field is not supported; send HTTP Basic credentials or a \
                 bearer token.",
            ),
            Refused::Wrong => unauthorized("IMP-ACCESS-CREDENTIALS", "The credentials are wrong."),
            Refused::InvalidToken => unauthorized(
                "IMP-ACCESS-TOKEN",
                "The bearer token is unknown, revoked or expired; create a new one with `muster operator \
                 token add`.",
            ),
            Refused::Limited { seconds } => ProblemDetails {
                retry_after: Some(seconds),
                ..ProblemDetails::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    login::LIMITED_CODE,
                    login::limited_detail(seconds),
                )
            },
            Refused::Failed(error) => error.into(),
        }
    }
}

impl From<WireError> for ProblemDetails {
    fn from(error: WireError) -> Self {
        let status = match &error {
            WireError::Io(cause) => {
                tracing::error!(error = %cause, "a request could not be read");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            WireError::DiskFull => {
                tracing::error!("the disk for spooled files is full");
                StatusCode::INSUFFICIENT_STORAGE
            }
            WireError::HttpStalled { .. } => StatusCode::REQUEST_TIMEOUT,
            WireError::HttpTooLarge { .. } | WireError::SpoolFull { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            WireError::ContentEncoding(_) | WireError::MediaType { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            WireError::HttpTruncated { .. }
            | WireError::HttpChunk { .. }
            | WireError::MimeBoundary { .. }
            | WireError::MimeTruncated { .. }
            | WireError::MimeDuplicateId { .. }
            | WireError::MimeParts { .. }
            | WireError::MimeHeader { .. }
            | WireError::MimeNested { .. }
            | WireError::MimeEncoding { .. }
            | WireError::Base64 { .. }
            | WireError::QuotedPrintable { .. }
            | WireError::Inflate(_)
            | WireError::Charset { .. } => StatusCode::BAD_REQUEST,
        };
        let code = error.code();
        let retry_after = match error {
            WireError::DiskFull => ImportError::Wire(WireError::DiskFull).retry_after(),
            _ => None,
        };
        let detail = match error {
            WireError::SpoolFull { limit } => format!(
                "The file is larger than the limit of {limit} bytes for spooled files; send it as the \
                 body itself, which is read as it arrives, or split it."
            ),
            other => other.to_string(),
        };
        ProblemDetails {
            retry_after,
            ..ProblemDetails::new(status, code, detail)
        }
    }
}

impl From<FormError> for ProblemDetails {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Wire(error) => error.into(),
            FormError::Field { code, detail } => ProblemDetails::bad_request(code, detail),
        }
    }
}

impl From<StoreError> for ProblemDetails {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        ImportError::Store(error).into()
    }
}

impl From<ImportError> for ProblemDetails {
    fn from(error: ImportError) -> Self {
        let code = error.code();
        let problem = |status| ProblemDetails::new(status, code, error.to_string());
        match &error {
            ImportError::Format(_)
            | ImportError::Header(_)
            | ImportError::TooManyProblems { .. }
            | ImportError::OtherContent
            | ImportError::PasswordColumn
            | ImportError::Selection
            | ImportError::NotClean { .. } => problem(StatusCode::UNPROCESSABLE_ENTITY),
            ImportError::Cancelled | ImportError::Overtaken => problem(StatusCode::CONFLICT),
            ImportError::Store(StoreError::Full) | ImportError::Sorting(_) => ProblemDetails {
                retry_after: error.retry_after(),
                ..problem(StatusCode::INSUFFICIENT_STORAGE)
            },
            ImportError::Store(
                StoreError::Busy
                | StoreError::Closed
                | StoreError::Recovering
                | StoreError::Uncertain
                | StoreError::NoResources,
            )
            | ImportError::MemoryBusy { .. }
            | ImportError::Stopping => ProblemDetails {
                retry_after: error.retry_after(),
                ..problem(StatusCode::SERVICE_UNAVAILABLE)
            },
            ImportError::Store(StoreError::TooManyScans { seconds }) => ProblemDetails {
                retry_after: Some(*seconds),
                ..problem(StatusCode::TOO_MANY_REQUESTS)
            },
            ImportError::Store(StoreError::NewerSchema { .. }) => {
                problem(StatusCode::INTERNAL_SERVER_ERROR)
            }
            ImportError::Store(StoreError::Failed(_) | StoreError::Unusable(_)) => {
                ProblemDetails::internal(code, "The user store failed; see the server's log.")
            }
            ImportError::Hash(_) => ProblemDetails {
                retry_after: error.retry_after(),
                ..ProblemDetails::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    code,
                    "A password could not be hashed; see the server's log.",
                )
            },
            ImportError::GeneratedPasswords(_) => ProblemDetails::internal(
                code,
                "A password could not be generated; see the server's log.",
            ),
            ImportError::Wire(_) => match error {
                ImportError::Wire(wire) => wire.into(),
                other => ProblemDetails::internal(code, other.to_string()),
            },
        }
    }
}

impl From<ImportFailure> for ProblemDetails {
    fn from(failure: ImportFailure) -> Self {
        let progress = failure.progress();
        let problem = ProblemDetails::from(failure.error);
        ProblemDetails {
            detail: format!("{} {progress}", problem.detail),
            import: Some(failure.report.import),
            report: Some(failure.report),
            ..problem
        }
    }
}

impl From<JobError> for ProblemDetails {
    fn from(error: JobError) -> Self {
        let code = error.code();
        let problem = |status| ProblemDetails::new(status, code, error.to_string());
        match &error {
            JobError::Import(_) | JobError::Store(_) => match error {
                JobError::Import(failure) => failure.into(),
                JobError::Store(store) => store.into(),
                other => ProblemDetails::internal(code, other.to_string()),
            },
            JobError::Busy { seconds } => ProblemDetails {
                retry_after: Some(*seconds),
                ..problem(StatusCode::SERVICE_UNAVAILABLE)
            },
            // draft-ietf-httpapi-idempotency-key-header-07 §2.7.
            JobError::KeyReused { import, .. } => ProblemDetails {
                import: Some(*import),
                ..problem(StatusCode::UNPROCESSABLE_ENTITY)
            },
            JobError::Key
            | JobError::KeyAndPasswords
            | JobError::KeyAndEdits
            | JobError::NotQueued { .. }
            | JobError::Domain(_) => problem(StatusCode::BAD_REQUEST),
            JobError::NoSuchImport(_) => problem(StatusCode::NOT_FOUND),
            JobError::StillRunning(import) | JobError::AlreadyUndone(import) => ProblemDetails {
                import: Some(*import),
                ..problem(StatusCode::CONFLICT)
            },
        }
    }
}

impl From<UnknownDomain> for ProblemDetails {
    fn from(error: UnknownDomain) -> Self {
        ProblemDetails::bad_request("IMP-DOMAIN", error.to_string())
    }
}
