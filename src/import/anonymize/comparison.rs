//! Whether two files fail in the same way: both are imported without writing, and what was found is compared.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::import::anonymize::anonymizer::Source;
use crate::import::edits::Edits;
use crate::import::error::ImportError;
use crate::import::header_error::HeaderError;
use crate::import::importer::Importer;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::selection::Selection;
use crate::users::channel::Channel;
use crate::users::options::ImportOptions;

/// What an import without writing came to.
#[derive(Debug)]
pub struct Rehearsal {
    /// What was found.
    pub report: Report,
    /// Why it ended early, where it did.
    pub error: Option<ImportError>,
}

/// In what two files differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// How the file was read, or what ended the import.
    File {
        /// Of the first file.
        was: String,
        /// Of the second one.
        is: String,
    },
    /// What was found in a line.
    Line {
        /// The line, from 1; 0: the file as a whole.
        line: u64,
        /// The codes, each with its column, of the first file.
        was: Vec<String>,
        /// Those of the second one.
        is: Vec<String>,
    },
}

/// Imports a file without writing.
pub fn rehearse(importer: &Importer, source: Source<'_>, organization: &str) -> Rehearsal {
    let request = ImportRequest {
        organization: organization.to_owned(),
        domain: source.domain.clone(),
        channel: Channel::Terminal,
        operator: "terminal".to_owned(),
        may_grant_admin: true,
        file_name: source.name.to_owned(),
        default_password: None,
        generated_passwords: None,
        options: ImportOptions {
            dry_run: true,
            ..source.options.clone()
        },
        request_id: None,
        key: None,
        selection: Selection::All,
        edits: Edits::default(),
        keep: None,
    };
    match importer.run(request, source.bytes) {
        Ok(report) => Rehearsal {
            report,
            error: None,
        },
        Err(failure) => Rehearsal {
            report: *failure.report,
            error: Some(failure.error),
        },
    }
}

/// In what the second file differs from the first one; nothing: it fails in the same way.
pub fn differences(was: &Rehearsal, is: &Rehearsal) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |was: String, is: String| {
        if was != is {
            found.push(Difference::File { was, is });
        }
    };
    compare(ending(was), ending(is));
    if !is_same_error(was.error.as_ref(), is.error.as_ref()) {
        compare(sentence(was), sentence(is));
    }
    compare(read_as(was), read_as(is));
    compare(counts(was), counts(is));
    let (lines_were, lines_are) = (lines(&was.report), lines(&is.report));
    let mut all: Vec<u64> = lines_were.keys().chain(lines_are.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    for line in all {
        let codes =
            |lines: &BTreeMap<u64, Vec<String>>| lines.get(&line).cloned().unwrap_or_default();
        let (was, is) = (codes(&lines_were), codes(&lines_are));
        if was != is {
            found.push(Difference::Line { line, was, is });
        }
    }
    found
}

fn ending(of: &Rehearsal) -> String {
    match &of.error {
        Some(error) => format!("the import ends early with {}", error.code()),
        None => "the import comes to its end".to_owned(),
    }
}

fn sentence(of: &Rehearsal) -> String {
    of.error
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn read_as(of: &Rehearsal) -> String {
    match &of.report.file {
        Some(file) => format!("read as {file}"),
        None => "not opened".to_owned(),
    }
}

fn counts(of: &Rehearsal) -> String {
    let Report {
        counters: c,
        findings_total,
        warnings,
        ..
    } = &of.report;
    format!(
        "{} rows: {} created, {} updated, {} unchanged, {} duplicate, {} failed, {} skipped; {findings_total} \
         findings, {warnings} of them warnings",
        c.total, c.created, c.updated, c.unchanged, c.duplicate, c.failed, c.skipped
    )
}

/// Whether both ended for the same reason. What a message quotes of a header line may be another text.
fn is_same_error(was: Option<&ImportError>, is: Option<&ImportError>) -> bool {
    match (was, is) {
        (None, None) => true,
        (Some(ImportError::Header(was)), Some(ImportError::Header(is))) => match (was, is) {
            (HeaderError::LinesAbove { .. }, HeaderError::LinesAbove { .. }) => was == is,
            _ => discriminant(was) == discriminant(is),
        },
        (Some(was), Some(is)) => was.to_string() == is.to_string(),
        _ => false,
    }
}

/// The codes of each line, with their columns.
fn lines(report: &Report) -> BTreeMap<u64, Vec<String>> {
    let mut lines: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for finding in &report.findings {
        let code = match &finding.column {
            Some(column) => format!("{} ({column})", finding.code),
            None => finding.code.to_string(),
        };
        lines.entry(finding.line).or_default().push(code);
    }
    lines.values_mut().for_each(|codes| codes.sort());
    lines
}
