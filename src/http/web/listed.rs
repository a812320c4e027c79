//! The findings of a check as a page lists them, with what has been edited since.

use std::collections::BTreeMap;

use crate::http::web::draft::Decisions;
use crate::http::web::kinds::{self, KindKey};
use crate::http::web::refusal::sentence;
use crate::http::web::views::{Kind, ProblemRow};
use crate::import::report::Report;
use crate::passwords::password_shape::PasswordShape;
use crate::users::problem::{Problem, Severity};

/// The findings of a check, with what has been edited since.
pub(super) struct Listed<'d> {
    report: &'d Report,
    decisions: &'d Decisions,
    /// The positions of the columns that findings name.
    positions: BTreeMap<&'d str, usize>,
    /// The rejected rows by line.
    cells: BTreeMap<u64, &'d [String]>,
}

impl<'d> Listed<'d> {
    pub(super) fn new(report: &'d Report, decisions: &'d Decisions) -> Self {
        let kinds = report.kinds.iter();
        let positions = kinds.filter_map(|kind| Some((kind.column.as_deref()?, kind.position?)));
        Listed {
            report,
            decisions,
            positions: positions.collect(),
            cells: report
                .rejects
                .iter()
                .map(|reject| (reject.line, reject.cells.as_slice()))
                .collect(),
        }
    }

    /// The position of a column that a finding names.
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.positions.get(column).copied()
    }

    pub(super) fn is_password(&self, position: usize) -> bool {
        let columns = self.report.preview.as_ref().map(|preview| &preview.columns);
        let column = columns.and_then(|columns| columns.get(position));
        column.and_then(|column| column.stands_for.as_deref()) == Some("password")
    }

    pub(super) fn kinds(&self, selected: Option<&KindKey>, base: &str) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self
            .report
            .kinds
            .iter()
            .map(|kind| {
                let key = KindKey {
                    code: kind.code.to_string(),
                    column: kind.column.as_deref().unwrap_or_default().to_owned(),
                };
                let example = self
                    .report
                    .findings
                    .iter()
                    .find(|finding| key.is_of(finding));
                let position = kind.position;
                let is_problem = kind.severity == Severity::Failed;
                Kind {
                    href: format!("{base}?kind={}", kinds::in_query(&key.to_string())),
                    selected: selected == Some(&key),
                    key: key.to_string(),
                    severity: kinds::severity(kind.severity),
                    advice: example.map(|it| sentence(&it.message)).unwrap_or_default(),
                    count: kind.count,
                    mendable: is_problem && position.is_some(),
                    password: position.is_some_and(|position| self.is_password(position)),
                    code: key.code,
                    column: key.column,
                }
            })
            .collect();
        kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        kinds
    }

    /// The findings of a kind, or all.
    pub(super) fn rows(&self, selected: Option<&KindKey>) -> Vec<ProblemRow> {
        let wanted = |finding: &&Problem| selected.is_none_or(|key| key.is_of(finding));
        let mut rows = Vec::new();
        for finding in self.report.findings.iter().filter(wanted) {
            let again = self.decisions.rechecked.get(&finding.line);
            let key = KindKey::of(finding);
            let mended = again.is_some_and(|found| !found.iter().any(|other| key.is_of(other)));
            rows.push(self.row(finding, mended));
        }
        for (line, found) in &self.decisions.rechecked {
            let before = |key: &KindKey| {
                let same = |other: &&Problem| other.line == *line && key.is_of(other);
                self.report.findings.iter().any(|other| same(&other))
            };
            let new = found
                .iter()
                .filter(|finding| !before(&KindKey::of(finding)));
            rows.extend(new.filter(wanted).map(|finding| self.row(finding, false)));
        }
        rows.sort_by_key(|row| row.line);
        rows
    }

    fn row(&self, finding: &Problem, mended: bool) -> ProblemRow {
        let column = finding.column.as_deref().unwrap_or_default();
        let position = self.position(column);
        let edits = self.decisions.edits.cells.get(&finding.line);
        let edit = position.and_then(|position| edits?.get(&position));
        let password = position.is_some_and(|position| self.is_password(position));
        let cells = self.cells.get(&finding.line);
        let cell = position.and_then(|position| cells?.get(position));
        let value = match (password, edit) {
            (true, Some(edited)) => PasswordShape::of(edited).to_string(),
            (false, Some(edited)) => edited.clone(),
            // Of a password, the check has kept the shape only.
            (_, None) => cell.cloned().unwrap_or_default(),
        };
        ProblemRow {
            line: finding.line,
            column_number: position.map_or(0, |position| position + 1),
            column: column.to_owned(),
            value,
            code: finding.code.to_string(),
            message: sentence(&finding.message),
            severity: match mended {
                true => "mended",
                false => kinds::severity(finding.severity),
            },
            editable: position.is_some() && finding.line > 0,
            edited: edit.is_some(),
            password,
        }
    }
}
