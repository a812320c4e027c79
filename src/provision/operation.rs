//! What can be asked of one user or group, and what becomes of it.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Moment;
use crate::scim::error::ScimError;
use crate::users::documents::resource::{self, version};
use crate::users::operator::Role;
use crate::users::resources::{GroupResource, Kind, UserResource};

/// What is to be done.
#[derive(Clone)]
pub enum Act {
    /// Make it, with this id, from this document.
    Create(Value),
    /// Make it look like this document.
    Replace(Value),
    /// Change it as this message says (RFC 7644 §3.5.2).
    Patch(Value),
    /// Remove it.
    Delete,
}

/// One operation. It may hold a password in the clear, so it has no debug output.
#[derive(Clone)]
pub struct Operation {
    /// A user or a group.
    pub kind: Kind,
    /// Its id; of one that is to be made, the id that was chosen for it.
    pub id: Uuid,
    /// What is to be done.
    pub act: Act,
    /// What it has to be before.
    pub precondition: Precondition,
}

impl Operation {
    /// The role that a caller needs for it; passwords, and who is an administrator, need more.
    pub fn right(&self) -> Role {
        match (self.kind, &self.act) {
            (Kind::User, Act::Create(_) | Act::Replace(_) | Act::Patch(_)) => Role::Import,
            (Kind::Group, Act::Patch(_) | Act::Replace(_)) => Role::Import,
            (Kind::Group, Act::Create(_)) | (_, Act::Delete) => Role::Admin,
        }
    }
}

/// What a resource has to be before it is changed: `If-Match`, or `version` in a Bulk request; and what
/// it must not be: `If-None-Match`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    one_of: Option<Vec<String>>,
    none_of: Option<String>,
}

impl Precondition {
    /// The condition that a list of entity tags stands for (RFC 9110 §13.1.1); `*` is none, for what is
    /// not there is not found anyway.
    pub fn parse(field: Option<&str>) -> Self {
        let Some(field) = field.map(str::trim).filter(|field| !field.is_empty()) else {
            return Precondition::default();
        };
        Precondition {
            one_of: (field != "*").then(|| tags(field)),
            none_of: None,
        }
    }

    /// The same, unless it is one of these (RFC 9110 §13.1.2); `*` is anything that is there.
    #[must_use]
    pub fn unless(self, field: Option<String>) -> Self {
        Precondition {
            none_of: field,
            ..self
        }
    }

    /// Agrees when the resource was changed last at one of the moments that the tags stand for.
    ///
    /// # Errors
    /// 412: it is another one by now.
    pub fn check(&self, changed: Moment) -> Result<(), ScimError> {
        self.check_version(&version(changed))
    }

    /// Agrees when this entity tag, of the resource as it is now, is one of the tags.
    ///
    /// # Errors
    /// 412: it is another one by now.
    pub fn check_version(&self, now: &str) -> Result<(), ScimError> {
        if let Some(tags) = &self.one_of
            && !tags.iter().any(|tag| weak_equal(tag, now))
        {
            return Err(ScimError::new(
                412,
                format!(
                    "The resource has been changed: its version is {now}. Get it again and decide \
                     anew."
                ),
            ));
        }
        match &self.none_of {
            Some(field) if matches_tag(field, now) => Err(ScimError::new(
                412,
                format!(
                    "The resource is the one that If-None-Match excludes: its version is {now}. Leave \
                     the condition out to change it."
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Whether one of the entity tags of `If-None-Match` is this one, or the field is `*`.
pub fn matches_tag(field: &str, now: &str) -> bool {
    field.trim() == "*" || tags(field).iter().any(|tag| weak_equal(tag, now))
}

fn tags(field: &str) -> Vec<String> {
    let tags = field.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Weak comparison (RFC 9110 §8.8.3.2); tags without quotation marks, as some send them, too.
fn weak_equal(one: &str, other: &str) -> bool {
    fn opaque(tag: &str) -> &str {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag.trim_matches('"')
    }
    opaque(one) == opaque(other)
}

/// What an operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was so already.
    Unchanged,
    /// It was removed.
    Deleted,
}

/// An operation that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What it did.
    pub effect: Effect,
    /// The resource.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// When it was changed last; none: it is gone.
    pub changed: Option<Moment>,
    /// Its entity tag; none: it is gone.
    pub version: Option<String>,
    /// What it is now, where the caller wanted to know and it is not gone.
    pub resource: Option<Resource>,
    /// How many members were left out, because their ids are none that anybody here can have.
    pub members_left_out: usize,
}

impl Done {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self.effect {
            Effect::Created => 201,
            Effect::Updated | Effect::Unchanged => 200,
            Effect::Deleted => 204,
        }
    }
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// A user.
    User(Box<UserResource>),
    /// A group.
    Group(Box<GroupResource>),
}

impl Resource {
    /// The resource as a document; `base` is the base URL, without a slash at its end.
    pub fn document(&self, base: &str) -> Map<String, Value> {
        match self {
            Resource::User(user) => resource::user(user, base),
            Resource::Group(group) => resource::group(group, base),
        }
    }
}

/// What is said of an id that nobody has.
pub fn not_found(kind: Kind, id: &str) -> ScimError {
    let name = match kind {
        Kind::User => "user",
        Kind::Group => "group",
    };
    ScimError::new(404, format!("There is no {name} with the id {id}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_weak_tags() {
        let changed = Moment(0xabc);
        for field in ["W/\"abc\"", "\"abc\"", "abc", "\"x\", W/\"abc\"", "*", " "] {
            let condition = Precondition::parse(Some(field));
            assert!(condition.check(changed).is_ok(), "{field}");
        }
        let stale = Precondition::parse(Some("W/\"abd\"")).check(changed);
        assert_eq!(stale.unwrap_err().status, 412);
        assert!(Precondition::parse(None).check(changed).is_ok());
        for (field, fits) in [("W/\"abc\"", false), ("*", false), ("\"x\"", true)] {
            let condition = Precondition::default().unless(Some(field.into()));
            assert_eq!(condition.check(changed).is_ok(), fits, "{field}");
        }
        assert!(matches_tag("W/\"x\", W/\"abc\"", &version(changed)));
        assert!(!matches_tag("W/\"x\"", &version(changed)));
    }
}
