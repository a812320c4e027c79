//! Undoing an import.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::stored_user::{Image, Removed, StoredUser};
use crate::stores::memory::transaction::Transaction;
use crate::stores::memory::{Content, Key};
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportState;
use crate::users::name::lookup_key;
use crate::users::store_error::StoreError;
use crate::users::undo::{GONE, NAME_TAKEN, NO_IMAGE, Renamed, TOUCHED, Undone, blocked};
use crate::users::undo_steps::{UndoStep, undo_recorded_steps};

impl Content {
    /// Undoes the import; none if there is no such import, or it is still running.
    pub(super) fn undo(
        &mut self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<Option<Undone>, StoreError> {
        let import = (organization.to_owned(), id);
        let ended = |state: ImportState| state.is_final();
        if !self
            .imports
            .get(&import)
            .is_some_and(|record| ended(record.state))
        {
            return Ok(None);
        }
        let mut undone = Undone::default();
        let images = self.images.remove(&id).unwrap_or_default();
        self.remove_made(organization, id, at, &mut undone);
        let changed = self.users.iter().filter(|(key, kept)| {
            key.0 == organization
                && kept.modified == Some(Some(id))
                && kept.user.created_by != Some(id)
                && !images.contains_key(&kept.user.id)
        });
        changed.for_each(|(_, kept)| undone.leave(&kept.user.user_name, NO_IMAGE));
        let gone = self.report_missing(organization, id, &images, &mut undone);
        let before = images.clone();
        self.restore(organization, id, images, at, &mut undone);
        self.undo_group_steps(organization, id, (&before, gone), at, &mut undone)?;
        if let Some(record) = self.imports.get_mut(&import) {
            record.state = ImportState::Undone;
            record.reason = Some(undone.sentence());
        }
        self.audit
            .push(AuditEntry::import_undone(id, &undone, by, at));
        Ok(Some(undone))
    }

    /// Reports users that the import changed and others have removed since; returns their ids.
    fn report_missing(
        &self,
        organization: &str,
        id: ImportId,
        images: &BTreeMap<Uuid, Image>,
        undone: &mut Undone,
    ) -> HashSet<Uuid> {
        // Users that the import itself removed are restored.
        let undo_steps = self
            .undo_steps
            .get(&id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let own: HashSet<Uuid> = undo_steps
            .iter()
            .filter_map(|kept| match kept.undo_step {
                UndoStep::UserRemoved { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        let mut gone: Vec<(&str, Uuid)> = images
            .iter()
            .filter(|(user, _)| {
                let key = (organization.to_owned(), **user);
                !self.user_keys.contains_key(&key) && !own.contains(user)
            })
            .map(|(user, image)| (image.kept.user.user_name.as_str(), *user))
            .collect();
        gone.sort_unstable();
        gone.iter().for_each(|(name, _)| undone.leave(name, GONE));
        gone.into_iter().map(|(_, user)| user).collect()
    }

    /// Undoes changes to groups, and restores removed users. Users who were changed first have an
    /// image, and missing ones are already reported.
    fn undo_group_steps(
        &mut self,
        organization: &str,
        id: ImportId,
        (images, gone): (&BTreeMap<Uuid, Image>, HashSet<Uuid>),
        at: Moment,
        undone: &mut Undone,
    ) -> Result<(), StoreError> {
        let (mut undo_steps, mut removed) = (Vec::new(), BTreeMap::new());
        for (number, kept) in (0..).zip(self.undo_steps.remove(&id).unwrap_or_default()) {
            undo_steps.push((number, kept.undo_step));
            let kept = kept.removed.map(|removed| match removed {
                Removed::User(kept) => match images.get(&kept.user.id) {
                    Some(image) => Removed::User(Box::new(image.kept.clone())),
                    None => Removed::User(kept),
                },
                role @ Removed::Role(_) => role,
            });
            removed.extend(kept.map(|kept| (number, kept)));
        }
        let mut transaction = Transaction {
            removed,
            undone: Some(id),
            ..Transaction::new(self, organization)
        };
        undo_recorded_steps(&mut transaction, undo_steps, gone, at, undone)
    }

    fn remove_made(&mut self, organization: &str, id: ImportId, at: Moment, undone: &mut Undone) {
        let made: Vec<(Key, bool, String)> = self
            .users
            .iter()
            .filter(|(key, kept)| key.0 == organization && kept.user.created_by == Some(id))
            .map(|(key, kept)| {
                let own = kept.modified.is_none_or(|by| by == Some(id));
                (key.clone(), own, kept.user.user_name.clone())
            })
            .collect();
        for (key, own, name) in made {
            if own {
                self.touch_groups_of(&key, at);
                self.set_user(key, None);
                undone.removed += 1;
            } else {
                undone.leave(&name, TOUCHED);
            }
        }
    }

    fn restore(
        &mut self,
        organization: &str,
        id: ImportId,
        images: BTreeMap<Uuid, Image>,
        at: Moment,
        undone: &mut Undone,
    ) {
        // A removed user is not restored.
        let key_of = |user: Uuid| {
            self.user_keys
                .get(&(organization.to_owned(), user))
                .cloned()
        };
        let mut now: Vec<(Key, Image)> = images
            .into_iter()
            .filter_map(|(user, image)| Some((key_of(user)?, image)))
            .collect();
        now.sort_by(|(one, _), (other, _)| one.cmp(other));
        let own = |kept: &StoredUser| kept.modified == Some(Some(id));
        let renamed: Vec<Renamed<Key>> = now
            .iter()
            .filter(|(key, _)| self.users.get(key).is_some_and(own))
            .map(|(key, image)| (key, image, before(key, image)))
            .filter(|(key, _, before)| *key != before)
            .map(|(_, image, before)| Renamed {
                id: image.kept.user.id,
                before,
            })
            .collect();
        let holder = |key: &Key| {
            let kept = self.users.get(key);
            Ok::<_, std::convert::Infallible>(kept.map(|kept| kept.user.id))
        };
        let blocked = blocked(&renamed, holder).unwrap_or_default();
        let mut back = Vec::new();
        for (key, image) in now {
            let Some(kept) = self.users.get(&key).cloned() else {
                continue;
            };
            if !own(&kept) {
                undone.leave(&kept.user.user_name, TOUCHED);
                continue;
            }
            if blocked.contains(&image.kept.user.id) {
                undone.leave(&kept.user.user_name, NAME_TAKEN);
                continue;
            }
            let back_to = before(&key, &image);
            let as_before = from_image(kept.clone(), image);
            let (now, then) = (&kept.user, &as_before.user);
            let gone = now.roles.iter().filter(|role| !then.roles.contains(role));
            let new = then.roles.iter().filter(|role| !now.roles.contains(role));
            self.touch_groups(organization, &key.1, gone.chain(new), at);
            if now.user_name != then.user_name {
                self.touch_groups_of(&key, at);
            }
            back.push((back_to, as_before));
            self.set_user(key, None);
        }
        undone.restored += back.len() as u64;
        for (key, kept) in back {
            self.set_user(key, Some(kept));
        }
    }
}

/// The key that the user had.
fn before(now: &Key, image: &Image) -> Key {
    let (organization, domain, key) = now;
    let key = match image.single {
        true => lookup_key(&image.kept.user.user_name),
        false => key.clone(),
    };
    (organization.clone(), domain.clone(), key)
}

/// The user as in the image, except for the name or roles, whichever the import could not change.
fn from_image(now: StoredUser, image: Image) -> StoredUser {
    let mut kept = image.kept;
    match image.single {
        true => kept.user.roles = now.user.roles,
        false => kept.user.user_name = now.user.user_name,
    }
    kept
}
