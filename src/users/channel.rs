//! The channel of a request.

use serde::Serialize;

/// The channel of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// `bulkImportUsers` over SOAP.
    Soap,
    /// `muster import`.
    Terminal,
    /// The REST resources below `/api/v1`.
    Rest,
    /// SCIM 2.0.
    Scim,
}

impl Channel {
    /// The word used in reports and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Soap => "soap",
            Channel::Terminal => "terminal",
            Channel::Rest => "rest",
            Channel::Scim => "scim",
        }
    }

    /// The channel that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Channel::Soap,
            Channel::Terminal,
            Channel::Rest,
            Channel::Scim,
        ]
        .into_iter()
        .find(|channel| channel.as_str() == word)
    }
}
