//! Regular expressions from the settings. They must match the whole text, as in Java's `String.matches`.

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A compiled expression that must match a text completely.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    whole: Regex,
}

impl Pattern {
    /// Compiles `source`. Anchors at its ends are allowed and have no effect.
    ///
    /// # Errors
    /// The `regex` crate does not accept the expression; for example, it does not support look-around.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let whole = Regex::new(&format!(r"\A(?:{source})\z"))?;
        Ok(Pattern {
            source: source.to_owned(),
            whole,
        })
    }

    /// Whether the expression matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// The source of the expression.
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
    fn pattern_must_match_the_whole_text() {
        let pattern = Pattern::new("a|ab").unwrap();
        assert!(pattern.matches("ab"));
        assert!(!pattern.matches("abc"));
        assert!(Pattern::new(r"^[\S]{5,30}$").unwrap().matches("admin"));
        assert!(!Pattern::new(r"^[\S]{5,30}$").unwrap().matches("admin\n"));
    }
}
