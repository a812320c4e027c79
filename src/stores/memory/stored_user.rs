//! The stored form of a user.

use crate::clock::Moment;
use crate::stores::memory::groups::StoredRole;
use crate::users::batch::NewUser;
use crate::users::import_id::ImportId;
use crate::users::merge::Profile;
use crate::users::problem::Owner;
use crate::users::step::{ImportStep, Outcome, RowPassword};
use crate::users::undo_steps::UndoStep;
use crate::users::user::User;

#[derive(Debug, Clone)]
pub(super) struct StoredUser {
    pub user: User,
    /// None with `must_change`: the default password of the import that created the user.
    pub password_hash: Option<String>,
    pub line: Option<u64>,
    /// Whether the user has been changed, and by which import, if it was one.
    pub modified: Option<Option<ImportId>>,
}

/// The state of a user before an import changed it.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub kept: StoredUser,
    pub taken_at: Moment,
    /// Whether a single user was changed. Such a change can change the name, but not the roles.
    pub single: bool,
}

/// An action of an import on a group, on a membership, or on a user that it removed.
#[derive(Debug, Clone)]
pub(super) struct StoredUndoStep {
    pub undo_step: UndoStep,
    /// The removed data.
    pub removed: Option<Removed>,
    pub at: Moment,
}

/// A removed user or group.
#[derive(Debug, Clone)]
pub(super) enum Removed {
    User(Box<StoredUser>),
    Role(Box<StoredRole>),
}

impl StoredUser {
    pub(super) fn new(step: &ImportStep, user: &NewUser<'_>) -> Self {
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
            // None with `must_change` stands for the import's default password.
            has_password: user.password_hash.is_some() || user.must_change,
            must_change_password: user.must_change,
            password_set_at: step.at,
            created_by: Some(step.import),
            created_at: step.at,
            modified_at: None,
            roles: profile.roles,
        };
        StoredUser {
            user: user_of_row,
            password_hash: user.password_hash.map(str::to_owned),
            line: Some(user.line),
            modified: None,
        }
    }

    pub(super) fn owner(&self) -> Owner {
        Owner {
            import: self.user.created_by,
            line: self.line,
        }
    }

    pub(super) fn profile(&self) -> Profile {
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

    pub(super) fn change(&mut self, step: &ImportStep, row: &NewUser<'_>) -> Outcome {
        let before = self.profile();
        let given = step.password_of(row, &before);
        let password = row.password_hash.filter(|_| given == RowPassword::Set);
        let after = match step.profile_after(row, &before) {
            Ok(after) => after,
            Err(refused) => return refused,
        };
        if after.is_none() && password.is_none() {
            return Outcome::for_existing(false, given);
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
            self.user.has_password = true;
            self.user.must_change_password = row.must_change;
            self.user.password_set_at = step.at;
        }
        self.touch(Some(step.import), step.at);
        Outcome::for_existing(true, given)
    }

    /// Marks it as changed, later than the previous change; returns the time.
    pub(super) fn touch(&mut self, by: Option<ImportId>, at: Moment) -> Moment {
        let before = self.user.modified_at.unwrap_or(self.user.created_at);
        let moment = at.later_than(before);
        self.user.modified_at = Some(moment);
        self.modified = Some(by);
        moment
    }
}
