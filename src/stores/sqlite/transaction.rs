//! A transaction on users and groups; an attempt is a savepoint.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::step::{self, signed};
use crate::stores::sqlite::{audit, groups, members, single, undo_steps};
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;
use crate::users::resources::{
    Change, GroupResource, HashedPassword, Member, MembersChanged, Origin, Resources, UserContent,
    UserResource,
};
use crate::users::step::ImportStep;
use crate::users::store_error::StoreError;
use crate::users::undo_steps::{RemovedByAnother, RestoreResult, UndoStep, UndoTransaction};

/// One organization's users and groups. The creator begins and commits the transaction.
pub(super) struct Transaction<'t> {
    pub db: &'t Connection,
    pub organization: &'t str,
    /// The import that makes the changes.
    pub import: Option<ImportId>,
    /// The import being undone.
    pub undone: Option<ImportId>,
}

impl<'t> Transaction<'t> {
    /// An active transaction, not yet on behalf of an import.
    pub(super) fn new(db: &'t Connection, organization: &'t str) -> Self {
        Transaction {
            db,
            organization,
            import: None,
            undone: None,
        }
    }
}

impl Transaction<'_> {
    /// Runs every statement. Some failures (a full disk, a lost file) end the transaction
    /// implicitly; later statements would then be committed one by one.
    fn run<T>(
        &self,
        statement: impl FnOnce(&Connection, &str) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        if self.db.is_autocommit() {
            return Err(StoreError::Failed("the transaction ended early".into()));
        }
        statement(self.db, self.organization).map_err(from_sqlite)
    }

    /// Records an undo step, if an import makes the changes.
    fn keep(&self, undo_step: &UndoStep, at: Moment) -> Result<(), StoreError> {
        match self.import {
            Some(import) => self
                .run(|db, organization| undo_steps::keep(db, organization, import, undo_step, at)),
            None => Ok(()),
        }
    }

    /// Records added or removed members of a group.
    fn keep_members(
        &self,
        id: Uuid,
        name: &str,
        members: Vec<Uuid>,
        at: Moment,
        added: bool,
    ) -> Result<(), StoreError> {
        if members.is_empty() {
            return Ok(());
        }
        let name = name.to_owned();
        let undo_step = match added {
            true => UndoStep::MembersAdded { id, name, members },
            false => UndoStep::MembersRemoved { id, name, members },
        };
        self.keep(&undo_step, at)
    }

    fn members_changed(
        &mut self,
        group: Uuid,
        (changed, ids): (MembersChanged, Vec<Uuid>),
        at: Moment,
        added: bool,
    ) -> Result<MembersChanged, StoreError> {
        if self.import.is_some() && !ids.is_empty() {
            let found = self.run(|db, organization| groups::find(db, organization, group))?;
            if let Some(found) = found {
                self.keep_members(group, &found.name, ids, at, added)?;
            }
        }
        Ok(changed)
    }

    /// Rolls back to the savepoint.
    fn rollback_to_savepoint(&self) -> Result<(), StoreError> {
        self.run(|db, _| db.execute_batch("ROLLBACK TO attempt; RELEASE attempt"))
    }
}

impl UndoTransaction for Transaction<'_> {
    fn restore_removed(&mut self, number: u64) -> Result<RestoreResult, StoreError> {
        let Some(import) = self.undone else {
            return Ok(RestoreResult::NotKept);
        };
        self.run(|db, organization| undo_steps::restore_removed(db, organization, import, number))
    }

    fn removed_by_others(
        &mut self,
        ids: &HashSet<Uuid>,
    ) -> Result<Vec<RemovedByAnother>, StoreError> {
        let Some(import) = self.undone else {
            return Ok(Vec::new());
        };
        self.run(|db, organization| undo_steps::removed_by_others(db, organization, import, ids))
    }
}

