//! Logging to standard error, as text or JSON lines. Passwords, hashes and the content of rows are never logged.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// `[log]` of the settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `muster=debug,warn`.
    pub level: String,
    /// The format of a line.
    pub format: Format,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON object per line.
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
    /// Checks that the level is valid.
    ///
    /// # Errors
    /// A message that names the key.
    pub fn check(&self) -> Result<(), String> {
        self.filter().map(drop)
    }

    fn filter(&self) -> Result<Targets, String> {
        // A bare level applies to Muster; libraries log from `warn` on. Messages of the HTTP dispatcher about a
        // connection are logged by Muster instead, with the peer's address and a rate limit.
        let filter = match self.level.as_str() {
            "info" | "debug" | "trace" => {
                format!("warn,actix_http::h1::dispatcher=off,muster={}", self.level)
            }
            other => other.to_owned(),
        };
        filter
            .parse()
            .map_err(|error| format!("log.level {:?}: {error}", self.level))
    }
}

/// Starts logging. Call it once.
///
/// # Errors
/// The level is not a valid filter, or logging was started before.
pub fn start(settings: &Settings) -> Result<(), String> {
    let shown = tracing_subscriber::registry().with(settings.filter()?);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.format {
        Format::Text => shown.with(lines.with_target(false)).try_init(),
        Format::Json => shown.with(lines.json()).try_init(),
    }
    .map_err(|error| error.to_string())
}
