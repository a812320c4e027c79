//! Users: create, replace, patch, delete.

use std::collections::HashSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::passwords::secret::Secret;
use crate::provision::apply::{Applied, Executor, accept};
use crate::provision::operation::{Done, Effect, Precondition};
use crate::provision::prepare::{Name, UserDraft, take_password, text_of};
use crate::scim::attribute_names::{ACTIVE, ASK_PASSWORD, DISABLED, LOCKED};
use crate::scim::check::{self, Leniency};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::patch::Patch;
use crate::scim::patch_apply;
use crate::scim::schema::ENTERPRISE;
use crate::users::account_state::truth;
use crate::users::documents::claim_paths::{Place, scim_place};
use crate::users::documents::resource;
use crate::users::documents::zuora;
use crate::users::password_right::PasswordRight;
use crate::users::resources::{Change, HashedPassword, Kind, Resources, UserContent, UserResource};
use crate::users::user::User;

/// The longest chain of managers that is followed.
const MAX_CHAIN: usize = 1_000;

impl Executor<'_> {
    pub(super) fn create_user(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        draft: &UserDraft,
    ) -> Applied<Done> {
        let name = &draft.name;
        if let Some(manager) = manager(&draft.document) {
            accept!(self.check_manager(tx, id, manager)?);
        }
        accept!(check_truths(None, &draft.document));
        let content = resource::content(
            name.domain.clone(),
            name.name.clone(),
            draft.document.clone(),
            None,
        );
        let password = draft.password.as_ref();
        match tx.add_user(id, &content, password, self.origin, self.at)? {
            Change::Made(at) => {
                // A user created by an import already records which one.
                if self.origin.is_none() {
                    let attributes = draft.document.keys().map(String::as_str);
                    self.note(tx, "user.create", &name.domain, &name.name, attributes)?;
                }
                self.done(tx, Effect::Created, (Kind::User, id), at, &[])
            }
            Change::Taken => Ok(Err(taken(name))),
            Change::Gone => Ok(Err(Self::not_found(Kind::User, id))),
        }
    }

    pub(super) fn replace_user(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        precondition: &Precondition,
        draft: &UserDraft,
    ) -> Applied<Done> {
        let Some(stored) = tx.user(id)? else {
            return Ok(Err(Self::not_found(Kind::User, id)));
        };
        accept!(precondition.check_version(&resource::user_version(&stored)));
        let before = resource::user(&stored, "");
        let mut after = draft.document.clone();
        zuora::restore_fixed(&before, &mut after);
        for name in draft.keeps {
            if let (false, Some(value)) = (after.contains_key(*name), before.get(*name)) {
                after.insert((*name).to_owned(), value.clone());
            }
        }
        accept!(check::check_replacement(
            &before,
            &mut after,
            &self.provisioner.schemas.user
        ));
        self.put_user(
            tx,
            &stored,
            &before,
            after,
            &draft.name,
            draft.password.as_ref(),
        )
    }

    pub(super) fn patch_user(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        precondition: &Precondition,
        (patch, leniency): (&Patch, Leniency),
        passwords: &[(Secret, HashedPassword)],
    ) -> Applied<Done> {
        let Some(stored) = tx.user(id)? else {
            return Ok(Err(Self::not_found(Kind::User, id)));
        };
        accept!(precondition.check_version(&resource::user_version(&stored)));
        let before = resource::user(&stored, "");
        let mut after = before.clone();
        // A changed value would leave them outdated.
        zuora::hide_displays(&mut after);
        accept!(patch_apply::apply(
            patch,
            &mut after,
            &self.provisioner.schemas.user
        ));
        // A PATCH can remove it; a PUT restores what the document does not mention.
        after.entry(ACTIVE).or_insert(Value::Null);
        let password = take_password(&mut after).and_then(|text| {
            let is_it = |(known, _): &&(Secret, HashedPassword)| known.expose() == text.expose();
            passwords.iter().find(is_it).map(|(_, hashed)| hashed)
        });
        let name = match text_of(&after, "userName") {
            same if same == text_of(&before, "userName") => Name {
                domain: stored.user.domain.clone(),
                name: stored.user.user_name.clone(),
            },
            new => accept!(self.provisioner.user_name(new, leniency)),
        };
        self.put_user(tx, &stored, &before, after, &name, password)
    }

    /// Replaces a user with the document `after`.
    fn put_user(
        &mut self,
        tx: &mut dyn Resources,
        stored: &UserResource,
        before: &Map<String, Value>,
        mut after: Map<String, Value>,
        name: &Name,
        password: Option<&HashedPassword>,
    ) -> Applied<Done> {
        // The server sets it, in both documents.
        resource::point_to_manager(&mut after, "");
        let (id, user) = (stored.user.id, &stored.user);
        if name.domain != user.domain {
            return Ok(Err(ScimError::of(
                ErrorType::Mutability,
                format!(
                    "userName: the user belongs to the user store {} and cannot be moved; give a \
                     name of that store.",
                    user.domain
                ),
            )));
        }
        if password.is_some() {
            accept!(self.may_set_password(user));
        }
        if let Some(manager) = manager(&after)
            && Some(manager) != self::manager(before)
        {
            accept!(self.check_manager(tx, id, manager)?);
            accept!(self.check_chain(tx, id, manager)?);
        }
        accept!(check_truths(Some(before), &after));
        let differing = differing(before, &after);
        let (domain, bare) = (name.domain.clone(), name.name.clone());
        let content = resource::content(domain, bare, after, Some(user));
        if password.is_none() && (differing.is_empty() || equals_stored(&content, stored)) {
            let at = changed(stored);
            return self.done(tx, Effect::Unchanged, (Kind::User, id), at, &stored.groups);
        }
        self.touches_others |= content.user_name != user.user_name;
        match tx.change_user(id, &content, password, self.origin, self.at)? {
            Change::Made(at) => {
                let attributes = differing
                    .iter()
                    .map(String::as_str)
                    .chain(password.map(|_| "password"));
                self.note(tx, "user.update", &name.domain, &user.user_name, attributes)?;
                self.done(tx, Effect::Updated, (Kind::User, id), at, &stored.groups)
            }
            Change::Taken => Ok(Err(taken(name))),
            Change::Gone => Ok(Err(Self::not_found(Kind::User, id))),
        }
    }

    /// Checks that the caller may set the password of this existing user.
    fn may_set_password(&self, user: &User) -> Result<(), ScimError> {
        let right = PasswordRight::of(self.role, self.provisioner.importers_set_passwords);
        match (right.allows(user.roles.iter().map(String::as_str)), right) {
            (true, _) => Ok(()),
            (false, PasswordRight::ExceptAdmins) => {
                self.admin_only("set the password of a user with the role admin")
            }
            (false, _) => self.admin_only("set the password of an existing user"),
        }
    }

    pub(super) fn delete_user(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        precondition: &Precondition,
    ) -> Applied<Done> {
        let Some(stored) = tx.user(id)? else {
            return Ok(Err(Self::not_found(Kind::User, id)));
        };
        accept!(precondition.check_version(&resource::user_version(&stored)));
        if !tx.delete_user(id, self.at)? {
            return Ok(Err(Self::not_found(Kind::User, id)));
        }
        let user = &stored.user;
        self.note(
            tx,
            "user.delete",
            &user.domain,
            &user.user_name,
            [].into_iter(),
        )?;
        Ok(Ok(Done {
            effect: Effect::Deleted,
            kind: Kind::User,
            id,
            changed: None,
            version: None,
            resource: None,
            members_left_out: 0,
        }))
    }

    /// A manager given by an id must be an existing user, or one that the same request creates
    /// later.
    ///
    /// A manager given by a name, as in files, is not checked.
    fn check_manager(&self, tx: &mut dyn Resources, user: Uuid, manager: &str) -> Applied<()> {
        let Ok(id) = Uuid::try_parse(manager) else {
            return Ok(Ok(()));
        };
        if id == user {
            return Ok(Err(own_manager()));
        }
        if tx.user(id)?.is_some() || self.promised(id) == Some(Kind::User) {
            return Ok(Ok(()));
        }
        Ok(Err(ScimError::value(format!(
            "manager.value: there is no user with the id {id}; give the id of an existing user."
        ))))
    }

    /// Refuses a user who would become their own manager, directly or indirectly. A new user cannot
    /// be anyone's manager, so only changes are checked; and a request may create users in a
    /// circle, because RFC 7644 §3.7.1 requires such references to be resolved.
    fn check_chain(&self, tx: &mut dyn Resources, user: Uuid, manager: &str) -> Applied<()> {
        if self.made.contains_key(&user) {
            return Ok(Ok(()));
        }
        let mut seen = HashSet::new();
        let mut next = Uuid::try_parse(manager).ok();
        while let Some(at) = next {
            if at == user {
                return Ok(Err(own_manager()));
            }
            // There may be a circle above the user that does not include them.
            if !seen.insert(at) {
                return Ok(Ok(()));
            }
            if seen.len() > MAX_CHAIN {
                return Ok(Err(ScimError::value(
                    "manager.value: the chain of managers above the user is too long; choose \
                     another one.",
                )));
            }
            let Some(found) = tx.user(at)? else {
                return Ok(Ok(()));
            };
            let above = found.user.attributes.get("manager").and_then(Value::as_str);
            next = above.and_then(|above| Uuid::try_parse(above).ok());
        }
        Ok(Ok(()))
    }
}

