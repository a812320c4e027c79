//! The options of an import.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::quoted;
use crate::words::words;

/// What happens to a row whose user already exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictPolicy {
    /// Nothing; the row counts as a duplicate, as in WSO2's service.
    #[default]
    Skip,
    /// The fields of the row replace the user's; an empty cell keeps the old value, and the cell
    /// `\N` clears it.
    Update,
    /// The fields of the row are added where the user has none.
    Fill,
    /// Nothing; the row counts as failed.
    Fail,
}

words!(ConflictPolicy {
    Skip => "skip",
    Update => "update",
    Fill => "fill",
    Fail => "fail",
});

impl ConflictPolicy {
    /// The policy that `word` names.
    ///
    /// # Errors
    /// A sentence that lists the words.
    pub fn parse(word: &str) -> Result<Self, String> {
        ConflictPolicy::ALL
            .into_iter()
            .find(|policy| policy.as_str() == word)
            .ok_or_else(|| {
                let word = quoted::word(word);
                format!("{word:?} is not a conflict policy; use skip, update, fill or fail")
            })
    }

    /// Whether existing users are changed.
    pub fn changes_users(self) -> bool {
        matches!(self, ConflictPolicy::Update | ConflictPolicy::Fill)
    }
}

/// The line of the file that names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HeaderLine {
    /// Detected from the first lines.
    #[default]
    Auto,
    /// None: every line is a row.
    None,
    /// This line, from 1; the lines above it are skipped.
    Line(u64),
}

impl HeaderLine {
    /// Parses `auto`, `none`, or the number of a line.
    ///
    /// # Errors
    /// A sentence that lists the valid values.
    pub fn parse(word: &str) -> Result<Self, String> {
        let word = word.trim();
        if word.eq_ignore_ascii_case("auto") {
            return Ok(HeaderLine::Auto);
        }
        if word.eq_ignore_ascii_case("none") {
            return Ok(HeaderLine::None);
        }
        let line = word.parse().ok().filter(|line| *line > 0);
        line.map(HeaderLine::Line).ok_or_else(|| {
            format!("{word:?} is not a header line; use auto, none, or a line number from 1")
        })
    }
}

impl std::fmt::Display for HeaderLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HeaderLine::Auto => f.write_str("auto"),
            HeaderLine::None => f.write_str("none"),
            HeaderLine::Line(line) => line.fmt(f),
        }
    }
}

impl TryFrom<String> for HeaderLine {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        HeaderLine::parse(&word)
    }
}

impl From<HeaderLine> for String {
    fn from(line: HeaderLine) -> Self {
        line.to_string()
    }
}

/// The caller's mapping of columns: a heading, or the number of a column from 1, to a column name
/// or claim URI; `_` for a column to be ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnMap(BTreeMap<String, String>);

/// The mapping of a column to be ignored.
pub const IGNORED_COLUMN: &str = "_";

/// The largest number of columns in one map.
const MAP_LIMIT: usize = 1024;

impl ColumnMap {
    /// Adds an entry such as `E-Mail Address=emailaddress`. The last `=` is the separator.
    ///
    /// # Errors
    /// A sentence: there is no `=`, one side is empty, or the heading is repeated.
    pub fn add(&mut self, entry: &str) -> Result<(), String> {
        let (heading, meaning) = entry
            .rsplit_once('=')
            .map(|(heading, meaning)| (heading.trim(), meaning.trim()))
            .filter(|(heading, meaning)| !heading.is_empty() && !meaning.is_empty())
            .ok_or_else(|| {
                let entry: String = entry.chars().take(80).collect();
                format!(
                    "{entry:?} does not map a column; write HEADING=COLUMN, such as \"E-Mail \
                     Address=emailaddress\", or HEADING=_ for a column that is not read"
                )
            })?;
        if self.0.len() >= MAP_LIMIT {
            return Err(format!("a map has at most {MAP_LIMIT} columns"));
        }
        // Headings are compared case-insensitively when the file is read.
        let key = heading.to_lowercase();
        if self.0.keys().any(|known| known.to_lowercase() == key) {
            let heading: String = heading.chars().take(80).collect();
            return Err(format!("the map names the heading {heading:?} twice"));
        }
        self.0.insert(heading.to_owned(), meaning.to_owned());
        Ok(())
    }

