//! Organizations, which own users, roles, imports and audit entries; and the port that stores them.

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
    /// The name as given; it is part of every key of the organization's data.
    pub name: String,
    /// The time of creation.
    pub created_at: Moment,
}

/// Why a text is not a valid name of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an organization's name has 1 to {MAX_CHARACTERS} characters: ASCII letters, digits, and . _ \
     -, and not only . _ -"
)]
pub struct OrganizationNameError;

/// Checks that `text` is a valid name. It contains no `@`, which callers write before it, and is
/// not `..`, so that it can be part of a path.
///
/// # Errors
/// The name is not valid.
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

/// The key under which a name is unique: names are case-insensitive.
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// What an organization still contains; anything here prevents its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Belongings {
    /// Users.
    pub users: u64,
    /// Imports that are running or queued.
    pub imports: u64,
    /// Operators of this organization only.
    pub operators: u64,
    /// Tokens for this organization only.
    pub tokens: u64,
}

impl Belongings {
    /// Whether the organization contains nothing.
    pub fn is_empty(&self) -> bool {
        *self == Belongings::default()
    }

    /// A list such as `3 users, 1 token`.
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

/// The result of removing an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationRemoved {
    /// Removed, with its roles, its imports and their reports, and its audit entries.
    Removed,
    /// There is no organization of that name.
    Unknown,
    /// The default organization cannot be removed.
    TheDefault,
    /// It is not empty; nothing was changed.
    HasStill(Belongings),
}

/// Stores organizations; [`DEFAULT_ORGANIZATION`] always exists. Nothing can be written into an
/// organization that does not exist.
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

    /// Adds an organization with the built-in roles; false if the name is taken.
    ///
    /// # Errors
    /// The store failed.
    fn add_organization(&self, organization: &Organization, by: &Actor)
    -> Result<bool, StoreError>;

    /// Removes an organization if it has no users, unfinished imports, operators and tokens.
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

/// The spelling used in keys of the organization called `name`; none if there is no such
/// organization. [`DEFAULT_ORGANIZATION`] needs no query.
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

/// The first tenant of WSO2 Identity Server; in paths it means [`DEFAULT_ORGANIZATION`].
const SUPER_TENANT: &str = "carbon.super";

/// The same for a name in a path of WSO2 Identity Server, where `carbon.super` means
/// [`DEFAULT_ORGANIZATION`] unless there is an organization of that name.
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

/// Every name that refers to this organization in a path of WSO2 Identity Server, in any case.
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

/// A write into an organization that does not exist, or no longer exists.
#[derive(Debug, thiserror::Error)]
#[error("there is no organization {0}; run `muster organization list` to see which there are")]
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
