//! Warnings before a server starts: files that other users of the machine can read.

use crate::cli::settings::Settings;
use crate::file_mode::open_to_the_world;
use crate::http::tls;

/// The warnings, without a full stop. Nothing is created or changed.
pub(super) fn warnings(settings: &Settings) -> Vec<String> {
    let data = &settings.store.data;
    let mut warnings = Vec::new();
    if let Some(mode) = open_to_the_world(data) {
        warnings.push(format!(
            "the data directory {} is open to every user of this machine (mode {mode:o}); run chmod 700 on it",
            data.display()
        ));
    }
    if settings.server.https != "off" {
        warnings.extend(tls::key_warning(&settings.server, data));
    }
    warnings
}
