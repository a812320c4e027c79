//! How a row changes an existing user.
//!
//! One function serves every store, and the dry run that writes nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::users::batch::NewUser;
use crate::users::options::ConflictPolicy;
use crate::users::role_name::ROLE_SEPARATOR;

/// What a row can change of a user, besides the password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// SCIM `name.givenName`.
    pub given_name: Option<String>,
    /// SCIM `name.familyName`.
    pub family_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// SCIM `externalId`.
    pub external_id: Option<String>,
    /// Everything else, by attribute name.
    pub attributes: Map<String, Value>,
    /// Names of roles, sorted.
    pub roles: Vec<String>,
}

/// The stored fields of a user, borrowed, for a first quick comparison with a row.
#[derive(Debug, Clone, Copy)]
pub struct StoredFields<'s> {
    /// SCIM `name.givenName`.
    pub given_name: Option<&'s str>,
    /// SCIM `name.familyName`.
    pub family_name: Option<&'s str>,
    /// The e-mail address.
    pub email: Option<&'s str>,
    /// SCIM `externalId`.
    pub external_id: Option<&'s str>,
    /// A JSON object.
    pub attributes: Option<&'s str>,
}

impl StoredFields<'_> {
    /// Whether the row obviously changes nothing under any policy. If not, [`Profile::after`]
    /// decides.
    pub fn shows(&self, row: &NewUser<'_>) -> bool {
        let same = |given: Option<&str>, there| given.is_none() || given == there;
        row.roles.is_none()
            && row.cleared.is_none()
            && !row.own_password
            && same(row.given_name, self.given_name)
            && same(row.family_name, self.family_name)
            && same(row.email, self.email)
            && same(row.external_id, self.external_id)
            && same(row.attributes, self.attributes)
    }
}

/// Names that [`NewUser::cleared`] uses for fields that are not attributes.
pub mod cleared {
    /// SCIM `name.givenName`.
    pub const GIVEN_NAME: &str = "name.givenName";
    /// SCIM `name.familyName`.
    pub const FAMILY_NAME: &str = "name.familyName";
    /// The e-mail address.
    pub const EMAIL: &str = "emails";
    /// SCIM `externalId`.
    pub const EXTERNAL_ID: &str = "externalId";
    /// The roles.
    pub const ROLES: &str = "roles";
}

impl Profile {
    /// The content of the row alone.
    pub fn of(row: &NewUser<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let mut roles: Vec<String> = row
            .roles
            .map(|all| all.split(ROLE_SEPARATOR).map(str::to_owned).collect())
            .unwrap_or_default();
        roles.sort();
        roles.dedup();
        Profile {
            given_name: owned(row.given_name),
            family_name: owned(row.family_name),
            email: owned(row.email),
            external_id: owned(row.external_id),
            attributes: row
                .attributes
                .and_then(|json| serde_json::from_str(json).ok())
                .unwrap_or_default(),
            roles,
        }
    }

    /// The profile after `row`; none if the row changes nothing.
    pub fn after(&self, row: &NewUser<'_>, policy: ConflictPolicy) -> Option<Profile> {
        if !policy.changes_users() {
            return None;
        }
        let replace = policy == ConflictPolicy::Update;
        let given = Profile::of(row);
        let mut after = self.clone();
        let put = |place: &mut Option<String>, value: Option<String>| {
            if value.is_some() && (replace || place.is_none()) {
                *place = value;
            }
        };
        put(&mut after.given_name, given.given_name);
        put(&mut after.family_name, given.family_name);
        put(&mut after.email, given.email);
        put(&mut after.external_id, given.external_id);
        for (name, value) in given.attributes {
            if replace || !after.attributes.contains_key(&name) {
                after.attributes.insert(name, value);
            }
        }
        if !given.roles.is_empty() && (replace || after.roles.is_empty()) {
            after.roles = given.roles;
        }
        if replace {
            for name in row.cleared() {
                after.clear(name);
            }
        }
        (after != *self).then_some(after)
    }

