//! Encoded words (RFC 2047): non-ASCII text in a header. They are not allowed in file names (§5), but .NET
//! and mail programs use them there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;

use crate::wire::decoder::hex_pair;

/// Decodes every encoded word in the text; a word that cannot be decoded is kept.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let Some((content, after)) = word_of(word) else {
            let (marks, after) = word.split_at(2);
            decoded.push_str(before);
            decoded.push_str(marks);
            rest = after;
            after_word = false;
            continue;
        };
        // Blanks between two words only separate them (§6.2).
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        decoded.push_str(&content);
        rest = after;
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

/// The decoded content of the word `=?charset?B?text?=` and the text after it.
fn word_of(text: &str) -> Option<(String, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (content, after) = rest.split_once("?=")?;
    // A language may follow the charset (RFC 2231 §5).
    let charset = charset.split('*').next().unwrap_or_default();
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(content).ok()?,
        "Q" | "q" => quoted(content)?,
        _ => return None,
    };
    let charset = Encoding::for_label_no_replacement(charset.as_bytes())?;
    let text = charset.decode_without_bom_handling_and_without_replacement(&bytes)?;
    Some((text.into_owned(), after))
}

/// Decodes the encoding `Q`: an underscore is a blank, and `=C3` is a byte.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex_pair(rest.next()?, rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_both_encodings_and_any_charset_are_decoded() {
        for (text, decoded) in [
            ("=?utf-8?B?QmVuw7x0emVyLmNzdg==?=", "Benützer.csv"),
            ("=?UTF-8?Q?Ben=C3=BCtzer_2.csv?=", "Benützer 2.csv"),
            ("=?iso-8859-1?q?Ben=fctzer.csv?=", "Benützer.csv"),
            ("=?utf-8*de?B?w7w=?=.csv", "ü.csv"),
            ("=?utf-8?B?w7w=?= =?utf-8?B?w7w=?=.csv", "üü.csv"),
            ("a =?utf-8?B?w7w=?= b.csv", "a ü b.csv"),
        ] {
            assert_eq!(decode(text), decoded, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_word_is_kept() {
        for text in [
            "users.csv",
            "a=?b.csv",
            "=?utf-8?B?***?=.csv",
            "=?utf-8?X?abc?=.csv",
            "=?nosuch?B?w7w=?=.csv",
            "=?utf-8?B?/w==?=.csv",
            "=?utf-8?Q?=G0?=",
            "=?utf-8?B?w7w=",
            "",
        ] {
            assert_eq!(decode(text), text);
        }
    }
}
