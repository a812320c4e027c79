//! The records of imports, cancelling and undoing them, and the audit log.

use actix_web::http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::rest::answer::Answer;
use crate::http::rest::parameters::Query;
use crate::http::rest::problem_details::ProblemDetails;
use crate::import::control::Progress;
use crate::import::jobs::Cancelled;
use crate::users::audit::AuditEntry;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, named};
use crate::users::problem::Problem;
use crate::users::undo::Undone;

/// An import, and its progress while it runs.
#[derive(Debug, Serialize)]
pub struct Import {
    #[serde(flatten)]
    record: ImportRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

/// A page of imports, newest first.
#[derive(Serialize)]
struct Imports {
    imports: Vec<Import>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

/// A page of the problems found in an import's rows.
#[derive(Serialize)]
struct Problems {
    problems: Vec<Problem>,
    /// How many were found in all.
    total: u64,
    /// Maximum number that is kept; the others were only counted.
    bound: u64,
    /// The value of `skip` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
}

/// A page of the audit log, newest first.
#[derive(Serialize)]
struct Audit {
    entries: Vec<AuditEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

/// The outcome of undoing an import.
#[derive(Serialize)]
struct Undo {
    #[serde(flatten, serialize_with = "named")]
    id: ImportId,
    #[serde(flatten)]
    undone: Undone,
}

/// A page of `entries`, of which one more than `limit` was read, and whether more follow.
fn page<T>(mut entries: Vec<T>, limit: usize) -> (Vec<T>, bool) {
    let more = entries.len() > limit;
    entries.truncate(limit);
    (entries, more)
}

/// Parses the import's id in the path.
///
/// # Errors
/// It is not an id.
pub fn id(text: &str) -> Result<ImportId, ProblemDetails> {
    // Only the canonical form, the one in which ids are reported.
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == 36 => Ok(ImportId(id)),
        _ => Err(ProblemDetails::no_such_import(text)),
    }
}

/// The record of an import of the caller's organization.
///
/// # Errors
/// There is none, or the store failed.
pub fn find(app: &App, caller: &Caller, id: ImportId) -> Result<ImportRecord, ProblemDetails> {
    let record = app.store.import(&caller.organization, id)?;
    record.ok_or_else(|| ProblemDetails::no_such_import(&id.to_string()))
}

impl Import {
    /// The import in its current state.
    pub fn now(app: &App, record: ImportRecord) -> Self {
        let progress = app.jobs.progress(&record.organization, record.id);
        Import { record, progress }
    }
}

/// `GET /api/v1/imports`.
///
/// # Errors
/// A parameter is invalid, or the store failed.
pub fn list(app: &App, caller: &Caller, query: &Query) -> Result<Answer, ProblemDetails> {
    let (limit, before) = (query.limit()?, query.cursor()?.map(ImportId));
    let filter = query.import_filter()?;
    let records = app
        .store
        .find_imports(&caller.organization, &filter, before, limit + 1)?;
    let (records, more) = page(records, limit);
    let next = records.last().filter(|_| more).map(|record| record.id.0);
    let imports = records.into_iter().map(|record| Import::now(app, record));
    let imports = imports.collect();
    Answer::json(StatusCode::OK, &Imports { imports, next })
}

/// `GET /api/v1/imports/{id}`.
///
/// # Errors
/// There is no such import, or the store failed.
pub fn show(app: &App, caller: &Caller, id: ImportId) -> Result<Answer, ProblemDetails> {
    let record = find(app, caller, id)?;
    Answer::json(StatusCode::OK, &Import::now(app, record))
}

/// `GET /api/v1/imports/{id}/problems`.
///
/// # Errors
/// A parameter is invalid, there is no such import, or the store failed.
pub fn problems(
    app: &App,
    caller: &Caller,
    id: ImportId,
    query: &Query,
) -> Result<Answer, ProblemDetails> {
    let (skip, limit) = (query.skip()?, query.limit()?);
    let record = find(app, caller, id)?;
    let found = app
        .store
        .findings(&caller.organization, id, skip, limit + 1)?;
    let (problems, more) = page(found, limit);
    let next = more.then_some(skip.saturating_add(limit));
    let page = Problems {
        problems,
        total: record.findings,
        bound: app.importer.settings.keep_findings,
        next,
    };
    Answer::json(StatusCode::OK, &page)
}

/// `POST /api/v1/imports/{id}/cancel`: 202 if the import will end after its current batch, 200 if it had
/// not begun, 409 if it has ended.
///
/// # Errors
/// There is no such import, it has ended, or the store failed.
pub fn cancel(app: &App, caller: &Caller, id: ImportId) -> Result<Answer, ProblemDetails> {
    find_own(app, caller, id)?;
    let status = match app.jobs.cancel(&caller.actor(Channel::Rest), id)? {
        Cancelled::Asked => StatusCode::ACCEPTED,
        Cancelled::BeforeItBegan => StatusCode::OK,
        Cancelled::TooLate => {
            return Err(ProblemDetails {
                import: Some(id),
                ..ProblemDetails::new(
                    StatusCode::CONFLICT,
                    "IMP-IMPORT-ENDED",
                    format!("Import {id} has ended; undo it to revert its changes."),
                )
            });
        }
    };
    let record = find(app, caller, id)?;
    Ok(Answer::json(status, &Import::now(app, record))?.with_location(id))
}

/// `POST /api/v1/imports/{id}/undo`.
///
/// # Errors
/// There is no such import, it is still running or was undone before, or the store failed.
pub fn undo(app: &App, caller: &Caller, id: ImportId) -> Result<Answer, ProblemDetails> {
    find_own(app, caller, id)?;
    let undone = app.jobs.undo(&caller.actor(Channel::Rest), id)?;
    Ok(Answer::json(StatusCode::OK, &Undo { id, undone })?.with_location(id))
}

/// The import, if the caller may cancel or undo it.
fn find_own(app: &App, caller: &Caller, id: ImportId) -> Result<ImportRecord, ProblemDetails> {
    let record = find(app, caller, id)?;
    if caller.may_undo(&record) {
        return Ok(record);
    }
    Err(ProblemDetails {
        import: Some(id),
        ..ProblemDetails::new(
            StatusCode::FORBIDDEN,
            "IMP-ACCESS-RIGHT",
            format!(
                "Import {id} belongs to another operator; only an admin may cancel or undo it."
            ),
        )
    })
}

/// `GET /api/v1/audit`.
///
/// # Errors
/// A parameter is invalid, or the store failed.
pub fn audit(app: &App, caller: &Caller, query: &Query) -> Result<Answer, ProblemDetails> {
    let (limit, before) = (query.limit()?, query.cursor()?);
    let entries = app.store.audit(&caller.organization, before, limit + 1)?;
    let (entries, more) = page(entries, limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.id);
    Answer::json(StatusCode::OK, &Audit { entries, next })
}
