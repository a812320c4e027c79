//! Maps every failure to a SOAP fault: code, HTTP status, message and detail.
//!
//! SOAP 1.1 §6.2, SOAP 1.2 part 2 §7.4; `fault_xml.rs` serializes a fault. Malformed requests are client
//! faults; the summary of an import with failed rows keeps the original's server fault, and refused callers
//! get its numeric codes. Every 1.1 fault has HTTP status 500, because clients discard a fault with any
//! other status.

use crate::admin::error::AdminError;
use crate::formats::error::FormatError;
use crate::http::login::{self, Refused};
use crate::http::soap::settings::{SenderStatus, Settings};
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{XmlError, XmlErrorKind};
use crate::import::error::{ImportError, ImportFailure};
use crate::import::job_error::JobError;
use crate::import::reject_file::RejectFileError;
use crate::import::report::Report;
use crate::users::domains::UnknownDomain;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// The rule for wrong credentials.
const WRONG_CREDENTIALS: &str = "IMP-ACCESS-CREDENTIALS";

/// The rule for malformed chunks.
const CHUNK: &str = "IMP-HTTP-CHUNK";

/// What caused a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    /// The message: `Client`, in 1.2 `Sender`.
    Client,
    /// The message asks for an unknown operation: as above, in 1.2 with the subcode
    /// `rpc:ProcedureNotPresent` (SOAP 1.2 part 2 §4.4).
    NoSuchOperation,
    /// The server, or rows of the file: `Server`, in 1.2 `Receiver`.
    Server,
    /// The envelope's version is unknown.
    VersionMismatch,
    /// A header block must be understood and is not.
    MustUnderstand,
    /// The caller is not authenticated: sent as the Basic challenge, not as a fault.
    NoCredentials,
    /// A numeric code of the original, such as 50977. In 1.2, where a code must be a qualified name, it is
    /// in the detail, and the rule is the subcode of `Sender`.
    Number(u32),
}

/// A fault that can be serialized in either version.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The cause.
    pub code: FaultCode,
    /// Stable code of the rule, such as `IMP-MIME-TRUNCATED`.
    pub rule: &'static str,
    /// The message for the caller.
    pub message: String,
    /// Whether the operation itself failed, which puts the original's typed exception into the detail.
    pub exception: bool,
    /// The import's report, if there was an import.
    pub report: Option<Box<Report>>,
    /// Seconds after which the same call may succeed.
    pub retry_after: Option<u64>,
    /// Namespace and name of the header blocks that were not understood.
    pub not_understood: Vec<(String, String)>,
}

impl Fault {
    /// A message that cannot be processed.
    pub fn client(rule: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Fault {
            code: FaultCode::Client,
            rule,
            message,
            exception: false,
            report: None,
            retry_after: None,
            not_understood: Vec::new(),
        }
    }

    /// An internal failure; the log has the cause.
    pub fn server(rule: &'static str, message: impl Into<String>) -> Self {
        Fault {
            code: FaultCode::Server,
            ..Fault::client(rule, message)
        }
    }

    /// The operation was called with invalid arguments.
    pub fn operation(rule: &'static str, message: impl Into<String>) -> Self {
        Fault {
            exception: true,
            ..Fault::client(rule, message)
        }
    }

    /// The caller is not authenticated.
    pub fn no_credentials() -> Self {
        Fault {
            code: FaultCode::NoCredentials,
            ..Fault::client("IMP-ACCESS-NONE", "The request has no credentials.")
        }
    }

    /// The credentials are wrong; the original's code and message.
    pub fn invalid_credentials() -> Self {
        let message = "Access Denied. Authentication failed - Invalid credentials provided.";
        Fault {
            code: FaultCode::Number(50977),
            ..Fault::client(WRONG_CREDENTIALS, message)
        }
    }

    /// An authentication scheme other than Basic; the original's code and message.
    pub fn please_login() -> Self {
        let message = "Access Denied. Please login first.";
        Fault {
            code: FaultCode::Number(50977),
            ..Fault::client("IMP-ACCESS-SCHEME", message)
        }
    }

    /// The caller lacks the right; the original's code and message.
    pub fn access_denied() -> Self {
        let message = "Access Denied.";
        Fault {
            code: FaultCode::Number(50978),
            ..Fault::client("IMP-ACCESS-RIGHT", message)
        }
    }

