//! Normalizes every cell of a file before it is used as a value: white space at its ends, the marks of
//! spreadsheets, and words for no value.

/// The cell without white space, no-break spaces and zero-width characters at its ends.
#[inline]
pub(super) fn trimmed(cell: &str) -> &str {
    let is_visible = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
    // Hardly any cell needs trimming.
    if is_visible(cell.as_bytes().first()) && is_visible(cell.as_bytes().last()) {
        return cell;
    }
    cell.trim_matches(is_blank)
}

/// Whether a character at the end of a cell is blank: white space or invisible.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_invisible(character)
}

/// Whether a character is invisible and takes no space: zero-width characters, soft hyphens, and the direction
/// marks that programs put around addresses and numbers.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// The content of `="…"`, which makes a spreadsheet show digits as text; none if the cell has no such mark.
pub(super) fn text_marked(cell: &str) -> Option<&str> {
    cell.strip_prefix("=\"")?.strip_suffix('"')
}

/// The spreadsheet error that the cell holds, such as `#N/A`, in any language of Excel: the known error, or
/// else [`SOME_ERROR`]. A password counts as an error only if the error is known.
#[inline(always)]
pub(super) fn spreadsheet_error(cell: &str, is_password: bool) -> Option<&'static str> {
    match cell.as_bytes().first() {
        Some(b'#') => error_with_sign(cell, is_password),
        Some(b'E' | b'e') if cell.len() == 7 => calc_error(cell),
        _ => None,
    }
}

/// The name of an error that is recognized only by its form.
const SOME_ERROR: &str = "of a spreadsheet";

#[cold]
fn error_with_sign(cell: &str, is_password: bool) -> Option<&'static str> {
    // Errors without a sign at the end, or that may omit it. All others are `#`, capitals and a sign.
    const ERRORS: [&str; 73] = [
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
        "#ERROR!",
        "#GETTING_DATA",
        "#REF",
        "#NAME",
        "#VALUE",
        "#DIV/0",
        "#NULL",
        "#NUM",
        "#NV",
        "#N/D",
        "#N/B",
        "#N/V",
        "#N/DISP",
        "#I/T",
        "#YOK",
        "#SAKNAS",
        "#PUUTTUU",
        "#HIÁNYZIK",
        "#NENÍ_K_DISPOZICI",
        "#NEDOSTUPNÝ",
        "#Н/Д",
        "#Δ/Υ",
        "#ÜBERLAUF!",
        "#FIELD!",
        "#BLOCKED!",
        "#CONNECT!",
        "#UNKNOWN!",
        "#BUSY!",
        "#PYTHON!",
        "#MACRO?",
        "#BEZUG!",
        "#WERT!",
        "#ZAHL!",
        "#VALEUR!",
        "#NOM?",
        "#NOMBRE!",
        "#NOMBRE?",
        "#¡REF!",
        "#¡VALOR!",
        "#¡NUM!",
        "#¡DIV/0!",
        "#¡NULO!",
        "#VALOR!",
        "#NOME?",
        "#NULO!",
        "#NÚM!",
        "#RIF!",
        "#VALORE!",
        "#ARG!",
        "#LICZBA!",
        "#ADR!",
        "#NAZWA?",
        "#WAARDE!",
        "#VERW!",
        "#GETAL!",
        "#NAAM?",
        "#ЗНАЧ!",
        "#ССЫЛКА!",
        "#ИМЯ?",
        "#ЧИСЛО!",
        "#ДЕЛ/0!",
        "#ПУСТО!",
        "#SAKNAS!",
    ];
    if let Some(known) = ERRORS.into_iter().find(|error| is_same(cell, error)) {
        return Some(known);
    }
    if is_password {
        return None;
    }
    // A number that is too wide for its column.
    if cell.len() >= 3 && cell.bytes().all(|byte| byte == b'#') {
        return Some("###");
    }
    let word = cell.strip_prefix('#')?.strip_suffix(['!', '?'])?;
    let word = word.strip_prefix('¡').unwrap_or(word);
    let capitals = word.chars().filter(|sign| sign.is_uppercase()).count();
    let is_part = |sign: char| sign.is_uppercase() || matches!(sign, '/' | '0' | '_');
    (capitals >= 2 && word.chars().all(is_part)).then_some(SOME_ERROR)
}

