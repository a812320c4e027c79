//! The one straight line: rows, candidates, checked users, hashed users, batches, outcomes, report.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::clock::Clock;
use crate::formats;
use crate::formats::detected::{Charset, CharsetFrom, Detected};
use crate::formats::error::FormatError;
use crate::formats::kind::FileKind;
use crate::formats::open::{Options, Rows, open};
use crate::formats::row::{Flaw, TextRow};
use crate::import::batching::{Batching, Machinery};
use crate::import::columns::ColumnPlan;
use crate::import::default_password::{DefaultPassword, DefaultPasswordHasher};
use crate::import::error::{ImportError, ImportFailure};
use crate::import::fingerprint::Fingerprint;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::settings::Settings;
use crate::import::single_user::SingleUser;
use crate::users::candidate::Candidate;
use crate::users::claims::ClaimTable;
use crate::users::hashing::HashPool;
use crate::users::import_record::{Counters, ImportId, ImportRecord, ImportState};
use crate::users::passwords;
use crate::users::policy::{GrantableRoles, Policy};
use crate::users::problem::{Problem, Severity};
use crate::users::store::{Finish, Store};
use crate::wire::spool::SpoolSettings;

/// Everything an import needs, made once.
pub struct Importer {
    /// Where the users go.
    pub store: Arc<dyn Store>,
    /// Where passwords are hashed.
    pub pool: Arc<HashPool>,
    /// Where default passwords are hashed.
    pub default_hasher: DefaultPasswordHasher,
    /// The rules for passwords.
    pub passwords: passwords::Settings,
    /// What columns and claims stand for.
    pub claims: ClaimTable,
    /// Bounds.
    pub settings: Settings,
    /// How files are read.
    pub files: formats::settings::Settings,
    /// Where a workbook is put aside while it is read.
    pub spool: SpoolSettings,
    /// Time and ids.
    pub clock: Clock,
    /// Set when the server stops: running imports end behind the batch they are at.
    pub stopping: Arc<AtomicBool>,
}

impl Importer {
    /// Imports the file that `source` gives, from its first byte to its last.
    ///
    /// # Errors
    /// The file could not be read to its end, or the store failed; the report says how far it came.
    pub fn run(&self, request: ImportRequest, source: impl Read) -> Result<Report, ImportFailure> {
        let called = FileKind::called(&request.file_name);
        self.import(request, |way| {
            let mut file = Fingerprint::new(source);
            self.read_file(&mut file, called, way)?;
            Ok(Some(file.hex()))
        })
    }

    /// Imports one user who does not come in a file; it has a record as every import has.
    ///
    /// # Errors
    /// The store failed.
    pub fn add_user(
        &self,
        request: ImportRequest,
        user: &SingleUser,
    ) -> Result<Report, ImportFailure> {
        self.import(request, |way| {
            judge(user.candidate(&self.claims), way.policy, way.batching);
            Ok(None)
        })
    }

