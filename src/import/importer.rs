//! The central sequence of an import: rows, candidates, checked users, hashed users, batches, outcomes,
//! report.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::clock::Clock;
use crate::formats;
use crate::formats::charset::TextCharset;
use crate::formats::error::FormatError;
use crate::formats::kind::FileKind;
use crate::formats::open::{KnownColumns, Options};
use crate::formats::workbook_memory::WorkbookMemory;
use crate::import::batching::{Batching, Checked, Machinery};
use crate::import::control::Control;
use crate::import::default_password::{DefaultPassword, DefaultPasswordHasher};
use crate::import::error::{ImportError, ImportFailure};
use crate::import::fingerprint::Fingerprint;
use crate::import::header::Wanted;
use crate::import::look::{Look, LookFailure, look};
use crate::import::memory::BatchMemory;
use crate::import::pending::Pending;
use crate::import::preview::Preview;
use crate::import::reading::Reading;
use crate::import::rejects_aside::RejectsAside;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::rows_digest::RowsDigest;
use crate::import::settings::Settings;
use crate::import::single_user::SingleUser;
use crate::import::sorting::Sorting;
use crate::import::task::Task;
use crate::passwords::hashing::{HashError, HashPool};
use crate::passwords::rules;
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::claims::ClaimTable;
use crate::users::import_record::{Counters, ImportRecord, ImportState};
use crate::users::options::{HeaderLine, ImportOptions};
use crate::users::policy::{GrantableRoles, Policy};
use crate::users::problem::warnings;
use crate::users::reject_block::PackedRejects;
use crate::users::step::{Finish, Found};
use crate::users::store::Store;
use crate::wire::error::WireError;
use crate::wire::spool::{Spool, SpoolSettings};

/// The services and settings that imports use; created once.
pub struct Importer {
    /// Stores the users.
    pub store: Arc<dyn Store>,
    /// Hashes passwords.
    pub pool: Arc<HashPool>,
    /// Hashes default passwords.
    pub default_hasher: Arc<DefaultPasswordHasher>,
    /// The password rules.
    pub passwords: rules::Settings,
    /// `[access] importers_set_passwords`.
    pub importers_set_passwords: bool,
    /// The meaning of columns and claims.
    pub claims: ClaimTable,
    /// Limits.
    pub settings: Arc<Settings>,
    /// Memory used by the batches of all imports.
    pub memory: BatchMemory,
    /// How files are read.
    pub files: formats::settings::Settings,
    /// Memory used by all workbooks that are being read.
    pub workbooks: WorkbookMemory,
    /// Where a workbook is spooled while it is read.
    pub spool: SpoolSettings,
    /// Source of time and ids.
    pub clock: Clock,
    /// Set when the server stops: a running import ends after its current batch.
    pub stopping: Arc<AtomicBool>,
}

impl Importer {
    /// Imports the file read from `source`, from the first byte to the last.
    ///
    /// # Errors
    /// The file could not be read to the end, or the store failed. The report says how far the import got.
    pub fn run(&self, request: ImportRequest, source: impl Read) -> Result<Report, ImportFailure> {
        let task = Task::new(request, &self.clock, &self.passwords);
        self.carry_out(task, source, &Arc::new(Control::new(None)))
            .wait()
    }

    /// Like [`run`](Self::run), but `control` can report progress and cancel the import, and the task may
    /// resume an earlier run. When this returns, the file has been read; the last step may still be on its
    /// way to disk.
    pub fn carry_out(
        &self,
        task: Task,
        source: impl Read,
        control: &Arc<Control>,
    ) -> Pending<Result<Report, ImportFailure>> {
        if task.selection.lines().is_some() && !task.record.options.dry_run {
            return Pending::Ended(Err(ImportFailure {
                error: ImportError::Selection,
                report: Box::new(Report::of_record(&task.record, Vec::new())),
            }));
        }
        if task.record.options.validate_first && !task.record.options.dry_run {
            return Pending::Ended(self.validate_then_write(task, source, control));
        }
        self.import_file(task, source, control)
    }

