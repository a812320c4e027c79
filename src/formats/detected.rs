//! What was detected about a file, for the report.

use serde::Serialize;

use crate::formats::delimiter::Delimiter;
use crate::formats::kind::FileKind;

/// How a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detected {
    /// The file format.
    pub kind: FileKind,
    /// The charset of a text file and how it was detected.
    #[serde(flatten)]
    pub charset: Option<Charset>,
    /// The delimiter of a text file; `None` until its first line has been read.
    pub delimiter: Option<Delimiter>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
}

/// A charset and how it was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Charset {
    /// The name in the WHATWG Encoding standard, or the IANA name of a DOS code page.
    #[serde(rename = "charset")]
    pub name: &'static str,
    /// How it was detected.
    #[serde(rename = "charsetFrom")]
    pub from: CharsetFrom,
}

/// How a charset was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CharsetFrom {
    /// By the byte-order mark.
    Bom,
    /// The bytes are valid UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// The bytes are not valid UTF-8, and this charset is the most likely one: it may be wrong.
    Guess,
    /// Declared in the Content-Type of the file.
    ContentType,
    /// Set by the settings or the caller.
    Setting,
}

impl std::fmt::Display for Detected {
    /// `csv, UTF-8, commas`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(charset) = self.charset {
            let from = match charset.from {
                CharsetFrom::Bom => " (byte-order mark)",
                CharsetFrom::Utf8 => "",
                CharsetFrom::Guess => " (guessed)",
                CharsetFrom::ContentType => " (Content-Type)",
                CharsetFrom::Setting => " (set)",
            };
            write!(f, ", {}{from}", charset.name)?;
        }
        if let Some(delimiter) = self.delimiter {
            write!(f, ", {}", delimiter.plural())?;
        }
        if let Some(sheet) = &self.sheet {
            write!(f, ", sheet \"{sheet}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detected_format_is_shown_as_text_and_json() {
        let detected = Detected {
            kind: FileKind::Csv,
            charset: Some(Charset {
                name: "windows-1252",
                from: CharsetFrom::Guess,
            }),
            delimiter: Some(Delimiter::Semicolon),
            sheet: None,
        };
        assert_eq!(
            detected.to_string(),
            "csv, windows-1252 (guessed), semicolons"
        );
        assert_eq!(
            serde_json::to_string(&detected).unwrap(),
            r#"{"kind":"csv","charset":"windows-1252","charsetFrom":"guess","delimiter":"semicolon","sheet":null}"#
        );
    }
}
