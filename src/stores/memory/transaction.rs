//! A transaction: changes go into the maps at once, and the journal says how they are taken back.

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::Content;
use crate::stores::memory::journal::Before;
use crate::stores::memory::kept::{Image, Kept};
use crate::users::audit::AuditEntry;
use crate::users::import_record::ImportId;
use crate::users::name::lookup_key;
use crate::users::resources::{
    Change, GroupResource, HashedPassword, Kind, Member, MembersChanged, Origin, Resources,
    UserContent, UserResource,
};
use crate::users::store::{ImportStep, User};
use crate::users::store_error::StoreError;

/// One organization's users and groups; whoever made it has begun the transaction and ends it.
pub(super) struct Transaction<'t> {
    pub content: &'t mut Content,
    pub organization: &'t str,
}

impl Content {
    /// The user with this id.
    pub(super) fn by_id(&self, organization: &str, id: Uuid) -> Option<&Kept> {
        let key = self.user_keys.get(&(organization.to_owned(), id))?;
        self.users.get(key)
    }
}

impl Resources for Transaction<'_> {
    fn user(&mut self, id: Uuid) -> Result<Option<UserResource>, StoreError> {
        let found = self.content.by_id(self.organization, id);
        Ok(found.map(|kept| self.content.with_groups(&kept.user)))
    }

    fn user_id(&mut self, domain: &str, name: &str) -> Result<Option<Uuid>, StoreError> {
        let place = (self.organization.to_owned(), domain.to_owned());
        let found = self
            .content
            .users
            .get(&(place.0, place.1, lookup_key(name)));
        Ok(found.map(|kept| kept.user.id))
    }

    fn add_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        let key = (
            self.organization.to_owned(),
            content.domain.clone(),
            lookup_key(&content.user_name),
        );
        if self.content.users.contains_key(&key) {
            return Ok(Change::Taken);
        }
        let mut user = User {
            id,
            user_name: String::new(),
            domain: content.domain.clone(),
            organization: self.organization.to_owned(),
            given_name: None,
            family_name: None,
            email: None,
            external_id: None,
            attributes: serde_json::Map::new(),
            has_password: password.is_some(),
            must_change_password: password.is_some_and(|password| password.must_change),
            password_set_at: at,
            created_by: origin.map(|origin| origin.import),
            created_at: at,
            modified_at: None,
            roles: Vec::new(),
        };
        fill(&mut user, content);
        let kept = Kept {
            user,
            password_hash: password.map(|password| password.hash.clone()),
            line: origin.map(|origin| origin.line),
            modified: None,
        };
        self.content.set_user(key, Some(kept));
        Ok(Change::Made(at))
    }

    fn change_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        let Some(before) = self.content.by_id(self.organization, id).cloned() else {
            return Ok(Change::Gone);
        };
        let place = (self.organization.to_owned(), before.user.domain.clone());
        let old_key = (
            place.0.clone(),
            place.1.clone(),
            lookup_key(&before.user.user_name),
        );
        let new_key = (place.0, place.1, lookup_key(&content.user_name));
        if new_key != old_key && self.content.users.contains_key(&new_key) {
            return Ok(Change::Taken);
        }
        let mut kept = before.clone();
        fill(&mut kept.user, content);
        let moment = kept.touch(origin.map(|origin| origin.import), at);
        if let Some(password) = password {
            kept.password_hash = Some(password.hash.clone());
            kept.user.has_password = true;
            kept.user.must_change_password = password.must_change;
            kept.user.password_set_at = moment;
        }
        // What the same import has made needs no image: taking it back removes it.
        let import = origin.map(|origin| origin.import);
        if let Some(import) = import.filter(|import| before.user.created_by != Some(*import)) {
            let image = Image {
                kept: before,
                taken_at: at,
                single: true,
            };
            self.content.keep_image(import, image);
        }
        self.content.set_user(old_key, None);
        self.content.set_user(new_key, Some(kept));
        Ok(Change::Made(moment))
    }

    fn delete_user(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let key = self
            .content
            .user_keys
            .get(&(self.organization.to_owned(), id));
        let Some(key) = key.cloned() else {
            return Ok(false);
        };
        self.content.set_user(key, None);
        Ok(true)
    }

    fn group(&mut self, id: Uuid, with_members: bool) -> Result<Option<GroupResource>, StoreError> {
        let found = self.content.role(self.organization, id);
        Ok(found.map(|(_, role)| self.content.with_members(role, with_members)))
    }

    fn member(&mut self, id: Uuid) -> Result<Option<Member>, StoreError> {
        let user = self.content.by_id(self.organization, id);
        let user = user.map(|kept| Member {
            kind: Kind::User,
            id,
            domain: kept.user.domain.clone(),
            name: kept.user.user_name.clone(),
        });
        Ok(user.or_else(|| self.content.group_member(self.organization, id)))
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
        let organization = self.organization;
        let made = self
            .content
            .add_group(organization, id, domain, name, external_id, at);
        if let Change::Made(_) = made {
            self.content.found_group(organization, id, members);
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
        let organization = self.organization;
        Ok(self
            .content
            .change_group(organization, id, name, external_id, at))
    }

    fn delete_group(&mut self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.content.delete_group(self.organization, id))
    }

    fn add_members(
        &mut self,
        group: Uuid,
        members: &[Member],
        at: Moment,
    ) -> Result<MembersChanged, StoreError> {
        let organization = self.organization;
        Ok(self.content.add_members(organization, group, members, at))
    }

    fn remove_members(
        &mut self,
        group: Uuid,
        members: &[Uuid],
        at: Moment,
    ) -> Result<MembersChanged, StoreError> {
        let organization = self.organization;
        Ok(self
            .content
            .remove_members(organization, group, members, at))
    }

    fn clear_members(&mut self, group: Uuid, at: Moment) -> Result<MembersChanged, StoreError> {
        Ok(self.content.clear_members(self.organization, group, at))
    }

    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.content
            .remember(|content| Before::Audit(content.audit.len()));
        self.content.audit.push(entry.clone());
        Ok(())
    }

    fn step(&mut self, step: &ImportStep) -> Result<(), StoreError> {
        self.content.apply(step).map(drop)
    }

    fn keep_result(
        &mut self,
        import: ImportId,
        number: u64,
        result: &str,
    ) -> Result<(), StoreError> {
        let key = (self.organization.to_owned(), import, number);
        let before = self.content.results.insert(key.clone(), result.to_owned());
        self.content.remember(|_| Before::Result(key, before));
        Ok(())
    }

    fn attempt(
        &mut self,
        work: &mut dyn FnMut(&mut dyn Resources) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let mark = self.content.mark();
        let kept = work(self);
        if kept != Ok(true) {
            self.content.go_back(mark);
        }
        kept
    }
}

fn fill(user: &mut User, content: &UserContent) {
    user.user_name.clone_from(&content.user_name);
    user.external_id.clone_from(&content.external_id);
    user.given_name.clone_from(&content.given_name);
    user.family_name.clone_from(&content.family_name);
    user.email.clone_from(&content.email);
    user.attributes.clone_from(&content.attributes);
}