    /// Hashes the task's default password now and keeps the hash in its record, whether or not a row needs
    /// it.
    ///
    /// # Errors
    /// The hash function failed.
    pub(super) fn keep_default_password(&self, task: &mut Task) -> Result<(), HashError> {
        let organization = &task.record.organization;
        let hash = task.default.hash_once(&self.default_hasher, organization)?;
        task.record.default_password_hash = hash.or(task.record.default_password_hash.take());
        Ok(())
    }

    /// Whether the import was requested with this default password, or without one if `given` is none. The
    /// password itself is not kept, so it is verified against its hash.
    ///
    /// # Errors
    /// There was not enough memory to verify it.
    pub(super) fn is_default_password_of(
        &self,
        record: &ImportRecord,
        given: Option<&Secret>,
    ) -> Result<bool, HashError> {
        let given = given.filter(|secret| !secret.is_empty());
        match (given, &record.default_password_note) {
            (None, None) => Ok(true),
            (None, Some(_)) | (Some(_), None) => Ok(false),
            (Some(given), Some(note)) => match &record.default_password_hash {
                Some(hash) => self.default_hasher.is_of(given, &record.organization, hash),
                // An earlier version of the server hashed it only if a row needed it.
                None => {
                    let default = DefaultPassword::new(Some(given.clone()), &self.passwords);
                    Ok(default.note().as_ref() == Some(note))
                }
            },
        }
    }

    /// Imports one user without a file. The import has a record like any other.
    ///
    /// # Errors
    /// The store failed.
    pub fn add_user(
        &self,
        request: ImportRequest,
        user: &SingleUser,
    ) -> Result<Report, ImportFailure> {
        let task = Task::new(request, &self.clock, &self.passwords);
        self.import(task, &Arc::new(Control::new(None)), |reading| {
            reading.judge(user.candidate(&self.claims), Vec::new)?;
            Ok(None)
        })
        .wait()
    }

    fn import_file(
        &self,
        task: Task,
        source: impl Read,
        control: &Arc<Control>,
    ) -> Pending<Result<Report, ImportFailure>> {
        let options = task.record.options.clone();
        let file_name = task.record.file_name.clone();
        let is_partial = task.selection.lines().is_some();
        self.import(task, control, |reading| {
            let mut file = Fingerprint::new(source, control);
            self.with_options(&file_name, &options, |options| {
                reading.read_file(&mut file, options)
            })?;
            Ok((!is_partial).then(|| file.hex()))
        })
    }

    /// The options for the header line of an import with these options.
    pub(super) fn wanted_header<'o>(&'o self, options: &'o ImportOptions) -> Wanted<'o> {
        Wanted {
            line: match options.header {
                HeaderLine::Auto => self.files.header,
                asked => asked,
            },
            map: &options.map,
            settings_map: &self.files.map,
        }
    }

    /// Reads the beginning of a file as an import with these options would, without writing anything.
    ///
    /// # Errors
    /// Nothing of the file can be read. A header line that is not understood is not an error: it is in the
    /// result.
    pub fn look(
        &self,
        file: impl Read,
        file_name: &str,
        options: &ImportOptions,
    ) -> Result<Look, LookFailure> {
        self.with_options(file_name, options, |opening| {
            look(file, opening, self.wanted_header(options), &self.claims)
        })
    }

