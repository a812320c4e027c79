//! Whether a user may log in, as far as it does not depend on the password: what claims say of it.
//!
//! A user is locked whose `identity/accountLocked` or `identity/accountDisabled` is true, or whose `active`
//! is false. The words are those that files have; they are kept as `true` and `false`.

use serde_json::{Map, Value};

use crate::scim::attribute_names::{ACTIVE, ASK_PASSWORD, DISABLED, LOCKED};

/// Words for true and false, in any case.
const WORDS: [(&str, &str); 6] = [
    ("true", "false"),
    ("yes", "no"),
    ("1", "0"),
    ("on", "off"),
    ("t", "f"),
    ("y", "n"),
];

/// What the word says; none: it is no such word.
pub fn truth(word: &str) -> Option<bool> {
    let word = word.trim();
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    WORDS.iter().find_map(|(yes, no)| match (is(yes), is(no)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    })
}

/// The word that is kept.
pub fn word(truth: bool) -> &'static str {
    match truth {
        true => "true",
        false => "false",
    }
}

/// How the value of an attribute is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As it is.
    Text,
    /// As a truth word where it is one.
    TruthOrText,
    /// As a truth word; another one is a problem, because a user might stay unlocked.
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
    is_blocked(attributes) || said(attributes, ACTIVE) == Some(false)
}

/// SCIM's `active` of a user with these attributes: true where nothing is said; nothing where a client has
/// taken the attribute away, which an empty text says, whatever else keeps the user from logging in.
pub fn shown_active(attributes: &Map<String, Value>) -> Option<bool> {
    let taken_away = attributes.get(ACTIVE).and_then(Value::as_str) == Some("");
    (!taken_away).then(|| !is_locked(attributes))
}

/// Whether there is a claim besides `active` on whether the user may log in, or that one says no.
pub fn says_why(attributes: &Map<String, Value>) -> bool {
    let said = |name| said(attributes, name);
    said(LOCKED).is_some() || said(DISABLED).is_some() || said(ACTIVE) == Some(false)
}

/// Spells the truth words as they are kept.
pub fn settle(attributes: &mut Map<String, Value>) {
    for name in [LOCKED, DISABLED, ASK_PASSWORD] {
        if let Some(truth) = said(attributes, name) {
            attributes.insert(name.to_owned(), word(truth).into());
        }
    }
}

/// Takes away what the claims besides `active` say against logging in.
pub fn unlock(attributes: &mut Map<String, Value>) {
    for name in [LOCKED, DISABLED] {
        if said(attributes, name) == Some(true) {
            attributes.insert(name.to_owned(), word(false).into());
        }
    }
}

fn is_blocked(attributes: &Map<String, Value>) -> bool {
    [LOCKED, DISABLED]
        .iter()
        .any(|name| said(attributes, name) == Some(true))
}

fn said(attributes: &Map<String, Value>, name: &str) -> Option<bool> {
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
    fn truth_words_are_read_in_any_case() {
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
