//! The format of a file, by the extension of its name and by its first bytes.

use serde::Serialize;

use crate::formats::markup;
use crate::formats::not_a_table::recognize;

/// A supported file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Delimited text (RFC 4180 and similar formats).
    Csv,
    /// An Office Open XML workbook (ECMA-376).
    Xlsx,
    /// An Excel 97 to 2003 workbook (MS-XLS).
    Xls,
}

impl FileKind {
    /// The format according to the file name: only its last letters count, in any case and without a dot, as in
    /// the original service. `tsv` means CSV with TABs.
    pub fn called(file_name: &str) -> Option<Self> {
        const ENDS: [(&str, FileKind); 4] = [
            ("csv", FileKind::Csv),
            ("tsv", FileKind::Csv),
            ("xlsx", FileKind::Xlsx),
            ("xls", FileKind::Xls),
        ];
        let name = file_name.trim().to_ascii_lowercase();
        let found = ENDS.iter().find(|(end, _)| name.ends_with(end));
        found.map(|(_, kind)| *kind)
    }

    /// `csv`, `xlsx` or `xls`.
    pub fn as_str(self) -> &'static str {
        match self {
            FileKind::Csv => "csv",
            FileKind::Xlsx => "xlsx",
            FileKind::Xls => "xls",
        }
    }

    /// A description for messages.
    pub fn described(self) -> &'static str {
        match self {
            FileKind::Csv => "text",
            FileKind::Xlsx => "an Excel workbook (.xlsx)",
            FileKind::Xls => "an Excel 97-2003 workbook (.xls)",
        }
    }
}

/// The format according to the first bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The file is empty.
    Empty,
    /// It may be text.
    Text,
    /// A ZIP archive, such as an Office Open XML workbook.
    Zip {
        /// Whether the first parts are those of a workbook.
        looks_like_workbook: bool,
    },
    /// A compound file (MS-CFB): an .xls workbook, an encrypted workbook, or another document.
    Compound,
    /// Text in UTF-32, which is not supported (WHATWG Encoding §4.2).
    Utf32,
    /// A format that a spreadsheet program can open and save as a workbook.
    Savable(&'static str),
    /// A format without rows.
    Other(&'static str),
}

/// The number of bytes that [`Content::of`] needs, if the file has that many.
pub const BEGINNING: u64 = 2048;

impl Content {
    /// Detects the format from the beginning of a file.
    pub fn of(beginning: &[u8]) -> Self {
        const OTHERS: [(&[u8], &str); 14] = [
            (b"%PDF-", "a PDF document"),
            (b"\x1f\x8b", "compressed with gzip"),
            (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
            (b"Rar!\x1a\x07", "a RAR archive"),
            (b"\x7fELF", "a program"),
            (b"{\\rtf", "an RTF document"),
            (b"\x89PNG", "a picture"),
            (b"\xff\xd8\xff", "a picture"),
            (b"GIF8", "a picture"),
            (b"BZh", "compressed with bzip2"),
            (b"\xfd7zXZ\0", "compressed with xz"),
            (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
            (b"PAR1", "a Parquet file"),
            (b"SQLite format 3\0", "an SQLite database"),
        ];
        let starts = |magic: &[u8]| beginning.starts_with(magic);
        if beginning.is_empty() {
            return Content::Empty;
        }
        if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
            let looks_like_workbook = memchr::memmem::find(beginning, b"xl/").is_some()
                || memchr::memmem::find(beginning, b"[Content_Types].xml").is_some();
            return Content::Zip {
                looks_like_workbook,
            };
        }
        if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            return Content::Compound;
        }
        let is_utf32_without_mark = matches!(
            beginning,
            [a, 0, 0, 0, b, 0, 0, 0, ..] | [0, 0, 0, a, 0, 0, 0, b, ..] if *a > 0 && *b > 0
        );
        if starts(b"\xff\xfe\0\0") || starts(b"\0\0\xfe\xff") || is_utf32_without_mark {
            return Content::Utf32;
        }
        if let Some((_, found)) = OTHERS.iter().find(|(magic, _)| starts(magic)) {
            return Content::Other(found);
        }
        if let Some(found) = markup::recognize(beginning) {
            return Content::Savable(found);
        }
        let text = beginning.strip_prefix(b"\xef\xbb\xbf");
        if let Some(found) = recognize(text.unwrap_or(beginning)) {
            return Content::Other(found);
        }
        match is_binary(beginning) {
            true => Content::Other("binary data"),
            false => Content::Text,
        }
    }

    /// A description for messages.
    pub fn described(self) -> &'static str {
        match self {
            Content::Empty => "empty",
            Content::Text => "text",
            Content::Zip {
                looks_like_workbook: true,
            } => FileKind::Xlsx.described(),
            Content::Zip {
                looks_like_workbook: false,
            } => "a ZIP archive",
            Content::Compound => FileKind::Xls.described(),
            Content::Utf32 => "text in UTF-32",
            Content::Savable(found) | Content::Other(found) => found,
        }
    }
}