    fn clear(&mut self, name: &str) {
        match name {
            cleared::GIVEN_NAME => self.given_name = None,
            cleared::FAMILY_NAME => self.family_name = None,
            cleared::EMAIL => self.email = None,
            cleared::EXTERNAL_ID => self.external_id = None,
            cleared::ROLES => self.roles.clear(),
            attribute => {
                self.attributes.remove(attribute);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn row<'a>(email: Option<&'a str>, attributes: Option<&'a str>, clear: &'a str) -> NewUser<'a> {
        NewUser {
            position: 0,
            line: 2,
            id: Uuid::nil(),
            key: "kim",
            name: "kim",
            given_name: None,
            family_name: None,
            email,
            external_id: Some("e-1"),
            attributes,
            roles: Some("b\na"),
            cleared: Some(clear).filter(|clear| !clear.is_empty()),
            cells: None,
            password_missing: false,
            own_password: false,
            password_hash: None,
            must_change: false,
        }
    }

    fn stored() -> Profile {
        Profile {
            given_name: Some("Kim".into()),
            email: Some("kim@example.com".into()),
            external_id: Some("e-1".into()),
            attributes: serde_json::from_str(r#"{"country":"FR","title":"Dr"}"#).unwrap(),
            roles: vec!["a".into(), "b".into()],
            ..Profile::default()
        }
    }

    #[test]
    fn update_replaces_given_fields_and_clears_marked_ones() {
        let row = row(
            Some("new@example.com"),
            Some(r#"{"country":"DE"}"#),
            "title\nname.givenName\nexternalId",
        );
        let after = stored().after(&row, ConflictPolicy::Update).unwrap();
        assert_eq!(after.external_id, None);
        assert_eq!(after.email.as_deref(), Some("new@example.com"));
        assert_eq!(after.given_name, None);
        assert_eq!(
            serde_json::to_string(&after.attributes).unwrap(),
            r#"{"country":"DE"}"#
        );
        assert_eq!(after.roles, ["a", "b"]);
    }

    #[test]
    fn fill_sets_only_missing_fields() {
        let row = row(
            Some("new@example.com"),
            Some(r#"{"country":"DE","mobile":"1"}"#),
            "title",
        );
        let after = stored().after(&row, ConflictPolicy::Fill).unwrap();
        assert_eq!(after.email.as_deref(), Some("kim@example.com"));
        assert_eq!(after.attributes["country"], "FR");
        assert_eq!(after.attributes["title"], "Dr");
        assert_eq!(after.attributes["mobile"], "1");
    }

    #[test]
    fn stored_fields_detect_a_row_without_changes() {
        let stored = StoredFields {
            given_name: Some("Kim"),
            family_name: None,
            email: Some("kim@example.com"),
            external_id: Some("e-1"),
            attributes: Some(r#"{"country":"FR"}"#),
        };
        let same = NewUser {
            roles: None,
            ..row(Some("kim@example.com"), Some(r#"{"country":"FR"}"#), "")
        };
        assert!(stored.shows(&same));
        for other in [
            NewUser {
                roles: Some("a"),
                ..same
            },
            NewUser {
                cleared: Some("title"),
                ..same
            },
            NewUser {
                own_password: true,
                ..same
            },
            NewUser {
                given_name: Some("Kym"),
                ..same
            },
            NewUser {
                family_name: Some("Lee"),
                ..same
            },
            NewUser {
                email: Some("k@example.com"),
                ..same
            },
            NewUser {
                external_id: Some("e-2"),
                ..same
            },
            NewUser {
                attributes: Some("{}"),
                ..same
            },
        ] {
            assert!(!stored.shows(&other));
        }
    }

    #[test]
    fn repeating_a_row_changes_nothing() {
        let row = row(Some("kim@example.com"), Some(r#"{"country":"FR"}"#), "");
        for policy in ConflictPolicy::ALL {
            assert_eq!(stored().after(&row, policy), None, "{policy:?}");
        }
    }
}
