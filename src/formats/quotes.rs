//! Checks the quotation marks of one record of a CSV file: whether they follow RFC 4180, and what they mean if
//! they do not.
//!
//! `csv-core` accepts any text, and loses or moves a mark if the text is not CSV. A record with marks is therefore
//! checked before it is used. Two other conventions are supported if the record has only one interpretation:
//! marks escaped with a backslash, and blanks before the opening mark. Any other record is left to the caller as
//! [`Verdict::Unclear`]. A mark inside a cell that does not begin with one (`5" pipe`) is literal.

use memchr::{memchr, memchr2, memchr3, memmem};

/// The result of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// CSV according to RFC 4180.
    Csv,
    /// Another convention, which is the only one that fits the record.
    Other(Convention),
    /// The field at this position, from 0, is ambiguous.
    Unclear(usize),
}

/// How quotation marks are written if not according to RFC 4180.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    /// `\"` is a mark inside a cell, and `\\` a backslash.
    Backslash,
    /// Blanks before the opening mark.
    Blanks,
}

/// Checks a record that has quotation marks. `record` is the record according to RFC 4180.
pub(super) fn judge(record: &[u8], delimiter: u8) -> Verdict {
    // Few records have a backslash, and searching for one byte is cheap.
    let escaped = memchr(b'\\', record).is_some() && memmem::find(record, b"\\\"").is_some();
    let found = scan(record, delimiter, escaped);
    let Some(position) = found.unclear.or(found.blanks_first) else {
        // A record that two conventions read differently is ambiguous.
        let doubtful = escaped && (found.odd || found.doubled_after_backslash);
        return match doubtful && parse(record, delimiter, Convention::Backslash).is_some() {
            true => Verdict::Unclear(found.last_quoted),
            false => Verdict::Csv,
        };
    };
    if escaped && parse(record, delimiter, Convention::Backslash).is_some() {
        return Verdict::Other(Convention::Backslash);
    }
    let whole = |parsed: &Parsed| parsed.length == record.len();
    match parse(record, delimiter, Convention::Blanks).filter(whole) {
        Some(_) => Verdict::Other(Convention::Blanks),
        None => Verdict::Unclear(position),
    }
}

/// The properties of a record that is read as CSV.
#[derive(Default)]
struct Found {
    /// The first field that is not valid CSV.
    unclear: Option<usize>,
    /// The first field that has blanks before its opening mark.
    blanks_first: Option<usize>,
    /// An unquoted field has an odd number of quotation marks.
    odd: bool,
    /// A mark is doubled after a backslash, so that the field continues where it might have ended.
    doubled_after_backslash: bool,
    last_quoted: usize,
}

impl Found {
    /// Examines an unquoted field that contains quotation marks. `opener` is the first field with a mark that could
    /// open a quoted text.
    fn check_unquoted(&mut self, position: usize, cell: &[u8], opener: &mut Option<usize>) {
        if cell.trim_ascii_start().starts_with(b"\"") {
            self.blanks_first.get_or_insert(position);
        }
        if memchr::memchr_iter(b'"', cell).count() % 2 == 1 {
            self.odd = true;
            match *opener {
                Some(opener) => {
                    self.unclear.get_or_insert(opener);
                }
                None if opens(cell) => *opener = Some(position),
                None => {}
            }
        }
    }
}

fn scan(record: &[u8], delimiter: u8, escaped: bool) -> Found {
    let mut found = Found::default();
    let mut opener = None;
    let mut at = 0;
    for position in 0.. {
        let rest = record.get(at..).unwrap_or_default();
        let end = match rest {
            [b'"', inside @ ..] => {
                found.last_quoted = position;
                let close = closing(inside);
                found.doubled_after_backslash |= escaped
                    && inside
                        .get(..close)
                        .is_some_and(|inside| memmem::find(inside, b"\\\"\"").is_some());
                let after = 1 + close + 1;
                let text = rest.get(after..).unwrap_or_default();
                let length = memchr(delimiter, text).unwrap_or(text.len());
                if !is_blank(text.get(..length).unwrap_or_default()) {
                    found.unclear.get_or_insert(position);
                }
                (after + length).min(rest.len())
            }
            _ => {
                let length = memchr(delimiter, rest).unwrap_or(rest.len());
                let cell = rest.get(..length).unwrap_or_default();
                if memchr(b'"', cell).is_some() {
                    found.check_unquoted(position, cell, &mut opener);
                }
                length
            }
        };
        at += end + 1;
        if at > record.len() {
            break;
        }
    }
    found
}

