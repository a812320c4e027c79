//! What a caller is told about an import.

use std::time::Duration;

use serde::Serialize;

use crate::formats::detected::Detected;
use crate::users::import_record::{Counters, ImportId, ImportState};
use crate::users::problem::{Problem, Severity};

/// The end of an import, or how far it came.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The import.
    pub import: ImportId,
    /// Nothing was written.
    pub dry_run: bool,
    /// The domain.
    pub domain: String,
    /// The file's name.
    pub file_name: String,
    /// How the file was read, where it could be opened.
    pub file: Option<Detected>,
    /// SHA-256 of the file, where its end was read.
    pub sha256: Option<String>,
    /// The state it ended in.
    pub state: ImportState,
    /// What became of the rows that are durable.
    #[serde(flatten)]
    pub counters: Counters,
    /// What was found, by line; bounded.
    pub findings: Vec<Problem>,
    /// How many findings there were in all.
    pub findings_total: u64,
    /// How long it took, in milliseconds.
    #[serde(rename = "elapsedMilliseconds", serialize_with = "milliseconds")]
    pub elapsed: Duration,
}

impl Report {
    /// The findings about rows that were not stored.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.findings
            .iter()
            .filter(|finding| finding.severity != Severity::Warning)
    }

    /// The warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning)
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
