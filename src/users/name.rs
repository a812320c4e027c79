//! User names: which are valid, and the key under which a name is unique.
//!
//! The key is the name in lower case (RFC 8265 §3.3, UsernameCaseMapped), then NFC, so that `José`
//! in either normalisation form, and `ADMIN` and `admin`, are the same user. It is not case
//! folding: `ß` and `ss` are different names, and so are `ı` and `i`. Lower-casing does not depend
//! on a letter's position, and `ς` counts as `σ` because both have the capital `Σ`: a Greek name in
//! capitals is the same user, whereas RFC 8265 §3.5 would give two. A key is its own key, and names
//! with the same key have the same case folding, which was the key until schema 4 of the store.
//! (The exception: letters of polytonic Greek with U+0345 and another mark, whose case folding
//! depended on the order of the two.)
//!
//! Invisible characters (controls, bidirectional marks, zero-width characters, tags) are refused.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

use crate::caseless::{caseless, lower_ascii, lower_composed};
use crate::pattern::Pattern;

/// The longest user name, in characters.
pub const MAX_CHARACTERS: usize = 255;

/// A user name that passed the rules, with the key under which it is unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName<'a> {
    text: Cow<'a, str>,
    key: Cow<'a, str>,
}

impl<'a> UserName<'a> {
    /// Checks `text` against the built-in rules and the domain's own `pattern`.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn parse(text: &'a str, pattern: Option<&Pattern>) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let name = if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Self::parse_ascii(text)?
        } else {
            Self::parse_unicode(text)?
        };
        match pattern {
            Some(pattern) if !pattern.matches(&name.text) => Err(NameError::Pattern {
                pattern: pattern.as_str().to_owned(),
            }),
            _ => Ok(name),
        }
    }

    /// The same for a name that may contain single blanks between words, as directories push
    /// display names over SCIM.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn parse_words(text: &'a str, pattern: Option<&Pattern>) -> Result<Self, NameError> {
        let words = || text.split(' ');
        let apart = |error| match error {
            NameError::WhiteSpace => NameError::Words,
            other => other,
        };
        if words().count() < 2 {
            return Self::parse(text, pattern).map_err(apart);
        }
        if words().any(str::is_empty) {
            return Err(NameError::Words);
        }
        for word in words() {
            Self::parse(word, None).map_err(apart)?;
        }
        let composed = ComposingNormalizer::new_nfc().normalize(text);
        if composed.chars().count() > MAX_CHARACTERS {
            return Err(NameError::TooLong);
        }
        if let Some(pattern) = pattern.filter(|pattern| !pattern.matches(&composed)) {
            return Err(NameError::Pattern {
                pattern: pattern.as_str().to_owned(),
            });
        }
        let key = Cow::Owned(lookup_key(&composed));
        Ok(UserName {
            text: composed,
            key,
        })
    }

    /// For ASCII letters, digits and punctuation: all are visible, and normalisation does not
    /// change them.
    fn parse_ascii(text: &'a str) -> Result<Self, NameError> {
        if text.len() > MAX_CHARACTERS {
            return Err(NameError::TooLong);
        }
        Ok(UserName {
            text: Cow::Borrowed(text),
            key: lower_ascii(text),
        })
    }

    fn parse_unicode(text: &'a str) -> Result<Self, NameError> {
        for character in text.chars() {
            if is_invisible(character) {
                return Err(NameError::Invisible {
                    code_point: character.into(),
                });
            }
            if character.is_whitespace() {
                return Err(NameError::WhiteSpace);
            }
        }
        let nfc = ComposingNormalizer::new_nfc();
        let composed = nfc.normalize(text);
        if composed.chars().count() > MAX_CHARACTERS {
            return Err(NameError::TooLong);
        }
        let key = lower_composed(&composed);
        Ok(UserName {
            text: composed,
            key: Cow::Owned(key),
        })
    }

    /// The display form of the name, in NFC.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key under which the name is unique within its organization and domain.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Splits a name at the first `/` into the prefix, which names the user's domain, and the name
/// itself.
pub fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((domain, rest)) if !domain.is_empty() => (Some(domain), rest),
        _ => (None, name),
    }
}

/// The key of any text: a user name as typed, or a role name, which may contain blanks.
pub fn lookup_key(text: &str) -> String {
    caseless(text).into_owned()
}

