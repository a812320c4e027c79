//! What goes back: status, media type, envelope, and the import in an HTTP header field.

use crate::http::soap::addressing::Addressing;
use crate::http::soap::fault::Fault;
use crate::http::soap::operation::Entry;
use crate::http::soap::settings::{Settings, Success};
use crate::http::soap::version::SoapVersion;
use crate::import::report::Report;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// The field `Muster-Import`: a dictionary (RFC 9651 §3.2) of the import's id and counters.
    pub import: Option<String>,
    /// What becomes of the caller's session.
    pub session: Session,
    /// Whether the import waits for its turn, as the caller preferred (RFC 7240 §3).
    pub queued: bool,
    /// The field `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
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
    /// The import, where there was one.
    pub report: Option<Report>,
    /// What becomes of the caller's session.
    pub session: Session,
}

impl Done {
    /// An operation that answers with `content`.
    pub fn new(entry: &'static Entry, content: String) -> Self {
        Done {
            entry,
            content,
            report: None,
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
        let content_type = version.content_type();
        let import = done.report.as_ref().map(dictionary);
        let queued = done
            .report
            .as_ref()
            .is_some_and(|report| !report.state.is_final());
        let (name, namespace) = (done.entry.name, done.entry.service.namespace());
        if settings.success == Success::Accepted && done.entry.in_only {
            return Answer {
                status: 202,
                content_type,
                body: String::new(),
                import,
                session: done.session,
                queued,
                retry_after: None,
            };
        }
        let content = done.content;
        let body =
            format!("<ns:{name}Response xmlns:ns=\"{namespace}\">{content}</ns:{name}Response>");
        let header = match addressing {
            Some(addressing) => {
                let blocks = addressing.blocks(&format!("urn:{name}Response"));
                format!("<soapenv:Header>{blocks}</soapenv:Header>")
            }
            None => String::new(),
        };
        let namespace = version.namespace();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
             xmlns:soapenv=\"{namespace}\">{header}<soapenv:Body>{body}</soapenv:Body>\
             </soapenv:Envelope>"
        );
        Answer {
            status: 200,
            content_type,
            body,
            import,
            session: done.session,
            queued,
            retry_after: None,
        }
    }

    /// Nobody has said who is calling: 401 with a Basic challenge (RFC 7617 §2) and an empty body.
    pub fn challenge() -> Self {
        Answer {
            status: 401,
            content_type: "",
            body: String::new(),
            import: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: None,
        }
    }

    /// Something was expected that is not known here: 417 (RFC 9110 §15.5.18).
    pub fn expectation_failed() -> Self {
        Answer {
            status: 417,
            content_type: "text/plain; charset=utf-8",
            body: "The only expectation that can be met here is 100-continue.\n".into(),
            import: None,
            session: Session::Unchanged,
            queued: false,
            retry_after: None,
        }
    }

    /// It did not.
    pub fn fault(
        version: SoapVersion,
        addressing: Option<&Addressing>,
        fault: &Fault,
        settings: &Settings,
    ) -> Self {
        Answer {
            status: fault.status(version, settings),
            content_type: version.content_type(),
            body: fault.to_xml(version, addressing, settings),
            import: fault.report.as_deref().map(dictionary),
            session: Session::Unchanged,
            queued: false,
            retry_after: fault.retry_after,
        }
    }
}

fn dictionary(report: &Report) -> String {
    let c = &report.counters;
    format!(
        "id=\"{}\", state={}, total={}, created={}, updated={}, unchanged={}, duplicate={}, failed={}, \
         skipped={}",
        report.import,
        report.state.as_str(),
        c.total,
        c.created,
        c.updated,
        c.unchanged,
        c.duplicate,
        c.failed,
        c.skipped
    )
}
