//! The `[soap.security]` section of the settings: how WS-Security headers are checked.

use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::passwords::secret::Secret;

/// `[soap.security]` of the settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds for which a token or a timestamp is fresh and its nonce is remembered; 0 disables both
    /// checks, for replaying recorded requests.
    pub max_age_seconds: u32,
    /// Seconds by which a sender's clock may be ahead of or behind the server's.
    pub clock_skew_seconds: u32,
    /// Callers that may send digests.
    pub digest_callers: Vec<DigestCaller>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_age_seconds: 300,
            clock_skew_seconds: 300,
            digest_callers: Vec::new(),
        }
    }
}

/// `[[soap.security.digest_callers]]` of the settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DigestCaller {
    /// The operator's name.
    pub name: String,
    /// The password in plain text.
    #[serde(default, deserialize_with = "secret", serialize_with = "hidden")]
    pub secret: Option<Secret>,
    /// The file with the password in its first line.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Some(Secret::new(String::deserialize(deserializer)?)))
}

/// Hides the secret: it is never serialized.
fn hidden<S: serde::Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some("***"),
        None => serializer.serialize_none(),
    }
}
