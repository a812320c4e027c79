//! What becomes of one row: its candidate, and what the rules say of it.

use std::borrow::Cow;

use crate::formats::row::TextRow;
use crate::import::cells::trimmed;
use crate::import::columns::{ColumnPlan, RowContent};
use crate::users::candidate::{Candidate, CheckedUser};
use crate::users::policy::Policy;
use crate::users::problem::{Problem, Severity};

/// What a row comes to.
#[derive(Debug)]
pub enum Judged<'r> {
    /// A user to whom every rule agreed.
    User(CheckedUser<'r>),
    /// No user, for this reason, and that is as it should be.
    Skipped(Problem),
    /// No user: the row says nothing.
    Nothing,
    /// No user, because of these problems; there is at least one.
    Rejected(Vec<Problem>),
}

/// Judges a row of a file. Warnings are added to `warnings`.
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
            "the line is drawn with dashes and was not read as a row",
        )),
        Ok(RowContent::Separator) => Judged::Skipped(Problem::new(
            Severity::Warning,
            row.line(),
            None,
            "separator-line-skipped",
            "the line says what stands between columns (`sep=`) and was not read as a row",
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

/// Judges a candidate. Warnings are added to `warnings`.
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
            "the row has no user name; give it one, or empty the row",
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