    /// What every import has in common; `feed` brings its rows, and answers the SHA-256 of the file
    /// they came from.
    fn import(
        &self,
        request: ImportRequest,
        feed: impl FnOnce(Way<'_, '_>) -> Result<Option<String>, ImportError>,
    ) -> Result<Report, ImportFailure> {
        let started = Instant::now();
        let record = self.new_record(&request);
        let mut default = DefaultPassword::new(request.default_password, &self.passwords);
        let machinery = Machinery {
            store: self.store.as_ref(),
            pool: &self.pool,
            default_hasher: &self.default_hasher,
            clock: &self.clock,
            settings: &self.settings,
        };
        let mut batching = Batching::new(machinery, record.clone(), request.dry_run);
        let mut detected = None;
        let generate_passwords = request.generated_passwords.is_some();
        batching.hand_out(request.generated_passwords);
        let roles = self
            .store
            .roles(&request.organization, &request.domain.name)
            .map(|names| GrantableRoles::new(names, request.may_grant_admin));
        let result = roles.map_err(ImportError::from).and_then(|roles| {
            let policy = Policy {
                domain: &request.domain,
                passwords: &self.passwords,
                default_password: default.verdict(),
                generate_passwords,
                roles: &roles,
            };
            let way = Way {
                policy: &policy,
                default: &mut default,
                batching: &mut batching,
                detected: &mut detected,
            };
            let sha256 = feed(way)?;
            self.complete(sha256.clone(), &mut default, &mut batching)?;
            Ok(sha256)
        });
        let mut report = Report {
            import: record.id,
            dry_run: request.dry_run,
            domain: record.domain,
            file_name: record.file_name,
            file: None,
            sha256: None,
            state: ImportState::Completed,
            counters: Counters::default(),
            findings: Vec::new(),
            findings_total: 0,
            elapsed: started.elapsed(),
        };
        let result = result.map_err(|error| self.give_up(error, &mut batching));
        report.counters = batching.durable.counters;
        report.file = detected;
        report.findings = std::mem::take(&mut batching.durable.findings);
        report.findings_total = batching.durable.findings_total;
        report.elapsed = started.elapsed();
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

    fn read_file(
        &self,
        file: impl Read,
        called: Option<FileKind>,
        way: Way<'_, '_>,
    ) -> Result<(), ImportError> {
        let options = Options {
            called,
            settings: &self.files,
            spool: &self.spool,
        };
        let mut opened = open(file, &options)?;
        let mut rows = opened.rows()?;
        let Way {
            policy,
            default,
            batching,
            detected,
        } = way;
        let result = self.read_rows(&mut rows, policy, default, batching);
        let found = detected.insert(rows.detected());
        if let Some(charset) = found.charset
            && charset.from == CharsetFrom::Guess
        {
            batching.warn("charset-guessed", &guessed(charset));
        }
        result
    }

    fn read_rows(
        &self,
        rows: &mut Rows<'_, impl Read>,
        policy: &Policy<'_>,
        default: &mut DefaultPassword,
        batching: &mut Batching<'_>,
    ) -> Result<(), ImportError> {
        let Some(header) = rows.next_row()? else {
            return Ok(());
        };
        let header = header.text().map_err(|field| header_error(field.flaw))?;
        let plan = ColumnPlan::from_header(&header, &self.claims, batching.findings())?;
        let plan = plan.separated_by(rows.detected().delimiter);
        while let Some(row) = rows.next_row()? {
            if row.len() == 1 && row.is_blank() {
                continue;
            }
            match row.text() {
                Ok(text) => read_row(&text, &plan, policy, batching)?,
                Err(field) => {
                    let (line, column) = (row.line(), plan.column_name(field.position));
                    let charset = rows.detected().charset;
                    batching.reject([flawed(field.flaw, line, column, charset)]);
                }
            }
            if batching.is_full() {
                batching.flush(default, None)?;
                if self.stopping.load(Ordering::Relaxed) {
                    return Err(ImportError::Stopping);
                }
            }
        }
        Ok(())
    }

    /// The last batch and the import's end, in one step.
    fn complete(
        &self,
        sha256: Option<String>,
        default: &mut DefaultPassword,
        batching: &mut Batching<'_>,
    ) -> Result<(), ImportError> {
        if batching.is_untouched() {
            batching.warn("no-rows", "the file has a header line and no rows");
        }
        let finish = Finish {
            state: ImportState::Completed,
            reason: None,
            sha256,
        };
        batching.flush(default, Some(finish))
    }

    /// Notes in the record why the import ended early.
    fn give_up(
        &self,
        error: ImportError,
        batching: &mut Batching<'_>,
    ) -> (ImportError, ImportState) {
        let stopped = self.stopping.load(Ordering::Relaxed);
        let error = match error {
            ImportError::Wire(wire) if stopped && wire.is_truncation() => ImportError::Stopping,
            other => other,
        };
        let state = match error.is_interruption() {
            true => ImportState::Interrupted,
            false => ImportState::Failed,
        };
        let reason = Some(error.to_string());
        if let Err(second) = batching.abandon(Finish {
            state,
            reason,
            sha256: None,
        }) {
            tracing::error!(error = %second, "the end of an import could not be recorded");
        }
        (error, state)
    }

    fn new_record(&self, request: &ImportRequest) -> ImportRecord {
        ImportRecord {
            id: ImportId(self.clock.new_id()),
            organization: request.organization.clone(),
            domain: request.domain.name.clone(),
            door: request.door,
            operator: request.operator.clone(),
            file_name: label(&request.file_name),
            sha256: None,
            state: ImportState::Running,
            reason: None,
            counters: Counters::default(),
            findings: 0,
            started_at: self.clock.now(),
            finished_at: None,
            default_password_hash: None,
        }
    }
}

impl std::fmt::Debug for Importer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Importer")
    }
}

