//! Problems of single rows: they are reported while the import continues.

use std::borrow::Cow;

use serde::Serialize;

use crate::quoted;
use crate::users::import_id::ImportId;
use crate::words::parsed_words;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The row was not stored.
    Failed,
    /// The row's user already exists; nothing was changed.
    Duplicate,
    /// The row was stored, or there was nothing to store, but someone should check it.
    Warning,
}

parsed_words!(Severity {
    Failed => "failed",
    Duplicate => "duplicate",
    Warning => "warning",
});

/// One finding about one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Line of the file where the row begins, from 1; 0 if the finding concerns the whole file.
    pub line: u64,
    /// Name of the column, as in the file or the documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<Cow<'static, str>>,
    /// Its severity.
    pub severity: Severity,
    /// A stable code for programs, such as `name-white-space`.
    pub code: Cow<'static, str>,
    /// A message that says what to do; never contains a password.
    pub message: String,
    /// The user name, as in the row.
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

    /// The approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        let column = match &self.column {
            Some(Cow::Owned(column)) => column.len(),
            Some(Cow::Borrowed(_)) | None => 0,
        };
        let name = self.user_name.as_ref().map_or(0, String::len);
        size_of::<Problem>() + self.message.len() + column + name
    }

    /// The same finding with the user name, truncated so that it cannot contain the rest of the
    /// row.
    #[must_use]
    pub fn about(mut self, user_name: &str) -> Self {
        self.user_name = Some(quoted::name(user_name));
        self
    }

    /// The finding for a row whose user exists, if that counts as a failure.
    pub fn exists(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Failed,
            line,
            Cow::Borrowed("userName"),
            "user-exists",
            "the user already exists, which counts as a failure in this import",
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

    /// The finding for a row with a password that the caller may not set for this existing user. It
    /// reveals nothing about the user's current password.
    pub fn password_not_allowed(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Warning,
            line,
            Cow::Borrowed("password"),
            PASSWORD_NOT_ALLOWED,
            "the user exists, and only an operator with the role admin may set the password of \
             an existing user; the password was not changed, and the other cells of the row were \
             applied",
        )
        .about(user_name)
    }

    /// The finding for a row that would remove the role `admin` from its user although the caller
    /// may not do so.
    pub fn admin_role_kept(line: u64, user_name: &str) -> Self {
        Problem::new(
            Severity::Failed,
            line,
            Cow::Borrowed("roles"),
            "role-not-yours-to-take",
            "the user has the role admin, and only an operator with the role admin may remove \
             it; add admin to the roles of the row, or leave the cell empty",
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

/// The number of warnings among the findings.
pub fn warnings(findings: &[Problem]) -> u64 {
    let is_warning = |finding: &&Problem| finding.severity == Severity::Warning;
    findings.iter().filter(is_warning).count() as u64
}

/// The code of a row whose user would have no password.
pub const PASSWORD_MISSING: &str = "password-missing";

/// The code for a row with a password that the caller may not set for this existing user.
pub const PASSWORD_NOT_ALLOWED: &str = "password-not-allowed";

/// The message for a row whose user would have no password.
pub const NO_PASSWORD: &str =
    "the row has no password and the import has no default password; provide one of them";

/// The row that created the existing user of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The import, if an import created the user.
    pub import: Option<ImportId>,
    /// The line in that import's file.
    pub line: Option<u64>,
}

/// A column's name in a report, borrowed if it is one of the known names.
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
    fn duplicate_names_the_row_that_created_the_user() {
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
    fn whole_line_given_as_a_name_is_truncated() {
        let found = |name: &str| {
            let problem = Problem::new(Severity::Failed, 2, None, "x", "y");
            problem.about(name).user_name.unwrap()
        };
        assert_eq!(found("kim"), "kim");
        assert_eq!(found("kim;Meadow-Lark-7;SE"), "kim…");
        assert_eq!(found(&"é".repeat(200)).chars().count(), 65);
    }
}
