//! `[access]` of the settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How callers are let in.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds after which a session ends that nobody uses.
    pub session_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            session_seconds: 30 * 60,
        }
    }
}

impl Settings {
    /// For how long a session is kept that nobody uses.
    pub fn session(&self) -> Duration {
        Duration::from_secs(self.session_seconds)
    }
}