/// The key by which rows are sorted: NFC after full case folding (Unicode §3.13, toCasefold). Names
/// with the same key have the same sorting key; the converse does not hold. Do not change it: an
/// import that stopped in the middle of sorted rows has to find them in the same order again.
pub fn sorting_key(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return lower_ascii(text);
    }
    let nfc = ComposingNormalizer::new_nfc();
    let composed = nfc.normalize(text);
    let folded = CaseMapper::new().fold_string(&composed);
    Cow::Owned(nfc.normalize(&folded).into_owned())
}

fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Why a text is not a valid user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("the user name is empty")]
    Empty,
    /// A blank, a TAB, a line break or another white-space character.
    #[error("the user name contains white space; a user name is one word")]
    WhiteSpace,
    /// White space other than single blanks between words, in a name that may have several words.
    #[error(
        "the words of a user name are separated by single blanks; remove other white space, and \
         any at its beginning or end"
    )]
    Words,
    /// A control, bidirectional, zero-width or other invisible character.
    #[error("the user name contains the invisible character U+{code_point:04X}; remove it")]
    Invisible {
        /// The character's Unicode code point.
        code_point: u32,
    },
    /// More than [`MAX_CHARACTERS`].
    #[error("the user name is longer than {MAX_CHARACTERS} characters")]
    TooLong,
    /// The domain requires names of another form.
    #[error("the user name does not match the pattern of this domain, {pattern}")]
    Pattern {
        /// The domain's regular expression.
        pattern: String,
    },
}

impl NameError {
    /// The problem code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            NameError::Empty => "name-empty",
            NameError::WhiteSpace | NameError::Words => "name-white-space",
            NameError::Invisible { .. } => "name-invisible-character",
            NameError::TooLong => "name-too-long",
            NameError::Pattern { .. } => "name-pattern",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use icu_normalizer::DecomposingNormalizer;

    use super::*;

    fn key(text: &str) -> String {
        UserName::parse(text, None).unwrap().key().to_owned()
    }

