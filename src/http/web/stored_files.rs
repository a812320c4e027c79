//! The folders of the portal, and their upkeep.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::app::{self, App};
use crate::http::blocking;
use crate::http::web::drafts::Drafts;
use crate::http::web::password_files::PasswordFiles;

/// The folder below the data directory for uploads that are not imported yet.
const DRAFTS: &str = "portal-uploads";

/// The folder below the data directory for generated passwords that were not downloaded yet.
const PASSWORDS: &str = "portal-passwords";

/// How often files that are no longer needed are looked for.
const SWEEP: Duration = Duration::from_secs(30);

/// Opens the folders below the data directory; only the owner may read them.
///
/// # Errors
/// The message for the user: a folder cannot be created.
pub fn stored_files(
    app: &App,
    data: &Path,
    limit: u64,
) -> Result<(Arc<Drafts>, Arc<PasswordFiles>), String> {
    let (drafts, passwords) = (data.join(DRAFTS), data.join(PASSWORDS));
    app::make_folder(&drafts)?;
    app::make_folder(&passwords)?;
    let drafts = Drafts::new(&drafts, limit, app.clock.clone());
    Ok((Arc::new(drafts), Arc::new(PasswordFiles::new(&passwords))))
}

/// Deletes uploads whose session has ended or that are not used, again and again.
pub async fn sweep(app: Arc<App>, drafts: Arc<Drafts>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let (app, drafts) = (Arc::clone(&app), Arc::clone(&drafts));
        let swept = blocking::run(move || {
            drafts.sweep(|session| app.gate.is_portal_session_open(session));
        });
        if let Err(error) = swept.await {
            tracing::warn!(%error, "uploads that are no longer needed were not deleted");
        }
    }
}
