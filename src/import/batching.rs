//! Passes an import's rows to the store: batches are gathered, hashed, sorted and submitted. One batch is
//! submitted while the next one is gathered.

use std::sync::Arc;

use crate::clock::Clock;
use crate::import::control::Control;
use crate::import::default_password::{DefaultPassword, DefaultPasswordHasher};
use crate::import::digest_watch::DigestWatch;
use crate::import::error::ImportError;
use crate::import::generated_passwords::{GeneratedPasswords, PasswordList};
use crate::import::memory::{BatchMemory, Share};
use crate::import::rejects_aside::RejectsAside;
use crate::import::report::{Durable, REPORT_BYTES};
use crate::import::request::ReportLimits;
use crate::import::settings::Settings;
use crate::import::sorting::Place;
use crate::import::task::Task;
use crate::passwords::hashing::HashPool;
use crate::passwords::random_password::random_password;
use crate::passwords::secret::Secret;
use crate::users::batch::{CheckedUsers, NewUsers};
use crate::users::candidate::{CheckedPassword, CheckedUser};
use crate::users::import_record::{Counters, ImportRecord};
use crate::users::password_right::PasswordRight;
use crate::users::problem::{Problem, Severity};
use crate::users::reject::Reject;
use crate::users::reject_block::PackedRejects;
use crate::users::step::{Finish, Found, ImportStep, Outcome, PendingStep, Tally, Written};
use crate::users::store::Store;
use crate::users::store_error::StoreError;
use crate::wire::spool::SpoolSettings;

/// Maximum bytes of text in a batch.
const BATCH_TEXT: usize = 8 * 1024 * 1024;

/// Maximum bytes of rejected rows and findings that are submitted together.
const BATCH_REJECTS: usize = 4 * 1024 * 1024;

/// Maximum bytes of a batch while all imports together use much memory.
const SCARCE_BATCH: usize = 256 * 1024;

/// Maximum bytes of findings kept from a check before writing.
const CHECK_BYTES: usize = 2 * 1024 * 1024;

/// Maximum sentences about one rejected row; a row may have thousands of bad cells.
const SENTENCES: usize = 20;

/// Maximum findings of a batch that is held back because it is not yet known whether its passwords are
/// digests.
const HELD_FINDINGS: usize = 40_000;

/// Factor by which the batch size grows until the maximum. It grows quickly so that a file of a hundred
/// thousand rows is written as fast as one of a million.
const GROWTH: usize = 4;

/// Services and settings that batches use.
pub(super) struct Machinery {
    pub store: Arc<dyn Store>,
    pub pool: Arc<HashPool>,
    pub default_hasher: Arc<DefaultPasswordHasher>,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    /// Memory used by the batches of all imports.
    pub memory: BatchMemory,
    /// Where the rejected rows of a check are spooled.
    pub spool: SpoolSettings,
    /// Whether text that looks like a hash is taken as a hash.
    pub recognise_hashes: bool,
    /// `[access] importers_set_passwords`.
    pub importers_set_passwords: bool,
}

/// Gathers rows and submits them.
pub(super) struct Batching {
    machinery: Machinery,
    record: ImportRecord,
    control: Arc<Control>,
    dry_run: bool,
    begun: bool,
    /// Names of the columns, until a step has taken them.
    header: Option<Vec<String>>,
    /// The position of the last row.
    place: Place,
    /// Current maximum of users in a batch; it grows during the import.
    limit: usize,
    /// The file is small and complete, so it is one batch regardless of its content.
    one_batch: bool,
    gathering: CheckedUsers,
    digests: DigestWatch,
    /// The memory of an earlier batch, reused for the next one.
    spare: NewUsers,
    counted: Counters,
    /// Cells of the gathered rows that were changed.
    mended: u64,
    /// Cells of the rows of the step in progress that were changed.
    mended_under_way: u64,
    /// Rows of a dry run whose own password an import would hash.
    passwords_to_hash: u64,
    /// Limits of the report of a dry run.
    keep: Option<ReportLimits>,
    findings: Vec<Problem>,
    rejects: Vec<Reject>,
    /// Approximate bytes of the rejected rows.
    rejects_size: usize,
    /// Approximate bytes of the findings, and how many findings that counts.
    findings_size: usize,
    findings_counted: usize,
    /// The share of [`BatchMemory`] for the batch that is being gathered.
    share: Share,
    under_way: Option<PendingStep>,
    /// The share of [`BatchMemory`] for the step in progress.
    share_under_way: Option<Share>,
    /// Position and password of the users in the step in progress whose password was generated.
    generated_under_way: Vec<(usize, Secret)>,
    /// Position and password of the gathered users whose password was generated.
    generated: Vec<(usize, Secret)>,
    hand_out: Option<GeneratedPasswords>,
    pub durable: Durable,
}

