//! What can be the name of a role, or of a group, which is a role of a user store.

use std::borrow::Cow;

/// Prefixes of the names of roles that belong to no user store (WSO2's hybrid roles).
const HYBRID: [&str; 3] = ["Internal/", "Application/", "Workflow/"];

/// The prefix of a role that belongs to no user store, as it is spelled; it is taken in any case.
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

/// The name with the prefix of a role that belongs to no user store as it is spelled.
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

/// Agrees to a name without its domain.
///
/// # Errors
/// What is wrong, as the rest of a sentence.
pub fn check(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        Err("it is empty")
    } else if name.ends_with('/') {
        Err("it ends with /, and what follows a / is a name")
    } else if name.trim() != name {
        Err("it begins or ends with white space")
    } else if name.chars().any(char::is_control) {
        Err("it holds a control character")
    } else if name.chars().count() > MAX {
        Err("it is longer than 255 characters")
    } else {
        Ok(())
    }
}

/// Stands between the roles of a [`CheckedUser`]; no role's name holds one.
pub const ROLE_SEPARATOR: char = '\n';

/// The role that every user has without being given it.
pub const EVERYONE_ROLE: &str = "Internal/everyone";

/// The role whose holders administer the user store.
pub const ADMIN_ROLE: &str = "admin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_no_user_store_have_their_prefix_in_any_case() {
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