impl Resources for Transaction<'_> {
    fn act_for(&mut self, import: Option<ImportId>) {
        self.import = import;
    }

    fn user(&mut self, id: Uuid) -> Result<Option<UserResource>, StoreError> {
        self.run(|db, organization| single::read(db, organization, id))
    }

    fn user_id(&mut self, domain: &str, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.run(|db, organization| single::id_of(db, organization, domain, name))
    }

    fn add_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        self.run(|db, organization| {
            single::add(db, organization, id, content, password, origin, at)
        })
    }

    fn change_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        self.run(|db, organization| {
            single::change(db, organization, id, content, password, origin, at)
        })
    }

    fn delete_user(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError> {
        if self.import.is_some()
            && let Some(user) = self.user(id)?
        {
            let groups = user.groups.iter().map(|group| group.id).collect();
            let name = user.user.user_name;
            self.keep(&UndoStep::UserRemoved { id, name, groups }, at)?;
        }
        self.run(|db, organization| single::delete(db, organization, id, at))
    }

    fn group(&mut self, id: Uuid, with_members: bool) -> Result<Option<GroupResource>, StoreError> {
        self.run(|db, organization| groups::read(db, organization, id, with_members))
    }

    fn member(&mut self, id: Uuid) -> Result<Option<Member>, StoreError> {
        self.run(|db, organization| members::member_by_id(db, organization, id))
    }

    fn add_group(
        &mut self,
        id: Uuid,
        domain: &str,
        name: &str,
        external_id: Option<&str>,
        members: &[Member],
        at: Moment,
    ) -> Result<Change, StoreError> {
        let made = self.run(|db, organization| {
            groups::add(db, organization, id, domain, name, external_id, at)
        })?;
        if let Change::Made(_) = made {
            let entered =
                self.run(|db, organization| members::add_first(db, organization, id, members))?;
            self.keep(
                &UndoStep::GroupMade {
                    id,
                    name: name.to_owned(),
                    external_id: external_id.map(str::to_owned),
                },
                at,
            )?;
            self.keep_members(id, name, entered, at, true)?;
        }
        Ok(made)
    }

    fn change_group(
        &mut self,
        id: Uuid,
        name: &str,
        external_id: Option<&str>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        let before = self.run(|db, organization| groups::find(db, organization, id))?;
        let changed = self
            .run(|db, organization| groups::change(db, organization, id, name, external_id, at))?;
        if let (Change::Made(_), Some(before)) = (changed, before) {
            self.keep(
                &UndoStep::GroupChanged {
                    id,
                    name: name.to_owned(),
                    external_id: external_id.map(str::to_owned),
                    name_before: before.name,
                    external_id_before: before.external_id,
                },
                at,
            )?;
        }
        Ok(changed)
    }

    fn delete_group(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError> {
        if self.import.is_some()
            && let Some(found) = self.group(id, true)?
        {
            let holders = self.run(|db, organization| members::holders_of(db, organization, id))?;
            let members = found.members.iter().map(|member| member.id).collect();
            self.keep(
                &UndoStep::GroupRemoved {
                    id,
                    name: found.group.name,
                    members,
                    holders,
                },
                at,
            )?;
        }
        self.run(|db, organization| groups::delete(db, organization, id, at))
    }

    fn add_members(
        &mut self,
        group: Uuid,
        members: &[Member],
        at: Moment,
    ) -> Result<MembersChanged, StoreError> {
        let changed =
            self.run(|db, organization| members::add(db, organization, group, members, at))?;
        self.members_changed(group, changed, at, true)
    }

    fn remove_members(
        &mut self,
        group: Uuid,
        members: &[Uuid],
        at: Moment,
    ) -> Result<MembersChanged, StoreError> {
        let changed =
            self.run(|db, organization| members::remove(db, organization, group, members, at))?;
        self.members_changed(group, changed, at, false)
    }

    fn clear_members(&mut self, group: Uuid, at: Moment) -> Result<MembersChanged, StoreError> {
        let changed = self.run(|db, organization| members::clear(db, organization, group, at))?;
        self.members_changed(group, changed, at, false)
    }

    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.run(|db, _| audit::note(db, entry))
    }

    fn step(&mut self, step: &ImportStep) -> Result<(), StoreError> {
        self.run(|db, _| step::apply(db, step).map(drop))
    }

    fn keep_result(
        &mut self,
        import: ImportId,
        number: u64,
        result: &str,
    ) -> Result<(), StoreError> {
        self.run(|db, organization| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO operation_results (organization, import, number, result)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![organization, import.0, signed(number), result])
            .map(drop)
        })
    }

    fn attempt(
        &mut self,
        work: &mut dyn FnMut(&mut dyn Resources) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        self.run(|db, _| db.execute_batch("SAVEPOINT attempt"))?;
        let kept = work(self);
        match kept {
            Ok(true) => self.run(|db, _| db.execute_batch("RELEASE attempt"))?,
            Ok(false) => self.rollback_to_savepoint()?,
            // The first failure is reported; the following ones are consequences.
            Err(_) => self.rollback_to_savepoint().unwrap_or_default(),
        }
        kept
    }
}
