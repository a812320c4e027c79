//! The answer to a call: status, media type, envelope, and the import in an HTTP header field.

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

/// Media type of an answer that is not an envelope.
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
    /// The field `Muster-Rejects`: how many rows were rejected, and how many are in the attached file.
    pub rejects: Option<String>,
    /// The change to the caller's session.
    pub session: Session,
    /// Whether the import is queued, as the caller preferred (RFC 7240 §3).
    pub queued: bool,
    /// The field `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The field `Allow` of a 405.
    pub allow: Option<&'static str>,
    /// The stable code of a fault, for the log.
    pub rule: Option<&'static str>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Text(String),
    /// With a file that is read while it is sent.
    WithFile(Box<WithFile>),
}

/// The change to the caller's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// No change.
    Unchanged,
    /// One was opened, with this id.
    Opened(String),
    /// It was closed.
    Closed,
}

/// The result of an operation.
#[derive(Debug)]
pub struct Done {
    /// The operation.
    pub entry: &'static Entry,
    /// Content of its response element; the prefix `ns` is bound to the service's namespace.
    pub content: String,
    /// A file that follows this content.
    pub attachment: Option<AttachedFile>,
    /// The report, if the operation was an import.
    pub report: Option<Report>,
    /// The value of the field `Muster-Rejects` for the file.
    pub rejects: Option<String>,
    /// The change to the caller's session.
    pub session: Session,
}

impl Done {
    /// An operation that is answered with `content`.
    pub fn new(entry: &'static Entry, content: String) -> Self {
        Done {
            entry,
            content,
            attachment: None,
            report: None,
            rejects: None,
            session: Session::Unchanged,
        }
    }
}

impl Answer {
    /// The answer of a successful operation.
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
                allow: None,
                rule: None,
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
        let (content_type, body) = match done.attachment {
            None => (content_type, Content::Text(before + &after)),
            Some(attachment) => {
                let after = format!("{}{after}", attachment.content_after);
                let framed = attachment.frame(version, &before, &after);
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
            allow: None,
            rule: None,
        }
    }

    /// The same answer as an XOP package, if it is an envelope and not yet one.
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

    /// A line of text instead of an envelope.
    fn text(status: u16, text: impl Into<String>) -> Self {
        Answer {
            status,
            content_type: TEXT.to_owned(),
            body: Content::Text(text.into()),
            import: None,
            rejects: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: None,
            allow: None,
            rule: None,
        }
    }

    /// The caller is not authenticated: 401 with a Basic challenge (RFC 7617 §2).
    pub fn challenge() -> Self {
        Answer::text(
            401,
            "The request has no credentials: send them with HTTP Basic, or in a WS-Security UsernameToken.\n",
        )
    }

    /// An unknown expectation: 417 (RFC 9110 §15.5.18).
    pub fn expectation_failed() -> Self {
        Answer::text(417, "The only supported expectation is 100-continue.\n")
    }

    /// There is no service at the address.
    pub fn not_found() -> Self {
        let services = Service::ALL.map(|service| format!("/services/{}", service.name()));
        let services = services.join(", ");
        Answer::text(
            404,
            format!("There is no service at this address; the services are {services}.\n"),
        )
    }

    /// There is no separate schema document.
    pub fn no_schema() -> Self {
        Answer::text(
            404,
            "There is no separate schema document: the WSDL at ?wsdl contains the schemas.\n",
        )
    }

    /// A method other than GET and POST, or a GET without `?wsdl`.
    pub fn method_not_allowed() -> Self {
        Answer {
            allow: Some("GET, POST"),
            ..Answer::text(
                405,
                "This is a SOAP service: send requests with POST. Its WSDL is at ?wsdl.\n",
            )
        }
    }

    /// The answer of a failed operation.
    pub fn fault(
        service: Service,
        version: SoapVersion,
        addressing: Option<&Addressing>,
        fault: &Fault,
        request_id: Option<String>,
        settings: &Settings,
    ) -> Self {
        let context = FaultContext {
            service,
            version,
            addressing,
            request_id,
            settings,
        };
        Answer {
            status: fault.status(version, settings),
            content_type: version.content_type().to_owned(),
            body: Content::Text(fault.to_xml(&context)),
            import: fault.report.as_deref().map(Report::dictionary),
            rejects: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: fault.retry_after,
            allow: None,
            rule: Some(fault.rule),
        }
    }
}
