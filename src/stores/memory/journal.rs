//! The undo journal of a transaction: the values before each change, newest last.

use std::collections::btree_map::Entry;

use uuid::Uuid;

use crate::stores::memory::groups::StoredRole;
use crate::stores::memory::stored_user::{Image, StoredUndoStep, StoredUser};
use crate::stores::memory::{Content, Key};
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportRecord;

/// A value before a change.
#[derive(Debug)]
pub(super) enum Before {
    User(Key, Option<Box<StoredUser>>),
    Role(Key, Option<Box<StoredRole>>),
    /// The import had no image of this user.
    NoImage(ImportId, Uuid),
    /// The record, and the numbers of findings and rejects.
    Import((String, ImportId), Option<Box<ImportRecord>>, usize, usize),
    /// The number of audit entries.
    Audit(usize),
    Result((String, ImportId, u64), Option<String>),
    /// The number of undo steps of the import.
    Deeds(ImportId, usize),
}

impl Content {
    /// Starts recording changes.
    pub(super) fn begin_transaction(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// Ends the transaction, if one is active; restores all values unless `keep` is set.
    pub(super) fn end_transaction(&mut self, keep: bool) {
        if let Some(journal) = self.journal.take()
            && !keep
        {
            journal
                .into_iter()
                .rev()
                .for_each(|before| self.restore_value(before));
        }
    }

    /// The current length of the journal.
    pub(super) fn mark(&self) -> usize {
        self.journal.as_ref().map_or(0, Vec::len)
    }

    /// Restores the values changed since the mark.
    pub(super) fn rollback_to(&mut self, mark: usize) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let since = journal.split_off(mark.min(journal.len()));
        since
            .into_iter()
            .rev()
            .for_each(|before| self.restore_value(before));
        self.journal = Some(journal);
    }

    /// Records a value to restore.
    pub(super) fn remember(&mut self, before: impl FnOnce(&Content) -> Before) {
        if self.journal.is_some() {
            let before = before(self);
            self.journal.get_or_insert_default().push(before);
        }
    }

    /// Creates, changes or removes a user.
    pub(super) fn set_user(&mut self, key: Key, kept: Option<StoredUser>) {
        let before = match kept {
            Some(kept) => {
                let id = (key.0.clone(), kept.user.id);
                self.user_keys.insert(id, key.clone());
                self.users.insert(key.clone(), kept)
            }
            None => {
                let before = self.users.remove(&key);
                if let Some(before) = &before {
                    self.user_keys.remove(&(key.0.clone(), before.user.id));
                }
                before
            }
        };
        self.remember(|_| Before::User(key, before.map(Box::new)));
    }

    /// Creates, changes or removes a role.
    pub(super) fn set_role(&mut self, key: Key, role: Option<StoredRole>) {
        let before = match role {
            Some(role) => {
                let id = (key.0.clone(), role.group.id);
                self.role_keys.insert(id, key.clone());
                self.roles.insert(key.clone(), role)
            }
            None => {
                let before = self.roles.remove(&key);
                if let Some(before) = &before {
                    self.role_keys.remove(&(key.0.clone(), before.group.id));
                }
                before
            }
        };
        self.remember(|_| Before::Role(key, before.map(Box::new)));
    }

    /// Records what a step of the import may change.
    pub(super) fn before_step(&mut self, import: &(String, ImportId)) {
        self.remember(|content| {
            let record = content.imports.get(import).cloned().map(Box::new);
            let findings = content.findings.get(&import.1).map_or(0, Vec::len);
            let rejects = content.rejects.get(&import.1).map_or(0, Vec::len);
            Before::Import(import.clone(), record, findings, rejects)
        });
        self.remember(|content| Before::Audit(content.audit.len()));
    }

    /// Stores the state of a user before the import's first change.
    pub(super) fn keep_image(&mut self, import: ImportId, image: Image) {
        let id = image.kept.user.id;
        let images = self.images.entry(import).or_default();
        if let Entry::Vacant(place) = images.entry(id) {
            place.insert(image);
            self.remember(|_| Before::NoImage(import, id));
        }
    }

    /// Stores an undo step of an import.
    pub(super) fn keep_undo_step(&mut self, import: ImportId, undo_step: StoredUndoStep) {
        self.remember(|content| {
            Before::Deeds(import, content.undo_steps.get(&import).map_or(0, Vec::len))
        });
        self.undo_steps.entry(import).or_default().push(undo_step);
    }

    fn restore_value(&mut self, before: Before) {
        match before {
            Before::User(key, kept) => self.set_user(key, kept.map(|kept| *kept)),
            Before::Role(key, role) => self.set_role(key, role.map(|role| *role)),
            Before::NoImage(import, user) => {
                if let Some(images) = self.images.get_mut(&import) {
                    images.remove(&user);
                }
            }
            Before::Import(key, record, findings, rejects) => {
                if let Some(kept) = self.findings.get_mut(&key.1) {
                    kept.truncate(findings);
                }
                if let Some(kept) = self.rejects.get_mut(&key.1) {
                    kept.truncate(rejects);
                }
                match record {
                    Some(record) => self.imports.insert(key, *record),
                    None => self.imports.remove(&key),
                };
            }
            Before::Deeds(import, undo_steps) => {
                if let Some(kept) = self.undo_steps.get_mut(&import) {
                    kept.truncate(undo_steps);
                }
            }
            Before::Audit(entries) => self.audit.truncate(entries),
            Before::Result(key, result) => {
                match result {
                    Some(result) => self.results.insert(key, result),
                    None => self.results.remove(&key),
                };
            }
        }
    }
}
