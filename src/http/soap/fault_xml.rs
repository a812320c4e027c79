//! Serializes a fault: SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4.
//!
//! If an operation of the original's services failed, the detail contains the original's typed exception,
//! which generated clients throw, followed by Muster's own entry with everything else. Muster's own
//! service declares that entry as its fault.

use std::fmt::Write;

use crate::http::soap::addressing::Addressing;
use crate::http::soap::fault::{Fault, FaultCode};
use crate::http::soap::namespace::{AXIS2, COMMON};
use crate::http::soap::service::Service;
use crate::http::soap::settings::Settings;
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::escape::escape;
use crate::users::import_record::ImportState;
use crate::users::problem::Problem;

/// Namespace of Muster's own detail entry.
pub const FAULT_NAMESPACE: &str = "urn:muster:soap:fault:1";

/// The request that a fault answers.
#[derive(Debug)]
pub struct FaultContext<'c> {
    /// The service that was called.
    pub service: Service,
    /// The version to answer in.
    pub version: SoapVersion,
    /// The request's WS-Addressing blocks, if any.
    pub addressing: Option<&'c Addressing>,
    /// The request's id.
    pub request_id: Option<String>,
    /// `[soap]` of the settings.
    pub settings: &'c Settings,
}

impl Fault {
    /// The envelope.
    pub fn to_xml(&self, context: &FaultContext<'_>) -> String {
        let FaultContext {
            service,
            version,
            addressing,
            ..
        } = *context;
        let mut detail = String::new();
        if self.exception && service.is_original() {
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
        let code = match self.code {
            FaultCode::Number(_) if !service.is_original() => FaultCode::Client,
            code => code,
        };
        self.write_own_detail(code, &mut detail, context);
        let body = match version {
            SoapVersion::V11 => self.body_11(code, &detail),
            SoapVersion::V12 => self.body_12(code, &detail),
        };
        let namespace = version.namespace();
        let header = self.header(version, addressing);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
             xmlns:soapenv=\"{namespace}\">{header}<soapenv:Body><soapenv:Fault>{body}</soapenv:Fault>\
             </soapenv:Body></soapenv:Envelope>"
        )
    }

    fn header(&self, version: SoapVersion, addressing: Option<&Addressing>) -> String {
        let mut blocks = self.own_blocks(version);
        if let Some(addressing) = addressing {
            let action = match self.exception {
                true => addressing.exception_action(),
                false => addressing.fault_action(),
            };
            blocks.push_str(&addressing.blocks(&action));
        }
        match blocks.is_empty() {
            true => blocks,
            false => format!("<soapenv:Header>{blocks}</soapenv:Header>"),
        }
    }

    /// SOAP 1.2 part 1 §5.4.7: the supported versions; §5.4.8: the blocks that were not understood.
    fn own_blocks(&self, version: SoapVersion) -> String {
        match (version, self.code) {
            (SoapVersion::V12, FaultCode::VersionMismatch) => format!(
                "<soapenv:Upgrade><soapenv:SupportedEnvelope qname=\"ns1:Envelope\" \
                 xmlns:ns1=\"{}\"/><soapenv:SupportedEnvelope qname=\"ns2:Envelope\" xmlns:ns2=\"{}\"/>\
                 </soapenv:Upgrade>",
                SoapVersion::V12.namespace(),
                SoapVersion::V11.namespace()
            ),
            (SoapVersion::V12, FaultCode::MustUnderstand) => {
                let blocks: String = self
                    .not_understood
                    .iter()
                    .map(|(namespace, name)| {
                        let (namespace, name) = (escape(namespace), escape(name));
                        format!(
                            "<soapenv:NotUnderstood qname=\"nu:{name}\" xmlns:nu=\"{namespace}\"/>"
                        )
                    })
                    .collect();
                blocks
            }
            _ => String::new(),
        }
    }

    fn body_11(&self, code: FaultCode, detail: &str) -> String {
        let (declaration, value) = match code {
            FaultCode::Client | FaultCode::NoSuchOperation => {
                (String::new(), "soapenv:Client".to_owned())
            }
            FaultCode::Server => (String::new(), "soapenv:Server".to_owned()),
            // Answered with the challenge instead, never serialized.
            FaultCode::NoCredentials => (String::new(), "soapenv:Client".to_owned()),
            FaultCode::VersionMismatch => (String::new(), "soapenv:VersionMismatch".to_owned()),
            FaultCode::MustUnderstand => (String::new(), "soapenv:MustUnderstand".to_owned()),
            // The original uses a separate prefix for its numbers, bound to the envelope's namespace.
            FaultCode::Number(number) => (
                format!(" xmlns:axis2ns1=\"{}\"", SoapVersion::V11.namespace()),
                format!("axis2ns1:{number}"),
            ),
        };
        let message = escape(&self.message);
        // SOAP 1.1 §4.4: a fault about a header entry has no detail.
        let detail = match code {
            FaultCode::MustUnderstand => String::new(),
            _ => format!("<detail>{detail}</detail>"),
        };
        format!(
            "<faultcode{declaration}>{value}</faultcode><faultstring>{message}</faultstring>{detail}"
        )
    }

