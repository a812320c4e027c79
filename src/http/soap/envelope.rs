//! Reads the envelope: version, header blocks, and the one operation in the body.
//!
//! SOAP 1.1 §4, SOAP 1.2 part 1 §5.

use std::io::Read;

use crate::http::soap::addressing::{self, Addressing};
use crate::http::soap::elements::{next_child, read_text, skip};
use crate::http::soap::fault::{Fault, FaultCode};
use crate::http::soap::security::{self, Security, WSSE};
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{Element, XmlEvent, XmlReader};
use crate::quoted;

/// The header blocks that Muster evaluates.
#[derive(Debug, Default)]
pub struct Header {
    /// The request's WS-Addressing blocks, if any.
    pub addressing: Option<Addressing>,
    /// The request's WS-Security block, if any.
    pub security: Option<Security>,
}

/// Reads a whole envelope. `version` is set as soon as it is known, so that later faults can use it;
/// `operation` reads the body's only child up to its end.
///
/// # Errors
/// The document is not well-formed, is not an envelope, or its operation cannot be read.
pub fn read<R: Read, O>(
    xml: &mut XmlReader<R>,
    version: &mut SoapVersion,
    operation: impl FnOnce(&Header, &Element, &mut XmlReader<R>) -> Result<O, Fault>,
) -> Result<O, Fault> {
    let XmlEvent::Start(root) = xml.next()? else {
        return Err(Fault::client(
            "IMP-XML-EMPTY",
            "The request has no envelope.",
        ));
    };
    *version = version_of(&root)?;
    let soap = version.namespace();
    let mut header = Header::default();
    let mut child = next_child(xml, "Envelope")?;
    if child
        .as_ref()
        .is_some_and(|element| element.is(soap, "Header"))
    {
        header = read_header(xml, *version)?;
        child = next_child(xml, "Envelope")?;
    }
    match child {
        Some(body) if body.is(soap, "Body") => {}
        Some(other) => return Err(misplaced(&other)),
        None => return Err(Fault::client("IMP-SOAP-BODY", "The envelope has no Body.")),
    }
    let Some(element) = next_child(xml, "Body")? else {
        return Err(Fault::client(
            "IMP-SOAP-BODY",
            "The Body is empty; it must contain one operation of the service.",
        ));
    };
    let operation = operation(&header, &element, xml)?;
    if let Some(second) = next_child(xml, "Body")? {
        let name = quoted::word(&second.local);
        return Err(Fault::client(
            "IMP-SOAP-BODY",
            format!("The Body contains a second operation, {name}; send one at a time."),
        ));
    }
    if let Some(other) = next_child(xml, "Envelope")? {
        return Err(misplaced(&other));
    }
    match xml.next()? {
        XmlEvent::Eof => Ok(operation),
        _ => Err(Fault::client(
            "IMP-XML-ROOTS",
            "Something follows the envelope; remove it.",
        )),
    }
}

fn version_of(root: &Element) -> Result<SoapVersion, Fault> {
    let namespace = root.namespace.as_deref().unwrap_or_default();
    match SoapVersion::of_namespace(namespace) {
        Some(version) if root.local == "Envelope" => Ok(version),
        _ if root.local == "Envelope" => Err(Fault {
            code: FaultCode::VersionMismatch,
            ..Fault::client(
                "IMP-SOAP-VERSION",
                format!(
                    "The envelope's namespace {:?} does not belong to a SOAP version; use {} or {}.",
                    quoted::uri(namespace),
                    SoapVersion::V11.namespace(),
                    SoapVersion::V12.namespace()
                ),
            )
        }),
        _ => Err(Fault::client(
            "IMP-SOAP-ENVELOPE",
            format!(
                "The root element is {}, not a SOAP Envelope.",
                quoted::word(&root.local)
            ),
        )),
    }
}

fn misplaced(element: &Element) -> Fault {
    let name = quoted::word(&element.local);
    Fault::client(
        "IMP-SOAP-ENVELOPE",
        format!(
            "The element {name} is not allowed there; an envelope contains an optional Header and one Body."
        ),
    )
}

fn read_header<R: Read>(xml: &mut XmlReader<R>, version: SoapVersion) -> Result<Header, Fault> {
    let mut header = Header::default();
    let mut not_understood = Vec::new();
    while let Some(block) = next_child(xml, "Header")? {
        let namespace = block.namespace.as_deref().unwrap_or_default();
        if block.is(WSSE, "Security") {
            if header.security.is_some() {
                // Evaluating only one of them would let the other contradict it.
                return Err(Fault::client(
                    "IMP-WSSE-TOKENS",
                    "The envelope has two Security headers; send one.",
                ));
            }
            header.security = Some(security::read(xml)?);
            continue;
        }
        if let Some(known) = addressing::known(namespace) {
            let found = header.addressing.get_or_insert(Addressing::new(known));
            if block.local == "MessageID" {
                found.message_id = Some(read_text(xml, "MessageID")?.trim().to_owned());
                continue;
            }
        } else if must_be_understood(&block, version)? {
            not_understood.push((namespace.to_owned(), block.local.clone()));
        }
        skip(xml)?;
    }
    if not_understood.is_empty() {
        return Ok(header);
    }
    let names: Vec<String> = not_understood
        .iter()
        .map(|(_, name)| quoted::word(name))
        .collect();
    let message = format!(
        "The header block {} has mustUnderstand set but is not supported.",
        names.join(", ")
    );
    Err(Fault {
        code: FaultCode::MustUnderstand,
        not_understood,
        ..Fault::client("IMP-SOAP-MUST-UNDERSTAND", message)
    })
}

/// SOAP 1.1 §4.2.2 and §4.2.3, SOAP 1.2 part 1 §5.2.2 and §5.2.3.
fn must_be_understood(block: &Element, version: SoapVersion) -> Result<bool, Fault> {
    let soap = Some(version.namespace());
    match block.attribute(soap, "mustUnderstand").map(str::trim) {
        Some("1" | "true") => {}
        None | Some("0" | "false") => return Ok(false),
        Some(_) => {
            return Err(Fault::client(
                "IMP-SOAP-MUST-UNDERSTAND",
                format!(
                    "The mustUnderstand of {} must be true or false.",
                    quoted::word(&block.local)
                ),
            ));
        }
    }
    let role = match version {
        SoapVersion::V11 => block.attribute(soap, "actor"),
        SoapVersion::V12 => block.attribute(soap, "role"),
    };
    match role.map(str::trim) {
        None | Some("") => Ok(true),
        Some(role) => Ok(role.ends_with("/next") || role.ends_with("/ultimateReceiver")),
    }
}
