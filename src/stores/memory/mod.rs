//! Users in memory, gone when the process ends: for tests and trials.
//!
//! It keeps the same promises as the other stores and passes the same contract suite.

mod resources;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Moment;
use crate::users::audit::{Actor, AuditEntry};
use crate::users::backup::Backup;
use crate::users::batch::NewUser;
use crate::users::import_record::{ImportId, ImportRecord, ImportState};
use crate::users::merge::Profile;
use crate::users::name::lookup_key;
use crate::users::name_pattern::NamePattern;
use crate::users::operator::{Operator, OperatorStore};
use crate::users::options::ConflictPolicy;
use crate::users::policy::{ADMIN_ROLE, EVERYONE_ROLE};
use crate::users::problem::{Owner, Problem};
use crate::users::reject::Reject;
use crate::users::store::{
    ABANDONED, Finish, ImportLedger, ImportStep, NewPassword, NewRole, Outcome, PendingStep,
    RoleAdded, StoredPassword, Tally, User, UserCursor, UserStore, Written,
};
use crate::users::store_error::StoreError;
use crate::users::undo::{NO_IMAGE, TOUCHED, Undone};
use crate::users::{DEFAULT_ORGANIZATION, INTERNAL_DOMAIN, PRIMARY_DOMAIN};
use uuid::Uuid;

/// Organization, domain and name key.
type UserKey = (String, String, String);

/// Keeps everything in maps behind one lock.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Content>);

#[derive(Debug)]
struct Content {
    /// Organization, domain and name.
    roles: BTreeSet<(String, String, String)>,
    users: BTreeMap<UserKey, Kept>,
    imports: BTreeMap<(String, ImportId), ImportRecord>,
    findings: HashMap<ImportId, Vec<Problem>>,
    rejects: HashMap<ImportId, Vec<Reject>>,
    images: HashMap<ImportId, BTreeMap<UserKey, (Kept, Moment)>>,
    audit: Vec<AuditEntry>,
    /// Running imports that somebody wants to stop.
    cancel_requested: BTreeSet<(String, ImportId)>,
    operators: BTreeMap<String, Operator>,
    rehearsed: HashMap<ImportId, HashMap<String, (Owner, Profile)>>,
}

impl Default for Content {
    fn default() -> Self {
        let roles = [
            (INTERNAL_DOMAIN, EVERYONE_ROLE),
            (PRIMARY_DOMAIN, ADMIN_ROLE),
        ];
        let roles = roles.map(|(domain, name)| {
            (
                DEFAULT_ORGANIZATION.to_owned(),
                domain.to_owned(),
                name.to_owned(),
            )
        });
        Content {
            roles: roles.into(),
            users: BTreeMap::new(),
            imports: BTreeMap::new(),
            findings: HashMap::new(),
            rejects: HashMap::new(),
            images: HashMap::new(),
            audit: Vec::new(),
            cancel_requested: BTreeSet::new(),
            operators: BTreeMap::new(),
            rehearsed: HashMap::new(),
        }
    }
}

#[derive(Debug, Clone)]
struct Kept {
    user: User,
    password_hash: Option<String>,
    line: u64,
    /// Whether somebody has changed it, and the import if it was one.
    modified: Option<Option<ImportId>>,
}

impl MemoryStore {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UserStore for MemoryStore {
    fn submit(&self, step: ImportStep) -> PendingStep {
        let (reply, pending) = PendingStep::channel();
        let written = self
            .content()
            .apply(&step)
            .map(|(outcomes, tally)| Written {
                outcomes,
                tally,
                users: step.users,
            });
        // The receiver is in `pending`, and the channel has room for the one answer.
        let _ = reply.send(written);
        pending
    }

    fn user(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<User>, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        Ok(self.content().users.get(&key).map(|kept| kept.user.clone()))
    }

    fn users(
        &self,
        organization: &str,
        domain: Option<&str>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let content = self.content();
        let found = content.behind(organization, domain, after);
        Ok(found.take(limit).cloned().collect())
    }

