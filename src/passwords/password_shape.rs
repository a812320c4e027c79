//! What may be shown of a password: its length and its kind.

use std::fmt;

use crate::passwords::hash_schemes::digest_form::is_bare_digest;
use crate::passwords::hash_schemes::{self, Recognised};
use crate::passwords::password_masks::is_mask;

/// The length and the kind of a password, or the scheme of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordShape {
    /// No text, or only white space.
    Empty,
    /// A plain text.
    Plain {
        /// Its characters.
        characters: usize,
        /// Whether some are letters.
        letters: bool,
        /// Whether some are digits.
        digits: bool,
        /// Whether some are white space.
        spaces: bool,
        /// Whether some are none of these.
        signs: bool,
    },
    /// A hash of this scheme.
    Hash(&'static str),
    /// A hash of an unknown scheme.
    UnknownHash,
    /// A digest without the name of a scheme; its characters.
    Digest(usize),
    /// A hash with a lock before it.
    LockedHash,
    /// The mark of an account without a usable password.
    Unusable,
    /// A mask that an export writes instead of a password.
    Mask,
}

impl PasswordShape {
    /// The shape of the content of a password column.
    pub fn of(text: &str) -> Self {
        let bare = text.trim();
        if bare.is_empty() {
            return PasswordShape::Empty;
        }
        match hash_schemes::recognise(bare) {
            Some(Recognised::Known(hash)) => return PasswordShape::Hash(hash.scheme()),
            Some(Recognised::Foreign(name)) => return PasswordShape::Hash(name),
            Some(Recognised::Unnamed) => return PasswordShape::UnknownHash,
            Some(Recognised::Locked) => return PasswordShape::LockedHash,
            Some(Recognised::Unusable) => return PasswordShape::Unusable,
            None if is_mask(bare) => return PasswordShape::Mask,
            None if is_bare_digest(bare) => return PasswordShape::Digest(bare.chars().count()),
            None => {}
        }
        let any = |is: fn(char) -> bool| text.chars().any(is);
        PasswordShape::Plain {
            characters: text.chars().count(),
            letters: any(char::is_alphabetic),
            digits: any(char::is_numeric),
            spaces: any(char::is_whitespace),
            signs: any(|it| !it.is_alphanumeric() && !it.is_whitespace()),
        }
    }

    /// Whether the text is a hash of a named or unknown scheme, locked or not.
    pub fn is_hash(self) -> bool {
        matches!(
            self,
            PasswordShape::Hash(_) | PasswordShape::UnknownHash | PasswordShape::LockedHash
        )
    }
}

impl fmt::Display for PasswordShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PasswordShape::Empty => f.write_str("empty"),
            PasswordShape::Hash(scheme) => write!(f, "hash: {scheme}"),
            PasswordShape::UnknownHash => f.write_str("hash: unknown scheme"),
            PasswordShape::LockedHash => f.write_str("hash: locked"),
            PasswordShape::Digest(characters) => write!(f, "digest: {characters} characters"),
            PasswordShape::Unusable => f.write_str("mark of an account without a password"),
            PasswordShape::Mask => f.write_str("mask"),
            PasswordShape::Plain {
                characters,
                letters,
                digits,
                spaces,
                signs,
            } => {
                let kinds = [
                    (*letters, "letters"),
                    (*digits, "digits"),
                    (*signs, "signs"),
                    (*spaces, "white space"),
                ];
                let kinds = kinds.into_iter().filter(|(is_there, _)| *is_there);
                let kinds: Vec<&str> = kinds.map(|(_, name)| name).collect();
                let plural = if *characters == 1 { "" } else { "s" };
                write!(f, "{characters} character{plural}: ")?;
                match kinds.split_last() {
                    Some((last, [])) => f.write_str(last),
                    Some((last, others)) => write!(f, "{} and {last}", others.join(", ")),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_has_length_and_kind_and_none_of_the_text() {
        for (text, shown) in [
            ("", "empty"),
            (" \t", "empty"),
            ("a", "1 character: letters"),
            ("Meadow", "6 characters: letters"),
            ("Meadow42", "8 characters: letters and digits"),
            ("M\u{fc}ller-42", "9 characters: letters, digits and signs"),
            (
                "a b-1",
                "5 characters: letters, digits, signs and white space",
            ),
            ("123456", "6 characters: digits"),
            (
                "$2b$04$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32",
                "hash: bcrypt",
            ),
            ("{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk", "hash: ssha"),
            ("*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4", "hash: mysql"),
            ("5f4dcc3b5aa765d61d8327deb882cf99", "digest: 32 characters"),
            ("********", "mask"),
            ("*LK*", "mark of an account without a password"),
        ] {
            assert_eq!(PasswordShape::of(text).to_string(), shown, "{text:?}");
        }
    }
}
