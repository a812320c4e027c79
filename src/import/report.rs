//! The report of an import.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::formats::detected::Detected;
use crate::import::generated_passwords::PasswordList;
use crate::import::preview::Preview;
use crate::import::rejects_aside::RejectsAside;
use crate::users::import_id::ImportId;
use crate::users::import_record::{self, Counters, ImportRecord, ImportState, RejectedRows, named};
use crate::users::kinds::{Kind, Kinds};
use crate::users::options::ImportOptions;
use crate::users::problem::{Problem, Severity};
use crate::users::reject::Reject;
use crate::users::reject_block::RejectBlock;
use crate::users::store_error::StoreError;

/// The result of an import, or its progress.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The id of the import, serialized as `id`, and as `import` for compatibility.
    #[serde(flatten, serialize_with = "named")]
    pub import: ImportId,
    /// The options of the import.
    pub options: ImportOptions,
    /// The domain.
    pub domain: String,
    /// The file's name.
    pub file_name: String,
    /// How the file was read, if it could be opened.
    pub file: Option<Detected>,
    /// SHA-256 of the file, if it was read to the end.
    pub sha256: Option<String>,
    /// The final state.
    pub state: ImportState,
    /// The counters of the durable rows.
    #[serde(flatten)]
    pub counters: Counters,
    /// Findings, by line; limited in number.
    pub findings: Vec<Problem>,
    /// The number of all findings.
    pub findings_total: u64,
    /// The number of findings that are warnings.
    pub warnings: u64,
    /// Cells that the operator changed before the import; the SHA-256 is that of the file as it was sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub mended: u64,
    /// Rows that were rejected, and how many of them are kept, or listed in the report of a dry run.
    #[serde(flatten)]
    pub rejected: RejectedRows,
    /// Generated passwords, returned only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_passwords: Option<PasswordList>,
    /// Dry run only: the meaning of the columns, and the first rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Dry run only: the rows that would be rejected; limited in number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<Reject>,
    /// Dry run with [limits](crate::import::request::ReportLimits) only: all findings by kind, the most severe and
    /// then the most frequent first.
    #[serde(skip)]
    pub kinds: Vec<KindCount>,
    /// Findings of further kinds.
    #[serde(skip)]
    pub other_kinds: u64,
    /// Dry run only: rows whose own password an import would hash.
    #[serde(skip)]
    pub passwords_to_hash: u64,
    /// Check before writing only: the rejected rows.
    #[serde(skip)]
    pub(super) aside: Option<Arc<RejectsAside>>,
    /// The duration, in milliseconds.
    #[serde(rename = "elapsedMilliseconds", serialize_with = "milliseconds")]
    pub elapsed: Duration,
}

/// The findings of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCount {
    /// The code.
    pub code: Cow<'static, str>,
    /// The name of the column, as in the findings.
    pub column: Option<Cow<'static, str>>,
    /// The position of the column in the file, from 0; none: it is not one column of the file.
    pub position: Option<usize>,
    /// The severity.
    pub severity: Severity,
    /// The number of findings.
    pub count: u64,
}

