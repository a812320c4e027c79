//! Names of roles, and of groups, which are the roles of a user store.

use std::borrow::Cow;

/// Name prefixes of roles without a user store (WSO2's hybrid roles).
const HYBRID: [&str; 3] = ["Internal/", "Application/", "Workflow/"];

/// The canonical spelling of the prefix of a role without a user store; the prefix is
/// case-insensitive.
fn hybrid_prefix(name: &str) -> Option<&'static str> {
    let begins = |prefix: &&str| {
        let start = name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    HYBRID.into_iter().find(begins)
}

/// Whether the role belongs to no user store.
pub fn is_hybrid(name: &str) -> bool {
    hybrid_prefix(name).is_some()
}

/// The name with the canonical spelling of its hybrid prefix, if it has one.
pub fn spelled(name: &str) -> Cow<'_, str> {
    match hybrid_prefix(name) {
        Some(prefix) if !name.starts_with(prefix) => {
            let bare = name.get(prefix.len()..).unwrap_or_default();
            Cow::Owned(format!("{prefix}{bare}"))
        }
        _ => Cow::Borrowed(name),
    }
}

/// The longest name, in characters.
const MAX: usize = 255;

/// Checks a name without its domain.
///
/// # Errors
/// The problem, as the end of a sentence.
pub fn check(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        Err("it is empty")
    } else if name.ends_with('/') {
        Err("it ends with /, and a name must follow a /")
    } else if name.trim() != name {
        Err("it begins or ends with white space")
    } else if name.chars().any(char::is_control) {
        Err("it contains a control character")
    } else if name.chars().count() > MAX {
        Err("it is longer than 255 characters")
    } else {
        Ok(())
    }
}

/// Separates the roles of a [`CheckedUser`](crate::users::candidate::CheckedUser); no role name contains it.
pub const ROLE_SEPARATOR: char = '\n';

/// The role that every user has implicitly.
pub const EVERYONE_ROLE: &str = "Internal/everyone";

/// The role of user store administrators.
pub const ADMIN_ROLE: &str = "admin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_of_hybrid_roles_is_case_insensitive() {
        for (name, as_spelled) in [
            ("internal/everyone", "Internal/everyone"),
            ("INTERNAL/Everyone", "Internal/Everyone"),
            ("application/Shop", "Application/Shop"),
            ("WorkFlow/a/b", "Workflow/a/b"),
        ] {
            assert!(is_hybrid(name));
            assert_eq!(spelled(name), as_spelled);
        }
        for name in [
            "Internals/x",
            "internal",
            "PRIMARY/Internal/x",
            "ınternal/x",
        ] {
            assert!(!is_hybrid(name));
            assert_eq!(spelled(name), name);
        }
    }

    #[test]
    fn names_are_one_line_of_visible_text() {
        assert!(check("Sales: north").is_ok());
        for bad in ["", " ", "Internal/", " a", "a\nb", &"x".repeat(256)] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