fn own_manager() -> ScimError {
    ScimError::value("manager.value: the user would be their own manager; choose another one.")
}

/// When the user was last changed.
pub(super) fn changed(stored: &UserResource) -> crate::clock::Moment {
    stored.user.modified_at.unwrap_or(stored.user.created_at)
}

fn taken(name: &Name) -> ScimError {
    ScimError::of(
        ErrorType::Uniqueness,
        format!(
            "User with the name: {} already exists in the system.",
            resource::qualified(&name.domain, &name.name)
        ),
    )
}

fn manager(document: &Map<String, Value>) -> Option<&str> {
    document
        .get(ENTERPRISE)?
        .get("manager")?
        .get("value")?
        .as_str()
}

/// A value that decides whether a user is locked must be a boolean word; an unchanged value is
/// accepted.
fn check_truths(
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
) -> Result<(), ScimError> {
    for flat in [LOCKED, DISABLED, ASK_PASSWORD] {
        let Place::Singular {
            extension: Some(extension),
            name,
            ..
        } = scim_place(flat)
        else {
            continue;
        };
        let in_it = |document: &Map<String, Value>| {
            let text = document.get(extension)?.get(name)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let Some(text) = in_it(after) else { continue };
        if truth(&text).is_none() && before.and_then(in_it) != Some(text) {
            return Err(ScimError::value(format!(
                "{extension}:{name} is neither true nor false; use one of these words."
            )));
        }
    }
    Ok(())
}

fn value<'d>(document: &'d Map<String, Value>, name: &str) -> Option<&'d Value> {
    document.get(name).filter(|value| !value.is_null())
}

/// Names of the attributes that differ between two documents, except those that the server sets.
fn differing(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = before
        .keys()
        .chain(after.keys())
        .filter(|name| !matches!(name.as_str(), "schemas" | "id" | "meta" | "groups"))
        .filter(|name| value(before, name) != value(after, name))
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether the stored user is already like this.
fn equals_stored(content: &UserContent, stored: &UserResource) -> bool {
    let user = &stored.user;
    content.user_name == user.user_name
        && content.external_id == user.external_id
        && content.given_name == user.given_name
        && content.family_name == user.family_name
        && content.email == user.email
        && content.attributes == user.attributes
}