/// `Err:502` and similar, as LibreOffice and OpenOffice write them.
#[cold]
fn calc_error(cell: &str) -> Option<&'static str> {
    let is_mark = cell.get(..4)?.eq_ignore_ascii_case("err:");
    let number = cell.get(4..)?;
    let is_number = number.starts_with('5') && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_mark && is_number).then_some("Err:5…")
}

/// Whether the cell is a word that databases and programs write for no value.
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

/// Whether `text` has the form of an e-mail address: no white space, and one `@` with text on both sides.
pub(super) fn is_address(text: &str) -> bool {
    let bytes = text.as_bytes();
    // This runs for every row, so it costs a table lookup and an addition per byte.
    let kind = |byte: &u8| KINDS.get(usize::from(*byte)).copied().unwrap_or(OTHER);
    let sum: u64 = bytes.iter().map(kind).sum();
    let at_the_end = bytes.first() == Some(&b'@') || bytes.last() == Some(&b'@');
    // Bytes outside graphic ASCII need a closer look: some are white space.
    let no_blank = sum < OTHER || !text.contains(char::is_whitespace);
    sum % OTHER == SIGN && !at_the_end && no_blank
}

/// The values summed by [`is_address`]: for an `@`, and for a byte that is not a graphic ASCII character.
const SIGN: u64 = 1;
const OTHER: u64 = 1 << 32;

/// The value of each byte.
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

/// Whether the cell has the form `claimURI=value`.
pub(super) fn is_claim_shaped(cell: &str) -> bool {
    memchr::memchr(b'=', cell.as_bytes()).is_some_and(|sign| {
        let uri = cell.get(..sign).unwrap_or_default().trim();
        let is_uri = uri.contains("://") || uri.to_ascii_lowercase().starts_with("urn:");
        is_uri && !uri.contains(char::is_whitespace)
    })
}

/// Whether the line consists of dashes or other drawing signs, as programs underline headings.
pub(super) fn is_ruled<'c>(mut cells: impl Iterator<Item = &'c str>) -> bool {
    let mut drawn = 0;
    let only_lines = cells.all(|cell| {
        drawn += cell.chars().filter(|sign| !sign.is_whitespace()).count();
        cell.chars().all(|sign| {
            matches!(
                sign,
                '-' | '='
                    | '_'
                    | '+'
                    | '|'
                    | ':'
                    | '*'
                    | '~'
                    | '.'
                    | '\u{ad}'
                    | '\u{af}'
                    | '\u{b7}'
                    | '\u{2010}'..='\u{2015}'
                    | '\u{203e}'
                    | '\u{2212}'
                    | '\u{23af}'
                    | '\u{2500}'..='\u{257f}'
                    | '\u{2580}'..='\u{259f}'
                    | '\u{25ac}'
            ) || sign.is_whitespace()
        })
    });
    only_lines && drawn >= 3
}

/// Whether the line is `sep=` and a delimiter, quoted or not, as spreadsheet programs write it at the
/// beginning of a file. If the delimiter is the file's own, it ends the cell.
pub(super) fn is_separator_line<'c>(mut cells: impl Iterator<Item = &'c str>) -> bool {
    let first = cells.next().map(trimmed).unwrap_or_default();
    let is_mark = first
        .get(..4)
        .is_some_and(|mark| mark.eq_ignore_ascii_case("sep="));
    let rest = first.get(4..).unwrap_or_default();
    is_mark
        && rest.chars().count() <= 1
        && !rest.contains(char::is_alphanumeric)
        && cells.all(|cell| trimmed(cell).is_empty())
}