    fn refusal(text: &str) -> &'static str {
        UserName::parse(text, None).unwrap_err().code()
    }

    #[test]
    fn case_and_normalisation_form_make_no_difference() {
        assert_eq!(key("Alice"), "alice");
        assert_eq!(key("Jos\u{e9}"), key("jose\u{301}"));
        assert_eq!(key("STRAẞE"), key("Straße"));
        assert_eq!(
            UserName::parse("jose\u{301}", None).unwrap().as_str(),
            "jos\u{e9}"
        );
        assert_ne!(
            key("\u{430}dmin"),
            key("admin"),
            "a Cyrillic a is another letter"
        );
    }

    #[test]
    fn key_is_lower_case_not_case_folding() {
        for (one, other) in [
            ("straße", "strasse"),
            ("ﬁona", "fiona"),
            ("ſam", "sam"),
            ("ışık", "işik"),
            ("İnci", "inci"),
            ("ŉ", "ʼn"),
            ("ᾳ", "αι"),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ΝΙΚΟΣ.ΠΑΠΑΣ", "νικος.παπας"),
            ("νικοσ", "νικος"),
            ("Ǆ", "ǅ"),
            ("K", "k"),
            ("Å", "å"),
            ("Ა", "ა"),
            ("Ꭰ", "ꭰ"),
            ("ᾼ", "ᾳ"),
            ("I\u{307}", "\u{130}"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_eq!(
            lookup_key("ΝΙΚΟΣ"),
            "νικοσ",
            "also in the middle of another text"
        );
    }

    /// Every character that is not its own key or that normalisation changes, alone and followed by
    /// marks. All other characters are their own keys in each form, so that the properties tested
    /// here hold for them anyway.
    fn texts_that_change() -> &'static [String] {
        static TEXTS: OnceLock<Vec<String>> = OnceLock::new();
        const MARKS: [char; 9] = [
            '\u{301}', '\u{307}', '\u{323}', '\u{328}', '\u{300}', '\u{308}', '\u{30c}', '\u{342}',
            '\u{345}',
        ];
        TEXTS.get_or_init(|| {
            let nfd = DecomposingNormalizer::new_nfd();
            let mut texts = Vec::new();
            for character in '\u{80}'..=char::MAX {
                let alone = character.to_string();
                if caseless(&alone) == alone && nfd.is_normalized(&alone) {
                    continue;
                }
                let is_syllable = ('\u{ac00}'..='\u{d7a3}').contains(&character);
                for first in MARKS.into_iter().filter(|_| !is_syllable) {
                    texts.push(format!("{alone}{first}"));
                    texts.extend(
                        MARKS[..4]
                            .iter()
                            .map(|second| format!("{alone}{first}{second}")),
                    );
                }
                texts.push(alone);
            }
            assert!(texts.len() > 100_000, "{}", texts.len());
            texts
        })
    }

    /// This guarantees that recomputing the keys of a store never makes two names collide.
    #[test]
    fn names_with_one_key_have_one_case_folding_in_all_of_unicode() {
        let nfd = DecomposingNormalizer::new_nfd();
        for text in texts_that_change() {
            // Case folding before normalisation distinguished the two orders of U+0345 and
            // another mark.
            if text.chars().count() > 1 && nfd.normalize(text).contains('\u{345}') {
                continue;
            }
            let (key, folded) = (caseless(text), sorting_key(text));
            assert_eq!(sorting_key(&key), folded, "{text:?} {key:?}");
        }
    }

    #[test]
    fn a_key_is_its_own_key_and_that_of_each_normalisation_form_in_all_of_unicode() {
        let (nfd, nfc) = (
            DecomposingNormalizer::new_nfd(),
            ComposingNormalizer::new_nfc(),
        );
        for text in texts_that_change() {
            let key = caseless(text);
            assert_eq!(caseless(&key), key, "{text:?}");
            assert_eq!(caseless(&nfd.normalize(text)), key, "{text:?}");
            assert!(nfc.is_normalized(&key), "{text:?}");
        }
    }

    #[test]
    fn single_blanks_between_words_are_accepted_where_allowed() {
        for (text, key) in [
            ("Kim Jackson", "kim jackson"),
            ("kim", "kim"),
            ("A b C", "a b c"),
            ("Jose\u{301} Núñez", "josé núñez"),
        ] {
            let name = UserName::parse_words(text, None).unwrap();
            assert_eq!(name.key(), key);
            assert_eq!(name.key(), lookup_key(name.as_str()));
        }
        for bad in [
            "",
            " kim",
            "kim ",
            "kim  lee",
            "kim\tlee",
            "kim\u{a0}lee",
            "kim\u{200b} lee",
            " ",
        ] {
            assert!(UserName::parse_words(bad, None).is_err(), "{bad:?}");
        }
        for bad in [
            " kim",
            "kim ",
            "kim  lee",
            "kim\tlee",
            "kim a\tb",
            "kim\u{a0}lee",
            " ",
        ] {
            let refused = UserName::parse_words(bad, None);
            assert_eq!(refused, Err(NameError::Words), "{bad:?}");
        }
        let long = format!("{} b", "a".repeat(MAX_CHARACTERS - 1));
        assert_eq!(UserName::parse_words(&long, None), Err(NameError::TooLong));
        let one_word = Pattern::new("[a-z]+").unwrap();
        assert!(UserName::parse_words("kim lee", Some(&one_word)).is_err());
    }

    #[test]
    fn white_space_and_invisible_characters_are_refused() {
        assert_eq!(refusal("carol, jr"), "name-white-space");
        assert_eq!(refusal("a\u{a0}b"), "name-white-space");
        assert_eq!(refusal("a\u{200b}b"), "name-invisible-character");
        assert_eq!(refusal("\u{202e}evil"), "name-invisible-character");
        assert_eq!(refusal("a\u{7}"), "name-invisible-character");
        assert_eq!(refusal("a\u{e0041}"), "name-invisible-character");
        assert_eq!(refusal(""), "name-empty");
        assert_eq!(refusal(&"x".repeat(256)), "name-too-long");
        assert!(UserName::parse(&"ü".repeat(255), None).is_ok());
    }

    #[test]
    fn a_domain_pattern_matches_the_whole_name() {
        let pattern = Pattern::new("[a-z]{3,30}").unwrap();
        assert!(UserName::parse("alice", Some(&pattern)).is_ok());
        assert_eq!(
            UserName::parse("alice1", Some(&pattern))
                .unwrap_err()
                .code(),
            "name-pattern"
        );
    }
}
