//! Regular expressions from settings, matched against a whole text as Java's `String.matches` does.

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A compiled expression that has to match all of a text.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    whole: Regex,
}

impl Pattern {
    /// Compiles `source`; anchors at its ends are allowed and change nothing.
    ///
    /// # Errors
    /// The expression is not one that the `regex` crate understands (it has no look-around).
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let whole = Regex::new(&format!(r"\A(?:{source})\z"))?;
        Ok(Pattern {
            source: source.to_owned(),
            whole,
        })
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Pattern::new(&source).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_has_to_match() {
        let pattern = Pattern::new("a|ab").unwrap();
        assert!(pattern.matches("ab"));
        assert!(!pattern.matches("abc"));
        assert!(Pattern::new(r"^[\S]{5,30}$").unwrap().matches("admin"));
        assert!(!Pattern::new(r"^[\S]{5,30}$").unwrap().matches("admin\n"));
    }
}
