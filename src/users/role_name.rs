//! What can be the name of a role, or of a group, which is a role of a user store.

/// The longest name, in characters.
const MAX: usize = 255;

/// Agrees to a name without its domain.
///
/// # Errors
/// What is wrong, as the rest of a sentence.
pub fn check(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() || name.ends_with('/') {
        Err("it is empty")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_of_visible_text() {
        assert!(check("Sales: north").is_ok());
        for bad in ["", " ", "Internal/", " a", "a\nb", &"x".repeat(256)] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
