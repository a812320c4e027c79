//! What becomes of one row: its candidate, and what the rules say of it.

use crate::formats::row::TextRow;
use crate::import::columns::ColumnPlan;
use crate::users::candidate::{Candidate, CheckedUser};
use crate::users::policy::Policy;
use crate::users::problem::Problem;

/// What a row comes to.
#[derive(Debug)]
pub enum Judged<'r> {
    /// A user to whom every rule agreed.
    User(CheckedUser<'r>),
    /// Nobody: there is no user name.
    Nobody,
    /// Nobody, because of these problems; there is at least one.
    Rejected(Vec<Problem>),
}

/// Judges a row of a file. Warnings are added to `warnings`.
pub fn judge_row<'r>(
    row: &TextRow<'r>,
    plan: &'r ColumnPlan<'_>,
    policy: &Policy<'_>,
    warnings: &mut Vec<Problem>,
) -> Judged<'r> {
    match plan.candidate(row) {
        Ok(candidate) => judge(candidate, policy, warnings),
        Err(problem) => Judged::Rejected(vec![problem]),
    }
}

/// Judges a candidate. Warnings are added to `warnings`.
pub fn judge<'r>(
    candidate: Candidate<'r>,
    policy: &Policy<'_>,
    warnings: &mut Vec<Problem>,
) -> Judged<'r> {
    if candidate.user_name.chars().all(char::is_whitespace) {
        return Judged::Nobody;
    }
    match policy.check(candidate, warnings) {
        Ok(user) => Judged::User(user),
        Err(problems) => Judged::Rejected(problems),
    }
}
