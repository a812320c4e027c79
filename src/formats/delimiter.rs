//! Detects the delimiter of a CSV file by its first two lines.
//!
//! A spreadsheet writes the delimiter of its locale: a semicolon where the comma is the decimal separator. It
//! may also declare the delimiter in a first line `sep=;`, which is not a row.

use serde::{Serialize, Serializer};

/// A delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// U+0009
    Tab,
    /// `|`
    Bar,
    /// A less common one.
    Other(&'static Sign),
}

/// A character that is a delimiter only if it was chosen deliberately.
#[derive(Debug, PartialEq, Eq)]
pub struct Sign {
    byte: u8,
    /// The form used in messages.
    shown: &'static str,
    /// The word in the settings.
    word: &'static str,
    name: &'static str,
    plural: &'static str,
}

const fn sign(
    byte: u8,
    shown: &'static str,
    word: &'static str,
    [name, plural]: [&'static str; 2],
) -> Sign {
    Sign {
        byte,
        shown,
        word,
        name,
        plural,
    }
}

/// The less common delimiters.
static SIGNS: [Sign; 13] = [
    sign(b'#', "#", "hash", ["number sign", "number signs"]),
    sign(b':', ":", "colon", ["colon", "colons"]),
    sign(b'~', "~", "tilde", ["tilde", "tildes"]),
    sign(b'^', "^", "caret", ["caret", "carets"]),
    sign(
        0x1f,
        "U+001F",
        "unit-separator",
        ["unit separator", "unit separators"],
    ),
    sign(
        0x01,
        "U+0001",
        "control-a",
        ["Control-A", "Control-A characters"],
    ),
    sign(
        b'!',
        "!",
        "exclamation",
        ["exclamation mark", "exclamation marks"],
    ),
    sign(b'/', "/", "slash", ["slash", "slashes"]),
    sign(b'&', "&", "ampersand", ["ampersand", "ampersands"]),
    sign(b'*', "*", "asterisk", ["asterisk", "asterisks"]),
    sign(b'%', "%", "percent", ["percent sign", "percent signs"]),
    sign(b'+', "+", "plus", ["plus sign", "plus signs"]),
    sign(b'$', "$", "dollar", ["dollar sign", "dollar signs"]),
];

/// Separators that some programs write and no CSV reader accepts as a delimiter.
const LONGER: [&str; 10] = [
    ";;", "||", "::", "##", "~~", "~|~", "|~|", "<|>", "\u{a6}", "\u{feff}",
];

/// The result for a first line that uses none of the usual delimiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusual {
    /// With this delimiter the line consists of known columns only.
    Read(Delimiter),
    /// The line seems to use this delimiter, which must be set.
    Set(&'static Sign),
    /// The line uses this separator, which is not supported.
    Refused(&'static str),
}

impl Serialize for Delimiter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Sign {
    /// The character in the form used in messages.
    pub fn shown(&self) -> &'static str {
        self.shown
    }

    /// The word in the settings.
    pub fn word(&self) -> &'static str {
        self.word
    }
}

impl Delimiter {
    /// The usual delimiters, the most common first.
    pub const ALL: [Delimiter; 4] = [
        Delimiter::Comma,
        Delimiter::Semicolon,
        Delimiter::Tab,
        Delimiter::Bar,
    ];

    /// Every delimiter, the usual ones first.
    pub fn every() -> impl Iterator<Item = Delimiter> {
        let others = SIGNS.iter().map(Delimiter::Other);
        Self::ALL.into_iter().chain(others)
    }

