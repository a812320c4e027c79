//! A user as stores return one.

use crate::clock::Moment;
use crate::users::import_id::ImportId;
use serde::Serialize;
use uuid::Uuid;

/// A user as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// UUID version 7.
    pub id: Uuid,
    /// The name as it is shown.
    pub user_name: String,
    /// The user store's name.
    pub domain: String,
    /// The organization.
    pub organization: String,
    /// SCIM `name.givenName`.
    pub given_name: Option<String>,
    /// SCIM `name.familyName`.
    pub family_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The identifier that another system knows the user by (SCIM `externalId`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Everything else, by attribute name.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Whether there is a password to log in with.
    pub has_password: bool,
    /// Whether the password has to be changed at the first login.
    pub must_change_password: bool,
    /// When the user got the password, or was made without one.
    pub password_set_at: Moment,
    /// The import that made the user.
    pub created_by: Option<ImportId>,
    /// When the user was made.
    pub created_at: Moment,
    /// When the user was changed last; none: never. Later than the change before, whatever the clock says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Moment>,
    /// Names of the user's roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl User {
    /// About how many bytes its texts take.
    pub fn size(&self) -> usize {
        let attribute = |(name, value): (&String, &serde_json::Value)| {
            name.len()
                + value
                    .as_str()
                    .map_or(size_of::<serde_json::Value>(), str::len)
        };
        let attributes: usize = self.attributes.iter().map(attribute).sum();
        let texts = [
            &self.given_name,
            &self.family_name,
            &self.email,
            &self.external_id,
        ];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let roles: usize = self.roles.iter().map(String::len).sum();
        self.user_name.len() + attributes + texts + roles
    }
}
