//! What is worth a warning before a server starts, though it can start: files that others may read.

use crate::cli::settings::Settings;
use crate::file_mode::open_to_the_world;
use crate::http::tls;

/// The warnings, in sentences without a full stop. Nothing is made or changed.
pub(super) fn warnings(settings: &Settings) -> Vec<String> {
    let data = &settings.store.data;
    let mut warnings = Vec::new();
    if let Some(mode) = open_to_the_world(data) {
        warnings.push(format!(
            "the data directory {} is open to every user of this machine (mode {mode:o}); chmod 700 it",
            data.display()
        ));
    }
    if settings.server.https != "off" {
        warnings.extend(tls::key_warning(&settings.server, data));
    }
    warnings
}