    fn initial_passwords(
        &self,
        organization: &str,
        domain: Option<&str>,
        set_before: Option<Moment>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let content = self.content();
        let found = content
            .behind(organization, domain, after)
            .filter(|user| user.must_change_password)
            .filter(|user| set_before.is_none_or(|moment| user.password_set_at < moment));
        Ok(found.take(limit).cloned().collect())
    }

    fn user_names(
        &self,
        organization: &str,
        domain: &str,
        pattern: &NamePattern,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = (
            organization.to_owned(),
            domain.to_owned(),
            pattern.prefix().to_owned(),
        );
        let content = self.content();
        let found = content
            .users
            .range(from..)
            .take_while(|((owner, place, key), _)| {
                owner == organization && place == domain && key.starts_with(pattern.prefix())
            })
            .filter(|((_, _, key), _)| pattern.matches(key))
            .take(limit)
            .map(|(_, kept)| kept.user.user_name.clone());
        Ok(found.collect())
    }

    fn delete_user(
        &self,
        by: &Actor,
        domain: &str,
        name: &str,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let key = (by.organization.clone(), domain.to_owned(), lookup_key(name));
        let mut content = self.content();
        let found = content.users.remove(&key).is_some();
        if found {
            let entry = AuditEntry::new(by, "user.delete", at);
            content.audit.push(entry.about(domain, name));
        }
        Ok(found)
    }

    fn set_password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
        password: &NewPassword,
    ) -> Result<bool, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        let mut content = self.content();
        let stored = content.password(&key).map(|stored| stored.hash);
        if password.replacing.is_some() && password.replacing != stored {
            return Ok(false);
        }
        match content.users.get_mut(&key) {
            Some(kept) => {
                kept.password_hash = Some(password.hash.clone());
                kept.user.must_change_password = password.must_change;
                kept.user.password_set_at = password.set_at;
                if let Some(by) = &password.by {
                    kept.modified = Some(None);
                    let entry = AuditEntry::new(by, "user.password", password.set_at);
                    content.audit.push(entry.about(domain, name));
                }
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<StoredPassword>, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        Ok(self.content().password(&key))
    }

    fn roles(&self, organization: &str, domain: &str) -> Result<Vec<String>, StoreError> {
        let content = self.content();
        let own = content.roles.iter().filter(|(owner, place, _)| {
            owner == organization && (place == domain || place == INTERNAL_DOMAIN)
        });
        let mut names: Vec<String> = own.map(|(_, _, name)| name.clone()).collect();
        names.sort();
        Ok(names)
    }

    fn add_role(&self, role: &NewRole) -> Result<RoleAdded, StoreError> {
        let mut content = self.content();
        let mut keys = Vec::new();
        for (domain, name) in &role.members {
            let key = (role.organization.clone(), domain.clone(), lookup_key(name));
            if !content.users.contains_key(&key) {
                return Ok(RoleAdded::NoSuchUser(name.clone()));
            }
            keys.push(key);
        }
        let same = |(owner, place, name): &(String, String, String)| {
            *owner == role.organization
                && *place == role.domain
                && name.eq_ignore_ascii_case(&role.name)
        };
        if content.roles.iter().any(same) {
            return Ok(RoleAdded::Taken);
        }
        content.roles.insert((
            role.organization.clone(),
            role.domain.clone(),
            role.name.clone(),
        ));
        for key in keys {
            if let Some(kept) = content.users.get_mut(&key) {
                kept.user.roles.push(role.name.clone());
                kept.modified = Some(None);
            }
        }
        let entry = AuditEntry::new(&role.by, "role.add", role.at);
        content.audit.push(entry.about(&role.domain, &role.name));
        Ok(RoleAdded::Added)
    }

    fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Content {
    /// Users behind the cursor, by domain and name key.
    fn behind(
        &self,
        organization: &str,
        domain: Option<&str>,
        after: Option<&UserCursor>,
    ) -> impl Iterator<Item = &User> {
        let from = match after {
            Some(cursor) => Bound::Excluded((
                organization.to_owned(),
                cursor.domain.clone(),
                cursor.key.clone(),
            )),
            None => Bound::Included((organization.to_owned(), String::new(), String::new())),
        };
        self.users
            .range((from, Bound::Unbounded))
            .take_while(move |((owner, _, _), _)| owner == organization)
            .filter(move |((_, place, _), _)| domain.is_none_or(|domain| domain == place))
            .map(|(_, kept)| &kept.user)
    }

    fn password(&self, key: &UserKey) -> Option<StoredPassword> {
        let kept = self.users.get(key)?;
        let default = || {
            let import = (key.0.clone(), kept.user.created_by?);
            self.imports.get(&import)?.default_password_hash.clone()
        };
        Some(StoredPassword {
            hash: kept.password_hash.clone().or_else(default)?,
            must_change: kept.user.must_change_password,
            set_at: kept.user.password_set_at,
        })
    }

    fn apply(&mut self, step: &ImportStep) -> Result<(Vec<Outcome>, Tally), StoreError> {
        let record_key = (step.organization.clone(), step.import);
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
            update(record, step, &tally);
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

    fn begin(&mut self, record: &ImportRecord) -> Result<(), StoreError> {
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
                        let images = self.images.entry(step.import).or_default();
                        images.entry(key).or_insert((before, step.at));
                    }
                    changed
                }
            };
        }
        if user.password_missing {
            return Outcome::PasswordMissing;
        }
        self.users.insert(key, Kept::new(step, user));
        Outcome::Created
    }
}