/// Whether more than one byte in twenty is a control character that does not occur in text. NUL is allowed
/// because it occurs in UTF-16; U+0001 and U+001F because they may be delimiters.
fn is_binary(beginning: &[u8]) -> bool {
    let strange = |byte: &&u8| matches!(byte, 2..=8 | 11 | 14..=26 | 28..=30 | 127);
    beginning.iter().filter(strange).count() * 20 > beginning.len().max(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_data_is_not_text_in_any_charset() {
        let noise: Vec<u8> = (0..=255).cycle().take(2048).collect();
        assert!(matches!(Content::of(&noise), Content::Other("binary data")));
        let row = b"UserName\nal\x07ice\n";
        assert!(
            matches!(Content::of(row), Content::Text),
            "a single control character is allowed"
        );
    }

    #[test]
    fn format_is_detected_by_the_extension() {
        for (name, kind) in [
            ("users.csv", Some(FileKind::Csv)),
            ("USERS.CSV ", Some(FileKind::Csv)),
            ("mycsv", Some(FileKind::Csv)),
            ("users.tsv", Some(FileKind::Csv)),
            ("Users.XLSX", Some(FileKind::Xlsx)),
            ("users.xls", Some(FileKind::Xls)),
            ("users.xlsx.csv", Some(FileKind::Csv)),
            ("users.txt", None),
            ("users.xlsm", None),
            ("users.csv.gz", None),
            ("", None),
        ] {
            assert_eq!(FileKind::called(name), kind, "{name}");
        }
    }

    #[test]
    fn format_is_detected_by_the_first_bytes() {
        let zip = |looks_like_workbook| Content::Zip {
            looks_like_workbook,
        };
        for (beginning, content) in [
            (&b""[..], Content::Empty),
            (b"a,b", Content::Text),
            (b"PK\x03\x04.......xl/workbook.xml", zip(true)),
            (b"PK\x03\x04.......photo.jpg", zip(false)),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Content::Compound),
            (b"\xff\xfea\0", Content::Text),
            (b"\xff\xfe\0\0a\0\0\0", Content::Utf32),
            (b"a\0\0\0b\0\0\0", Content::Utf32),
            (b"\0\0\0a\0\0\0b", Content::Utf32),
            (b"a\0b\0c\0d\0", Content::Text),
            (b"{\"a\":1}", Content::Other("JSON")),
            (b"%PDF-1.7", Content::Other("a PDF document")),
            (b"\x1f\x8b\x08", Content::Other("compressed with gzip")),
            (b"\xef\xbb\xbf\n <?xml", Content::Other("an XML document")),
            (b"<html>", Content::Savable("an HTML page")),
        ] {
            assert_eq!(Content::of(beginning), content, "{beginning:?}");
        }
    }
}
