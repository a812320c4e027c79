//! What can be wrong with one row: told in the report, while the import goes on.

use std::borrow::Cow;

use serde::Serialize;

use crate::quoted;
use crate::users::import_id::ImportId;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The row was not stored.
    Failed,
    /// The row's user exists already; nothing was changed.
    Duplicate,
    /// The row was stored, or there was nothing to store; somebody should have a look all the same.
    Warning,
}

impl Severity {
    /// The word used in reports and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Failed => "failed",
            Severity::Duplicate => "duplicate",
            Severity::Warning => "warning",
        }
    }

    /// The severity that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Severity::Failed, Severity::Duplicate, Severity::Warning]
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }
}

/// One finding about one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Line of the file where the row begins, from 1; 0 when the finding is about the whole file.
    pub line: u64,
    /// Name of the column, as the file or the documentation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<Cow<'static, str>>,
    /// How much it weighs.
    pub severity: Severity,
    /// Stable word for programs, such as `name-white-space`.
    pub code: Cow<'static, str>,
    /// A sentence that somebody can act on; never a password.
    pub message: String,
    /// The user name as the row has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

impl Problem {
    /// A finding about the row that begins at `line`.
    pub fn new(
        severity: Severity,
        line: u64,
        column: impl Into<Option<Cow<'static, str>>>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Problem {
            line,
            column: column.into().map(heading),
            severity,
            code: code.into(),
            message: message.into(),
            user_name: None,
        }
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        let column = match &self.column {
            Some(Cow::Owned(column)) => column.len(),
            Some(Cow::Borrowed(_)) | None => 0,
        };
        let name = self.user_name.as_ref().map_or(0, String::len);
        size_of::<Problem>() + self.message.len() + column + name
    }

    /// The same, with the name of the user it is about, cut so that nothing of the row comes along.
    #[must_use]
    pub fn about(mut self, user_name: &str) -> Self {
        self.user_name = Some(quoted::name(user_name));
        self
    }

    /// The finding for a row whose user exists, where that is a failure.
    pub fn exists(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Failed,
            line,
            Cow::Borrowed("userName"),
            "user-exists",
            "the user exists already, and the import was told to take that for a failure",
        )
        .about(user_name)
    }

    /// The finding for a row whose user would have no password.
    pub fn no_password(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Failed,
            line,
            Cow::Borrowed("password"),
            PASSWORD_MISSING,
            NO_PASSWORD,
        )
        .about(user_name)
    }

    /// The finding for a row whose user exists and whose password the caller may not set. It says nothing of
    /// the password that the user has.
    pub fn password_not_allowed(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Warning,
            line,
            Cow::Borrowed("password"),
            PASSWORD_NOT_ALLOWED,
            "the user exists, and only an operator with the role admin may set the password of an existing \
             user; the password was left as it is, and the other cells of the row were applied",
        )
        .about(user_name)
    }

    /// The finding for a row that would take the role `admin` from its user, where the caller may not.
    pub fn admin_role_kept(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Failed,
            line,
            Cow::Borrowed("roles"),
            "role-not-yours-to-take",
            "the user has the role admin, and only an operator with the role admin may take it away; add admin \
             to the roles of the row, or leave the cell empty",
        )
        .about(user_name)
    }

    /// The finding for a row whose name is taken.
    pub fn duplicate(line: u64, user_name: &str, owner: &Owner, import: ImportId) -> Self {
        let (code, message) = match (owner.import, owner.line) {
            (Some(id), Some(first)) if id == import => (
                "duplicate-in-file",
                format!(
                    "the user is already in this file, in line {first}; the first row was kept"
                ),
            ),
            (Some(id), Some(first)) => (
                "duplicate-in-store",
                format!(
                    "the user exists already (line {first} of import {id}); nothing was changed"
                ),
            ),
            (Some(id), None) => (
                "duplicate-in-store",
                format!("the user exists already (made by import {id}); nothing was changed"),
            ),
            (None, _) => (
                "duplicate-in-store",
                "the user exists already; nothing was changed".into(),
            ),
        };
        Problem::new(
            Severity::Duplicate,
            line,
            Cow::Borrowed("userName"),
            code,
            message,
        )
        .about(user_name)
    }
}

/// How many of the findings are warnings.
pub fn warnings(findings: &[Problem]) -> u64 {
    let is_warning = |finding: &&Problem| finding.severity == Severity::Warning;
    findings.iter().filter(is_warning).count() as u64
}

/// The code of a row whose user would have no password.
pub const PASSWORD_MISSING: &str = "password-missing";

/// The code of a row whose user exists and whose password the caller may not set.
pub const PASSWORD_NOT_ALLOWED: &str = "password-not-allowed";

/// The sentence of a row whose user would have no password.
pub const NO_PASSWORD: &str =
    "the row has no password and the import has no default password; give one of them";

/// Which row made the user that already has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The import, when the user came by one.
    pub import: Option<ImportId>,
    /// Its line in that import's file.
    pub line: Option<u64>,
}

/// A column's name as it stands in a report: most are names that are known here.
fn heading(column: Cow<'static, str>) -> Cow<'static, str> {
    match column {
        Cow::Borrowed(_) => column,
        Cow::Owned(name) => Cow::Owned(quoted::heading(&name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_duplicate_says_where_the_first_one_came_from() {
        let (this, other) = (ImportId(Uuid::from_u128(1)), ImportId(Uuid::from_u128(2)));
        let in_file = Owner {
            import: Some(this),
            line: Some(3),
        };
        let found = Problem::duplicate(9, "alice", &in_file, this);
        assert_eq!((found.line, found.code.as_ref()), (9, "duplicate-in-file"));
        assert_eq!(
            found.message,
            "the user is already in this file, in line 3; the first row was kept"
        );
        assert_eq!(
            Problem::duplicate(9, "alice", &in_file, other).code,
            "duplicate-in-store"
        );
    }

    #[test]
    fn a_line_in_the_place_of_a_name_is_cut() {
        let found = |name: &str| {
            let problem = Problem::new(Severity::Failed, 2, None, "x", "y");
            problem.about(name).user_name.unwrap()
        };
        assert_eq!(found("kim"), "kim");
        assert_eq!(found("kim;Meadow-Lark-7;SE"), "kim…");
        assert_eq!(found(&"é".repeat(200)).chars().count(), 65);
    }
}