/// What a check found before anything was written.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub counted: Counters,
    pub findings: Vec<Problem>,
    /// Findings that are counted but not listed.
    pub more_found: Found,
    pub packed: Option<Arc<dyn PackedRejects>>,
}

impl Batching {
    pub(super) fn new(machinery: Machinery, task: &Task, control: Arc<Control>) -> Self {
        let record = task.record.clone();
        let durable = Durable {
            counters: record.counters,
            findings_total: record.findings,
            warnings: record.warnings,
            mended: record.mended,
            rejected: record.rejected,
            ..Durable::default()
        };
        control.resume(record.counters);
        Batching {
            limit: machinery
                .settings
                .first_batch_users
                .min(machinery.settings.batch_users),
            digests: match machinery.recognise_hashes && record.counters.total == 0 {
                true => DigestWatch::new(),
                false => DigestWatch::decided(),
            },
            share: machinery.memory.share(),
            machinery,
            one_batch: task.one_batch,
            dry_run: record.options.dry_run,
            record,
            control,
            begun: task.recorded,
            header: None,
            place: Place::default(),
            gathering: CheckedUsers::default(),
            spare: NewUsers::default(),
            counted: Counters::default(),
            mended: 0,
            mended_under_way: 0,
            passwords_to_hash: 0,
            keep: task.keep.filter(|_| task.record.options.dry_run),
            findings: Vec::new(),
            rejects: Vec::new(),
            rejects_size: 0,
            findings_size: 0,
            findings_counted: 0,
            under_way: None,
            share_under_way: None,
            generated_under_way: Vec::new(),
            generated: Vec::new(),
            hand_out: None,
            durable,
        }
    }

    /// Sets where generated passwords are delivered.
    pub(super) fn hand_out(&mut self, hand_out: Option<GeneratedPasswords>) {
        self.hand_out = hand_out;
    }

    /// The generated passwords, if they go into the report.
    pub(super) fn generated_passwords(&mut self) -> Option<PasswordList> {
        self.hand_out.take()?.into_list()
    }

    /// Adds a user, with a generated password if one is wanted.
    pub(super) fn push(
        &mut self,
        user: CheckedUser<'_>,
        cells: Option<&str>,
    ) -> Result<(), ImportError> {
        self.digests.look(&user.password)?;
        if !matches!(user.password, CheckedPassword::Generated) || self.dry_run {
            self.gathering.push(&user, cells);
            return Ok(());
        }
        let password = random_password().map_err(ImportError::GeneratedPasswords)?;
        self.generated
            .push((self.gathering.len(), password.clone()));
        let user = CheckedUser {
            password: CheckedPassword::MadeUp(password.expose()),
            ..user
        };
        self.gathering.push(&user, cells);
        Ok(())
    }

    /// Counts a rejected row and its problems.
    pub(super) fn reject(
        &mut self,
        problems: impl IntoIterator<Item = Problem>,
        line: u64,
        cells: Vec<String>,
    ) {
        self.counted.total += 1;
        self.counted.failed += 1;
        let first = self.findings.len();
        self.findings.extend(problems);
        let problems = self.findings.get(first..).unwrap_or_default();
        let code = problems.first().map_or("", |it| it.code.as_ref());
        let reject = Reject {
            line,
            cells,
            code: code.to_owned(),
            message: sentences(problems),
        };
        self.rejects_size += reject.size();
        self.rejects.push(reject);
    }

    /// Counts changed cells of a row.
    pub(super) fn add_mended(&mut self, cells: u64) {
        self.mended += cells;
    }

    /// Rows of a dry run whose own password an import would hash.
    pub(super) fn passwords_to_hash(&self) -> u64 {
        self.passwords_to_hash
    }