impl Kept {
    fn new(step: &ImportStep, user: &NewUser<'_>) -> Self {
        let profile = Profile::of(user);
        let user_of_row = User {
            id: user.id,
            user_name: user.name.to_owned(),
            domain: step.domain.clone(),
            organization: step.organization.clone(),
            given_name: profile.given_name,
            family_name: profile.family_name,
            email: profile.email,
            external_id: profile.external_id,
            attributes: profile.attributes,
            must_change_password: user.must_change,
            password_set_at: step.at,
            created_by: Some(step.import),
            created_at: step.at,
            modified_at: None,
            roles: profile.roles,
        };
        Kept {
            user: user_of_row,
            password_hash: user.password_hash.map(str::to_owned),
            line: user.line,
            modified: None,
        }
    }

    fn owner(&self) -> Owner {
        Owner {
            import: self.user.created_by,
            line: Some(self.line),
        }
    }

    fn profile(&self) -> Profile {
        let user = self.user.clone();
        let mut roles = user.roles;
        roles.sort();
        Profile {
            given_name: user.given_name,
            family_name: user.family_name,
            email: user.email,
            external_id: user.external_id,
            attributes: user.attributes,
            roles,
        }
    }

    fn change(&mut self, step: &ImportStep, row: &NewUser<'_>) -> Outcome {
        let password = row
            .password_hash
            .filter(|_| row.own_password && step.conflict == ConflictPolicy::Update);
        let after = self.profile().after(row, step.conflict);
        if after.is_none() && password.is_none() {
            return Outcome::Unchanged;
        }
        if let Some(after) = after {
            self.user.given_name = after.given_name;
            self.user.family_name = after.family_name;
            self.user.email = after.email;
            self.user.external_id = after.external_id;
            self.user.attributes = after.attributes;
            self.user.roles = after.roles;
        }
        if let Some(hash) = password {
            self.password_hash = Some(hash.to_owned());
            self.user.must_change_password = row.must_change;
            self.user.password_set_at = step.at;
        }
        self.modified = Some(Some(step.import));
        Outcome::Updated
    }
}

/// Adds what there is room for.
fn keep<T: Clone>(kept: &mut HashMap<ImportId, Vec<T>>, import: ImportId, new: &[T], room: usize) {
    let kept = kept.entry(import).or_default();
    let room = room.saturating_sub(kept.len());
    kept.extend(new.iter().take(room).cloned());
}

fn update(record: &mut ImportRecord, step: &ImportStep, tally: &Tally) {
    record.counters.add(&tally.counters);
    record.findings += tally.findings.len() as u64;
    record.active_at = step.at;
    if let Some(header) = &step.header {
        record.header.clone_from(header);
    }
    if step.rows_sha256.is_some() {
        record.rows_sha256.clone_from(&step.rows_sha256);
    }
    if let Some(hash) = &step.default_password_hash {
        record.default_password_hash = Some(hash.clone());
    }
    if let Some(finish) = &step.finish {
        record.state = finish.state;
        record.reason.clone_from(&finish.reason);
        if finish.sha256.is_some() {
            record.sha256.clone_from(&finish.sha256);
        }
        record.finished_at = Some(step.at);
    }
}

