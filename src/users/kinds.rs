//! Findings counted by kind: severity, code and column.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::users::problem::{Problem, Severity};

/// Kinds that are counted one by one; a file can have a thousand columns with problems.
const LIMIT: usize = 1_000;

/// Counts of findings by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds {
    counts: BTreeMap<Kind, u64>,
    others: u64,
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The severity.
    pub severity: Severity,
    /// The code.
    pub code: Cow<'static, str>,
    /// The name of the column.
    pub column: Option<Cow<'static, str>>,
}

impl Kinds {
    /// Counts a finding.
    pub fn add(&mut self, finding: &Problem) {
        self.count(Kind::of(finding), 1);
    }

    /// Adds the counts of another part of the same import.
    pub fn merge(&mut self, other: &Kinds) {
        for (kind, count) in &other.counts {
            self.count(kind.clone(), *count);
        }
        self.others += other.others;
    }

    fn count(&mut self, kind: Kind, count: u64) {
        let is_full = self.counts.len() >= LIMIT;
        match self.counts.get_mut(&kind) {
            Some(known) => *known += count,
            None if is_full => self.others += count,
            None => {
                self.counts.insert(kind, count);
            }
        }
    }

    /// The kinds and their counts, the most severe and then the most frequent first.
    pub fn counts(&self) -> Vec<(&Kind, u64)> {
        let mut counts: Vec<_> = self
            .counts
            .iter()
            .map(|(kind, count)| (kind, *count))
            .collect();
        counts.sort_by_key(|(kind, count)| (kind.severity, u64::MAX - count));
        counts
    }

    /// Findings of further kinds.
    pub fn others(&self) -> u64 {
        self.others
    }
}

impl Kind {
    /// The kind of a finding.
    pub fn of(finding: &Problem) -> Self {
        Kind {
            severity: finding.severity,
            code: finding.code.clone(),
            column: finding.column.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(severity: Severity, code: &'static str, column: &str) -> Problem {
        Problem::new(severity, 1, Cow::Owned(column.to_owned()), code, "")
    }

    #[test]
    fn findings_are_counted_by_severity_code_and_column() {
        let mut kinds = Kinds::default();
        let warning = problem(Severity::Warning, "password-trimmed", "pwd");
        let failed = problem(Severity::Failed, "email-form", "mail");
        let other = problem(Severity::Failed, "email-form", "mail2");
        for finding in [&warning, &failed, &warning, &other, &other, &warning] {
            kinds.add(finding);
        }
        let mut both = kinds.clone();
        both.merge(&kinds);
        let shown: Vec<_> = both
            .counts()
            .into_iter()
            .map(|(kind, count)| (kind.column.clone().unwrap_or_default().into_owned(), count))
            .collect();
        let expected = [("mail2", 4), ("mail", 2), ("pwd", 6)];
        assert_eq!(
            shown,
            expected.map(|(column, count)| (column.to_owned(), count))
        );
        assert_eq!(both.others(), 0);
    }

    #[test]
    fn kinds_over_the_limit_are_counted_together() {
        let mut kinds = Kinds::default();
        for number in 0..LIMIT + 5 {
            kinds.add(&problem(
                Severity::Failed,
                "email-form",
                &format!("c{number}"),
            ));
        }
        kinds.add(&problem(Severity::Failed, "email-form", "c0"));
        assert_eq!((kinds.counts().len(), kinds.others()), (LIMIT, 5));
        assert_eq!(kinds.counts().first().map(|(_, count)| *count), Some(2));
    }
}