fn read_row(
    text: &TextRow<'_>,
    plan: &ColumnPlan<'_>,
    policy: &Policy<'_>,
    batching: &mut Batching<'_>,
) -> Result<(), ImportError> {
    match plan.candidate(text) {
        Ok(candidate) => judge(candidate, policy, batching),
        Err(problem) => {
            batching.reject([problem]);
            Ok(())
        }
    }
}

fn judge(
    candidate: Candidate<'_>,
    policy: &Policy<'_>,
    batching: &mut Batching<'_>,
) -> Result<(), ImportError> {
    if candidate.user_name.trim().is_empty() {
        batching.skip(candidate.line);
        return Ok(());
    }
    match policy.check(candidate, batching.findings()) {
        Ok(user) => batching.push(user)?,
        Err(problems) => batching.reject(problems),
    }
    Ok(())
}

/// What rows meet on their way.
struct Way<'w, 'm> {
    policy: &'w Policy<'w>,
    default: &'w mut DefaultPassword,
    batching: &'w mut Batching<'m>,
    /// Set when the last row was read.
    detected: &'w mut Option<Detected>,
}

/// A field without text, as a problem of its row.
fn flawed(flaw: Flaw, line: u64, column: String, charset: Option<Charset>) -> Problem {
    let charset = charset.map_or("UTF-8", |charset| charset.name);
    let (code, message) = match flaw {
        Flaw::NotText if charset == "UTF-8" => (
            "not-utf8",
            "the field is not UTF-8 text; save the file as UTF-8".to_owned(),
        ),
        Flaw::NotText => (
            "not-text",
            format!("the field is not text in {charset}; save the file as UTF-8"),
        ),
        Flaw::Error(error) => (
            "cell-error",
            format!("the cell holds the error {error}; mend its formula or empty it"),
        ),
    };
    Problem::new(Severity::Failed, line, Cow::Owned(column), code, message)
}

fn header_error(flaw: Flaw) -> FormatError {
    match flaw {
        Flaw::NotText => FormatError::Charset {
            charset: "another charset than it seems to be",
        },
        Flaw::Error(_) => FormatError::Workbook {
            what: "a cell of the header row holds an error",
            line: 0,
        },
    }
}

fn guessed(charset: Charset) -> String {
    format!(
        "the file is not UTF-8 and was read as {}, which is a guess: look at names with accents, and \
         save the file as UTF-8 or set files.charset if they are wrong",
        charset.name
    )
}

/// A file name as it is kept: its last segment, no controls, at most 255 characters.
fn label(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars()
        .filter(|character| !character.is_control())
        .take(255)
        .collect()
}

fn log_end(report: &Report, error: Option<&ImportError>) {
    let c = &report.counters;
    let (import, domain, state) = (report.import, report.domain.as_str(), report.state.as_str());
    let milliseconds = report.elapsed.as_millis();
    match error {
        None => tracing::info!(
            %import, domain, state, total = c.total, created = c.created, duplicate = c.duplicate,
            failed = c.failed, skipped = c.skipped, milliseconds, dry_run = report.dry_run,
            "import ended"
        ),
        Some(error) => tracing::warn!(
            %import, domain, state, total = c.total, created = c.created, duplicate = c.duplicate,
            failed = c.failed, skipped = c.skipped, milliseconds, code = error.code(), %error,
            "import ended early"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_a_label() {
        assert_eq!(label("../../etc/passwd"), "passwd");
        assert_eq!(label(r"C:\users\a.csv"), "a.csv");
        assert_eq!(label("a\u{0}\nb.csv"), "ab.csv");
    }
}
