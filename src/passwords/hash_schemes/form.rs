//! Parts of hash texts: numbers within bounds and bytes in base64 (RFC 4648). They are parsed without allocating,
//! because a file may contain a million of them.

use base64::Engine;
use base64::engine::GeneralPurpose;

/// Maximum memory of one verification, in KiB.
pub(super) const MEMORY_KIB: u64 = 256 * 1024;

/// Maximum memory times passes (Argon2) or lanes (scrypt) of one verification, in KiB: some seconds.
pub(super) const WORK_KIB: u64 = 4 * 1024 * 1024;

/// Maximum rounds of PBKDF2 of one verification: some seconds.
pub(super) const PBKDF2_ROUNDS: u64 = 5_000_000;

/// Maximum size of a password in schemes where every round reads all of it, in bytes.
pub(super) const PASSWORD: usize = 1_024;

/// Not enough memory for a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not enough memory")]
pub struct NoMemory;

/// The defect of a text that begins like a hash. It never contains any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Parts are missing, too long, too short, or contain invalid characters.
    #[error("it must have the form {0}")]
    Shape(&'static str),
    /// A number is outside the supported range.
    #[error("its {what} must be between {least} and {most}")]
    Bound {
        /// The meaning of the number.
        what: &'static str,
        /// The minimum.
        least: u64,
        /// The maximum.
        most: u64,
    },
}

/// Parses `text` as a decimal number within bounds, without sign and leading zeros.
pub(super) fn number(
    text: &str,
    what: &'static str,
    (least, most): (u64, u64),
    shape: FormError,
) -> Result<u64, FormError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(shape);
    }
    // It has only digits, so it can only be too large.
    let number = text.parse().unwrap_or(u64::MAX);
    within(number, what, (least, most))
}

/// Checks that `number` is within bounds.
pub(super) fn within(
    number: u64,
    what: &'static str,
    (least, most): (u64, u64),
) -> Result<u64, FormError> {
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(FormError::Bound { what, least, most })
    }
}

/// Maximum length of base64 text; a longer text is not a hash.
const TEXT: usize = 200;

/// Whether `text` is base64 without padding (RFC 4648 §4) of `least` to `most` bytes. It is not decoded, because the
/// hash of a row is only checked; the unused bits of the last character must be zero.
pub(super) fn is_base64(text: &str, (least, most): (usize, usize)) -> bool {
    let length = text.len() * 3 / 4;
    let last = text.bytes().last().unwrap_or_default();
    let ends_well = match text.len() % 4 {
        0 => true,
        2 => b"AQgw".contains(&last),
        3 => b"AEIMQUYcgkosw048".contains(&last),
        _ => false,
    };
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    ends_well && (least..=most).contains(&length) && text.bytes().all(is_sign)
}

/// Whether `text` has only the characters of `crypt(3)`: `./0-9A-Za-z`.
pub(super) fn is_crypt64(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/')
}

/// A salt or a digest.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    buffer: [u8; TEXT],
    length: usize,
}

impl Bytes {
    /// Decodes `text`; `None` if it is not base64 of this engine, or if the number of bytes is not between `least`
    /// and `most`.
    pub(super) fn decode(
        text: &str,
        engine: &GeneralPurpose,
        (least, most): (usize, usize),
    ) -> Option<Bytes> {
        let mut buffer = [0; TEXT];
        if text.len() > TEXT {
            return None;
        }
        let length = engine.decode_slice(text, &mut buffer).ok()?;
        (least..=most)
            .contains(&length)
            .then_some(Bytes { buffer, length })
    }

    /// The same for passlib's base64, which uses `.` instead of `+`.
    pub(super) fn decode_dotted(
        text: &str,
        engine: &GeneralPurpose,
        bounds: (usize, usize),
    ) -> Option<Bytes> {
        let mut plain = [0; TEXT];
        let plain = plain.get_mut(..text.len())?;
        for (place, byte) in plain.iter_mut().zip(text.bytes()) {
            *place = if byte == b'.' { b'+' } else { byte };
        }
        Bytes::decode(std::str::from_utf8(plain).ok()?, engine, bounds)
    }

    /// Copies `bytes`, unless there are too many.
    pub(super) fn of(bytes: &[u8]) -> Option<Bytes> {
        let mut buffer = [0; TEXT];
        buffer.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let length = bytes.len();
        Some(Bytes { buffer, length })
    }

