//! Quoting a caller's text in messages: names are cut so that no other content of the file is shown.
//!
//! Where a name is expected, the text may be a whole line (if the delimiter was guessed wrong) or a password (if
//! the columns are in another order). So a name ends before the first character that can separate columns, and
//! a word that looks like a password is not shown.

/// Maximum length of a name, in characters.
const LONGEST: usize = 64;

/// Replaces what was cut.
const REST: char = '…';

/// Quotes the name of a user, a role or a column. It is cut before the first possible separator, before a later
/// word that looks like a password, and at the maximum length. Its first word is always shown.
pub fn name(text: &str) -> String {
    let text = text.trim();
    let mut end = text.find(is_separator).unwrap_or(text.len());
    if end == 0 && !text.is_empty() {
        return REST.to_string();
    }
    let mut start = 0;
    for (position, part) in words(text.get(..end).unwrap_or_default()) {
        if position > 0 && looks_like_password(part) {
            end = start;
            break;
        }
        start = position + part.len();
    }
    cut(text, end)
}

/// Quotes the Content-ID of a part of a message, which may contain colons and other punctuation.
pub fn content_id(text: &str) -> String {
    let is_end = |c: char| c.is_control() || c.is_whitespace() || ",;|\"`".contains(c);
    let text = text.trim();
    let end = text.find(is_end).unwrap_or(text.len());
    let mut shown: String = text.chars().take(2 * LONGEST).collect();
    if end < shown.len() {
        shown.truncate(end);
    }
    if shown.len() < text.len() {
        shown.push(REST);
    }
    shown
}

/// Quotes any other word from a caller, such as the name of an element or a parameter, like a name. A word that
/// looks like a password is not shown.
pub fn word(text: &str) -> String {
    let text = text.trim();
    let end = text.find(is_separator).unwrap_or(text.len());
    let first = words(text.get(..end).unwrap_or_default()).next();
    let first = first.map_or("", |(_, first)| first);
    match looks_like_password(first) {
        true => REST.to_string(),
        false => name(text),
    }
}

/// Quotes a column heading in full, unless one of its words looks like a password; then like another word, or
/// like the URI of a claim.
pub fn heading(text: &str) -> String {
    let text = text.trim();
    let is_between = |c: char| is_separator(c) || c.is_whitespace() || matches!(c, '/' | '\\');
    match text.split(is_between).any(looks_like_password) {
        false => cut(text, text.len()),
        true if text.contains("://") => uri(text),
        true => word(text),
    }
}

/// Quotes a URI, such as that of a claim or a namespace. Without a scheme it is quoted as a word; otherwise the
/// path is shown up to the first segment that looks like a password.
pub fn uri(text: &str) -> String {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return word(text);
    };
    if !scheme.chars().all(|c| c.is_ascii_lowercase()) {
        return word(scheme);
    }
    let begin = scheme.len() + "://".len();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.-_#~%+".contains(c);
    let length = rest.find(|c| !plain(c)).unwrap_or(rest.len());
    let mut end = begin + length;
    let mut position = begin;
    for (number, segment) in text
        .get(begin..end)
        .unwrap_or_default()
        .split('/')
        .enumerate()
    {
        // A host has dots and digits, and is in lower case.
        let is_host = number == 0 && !segment.chars().any(|c| c.is_ascii_uppercase());
        if !is_host && looks_like_password(segment) {
            end = position;
            break;
        }
        position += segment.len() + 1;
    }
    match text.get(..end) {
        Some(shown) if shown.len() == text.len() && shown.len() <= 2 * LONGEST => shown.to_owned(),
        Some(shown) => shown.chars().take(2 * LONGEST).chain([REST]).collect(),
        None => REST.to_string(),
    }
}

/// Whether a word looks like a password: it has a digit, and letters of both cases or punctuation.
pub fn looks_like_password(text: &str) -> bool {
    let any = |wanted: fn(char) -> bool| text.chars().any(wanted);
    let sign = |it: char| it.is_ascii_punctuation() && !matches!(it, '/' | ':' | '|' | '"' | ',');
    text.chars().count() >= 6
        && !any(char::is_whitespace)
        && any(char::is_numeric)
        && any(char::is_alphabetic)
        && ((any(char::is_lowercase) && any(char::is_uppercase)) || text.chars().any(sign))
}

/// Whether `c` can separate the columns of a file, or a claim and its value.
fn is_separator(c: char) -> bool {
    c.is_control() || ",;|:=^~¦§\u{a0}\"`{}<>".contains(c)
}