    /// The headings and their mappings.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.iter();
        entries.map(|(heading, meaning)| (heading.as_str(), meaning.as_str()))
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The options of one import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportOptions {
    /// What happens to a row whose user already exists.
    pub conflict: ConflictPolicy,
    /// Dry run: everything is checked, including the store's unique keys, and nothing is written.
    pub dry_run: bool,
    /// Nothing of the file is written if any of its rows has a problem.
    pub validate_first: bool,
    /// The import stops after this many failed rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<u64>,
    /// The line of the file that names the columns.
    #[serde(skip_serializing_if = "is_auto")]
    pub header: HeaderLine,
    /// The caller's mapping of columns.
    #[serde(skip_serializing_if = "ColumnMap::is_empty")]
    pub map: ColumnMap,
    /// The sheet of a workbook to read; none: the first visible one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The charset given in the file's Content-Type, unless it is UTF-8 or ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// The charset of a text file without a byte-order mark, chosen by the caller: a name as in `files.charset`.
    /// It takes precedence over the setting and over [`charset`](Self::charset).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced_charset: Option<String>,
    /// The delimiter of a text file, chosen by the caller: a word or a character as in `files.delimiter`. It takes
    /// precedence over the setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Names of roles that every user of the import gets in addition to those of the row. The rules are those for
    /// roles in a row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// For a SCIM request: its documents may omit `schemas`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub schemas_optional: bool,
}

fn is_auto(line: &HeaderLine) -> bool {
    *line == HeaderLine::Auto
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_round_trip_through_their_names() {
        for policy in ConflictPolicy::ALL {
            assert_eq!(ConflictPolicy::parse(policy.as_str()), Ok(policy));
        }
        assert!(
            ConflictPolicy::parse("replace")
                .unwrap_err()
                .contains("skip, update")
        );
    }

    #[test]
    fn header_lines_round_trip_through_text() {
        for (word, line) in [
            ("auto", HeaderLine::Auto),
            ("NONE", HeaderLine::None),
            (" 3", HeaderLine::Line(3)),
        ] {
            assert_eq!(HeaderLine::parse(word), Ok(line));
            assert_eq!(HeaderLine::parse(&line.to_string()), Ok(line));
        }
        for word in ["0", "-1", "first", ""] {
            assert!(HeaderLine::parse(word).unwrap_err().contains("auto, none"));
        }
    }

    #[test]
    fn a_repeated_heading_in_a_map_is_refused() {
        let mut map = ColumnMap::default();
        assert_eq!(map.add("E-Mail Address = emailaddress"), Ok(()));
        assert_eq!(map.add("a=b=_"), Ok(()));
        for again in ["E-Mail Address=mail", "e-mail address=mail"] {
            assert!(map.add(again).unwrap_err().contains("twice"), "{again}");
        }
        for entry in ["", "x", "x=", "=x"] {
            assert!(map.add(entry).unwrap_err().contains("HEADING=COLUMN"));
        }
        let entries: Vec<_> = map.entries().collect();
        assert_eq!(entries, [("E-Mail Address", "emailaddress"), ("a=b", "_")]);
    }

    #[test]
    fn options_round_trip_through_json() {
        let mut map = ColumnMap::default();
        map.add("Ext.=_").unwrap();
        let options = ImportOptions {
            conflict: ConflictPolicy::Fill,
            stop_after: Some(3),
            header: HeaderLine::Line(2),
            map,
            sheet: Some("Staff".into()),
            charset: Some("shift_jis".into()),
            forced_charset: Some("cp850".into()),
            delimiter: Some("tab".into()),
            roles: vec!["clerk".into()],
            ..ImportOptions::default()
        };
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(
            serde_json::from_str::<ImportOptions>(&json).unwrap(),
            options
        );
        assert_eq!(
            serde_json::from_str::<ImportOptions>("{}").unwrap(),
            ImportOptions::default()
        );
    }

    #[test]
    fn options_that_are_not_set_are_not_in_the_json() {
        let json = serde_json::to_string(&ImportOptions::default()).unwrap();
        assert_eq!(
            json,
            r#"{"conflict":"skip","dryRun":false,"validateFirst":false}"#
        );
    }
}
