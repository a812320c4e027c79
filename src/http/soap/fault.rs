//! Every failure as a SOAP fault: code, HTTP status, sentence and detail.
//!
//! SOAP 1.1 §6.2, SOAP 1.2 part 2 §7.4; how a fault is written down is `fault_xml.rs`'s. Malformed
//! requests are the client's faults; the summary of an import with failed rows keeps the original's
//! server fault, and refused callers its numeric codes. Every 1.1 fault is HTTP 500, because clients
//! lose it behind another status.

use crate::admin::error::AdminError;
use crate::formats::error::FormatError;
use crate::http::login::{self, Refused};
use crate::http::soap::settings::{SenderStatus, Settings};
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{XmlError, XmlErrorKind};
use crate::import::error::{ImportError, ImportFailure};
use crate::import::jobs::JobError;
use crate::import::reject_file::RejectFileError;
use crate::import::report::Report;
use crate::users::domains::UnknownDomain;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// The rule of credentials that are wrong.
const WRONG_CREDENTIALS: &str = "IMP-ACCESS-CREDENTIALS";

/// The rule of chunks that are malformed.
const CHUNK: &str = "IMP-HTTP-CHUNK";

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    /// The message: `Client`, in 1.2 `Sender`.
    Client,
    /// The message asks for an operation that there is not: as above, in 1.2 with the subcode
    /// `rpc:ProcedureNotPresent` (SOAP 1.2 part 2 §4.4).
    NoSuchOperation,
    /// Us, or the rows: `Server`, in 1.2 `Receiver`.
    Server,
    /// The envelope is of no version that is known.
    VersionMismatch,
    /// A header block had to be understood and was not.
    MustUnderstand,
    /// Nobody has said who is calling: not a fault on the wire but the Basic challenge.
    NoCredentials,
    /// A number of the original's, such as 50977; in 1.2, where a code has to be a qualified name,
    /// it stands in the detail and the rule is the subcode of `Sender`.
    Number(u32),
}

/// A fault, before it is written down in one of the two versions.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Who is to blame.
    pub code: FaultCode,
    /// Stable code of the rule, such as `IMP-MIME-TRUNCATED`.
    pub rule: &'static str,
    /// The sentence.
    pub message: String,
    /// Whether the operation itself failed, so that the original's typed exception is in the detail.
    pub exception: bool,
    /// What the import came to, where there was one.
    pub report: Option<Box<Report>>,
    /// Seconds after which the same call may be answered otherwise.
    pub retry_after: Option<u64>,
    /// Namespace and name of the header blocks that were not understood.
    pub not_understood: Vec<(String, String)>,
}

impl Fault {
    /// A message that cannot be understood.
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

    /// Something of ours that failed; the log knows more.
    pub fn server(rule: &'static str, message: impl Into<String>) -> Self {
        Fault {
            code: FaultCode::Server,
            ..Fault::client(rule, message)
        }
    }

    /// The operation was called with something it cannot work with.
    pub fn operation(rule: &'static str, message: impl Into<String>) -> Self {
        Fault {
            exception: true,
            ..Fault::client(rule, message)
        }
    }

    /// Nobody has said who is calling.
    pub fn no_credentials() -> Self {
        Fault {
            code: FaultCode::NoCredentials,
            ..Fault::client("IMP-ACCESS-NONE", "The request has no credentials.")
        }
    }

    /// The credentials are wrong; the original's code and sentence.
    pub fn invalid_credentials() -> Self {
        let message = "Access Denied. Authentication failed - Invalid credentials provided.";
        Fault {
            code: FaultCode::Number(50977),
            ..Fault::client(WRONG_CREDENTIALS, message)
        }
    }

    /// Another scheme than Basic; the original's code and sentence.
    pub fn please_login() -> Self {
        let message = "Access Denied. Please login first.";
        Fault {
            code: FaultCode::Number(50977),
            ..Fault::client("IMP-ACCESS-SCHEME", message)
        }
    }

    /// The caller lacks the right; the original's code and sentence.
    pub fn access_denied() -> Self {
        let message = "Access Denied.";
        Fault {
            code: FaultCode::Number(50978),
            ..Fault::client("IMP-ACCESS-RIGHT", message)
        }
    }

    /// The import ran to its end and some rows did not make it; the original's sentence, its two
    /// blanks and its full stop included.
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

    /// The same call came before, and its import has not completed.
    pub fn earlier_call(report: Report) -> Self {
        let (import, state) = (report.import, report.state.as_str());
        let rows = report.counters.total;
        let message = format!(
            "This call came before: its import {import} is {state}, with {rows} rows dealt with."
        );
        let running = !report.state.is_final();
        Fault {
            exception: true,
            retry_after: running.then_some(5),
            report: Some(Box::new(report)),
            ..Fault::server("IMP-EARLIER-CALL", message)
        }
    }

    /// Whether somebody who has not said who is calling is asked that instead of being told this: not
    /// when they tried and failed, nor when the failure is ours.
    pub fn yields_to_the_challenge(&self) -> bool {
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
            // HTTP itself was not kept to, whatever SOAP says.
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
            format!("The request is no well-formed XML: {error}."),
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
                tracing::error!("the disk for files that are kept aside is full");
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
                // It comes as `ImportError::MemoryBusy`.
                | FormatError::MemoryBusy { .. }
                | FormatError::FieldTooLong { .. }
                | FormatError::RowTooLong { .. }
                | FormatError::UnclosedQuote { .. }
                | FormatError::Io(_)),
            ) => Fault::operation(rule, format.to_string()),
            ImportError::Header(header) => Fault::operation(rule, header.to_string()),
            ImportError::Store(StoreError::Failed(_) | StoreError::Unusable(_)) => {
                Fault::server(rule, "The user store failed; the server's log says why.")
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
                "A password could not be hashed; the server's log says why.",
            ),
            ImportError::GeneratedPasswords(_) => Fault::server(
                rule,
                "A password could not be made up; the server's log says why.",
            ),
            ImportError::Cancelled
            | ImportError::TooManyProblems { .. }
            | ImportError::OtherContent
            | ImportError::PasswordColumn
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