    fn body_12(&self, code: FaultCode, detail: &str) -> String {
        let (value, subcode) = match code {
            FaultCode::Client | FaultCode::NoCredentials => ("Sender", String::new()),
            FaultCode::NoSuchOperation => (
                "Sender",
                "<soapenv:Subcode><soapenv:Value \
                 xmlns:rpc=\"http://www.w3.org/2003/05/soap-rpc\">rpc:ProcedureNotPresent\
                 </soapenv:Value></soapenv:Subcode>"
                    .to_owned(),
            ),
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

    /// The rule's code, what is stored, and every problem with its line, for clients that read more than
    /// the original's own entry.
    fn write_own_detail(&self, code: FaultCode, detail: &mut String, context: &FaultContext<'_>) {
        let rule = self.rule;
        let stored = self
            .report
            .as_ref()
            .filter(|report| report.state != ImportState::Undone)
            .map_or(0, |report| report.counters.created);
        // Writing to a string does not fail.
        let _ = write!(
            detail,
            "<m:importFault xmlns:m=\"{FAULT_NAMESPACE}\"><m:code>{rule}</m:code><m:message>{}\
             </m:message><m:rowsStored>{stored}</m:rowsStored>",
            escape(&self.message)
        );
        if let FaultCode::Number(number) = code {
            let _ = write!(detail, "<m:number>{number}</m:number>");
        }
        if let Some(report) = &self.report {
            let rows = report.counters.failed + report.counters.duplicate;
            let of_the_file = report.problems().filter(|problem| problem.line == 0);
            let total = rows + of_the_file.count() as u64;
            let _ = write!(
                detail,
                "<m:import>{}</m:import><m:state>{}</m:state><m:problems total=\"{}\">",
                report.import,
                report.state.as_str(),
                total
            );
            for problem in report.problems().take(context.settings.problems_in_fault) {
                write_problem(detail, problem);
            }
            detail.push_str("</m:problems>");
            if let Some(passwords) = &report.generated_passwords {
                let _ = write!(
                    detail,
                    "<m:generatedPasswords>{}</m:generatedPasswords>",
                    escape(passwords.expose())
                );
            }
        }
        if let Some(id) = &context.request_id {
            let _ = write!(detail, "<m:requestId>{}</m:requestId>", escape(id));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fault: &Fault, service: Service, version: SoapVersion) -> String {
        fault.to_xml(&FaultContext {
            service,
            version,
            addressing: None,
            request_id: Some("4711".into()),
            settings: &Settings::default(),
        })
    }

    #[test]
    fn numeric_codes_have_a_prefix_bound_to_the_envelope_namespace() {
        let fault = Fault::access_denied();
        let xml = written(&fault, Service::UserAdmin, SoapVersion::V11);
        let code = "<faultcode xmlns:axis2ns1=\"http://schemas.xmlsoap.org/soap/envelope/\">\
                    axis2ns1:50978</faultcode><faultstring>Access Denied.</faultstring>";
        assert!(xml.contains(code), "{xml}");
        let settings = Settings::default();
        let status = |version| fault.status(version, &settings);
        assert_eq!(
            (status(SoapVersion::V11), status(SoapVersion::V12)),
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
            let versions = [SoapVersion::V11, SoapVersion::V12];
            for (version, service) in versions
                .into_iter()
                .flat_map(|it| Service::ALL.map(|s| (it, s)))
            {
                let xml = written(&fault, service, version);
                let document = roxmltree::Document::parse(&xml).unwrap();
                let text = document
                    .descendants()
                    .filter_map(|node| node.text())
                    .collect::<String>();
                assert!(text.contains(&fault.message.replace('\u{1}', "?")), "{xml}");
                let has_detail =
                    fault.code != FaultCode::MustUnderstand || version == SoapVersion::V12;
                assert_eq!(
                    xml.contains("<m:requestId>4711</m:requestId>"),
                    has_detail,
                    "{xml}"
                );
            }
        }
    }
}
