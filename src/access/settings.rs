//! `[access]` of the settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Authentication of callers.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds without use after which a session ends.
    pub session_seconds: u64,
    /// Seconds without use after which a session of the admin portal ends.
    pub portal_session_seconds: u64,
    /// Wrong passwords for one account within `login_window_seconds` after which further logins to it are
    /// verified at most once a second, and wrong ones get the status 429.
    pub login_failures_per_account: u32,
    /// Wrong passwords and tokens from one address after which further wrong ones get the status 429; right
    /// ones are accepted.
    pub login_failures_per_address: u32,
    /// Seconds after the last failure when the count of an account or an address is reset.
    pub login_window_seconds: u64,
    /// Whether operators with the role `import` may set the passwords of existing users, except of users who
    /// have the role `admin`.
    pub importers_set_passwords: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            session_seconds: 30 * 60,
            portal_session_seconds: 30 * 60,
            login_failures_per_account: 10,
            login_failures_per_address: 30,
            login_window_seconds: 5 * 60,
            importers_set_passwords: false,
        }
    }
}

impl Settings {
    /// How long a session of the admin portal is kept without use.
    pub fn portal_session(&self) -> Duration {
        Duration::from_secs(self.portal_session_seconds)
    }

    /// How long a session is kept without use.
    pub fn session(&self) -> Duration {
        Duration::from_secs(self.session_seconds)
    }
}
