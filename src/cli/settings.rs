//! All sections of the settings, and how the command line loads them.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::app::AppSettings;
use crate::cli::command::{CliError, Common};
use crate::config::Sources;
use crate::passwords::rules;
use crate::users::{claims, domains};
use crate::{access, formats, http, import, provision, stores, telemetry};

/// The sections, by name, for variables such as `MUSTER_SERVER_HTTP`.
pub(super) const SECTIONS: &[&str] = &[
    "server",
    "soap",
    "store",
    "access",
    "passwords",
    "import",
    "files",
    "scim",
    "log",
];

/// Every section.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    pub server: http::settings::Settings,
    pub soap: http::soap::Settings,
    pub store: stores::Settings,
    pub access: access::settings::Settings,
    pub passwords: rules::Settings,
    pub import: import::settings::Settings,
    pub files: formats::settings::Settings,
    pub domains: domains::Settings,
    pub claims: claims::Settings,
    pub scim: provision::settings::Settings,
    pub log: telemetry::Settings,
}

impl Settings {
    /// Loads defaults, file, environment and flags; `flags` are those of the command.
    pub(super) fn load(
        common: &Common,
        flags: Vec<(&'static str, &'static str, Value)>,
    ) -> Result<(Self, Sources), CliError> {
        let (settings, sources) = Settings::read(common, flags)?;
        settings.server.check()?;
        Ok((settings, sources))
    }

    /// The same, without checking the values.
    pub(super) fn read(
        common: &Common,
        flags: Vec<(&'static str, &'static str, Value)>,
    ) -> Result<(Self, Sources), CliError> {
        let mut sources = Sources::from_environment();
        if let Some(file) = &common.config {
            sources.file = Some(file.clone());
        }
        if let Some(data) = &common.data {
            let data = data
                .to_str()
                .ok_or_else(|| "--data must be UTF-8".to_owned())?;
            sources.flags.push(("store", "data", Value::from(data)));
        }
        sources.flags.extend(flags);
        let settings: Settings = sources.load(SECTIONS)?;
        Ok((settings, sources))
    }

    /// The settings of a command that only reads, or makes a small change.
    pub(super) fn load_quietly(common: &Common) -> Result<Self, CliError> {
        Self::load_quietly_with(common, Vec::new())
    }

    /// The same, with the flags of the command.
    pub(super) fn load_quietly_with(
        common: &Common,
        flags: Vec<(&'static str, &'static str, Value)>,
    ) -> Result<Self, CliError> {
        let (settings, sources) = Settings::load(common, flags)?;
        settings.start_quiet_log()?;
        if let Some(warning) = sources.warning(SECTIONS) {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "muster: warning: {warning}");
        }
        Ok(settings)
    }

    /// Logs only errors to the terminal, unless the settings ask for more.
    pub(super) fn start_quiet_log(&self) -> Result<(), CliError> {
        let mut log = self.log.clone();
        if log.level == telemetry::Settings::default().level {
            log.level = "error".into();
        }
        Ok(telemetry::start(&log)?)
    }

    /// The settings that the app is built from.
    pub(super) fn app(&self) -> AppSettings {
        AppSettings {
            spool_limit: self.server.body_limit_bytes,
            store: self.store.clone(),
            access: self.access.clone(),
            passwords: self.passwords.clone(),
            import: self.import.clone(),
            files: self.files.clone(),
            domains: self.domains.clone(),
            claims: self.claims.clone(),
            scim: self.scim.clone(),
        }
    }
}
