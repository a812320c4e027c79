//! User name patterns: `*` matches any characters, `?` matches one. Matching takes linear time.

use crate::users::name::lookup_key;

/// A pattern over name keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    key: Vec<char>,
    prefix: String,
}

impl NamePattern {
    /// Parses a pattern; a blank one matches every name.
    pub fn new(text: &str) -> Self {
        let text = if text.trim().is_empty() { "*" } else { text };
        let key = lookup_key(text);
        let prefix = key.split(['*', '?']).next().unwrap_or_default().to_owned();
        let mut key: Vec<char> = key.chars().collect();
        key.dedup_by(|a, b| *a == '*' && *b == '*');
        NamePattern { key, prefix }
    }

    /// The prefix of every key that matches.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the pattern is a single name, without wildcards.
    pub fn is_one_name(&self) -> bool {
        !self.key.iter().any(|sign| matches!(sign, '*' | '?'))
    }

    /// Whether the whole `key` matches. Only the last `*` seen can need another attempt, so that
    /// backtracking costs at most one pass over the key.
    pub fn matches(&self, key: &str) -> bool {
        let mut rest = key.chars();
        let mut wanted = self.key.as_slice();
        let mut retry = None;
        loop {
            if let [first, rest_of_pattern @ ..] = wanted {
                if *first == '*' {
                    wanted = rest_of_pattern;
                    retry = Some((rest_of_pattern, rest.clone()));
                    continue;
                }
                let mut ahead = rest.clone();
                if ahead.next().is_some_and(|c| *first == '?' || *first == c) {
                    wanted = rest_of_pattern;
                    rest = ahead;
                    continue;
                }
            } else if rest.as_str().is_empty() {
                return true;
            }
            // Let the last `*` match one more character.
            let Some((rest_of_pattern, from)) = &mut retry else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            wanted = rest_of_pattern;
            rest = from.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_wso2() {
        let matches =
            |pattern: &str, name: &str| NamePattern::new(pattern).matches(&lookup_key(name));
        assert!(matches("*", "alice") && matches("", "alice") && matches(" ", "alice"));
        assert!(matches("bulkUser*", "bulkuser17") && matches("*user1?", "bulkUser17"));
        assert!(matches("a*b*c", "aXbYbZc") && matches("alice", "ALICE"));
        assert!(
            !matches("a*b*c", "aXbYbZ") && !matches("alice?", "alice") && !matches("b*", "alice")
        );
        assert!(matches("josé*", "Jose\u{301}e"));
        assert_eq!(NamePattern::new("Bulk*x").prefix(), "bulk");
    }

    #[test]
    fn hostile_pattern_takes_at_most_pattern_length_times_name_length() {
        let pattern = NamePattern::new(&"a*".repeat(120));
        let started = std::time::Instant::now();
        for _ in 0..1_000 {
            assert!(!pattern.matches(&"a".repeat(119)));
        }
        assert!(started.elapsed().as_secs() < 10);
    }
}
