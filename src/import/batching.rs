//! One import's way to the store: batches are gathered, hashed, sorted and handed over, one of them
//! on its way while the next one gathers.

use std::sync::Arc;

use crate::clock::Clock;
use crate::import::default_password::{DefaultPassword, DefaultPasswordHasher};
use crate::import::error::ImportError;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::settings::Settings;
use crate::users::batch::{CheckedUsers, NewUsers};
use crate::users::candidate::{CheckedPassword, CheckedUser};
use crate::users::hashing::HashPool;
use crate::users::import_record::{Counters, ImportRecord};
use crate::users::made_up::random_password;
use crate::users::passwords::Fitness;
use crate::users::problem::{Problem, Severity};
use crate::users::secret::Secret;
use crate::users::store::{Finish, ImportStep, Outcome, PendingStep, Store, Written, tally};

/// Bytes of text in a batch at the most.
const BATCH_TEXT: usize = 8 * 1024 * 1024;

/// What batches need of the house.
pub(super) struct Machinery<'a> {
    pub store: &'a dyn Store,
    pub pool: &'a Arc<HashPool>,
    pub default_hasher: &'a DefaultPasswordHasher,
    pub clock: &'a Clock,
    pub settings: &'a Settings,
}

/// Gathers rows and hands them over.
pub(super) struct Batching<'a> {
    machinery: Machinery<'a>,
    record: ImportRecord,
    dry_run: bool,
    begun: bool,
    /// Users the batch may hold now; it grows with the file.
    limit: usize,
    gathering: CheckedUsers,
    counted: Counters,
    findings: Vec<Problem>,
    under_way: Option<UnderWay>,
    /// Position and password of the gathering users for whom one was made up.
    generated: Vec<(usize, Secret)>,
    hand_out: Option<GeneratedPasswords>,
    pub durable: Durable,
}

/// A step on its way to the disk, and what is counted when it is there.
struct UnderWay {
    step: PendingStep,
    counted: Counters,
    findings: Vec<Problem>,
    generated: Vec<(usize, Secret)>,
}

/// What is in the store.
#[derive(Debug, Default)]
pub(super) struct Durable {
    pub counters: Counters,
    pub findings: Vec<Problem>,
    pub findings_total: u64,
}

impl<'a> Batching<'a> {
    pub(super) fn new(machinery: Machinery<'a>, record: ImportRecord, dry_run: bool) -> Self {
        Batching {
            limit: machinery
                .settings
                .first_batch_users
                .min(machinery.settings.batch_users),
            machinery,
            record,
            dry_run,
            begun: false,
            gathering: CheckedUsers::default(),
            counted: Counters::default(),
            findings: Vec::new(),
            under_way: None,
            generated: Vec::new(),
            hand_out: None,
            durable: Durable::default(),
        }
    }

    /// Passwords that are made up go to `hand_out`.
    pub(super) fn hand_out(&mut self, hand_out: Option<GeneratedPasswords>) {
        self.hand_out = hand_out;
    }

    /// Takes a user in; makes a password up where one is wanted.
    pub(super) fn push(&mut self, user: CheckedUser<'_>) -> Result<(), ImportError> {
        if !matches!(user.password, CheckedPassword::Generated) || self.dry_run {
            self.gathering.push(&user);
            return Ok(());
        }
        let password = random_password().map_err(ImportError::GeneratedPasswords)?;
        self.generated
            .push((self.gathering.len(), password.clone()));
        self.gathering.push(&CheckedUser {
            password: CheckedPassword::Own(password.expose(), Fitness::InitialOnly),
            ..user
        });
        Ok(())
    }

    /// Counts a row that did not pass, with what was found.
    pub(super) fn reject(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.counted.total += 1;
        self.counted.failed += 1;
        self.findings.extend(problems);
    }

    /// Counts a row without a user name.
    pub(super) fn skip(&mut self, line: u64) {
        self.counted.total += 1;
        self.counted.skipped += 1;
        self.findings.push(Problem::new(
            Severity::Warning,
            line,
            std::borrow::Cow::Borrowed("userName"),
            "name-empty",
            "the row has no user name and was skipped",
        ));
    }

    /// Whether no row has been seen at all.
    pub(super) fn is_untouched(&self) -> bool {
        !self.begun && self.gathering.is_empty() && self.counted == Counters::default()
    }

    /// Adds a warning about the whole file.
    pub(super) fn warn(&mut self, code: &'static str, message: &str) {
        self.findings
            .push(Problem::new(Severity::Warning, 0, None, code, message));
    }