    /// Runs `work` with the options for opening a file that has this name and whose import has these options.
    ///
    /// # Errors
    /// The options have a charset or a delimiter that does not exist; the error of `work`.
    pub(super) fn with_options<T, E: From<FormatError>>(
        &self,
        file_name: &str,
        options: &ImportOptions,
        work: impl FnOnce(&Options<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let known = |name: &str| self.claims.column(name).is_some();
        let forced = options.forced_charset.as_deref();
        let settings = self.files.of_file(forced, options.delimiter.as_deref())?;
        let stated = options.charset.as_deref();
        work(&Options {
            called: FileKind::called(file_name),
            charset: stated.and_then(TextCharset::for_label),
            settings: settings.as_ref(),
            spool: &self.spool,
            memory: &self.workbooks,
            sheet: options.sheet.as_deref(),
            columns: KnownColumns(&known),
        })
    }

    /// Reads the file once without writing, and a second time with writing only if no row failed.
    fn validate_then_write(
        &self,
        task: Task,
        source: impl Read,
        control: &Arc<Control>,
    ) -> Result<Report, ImportFailure> {
        let started = Instant::now();
        let mut file = match self.spool(source) {
            Ok(file) => file,
            Err(error) => return Err(self.refuse(&task, error, None, control, started)),
        };
        let checked = match self
            .import_file(task.rehearsal(), &mut file, control)
            .wait()
        {
            Ok(report) if report.counters.failed == 0 => report,
            Ok(report) => {
                let failed = report.counters.failed;
                let error = ImportError::NotClean { failed };
                let refused = self.refuse(&task, error, Some(report), control, started);
                let c = &refused.report.counters;
                return Err(match c.created + c.updated {
                    0 => refused,
                    // An earlier run had begun to write, and a row now conflicts with an existing user.
                    _ => self.undo(*refused.report, &task.record.actor()),
                });
            }
            Err(failure) => {
                let report = Some(*failure.report);
                return Err(self.refuse(&task, failure.error, report, control, started));
            }
        };
        if let Err(error) = file.seek(SeekFrom::Start(0)) {
            let error = ImportError::Wire(WireError::from_io(error));
            return Err(self.refuse(&task, error, None, control, started));
        }
        control.rewind();
        let actor = task.record.actor();
        let written = self.import_file(task, file, control).wait()?;
        let expected = &checked.counters;
        let as_checked =
            written.counters.failed == 0 && written.counters.duplicate == expected.duplicate;
        match as_checked {
            true => Ok(written),
            false => Err(self.undo(written, &actor)),
        }
    }

    fn spool(&self, source: impl Read) -> Result<impl Read + Seek, ImportError> {
        Spool::fill(&self.spool, source)
            .and_then(Spool::into_reader)
            .map_err(ImportError::Wire)
    }

    /// Ends an import that has written nothing, and records what was found.
    fn refuse(
        &self,
        task: &Task,
        error: ImportError,
        rehearsal: Option<Report>,
        control: &Arc<Control>,
        started: Instant,
    ) -> ImportFailure {
        let mut batching = Batching::new(self.machinery(), task, Arc::clone(control));
        let state = end_state(&error);
        // Counted rows are not read again. An import that is resumed later has to find the rows of the
        // rehearsal again.
        let checked = match rehearsal {
            Some(report) if state != ImportState::Interrupted => {
                let columns = report.preview.into_iter().flat_map(|it| it.columns);
                batching.set_header(columns.map(|column| column.name).collect());
                let (now, before) = (report.counters, task.record.counters);
                let mut counted = Counters {
                    failed: now.failed - before.failed,
                    skipped: now.skipped - before.skipped,
                    duplicate: now.duplicate - before.duplicate,
                    ..Counters::default()
                };
                counted.total = counted.failed + counted.skipped + counted.duplicate;
                let (found, before) = (report.findings_total, task.record.findings);
                let all = found.saturating_sub(before);
                let warned = report.warnings.saturating_sub(task.record.warnings);
                Checked {
                    counted,
                    more_found: Found {
                        findings: all.saturating_sub(report.findings.len() as u64),
                        warnings: warned.saturating_sub(warnings(&report.findings)),
                    },
                    findings: report.findings,
                    packed: report.aside.and_then(Arc::into_inner).and_then(read_back),
                }
            }
            _ => Checked::default(),
        };
        let finish = Finish {
            state,
            reason: Some(error.to_string()),
            sha256: None,
            by: control.cancelled_by(),
        };
        if let Err(second) = batching.record_only(checked, finish) {
            tracing::error!(error = %second, "the end of an import could not be recorded");
        }
        let mut report = Report::new(&task.record);
        report.state = state;
        report.take(&mut batching.durable);
        report.elapsed = started.elapsed();
        log_end(&report, Some(&error));
        ImportFailure {
            error,
            report: Box::new(report),
        }
    }

    /// Undoes an import that wrote rows although it must not be kept.
    fn undo(&self, mut written: Report, by: &Actor) -> ImportFailure {
        let at = self.clock.now();
        let undone = self.store.undo(&by.organization, written.import, by, at);
        let error = match undone {
            Ok(_) => ImportError::Overtaken,
            Err(error) => ImportError::Store(error),
        };
        written.state = ImportState::Undone;
        ImportFailure {
            error,
            report: Box::new(written),
        }
    }

    fn machinery(&self) -> Machinery {
        Machinery {
            store: Arc::clone(&self.store),
            pool: Arc::clone(&self.pool),
            default_hasher: Arc::clone(&self.default_hasher),
            clock: self.clock.clone(),
            settings: Arc::clone(&self.settings),
            memory: self.memory.clone(),
            spool: self.spool.clone(),
            recognise_hashes: self.passwords.recognise_hashes,
            importers_set_passwords: self.importers_set_passwords,
        }
    }

    /// The part common to all imports. `feed` supplies the rows and returns the SHA-256 of their file.
    fn import(
        &self,
        mut task: Task,
        control: &Arc<Control>,
        feed: impl FnOnce(&mut Reading<'_>) -> Result<Option<String>, ImportError>,
    ) -> Pending<Result<Report, ImportFailure>> {
        let started = Instant::now();
        let generated = task.generated.take();
        let generate_passwords = task.generate_passwords;
        let mut batching = Batching::new(self.machinery(), &task, Arc::clone(control));
        batching.hand_out(generated);
        let Task {
            record,
            domain,
            mut default,
            selection,
            edits,
            keep,
            ..
        } = task;
        let mut report = Report::new(&record);
        let names_of_roles = || self.store.roles(&record.organization, &domain.name);
        let roles = GrantableRoles::new(names_of_roles, record.may_grant_admin);
        let roles = roles.for_all(&record.options.roles);
        let read = || -> Result<_, ImportError> {
            let policy = Policy {
                domain: &domain,
                passwords: &self.passwords,
                default_password: default.verdict(),
                conflict: record.options.conflict,
                generate_passwords,
                roles: &roles,
            };
            let mut reading = Reading {
                claims: &self.claims,
                header: self.wanted_header(&record.options),
                policy: &policy,
                default: &mut default,
                batching: &mut batching,
                control,
                stopping: &self.stopping,
                stop_after: record.options.stop_after,
                skip: record.counters.total,
                digest: record
                    .key
                    .is_some()
                    .then(|| RowsDigest::new(record.rows_sha256.clone())),
                shows_shapes: keep.is_some(),
                selection: selection.lines(),
                edits: &edits,
                columns: Preview::default(),
                preview: record.options.dry_run.then(Preview::default),
                sorting: Sorting {
                    settings: &self.settings,
                    spool: &self.spool,
                    done: record.counters.total,
                    resumed: record.stretch,
                    edits: &edits,
                    is_partial: selection.lines().is_some(),
                },
                detected: None,
            };
            let fed = feed(&mut reading);
            report.file = reading.detected.take();
            report.preview = reading.preview.take();
            let sha256 = fed?;
            if batching.is_untouched() && selection.lines().is_none() {
                batching.warn("no-rows", "the file has a header line and no rows");
            }
            Ok(sha256)
        };
        let result = read();
        let mut run = Run {
            batching,
            default,
            report,
            control: Arc::clone(control),
            stopping: Arc::clone(&self.stopping),
            started,
        };
        match result {
            Ok(sha256) if run.batching.needs_no_hashing(&mut run.default) => run.write(sha256),
            Ok(sha256) => Pending::Slow(Box::new(move || run.write(sha256))),
            Err(error) => run.give_up(error),
        }
    }
}

/// A run of an import whose rows have all been read.
struct Run {
    batching: Batching,
    default: DefaultPassword,
    report: Report,
    control: Arc<Control>,
    stopping: Arc<AtomicBool>,
    started: Instant,
}

impl Run {
    /// Submits the last batch and the end of the import, whose file has this SHA-256.
    fn write(mut self, sha256: Option<String>) -> Pending<Result<Report, ImportFailure>> {
        let finish = Finish {
            state: ImportState::Completed,
            reason: None,
            sha256: sha256.clone(),
            by: None,
        };
        match self.batching.submit_last(&mut self.default, finish) {
            Ok(step) => Pending::Pending(
                step,
                Box::new(move |written| {
                    let counted = self.batching.count(written);
                    self.end(counted.map(|()| sha256))
                }),
            ),
            Err(error) => self.give_up(error),
        }
    }

    /// Ends early.
    fn give_up(self, error: ImportError) -> Pending<Result<Report, ImportFailure>> {
        Pending::Slow(Box::new(move || Pending::Ended(self.end(Err(error)))))
    }

    /// The report of the run, complete or not.
    fn end(mut self, result: Result<Option<String>, ImportError>) -> Result<Report, ImportFailure> {
        let result = result.map_err(|error| self.record_failure(error));
        let mut report = self.report;
        report.generated_passwords = self.batching.generated_passwords();
        report.take(&mut self.batching.durable);
        report.passwords_to_hash = self.batching.passwords_to_hash();
        report.elapsed = self.started.elapsed();
        match result {
            Ok(sha256) => {
                report.sha256 = sha256;
                log_end(&report, None);
                Ok(report)
            }
            Err((error, state)) => {
                report.state = state;
                log_end(&report, Some(&error));
                Err(ImportFailure {
                    error,
                    report: Box::new(report),
                })
            }
        }
    }

    /// Records why the import ended early.
    fn record_failure(&mut self, error: ImportError) -> (ImportError, ImportState) {
        let stopped = self.stopping.load(Ordering::Relaxed);
        let error = match error {
            ImportError::Wire(wire) if stopped && wire.is_truncation() => ImportError::Stopping,
            other => other,
        };
        let state = end_state(&error);
        let reason = Some(error.to_string());
        let finish = Finish {
            state,
            reason,
            sha256: None,
            by: self.control.cancelled_by(),
        };
        if let Err(second) = self.batching.abandon(finish, error.finding()) {
            tracing::error!(error = %second, "the end of an import could not be recorded");
        }
        // Rows without their own password may have been written before the first digest was seen.
        if matches!(error, ImportError::PasswordColumn) {
            return match self.batching.undo() {
                Ok(true) => (error, ImportState::Undone),
                Ok(false) => (error, state),
                Err(second) => (ImportError::Store(second), state),
            };
        }
        (error, state)
    }
}

impl std::fmt::Debug for Importer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Importer")
    }
}

