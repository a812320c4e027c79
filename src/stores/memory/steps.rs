//! A step of an import: record, users, counters, findings.

use crate::stores::memory::stored_user::{Image, StoredUser};
use crate::stores::memory::{Content, Key};
use crate::users::audit::AuditEntry;
use crate::users::batch::NewUser;
use crate::users::import_record::{ImportRecord, RejectedRows};
use crate::users::merge::Profile;
use crate::users::options::ConflictPolicy;
use crate::users::problem::Owner;
use crate::users::reject_block::RejectBlock;
use crate::users::step::{ImportStep, Outcome, Tally};
use crate::users::store_error::StoreError;

impl Content {
    /// Writes the step, or in a dry run computes its outcomes.
    pub(super) fn apply(&mut self, step: &ImportStep) -> Result<(Vec<Outcome>, Tally), StoreError> {
        let record_key = (step.organization.clone(), step.import);
        if !step.dry_run {
            self.before_step(&record_key);
        }
        if let (Some(record), false) = (&step.begin, step.dry_run) {
            self.begin(record)?;
        }
        if !step.dry_run && !self.imports.contains_key(&record_key) {
            return Err(StoreError::Failed(format!(
                "there is no import {}",
                step.import
            )));
        }
        let mut outcomes = vec![Outcome::Created; step.users.len()];
        for user in step.users.sorted() {
            let outcome = match step.dry_run {
                true => self.rehearse(step, &user),
                false => self.put(step, &user),
            };
            if let Some(place) = outcomes.get_mut(user.position) {
                *place = outcome;
            }
        }
        let tally = self.tally(step, &outcomes)?;
        if step.dry_run {
            if step.finish.is_some() {
                self.rehearsed.remove(&step.import);
            }
            return Ok((outcomes, tally));
        }
        let findings = self.findings.entry(step.import).or_default();
        findings.extend(tally.findings.iter().cloned());
        self.keep_rejects(step, &tally)?;
        if let Some(record) = self.imports.get_mut(&record_key) {
            step.count_into(record, &tally);
            if step.finish.is_some() {
                let by = step.finish.as_ref().and_then(|finish| finish.by.clone());
                let by = by.unwrap_or_else(|| record.actor());
                self.audit
                    .push(AuditEntry::import_ended(record, &by, step.at));
            } else if step.begin.is_some() {
                self.audit.push(AuditEntry::import_begun(record));
            }
        }
        Ok((outcomes, tally))
    }

    /// Stores the rows that the step rejected.
    fn keep_rejects(&mut self, step: &ImportStep, tally: &Tally) -> Result<(), StoreError> {
        let kept = self.rejects.entry(step.import).or_default();
        let mut number = kept.last().map_or(0, |(first, block)| first + block.rows);
        let mut keep = |block: RejectBlock| {
            let rows = block.rows;
            kept.push((number, block));
            number += rows;
        };
        if let Some(packed) = &step.packed {
            let mut place = 0;
            let failed = |error: std::io::Error| StoreError::Failed(error.to_string());
            while let Some((block, next)) = packed.block_at(place).map_err(failed)? {
                keep(block);
                place = next;
            }
        }
        tally.rejects.iter().cloned().for_each(keep);
        Ok(())
    }

    /// The totals of the step.
    fn tally(&self, step: &ImportStep, outcomes: &[Outcome]) -> Result<Tally, StoreError> {
        let (organization, import) = (&step.organization, step.import);
        let capacity = match self.imports.get(&(organization.clone(), import)) {
            Some(record) if !step.dry_run => {
                step.remaining_capacity(record.findings, &record.rejected)
            }
            _ => step.remaining_capacity(0, &RejectedRows::default()),
        };
        step.tally(outcomes, capacity, |key| {
            let place = (organization.clone(), step.domain.clone(), key.to_owned());
            let seen = || Some(self.rehearsed.get(&import)?.get(key)?.0);
            let kept = self.users.get(&place).map(StoredUser::owner);
            let owner = kept.or_else(seen);
            owner.ok_or_else(|| StoreError::Failed("the owner of the name is missing".into()))
        })
    }

    /// Adds a new record, with nothing counted yet.
    pub(super) fn begin(&mut self, record: &ImportRecord) -> Result<(), StoreError> {
        self.require(&record.organization)?;
        let taken = |other: &ImportRecord| {
            other.organization == record.organization && other.key == record.key
        };
        if record.key.is_some() && self.imports.values().any(taken) {
            return Err(StoreError::Failed("the key is taken".into()));
        }
        let key = (record.organization.clone(), record.id);
        self.imports.insert(key, record.clone());
        Ok(())
    }

    /// The outcome for a user in a dry run.
    fn rehearse(&mut self, step: &ImportStep, user: &NewUser<'_>) -> Outcome {
        let key = (
            step.organization.clone(),
            step.domain.clone(),
            user.key.to_owned(),
        );
        let stored = self.users.get(&key);
        let owner = stored.map(|kept| kept.owner());
        let now = stored.map(|kept| kept.profile());
        let seen = self.rehearsed.entry(step.import).or_default();
        let (owner, now) = match seen.get(user.key) {
            Some((owner, profile)) => (Some(*owner), Some(profile.clone())),
            None => (owner, now),
        };
        let this = Owner {
            import: Some(step.import),
            line: Some(user.line),
        };
        let (Some(owner), Some(now)) = (owner, now) else {
            if user.password_missing {
                return Outcome::PasswordMissing;
            }
            seen.insert(user.key.to_owned(), (this, Profile::of(user)));
            return Outcome::Created;
        };
        match step.conflict {
            ConflictPolicy::Skip => Outcome::Duplicate,
            ConflictPolicy::Fail => Outcome::Exists,
            ConflictPolicy::Update | ConflictPolicy::Fill => {
                let given = step.password_of(user, &now);
                let after = match step.profile_after(user, &now) {
                    Ok(after) => after,
                    Err(refused) => return refused,
                };
                let changed = after.is_some();
                if let Some(after) = after {
                    seen.insert(user.key.to_owned(), (owner, after));
                }
                Outcome::for_existing(changed, given)
            }
        }
    }

    fn put(&mut self, step: &ImportStep, user: &NewUser<'_>) -> Outcome {
        let key = (
            step.organization.clone(),
            step.domain.clone(),
            user.key.to_owned(),
        );
        let before = self.users.get(&key).map(|kept| kept.user.roles.clone());
        let outcome = self.put_user(step, user, &key);
        let after = self.users.get(&key).map(|kept| kept.user.roles.clone());
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let gone = before.iter().filter(|role| !after.contains(role));
        let new = after.iter().filter(|role| !before.contains(role));
        self.touch_groups(&step.organization, &step.domain, gone.chain(new), step.at);
        outcome
    }

    fn put_user(&mut self, step: &ImportStep, user: &NewUser<'_>, key: &Key) -> Outcome {
        if let Some(kept) = self.users.get_mut(key) {
            return match step.conflict {
                ConflictPolicy::Skip => Outcome::Duplicate,
                ConflictPolicy::Fail => Outcome::Exists,
                ConflictPolicy::Update | ConflictPolicy::Fill => {
                    let before = kept.clone();
                    let changed = kept.change(step, user);
                    if changed.is_change() && before.user.created_by != Some(step.import) {
                        let image = Image {
                            kept: before,
                            taken_at: step.at,
                            single: false,
                        };
                        self.keep_image(step.import, image);
                    }
                    changed
                }
            };
        }
        if user.password_missing {
            return Outcome::PasswordMissing;
        }
        self.set_user(key.clone(), Some(StoredUser::new(step, user)));
        Outcome::Created
    }
}