/// The words of a name with their positions. A domain and the name after it are two words.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_between = |c: char| c.is_whitespace() || matches!(c, '/' | '\\');
    let mut position = 0;
    text.split(is_between).filter_map(move |part| {
        let begin = position;
        // One separator character is between two words.
        let between = text.get(begin + part.len()..)?.chars().next();
        position = begin + part.len() + between.map_or(0, char::len_utf8);
        (!part.is_empty()).then_some((begin, part))
    })
}

/// The text up to `end`, limited to the maximum length.
fn cut(text: &str, end: usize) -> String {
    let kept = text.get(..end).unwrap_or_default();
    let mut shown: String = kept.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push(REST);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_shown_unchanged() {
        for plain in [
            "kim",
            "lee ann",
            "kim@example.com",
            "k.lee-2024",
            "Kim2024",
            "SALES/kim",
            "O'Neill",
            "zoë",
            "小明",
            "a.b+c",
            "PRIMARY/Kim",
            "Internal/everyone",
            "carl jones",
        ] {
            assert_eq!(name(plain), plain);
        }
        assert_eq!(name(" kim "), "kim");
        assert_eq!(name(""), "");
    }

    #[test]
    fn whole_line_is_cut_after_the_name() {
        for between in [
            ",", ";", "\t", "|", ":", "=", "^", "~", "§", "\u{1}", "\u{1f}", "\u{a0}", "\"", "`",
            " ", "  ", "/", "\\", "\n",
        ] {
            let line = format!("kim{between}Meadow-Lark-7{between}SE");
            let shown = name(&line);
            assert!(
                shown.starts_with("kim") && shown.ends_with('…'),
                "{line:?}: {shown}"
            );
            assert!(!shown.contains("Meadow"), "{line:?}: {shown}");
        }
        assert_eq!(name("\"kim\",\"Meadow-Lark-7\""), "…");
        assert_eq!(name(&"é".repeat(200)).chars().count(), LONGEST + 1);
        assert_eq!(name("a b c Meadow-Lark-7 d"), "a b c…");
    }

    #[test]
    fn word_that_looks_like_a_password_is_not_shown() {
        for secret in ["Meadow-Lark-7", "Meadow-Lark-7,x", "abC123", "x-9999"] {
            assert!(!word(secret).contains(['9', '7', '3']), "{secret}");
        }
        for plain in ["domain", "fileName", "xop", "users.csv"] {
            assert_eq!(word(plain), plain);
        }
        assert_eq!(word("users,Meadow-Lark-7"), "users…");
    }

    #[test]
    fn content_ids_of_known_clients_are_shown_unchanged() {
        for plain in [
            "1.urn:uuid:3ABC@apache.org",
            "<file@x>",
            "http%3A%2F%2Ftempuri.org%2F1%2F636",
            "133299223356",
        ] {
            assert_eq!(content_id(plain), plain);
        }
        assert_eq!(content_id("kim,Meadow-Lark-7"), "kim…");
        assert_eq!(
            content_id(&"é".repeat(200)).chars().count(),
            2 * LONGEST + 1
        );
    }

    #[test]
    fn heading_is_shown_unless_it_contains_a_password() {
        for plain in [
            "username:",
            "E-Mail Address",
            "username (required)",
            "http://wso2.org/claims/country",
        ] {
            assert_eq!(heading(plain), plain);
        }
        assert_eq!(heading("kim;Meadow-Lark-7"), "kim…");
        assert_eq!(heading("Meadow-Lark-7"), "…");
    }

    #[test]
    fn uri_is_shown_up_to_the_first_suspicious_segment() {
        for plain in [
            "http://wso2.org/claims/nosuch",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "givenname",
            "",
        ] {
            assert_eq!(uri(plain), plain);
        }
        assert_eq!(uri("Meadow-Lark-7"), "…");
        assert_eq!(
            uri("http://wso2.org/claims/Meadow-Lark-7"),
            "http://wso2.org/claims/…"
        );
        assert_eq!(
            uri("http://wso2.org/claims/x,Meadow-Lark-7"),
            "http://wso2.org/claims/x…"
        );
        assert_eq!(uri("http://Meadow-Lark-7"), "http://…");
        assert_eq!(uri("http://kim:Meadow-Lark-7@x.org/"), "http://kim…");
        assert_eq!(uri("kim,Meadow-Lark-7,http://x"), "kim…");
    }
}