/// Whether two texts are equal, ignoring case.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_trimmed_only_at_the_ends() {
        for (cell, bare) in [
            ("kim", "kim"),
            (" kim\t", "kim"),
            ("\u{a0}Mira Falk\u{a0}", "Mira Falk"),
            ("\u{feff}Otto\u{2009}\u{200b}", "Otto"),
            ("Zoë", "Zoë"),
            ("é", "é"),
            (" \u{3000}", ""),
            ("\u{200e}kim\u{200f}", "kim"),
            ("\u{202a}kim@x.org\u{202c}", "kim@x.org"),
            ("\u{2066}kim\u{2069}\u{ad}", "kim"),
            ("", ""),
        ] {
            assert_eq!(trimmed(cell), bare, "{cell:?}");
        }
    }

    #[test]
    fn text_mark_is_removed() {
        assert_eq!(text_marked("=\"00123\""), Some("00123"));
        assert_eq!(text_marked("=\"\""), Some(""));
        for cell in ["00123", "=\"", "=1+1", "\"x\"", "="] {
            assert_eq!(text_marked(cell), None, "{cell}");
        }
    }

    #[test]
    fn errors_and_null_words_are_recognized() {
        assert_eq!(spreadsheet_error("#n/a", true), Some("#N/A"));
        assert_eq!(spreadsheet_error("#NV", false), Some("#NV"));
        for cell in [
            "#N/D",
            "#N/B",
            "#Н/Д",
            "#YOK",
            "#SAKNAS!",
            "#WAARDE!",
            "#VALORE!",
            "#RIF!",
            "#ARG!",
            "#ЗНАЧ!",
            "#MACRO?",
            "#DIV/0",
            "#VALUE",
            "#REF",
            "#####",
            "###",
            "Err:502",
            "Err:522",
            "#¡VALOR!",
            "#BEZUG!",
            "#AD?",
            "#SAYI/0!",
            "#ССЫЛКА!",
            "#ИМЯ?",
            "#GETTING_DATA",
            "#N/D!",
            "#ÚNICO!",
        ] {
            assert!(spreadsheet_error(cell, false).is_some(), "{cell}");
        }
        for cell in [
            "#",
            "##",
            "#1",
            "N/A",
            "#hashtag",
            "",
            "#NEWS",
            "#NEWS-2026",
            "#Team!",
            "#A!",
            "#!",
            "Err:402",
            "Err:5",
            "Error:1",
            "#7!",
            "#TEAM 7!",
        ] {
            assert_eq!(spreadsheet_error(cell, false), None, "{cell}");
        }
        // A password may have a sign, capitals and a mark.
        assert_eq!(spreadsheet_error("#SECRET!", true), None);
        assert!(spreadsheet_error("#wert!", true).is_some());
        assert!(spreadsheet_error("#SECRET!", false).is_some_and(|name| !name.contains("SECRET")));
        assert!(is_null_word("NULL") && is_null_word("(null)"));
        assert!(!is_null_word("Nullmann") && !is_null_word(""));
    }

    #[test]
    fn address_has_one_at_sign_with_text_on_both_sides() {
        for text in ["a@b", "mira.falk+x@example.com", "ö@ü.de"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b, c@d", "0"] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn claims_and_ruled_lines_are_distinguished_from_values() {
        assert!(is_claim_shaped("http://wso2.org/claims/country=FR"));
        assert!(is_claim_shaped("urn:x:y=z"));
        assert!(!is_claim_shaped("a=b") && !is_claim_shaped("http://x.org/"));
        assert!(!is_claim_shaped("see http://x.org/?a=b"));
        assert!(is_ruled(["--------", "-----"].into_iter()));
        for line in ["======", "******", "═══╪═══", "~~~", "....", "———", "▬▬▬"]
        {
            assert!(is_ruled([line, ""].into_iter()), "{line}");
        }
        for (line, is_one) in [
            (&["sep=,"][..], true),
            (&["sep=", ""], true),
            (&["SEP=;"], true),
            (&["sep=\t"], true),
            (&["sep=x"], false),
            (&["sep=", "x"], false),
            (&["sepp", ""], false),
            (&["sep=,,"], false),
        ] {
            assert_eq!(is_separator_line(line.iter().copied()), is_one, "{line:?}");
        }
        assert!(!is_ruled(["-"].into_iter()) && !is_ruled(["a-b", "---"].into_iter()));
    }
}
