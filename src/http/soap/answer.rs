//! What goes back: status, media type, envelope, and the import in an HTTP header field.

use crate::http::soap::AXIS2;
use crate::http::soap::addressing::Addressing;
use crate::http::soap::fault::Fault;
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
}

impl Answer {
    /// The operation did what it was asked to.
    pub fn success(
        version: SoapVersion,
        addressing: Option<&Addressing>,
        report: &Report,
        settings: &Settings,
    ) -> Self {
        let content_type = version.content_type();
        let import = Some(dictionary(report));
        if settings.success == Success::Accepted {
            return Answer {
                status: 202,
                content_type,
                body: String::new(),
                import,
            };
        }
        let body = format!(
            "<ns:bulkImportUsersResponse xmlns:ns=\"{AXIS2}\"><ns:return \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>\
             </ns:bulkImportUsersResponse>"
        );
        let header = match addressing {
            Some(addressing) => {
                let blocks = addressing.blocks("urn:bulkImportUsersResponse");
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
        }
    }

    /// Nobody has said who is calling: 401 with a Basic challenge (RFC 7617 §2) and an empty body.
    pub fn challenge() -> Self {
        Answer {
            status: 401,
            content_type: "",
            body: String::new(),
            import: None,
        }
    }

    /// Something was expected that is not known here: 417 (RFC 9110 §15.5.18).
    pub fn expectation_failed() -> Self {
        Answer {
            status: 417,
            content_type: "text/plain; charset=utf-8",
            body: "The only expectation that can be met here is 100-continue.\n".into(),
            import: None,
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
        }
    }
}

fn dictionary(report: &Report) -> String {
    let c = &report.counters;
    format!(
        "id=\"{}\", state={}, total={}, created={}, duplicate={}, failed={}, skipped={}",
        report.import,
        report.state.as_str(),
        c.total,
        c.created,
        c.duplicate,
        c.failed,
        c.skipped
    )
}