/// The position of the mark that closes a quoted field, or the end of the text.
fn closing(inside: &[u8]) -> usize {
    let mut at = 0;
    while let Some(mark) = memchr(b'"', inside.get(at..).unwrap_or_default()) {
        at += mark;
        if inside.get(at + 1) != Some(&b'"') {
            return at;
        }
        at += 2;
    }
    inside.len()
}

/// Whether the last mark of a cell could open a quoted text: it is before a character, and not after a digit, where
/// it means inches.
fn opens(cell: &[u8]) -> bool {
    let Some(mark) = memchr::memrchr(b'"', cell) else {
        return false;
    };
    let before = mark.checked_sub(1).and_then(|place| cell.get(place));
    let after = cell.get(mark + 1);
    after.is_some_and(|byte| !byte.is_ascii_whitespace()) && !before.is_some_and(u8::is_ascii_digit)
}

fn is_blank(text: &[u8]) -> bool {
    text.trim_ascii().is_empty()
}

/// A record that was read by another convention.
pub(super) struct Parsed {
    /// The length of the record in bytes, without its line end.
    pub length: usize,
    /// The concatenated fields.
    pub output: Vec<u8>,
    /// The end of each field in `output`.
    pub ends: Vec<usize>,
}

/// Reads the record at the start of `text`; `None` if the convention does not fit.
pub(super) fn parse(text: &[u8], delimiter: u8, convention: Convention) -> Option<Parsed> {
    let mut parsed = Parsed {
        length: 0,
        output: Vec::with_capacity(text.len()),
        ends: Vec::new(),
    };
    let mut escapes = Escapes::default();
    loop {
        let rest = text.get(parsed.length..)?;
        let blanks = rest.len() - trim_blanks(rest, delimiter).len();
        let field = match rest.get(blanks..)? {
            [b'"', inside @ ..] => {
                let length = match convention {
                    Convention::Backslash => {
                        escaped_field(inside, &mut parsed.output, &mut escapes)?
                    }
                    Convention::Blanks => doubled_field(inside, &mut parsed.output)?,
                };
                let after = inside.get(length..)?;
                blanks + 1 + length + (after.len() - trim_blanks(after, delimiter).len())
            }
            _ => {
                let length = memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
                let cell = rest.get(..length)?;
                if memchr::memchr_iter(b'"', cell).count() % 2 == 1 && opens(cell) {
                    return None;
                }
                parsed.output.extend_from_slice(cell);
                length
            }
        };
        parsed.length += field;
        parsed.ends.push(parsed.output.len());
        match text.get(parsed.length) {
            Some(byte) if *byte == delimiter => parsed.length += 1,
            None | Some(b'\n' | b'\r') => break,
            Some(_) => return None,
        }
    }
    let known = match convention {
        Convention::Backslash => escapes.mark && !(escapes.backslash && escapes.other),
        Convention::Blanks => true,
    };
    known.then_some(parsed)
}

fn trim_blanks(text: &[u8], delimiter: u8) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t') && *byte != delimiter;
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    text.get(blanks..).unwrap_or_default()
}

/// The characters after the backslashes of a record.
#[derive(Default)]
struct Escapes {
    mark: bool,
    backslash: bool,
    other: bool,
}

/// Reads a field with backslash escapes, starting after its opening mark; returns its length including the closing
/// mark. `None` if it does not end, or a mark is doubled.
fn escaped_field(inside: &[u8], output: &mut Vec<u8>, escapes: &mut Escapes) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = inside.get(at..)?;
        let next = memchr2(b'"', b'\\', rest)?;
        output.extend_from_slice(rest.get(..next)?);
        let sign = *rest.get(next)?;
        let after = rest.get(next + 1);
        at += next + 1;
        match (sign, after) {
            (b'"', Some(b'"')) => return None,
            (b'"', _) => return Some(at),
            (_, Some(b'"')) => {
                escapes.mark = true;
                output.push(b'"');
                at += 1;
            }
            (_, Some(b'\\')) => {
                escapes.backslash = true;
                output.push(b'\\');
                at += 1;
            }
            (_, _) => {
                escapes.other = true;
                output.push(b'\\');
            }
        }
    }
}

