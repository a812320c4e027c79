//! The original's import: `bulkImportUsers(userStoreDomain?, fileName, handler, defaultPassword?)`.
//!
//! If rows failed or were duplicates, the answer is the original's fault with the counts in its message;
//! the good rows are stored.

use std::io::Read;
use std::sync::Arc;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::soap::answer::Done;
use crate::http::soap::beans::nil_return;
use crate::http::soap::fault::Fault;
use crate::http::soap::import_call::ImportCall;
use crate::http::soap::operation::Entry;
use crate::http::soap::parameters::Parameters;
use crate::http::soap::settings::Settings;
use crate::import::pending::Pending;
use crate::users::import_record::ImportState;

/// The parameter with the file.
pub const FILE: &str = "handler";

/// The parameter with the user store.
const DOMAIN: &str = "userStoreDomain";

/// Builds the import from the parameters.
///
/// # Errors
/// It is refused, whatever the file contains.
pub fn read_call(
    entry: &'static Entry,
    parameters: &mut Parameters,
    caller: &Caller,
    app: &App,
) -> Result<ImportCall, Fault> {
    ImportCall::new(entry, parameters, DOMAIN, caller, app)
}

/// Imports the file; the answer is nil if every row created a user. It fails if rows failed, or if the
/// import is refused or ends early.
pub fn import(
    call: ImportCall,
    file: impl Read,
    app: &Arc<App>,
    settings: &Settings,
) -> Pending<Result<Done, Fault>> {
    let (entry, respond_async) = (call.entry, call.respond_async);
    let ending = call.run(file, app, settings.problems_in_fault);
    ending.map(move |report| {
        let report = report?;
        match report.state {
            ImportState::Completed if report.counters.clean() => {}
            ImportState::Completed => return Err(Fault::completed_with_errors(report)),
            ImportState::Queued | ImportState::Running if respond_async => {}
            _ => return Err(Fault::earlier_call(report)),
        }
        let done = Done::new(entry, nil_return());
        Ok(Done {
            report: Some(report),
            ..done
        })
    })
}
