//! Every failure as a SOAP fault: code, HTTP status, sentence and detail.
//!
//! SOAP 1.1 §4.4 and §6.2, SOAP 1.2 part 1 §5.4 and part 2 §7.4. Malformed requests are the client's
//! faults; the summary of an import with failed rows keeps the original's server fault, and refused
//! callers its numeric codes. Every 1.1 fault is HTTP 500, because clients lose it behind another
//! status.

use std::fmt::Write;

use crate::formats::error::FormatError;
use crate::http::soap::settings::Settings;
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{XmlError, XmlErrorKind};
use crate::http::soap::{AXIS2, COMMON};
use crate::import::error::{ImportError, ImportFailure};
use crate::import::report::Report;
use crate::users::domains::UnknownDomain;
use crate::users::problem::Problem;
use crate::users::store::StoreError;
use crate::wire::error::WireError;

/// Namespace of the detail entry that is ours.
pub const FAULT_NAMESPACE: &str = "urn:muster:soap:fault:1";

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    /// The message: `Client`, in 1.2 `Sender`.
    Client,
    /// Us, or the rows: `Server`, in 1.2 `Receiver`.
    Server,
    /// The envelope is of no version that is known.
    VersionMismatch,
    /// A header block had to be understood and was not.
    MustUnderstand,
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

    /// The credentials are wrong; the original's code and sentence.
    pub fn invalid_credentials() -> Self {
        let message = "Access Denied. Authentication failed - Invalid credentials provided.";
        Fault {
            code: FaultCode::Number(50977),
            ..Fault::client("IMP-ACCESS-CREDENTIALS", message)
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

    /// The HTTP status.
    pub fn status(&self, version: SoapVersion) -> u16 {
        match (version, self.code) {
            (SoapVersion::V12, FaultCode::Client | FaultCode::Number(_)) => 400,
            _ => 500,
        }
    }

    /// The envelope.
    pub fn to_xml(&self, version: SoapVersion, settings: &Settings) -> String {
        let mut detail = String::new();
        if self.exception {
            let message = escape(&self.message);
            // Writing to a string does not fail.
            let _ = write!(
                detail,
                "<ns:UserAdminUserAdminException xmlns:ns=\"{AXIS2}\"><ns:UserAdminException \
                 xmlns:ax=\"{COMMON}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                 xsi:type=\"ax:UserAdminException\"><ax:message>{message}</ax:message>\
                 </ns:UserAdminException></ns:UserAdminUserAdminException>"
            );
        }
        self.write_own_detail(&mut detail, settings);
        let body = match version {
            SoapVersion::V11 => self.body_11(&detail),
            SoapVersion::V12 => self.body_12(&detail),
        };
        let namespace = version.namespace();
        let upgrade = match (version, self.code) {
            // SOAP 1.2 part 1 §5.4.7: which versions would be understood.
            (SoapVersion::V12, FaultCode::VersionMismatch) => format!(
                "<soapenv:Header><soapenv:Upgrade><soapenv:SupportedEnvelope qname=\"ns1:Envelope\" \
                 xmlns:ns1=\"{}\"/><soapenv:SupportedEnvelope qname=\"ns2:Envelope\" xmlns:ns2=\"{}\"/>\
                 </soapenv:Upgrade></soapenv:Header>",
                SoapVersion::V12.namespace(),
                SoapVersion::V11.namespace()
            ),
            _ => String::new(),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
             xmlns:soapenv=\"{namespace}\">{upgrade}<soapenv:Body><soapenv:Fault>{body}</soapenv:Fault>\
             </soapenv:Body></soapenv:Envelope>"
        )
    }

    fn body_11(&self, detail: &str) -> String {
        let (declaration, code) = match self.code {
            FaultCode::Client => (String::new(), "soapenv:Client".to_owned()),
            FaultCode::Server => (String::new(), "soapenv:Server".to_owned()),
            FaultCode::VersionMismatch => (String::new(), "soapenv:VersionMismatch".to_owned()),
            FaultCode::MustUnderstand => (String::new(), "soapenv:MustUnderstand".to_owned()),
            // The original writes its numbers with a prefix of their own, bound to the envelope's.
            FaultCode::Number(number) => (
                format!(" xmlns:axis2ns1=\"{}\"", SoapVersion::V11.namespace()),
                format!("axis2ns1:{number}"),
            ),
        };
        let message = escape(&self.message);
        // SOAP 1.1 §4.4: no detail about a header entry.
        let detail = match self.code {
            FaultCode::MustUnderstand => String::new(),
            _ => format!("<detail>{detail}</detail>"),
        };
        format!(
            "<faultcode{declaration}>{code}</faultcode><faultstring>{message}</faultstring>{detail}"
        )
    }

    fn body_12(&self, detail: &str) -> String {
        let (value, subcode) = match self.code {
            FaultCode::Client => ("Sender", String::new()),
            FaultCode::Server => ("Receiver", String::new()),
            FaultCode::VersionMismatch => ("VersionMismatch", String::new()),
            FaultCode::MustUnderstand => ("MustUnderstand", String::new()),
            FaultCode::Number(_) => {
                let rule = self.rule;
                let subcode = format!(
                    "<soapenv:Subcode><soapenv:Value xmlns:m=\"{FAULT_NAMESPACE}\">m:{rule}\
                     </soapenv:Value></soapenv:Subcode>"
                );
                ("Sender", subcode)
            }
        };
        let message = escape(&self.message);
        format!(
            "<soapenv:Code><soapenv:Value>soapenv:{value}</soapenv:Value>{subcode}</soapenv:Code>\
             <soapenv:Reason><soapenv:Text xml:lang=\"en-US\">{message}</soapenv:Text>\
             </soapenv:Reason><soapenv:Detail>{detail}</soapenv:Detail>"
        )
    }

    /// The rule's code, what is stored, and every problem with its line: for whoever looks further
    /// than the original's own entry.
    fn write_own_detail(&self, detail: &mut String, settings: &Settings) {
        let rule = self.rule;
        let stored = self
            .report
            .as_ref()
            .map_or(0, |report| report.counters.created);
        // Writing to a string does not fail.
        let _ = write!(
            detail,
            "<m:importFault xmlns:m=\"{FAULT_NAMESPACE}\"><m:code>{rule}</m:code><m:message>{}\
             </m:message><m:rowsStored>{stored}</m:rowsStored>",
            escape(&self.message)
        );
        if let FaultCode::Number(number) = self.code {
            let _ = write!(detail, "<m:number>{number}</m:number>");
        }
        if let Some(report) = &self.report {
            let _ = write!(
                detail,
                "<m:import>{}</m:import><m:state>{}</m:state><m:problems total=\"{}\">",
                report.import,
                report.state.as_str(),
                report.counters.failed + report.counters.duplicate
            );
            for problem in report.problems().take(settings.problems_in_fault) {
                write_problem(detail, problem);
            }
            detail.push_str("</m:problems>");
        }
        detail.push_str("</m:importFault>");
    }
}

fn write_problem(detail: &mut String, problem: &Problem) {
    let line = problem.line;
    let severity = problem.severity.as_str();
    // Writing to a string does not fail.
    let _ = write!(detail, "<m:problem line=\"{line}\" kind=\"{severity}\"");
    if let Some(column) = &problem.column {
        let _ = write!(detail, " column=\"{}\"", escape(column));
    }
    let _ = write!(detail, " code=\"{}\"", escape(&problem.code));
    if let Some(name) = &problem.user_name {
        let _ = write!(detail, " userName=\"{}\"", escape(name));
    }
    let _ = write!(detail, ">{}</m:problem>", escape(&problem.message));
}

/// Text for an element or an attribute; characters that XML does not have become `?`.
pub fn escape(text: &str) -> String {
    let legal = |character: char| {
        matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'..)
    };
    let legal: String = text
        .chars()
        .map(|c| if legal(c) { c } else { '?' })
        .collect();
    quick_xml::escape::escape(legal).into_owned()
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
            WireError::HttpTruncated { .. }
            | WireError::HttpStalled { .. }
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
        let rule = error.code();
        match error {
            ImportError::Wire(wire) => Fault {
                exception: true,
                ..wire.into()
            },
            ImportError::Format(
                format @ (FormatError::Empty
                | FormatError::NotCsv { .. }
                | FormatError::Charset { .. }
                | FormatError::Delimiter { .. }
                | FormatError::FieldTooLong { .. }
                | FormatError::RowTooLong { .. }
                | FormatError::UnclosedQuote { .. }
                | FormatError::Io(_)),
            ) => Fault::operation(rule, format.to_string()),
            ImportError::Header(header) => Fault::operation(rule, header.to_string()),
            ImportError::Store(StoreError::Failed(_)) => {
                Fault::server(rule, "The user store failed; the server's log says why.")
            }
            ImportError::Store(
                store @ (StoreError::Full
                | StoreError::Busy
                | StoreError::NewerSchema { .. }
                | StoreError::Closed),
            ) => Fault::server(rule, store.to_string()),
            ImportError::Hash(_) => Fault::server(
                rule,
                "A password could not be hashed; the server's log says why.",
            ),
            ImportError::Stopping => Fault::server(rule, error.to_string()),
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

impl From<UnknownDomain> for Fault {
    fn from(error: UnknownDomain) -> Self {
        Fault::operation("IMP-DOMAIN", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_original_have_a_prefix_bound_to_the_envelope() {
        let fault = Fault::access_denied();
        let xml = fault.to_xml(SoapVersion::V11, &Settings::default());
        let code = "<faultcode xmlns:axis2ns1=\"http://schemas.xmlsoap.org/soap/envelope/\">\
                    axis2ns1:50978</faultcode><faultstring>Access Denied.</faultstring>";
        assert!(xml.contains(code), "{xml}");
        assert_eq!(
            (
                fault.status(SoapVersion::V11),
                fault.status(SoapVersion::V12)
            ),
            (500, 400)
        );
    }

    #[test]
    fn every_fault_is_well_formed_in_both_versions() {
        let faults = [
            Fault::client("IMP-X", "a < b & \"c\" \u{1} d"),
            Fault::server("IMP-X", "s"),
            Fault::operation("IMP-X", "o"),
            Fault::invalid_credentials(),
            Fault {
                code: FaultCode::VersionMismatch,
                ..Fault::client("IMP-X", "v")
            },
            Fault {
                code: FaultCode::MustUnderstand,
                ..Fault::client("IMP-X", "m")
            },
        ];
        for fault in faults {
            for version in [SoapVersion::V11, SoapVersion::V12] {
                let xml = fault.to_xml(version, &Settings::default());
                let document = roxmltree::Document::parse(&xml).unwrap();
                let text = document
                    .descendants()
                    .filter_map(|node| node.text())
                    .collect::<String>();
                assert!(text.contains(&fault.message.replace('\u{1}', "?")), "{xml}");
            }
        }
    }
}
