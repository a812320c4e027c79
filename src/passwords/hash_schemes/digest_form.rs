//! The form of bare digests: a known number of bytes in hexadecimal or base64, with letters and digits in an order
//! that a person would not choose.

/// Sizes of the digests that are recognised, in bytes: MD5 and similar, SHA-1, SHA-224 (and salted SHA-1), SHA-256,
/// SHA-384, SHA-512.
const DIGESTS: [usize; 6] = [16, 20, 28, 32, 48, 64];

/// The forms of digest that a text can have: one bit for each combination of size and encoding. Two texts are
/// digests of the same size in the same encoding if they have a bit in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestForms(u32);

impl DigestForms {
    /// No form.
    pub const NONE: DigestForms = DigestForms(0);

    /// All forms.
    pub const ANY: DigestForms = DigestForms(u32::MAX);

    /// The forms that `text` can have.
    pub fn of(text: &str) -> Self {
        let mut forms = 0;
        let (unpadded, padding) = match text.trim_end_matches('=') {
            it if text.len() - it.len() <= 2 => (it, text.len() - it.len()),
            _ => return DigestForms::NONE,
        };
        for (place, bytes) in DIGESTS.into_iter().enumerate() {
            if text.len() == 2 * bytes && is_hex(text) {
                forms |= 1 << (3 * place);
            }
            if unpadded.len() == (bytes * 4).div_ceil(3) && is_base64(unpadded) {
                let whole = text.len().is_multiple_of(4);
                match padding {
                    _ if whole => forms |= 1 << (3 * place + 1),
                    0 => forms |= 1 << (3 * place + 2),
                    _ => {}
                }
            }
        }
        DigestForms(forms)
    }

    /// The forms in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        DigestForms(self.0 & other.0)
    }

    /// Whether there is no form.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Whether `text` is almost certainly a bare digest: hexadecimal with letters and digits, or padded base64.
pub fn is_bare_digest(text: &str) -> bool {
    // The shortest is base64 of 16 bytes.
    if text.len() < 24 || DigestForms::of(text).is_none() {
        return false;
    }
    match is_hex(text) {
        true => is_mixed(text),
        // Without padding, any random password of that length is base64, too.
        false => text.len().is_multiple_of(4) && is_mixed(text),
    }
}

/// Whether `text` is hexadecimal with the length of a digest, with both letters and digits.
pub(super) fn is_whole_hex_digest(text: &str) -> bool {
    text.len() >= 32
        && DIGESTS.iter().any(|bytes| text.len() == 2 * bytes)
        && is_hex(text)
        && is_mixed(text)
}

/// Whether `text` has at least `least` characters of an alphabet used for digests (hexadecimal, base64, or that of
/// crypt(5)), with letters and digits mixed at random.
pub(super) fn is_random(text: &str, least: usize) -> bool {
    if text.len() < least || !is_mixed(text) {
        return false;
    }
    if is_hex(text) {
        return true;
    }
    let unpadded = text.trim_end_matches('=');
    let signs = |more: &[u8]| {
        let mut bytes = unpadded.bytes();
        bytes.all(|it| it.is_ascii_alphanumeric() || more.contains(&it))
    };
    let url_safe = || signs(b"-_") && !DigestForms::of(text).is_none();
    text.len() - unpadded.len() <= 2
        && (signs(b"./") || signs(b"+/") || url_safe())
        && alternates(unpadded)
}

/// Whether letters and digits alternate, and capitals follow small letters, as often as in random text (about two
/// in five characters); words, names, dates and CamelCase have far fewer such changes.
fn alternates(text: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    let pairs = text.bytes().zip(text.bytes().skip(1));
    let changed = pairs.filter(|(first, second)| {
        matches!(
            (kind(*first), kind(*second)),
            (1, 2) | (1 | 2, 3) | (3, 1 | 2)
        )
    });
    changed.count() * 5 >= text.len()
}

fn is_mixed(text: &str) -> bool {
    text.bytes().any(|it| it.is_ascii_digit()) && text.bytes().any(|it| it.is_ascii_alphabetic())
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_hexdigit())
}

fn is_base64(text: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric();
    let standard = text.bytes().all(|it| plain(it) || it == b'+' || it == b'/');
    let last = text.bytes().last().unwrap_or_default();
    // The unused bits of the last character must be zero.
    let ends_well = match text.len() % 4 {
        0 => true,
        2 => b"AQgw".contains(&last),
        3 => b"AEIMQUYcgkosw048".contains(&last),
        _ => false,
    };
    ends_well && (standard || text.bytes().all(|it| plain(it) || it == b'-' || it == b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";
    const MD5_BASE64: &str = "X03MO1qnZdYdgyfeuILPmQ==";

    #[test]
    fn digests_of_the_same_length_have_a_form_in_common() {
        let both = |a: &str, b: &str| !DigestForms::of(a).and(DigestForms::of(b)).is_none();
        assert!(both(MD5, "098F6BCD4621D373CADE4E832627B4F6"));
        assert!(both(MD5_BASE64, "CY9rzUYh03PK3k6DJie09g=="));
        assert!(!both(MD5, MD5_BASE64));
        assert!(!both(MD5, "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"));
        assert!(!DigestForms::of(MD5_BASE64.trim_end_matches('=')).is_none());
        for text in [
            "",
            "=",
            "password",
            "Correct-Horse-Battery-Staple-99",
            "5f4dcc3b",
            "a===",
        ] {
            assert!(DigestForms::of(text).is_none(), "{text}");
        }
        // Every size, in both encodings.
        for bytes in DIGESTS {
            let padded = (bytes * 4).div_ceil(3);
            let base64 = format!(
                "{}{}",
                "A".repeat(padded),
                "=".repeat(padded.next_multiple_of(4) - padded)
            );
            for text in ["a1".repeat(bytes), "A".repeat(padded), base64] {
                assert!(!DigestForms::of(&text).is_none(), "{text}");
            }
        }
    }

    #[test]
    fn single_digest_is_distinguished_from_a_random_password() {
        assert!(is_bare_digest(MD5) && is_bare_digest(MD5_BASE64));
        assert!(is_bare_digest("W6ph5Mm5Pz8GgiULbPgzG37mj9g="));
        for text in [
            "Tq7nR2xLw9VbK4mZsY8cHd",
            "Xk9vQ2mW7pLr4TzB8nYc3HfJ6sDgEa1",
            "12345678901234567890123456789012",
            "abcdefabcdefabcdefabcdefabcdefab",
        ] {
            assert!(!is_bare_digest(text), "{text}");
        }
    }

    #[test]
    fn random_text_changes_more_often_than_words() {
        for text in [
            "9er0lCT7xy3KSzCEhW9Nj37y6DzEsV0/q",
            "889e6fd7d1bc1aad26363b0f22ee5f949d33812a",
            "BMpDnjH3iLsqLdlI2dV1jZfrnjcsA9gT8xCHIRwdheY=",
        ] {
            assert!(is_random(text, 20), "{text}");
        }
        for text in [
            "correcthorsebatterystaple2024",
            "CorrectHorseBatteryStaple99",
            "WelcomeToTheSummer2024Party",
            "//example.org/reset123/abcdef",
            "12345678901234567890",
            "aB3xK9pQ2mN7vL4s",
        ] {
            assert!(!is_random(text, 20), "{text}");
        }
    }
}