/// The same for a field in which marks are doubled.
fn doubled_field(inside: &[u8], output: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = inside.get(at..)?;
        let mark = memchr(b'"', rest)?;
        output.extend_from_slice(rest.get(..mark)?);
        at += mark + 1;
        if inside.get(at) != Some(&b'"') {
            return Some(at);
        }
        output.push(b'"');
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(record: &str) -> Verdict {
        judge(record.as_bytes(), b',')
    }

    /// The fields by the convention of the verdict, separated by bars.
    fn fields(record: &str) -> String {
        let Verdict::Other(convention) = verdict(record) else {
            return format!("{:?}", verdict(record));
        };
        let parsed = parse(record.as_bytes(), b',', convention).unwrap();
        let mut start = 0;
        let cells: Vec<&str> = parsed
            .ends
            .iter()
            .map(|end| {
                let cell = std::str::from_utf8(&parsed.output[start..*end]).unwrap();
                start = *end;
                cell
            })
            .collect();
        cells.join("|")
    }

    #[test]
    fn valid_csv_is_accepted() {
        for record in [
            r#""a","b""#,
            r#"mira,"Mira ""Mimi"" Falk",x"#,
            r#"mira,"",x"#,
            r#"mira,"""Mimi""",x"#,
            "mira,\"two\nlines\",x",
            r#"mira,"Mira" ,x"#,
            r#"mira,5" pipe,6" pipe"#,
            r#"mira,Mira "Mimi" Falk,x"#,
            r#"mira,Mira "Mimi" Falk,"x""#,
            r#"mira,"C:\dir\","D:\dir\""#,
            r#"mira,"C:\dir\",5" pipe"#,
            r#"mira,"back\slash",x"#,
        ] {
            assert_eq!(verdict(record), Verdict::Csv, "{record}");
        }
    }

    #[test]
    fn backslash_escapes_are_read_if_no_mark_is_doubled() {
        for (record, cells) in [
            (
                r#"mira,"Mira \"Mimi\" Falk",x"#,
                r#"mira|Mira "Mimi" Falk|x"#,
            ),
            (r#"mira,"\"Mimi\" Falk","x""#, r#"mira|"Mimi" Falk|x"#),
            (r#"mira,"a \"b, c\" d","",x"#, r#"mira|a "b, c" d||x"#),
            (r#"mira,"a \"b\" \\ c","d""#, r#"mira|a "b" \ c|d"#),
            (r#"mira,"DOM\ann \"b\" c""#, r#"mira|DOM\ann "b" c"#),
            ("mira,\"a \\\"b\nc\\\" d\",x", "mira|a \"b\nc\" d|x"),
        ] {
            assert_eq!(fields(record), cells, "{record}");
        }
        for record in [
            r#"mira,"a \"b\" c","d ""e"" f""#,
            r#"mira,"a \"b\" c" d,x"#,
            r#"mira,"a \"b\" \\ \n",x"#,
            r#"mira,"a\",b 5""#,
        ] {
            assert!(
                matches!(verdict(record), Verdict::Unclear(1 | 2)),
                "{record}"
            );
        }
    }

    #[test]
    fn escaped_record_may_end_before_the_csv_record() {
        let text = "mira,\"Mimi says \\\"\",x\notto,\"Otto\",y";
        assert_eq!(verdict(text), Verdict::Other(Convention::Backslash));
        let parsed = parse(text.as_bytes(), b',', Convention::Backslash).unwrap();
        assert_eq!(&text[parsed.length..], "\notto,\"Otto\",y");
        assert_eq!(parsed.output, b"miraMimi says \"x");
    }

    #[test]
    fn blanks_before_the_opening_mark_are_not_part_of_the_cell() {
        assert_eq!(fields(r#"mira, "Falk, Mira", "x""#), "mira|Falk, Mira|x");
        assert_eq!(fields(r#"mira,  "a ""b"" c"  ,x"#), r#"mira|a "b" c|x"#);
        assert_eq!(fields(r#" "mira",x"#), "mira|x");
    }

    #[test]
    fn ambiguous_records_are_unclear() {
        for (record, position) in [
            (r#"mira,"Mira" Falk,x"#, 1),
            (r#"mira,x,"Mira "Mimi" Falk""#, 2),
            (r#""mira"x,y"#, 0),
            (r#"mira,Mira "Mimi, the" Falk,x"#, 1),
            (r#"mira,Mira"Mimi, the" Falk,x"#, 1),
            (r#"mira, "Mira,x"#, 1),
            (r#"mira, "Mira" Falk,x"#, 1),
        ] {
            assert_eq!(verdict(record), Verdict::Unclear(position), "{record}");
        }
    }
}
