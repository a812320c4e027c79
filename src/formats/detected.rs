//! What was found out about a file, for the report.

use serde::Serialize;

use crate::formats::delimiter::Delimiter;
use crate::formats::kind::FileKind;

/// How a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detected {
    /// What it is.
    pub kind: FileKind,
    /// The charset of a text file and how it was found.
    #[serde(flatten)]
    pub charset: Option<Charset>,
    /// What stands between the columns of a text file; none before its first line was read.
    pub delimiter: Option<Delimiter>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
}

/// A charset and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Charset {
    /// Its name in the WHATWG Encoding standard, or IANA's for a code page of DOS.
    #[serde(rename = "charset")]
    pub name: &'static str,
    /// How it was found.
    #[serde(rename = "charsetFrom")]
    pub from: CharsetFrom,
}

/// How a charset was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CharsetFrom {
    /// By the byte-order mark.
    Bom,
    /// The bytes are UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// They are not, and this is the likeliest: it may be wrong.
    Guess,
    /// The Content-Type of the file states it.
    ContentType,
    /// It was set.
    Setting,
}

impl std::fmt::Display for Detected {
    /// `csv, UTF-8, commas`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(charset) = self.charset {
            let from = match charset.from {
                CharsetFrom::Bom => " by its byte-order mark",
                CharsetFrom::Utf8 => "",
                CharsetFrom::Guess => " by a guess",
                CharsetFrom::ContentType => " by its Content-Type",
                CharsetFrom::Setting => " as set",
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
    fn it_reads_as_a_line_and_as_json() {
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
            "csv, windows-1252 by a guess, semicolons"
        );
        assert_eq!(
            serde_json::to_string(&detected).unwrap(),
            r#"{"kind":"csv","charset":"windows-1252","charsetFrom":"guess","delimiter":"semicolon","sheet":null}"#
        );
    }
}
