//! Whether a user may log in, as far as claims (not the password) decide it.
//!
//! A user is locked if `identity/accountLocked` or `identity/accountDisabled` is true, or if
//! `active` is false. Files may use several words for true and false; the store keeps `true` and
//! `false`.

use serde_json::{Map, Value};

use crate::scim::attribute_names::{ACTIVE, ASK_PASSWORD, DISABLED, LOCKED};

/// Accepted words for true and false, in any case.
const WORDS: [(&str, &str); 6] = [
    ("true", "false"),
    ("yes", "no"),
    ("1", "0"),
    ("on", "off"),
    ("t", "f"),
    ("y", "n"),
];

/// Parses a word for true or false; none if the word is neither.
pub fn truth(word: &str) -> Option<bool> {
    let word = word.trim();
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    WORDS.iter().find_map(|(yes, no)| match (is(yes), is(no)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    })
}

/// The word that is stored.
pub fn word(truth: bool) -> &'static str {
    match truth {
        true => "true",
        false => "false",
    }
}

/// How the value of an attribute is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Unchanged.
    Text,
    /// As a boolean word if it is one, otherwise unchanged.
    TruthOrText,
    /// As a boolean word; any other value is a problem, because a user might stay unlocked.
    Truth,
}

/// How the value of the attribute `name` is read.
pub fn reading(name: &str) -> Reading {
    match name.as_bytes() {
        [b'i', ..] if [LOCKED, DISABLED, ASK_PASSWORD].contains(&name) => Reading::Truth,
        [b'a', ..] if name == ACTIVE => Reading::TruthOrText,
        _ => Reading::Text,
    }
}

/// Whether a user with these attributes cannot log in, whatever the password.
pub fn is_locked(attributes: &Map<String, Value>) -> bool {
    is_blocked(attributes) || flag(attributes, ACTIVE) == Some(false)
}

/// SCIM's `active` for a user with these attributes: true if no claim says otherwise; none if a
/// client removed the attribute (stored as an empty text), whatever other claims keep the user from
/// logging in.
pub fn shown_active(attributes: &Map<String, Value>) -> Option<bool> {
    let taken_away = attributes.get(ACTIVE).and_then(Value::as_str) == Some("");
    (!taken_away).then(|| !is_locked(attributes))
}

/// Whether a claim other than `active` says whether the user may log in, or `active` is false.
pub fn has_login_claim(attributes: &Map<String, Value>) -> bool {
    let flag = |name| flag(attributes, name);
    flag(LOCKED).is_some() || flag(DISABLED).is_some() || flag(ACTIVE) == Some(false)
}

/// Replaces boolean words with the stored form.
pub fn normalize_words(attributes: &mut Map<String, Value>) {
    for name in [LOCKED, DISABLED, ASK_PASSWORD] {
        if let Some(truth) = flag(attributes, name) {
            attributes.insert(name.to_owned(), word(truth).into());
        }
    }
}

/// Removes the claims other than `active` that keep the user from logging in.
pub fn unlock(attributes: &mut Map<String, Value>) {
    for name in [LOCKED, DISABLED] {
        if flag(attributes, name) == Some(true) {
            attributes.insert(name.to_owned(), word(false).into());
        }
    }
}

fn is_blocked(attributes: &Map<String, Value>) -> bool {
    [LOCKED, DISABLED]
        .iter()
        .any(|name| flag(attributes, name) == Some(true))
}

fn flag(attributes: &Map<String, Value>, name: &str) -> Option<bool> {
    attributes.get(name).and_then(Value::as_str).and_then(truth)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn boolean_words_are_read_in_any_case() {
        for yes in ["true", "TRUE", " Yes ", "1", "On", "y", "T"] {
            assert_eq!(truth(yes), Some(true), "{yes}");
        }
        for no in ["false", "No", "0", "OFF", "n", "F"] {
            assert_eq!(truth(no), Some(false), "{no}");
        }
        for other in ["", "2", "maybe", "locked", "tru", "wahr", "10"] {
            assert_eq!(truth(other), None, "{other}");
        }
    }

    #[test]
    fn a_user_who_is_locked_or_disabled_or_not_active_is_locked() {
        for (value, locked) in [
            (json!({}), false),
            (json!({ "active": "true" }), false),
            (json!({ "active": "" }), false),
            (json!({ "active": "x" }), false),
            (json!({ "active": "False" }), true),
            (json!({ "active": "no" }), true),
            (json!({ LOCKED: "true" }), true),
            (json!({ LOCKED: "YES", "active": "true" }), true),
            (json!({ LOCKED: "false", DISABLED: "1" }), true),
            (json!({ LOCKED: "false", DISABLED: "maybe" }), false),
        ] {
            assert_eq!(is_locked(&attributes(value.clone())), locked, "{value}");
        }
    }

    #[test]
    fn active_is_shown_unless_it_was_taken_away() {
        let shown = |value| shown_active(&attributes(value));
        assert_eq!(shown(json!({})), Some(true));
        assert_eq!(shown(json!({ "active": "" })), None);
        assert_eq!(shown(json!({ "active": "", LOCKED: "true" })), None);
        assert_eq!(shown(json!({ LOCKED: "true" })), Some(false));
        let mut locked = attributes(json!({ LOCKED: "true", DISABLED: "no", "x": "true" }));
        unlock(&mut locked);
        assert_eq!(
            locked,
            attributes(json!({ LOCKED: "false", DISABLED: "no", "x": "true" }))
        );
    }
}