/// The rejected rows of a check, for the record.
fn read_back(aside: RejectsAside) -> Option<Arc<dyn PackedRejects>> {
    match aside.close() {
        Ok(kept) => Some(Arc::new(kept)),
        Err(error) => {
            tracing::error!(%error, "rejected rows could not be read back");
            None
        }
    }
}

/// The state of an import that ended with this error.
fn end_state(error: &ImportError) -> ImportState {
    match error {
        ImportError::Cancelled => ImportState::Cancelled,
        // The import itself is unchanged; only the caller that sent other rows gets the error.
        ImportError::OtherContent => ImportState::Interrupted,
        error if error.is_interruption() => ImportState::Interrupted,
        _ => ImportState::Failed,
    }
}

fn log_end(report: &Report, error: Option<&ImportError>) {
    let c = &report.counters;
    let (import, domain, state) = (report.import, report.domain.as_str(), report.state.as_str());
    let milliseconds = report.elapsed.as_millis();
    match error {
        None => tracing::info!(
            %import, domain, state, total = c.total, created = c.created, updated = c.updated,
            unchanged = c.unchanged, duplicate = c.duplicate, failed = c.failed, skipped = c.skipped,
            warnings = report.warnings, milliseconds, dry_run = report.options.dry_run, "import ended"
        ),
        Some(error) => tracing::warn!(
            %import, domain, state, total = c.total, created = c.created, updated = c.updated,
            unchanged = c.unchanged, duplicate = c.duplicate, failed = c.failed, skipped = c.skipped,
            warnings = report.warnings, milliseconds, code = error.code(), %error, "import ended early"
        ),
    }
}