    /// The byte.
    pub fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
            Delimiter::Bar => b'|',
            Delimiter::Other(sign) => sign.byte,
        }
    }

    /// `comma`.
    pub fn name(self) -> &'static str {
        match self {
            Delimiter::Comma => "comma",
            Delimiter::Semicolon => "semicolon",
            Delimiter::Tab => "TAB",
            Delimiter::Bar => "vertical bar",
            Delimiter::Other(sign) => sign.name,
        }
    }

    /// `commas`.
    pub fn plural(self) -> &'static str {
        match self {
            Delimiter::Comma => "commas",
            Delimiter::Semicolon => "semicolons",
            Delimiter::Tab => "TABs",
            Delimiter::Bar => "vertical bars",
            Delimiter::Other(sign) => sign.plural,
        }
    }

    /// The word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Delimiter::Comma => "comma",
            Delimiter::Semicolon => "semicolon",
            Delimiter::Tab => "tab",
            Delimiter::Bar => "bar",
            Delimiter::Other(sign) => sign.word,
        }
    }

    /// Parses a word of the settings, or a character.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "," | "comma" => Some(Delimiter::Comma),
            ";" | "semicolon" => Some(Delimiter::Semicolon),
            "\t" | "\\t" => Some(Delimiter::Tab),
            "|" | "bar" => Some(Delimiter::Bar),
            _ if word.eq_ignore_ascii_case("tab") => Some(Delimiter::Tab),
            _ => match word.as_bytes() {
                [byte] => Self::of_byte(*byte),
                _ => {
                    let named = |sign: &&Sign| sign.word.eq_ignore_ascii_case(word);
                    SIGNS.iter().find(named).map(Delimiter::Other)
                }
            },
        }
    }

    /// The delimiter with this byte.
    pub fn of_byte(byte: u8) -> Option<Self> {
        let usual = Self::ALL.into_iter().find(|one| one.byte() == byte);
        usual.or_else(|| {
            let sign = SIGNS.iter().find(|sign| sign.byte == byte)?;
            Some(Delimiter::Other(sign))
        })
    }

    /// Examines the first line of a file for a delimiter that is not one of the usual ones; `known` recognizes
    /// column names.
    pub(super) fn unusual(line: &str, known: &dyn Fn(&str) -> bool) -> Option<Unusual> {
        let bare = |cell: &str| cell.trim().trim_matches('"').trim().to_owned();
        if known(&bare(line)) {
            return None;
        }
        // The numbers of cells, of non-empty cells and of known columns with this delimiter.
        let columns = |delimiter: &str| {
            let cells: Vec<String> = line.split(delimiter).map(bare).collect();
            let known = cells.iter().filter(|cell| known(cell)).count();
            let named = cells.iter().filter(|cell| !cell.is_empty()).count();
            (cells.len(), named, known)
        };
        let all = |(cells, _, known): (usize, usize, usize)| cells > 1 && cells == known;
        if let Some(found) = LONGER.into_iter().find(|found| all(columns(found))) {
            return Some(Unusual::Refused(found));
        }
        if Self::ALL
            .into_iter()
            .any(|one| line.as_bytes().contains(&one.byte()))
        {
            return None;
        }
        let by = |sign: &Sign| columns(char::from(sign.byte).encode_utf8(&mut [0; 4]));
        if let Some(sign) = SIGNS.iter().find(|sign| all(by(sign))) {
            return Some(Unusual::Read(Delimiter::Other(sign)));
        }
        let some = |sign: &&Sign| {
            let (_, named, known) = by(sign);
            named > 1 && known > 0
        };
        SIGNS.iter().find(some).map(Unusual::Set)
    }

    /// Detects the delimiter from the first lines of `text`.
    ///
    /// If only one of the usual delimiters occurs outside quotation marks in the first line, it is that one; if
    /// none does, there is one column and the result is the comma. If several do (a password with a semicolon
    /// in a first line that is not a header), it is the one that occurs as often in the second line, and the
    /// comma if there are several of those. `None` if it cannot be determined.
    pub fn detect(text: &[u8]) -> Option<Self> {
        let (first, rest) = count(text);
        let found: Vec<Delimiter> = Self::ALL
            .into_iter()
            .filter(|one| first.of(*one) > 0)
            .collect();
        match found.as_slice() {
            [] => return Some(Delimiter::Comma),
            [only] => return Some(*only),
            _ => {}
        }
        let second = rest.map(|rest| count(rest).0);
        let agrees = |one: &Delimiter| {
            second
                .as_ref()
                .is_none_or(|second| second.of(*one) == first.of(*one))
        };
        let mut agreeing = found.iter().copied().filter(agrees);
        match (agreeing.next(), agreeing.next()) {
            (Some(only), None) => Some(only),
            _ => {
                let comma = first.of(Delimiter::Comma);
                let most = found.iter().all(|other| first.of(*other) <= comma);
                most.then_some(Delimiter::Comma)
            }
        }
    }
}

/// The line `sep=;` that Excel accepts at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SepLine {
    /// The delimiter; `None` if the character is not a supported one.
    pub delimiter: Option<Delimiter>,
    /// The length of the line in bytes, without its end.
    pub length: usize,
}

impl SepLine {
    /// Parses the line, if `text` begins with one.
    pub fn read(text: &[u8]) -> Option<Self> {
        let end = memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
        let line = text.get(..end)?;
        let bare = line
            .strip_prefix(b"\"")
            .and_then(|inner| inner.strip_suffix(b"\""))
            .unwrap_or(line);
        let (word, named) = bare.split_at_checked(4)?;
        let [byte] = named else { return None };
        word.eq_ignore_ascii_case(b"sep=").then(|| SepLine {
            delimiter: Delimiter::of_byte(*byte),
            length: line.len(),
        })
    }
}

/// The number of occurrences of each delimiter in a line.
#[derive(Debug, Default)]
struct Counts([usize; 4]);

impl Counts {
    fn of(&self, delimiter: Delimiter) -> usize {
        let [comma, semicolon, tab, bar] = self.0;
        match delimiter {
            Delimiter::Comma => comma,
            Delimiter::Semicolon => semicolon,
            Delimiter::Tab => tab,
            Delimiter::Bar => bar,
            Delimiter::Other(_) => 0,
        }
    }
}

