//! The section `[files]` of the settings.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::formats::charset::TextCharset;
use crate::formats::delimiter::Delimiter;
use crate::formats::error::{FormatError, shortened};
use crate::users::options::{ColumnMap, HeaderLine};

/// How files are read, and the limits of workbooks.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The charset of text files without a byte-order mark.
    pub charset: CharsetChoice,
    /// The delimiter of text files.
    pub delimiter: DelimiterChoice,
    /// The header line, unless the caller specifies it.
    pub header: HeaderLine,
    /// Additional meanings of column headings.
    pub map: ColumnMap,
    /// The maximum size of a workbook as sent, in bytes.
    pub workbook_bytes: u64,
    /// The maximum decompressed size of all parts of an xlsx workbook, in bytes.
    pub workbook_inflated_bytes: u64,
    /// The maximum memory for the texts and formats of one workbook, in bytes.
    pub workbook_memory_bytes: u64,
    /// The maximum memory for all workbooks that are being read at the same time, in bytes; others wait.
    pub workbooks_memory_bytes: u64,
    /// Seconds that a workbook waits for memory; then its sender gets an error and must try again later.
    pub workbook_wait_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Settings {
            charset: CharsetChoice(None),
            delimiter: DelimiterChoice(None),
            header: HeaderLine::Auto,
            map: ColumnMap::default(),
            workbook_bytes: 256 * MIB,
            workbook_inflated_bytes: 1024 * MIB,
            workbook_memory_bytes: 256 * MIB,
            workbooks_memory_bytes: 256 * MIB,
            workbook_wait_seconds: 30,
        }
    }
}

impl Settings {
    /// The settings for one file, whose charset and delimiter its sender may have chosen.
    ///
    /// # Errors
    /// The charset or the delimiter does not exist.
    pub fn of_file(
        &self,
        charset: Option<&str>,
        delimiter: Option<&str>,
    ) -> Result<Cow<'_, Settings>, FormatError> {
        let mut settings = Cow::Borrowed(self);
        if let Some(label) = charset {
            let choice = CharsetChoice::try_from(label.to_owned());
            let choice = choice.map_err(|_| FormatError::UnknownCharset {
                label: shortened(label),
            })?;
            settings.to_mut().charset = choice;
        }
        if let Some(word) = delimiter {
            let choice = DelimiterChoice::try_from(word.to_owned());
            let choice = choice.map_err(|_| FormatError::UnknownDelimiter {
                word: shortened(word),
            })?;
            settings.to_mut().delimiter = choice;
        }
        Ok(settings)
    }

    /// The maximum memory for one workbook, in bytes.
    pub fn memory_of_one(&self) -> u64 {
        self.workbook_memory_bytes.min(self.workbooks_memory_bytes)
    }

    /// Checks the ranges of the numbers.
    ///
    /// # Errors
    /// A message with the key and the range.
    pub fn check(&self) -> Result<(), String> {
        const LEAST: u64 = 16 * 1024 * 1024;
        match self.workbooks_memory_bytes >= LEAST {
            true => Ok(()),
            false => Err(format!(
                "files.workbooks_memory_bytes must be at least {LEAST}"
            )),
        }
    }
}

/// `auto`, a label of the WHATWG Encoding standard such as `windows-1252`, or a DOS code page such as
/// `cp850`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct CharsetChoice(pub Option<TextCharset>);

impl From<CharsetChoice> for String {
    fn from(choice: CharsetChoice) -> Self {
        choice.0.map_or("auto", TextCharset::name).to_lowercase()
    }
}

impl TryFrom<String> for CharsetChoice {
    type Error = String;

    fn try_from(label: String) -> Result<Self, String> {
        if label.trim().eq_ignore_ascii_case("auto") {
            return Ok(CharsetChoice(None));
        }
        let charset = TextCharset::for_label(&label);
        charset.map(|some| CharsetChoice(Some(some))).ok_or_else(|| {
            format!(
                "\"{label}\" is not a known charset; use \"auto\" or a name such as \"utf-8\", \"windows-1252\" or \
                 \"cp850\""
            )
        })
    }
}

/// `auto`, one of `comma`, `semicolon`, `tab`, `bar`, or a character such as `#`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DelimiterChoice(pub Option<Delimiter>);

impl From<DelimiterChoice> for String {
    fn from(choice: DelimiterChoice) -> Self {
        choice.0.map_or("auto", Delimiter::word).to_owned()
    }
}

impl TryFrom<String> for DelimiterChoice {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        if word.trim().eq_ignore_ascii_case("auto") {
            return Ok(DelimiterChoice(None));
        }
        match Delimiter::named(&word) {
            Some(delimiter) => Ok(DelimiterChoice(Some(delimiter))),
            None => Err(format!(
                "\"{word}\" is not a delimiter; use \"auto\", \"comma\", \"semicolon\", \"tab\", \"bar\", or one of the \
                 characters # : ~ ^ ! / & * % + $"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_and_delimiters_are_parsed_by_name() {
        let charset = |label: &str| CharsetChoice::try_from(label.to_owned());
        assert_eq!(charset("auto").unwrap().0, None);
        assert_eq!(
            charset("Latin1").unwrap().0.map(TextCharset::name),
            Some("windows-1252")
        );
        for label in ["cp850", "ibm850", "cp437", "macroman", "cp866", "utf-16le"] {
            let choice = charset(label).unwrap();
            assert_eq!(charset(&String::from(choice)), Ok(choice), "{label}");
        }
        assert!(charset("latin-nine").unwrap_err().contains("latin-nine"));
        let delimiter = |word: &str| DelimiterChoice::try_from(word.to_owned());
        assert_eq!(delimiter("auto").unwrap().0, None);
        assert_eq!(delimiter(";").unwrap().0, Some(Delimiter::Semicolon));
        assert_eq!(delimiter("TAB").unwrap().0, Some(Delimiter::Tab));
        assert_eq!(String::from(delimiter("#").unwrap()), "hash");
        assert_eq!(delimiter("hash").unwrap(), delimiter("#").unwrap());
        assert!(delimiter("x").is_err() && delimiter("\"").is_err());
    }

    #[test]
    fn charset_and_delimiter_of_one_file_replace_the_settings() {
        let settings = Settings::default();
        let plain = settings.of_file(None, None).unwrap();
        assert!(matches!(plain, Cow::Borrowed(_)));
        let file = settings.of_file(Some("cp850"), Some("|")).unwrap();
        assert_eq!(file.charset.0.map(TextCharset::name), Some("IBM850"));
        assert_eq!(file.delimiter.0, Some(Delimiter::Bar));
        let auto = settings.of_file(Some("auto"), Some("auto")).unwrap();
        assert_eq!((auto.charset.0, auto.delimiter.0), (None, None));
        for (charset, delimiter, code) in [
            (Some("latin-nine"), None, "IMP-FILE-CHARSET"),
            (None, Some("x"), "IMP-CSV-DELIMITER"),
        ] {
            let error = settings.of_file(charset, delimiter).unwrap_err();
            let named = charset.or(delimiter).unwrap();
            assert_eq!(error.code(), code);
            assert!(error.to_string().starts_with(&format!("{named:?}")));
        }
    }
}