    /// The import ran to its end and some rows were not stored; the original's message, including its two
    /// blanks and its full stop.
    pub fn completed_with_errors(report: Report) -> Self {
        let c = &report.counters;
        let (success, failed, duplicate) =
            (c.created + c.updated + c.unchanged, c.failed, c.duplicate);
        let message = format!(
            "Bulk User Import was completed with Errors. Success count : {success},  Failed Count : \
             {failed}, Duplicate Count : {duplicate}."
        );
        let report = Some(Box::new(report));
        Fault {
            exception: true,
            report,
            ..Fault::server("IMP-ROWS", message)
        }
    }

    /// The same call was made before, and its import has not completed.
    pub fn earlier_call(report: Report) -> Self {
        let (import, state) = (report.import, report.state.as_str());
        let rows = report.counters.total;
        let message = format!(
            "This call was made before: its import {import} is {state}, with {rows} rows processed."
        );
        let running = !report.state.is_final();
        Fault {
            exception: true,
            retry_after: running.then_some(5),
            report: Some(Box::new(report)),
            ..Fault::server("IMP-EARLIER-CALL", message)
        }
    }

    /// Whether an unauthenticated caller gets the challenge instead of this fault: not if they tried to
    /// authenticate and failed, nor if the server failed.
    pub fn is_replaced_by_challenge(&self) -> bool {
        let tried = matches!(self.code, FaultCode::Number(_)) || self.rule.starts_with("IMP-WSSE-");
        !tried && self.code != FaultCode::Server
    }

    /// The HTTP status.
    pub fn status(&self, version: SoapVersion, settings: &Settings) -> u16 {
        let sender = matches!(
            self.code,
            FaultCode::Client | FaultCode::NoSuchOperation | FaultCode::Number(_)
        );
        match (version, settings.sender_status) {
            // A violation of HTTP itself, whatever SOAP says.
            _ if self.rule == CHUNK => 400,
            (SoapVersion::V12, SenderStatus::BadRequest) if sender => 400,
            _ => 500,
        }
    }
}

impl From<XmlError> for Fault {
    fn from(error: XmlError) -> Self {
        let (rule, message) = (
            error.code(),
            format!("The request is not well-formed XML: {error}."),
        );
        match error.kind {
            XmlErrorKind::Io(io) => WireError::from_io(io).into(),
            XmlErrorKind::Doctype
            | XmlErrorKind::ProcessingInstruction
            | XmlErrorKind::Entity(_)
            | XmlErrorKind::Char(_)
            | XmlErrorKind::NotUtf8
            | XmlErrorKind::Encoding(_)
            | XmlErrorKind::Depth(_)
            | XmlErrorKind::Attributes(_)
            | XmlErrorKind::Token(_)
            | XmlErrorKind::Unclosed(_)
            | XmlErrorKind::Roots
            | XmlErrorKind::Empty
            | XmlErrorKind::Namespace(_)
            | XmlErrorKind::Malformed(_) => Fault::client(rule, message),
        }
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Io(ref cause) => {
                tracing::error!(error = %cause, "a request could not be read");
                Fault::server(error.code(), error.to_string())
            }
            WireError::DiskFull => {
                tracing::error!("the disk for spooled files is full");
                Fault {
                    retry_after: ImportError::Wire(WireError::DiskFull).retry_after(),
                    ..Fault::server(error.code(), error.to_string())
                }
            }
            WireError::HttpTruncated { .. }
            | WireError::HttpStalled { .. }
            | WireError::HttpChunk { .. }
            | WireError::HttpTooLarge { .. }
            | WireError::ContentEncoding { .. }
            | WireError::MediaType { .. }
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
            | WireError::Charset { .. }
            | WireError::SpoolFull { .. } => Fault::client(error.code(), error.to_string()),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        ImportError::Store(error).into()
    }
}