fn is_unfinished(record: &ImportRecord) -> bool {
    matches!(record.state, ImportState::Queued | ImportState::Interrupted)
}

impl Backup for MemoryStore {
    fn back_up(&self, _: &Path) -> Result<(), StoreError> {
        Err(StoreError::Failed(
            "the store memory: is in its process alone and cannot be backed up; set store.url to a \
             sqlite: address"
                .into(),
        ))
    }
}

impl ImportLedger for MemoryStore {
    fn import(&self, organization: &str, id: ImportId) -> Result<Option<ImportRecord>, StoreError> {
        Ok(self
            .content()
            .imports
            .get(&(organization.to_owned(), id))
            .cloned())
    }

    fn imports(&self, organization: &str, limit: usize) -> Result<Vec<ImportRecord>, StoreError> {
        self.imports_before(organization, None, limit)
    }

    fn imports_before(
        &self,
        organization: &str,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<ImportRecord>, StoreError> {
        let content = self.content();
        let own = content.imports.iter().rev().filter(|((owner, id), _)| {
            owner == organization && before.is_none_or(|before| *id < before)
        });
        Ok(own.take(limit).map(|(_, record)| record.clone()).collect())
    }

    fn findings(
        &self,
        organization: &str,
        id: ImportId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Problem>, StoreError> {
        let content = self.content();
        if !content.imports.contains_key(&(organization.to_owned(), id)) {
            return Ok(Vec::new());
        }
        let all = content
            .findings
            .get(&id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(all.iter().skip(skip).take(limit).cloned().collect())
    }

    fn import_by_key(
        &self,
        organization: &str,
        key: &str,
    ) -> Result<Option<ImportRecord>, StoreError> {
        let content = self.content();
        let found = content.imports.values().find(|record| {
            record.organization == organization && record.key.as_deref() == Some(key)
        });
        Ok(found.cloned())
    }

    fn add_import(&self, record: &ImportRecord) -> Result<(), StoreError> {
        let mut content = self.content();
        content.begin(record)?;
        content.audit.push(AuditEntry::import_begun(record));
        Ok(())
    }

    fn take_up(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<Option<ImportRecord>, StoreError> {
        let mut content = self.content();
        let key = (organization.to_owned(), id);
        let found = content.imports.get_mut(&key);
        let Some(record) = found.filter(|record| is_unfinished(record)) else {
            return Ok(None);
        };
        record.state = ImportState::Running;
        record.reason = None;
        record.finished_at = None;
        record.active_at = at;
        let taken = record.clone();
        content.cancel_requested.remove(&key);
        Ok(Some(taken))
    }

    fn still_running(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let key = (organization.to_owned(), id);
        let found = content.imports.get_mut(&key);
        let Some(record) = found.filter(|record| record.state == ImportState::Running) else {
            return Ok(false);
        };
        record.active_at = at;
        Ok(content.cancel_requested.contains(&key))
    }

    fn request_cancel(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let key = (organization.to_owned(), id);
        let running = content
            .imports
            .get(&key)
            .is_some_and(|record| record.state == ImportState::Running);
        if running {
            content.cancel_requested.insert(key);
            content.audit.push(AuditEntry::cancel_requested(id, by, at));
        }
        Ok(running)
    }

    fn end_import(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        finish: &Finish,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let found = content.imports.get_mut(&(organization.to_owned(), id));
        let open = |record: &&mut ImportRecord| {
            is_unfinished(record) || record.state == ImportState::Running
        };
        let Some(record) = found.filter(open) else {
            return Ok(false);
        };
        record.state = finish.state;
        record.reason.clone_from(&finish.reason);
        record.finished_at = Some(at);
        record.active_at = at;
        let entry = AuditEntry::import_ended(record, by, at);
        content.audit.push(entry);
        Ok(true)
    }

    fn unfinished(&self) -> Result<Vec<ImportRecord>, StoreError> {
        let content = self.content();
        let mut found: Vec<ImportRecord> = content
            .imports
            .values()
            .filter(|record| is_unfinished(record))
            .cloned()
            .collect();
        found.sort_by_key(|record| record.id);
        Ok(found)
    }

    fn rejects(
        &self,
        organization: &str,
        id: ImportId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Reject>, StoreError> {
        let content = self.content();
        if !content.imports.contains_key(&(organization.to_owned(), id)) {
            return Ok(Vec::new());
        }
        let all = content
            .rejects
            .get(&id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(all.iter().skip(skip).take(limit).cloned().collect())
    }

    fn undo(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<Option<Undone>, StoreError> {
        let mut content = self.content();
        let content = &mut *content;
        let found = content.imports.get_mut(&(organization.to_owned(), id));
        let Some(record) = found.filter(|record| record.state.is_final()) else {
            return Ok(None);
        };
        let mut undone = Undone::default();
        let images = content.images.remove(&id).unwrap_or_default();
        let changed = content.users.iter().filter(|(key, kept)| {
            let image = images.get(*key);
            key.0 == organization
                && kept.modified == Some(Some(id))
                && kept.user.created_by != Some(id)
                && image.is_none_or(|(image, _)| image.user.id != kept.user.id)
        });
        changed.for_each(|(_, kept)| undone.leave(&kept.user.user_name, NO_IMAGE));
        for (key, (image, _)) in images {
            let found = content.users.get_mut(&key);
            // Somebody else of the same name is nobody's business.
            match found.filter(|kept| kept.user.id == image.user.id) {
                Some(kept) if kept.modified == Some(Some(id)) => {
                    *kept = image;
                    undone.restored += 1;
                }
                Some(kept) => undone.leave(&kept.user.user_name, TOUCHED),
                None => {}
            }
        }
        content.users.retain(|(owner, _, _), kept| {
            if owner != organization || kept.user.created_by != Some(id) {
                return true;
            }
            if kept.modified.is_none_or(|by| by == Some(id)) {
                undone.removed += 1;
                return false;
            }
            undone.leave(&kept.user.user_name, TOUCHED);
            true
        });
        record.state = ImportState::Undone;
        record.reason = Some(undone.sentence());
        let entry = AuditEntry::import_undone(id, &undone, by, at);
        content.audit.push(entry);
        Ok(Some(undone))
    }

    fn forget_images(&self, before: Moment) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        for images in self.content().images.values_mut() {
            images.retain(|_, (_, taken_at)| {
                let keep = taken_at.0 >= before.0;
                forgotten += usize::from(!keep);
                keep
            });
        }
        self.content().images.retain(|_, images| !images.is_empty());
        Ok(forgotten)
    }

    fn audit(
        &self,
        organization: &str,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let content = self.content();
        let own = content.audit.iter().rev().filter(|entry| {
            entry.organization == organization && before.is_none_or(|before| entry.id < before)
        });
        Ok(own.take(limit).cloned().collect())
    }

    fn close_abandoned(&self, at: Moment) -> Result<usize, StoreError> {
        let mut closed = 0;
        for record in self.content().imports.values_mut() {
            if record.state == ImportState::Running {
                record.state = ImportState::Interrupted;
                record.reason = Some(ABANDONED.into());
                record.finished_at = Some(at);
                closed += 1;
            }
        }
        Ok(closed)
    }
}

impl OperatorStore for MemoryStore {
    fn operator(&self, name: &str) -> Result<Option<Operator>, StoreError> {
        Ok(self.content().operators.get(&lookup_key(name)).cloned())
    }

    fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        Ok(self.content().operators.values().cloned().collect())
    }

    fn add_operator(&self, operator: &Operator) -> Result<bool, StoreError> {
        let mut content = self.content();
        let key = lookup_key(&operator.name);
        let free = !content.operators.contains_key(&key);
        if free {
            content.operators.insert(key, operator.clone());
        }
        Ok(free)
    }

    fn set_operator_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError> {
        match self.content().operators.get_mut(&lookup_key(name)) {
            Some(operator) => {
                operator.password_hash = password_hash.to_owned();
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn remove_operator(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.content().operators.remove(&lookup_key(name)).is_some())
    }
}
