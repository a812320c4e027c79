//! Logs: to standard error, as text or JSON lines. Never a password, a hash or a row's content.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// `[log]` of the settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `muster=debug,warn`.
    pub level: String,
    /// How a line looks.
    pub format: Format,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            level: "info".into(),
            format: Format::Text,
        }
    }
}

impl Settings {
    /// Whether the level is one.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        self.filter().map(drop)
    }

    fn filter(&self) -> Result<EnvFilter, String> {
        // A bare level is about Muster; the libraries below it are heard from `warn` on. What the HTTP
        // dispatcher says of a connection is said again, with its peer and not as often as anybody likes.
        let filter = match self.level.as_str() {
            "info" | "debug" | "trace" => {
                format!("warn,actix_http::h1::dispatcher=off,muster={}", self.level)
            }
            other => other.to_owned(),
        };
        EnvFilter::try_new(filter).map_err(|error| format!("log.level {:?}: {error}", self.level))
    }
}

/// Starts logging; to be called once.
///
/// # Errors
/// The level is no filter, or logging was started before.
pub fn start(settings: &Settings) -> Result<(), String> {
    let filter = settings.filter()?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    match settings.format {
        Format::Text => lines.with_target(false).try_init(),
        Format::Json => lines.json().try_init(),
    }
    .map_err(|error| error.to_string())
}
