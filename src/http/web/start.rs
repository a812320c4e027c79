//! The end of a draft: its import, or its deletion.

use crate::http::blocking;
use crate::http::web::check;
use crate::http::web::draft::RowPasswords;
use crate::http::web::draft_head::{address, draft};
use crate::http::web::notices::After;
use crate::http::web::refusal::Refusal;
use crate::http::web::reply::Reply;
use crate::http::web::visit::Visit;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::jobs::Ended;
use crate::users::import_id::ImportId;
use crate::wire::error::WireError;

/// Starts the import.
///
/// # Errors
/// The draft does not exist or was not checked, or the import was refused.
pub fn run(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    let mut decisions = draft.decisions();
    if decisions.check.report().is_none() {
        drop(decisions);
        return Ok(Reply::see_other(address(visit, &draft, "check")));
    }
    let mut request = check::request(&visit.app, &visit.operator.caller, &draft, &decisions)?;
    let (file, _) = visit.front_end.drafts.open(draft.id)?;
    let id = match decisions.passwords {
        RowPasswords::None | RowPasswords::Typed(_) => {
            match visit.app.jobs.queue(request, file)? {
                Ended::Recorded(record) => record.id,
                Ended::Ran(report) => report.import,
            }
        }
        RowPasswords::Generated => {
            // Generated passwords cannot wait in a queue: they exist only where they are written.
            let id = ImportId(visit.app.clock.new_id());
            let passwords = visit.front_end.password_files.create(id);
            let passwords = passwords.and_then(|file| GeneratedPasswords::new(Box::new(file)));
            request.generated_passwords = Some(passwords.map_err(WireError::from_io)?);
            let app = visit.app.clone();
            let importing = blocking::run(move || {
                if let Err(error) = app.jobs.run_as(id, request, file) {
                    // The record says so too.
                    tracing::info!(%error, import = %id, "an import of the portal ended early");
                }
            });
            drop(importing);
            id
        }
    };
    decisions.check.stop();
    drop(decisions);
    visit.front_end.drafts.forget(draft.id);
    Ok(Reply::see_other(visit.address(&format!("/imports/{id}"))))
}

/// Forgets the file.
///
/// # Errors
/// The draft does not exist.
pub fn discard(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    visit.front_end.drafts.forget(draft.id);
    Ok(visit.see_other("/imports", After::Discarded))
}