impl From<ImportError> for Fault {
    fn from(error: ImportError) -> Self {
        let (rule, retry_after) = (error.code(), error.retry_after());
        let fault = match error {
            ImportError::Wire(wire) => Fault {
                exception: true,
                ..wire.into()
            },
            ImportError::Format(
                format @ (FormatError::Empty
                | FormatError::NotRows { .. }
                | FormatError::Contradiction { .. }
                | FormatError::Base64
                | FormatError::DataUrl
                | FormatError::Binary
                | FormatError::Charset { .. }
                | FormatError::UnknownCharset { .. }
                | FormatError::UnknownDelimiter { .. }
                | FormatError::Delimiter
                | FormatError::UnusualDelimiter { .. }
                | FormatError::NoDelimiter { .. }
                | FormatError::SepLine
                | FormatError::Workbook { .. }
                | FormatError::Encrypted
                | FormatError::OtherWorkbook { .. }
                | FormatError::HeaderCell { .. }
                | FormatError::NoSheet
                | FormatError::UnknownSheet { .. }
                | FormatError::EmptySheet { .. }
                | FormatError::WorkbookTooLarge { .. }
                // Reported as `ImportError::MemoryBusy`.
                | FormatError::MemoryBusy { .. }
                | FormatError::FieldTooLong { .. }
                | FormatError::RowTooLong { .. }
                | FormatError::UnclosedQuote { .. }
                | FormatError::Io(_)),
            ) => Fault::operation(rule, format.to_string()),
            ImportError::Header(header) => Fault::operation(rule, header.to_string()),
            ImportError::Store(StoreError::Failed(_) | StoreError::Unusable(_)) => {
                Fault::server(rule, "The user store failed; see the server's log.")
            }
            ImportError::Store(
                store @ (StoreError::Full
                | StoreError::Busy
                | StoreError::Uncertain
                | StoreError::NoResources
                | StoreError::Recovering
                | StoreError::TooManyScans { .. }
                | StoreError::NewerSchema { .. }
                | StoreError::Closed),
            ) => Fault::server(rule, store.to_string()),
            ImportError::Hash(_) => Fault::server(
                rule,
                "A password could not be hashed; see the server's log.",
            ),
            ImportError::GeneratedPasswords(_) => Fault::server(
                rule,
                "A password could not be generated; see the server's log.",
            ),
            ImportError::Cancelled
            | ImportError::TooManyProblems { .. }
            | ImportError::OtherContent
            | ImportError::PasswordColumn
            | ImportError::Selection
            | ImportError::NotClean { .. } => Fault::operation(rule, error.to_string()),
            ImportError::Sorting(_)
            | ImportError::MemoryBusy { .. }
            | ImportError::Overtaken
            | ImportError::Stopping => Fault::server(rule, error.to_string()),
        };
        Fault {
            retry_after,
            ..fault
        }
    }
}

impl From<ImportFailure> for Fault {
    fn from(failure: ImportFailure) -> Self {
        let progress = failure.progress();
        let fault: Fault = failure.error.into();
        Fault {
            message: format!("{} {progress}", fault.message),
            exception: true,
            report: Some(failure.report),
            ..fault
        }
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        let rule = error.code();
        match error {
            AdminError::Store(store) => store.into(),
            AdminError::Hash(error) => ImportError::Hash(error).into(),
            AdminError::NotAllowed => Fault::access_denied(),
            AdminError::Domain(_)
            | AdminError::NoSuchUser { .. }
            | AdminError::Password(_)
            | AdminError::RoleName(_)
            | AdminError::RoleTaken(_) => Fault::operation(rule, error.to_string()),
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoCredentials => Fault::no_credentials(),
            Refused::OtherScheme => Fault::please_login(),
            Refused::Wrong | Refused::InvalidToken => Fault::invalid_credentials(),
            Refused::Limited { seconds } => Fault {
                code: FaultCode::Number(50977),
                retry_after: Some(seconds),
                ..Fault::client(login::LIMITED_CODE, login::limited_detail(seconds))
            },
            Refused::Failed(error) => error.into(),
        }
    }
}

impl From<JobError> for Fault {
    fn from(error: JobError) -> Self {
        let rule = error.code();
        match error {
            JobError::Import(failure) => failure.into(),
            JobError::Store(store) => store.into(),
            JobError::Busy { seconds } => Fault {
                retry_after: Some(seconds),
                exception: true,
                ..Fault::server(rule, error.to_string())
            },
            JobError::KeyReused { .. }
            | JobError::Key
            | JobError::KeyAndPasswords
            | JobError::KeyAndEdits
            | JobError::NotQueued { .. }
            | JobError::NoSuchImport(_)
            | JobError::StillRunning(_)
            | JobError::AlreadyUndone(_)
            | JobError::Domain(_) => Fault::operation(rule, error.to_string()),
        }
    }
}

impl From<RejectFileError> for Fault {
    fn from(error: RejectFileError) -> Self {
        match error {
            RejectFileError::Store(store) => store.into(),
            RejectFileError::Io(io) => WireError::from_io(io).into(),
        }
    }
}

impl From<UnknownDomain> for Fault {
    fn from(error: UnknownDomain) -> Self {
        Fault::operation("IMP-DOMAIN", error.to_string())
    }
}
