//! `[access]` of the settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How callers are let in.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds after which a session ends that nobody uses.
    pub session_seconds: u64,
    /// Wrong passwords for one account within `login_window_seconds` after which further logins to it are verified
    /// one a second or slower, and wrong ones are answered with 429.
    pub login_failures_per_account: u32,
    /// Wrong passwords and tokens from one address after which further wrong ones are answered with 429; right ones
    /// pass.
    pub login_failures_per_address: u32,
    /// Seconds after its last failure when an account, or an address, begins anew.
    pub login_window_seconds: u64,
    /// Whether operators with the role `import` may set the passwords of users who exist, other than those
    /// who have the role `admin` themselves.
    pub importers_set_passwords: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            session_seconds: 30 * 60,
            login_failures_per_account: 10,
            login_failures_per_address: 30,
            login_window_seconds: 5 * 60,
            importers_set_passwords: false,
        }
    }
}

impl Settings {
    /// For how long a session is kept that nobody uses.
    pub fn session(&self) -> Duration {
        Duration::from_secs(self.session_seconds)
    }
}