impl Report {
    /// The report of an import that has not begun.
    pub(super) fn new(record: &ImportRecord) -> Self {
        Report {
            import: record.id,
            options: record.options.clone(),
            domain: record.domain.clone(),
            file_name: record.file_name.clone(),
            file: None,
            sha256: None,
            state: ImportState::Completed,
            counters: Counters::default(),
            findings: Vec::new(),
            findings_total: 0,
            warnings: 0,
            mended: 0,
            rejected: RejectedRows::default(),
            kinds: Vec::new(),
            other_kinds: 0,
            passwords_to_hash: 0,
            aside: None,
            generated_passwords: None,
            preview: None,
            rejects: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// The report of a stored import, with some of its findings.
    pub fn of_record(record: &ImportRecord, findings: Vec<Problem>) -> Self {
        let microseconds = record.finished_at.unwrap_or(record.active_at).0 - record.started_at.0;
        Report {
            state: record.state,
            sha256: record.sha256.clone(),
            counters: record.counters,
            findings,
            findings_total: record.findings,
            warnings: record.warnings,
            mended: record.mended,
            rejected: record.rejected,
            elapsed: Duration::from_micros(u64::try_from(microseconds).unwrap_or(0)),
            ..Report::new(record)
        }
    }

    /// Copies the durable results.
    pub(super) fn take(&mut self, durable: &mut Durable) {
        self.counters = durable.counters;
        self.findings = std::mem::take(&mut durable.findings);
        self.findings_total = durable.findings_total;
        self.warnings = durable.warnings;
        self.mended = durable.mended;
        let kinds = durable.kinds.counts().into_iter();
        self.kinds = kinds
            .map(|(kind, count)| KindCount {
                code: kind.code.clone(),
                column: kind.column.clone(),
                position: self
                    .preview
                    .as_ref()
                    .and_then(|preview| preview.position(kind)),
                severity: kind.severity,
                count,
            })
            .collect();
        self.other_kinds = durable.kinds.others();
        self.rejects = std::mem::take(&mut durable.rejects);
        self.rejected = durable.rejected;
        self.aside = durable.aside.take().map(Arc::new);
        // Sorted rows were processed in the order of their names.
        self.findings.sort_by_key(|finding| finding.line);
        self.rejects.sort_by_key(|reject| reject.line);
    }

    /// In a dry run: the position of the cell, from 0, that a finding is about. None if it is about the whole row or
    /// file, or if the row has several cells that it could be.
    pub fn position(&self, finding: &Problem) -> Option<usize> {
        let preview = self.preview.as_ref()?;
        let position = preview.position(&Kind::of(finding))?;
        let row = self.rejected_row(finding.line);
        let cells = row
            .into_iter()
            .flat_map(|row| row.cells.iter().map(String::as_str));
        preview.position_in_row(position, cells)
    }

    /// In a dry run: the rejected row that begins in this line, if it is in the report.
    pub fn rejected_row(&self, line: u64) -> Option<&Reject> {
        let found = self.rejects.binary_search_by_key(&line, |row| row.line);
        self.rejects.get(found.ok()?)
    }

    /// The value of the HTTP field `Muster-Import`.
    pub fn dictionary(&self) -> String {
        import_record::dictionary(self.import, self.state, &self.counters, self.warnings)
    }

    /// The findings about rows that were not stored.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.findings
            .iter()
            .filter(|finding| finding.severity != Severity::Warning)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Maximum bytes of rejected rows, and of findings, in the report of a dry run.
pub(super) const REPORT_BYTES: usize = 1024 * 1024;

/// What is durable in the store.
#[derive(Debug, Default)]
pub(super) struct Durable {
    pub counters: Counters,
    pub findings: Vec<Problem>,
    pub findings_total: u64,
    /// The number of findings that are warnings.
    pub warnings: u64,
    /// Cells that were changed.
    pub mended: u64,
    /// The findings by kind, if they are counted.
    pub kinds: Kinds,
    /// How many rows were rejected, and how many of them are kept.
    pub rejected: RejectedRows,
    /// The first rejected rows of a dry run, which keeps nothing else of them.
    pub rejects: Vec<Reject>,
    /// Approximate bytes of the rejected rows and of the findings.
    pub(super) rejects_size: usize,
    pub(super) findings_size: usize,
    /// The rejected rows of a check before writing.
    pub aside: Option<RejectsAside>,
}

impl Durable {
    /// Keeps the first findings, limited in number and approximate bytes.
    pub(super) fn keep_findings(&mut self, findings: Vec<Problem>, most: usize, bytes: usize) {
        for finding in findings {
            if self.findings.len() >= most || self.findings_size >= bytes {
                break;
            }
            self.findings_size += finding.size();
            self.findings.push(finding);
        }
    }

    /// Unpacks the first rejected rows for a report, limited in number and approximate bytes.
    pub(super) fn show(
        &mut self,
        blocks: &[RejectBlock],
        most: usize,
        bytes: usize,
    ) -> Result<(), StoreError> {
        let is_full =
            |durable: &Durable| durable.rejects.len() >= most || durable.rejects_size >= bytes;
        for block in blocks {
            if is_full(self) {
                break;
            }
            let rows = block.unpack();
            let rows = rows.map_err(|error| StoreError::Failed(error.to_string()))?;
            for row in rows {
                if is_full(self) {
                    break;
                }
                self.rejects_size += row.size();
                self.rejects.push(row);
            }
        }
        Ok(())
    }
}
