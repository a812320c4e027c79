//! What stands between the columns, told by the first two lines.
//!
//! A spreadsheet writes what its country expects: a semicolon where the comma is the decimal mark. It
//! may also say so in a line of its own, `sep=;`, which is no row.

use serde::Serialize;

/// What stands between two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// U+0009
    Tab,
    /// `|`
    Bar,
}

impl Delimiter {
    /// All of them, the likeliest first.
    pub const ALL: [Delimiter; 4] = [
        Delimiter::Comma,
        Delimiter::Semicolon,
        Delimiter::Tab,
        Delimiter::Bar,
    ];

    /// The byte.
    pub fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
            Delimiter::Bar => b'|',
        }
    }

    /// `comma`.
    pub fn name(self) -> &'static str {
        match self {
            Delimiter::Comma => "comma",
            Delimiter::Semicolon => "semicolon",
            Delimiter::Tab => "TAB",
            Delimiter::Bar => "vertical bar",
        }
    }

    /// `commas`.
    pub fn plural(self) -> &'static str {
        match self {
            Delimiter::Comma => "commas",
            Delimiter::Semicolon => "semicolons",
            Delimiter::Tab => "TABs",
            Delimiter::Bar => "vertical bars",
        }
    }

    /// The word for it in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Delimiter::Comma => "comma",
            Delimiter::Semicolon => "semicolon",
            Delimiter::Tab => "tab",
            Delimiter::Bar => "bar",
        }
    }

    /// The one of this name, or this character.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "," | "comma" => Some(Delimiter::Comma),
            ";" | "semicolon" => Some(Delimiter::Semicolon),
            "\t" | "\\t" => Some(Delimiter::Tab),
            "|" | "bar" => Some(Delimiter::Bar),
            _ if word.eq_ignore_ascii_case("tab") => Some(Delimiter::Tab),
            _ => None,
        }
    }

    /// The delimiter of the lines that `text` begins with.
    ///
    /// Where only one of them stands outside quotation marks in the first line, it is that; where none
    /// does, there is one column and it is the comma. Where several do (a password with a semicolon in
    /// a first line that is no header), it is the one that the second line has as often, and among
    /// several such ones the comma. None: it cannot be told.
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

/// Excel's line `sep=;` at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SepLine {
    /// What it names; none: something that is no delimiter here.
    pub delimiter: Option<Delimiter>,
    /// Bytes of the line, without its end.
    pub length: usize,
}

impl SepLine {
    /// The line, where `text` begins with one.
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
            delimiter: Delimiter::ALL.into_iter().find(|one| one.byte() == *byte),
            length: line.len(),
        })
    }
}

/// How often each delimiter stands in a line.
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
        }
    }
}

/// Counts the delimiters outside quotation marks in the first line of `text` that is not empty; and
/// what is behind it, where there is something.
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
                // A mark that was doubled opens the field again.
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
    fn the_first_line_tells_it() {
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
            // Two of them in the first line.
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
    fn excels_own_line() {
        let read = |text: &[u8]| SepLine::read(text).map(|line| (line.delimiter, line.length));
        assert_eq!(read(b"sep=;\r\na;b"), Some((Some(Delimiter::Semicolon), 5)));
        assert_eq!(read(b"SEP=\t\n"), Some((Some(Delimiter::Tab), 5)));
        assert_eq!(read(b"\"sep=,\"\n"), Some((Some(Delimiter::Comma), 7)));
        assert_eq!(read(b"sep=:\n"), Some((None, 5)));
        assert_eq!(read(b"sep=ab\n"), None);
        assert_eq!(read(b"separator\n"), None);
    }
}
