//! Checks a whole file before its import: the same code and the same constraints as the import, without writing.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::blocking;
use crate::http::intake::Unserved;
use crate::http::traffic::{OnBehalf, Size};
use crate::http::web::check_state::Check;
use crate::http::web::draft::{Decisions, Draft, RowPasswords, Step};
use crate::http::web::front_end::WebFrontEnd;
use crate::http::web::refusal::Refusal;
use crate::http::web::visit::Visit;
use crate::import::control::Control;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::report::Report;
use crate::import::request::{ImportRequest, ReportLimits};
use crate::import::selection::Selection;
use crate::import::task::Task;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::operator::Role;
use crate::wire::error::WireError;

/// What a check keeps of its findings.
const KEPT: ReportLimits = ReportLimits {
    findings: 10_000,
    bytes: 8 * 1024 * 1024,
};

/// The request for the import of a draft, or for its check.
///
/// # Errors
/// The user store no longer exists.
pub fn request(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    decisions: &Decisions,
) -> Result<ImportRequest, Refusal> {
    let (default_password, generates) = match &decisions.passwords {
        RowPasswords::None => (None, false),
        RowPasswords::Typed(password) => (Some(password.clone()), false),
        RowPasswords::Generated => (None, true),
    };
    let generated_passwords = generates
        .then(GeneratedPasswords::for_report)
        .transpose()
        .map_err(WireError::from_io)?;
    Ok(ImportRequest {
        organization: caller.organization.clone(),
        domain: app.domains.find(decisions.domain.as_deref())?,
        channel: Channel::Portal,
        operator: caller.name.clone(),
        may_grant_admin: caller.role == Role::Admin,
        file_name: draft.file_name.clone(),
        default_password,
        generated_passwords,
        options: decisions.options.clone(),
        request_id: caller.request_id.clone(),
        key: None,
        selection: Selection::All,
        edits: decisions.edits.clone(),
        keep: None,
    })
}

/// The request as a check.
fn rehearsal(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    decisions: &Decisions,
) -> Result<ImportRequest, Refusal> {
    let mut request = request(app, caller, draft, decisions)?;
    request.options.dry_run = true;
    // All rows are checked, whatever ends the import itself.
    request.options.validate_first = false;
    request.options.stop_after = None;
    request.keep = Some(KEPT);
    Ok(request)
}

/// Starts a check of the whole file, which replaces an earlier one.
///
/// # Errors
/// The user store no longer exists.
pub fn start(visit: &Visit, draft: &Arc<Draft>) -> Result<(), Refusal> {
    let caller = &visit.operator.caller;
    let mut decisions = draft.decisions();
    decisions.check.stop();
    let request = rehearsal(&visit.app, caller, draft, &decisions)?;
    let control = Arc::new(Control::new(Some(draft.size)));
    decisions.check = Check::Running(Arc::clone(&control));
    decisions.outdated = false;
    decisions.rechecked.clear();
    drop(decisions);
    let (app, front_end) = (visit.app.clone(), visit.front_end.clone());
    let (by, draft) = (OnBehalf::from(caller), Arc::clone(draft));
    // The page does not wait for the result.
    drop(Handle::current().spawn(async move {
        let result = match front_end.traffic.acquire_slot(Size::Long, &by).await {
            Ok(slot) => {
                let (app, front_end, id) = (app.clone(), front_end.clone(), draft.id);
                let control = Arc::clone(&control);
                let run = move || {
                    let _slot = slot;
                    run(&app, &front_end, id, request, &control)
                };
                blocking::run(run)
                    .await
                    .unwrap_or_else(|failed| Err(Unserved::Failed(failed).into()))
            }
            Err(busy) => Err(Unserved::from(busy).into()),
        };
        let mut decisions = draft.decisions();
        // Another check may have replaced this one.
        let is_current =
            matches!(&decisions.check, Check::Running(own) if Arc::ptr_eq(own, &control));
        if !is_current {
            return;
        }
        decisions.check = match result {
            Ok(report) => {
                decisions.reached = decisions.reached.max(Step::Check);
                Check::Done(Box::new(report))
            }
            Err(refusal) => Check::Failed {
                code: refusal.code,
                text: refusal.text,
            },
        };
    }));
    Ok(())
}

fn run(
    app: &App,
    front_end: &WebFrontEnd,
    id: ImportId,
    request: ImportRequest,
    control: &Arc<Control>,
) -> Result<Report, Refusal> {
    let (file, _) = front_end.drafts.open(id)?;
    let importer = &app.importer;
    let task = Task::new(request, &importer.clock, &importer.passwords);
    let ended = importer.carry_out(task, file, control).wait();
    ended.map_err(|failure| failure.error.into())
}

/// Checks these rows again.
///
/// # Errors
/// The file is gone or can no longer be read.
pub fn rows(
    visit: &Visit,
    draft: &Draft,
    decisions: &Decisions,
    lines: BTreeSet<u64>,
) -> Result<Report, Refusal> {
    let mut request = rehearsal(&visit.app, &visit.operator.caller, draft, decisions)?;
    request.selection = Selection::Lines(lines);
    let control = Arc::new(Control::new(None));
    run(&visit.app, &visit.front_end, draft.id, request, &control)
}