    /// Rows known to have failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.durable.counters.failed + self.counted.failed
    }

    /// Sets the names of the columns.
    pub(super) fn set_header(&mut self, header: Vec<String>) {
        self.header = Some(header);
    }

    /// Sets the position of the last row.
    pub(super) fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// Counts a row that is not a user, with the reason.
    pub(super) fn skip(&mut self, why: Problem) {
        self.skip_blank();
        self.findings.push(why);
    }

    /// Counts a blank row.
    pub(super) fn skip_blank(&mut self) {
        self.counted.total += 1;
        self.counted.skipped += 1;
    }

    /// Whether no row has been seen.
    pub(super) fn is_untouched(&self) -> bool {
        !self.begun
            && self.record.counters == Counters::default()
            && self.gathering.is_empty()
            && self.counted == Counters::default()
    }

    /// Whether only blank rows, or none, have been seen.
    pub(super) fn is_blank(&self) -> bool {
        !self.begun
            && self.record.counters == Counters::default()
            && self.gathering.is_empty()
            && self.findings.is_empty()
            && self.counted.total == self.counted.skipped
    }

    /// Adds a warning about the whole file.
    pub(super) fn warn(&mut self, code: &'static str, message: &str) {
        self.findings
            .push(Problem::new(Severity::Warning, 0, None, code, message));
    }

    /// The list for warnings about accepted rows.
    pub(super) fn findings(&mut self) -> &mut Vec<Problem> {
        &mut self.findings
    }

    /// Whether the batch has to be submitted.
    pub(super) fn is_full(&mut self) -> bool {
        let size = self.size();
        let settings = &self.machinery.settings;
        let is_large = self.gathering.len() >= self.limit
            || self.gathering.own_passwords() >= settings.batch_passwords
            || self.findings.len() >= settings.batch_users;
        let is_held = self.digests.suspects() && self.findings.len() < HELD_FINDINGS;
        let is_long = self.gathering.text_len() >= BATCH_TEXT
            || self.rejects_size + self.findings_size >= BATCH_REJECTS
            || (size >= SCARCE_BATCH && self.machinery.memory.is_scarce());
        (is_long || (is_large && !is_held)) && !self.one_batch
    }

    /// Approximate bytes of the batch.
    fn size(&mut self) -> usize {
        if self.findings.len() > self.findings_counted {
            let new = self.findings.get(self.findings_counted..);
            let new = new.unwrap_or_default().iter().map(Problem::size);
            self.findings_size += new.sum::<usize>();
            self.findings_counted = self.findings.len();
        }
        let size = self.gathering.bytes() + self.rejects_size + self.findings_size;
        self.share.set(size);
        size
    }

    /// Whether the batch can be submitted without hashing anything.
    pub(super) fn needs_no_hashing(&self, default: &mut DefaultPassword) -> bool {
        let organization = &self.record.organization;
        let has_default = |default: &mut DefaultPassword| {
            !self.gathering.any_default_password()
                || default.is_hashed(&self.machinery.default_hasher, organization)
        };
        self.dry_run || (self.gathering.own_passwords() == 0 && has_default(default))
    }

    /// Submits the batch.
    pub(super) fn flush(&mut self, default: &mut DefaultPassword) -> Result<(), ImportError> {
        let step = self.hand_over(default, None)?;
        self.under_way = Some(step);
        self.limit = (self.limit * GROWTH).min(self.machinery.settings.batch_users);
        Ok(())
    }

    /// Submits the last batch and the end of the import. The result has to be passed to
    /// [`count`](Self::count).
    pub(super) fn submit_last(
        &mut self,
        default: &mut DefaultPassword,
        finish: Finish,
    ) -> Result<PendingStep, ImportError> {
        self.hand_over(default, Some(finish))
    }

    /// Submits what was gathered, after the step in progress.
    fn hand_over(
        &mut self,
        default: &mut DefaultPassword,
        finish: Option<Finish>,
    ) -> Result<PendingStep, ImportError> {
        let (users, default_hash) = self.seal(default)?;
        self.settle()?;
        self.share_under_way = Some(self.share.hand_over());
        if self.machinery.memory.is_scarce() {
            // The memory of large batches is not kept for the next ones.
            self.spare = NewUsers::default();
            self.gathering = CheckedUsers::default();
        }
        self.generated_under_way = std::mem::take(&mut self.generated);
        Ok(self.submit(users, default_hash, finish))
    }

    /// Waits until everything submitted is durable.
    pub(super) fn settle(&mut self) -> Result<(), ImportError> {
        match self.under_way.take() {
            Some(step) => self.count(step.wait()),
            None => Ok(()),
        }
    }

    /// Ends the import early: waits for the step in progress, drops what was gathered, and records `finding`
    /// if there is one.
    pub(super) fn abandon(
        &mut self,
        finish: Finish,
        finding: Option<Problem>,
    ) -> Result<(), ImportError> {
        let under_way = self.settle();
        self.counted = Counters::default();
        self.mended = 0;
        self.clear_findings();
        self.findings.extend(finding);
        self.rejects.clear();
        self.rejects_size = 0;
        self.generated.clear();
        self.place = Place::default();
        let last = self.submit(NewUsers::default(), None, Some(finish));
        under_way.and(self.count(last.wait()))
    }

    fn clear_findings(&mut self) {
        self.findings.clear();
        self.findings_size = 0;
        self.findings_counted = 0;
    }

    /// Undoes what the ended import has written. Returns whether it had written anything.
    pub(super) fn undo(&self) -> Result<bool, StoreError> {
        let counters = &self.durable.counters;
        if self.dry_run || counters.created + counters.updated == 0 {
            return Ok(false);
        }
        let (by, at) = (self.record.actor(), self.machinery.clock.now());
        let organization = &self.record.organization;
        let undone = self
            .machinery
            .store
            .undo(organization, self.record.id, &by, at)?;
        Ok(undone.is_some())
    }

    /// Writes the record of an import that wrote no row.
    pub(super) fn record_only(
        &mut self,
        checked: Checked,
        finish: Finish,
    ) -> Result<(), ImportError> {
        self.dry_run = false;
        self.counted = checked.counted;
        self.findings = checked.findings;
        let step = ImportStep {
            more_found: checked.more_found,
            packed: checked.packed,
            ..self.step(NewUsers::default(), None, Some(finish))
        };
        let last = self.machinery.store.submit(step);
        self.count(last.wait())
    }

    /// Hashes the passwords and sorts the users.
    fn seal(
        &mut self,
        default: &mut DefaultPassword,
    ) -> Result<(NewUsers, Option<String>), ImportError> {
        let needs_default = self.gathering.any_default_password();
        if needs_default && default.needs_weakness_warning() {
            self.warn(
                "default-password-weak",
                "the default password can only be an initial password; every user who got it has to \
                 change it at the first login",
            );
        }
        let (positions, secrets) = self.gathering.take_passwords();
        let clock = &self.machinery.clock;
        let mut users = std::mem::take(&mut self.spare);
        if self.dry_run {
            // A dry run stores nothing, so nothing is hashed.
            self.passwords_to_hash += secrets.len() as u64;
            self.gathering
                .move_into(&mut users, &[], &[], || clock.new_id());
            return Ok((users, None));
        }
        let hashes = self.machinery.pool.hash_all(secrets)?;
        let default_hash = match needs_default {
            true => default.hash_once(&self.machinery.default_hasher, &self.record.organization)?,
            false => None,
        };
        self.gathering
            .move_into(&mut users, &positions, &hashes, || clock.new_id());
        Ok((users, default_hash))
    }

    fn submit(
        &mut self,
        users: NewUsers,
        default_password_hash: Option<String>,
        finish: Option<Finish>,
    ) -> PendingStep {
        let step = self.step(users, default_password_hash, finish);
        self.machinery.store.submit(step)
    }

    /// Everything that was gathered, as a step.
    fn step(
        &mut self,
        users: NewUsers,
        default_password_hash: Option<String>,
        finish: Option<Finish>,
    ) -> ImportStep {
        let begin = (!std::mem::replace(&mut self.begun, true)).then(|| self.record.clone());
        let place = std::mem::take(&mut self.place);
        let mended = std::mem::take(&mut self.mended);
        self.mended_under_way = mended;
        let settings = &self.machinery.settings;
        let keep_findings = match self.keep {
            Some(limits) => limits.findings as u64,
            None => settings.keep_findings,
        };
        let keep_rejects_bytes = settings.keep_rejects_bytes;
        self.rejects_size = 0;
        self.findings_size = 0;
        self.findings_counted = 0;
        ImportStep {
            import: self.record.id,
            organization: self.record.organization.clone(),
            domain: self.record.domain.clone(),
            begin,
            header: self.header.take(),
            conflict: self.record.options.conflict,
            password_right: PasswordRight::of_import(
                self.record.may_grant_admin,
                self.machinery.importers_set_passwords,
            ),
            users,
            counted: std::mem::take(&mut self.counted),
            findings: std::mem::take(&mut self.findings),
            more_found: Found::default(),
            mended,
            rejects: std::mem::take(&mut self.rejects),
            packed: None,
            keep_findings,
            keep_rejects_bytes,
            rows_sha256: place.digest,
            stretch: place.stretch,
            default_password_hash,
            finish,
            at: self.machinery.clock.now(),
            dry_run: self.dry_run,
            count_kinds: self.keep.is_some(),
        }
    }

    /// Counts the result of the step that was submitted last.
    pub(super) fn count(
        &mut self,
        written: Result<Written, StoreError>,
    ) -> Result<(), ImportError> {
        let generated = std::mem::take(&mut self.generated_under_way);
        self.share_under_way = None;
        let mended = std::mem::take(&mut self.mended_under_way);
        let Written {
            outcomes,
            tally,
            users,
        } = written?;
        self.durable.mended += mended;
        let rehearsal = self.dry_run && self.record.options.validate_first;
        self.keep(tally, rehearsal)?;
        let durable = &self.durable;
        if !rehearsal {
            self.control.durable(durable.counters);
        }
        if let Some(hand_out) = &mut self.hand_out {
            let made = generated.iter().filter_map(|(position, password)| {
                let created = matches!(outcomes.get(*position), Some(Outcome::Created));
                let user = users.get(*position).filter(|_| created)?;
                Some((user.name, password))
            });
            hand_out
                .add(made)
                .map_err(|error| ImportError::GeneratedPasswords(error.to_string()))?;
        }
        if !self.machinery.memory.is_scarce() {
            self.spare = users;
        }
        Ok(())
    }

    /// Adds the tally of a step.
    fn keep(&mut self, tally: Tally, rehearsal: bool) -> Result<(), ImportError> {
        let settings = &self.machinery.settings;
        // Findings of the check are added to the record later.
        let most = match (rehearsal, self.keep) {
            (true, _) => usize::try_from(settings.keep_findings).unwrap_or(usize::MAX),
            (false, Some(limits)) => limits.findings,
            (false, None) => settings.report_findings,
        };
        let durable = &mut self.durable;
        durable.counters.add(&tally.counters);
        durable.findings_total += tally.found;
        durable.warnings += tally.warnings;
        durable.kinds.merge(&tally.kinds);
        let bytes = match (rehearsal, self.keep) {
            (true, _) => CHECK_BYTES,
            (false, Some(limits)) => limits.bytes,
            (false, None) => REPORT_BYTES,
        };
        durable.keep_findings(tally.findings, most, bytes);
        if !self.dry_run {
            durable.rejected.add(&tally.rejected);
        } else if rehearsal {
            let record = &self.record.rejected;
            let capacity = match record.missing() {
                0 => settings.keep_rejects_bytes.saturating_sub(record.bytes),
                _ => 0,
            };
            let aside = durable
                .aside
                .get_or_insert_with(|| RejectsAside::new(&self.machinery.spool, capacity));
            aside.add(&tally.rejected, &tally.rejects);
        } else {
            durable.show(&tally.rejects, most, bytes)?;
            durable.rejected.total += tally.rejected.total;
            durable.rejected.kept = durable.rejects.len() as u64;
        }
        Ok(())
    }
}

/// The problems of one row, as one line.
fn sentences(problems: &[Problem]) -> String {
    let shown: Vec<&str> = problems
        .iter()
        .take(SENTENCES)
        .map(|problem| problem.message.as_str())
        .collect();
    match problems.len() - shown.len() {
        0 => shown.join("; "),
        more => format!("{}; and {more} more problems", shown.join("; ")),
    }
}
