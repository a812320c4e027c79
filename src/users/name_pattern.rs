//! User names by wildcard: `*` stands for any characters, `?` for one. Matched in linear time.

use crate::users::name::lookup_key;

/// A pattern over name keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    key: Vec<char>,
    prefix: String,
}

impl NamePattern {
    /// The pattern that `text` stands for; a blank one matches every name.
    pub fn new(text: &str) -> Self {
        let text = if text.trim().is_empty() { "*" } else { text };
        let key = lookup_key(text);
        let prefix = key.split(['*', '?']).next().unwrap_or_default().to_owned();
        let mut key: Vec<char> = key.chars().collect();
        key.dedup_by(|a, b| *a == '*' && *b == '*');
        NamePattern { key, prefix }
    }

    /// What every key begins with that matches.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether it is one name, without wildcards.
    pub fn is_one_name(&self) -> bool {
        !self.key.iter().any(|sign| matches!(sign, '*' | '?'))
    }

    /// Whether `key` matches as a whole. Behind the last `*` seen so far there is never more than one
    /// way to go on, so that a step back costs no more than one pass over the key.
    pub fn matches(&self, key: &str) -> bool {
        let mut rest = key.chars();
        let mut wanted = self.key.as_slice();
        let mut retry = None;
        loop {
            if let [first, behind @ ..] = wanted {
                if *first == '*' {
                    wanted = behind;
                    retry = Some((behind, rest.clone()));
                    continue;
                }
                let mut ahead = rest.clone();
                if ahead.next().is_some_and(|c| *first == '?' || *first == c) {
                    wanted = behind;
                    rest = ahead;
                    continue;
                }
            } else if rest.as_str().is_empty() {
                return true;
            }
            // Let the last `*` take one character more.
            let Some((behind, from)) = &mut retry else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            wanted = behind;
            rest = from.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_the_original() {
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
    fn a_hostile_pattern_takes_no_longer_than_its_length_times_the_name() {
        let pattern = NamePattern::new(&"a*".repeat(120));
        let started = std::time::Instant::now();
        for _ in 0..1_000 {
            assert!(!pattern.matches(&"a".repeat(119)));
        }
        assert!(started.elapsed().as_secs() < 10);
    }
}