    /// Where warnings about rows that pass are put.
    pub(super) fn findings(&mut self) -> &mut Vec<Problem> {
        &mut self.findings
    }

    /// Whether the batch has to be handed over.
    pub(super) fn is_full(&self) -> bool {
        self.gathering.len() >= self.limit
            || self.gathering.own_passwords() >= self.machinery.settings.batch_passwords
            || self.gathering.text_len() >= BATCH_TEXT
            || self.findings.len() >= self.machinery.settings.batch_users
    }

    /// Hands the batch over; with `finish`, the import's end with it, and waits until all is durable.
    pub(super) fn flush(
        &mut self,
        default: &mut DefaultPassword,
        finish: Option<Finish>,
    ) -> Result<(), ImportError> {
        let (users, default_hash) = self.seal(default)?;
        let last = finish.is_some();
        let spare = self.wait()?;
        let counted = std::mem::take(&mut self.counted);
        let findings = std::mem::take(&mut self.findings);
        self.submit(users, counted, findings, default_hash, finish);
        if let Some(users) = spare {
            self.gathering = users.recycle();
        }
        self.limit = (self.limit * 2).min(self.machinery.settings.batch_users);
        if last {
            self.wait()?;
        }
        Ok(())
    }

    /// Ends the import early: what is under way is waited for, what was gathering is let go.
    pub(super) fn abandon(&mut self, finish: Finish) -> Result<(), ImportError> {
        let under_way = self.wait().map(drop);
        self.counted = Counters::default();
        self.findings.clear();
        self.generated.clear();
        self.submit(
            NewUsers::default(),
            Counters::default(),
            Vec::new(),
            None,
            Some(finish),
        );
        under_way.and(self.wait().map(drop))
    }

    /// Hashes what has a password of its own, and sorts.
    fn seal(
        &mut self,
        default: &mut DefaultPassword,
    ) -> Result<(NewUsers, Option<String>), ImportError> {
        let mut gathered = std::mem::take(&mut self.gathering);
        let needs_default = gathered.any_default_password();
        if needs_default && default.hands_out_a_weak_one() {
            self.warn(
                "default-password-weak",
                "the default password is fit only as an initial one; every user who got it has to \
                 change it at the first login",
            );
        }
        let (positions, secrets) = gathered.take_passwords();
        let clock = self.machinery.clock;
        if self.dry_run {
            // Nothing is kept of it, so nothing is hashed.
            return Ok((gathered.into_new(&[], &[], || clock.new_id()), None));
        }
        let hashes = self.machinery.pool.hash_all(secrets)?;
        let default_hash = match needs_default {
            true => default.hash_once(self.machinery.default_hasher)?,
            false => None,
        };
        Ok((
            gathered.into_new(&positions, &hashes, || clock.new_id()),
            default_hash,
        ))
    }

    fn submit(
        &mut self,
        users: NewUsers,
        counted: Counters,
        findings: Vec<Problem>,
        default_password_hash: Option<String>,
        finish: Option<Finish>,
    ) {
        let begin = (!std::mem::replace(&mut self.begun, true)).then(|| self.record.clone());
        let step = ImportStep {
            import: self.record.id,
            organization: self.record.organization.clone(),
            domain: self.record.domain.clone(),
            begin,
            users,
            counted,
            findings: findings.clone(),
            keep_findings: self.machinery.settings.keep_findings,
            default_password_hash,
            finish,
            at: self.machinery.clock.now(),
            dry_run: self.dry_run,
        };
        self.under_way = Some(UnderWay {
            step: self.machinery.store.submit(step),
            counted,
            findings,
            generated: std::mem::take(&mut self.generated),
        });
    }

    /// Waits for the step under way and counts what became of it.
    fn wait(&mut self) -> Result<Option<NewUsers>, ImportError> {
        let Some(UnderWay {
            step,
            counted,
            findings,
            generated,
        }) = self.under_way.take()
        else {
            return Ok(None);
        };
        let Written { outcomes, users } = step.wait()?;
        let (counted, findings) = tally(self.record.id, counted, findings, &users, &outcomes);
        let durable = &mut self.durable;
        durable.counters.add(&counted);
        durable.findings_total += findings.len() as u64;
        let room = self
            .machinery
            .settings
            .report_findings
            .saturating_sub(durable.findings.len());
        durable.findings.extend(findings.into_iter().take(room));
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
        Ok(Some(users))
    }
}