/// Counts the delimiters outside quotation marks in the first non-empty line of `text`; also returns the text
/// after the line, if there is any.
fn count(text: &[u8]) -> (Counts, Option<&[u8]>) {
    let start = text
        .iter()
        .position(|byte| !matches!(byte, b'\n' | b'\r'))
        .unwrap_or(text.len());
    let text = text.get(start..).unwrap_or_default();
    let mut counts = Counts::default();
    let (mut quoted, mut field_starts) = (false, true);
    for (position, byte) in text.iter().enumerate() {
        match byte {
            b'"' if quoted || field_starts => {
                quoted = !quoted;
                // A doubled mark opens the field again.
                field_starts = !quoted;
            }
            _ if quoted => {}
            b'\n' | b'\r' => {
                let rest = text.get(position..).unwrap_or_default();
                let more = rest.iter().any(|byte| !matches!(byte, b'\n' | b'\r'));
                return (counts, more.then_some(rest));
            }
            _ => {
                field_starts = false;
                for (one, count) in Delimiter::ALL.iter().zip(&mut counts.0) {
                    if one.byte() == *byte {
                        *count += 1;
                        field_starts = true;
                    }
                }
            }
        }
    }
    (counts, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiter_is_detected_by_the_first_line() {
        for (text, delimiter) in [
            ("UserName,Password,Claims\n", Delimiter::Comma),
            ("username\nkim;lee\n", Delimiter::Comma),
            ("", Delimiter::Comma),
            ("\r\nuser;password;email\r\n", Delimiter::Semicolon),
            ("user\tpassword\n", Delimiter::Tab),
            ("user|password\n", Delimiter::Bar),
            ("\"a,b\";\"c \"\"d, e\"\"\"\n", Delimiter::Semicolon),
            ("5\";tall\"\n", Delimiter::Semicolon),
            (
                "kim;;http://wso2.org/claims/country=FR;http://wso2.org/claims/role=A:B\n",
                Delimiter::Semicolon,
            ),
            // Two delimiters in the first line.
            ("anna,P;a;s;s1,x\nbob,word,y\n", Delimiter::Comma),
            ("anna,P;a;s;s1\nbob,xyz\n", Delimiter::Comma),
            ("name;a, b, c;d\nkim;Lee;x\n", Delimiter::Semicolon),
            ("a,b;c\nd,e;f\n", Delimiter::Comma),
            ("a,b;c", Delimiter::Comma),
            ("user,name;email\n\"a\n,b\",c;d\n", Delimiter::Comma),
        ] {
            assert_eq!(
                Delimiter::detect(text.as_bytes()),
                Some(delimiter),
                "{text:?}"
            );
        }
        assert_eq!(Delimiter::detect(b"a,b;c;d\nx\n"), None);
    }

    #[test]
    fn known_columns_reveal_an_unusual_delimiter() {
        let known = |name: &str| ["username", "email", "given name"].contains(&name);
        let unusual = |line: &str| Delimiter::unusual(line, &known);
        let read = |byte| Some(Unusual::Read(Delimiter::of_byte(byte).unwrap()));
        for (line, byte) in [
            ("username#email", b'#'),
            ("username:given name:email", b':'),
            ("username ~ email", b'~'),
            ("\"username\"^\"email\"", b'^'),
            ("username\u{1f}email", 0x1f),
            ("username\u{1}email", 1),
        ] {
            assert_eq!(unusual(line), read(byte), "{line:?}");
        }
        for line in [";;", "||", "\u{a6}", "~|~"] {
            assert_eq!(
                unusual(&format!("username{line}email")),
                Some(Unusual::Refused(line))
            );
        }
        let set = unusual("username#colour");
        assert!(matches!(set, Some(Unusual::Set(sign)) if sign.shown() == "#"));
        for line in [
            "username",
            "username#",
            "username:",
            "name#colour",
            "username,email#colour",
            "username;;email;",
            "kim",
            "",
        ] {
            assert_eq!(unusual(line), None, "{line:?}");
        }
    }

    #[test]
    fn every_delimiter_has_its_own_word() {
        let signs = SIGNS.iter().map(Delimiter::Other);
        let all: Vec<Delimiter> = Delimiter::ALL.into_iter().chain(signs).collect();
        for one in &all {
            assert_eq!(Delimiter::named(one.word()), Some(*one));
            assert_eq!(Delimiter::of_byte(one.byte()), Some(*one));
        }
        for wrong in ["\"", "a", "0", "\n", "=", "@", "\\", "_", "-", ".", ""] {
            assert_eq!(Delimiter::named(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn sep_line_is_parsed() {
        let read = |text: &[u8]| SepLine::read(text).map(|line| (line.delimiter, line.length));
        assert_eq!(read(b"sep=;\r\na;b"), Some((Some(Delimiter::Semicolon), 5)));
        assert_eq!(read(b"SEP=\t\n"), Some((Some(Delimiter::Tab), 5)));
        assert_eq!(read(b"\"sep=,\"\n"), Some((Some(Delimiter::Comma), 7)));
        assert_eq!(read(b"sep=#\n"), Some((Delimiter::of_byte(b'#'), 5)));
        assert_eq!(read(b"sep=x\n"), Some((None, 5)));
        assert_eq!(read(b"sep=ab\n"), None);
        assert_eq!(read(b"separator\n"), None);
    }
}
