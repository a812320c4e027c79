//! Users in memory, gone when the process ends: for tests and trials.
//!
//! It keeps the same promises as the other stores and passes the same contract suite.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Moment;
use crate::users::batch::NewUser;
use crate::users::import_record::{Counters, ImportId, ImportRecord, ImportState};
use crate::users::name::lookup_key;
use crate::users::name_pattern::NamePattern;
use crate::users::operator::{Operator, OperatorStore};
use crate::users::policy::{ADMIN_ROLE, EVERYONE_ROLE, ROLE_SEPARATOR};
use crate::users::problem::{Owner, Problem};
use crate::users::store::{
    ABANDONED, ImportLedger, ImportStep, NewPassword, NewRole, Outcome, PendingStep, RoleAdded,
    StoredPassword, User, UserCursor, UserStore, Written,
};
use crate::users::store_error::StoreError;
use crate::users::{DEFAULT_ORGANIZATION, INTERNAL_DOMAIN, PRIMARY_DOMAIN};

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
    operators: BTreeMap<String, Operator>,
    rehearsed: HashMap<ImportId, HashMap<String, u64>>,
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
}

impl MemoryStore {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UserStore for MemoryStore {
    fn submit(&self, step: ImportStep) -> PendingStep {
        let (reply, pending) = PendingStep::channel();
        let written = self.content().apply(&step).map(|outcomes| Written {
            outcomes,
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
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<bool, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        Ok(self.content().users.remove(&key).is_some())
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
            }
        }
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

    fn apply(&mut self, step: &ImportStep) -> Result<Vec<Outcome>, StoreError> {
        let record_key = (step.organization.clone(), step.import);
        if let (Some(record), false) = (&step.begin, step.dry_run) {
            self.imports.insert(record_key.clone(), record.clone());
        }
        if !step.dry_run && !self.imports.contains_key(&record_key) {
            return Err(StoreError::Failed(format!(
                "there is no import {}",
                step.import
            )));
        }
        let mut outcomes = vec![Outcome::Created; step.users.len()];
        for user in step.users.sorted() {
            let outcome = self.put(step, &user);
            if let Some(place) = outcomes.get_mut(user.position) {
                *place = outcome;
            }
        }
        if step.dry_run {
            if step.finish.is_some() {
                self.rehearsed.remove(&step.import);
            }
            return Ok(outcomes);
        }
        let (counters, findings) = step.tally(&outcomes);
        if let Some(record) = self.imports.get_mut(&record_key) {
            update(record, step, &counters, findings.len() as u64);
        }
        let kept = self.findings.entry(step.import).or_default();
        let room = usize::try_from(step.keep_findings).unwrap_or(usize::MAX);
        kept.extend(findings.into_iter().take(room.saturating_sub(kept.len())));
        Ok(outcomes)
    }

    fn put(&mut self, step: &ImportStep, user: &NewUser<'_>) -> Outcome {
        let key = (
            step.organization.clone(),
            step.domain.clone(),
            user.key.to_owned(),
        );
        if let Some(kept) = self.users.get(&key) {
            return Outcome::Duplicate(Owner {
                import: kept.user.created_by,
                line: Some(kept.line),
            });
        }
        if step.dry_run {
            let seen = self.rehearsed.entry(step.import).or_default();
            return match seen.get(user.key) {
                Some(line) => Outcome::Duplicate(Owner {
                    import: Some(step.import),
                    line: Some(*line),
                }),
                None => {
                    seen.insert(user.key.to_owned(), user.line);
                    Outcome::Created
                }
            };
        }
        let attributes = user
            .attributes
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        let roles = user
            .roles
            .map(|all| all.split(ROLE_SEPARATOR).map(str::to_owned).collect());
        let made = User {
            id: user.id,
            user_name: user.name.to_owned(),
            domain: step.domain.clone(),
            organization: step.organization.clone(),
            given_name: user.given_name.map(str::to_owned),
            family_name: user.family_name.map(str::to_owned),
            email: user.email.map(str::to_owned),
            attributes,
            must_change_password: user.must_change,
            password_set_at: step.at,
            created_by: Some(step.import),
            roles: roles.unwrap_or_default(),
        };
        let password_hash = user.password_hash.map(str::to_owned);
        self.users.insert(
            key,
            Kept {
                user: made,
                password_hash,
                line: user.line,
            },
        );
        Outcome::Created
    }
}

fn update(record: &mut ImportRecord, step: &ImportStep, counters: &Counters, findings: u64) {
    record.counters.add(counters);
    record.findings += findings;
    if let Some(hash) = &step.default_password_hash {
        record.default_password_hash = Some(hash.clone());
    }
    if let Some(finish) = &step.finish {
        record.state = finish.state;
        record.reason.clone_from(&finish.reason);
        record.sha256.clone_from(&finish.sha256);
        record.finished_at = Some(step.at);
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
        let content = self.content();
        let own = content
            .imports
            .iter()
            .rev()
            .filter(|((owner, _), _)| owner == organization);
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
