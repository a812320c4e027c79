//! A step of an import: record, users, counters, findings.

use std::collections::HashMap;

use crate::stores::memory::Content;
use crate::stores::memory::kept::{Image, Kept};
use crate::users::audit::AuditEntry;
use crate::users::batch::NewUser;
use crate::users::import_record::{ImportId, ImportRecord};
use crate::users::merge::Profile;
use crate::users::options::ConflictPolicy;
use crate::users::problem::Owner;
use crate::users::store::{ImportStep, Outcome, Tally};
use crate::users::store_error::StoreError;

impl Content {
    /// Writes the step, or says what it would come to.
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
        let tally = step.tally(&outcomes);
        if step.dry_run {
            if step.finish.is_some() {
                self.rehearsed.remove(&step.import);
            }
            return Ok((outcomes, tally));
        }
        let room = usize::try_from(step.keep_findings).unwrap_or(usize::MAX);
        keep(&mut self.findings, step.import, &tally.findings, room);
        keep(&mut self.rejects, step.import, &tally.rejects, room);
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

    /// A new record, with nothing counted yet.
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

    /// What would become of the user.
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
            ConflictPolicy::Skip => Outcome::Duplicate(owner),
            ConflictPolicy::Fail => Outcome::Exists,
            ConflictPolicy::Update | ConflictPolicy::Fill => {
                let password = user.own_password && step.conflict == ConflictPolicy::Update;
                match now.after(user, step.conflict) {
                    Some(after) => {
                        seen.insert(user.key.to_owned(), (owner, after));
                        Outcome::Updated
                    }
                    None if password => Outcome::Updated,
                    None => Outcome::Unchanged,
                }
            }
        }
    }

    fn put(&mut self, step: &ImportStep, user: &NewUser<'_>) -> Outcome {
        let key = (
            step.organization.clone(),
            step.domain.clone(),
            user.key.to_owned(),
        );
        if let Some(kept) = self.users.get_mut(&key) {
            return match step.conflict {
                ConflictPolicy::Skip => Outcome::Duplicate(kept.owner()),
                ConflictPolicy::Fail => Outcome::Exists,
                ConflictPolicy::Update | ConflictPolicy::Fill => {
                    let before = kept.clone();
                    let changed = kept.change(step, user);
                    if changed == Outcome::Updated && before.user.created_by != Some(step.import) {
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
        self.set_user(key, Some(Kept::new(step, user)));
        Outcome::Created
    }
}

/// Adds what there is room for.
fn keep<T: Clone>(kept: &mut HashMap<ImportId, Vec<T>>, import: ImportId, new: &[T], room: usize) {
    let kept = kept.entry(import).or_default();
    let room = room.saturating_sub(kept.len());
    kept.extend(new.iter().take(room).cloned());
}
