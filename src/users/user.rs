//! A user as returned by a store.

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::import_id::ImportId;

/// A stored user.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// UUID version 7.
    pub id: Uuid,
    /// The display form of the name.
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
    /// The user's identifier in another system (SCIM `externalId`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Everything else, by attribute name.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Whether the user has a password.
    pub has_password: bool,
    /// Whether the password has to be changed at the first login.
    pub must_change_password: bool,
    /// When the password was set, or when the user was created without one.
    pub password_set_at: Moment,
    /// The import that created the user.
    pub created_by: Option<ImportId>,
    /// The time of creation.
    pub created_at: Moment,
    /// The time of the last change; none: never. Later than that of the previous change, regardless
    /// of the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Moment>,
    /// Names of the user's roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl User {
    /// The approximate size of its texts, in bytes.
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
