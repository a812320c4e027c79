//! Charsets by name: those of the WHATWG Encoding standard, and DOS code pages.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::formats::code_pages::CodePage;
use crate::wire::media_type::MediaType;

/// A charset of text files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCharset {
    /// A charset of the WHATWG Encoding standard.
    Standard(&'static Encoding),
    /// A DOS code page.
    Page(&'static CodePage),
}

impl TextCharset {
    /// UTF-8.
    pub const UTF_8: TextCharset = TextCharset::Standard(UTF_8);
    /// UTF-16, little-endian.
    pub const UTF_16LE: TextCharset = TextCharset::Standard(UTF_16LE);
    /// UTF-16, big-endian.
    pub const UTF_16BE: TextCharset = TextCharset::Standard(UTF_16BE);

    /// The charset with this label, in any case.
    pub fn for_label(label: &str) -> Option<Self> {
        // Labels that the standard does not have, for charsets that it has.
        const MORE: [(&str, &Encoding); 4] = [
            ("macroman", encoding_rs::MACINTOSH),
            ("mac-roman", encoding_rs::MACINTOSH),
            ("latin9", encoding_rs::ISO_8859_15),
            ("latin-9", encoding_rs::ISO_8859_15),
        ];
        if let Some(page) = CodePage::for_label(label) {
            return Some(TextCharset::Page(page));
        }
        let more = MORE
            .iter()
            .find(|(name, _)| label.trim().eq_ignore_ascii_case(name));
        let encoding = match more {
            Some((_, encoding)) => Some(*encoding),
            None => Encoding::for_label_no_replacement(label.as_bytes()),
        };
        encoding.map(TextCharset::Standard)
    }

    /// The charset that a media type declares for a file, if the declaration is reliable: programs declare UTF-8
    /// and ASCII for any text, so these are ignored and the charset is detected.
    pub fn stated(media_type: Option<&MediaType>) -> Option<Self> {
        const ASCII: [&str; 3] = ["us-ascii", "ascii", "ansi_x3.4-1968"];
        let label = media_type?.param("charset")?.trim();
        let is_ascii = ASCII.iter().any(|name| label.eq_ignore_ascii_case(name));
        let charset = TextCharset::for_label(label).filter(|_| !is_ascii)?;
        (charset != TextCharset::UTF_8).then_some(charset)
    }

    /// Whether ASCII bytes at the beginning of a text always mean ASCII in this charset.
    pub fn begins_with_ascii(self) -> bool {
        match self {
            TextCharset::Page(_) => true,
            TextCharset::Standard(encoding) => encoding.is_ascii_compatible(),
        }
    }

    /// The name in the standard, or the IANA name.
    pub fn name(self) -> &'static str {
        match self {
            TextCharset::Standard(encoding) => encoding.name(),
            TextCharset::Page(page) => page.name,
        }
    }

    /// A label of the charset, in lower case.
    pub fn label(self) -> String {
        self.name().to_ascii_lowercase()
    }

    /// The characters of the bytes from 0x80 on, for a single-byte charset. A control character or U+FFFD marks
    /// a byte that the charset does not define.
    pub fn high(self) -> Option<[char; 128]> {
        match self {
            TextCharset::Page(page) => Some(page.high()),
            TextCharset::Standard(encoding) if encoding.is_single_byte() => {
                let bytes: Vec<u8> = (0x80..=0xff).collect();
                let (text, _) = encoding.decode_without_bom_handling(&bytes);
                let mut table = ['\u{fffd}'; 128];
                for (place, char) in table.iter_mut().zip(text.chars()) {
                    *place = char;
                }
                Some(table)
            }
            TextCharset::Standard(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_have_labels_and_names() {
        for (label, name) in [
            ("cp850", "IBM850"),
            ("IBM850", "IBM850"),
            ("cp437", "IBM437"),
            ("852", "IBM852"),
            ("cp866", "IBM866"),
            ("MacRoman", "macintosh"),
            ("macintosh", "macintosh"),
            ("latin-9", "ISO-8859-15"),
            ("Latin1", "windows-1252"),
            ("utf8", "UTF-8"),
        ] {
            assert_eq!(
                TextCharset::for_label(label).map(TextCharset::name),
                Some(name)
            );
        }
        assert_eq!(TextCharset::for_label("latin-nine"), None);
    }

    #[test]
    fn utf_8_and_ascii_declared_by_a_media_type_are_ignored() {
        let stated = |text: &str| {
            let media_type = MediaType::parse(text).unwrap();
            TextCharset::stated(Some(&media_type)).map(TextCharset::name)
        };
        for (text, name) in [
            ("text/csv; charset=shift_jis", Some("Shift_JIS")),
            ("text/csv;charset=\"Windows-1251\"", Some("windows-1251")),
            ("text/csv; header=present; charset=cp850", Some("IBM850")),
            ("text/csv; charset=utf-16", Some("UTF-16LE")),
            ("text/csv; charset=ISO-8859-1", Some("windows-1252")),
            ("text/csv; charset=UTF-8", None),
            ("text/csv; charset=us-ascii", None),
            ("text/csv; charset=latin-nine", None),
            ("text/csv", None),
        ] {
            assert_eq!(stated(text), name, "{text}");
        }
        assert_eq!(TextCharset::stated(None), None);
    }

    #[test]
    fn single_byte_charsets_have_a_table() {
        let high = |label: &str| TextCharset::for_label(label).unwrap().high();
        assert_eq!(high("windows-1252").unwrap()[0x7c], 'ü');
        assert_eq!(high("windows-1252").unwrap()[1], '\u{81}');
        assert_eq!(high("cp850").unwrap()[1], 'ü');
        assert_eq!(high("utf-8"), None);
        assert_eq!(high("shift_jis"), None);
    }
}
