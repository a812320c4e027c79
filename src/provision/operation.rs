//! Operations on one user or group, and their results.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Moment;
use crate::scim::error::ScimError;
use crate::users::documents::resource::{self, version};
use crate::users::operator::Role;
use crate::users::resources::{GroupResource, Kind, UserResource};

/// The action.
#[derive(Clone)]
pub enum Act {
    /// Create it, with this id, from this document.
    Create(Value),
    /// Replace it with this document.
    Replace(Value),
    /// Change it according to this message (RFC 7644 §3.5.2).
    Patch(Value),
    /// Remove it.
    Delete,
}

/// One operation. It may contain a plain-text password, so it has no debug output.
#[derive(Clone)]
pub struct Operation {
    /// A user or a group.
    pub kind: Kind,
    /// Its id; for a new resource, the id chosen for it.
    pub id: Uuid,
    /// The action.
    pub act: Act,
    /// The precondition.
    pub precondition: Precondition,
}

impl Operation {
    /// The role required for it; passwords and administrators require more.
    pub fn right(&self) -> Role {
        match (self.kind, &self.act) {
            (Kind::User, Act::Create(_) | Act::Replace(_) | Act::Patch(_)) => Role::Import,
            (Kind::Group, Act::Patch(_) | Act::Replace(_)) => Role::Import,
            (Kind::Group, Act::Create(_)) | (_, Act::Delete) => Role::Admin,
        }
    }
}

/// Conditions on a resource before it is changed: `If-Match`, or `version` in a Bulk request; and
/// `If-None-Match`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    one_of: Option<Vec<String>>,
    none_of: Option<String>,
}

impl Precondition {
    /// Parses a list of entity tags (RFC 9110 §13.1.1); `*` is no condition, because a missing
    /// resource is an error anyway.
    pub fn parse(field: Option<&str>) -> Self {
        let Some(field) = field.map(str::trim).filter(|field| !field.is_empty()) else {
            return Precondition::default();
        };
        Precondition {
            one_of: (field != "*").then(|| tags(field)),
            none_of: None,
        }
    }

    /// Adds the tags that must not match (RFC 9110 §13.1.2); `*` matches any existing resource.
    #[must_use]
    pub fn unless(self, field: Option<String>) -> Self {
        Precondition {
            none_of: field,
            ..self
        }
    }

    /// Checks that the tags match the moment of the resource's last change.
    ///
    /// # Errors
    /// 412: the resource has changed.
    pub fn check(&self, changed: Moment) -> Result<(), ScimError> {
        self.check_version(&version(changed))
    }

    /// Checks that the current entity tag of the resource is one of the tags.
    ///
    /// # Errors
    /// 412: the resource has changed.
    pub fn check_version(&self, now: &str) -> Result<(), ScimError> {
        if let Some(tags) = &self.one_of
            && !tags.iter().any(|tag| weak_equal(tag, now))
        {
            return Err(ScimError::new(
                412,
                format!(
                    "The resource has been changed: its version is {now}. Read it again before \
                     changing it."
                ),
            ));
        }
        match &self.none_of {
            Some(field) if matches_tag(field, now) => Err(ScimError::new(
                412,
                format!(
                    "The resource matches If-None-Match: its version is {now}. Omit the \
                     condition to change it."
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Whether this entity tag is in `If-None-Match`, or the field is `*`.
pub fn matches_tag(field: &str, now: &str) -> bool {
    field.trim() == "*" || tags(field).iter().any(|tag| weak_equal(tag, now))
}

fn tags(field: &str) -> Vec<String> {
    let tags = field.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Weak comparison (RFC 9110 §8.8.3.2); tags without quotation marks are accepted, as some clients
/// send them.
fn weak_equal(one: &str, other: &str) -> bool {
    fn opaque(tag: &str) -> &str {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag.trim_matches('"')
    }
    opaque(one) == opaque(other)
}

/// The effect of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was created.
    Created,
    /// It was changed.
    Updated,
    /// Nothing changed.
    Unchanged,
    /// It was removed.
    Deleted,
}

/// The result of a successful operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The effect.
    pub effect: Effect,
    /// The kind of resource.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// When it was last changed; none: it was removed.
    pub changed: Option<Moment>,
    /// Its entity tag; none: it was removed.
    pub version: Option<String>,
    /// The resource after the operation, if requested and not removed.
    pub resource: Option<Resource>,
    /// The number of members left out because their ids cannot exist on this server.
    pub members_left_out: usize,
}

impl Done {
    /// The HTTP status.
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
    /// The resource as a document; `base` is the base URL without a trailing slash.
    pub fn document(&self, base: &str) -> Map<String, Value> {
        match self {
            Resource::User(user) => resource::user(user, base),
            Resource::Group(group) => resource::group(group, base),
        }
    }
}

/// The error for an unknown id.
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
