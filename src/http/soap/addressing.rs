//! WS-Addressing (1.0 core §3, and the submission of 2004), as far as an answer needs it: a request with
//! addresses is answered with an action and the id it relates to. The answer goes back on the same
//! connection, whatever ReplyTo says: nothing is ever sent to an address out of a message.

use crate::http::soap::operation::Entry;
use crate::http::soap::xml::escape::escape;

/// Namespace of the submission of 2004.
const SUBMISSION: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";

/// The namespaces, the recommendation's first.
const NAMESPACES: [&str; 2] = ["http://www.w3.org/2005/08/addressing", SUBMISSION];

/// The namespace, if it is one of WS-Addressing.
pub fn known(namespace: &str) -> Option<&'static str> {
    NAMESPACES.into_iter().find(|known| *known == namespace)
}

/// What an answer repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressing {
    namespace: &'static str,
    /// The message's id.
    pub message_id: Option<String>,
    /// The operation, once it is known.
    pub operation: Option<&'static Entry>,
}

impl Addressing {
    /// Addresses of the version with this namespace.
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

    /// The WSDL's action of the exception that the operation declares.
    pub fn exception_action(&self) -> String {
        match self.operation {
            Some(entry) => entry.fault_action(),
            None => self.fault_action(),
        }
    }

    /// The answer's header blocks; never with `mustUnderstand`, which several clients refuse.
    pub fn blocks(&self, action: &str) -> String {
        let namespace = self.namespace;
        let relates_to = match &self.message_id {
            Some(id) => format!(
                "<wsa:RelatesTo xmlns:wsa=\"{namespace}\">{}</wsa:RelatesTo>",
                escape(id)
            ),
            None => String::new(),
        };
        // The submission requires To in every message (§3.1): JAX-WS RI and Axis2 report a failure without it.
        // The recommendation has a default for it, which is the same address.
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
    fn answers_of_the_submission_have_an_address_and_those_of_the_recommendation_need_none() {
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
