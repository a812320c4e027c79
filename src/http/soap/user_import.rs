//! Muster's own service, `UserImport`: imports with all options, their state and problems, and undoing
//! them.
//!
//! A completed import is answered with its report, even if rows failed; a fault means that it was refused
//! or ended early. A caller with the right to import may cancel and undo their own imports; other
//! callers' imports only an admin may.

use std::io::Read;
use std::sync::Arc;

use uuid::Uuid;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::soap::answer::Done;
use crate::http::soap::attached_file::AttachedFile;
use crate::http::soap::fault::Fault;
use crate::http::soap::import_call::ImportCall;
use crate::http::soap::operation::{Entry, ExistingImportOperation};
use crate::http::soap::parameters::{Parameters, parameter_fault};
use crate::http::soap::user_import_xml as xml;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::job_error::JobError;
use crate::import::pending::Pending;
use crate::import::reject_file;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::options::{ColumnMap, ConflictPolicy, HeaderLine, ImportOptions};
use crate::wire::spool::Spool;

/// Default number of problems on a page.
const PAGE: usize = 100;

/// The parameter with the file.
pub const FILE: &str = "file";

/// The parameter with the user store.
const DOMAIN: &str = "domain";

/// Builds the import from the parameters; `is_preview` makes it a dry run.
///
/// # Errors
/// It is refused, whatever the file contains.
pub fn read_call(
    entry: &'static Entry,
    is_preview: bool,
    parameters: &mut Parameters,
    caller: &Caller,
    app: &App,
) -> Result<ImportCall, Fault> {
    let mut options = options(parameters)?;
    options.dry_run |= is_preview;
    let respond_async = parameters.flag("respondAsync")?.unwrap_or(false);
    let generate = parameters.flag("generatePasswords")?.unwrap_or(false);
    let mut call = ImportCall::new(entry, parameters, DOMAIN, caller, app)?;
    call.request.options = options;
    if generate {
        if call.request.default_password.is_some() {
            return Err(parameter_fault(
                "A row without a password gets either the default password or a generated one; send only one \
                 of defaultPassword and generatePasswords."
                    .into(),
            ));
        }
        let passwords = GeneratedPasswords::for_report()
            .map_err(|error| Fault::server("IMP-INTERNAL", error.to_string()))?;
        call.request.generated_passwords = Some(passwords);
    }
    call.request.key = parameters.text("idempotencyKey").map(str::to_owned);
    call.respond_async = respond_async;
    Ok(call)
}

fn options(parameters: &Parameters) -> Result<ImportOptions, Fault> {
    let conflict = match parameters.text("conflict").map(str::trim) {
        None => ConflictPolicy::default(),
        Some(word) => ConflictPolicy::parse(word)
            .map_err(|sentence| parameter_fault(format!("The parameter conflict: {sentence}.")))?,
    };
    let stop_after = parameters.number("stopAfter")?;
    if stop_after == Some(0) {
        return Err(parameter_fault(
            "The parameter stopAfter must be 1 or more, or absent.".into(),
        ));
    }
    let header = parameters.text("header").map(HeaderLine::parse);
    let header = header
        .transpose()
        .map_err(|sentence| parameter_fault(format!("The parameter header: {sentence}.")))?;
    let mut map = ColumnMap::default();
    for entry in parameters.texts("map") {
        map.add(entry)
            .map_err(|sentence| parameter_fault(format!("The parameter map: {sentence}.")))?;
    }
    let sheet = parameters.text("sheet").map(str::trim);
    Ok(ImportOptions {
        conflict,
        dry_run: parameters.flag("dryRun")?.unwrap_or(false),
        validate_first: parameters.flag("validateFirst")?.unwrap_or(false),
        stop_after,
        header: header.unwrap_or_default(),
        map,
        sheet: sheet.filter(|name| !name.is_empty()).map(str::to_owned),
        ..ImportOptions::default()
    })
}

/// Imports the file and answers with the report. It fails if the import, or an earlier one of the same
/// call, is refused or ends early.
pub fn import(call: ImportCall, file: impl Read, app: &Arc<App>) -> Pending<Result<Done, Fault>> {
    let entry = call.entry;
    let ending = call.run(file, app, app.importer.settings.report_findings);
    ending.map(|report| {
        let report = report?;
        match report.state {
            ImportState::Completed | ImportState::Queued | ImportState::Running => {}
            ImportState::Interrupted
            | ImportState::Failed
            | ImportState::Cancelled
            | ImportState::Undone => return Err(Fault::earlier_call(report)),
        }
        let done = Done::new(entry, xml::report(&report));
        Ok(Done {
            report: Some(report),
            ..done
        })
    })
}

