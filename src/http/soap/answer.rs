//! What goes back: status, media type, envelope, and the import in an HTTP header field.

use uuid::Uuid;

use crate::http::soap::addressing::Addressing;
use crate::http::soap::attached_file::{AttachedFile, WithFile, packaged};
use crate::http::soap::fault::Fault;
use crate::http::soap::fault_xml::FaultContext;
use crate::http::soap::operation::Entry;
use crate::http::soap::service::Service;
use crate::http::soap::settings::{Settings, Success};
use crate::http::soap::version::SoapVersion;
use crate::import::report::Report;

/// Media type of an answer that is no envelope.
const TEXT: &str = "text/plain; charset=utf-8";

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The body.
    pub body: Content,
    /// The field `Muster-Import`: a dictionary (RFC 9651 §3.2) of the import's id, counters and warnings.
    pub import: Option<String>,
    /// The field `Muster-Rejects`: how many rows were rejected, and how many are in the file that comes back.
    pub rejects: Option<String>,
    /// What becomes of the caller's session.
    pub session: Session,
    /// Whether the import waits for its turn, as the caller preferred (RFC 7240 §3).
    pub queued: bool,
    /// The field `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Text(String),
    /// With a file that is read while it is sent.
    WithFile(Box<WithFile>),
}

/// What becomes of the caller's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// Nothing.
    Unchanged,
    /// One was opened, with this id.
    Opened(String),
    /// It was closed.
    Closed,
}

/// What an operation has done.
#[derive(Debug)]
pub struct Done {
    /// The operation.
    pub entry: &'static Entry,
    /// Content of its response element; the prefix `ns` is bound to the service's namespace.
    pub content: String,
    /// A file that follows on that content.
    pub enclosed: Option<AttachedFile>,
    /// The import, where there was one.
    pub report: Option<Report>,
    /// What the field `Muster-Rejects` says of the file.
    pub rejects: Option<String>,
    /// What becomes of the caller's session.
    pub session: Session,
}

impl Done {
    /// An operation that answers with `content`.
    pub fn new(entry: &'static Entry, content: String) -> Self {
        Done {
            entry,
            content,
            enclosed: None,
            report: None,
            rejects: None,
            session: Session::Unchanged,
        }
    }
}

impl Answer {
    /// The operation did what it was asked to.
    pub fn success(
        version: SoapVersion,
        addressing: Option<&Addressing>,
        done: Done,
        settings: &Settings,
    ) -> Self {
        let content_type = version.content_type().to_owned();
        let import = done.report.as_ref().map(Report::dictionary);
        let queued = done
            .report
            .as_ref()
            .is_some_and(|report| !report.state.is_final());
        let (name, namespace) = (done.entry.name, done.entry.service.namespace());
        if settings.success == Success::Accepted && done.entry.in_only {
            return Answer {
                status: 202,
                content_type,
                body: Content::Text(String::new()),
                import,
                rejects: done.rejects,
                session: done.session,
                queued,
                retry_after: None,
            };
        }
        let header = match addressing {
            Some(addressing) => {
                let blocks = addressing.blocks(&done.entry.answer_action());
                format!("<soapenv:Header>{blocks}</soapenv:Header>")
            }
            None => String::new(),
        };
        let soap = version.namespace();
        let before = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope xmlns:soapenv=\"{soap}\">\
             {header}<soapenv:Body><ns:{name}Response xmlns:ns=\"{namespace}\">{}",
            done.content
        );
        let after = format!("</ns:{name}Response></soapenv:Body></soapenv:Envelope>");
        let (content_type, body) = match done.enclosed {
            None => (content_type, Content::Text(before + &after)),
            Some(enclosed) => {
                let after = format!("{}{after}", enclosed.behind);
                let framed = enclosed.frame(version, &before, &after);
                let content_type = framed.content_type.clone();
                (content_type, Content::WithFile(Box::new(framed)))
            }
        };
        Answer {
            status: 200,
            content_type,
            body,
            import,
            rejects: done.rejects,
            session: done.session,
            queued,
            retry_after: None,
        }
    }

    /// The same answer as an XOP package, where it is an envelope that is none yet.
    pub fn as_mtom(self) -> Self {
        let version = [SoapVersion::V11, SoapVersion::V12]
            .into_iter()
            .find(|version| self.content_type == version.content_type());
        match (version, &self.body) {
            (Some(version), Content::Text(envelope)) if !envelope.is_empty() => {
                let (content_type, body) = packaged(version, Uuid::now_v7(), envelope);
                Answer {
                    content_type,
                    body: Content::Text(body),
                    ..self
                }
            }
            _ => self,
        }
    }

    /// Nobody has said who is calling: 401 with a Basic challenge (RFC 7617 §2) and a line of text.
    pub fn challenge() -> Self {
        Answer {
            status: 401,
            content_type: TEXT.to_owned(),
            body: Content::Text(
                "The request has no credentials: send them by HTTP Basic, or in a WS-Security UsernameToken.\n"
                    .into(),
            ),
            import: None,
            rejects: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: None,
        }
    }

    /// Something was expected that is not known here: 417 (RFC 9110 §15.5.18).
    pub fn expectation_failed() -> Self {
        Answer {
            status: 417,
            content_type: TEXT.to_owned(),
            body: Content::Text(
                "The only expectation that can be met here is 100-continue.\n".into(),
            ),
            import: None,
            rejects: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: None,
        }
    }

    /// It did not.
    pub fn fault(
        service: Service,
        version: SoapVersion,
        addressing: Option<&Addressing>,
        fault: &Fault,
        request_id: Option<String>,
        settings: &Settings,
    ) -> Self {
        let told = FaultContext {
            service,
            version,
            addressing,
            request_id,
            settings,
        };
        Answer {
            status: fault.status(version, settings),
            content_type: version.content_type().to_owned(),
            body: Content::Text(fault.to_xml(&told)),
            import: fault.report.as_deref().map(Report::dictionary),
            rejects: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: fault.retry_after,
        }
    }
}
