//! Turns one row into a checked user, a skipped row or problems.

use std::borrow::Cow;

use crate::formats::row::TextRow;
use crate::import::cells::trimmed;
use crate::import::columns::{ColumnPlan, RowContent};
use crate::users::candidate::{Candidate, CheckedUser};
use crate::users::policy::Policy;
use crate::users::problem::{Problem, Severity};

/// The result for one row.
#[derive(Debug)]
pub enum Judged<'r> {
    /// A user who passed every rule.
    User(CheckedUser<'r>),
    /// Not a user, for this reason; this is not an error.
    Skipped(Problem),
    /// A blank row.
    Nothing,
    /// Rejected because of these problems; there is at least one.
    Rejected(Vec<Problem>),
}

/// Judges a row of a file, and adds warnings to `warnings`.
pub fn judge_row<'r>(
    row: &TextRow<'r>,
    plan: &'r ColumnPlan<'_>,
    policy: &Policy<'_>,
    warnings: &mut Vec<Problem>,
) -> Judged<'r> {
    match plan.read(row) {
        Ok(RowContent::User(candidate)) => judge(candidate, policy, warnings),
        Ok(RowContent::Header) => Judged::Skipped(Problem::new(
            Severity::Warning,
            row.line(),
            None,
            "header-repeated",
            "the row repeats the header line and was skipped",
        )),
        Ok(RowContent::Ruled) => Judged::Skipped(Problem::new(
            Severity::Warning,
            row.line(),
            None,
            "ruled-line-skipped",
            "the line consists of dashes and was not read as a row",
        )),
        Ok(RowContent::Separator) => Judged::Skipped(Problem::new(
            Severity::Warning,
            row.line(),
            None,
            "separator-line-skipped",
            "the line names the delimiter (`sep=`) and was not read as a row",
        )),
        Ok(RowContent::Example) => Judged::Skipped(Problem::new(
            Severity::Warning,
            row.line(),
            None,
            "example-skipped",
            "the row is the example of the template and was skipped",
        )),
        Ok(RowContent::Nothing) => Judged::Nothing,
        Err(problem) => Judged::Rejected(vec![problem]),
    }
}

/// Judges a candidate, and adds warnings to `warnings`.
pub fn judge<'r>(
    mut candidate: Candidate<'r>,
    policy: &Policy<'_>,
    warnings: &mut Vec<Problem>,
) -> Judged<'r> {
    if trimmed(candidate.user_name).is_empty() {
        let column = Cow::Owned(candidate.columns.user_name.to_owned());
        let mut problems = vec![Problem::new(
            Severity::Failed,
            candidate.line,
            column,
            "name-missing",
            "the row has no user name; add one, or clear the row",
        )];
        problems.append(&mut candidate.problems);
        return Judged::Rejected(problems);
    }
    if !candidate.warnings.is_empty() {
        let about = candidate.user_name;
        let found = candidate.warnings.drain(..);
        warnings.extend(found.map(|warning| warning.about(about)));
    }
    match policy.check(candidate, warnings) {
        Ok(user) => Judged::User(user),
        Err(problems) => Judged::Rejected(problems),
    }
}
