//! Kinds of findings: the same code in the same column.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::web::refusal::sentence;
use crate::http::web::shown::grouped;
use crate::http::web::views::{Kind, Pager};
use crate::users::problem::{Problem, Severity};

/// A code and a column, which identify a kind; written as `code/column`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindKey {
    /// The problem's code.
    pub code: String,
    /// The column's name; empty: none.
    pub column: String,
}

impl KindKey {
    /// The kind of a finding.
    pub fn of(finding: &Problem) -> Self {
        KindKey {
            code: finding.code.to_string(),
            column: finding.column.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        let (code, column) = text.split_once('/')?;
        Some(KindKey {
            code: code.to_owned(),
            column: column.to_owned(),
        })
    }

    /// Whether the finding is of this kind.
    pub fn is_of(&self, finding: &Problem) -> bool {
        self.code == finding.code && self.column == finding.column.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for KindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code, self.column)
    }
}

/// Findings on one page.
pub const ON_A_PAGE: usize = 50;

/// Text in a query.
pub fn in_query(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The word for a severity on a page.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Failed | Severity::Duplicate => "problem",
        Severity::Warning => "warning",
    }
}

/// The kinds of these findings, the most frequent first.
pub fn of_findings(findings: &[Problem], selected: Option<&KindKey>, base: &str) -> Vec<Kind> {
    let mut counts: BTreeMap<KindKey, (u64, &Problem)> = BTreeMap::new();
    for finding in findings {
        counts.entry(KindKey::of(finding)).or_insert((0, finding)).0 += 1;
    }
    let mut kinds: Vec<Kind> = counts
        .into_iter()
        .map(|(key, (count, example))| Kind {
            href: format!("{base}?kind={}", in_query(&key.to_string())),
            selected: selected == Some(&key),
            key: key.to_string(),
            column: key.column,
            severity: severity(example.severity),
            advice: sentence(&example.message),
            code: key.code,
            count,
            mendable: false,
            password: false,
        })
        .collect();
    kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    kinds
}

/// The links to the neighbours of a page of findings.
pub fn pager(
    base: &str,
    kind: &str,
    page: usize,
    (first, end): (usize, usize),
    total: usize,
) -> Pager {
    let address = |page: usize| match kind.is_empty() {
        true => format!("{base}?page={page}"),
        false => format!("{base}?kind={}&page={page}", in_query(kind)),
    };
    let shown = match total {
        0 => String::new(),
        total => format!(
            "{} to {} of {}",
            grouped(first as u64 + 1),
            grouped(end as u64),
            grouped(total as u64)
        ),
    };
    Pager {
        number: page.max(1) as u64,
        shown,
        previous: match first {
            0 => String::new(),
            _ => address(page.saturating_sub(1).max(1)),
        },
        next: match end < total {
            true => address(page.max(1) + 1),
            false => String::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &'static str, column: &'static str) -> Problem {
        let column = (!column.is_empty()).then(|| column.into());
        Problem::new(Severity::Failed, 2, column, code, "what to do")
    }

    #[test]
    fn kinds_are_counted_by_code_and_column() {
        let findings = [
            finding("email-form", "E-Mail"),
            finding("email-form", "Other"),
            finding("email-form", "E-Mail"),
            finding("row-short", ""),
        ];
        let selected = KindKey::parse("email-form/E-Mail");
        let kinds = of_findings(&findings, selected.as_ref(), "/portal/imports/7");
        let short: Vec<_> = kinds
            .iter()
            .map(|kind| (kind.key.as_str(), kind.count, kind.selected))
            .collect();
        assert_eq!(
            short,
            [
                ("email-form/E-Mail", 2, true),
                ("email-form/Other", 1, false),
                ("row-short/", 1, false)
            ]
        );
        assert!(kinds[0].href.ends_with("?kind=email%2Dform%2FE%2DMail"));
    }

    #[test]
    fn pagers_lead_to_the_neighbours() {
        let pager = |page, range, total| pager("/p", "a/b", page, range, total);
        let first = pager(1, (0, 50), 312);
        assert_eq!(first.shown, "1 to 50 of 312");
        assert_eq!(
            (first.previous.as_str(), first.next.as_str()),
            ("", "/p?kind=a%2Fb&page=2")
        );
        let last = pager(7, (300, 312), 312);
        assert_eq!(
            (last.previous.as_str(), last.next.as_str()),
            ("/p?kind=a%2Fb&page=6", "")
        );
        assert_eq!(pager(1, (0, 0), 0).shown, "");
    }
}
