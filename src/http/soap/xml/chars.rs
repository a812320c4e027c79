//! Character classes: XML 1.0 §2.2 (characters), §2.3 (white space and names),
//! Namespaces in XML 1.0 §4 (qualified names).

/// White space, before or after line ends have been normalised.
pub(super) const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Whether a document may contain this character (production 2).
pub(super) fn is_char(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\0'..=' ' => c == ' ',
        _ => !matches!(c, '\u{FFFE}' | '\u{FFFF}'),
    }
}

/// The first character that a document may not contain, and its offset.
///
/// Nearly all text has none, so the text is first checked with a loop that the
/// compiler vectorizes.
pub(super) fn first_illegal(text: &str) -> Option<(usize, char)> {
    let bytes = text.as_bytes();
    if has_control(bytes) || has_noncharacter(bytes) {
        return text.char_indices().find(|&(_, c)| !is_char(c));
    }
    None
}

fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, &byte| {
        found | ((byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r'))
    })
}

/// U+FFFE is EF BF BE in UTF-8, U+FFFF is EF BF BF.
fn has_noncharacter(bytes: &[u8]) -> bool {
    memchr::memchr_iter(0xEF, bytes)
        .any(|at| matches!(bytes.get(at..at + 3), Some([0xEF, 0xBF, 0xBE | 0xBF])))
}

/// Whether the text is a Name (production 5).
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// Splits a Name at its colon into prefix and local part; both must be present,
/// and there must be no second colon.
pub(super) fn split_qname(name: &str) -> Option<(Option<&str>, &str)> {
    match name.split_once(':') {
        None => Some((None, name)),
        Some((prefix, local)) => {
            let whole = !prefix.is_empty() && !local.contains(':') && is_name(local);
            whole.then_some((Some(prefix), local))
        }
    }
}

fn is_name_start(c: char) -> bool {
    matches!(c,
        ':' | 'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

pub(super) fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c,
            '-' | '.' | '0'..='9' | '\u{B7}'
            | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_characters_are_found() {
        assert_eq!(
            first_illegal("plain\ttext\r\n é \u{7F}\u{85}\u{FFFD}\u{10FFFF}"),
            None
        );
        assert_eq!(first_illegal("ab\0c"), Some((2, '\0')));
        assert_eq!(first_illegal("é\u{1F}"), Some((2, '\u{1F}')));
        assert_eq!(
            first_illegal("\u{FF01}\u{FFFE}\u{FFFF}"),
            Some((3, '\u{FFFE}'))
        );
        assert_eq!(first_illegal("\u{FFFF}"), Some((0, '\u{FFFF}')));
    }

    #[test]
    fn names() {
        for good in ["a", "_", ":", "a-1.b", "Straße", "名前", "a·b", "\u{10000}"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "1a",
            "-a",
            ".a",
            "a b",
            "a/",
            "<a",
            "·",
            "a\u{D7}",
            "a\u{F0000}",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn qualified_names() {
        assert_eq!(split_qname("a"), Some((None, "a")));
        assert_eq!(split_qname("p:a"), Some((Some("p"), "a")));
        for bad in [":", ":a", "p:", "p:a:b", "p::a", "p:1"] {
            assert_eq!(split_qname(bad), None, "{bad}");
        }
    }
}
