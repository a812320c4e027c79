//! Somebody asked for a user: what one row says, borrowed from it, before any rule has spoken.

use std::borrow::Cow;

use crate::passwords::rules::Fitness;
use crate::users::name::UserName;
use crate::users::problem::Problem;

/// What one row asks for. It holds a password in the clear, so it has no debug output.
#[derive(Default)]
pub struct Candidate<'r> {
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// The user name, with or without a domain prefix.
    pub user_name: &'r str,
    /// The password in the clear, or a hash of it; blank or absent means the import's default password.
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
    /// What the row says is to be cleared: attribute names, and those of
    /// [`cleared`](crate::users::merge::cleared).
    pub cleared: Vec<&'r str>,
    /// Role names, as [`role_cell`](crate::users::role_cell) reads them.
    pub roles: Option<&'r str>,
    /// Further role names, a `|` between two.
    pub groups: Option<&'r str>,
    /// The value of a claim that repeats the user name.
    pub user_name_claim: Option<&'r str>,
    /// Name of the column of each part that a rule may refuse.
    pub columns: CandidateColumns<'r>,
    /// Whether the password's column was taken by position, and no heading names it.
    pub by_position: bool,
    /// What was wrong with the cells themselves.
    pub problems: Vec<Problem>,
    /// What was altered or is odd, without harm to the row.
    pub warnings: Vec<Problem>,
}

/// How the file calls the columns that rules speak about.
#[derive(Debug, Clone, Copy)]
pub struct CandidateColumns<'r> {
    /// The user name's.
    pub user_name: &'r str,
    /// The password's.
    pub password: &'r str,
    /// The roles'.
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

/// A candidate that every rule agreed to. Made by [`Policy::check`](crate::users::policy::Policy).
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
    /// What is to be cleared of a user who exists.
    pub cleared: Vec<&'r str>,
    /// Names of roles that exist, as the store spells them, a line feed between two.
    pub roles: Cow<'r, str>,
    /// Where the password comes from.
    pub password: CheckedPassword<'r>,
}

/// Where a checked user's password comes from.
#[derive(Clone, Copy)]
pub enum CheckedPassword<'r> {
    /// The row's own, and what it is fit for.
    Own(&'r str, Fitness),
    /// A hash that was made elsewhere, its form checked; it is stored as it is.
    Hashed(&'r str),
    /// The import's default password.
    Default,
    /// One that is still to be made up.
    Generated,
    /// One that was made up, for a user who does not exist yet.
    MadeUp(&'r str),
    /// There is none, which is a problem only if the user does not exist yet.
    Missing,
    /// There is none until the user sets one, as the row says.
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
