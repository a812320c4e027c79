//! A requested user: what one row says, borrowed from the row, before any rule is applied.

use std::borrow::Cow;

use crate::passwords::rules::Fitness;
use crate::users::name::UserName;
use crate::users::problem::Problem;

/// What one row asks for. It contains a plain-text password, so it has no debug output.
#[derive(Default)]
pub struct Candidate<'r> {
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// The user name, with or without a domain prefix.
    pub user_name: &'r str,
    /// The plain-text password, or a hash of it; blank or absent means the import's default
    /// password.
    pub password: Option<&'r str>,
    /// SCIM `name.givenName`.
    pub given_name: Option<&'r str>,
    /// SCIM `name.familyName`.
    pub family_name: Option<&'r str>,
    /// The e-mail address.
    pub email: Option<&'r str>,
    /// SCIM `externalId`.
    pub external_id: Option<&'r str>,
    /// Attribute name and value, in the order of the row.
    pub attributes: Vec<(&'r str, &'r str)>,
    /// What the row clears: attribute names, and the names in
    /// [`cleared`](crate::users::merge::cleared).
    pub cleared: Vec<&'r str>,
    /// Role names, as [`role_cell`](crate::users::role_cell) reads them.
    pub roles: Option<&'r str>,
    /// More role names, separated by `|`.
    pub groups: Option<&'r str>,
    /// The value of a claim that repeats the user name.
    pub user_name_claim: Option<&'r str>,
    /// The column name of each part that a rule may refuse.
    pub columns: CandidateColumns<'r>,
    /// Whether the password column was chosen by position because no heading names it.
    pub by_position: bool,
    /// Problems found in the cells themselves.
    pub problems: Vec<Problem>,
    /// Changes and oddities that do not stop the row.
    pub warnings: Vec<Problem>,
}

/// The file's names of the columns that rules mention.
#[derive(Debug, Clone, Copy)]
pub struct CandidateColumns<'r> {
    /// The user name column.
    pub user_name: &'r str,
    /// The password column.
    pub password: &'r str,
    /// The role column.
    pub roles: &'r str,
}

impl Default for CandidateColumns<'_> {
    fn default() -> Self {
        CandidateColumns {
            user_name: "UserName",
            password: "Password",
            roles: "Claims",
        }
    }
}

/// A candidate that passed every rule. Made by [`Policy::check`](crate::users::policy::Policy).
#[derive(Debug)]
pub struct CheckedUser<'r> {
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// The name and its key.
    pub name: UserName<'r>,
    /// SCIM `name.givenName`.
    pub given_name: Option<&'r str>,
    /// SCIM `name.familyName`.
    pub family_name: Option<&'r str>,
    /// The e-mail address.
    pub email: Option<&'r str>,
    /// SCIM `externalId`.
    pub external_id: Option<&'r str>,
    /// Attribute name and value, each name once.
    pub attributes: Vec<(&'r str, &'r str)>,
    /// What to clear of an existing user.
    pub cleared: Vec<&'r str>,
    /// Names of existing roles in the store's spelling, separated by line feeds.
    pub roles: Cow<'r, str>,
    /// The source of the password.
    pub password: CheckedPassword<'r>,
}

/// The source of a checked user's password.
#[derive(Clone, Copy)]
pub enum CheckedPassword<'r> {
    /// The row's own password, and its fitness.
    Own(&'r str, Fitness),
    /// A hash made by another system, its form checked; it is stored unchanged.
    Hashed(&'r str),
    /// The import's default password.
    Default,
    /// A password still to be generated.
    Generated,
    /// A generated password, used if the user does not exist yet.
    MadeUp(&'r str),
    /// No password, which is a problem only if the user does not exist yet.
    Missing,
    /// No password until the user sets one, as the row requests.
    ToBeSet,
}

impl std::fmt::Debug for CheckedPassword<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CheckedPassword::Own(_, fitness) => write!(f, "Own(…, {fitness:?})"),
            CheckedPassword::Hashed(_) => f.write_str("Hashed(…)"),
            CheckedPassword::Default => f.write_str("Default"),
            CheckedPassword::Generated => f.write_str("Generated"),
            CheckedPassword::MadeUp(_) => f.write_str("MadeUp(…)"),
            CheckedPassword::Missing => f.write_str("Missing"),
            CheckedPassword::ToBeSet => f.write_str("ToBeSet"),
        }
    }
}
