//! Organizations: whose users, roles, imports and audit something is; and the port that keeps them.

use serde::Serialize;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::store_error::StoreError;

/// The longest name, in characters.
const MAX_CHARACTERS: usize = 64;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// The name as it was given; it stands in every key of what the organization has.
    pub name: String,
    /// When it was made.
    pub created_at: Moment,
}

/// Why a text cannot name an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an organization's name has 1 to {MAX_CHARACTERS} characters: letters of ASCII, digits, and . _ -, and \
     not these three alone"
)]
pub struct OrganizationNameError;

/// Whether `text` can name an organization. It has no `@`, behind which callers write it, and is no `..`,
/// so that it can stand in a path.
///
/// # Errors
/// It cannot.
pub fn check_name(text: &str) -> Result<(), OrganizationNameError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let good = (1..=MAX_CHARACTERS).contains(&text.len())
        && text.bytes().all(allowed)
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric());
    match good {
        true => Ok(()),
        false => Err(OrganizationNameError),
    }
}

/// The key that a name is unique under: names are the same in any case.
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// What an organization still has, and that keeps it from being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Belongings {
    /// Users.
    pub users: u64,
    /// Imports that run or wait for their turn.
    pub imports: u64,
    /// Operators of this organization alone.
    pub operators: u64,
    /// Tokens for this organization alone.
    pub tokens: u64,
}

impl Belongings {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        *self == Belongings::default()
    }

    /// `3 users, 1 token`.
    pub fn sentence(&self) -> String {
        let counted = [
            (self.users, "user", "users"),
            (
                self.imports,
                "import under way or waiting",
                "imports under way or waiting",
            ),
            (self.operators, "operator", "operators"),
            (self.tokens, "token", "tokens"),
        ];
        let some = counted.iter().filter(|(count, _, _)| *count > 0);
        let words = some.map(|(count, one, many)| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {many}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// What became of a wish to remove an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationRemoved {
    /// It is gone, with its roles, its imports and their reports, and its audit.
    Removed,
    /// There is none of that name.
    Unknown,
    /// The one that always is there.
    TheDefault,
    /// It is not empty; nothing was changed.
    HasStill(Belongings),
}

/// Keeps organizations; [`DEFAULT_ORGANIZATION`] is always one of them. Nothing can be written into one
/// that is not there.
pub trait OrganizationStore: Send + Sync {
    /// The organization called `name`, in any case.
    ///
    /// # Errors
    /// The store failed.
    fn organization(&self, name: &str) -> Result<Option<Organization>, StoreError>;

    /// All organizations, by name.
    ///
    /// # Errors
    /// The store failed.
    fn organizations(&self) -> Result<Vec<Organization>, StoreError>;

    /// Adds an organization with the roles that every one has; false when the name is taken.
    ///
    /// # Errors
    /// The store failed.
    fn add_organization(&self, organization: &Organization, by: &Actor)
    -> Result<bool, StoreError>;

    /// Removes an organization that has no users, imports under way, operators and tokens.
    ///
    /// # Errors
    /// The store failed.
    fn remove_organization(
        &self,
        name: &str,
        by: &Actor,
        at: Moment,
    ) -> Result<OrganizationRemoved, StoreError>;
}

/// The name of the organization that `name` means, as it is spelt in keys; none when there is no such
/// one. For [`DEFAULT_ORGANIZATION`] nobody is asked.
///
/// # Errors
/// The store failed.
pub fn canonical<S: OrganizationStore + ?Sized>(
    store: &S,
    name: &str,
) -> Result<Option<String>, StoreError> {
    if name.eq_ignore_ascii_case(DEFAULT_ORGANIZATION) {
        return Ok(Some(DEFAULT_ORGANIZATION.to_owned()));
    }
    Ok(store.organization(name)?.map(|found| found.name))
}

/// The tenant that WSO2 Identity Server begins with; in paths it means [`DEFAULT_ORGANIZATION`].
const SUPER_TENANT: &str = "carbon.super";

/// The same of a name in a path of WSO2 Identity Server, where `carbon.super` means [`DEFAULT_ORGANIZATION`] unless
/// there is an organization of that name.
///
/// # Errors
/// The store failed.
pub fn canonical_in_path<S: OrganizationStore + ?Sized>(
    store: &S,
    name: &str,
) -> Result<Option<String>, StoreError> {
    match canonical(store, name)? {
        None if name.eq_ignore_ascii_case(SUPER_TENANT) => Ok(Some(DEFAULT_ORGANIZATION.into())),
        found => Ok(found),
    }
}

/// Every name under which a path of WSO2 Identity Server leads to this organization, each in any case.
///
/// # Errors
/// The store failed.
pub fn names_in_path<S: OrganizationStore + ?Sized>(
    store: &S,
    organization: &str,
) -> Result<Vec<String>, StoreError> {
    let mut names = vec![organization.to_owned()];
    if canonical_in_path(store, SUPER_TENANT)?.as_deref() == Some(organization) {
        names.push(SUPER_TENANT.to_owned());
    }
    Ok(names)
}

/// Somebody writes into an organization that is not there, or no longer.
#[derive(Debug, thiserror::Error)]
#[error("there is no organization {0}; `muster organization list` says which there are")]
pub struct NoSuchOrganization(pub String);

impl From<NoSuchOrganization> for StoreError {
    fn from(error: NoSuchOrganization) -> Self {
        StoreError::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "Acme", "acme-2.north_east", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "..",
            "-",
            "a@b",
            "a b",
            "a/b",
            "å",
            "a\n",
            &"x".repeat(65),
        ] {
            assert_eq!(check_name(bad), Err(OrganizationNameError), "{bad:?}");
        }
        assert_eq!(key("AcMe"), "acme");
    }

    #[test]
    fn belongings_are_counted_in_words() {
        let some = Belongings {
            users: 3,
            tokens: 1,
            ..Belongings::default()
        };
        assert_eq!(some.sentence(), "3 users, 1 token");
        assert!(!some.is_empty() && Belongings::default().is_empty());
    }
}
