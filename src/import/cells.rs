//! What is done with every cell of a file before it is a value: blanks at its ends, a spreadsheet's marks,
//! and words that stand for no value.

/// The cell without blanks, no-break spaces and zero-width characters at its ends.
#[inline]
pub(super) fn trimmed(cell: &str) -> &str {
    let is_visible = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
    // Hardly any cell has something to trim.
    if is_visible(cell.as_bytes().first()) && is_visible(cell.as_bytes().last()) {
        return cell;
    }
    cell.trim_matches(is_blank)
}

/// Whether a character at the end of a cell is not seen.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
        )
}

/// What stands in `="…"`, which makes a spreadsheet show digits as text; none: the cell is not so.
pub(super) fn text_marked(cell: &str) -> Option<&str> {
    cell.strip_prefix("=\"")?.strip_suffix('"')
}

/// The error value of a spreadsheet that the cell holds, such as `#N/A`: its names in English, German,
/// French, Spanish and Portuguese.
pub(super) fn spreadsheet_error(cell: &str) -> Option<&'static str> {
    const ERRORS: [&str; 33] = [
        "#N/A",
        "#N/A!",
        "#REF!",
        "#NAME?",
        "#VALUE!",
        "#DIV/0!",
        "#NULL!",
        "#NUM!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#CONNECT!",
        "#UNKNOWN!",
        "#BUSY!",
        "#PYTHON!",
        "#GETTING_DATA",
        "#ERROR!",
        "#NV",
        "#BEZUG!",
        "#WERT!",
        "#ZAHL!",
        "#ÜBERLAUF!",
        "#VALEUR!",
        "#NOM?",
        "#NOMBRE!",
        "#NOMBRE?",
        "#¡REF!",
        "#¡VALOR!",
        "#¡NUM!",
        "#¡DIV/0!",
        "#VALOR!",
        "#NOME?",
    ];
    if cell.as_bytes().first() != Some(&b'#') {
        return None;
    }
    ERRORS
        .into_iter()
        .find(|error| cell.eq_ignore_ascii_case(error))
}

/// Whether the cell is how a database or a program writes that there is no value.
#[inline]
pub(super) fn is_null_word(cell: &str) -> bool {
    const WORDS: [&str; 5] = ["null", "(null)", "<null>", "[null]", "nil"];
    let begins = matches!(
        cell.as_bytes().first(),
        Some(b'n' | b'N' | b'(' | b'<' | b'[')
    );
    begins
        && matches!(cell.len(), 3..=6)
        && WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// Whether `text` is an e-mail address as far as it can be told without asking a mail server: no white
/// space, and one `@` with text on both sides.
pub(super) fn is_address(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Every row has one: a look into a table and a sum a byte.
    let kind = |byte: &u8| KINDS.get(usize::from(*byte)).copied().unwrap_or(OTHER);
    let sum: u64 = bytes.iter().map(kind).sum();
    let at_the_end = bytes.first() == Some(&b'@') || bytes.last() == Some(&b'@');
    // Other characters than graphic ones are looked at as such: some are blanks.
    let no_blank = sum < OTHER || !text.contains(char::is_whitespace);
    sum % OTHER == SIGN && !at_the_end && no_blank
}

/// What [`is_address`] counts: an `@`, and a byte that is no graphic character of ASCII.
const SIGN: u64 = 1;
const OTHER: u64 = 1 << 32;

/// What each byte counts for.
#[expect(
    clippy::indexing_slicing,
    reason = "it is computed by the compiler, with indices below 256"
)]
static KINDS: [u64; 256] = {
    let mut kinds = [OTHER; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        kinds[byte as usize] = 0;
        byte += 1;
    }
    kinds[b'@' as usize] = SIGN;
    kinds
};

/// Whether the cell reads `claimURI=value`.
pub(super) fn is_claim_shaped(cell: &str) -> bool {
    memchr::memchr(b'=', cell.as_bytes()).is_some_and(|sign| {
        let uri = cell.get(..sign).unwrap_or_default().trim();
        let is_uri = uri.contains("://") || uri.to_ascii_lowercase().starts_with("urn:");
        is_uri && !uri.contains(char::is_whitespace)
    })
}

/// Whether a line of cells is drawn with dashes, as programs underline their headings.
pub(super) fn is_ruled<'c>(mut cells: impl Iterator<Item = &'c str>) -> bool {
    let mut drawn = 0;
    let only_lines = cells.all(|cell| {
        drawn += cell.chars().filter(|sign| !sign.is_whitespace()).count();
        cell.chars().all(|sign| {
            matches!(
                sign,
                '-' | '=' | '_' | '+' | '|' | ':' | '\u{2500}' | '\u{2014}'
            ) || sign.is_whitespace()
        })
    });
    only_lines && drawn >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_ends_go_and_those_within_stay() {
        for (cell, bare) in [
            ("kim", "kim"),
            (" kim\t", "kim"),
            ("\u{a0}Mira Falk\u{a0}", "Mira Falk"),
            ("\u{feff}Otto\u{2009}\u{200b}", "Otto"),
            ("Zoë", "Zoë"),
            ("é", "é"),
            (" \u{3000}", ""),
            ("", ""),
        ] {
            assert_eq!(trimmed(cell), bare, "{cell:?}");
        }
    }

    #[test]
    fn a_text_mark_is_taken_off() {
        assert_eq!(text_marked("=\"00123\""), Some("00123"));
        assert_eq!(text_marked("=\"\""), Some(""));
        for cell in ["00123", "=\"", "=1+1", "\"x\"", "="] {
            assert_eq!(text_marked(cell), None, "{cell}");
        }
    }

    #[test]
    fn errors_and_words_for_nothing_are_known() {
        assert_eq!(spreadsheet_error("#n/a"), Some("#N/A"));
        assert_eq!(spreadsheet_error("#NV"), Some("#NV"));
        for cell in ["#", "#1", "N/A", "#hashtag", ""] {
            assert_eq!(spreadsheet_error(cell), None, "{cell}");
        }
        assert!(is_null_word("NULL") && is_null_word("(null)"));
        assert!(!is_null_word("Nullmann") && !is_null_word(""));
    }

    #[test]
    fn an_address_has_one_sign_with_text_on_both_sides() {
        for text in ["a@b", "mira.falk+x@example.com", "ö@ü.de"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b, c@d", "0"] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn claims_and_ruled_lines_are_told_from_values() {
        assert!(is_claim_shaped("http://wso2.org/claims/country=FR"));
        assert!(is_claim_shaped("urn:x:y=z"));
        assert!(!is_claim_shaped("a=b") && !is_claim_shaped("http://x.org/"));
        assert!(!is_claim_shaped("see http://x.org/?a=b"));
        assert!(is_ruled(["--------", "-----"].into_iter()));
        assert!(is_ruled(["======"].into_iter()));
        assert!(!is_ruled(["-"].into_iter()) && !is_ruled(["a-b", "---"].into_iter()));
    }
}