/// Runs the operations on existing imports.
#[derive(Debug)]
pub struct ImportOperations<'a> {
    /// The app.
    pub app: &'a App,
    /// The caller.
    pub caller: &'a Caller,
    /// Whether the request is an XOP package, so that the answer may be one.
    pub came_as_mtom: bool,
}

impl ImportOperations<'_> {
    /// Runs the operation.
    ///
    /// # Errors
    /// There is no such import, or the operation failed.
    pub fn run(
        &self,
        operation: ExistingImportOperation,
        entry: &'static Entry,
        parameters: &Parameters,
    ) -> Result<Done, Fault> {
        let id = id(parameters)?;
        let record = self.record(id)?;
        let content = match operation {
            ExistingImportOperation::GetImport => {
                // The job is removed from the registry a moment after the record has ended.
                let runs = record.state == ImportState::Running;
                let progress = || self.app.jobs.progress(&record.organization, id);
                xml::record(&record, runs.then(progress).flatten())
            }
            ExistingImportOperation::ListProblems => self.problems(&record, parameters)?,
            ExistingImportOperation::GetRejectFile => {
                return self.reject_file(entry, &record, parameters);
            }
            ExistingImportOperation::CancelImport => {
                self.may_change(&record)?;
                let outcome = self
                    .app
                    .jobs
                    .cancel(&self.caller.actor(Channel::Soap), id)?;
                xml::cancelled(outcome, self.record(id)?.state)
            }
            ExistingImportOperation::UndoImport => {
                self.may_change(&record)?;
                let undone = self.app.jobs.undo(&self.caller.actor(Channel::Soap), id)?;
                tracing::info!(import = %id, operator = self.caller.name, "an import was undone");
                xml::undone(id, &undone)
            }
        };
        Ok(Done::new(entry, content))
    }

    fn record(&self, id: ImportId) -> Result<ImportRecord, Fault> {
        let found = self.app.store.import(&self.caller.organization, id)?;
        found.ok_or_else(|| JobError::NoSuchImport(id).into())
    }

    fn may_change(&self, record: &ImportRecord) -> Result<(), Fault> {
        if self.caller.may_undo(record) {
            return Ok(());
        }
        Err(Fault::operation(
            "IMP-ACCESS-RIGHT",
            format!(
                "Import {} belongs to another operator; only an admin may cancel or undo it.",
                record.id
            ),
        ))
    }

    fn problems(&self, record: &ImportRecord, parameters: &Parameters) -> Result<String, Fault> {
        let settings = &self.app.importer.settings;
        let at_most = |requested: Option<u64>, or: usize| {
            requested.map_or(or, |requested| {
                usize::try_from(requested).unwrap_or(usize::MAX)
            })
        };
        // A store may count in fewer than 64 bits; no import keeps that many problems.
        let skip = at_most(parameters.number("skip")?, 0).min(u32::MAX as usize);
        let limit = at_most(parameters.number("limit")?, PAGE).min(settings.report_findings);
        let (organization, store) = (&record.organization, &self.app.store);
        let page = store.findings(organization, record.id, skip, limit)?;
        let kept = record.findings.min(settings.keep_findings);
        Ok(xml::problems(record.findings, kept, &page))
    }

    fn reject_file(
        &self,
        entry: &'static Entry,
        record: &ImportRecord,
        parameters: &Parameters,
    ) -> Result<Done, Fault> {
        let attached = parameters.flag("asAttachment")?;
        let mut file = Spool::new(&self.app.spool);
        let rows = reject_file::write(self.app.store.as_ref(), record, &mut file)?;
        let (content, content_after) =
            xml::reject_file(&record.file_name, rows, record.rejected.total);
        let done = Done::new(entry, content);
        Ok(Done {
            attachment: Some(AttachedFile {
                file,
                media_type: "text/csv; charset=UTF-8",
                attached: attached.unwrap_or(self.came_as_mtom),
                id: self.app.clock.new_id(),
                content_after,
            }),
            rejects: Some(record.rejected.dictionary()),
            ..done
        })
    }
}

fn id(parameters: &Parameters) -> Result<ImportId, Fault> {
    let text = parameters.required("id")?.trim();
    Uuid::parse_str(text).map(ImportId).map_err(|_| {
        parameter_fault(
            "The parameter id must be the id of an import, such as \
             01989e3a-7c51-7c4e-9d6b-0a1b2c3d4e5f."
                .into(),
        )
    })
}