    /// The bytes of `text` itself, if it is printable ASCII: for salts that are used as they are written.
    pub(super) fn literal(text: &str, (least, most): (usize, usize)) -> Option<Bytes> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = printable && (least..=most).contains(&text.len());
        if fits {
            Bytes::of(text.as_bytes())
        } else {
            None
        }
    }

    /// Decodes hexadecimal digits in lower or upper case.
    pub(super) fn decode_hex(text: &str, (least, most): (usize, usize)) -> Option<Bytes> {
        let length = text.len() / 2;
        if !text.len().is_multiple_of(2) || !(least..=most).contains(&length) {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let mut buffer = [0; TEXT];
        for (place, pair) in buffer
            .get_mut(..length)?
            .iter_mut()
            .zip(text.as_bytes().chunks(2))
        {
            let &[high, low] = pair else {
                return None;
            };
            *place = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
        }
        Some(Bytes { buffer, length })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    #[test]
    fn numbers_are_plain_and_within_bounds() {
        let shape = FormError::Shape("x");
        let read = |text| number(text, "cost", (4, 16), shape);
        assert_eq!(read("12"), Ok(12));
        for text in ["", "+5", "05", "5 ", "five"] {
            assert_eq!(read(text), Err(shape), "{text}");
        }
        for text in ["3", "17", "99999999999999999999999"] {
            let error = read(text).unwrap_err().to_string();
            assert_eq!(error, "its cost must be between 4 and 16", "{text}");
        }
    }

    #[test]
    fn is_base64_accepts_what_can_be_decoded() {
        let signs = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=.-_ \n";
        let (mut yes, mut no) = (0, 0);
        for length in 0..12 {
            for last in signs {
                for other in signs {
                    let mut text = vec![*other; length];
                    text.extend_from_slice(&[b'x', *last]);
                    let text = String::from_utf8(text).unwrap();
                    let decoded = Bytes::decode(&text, &STANDARD_NO_PAD, (3, 8)).is_some();
                    assert_eq!(is_base64(&text, (3, 8)), decoded, "{text:?}");
                    *(if decoded { &mut yes } else { &mut no }) += 1;
                }
            }
        }
        assert!(yes > 1_000 && no > 1_000, "{yes} and {no}");
        assert!(is_base64("", (0, 8)));
    }

    #[test]
    fn hexadecimal_is_strict_about_digits_and_length() {
        let decode = |text| Bytes::decode_hex(text, (2, 3));
        assert_eq!(decode("00fFa1").unwrap().as_slice(), [0, 0xff, 0xa1]);
        for text in ["", "0a", "0a0b0c0d", "0a0b0", "0a0g", "+a0b", "é0b"] {
            assert!(decode(text).is_none(), "{text}");
        }
        assert!(Bytes::decode_hex(&"00".repeat(TEXT + 1), (0, TEXT)).is_none());
    }

    #[test]
    fn salts_are_printable_and_within_bounds() {
        let literal = |text| Bytes::literal(text, (1, 4));
        assert_eq!(literal("$a=!").unwrap().as_slice(), b"$a=!");
        for text in ["", "abcde", "a b", "ä"] {
            assert!(literal(text).is_none(), "{text}");
        }
        assert!(Bytes::literal(&"x".repeat(TEXT + 1), (1, TEXT + 1)).is_none());
        assert!(is_crypt64("./09AZaz"));
        for text in ["$", "+", "_", "ä", " "] {
            assert!(!is_crypt64(text), "{text}");
        }
    }

    #[test]
    fn base64_is_strict_about_length_and_alphabet() {
        let decode = |text| Bytes::decode(text, &STANDARD_NO_PAD, (1, 3));
        assert_eq!(decode("+/8A").unwrap().as_slice(), [0xfb, 0xff, 0]);
        for text in ["", "AAAAAAA", "A", "+/8=", "+/9", "+.8A", "é"] {
            assert!(decode(text).is_none(), "{text}");
        }
        let dotted = Bytes::decode_dotted("./8A", &STANDARD_NO_PAD, (1, 3));
        assert_eq!(dotted.unwrap().as_slice(), [0xfb, 0xff, 0]);
        assert!(decode(&"A".repeat(TEXT + 4)).is_none());
    }
}
