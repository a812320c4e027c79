//! WS-Addressing (1.0 core §3, and the submission of 2004), as far as answers need it: an answer to a request with
//! addresses has an action and the id of the request. The answer always uses the same connection, whatever
//! ReplyTo says: Muster never connects to an address from a message.

use crate::http::soap::operation::Entry;
use crate::http::soap::xml::escape::escape;

/// Namespace of the submission of 2004.
const SUBMISSION: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";

/// The supported namespaces, the recommendation's first.
const NAMESPACES: [&str; 2] = ["http://www.w3.org/2005/08/addressing", SUBMISSION];

/// The matching WS-Addressing namespace, if `namespace` is one.
pub fn known(namespace: &str) -> Option<&'static str> {
    NAMESPACES.into_iter().find(|known| *known == namespace)
}

/// What an answer repeats from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressing {
    namespace: &'static str,
    /// The message's id.
    pub message_id: Option<String>,
    /// The operation, once it is known.
    pub operation: Option<&'static Entry>,
}

impl Addressing {
    /// An empty value for the version with this namespace.
    pub fn new(namespace: &'static str) -> Self {
        Addressing {
            namespace,
            message_id: None,
            operation: None,
        }
    }

    /// The action of a fault that no operation declares (WS-Addressing 1.0 SOAP binding §6).
    pub fn fault_action(&self) -> String {
        format!("{}/fault", self.namespace)
    }

    /// The action of the operation's declared exception, as in the WSDL.
    pub fn exception_action(&self) -> String {
        match self.operation {
            Some(entry) => entry.fault_action(),
            None => self.fault_action(),
        }
    }

    /// The answer's header blocks. They never have `mustUnderstand`, which several clients reject.
    pub fn blocks(&self, action: &str) -> String {
        let namespace = self.namespace;
        let relates_to = match &self.message_id {
            Some(id) => format!(
                "<wsa:RelatesTo xmlns:wsa=\"{namespace}\">{}</wsa:RelatesTo>",
                escape(id)
            ),
            None => String::new(),
        };
        // The submission requires To in every message (§3.1); without it JAX-WS RI and Axis2 report a failure.
        // In the recommendation To is optional and defaults to the same address.
        let to = match namespace {
            SUBMISSION => {
                format!("<wsa:To xmlns:wsa=\"{SUBMISSION}\">{SUBMISSION}/role/anonymous</wsa:To>")
            }
            _ => String::new(),
        };
        format!("{to}<wsa:Action xmlns:wsa=\"{namespace}\">{action}</wsa:Action>{relates_to}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_submission_requires_a_to_header() {
        for (namespace, to) in [
            (
                SUBMISSION,
                "<wsa:To xmlns:wsa=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\">\
                 http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>",
            ),
            ("http://www.w3.org/2005/08/addressing", ""),
        ] {
            let mut addressing = Addressing::new(known(namespace).unwrap());
            addressing.message_id = Some("urn:uuid:a&b".into());
            let expected = format!(
                "{to}<wsa:Action xmlns:wsa=\"{namespace}\">urn:x</wsa:Action>\
                 <wsa:RelatesTo xmlns:wsa=\"{namespace}\">urn:uuid:a&amp;b</wsa:RelatesTo>"
            );
            assert_eq!(addressing.blocks("urn:x"), expected);
        }
    }
}
