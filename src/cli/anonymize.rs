//! `muster anonymize`: a file of the same form with other content, whose import fails in the same way. For reports
//! and support.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ring::rand::{SecureRandom, SystemRandom};

use crate::app::App;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::import::SOME_FAILED;
use crate::cli::new_file::NewFile;
use crate::cli::output;
use crate::cli::reading_options::ReadingOptions;
use crate::cli::settings::Settings;
use crate::clock::Clock;
use crate::import::anonymize::anonymizer::{Anonymized, Anonymizer, Source};
use crate::import::anonymize::comparison::{Difference, Rehearsal, differences, rehearse};
use crate::users::built_in::DEFAULT_ORGANIZATION;

/// Bytes that a file may have: its different texts are in memory.
const LIMIT: u64 = 64 * 1024 * 1024;

/// How often other content is drawn where a file would fail in another way.
const TRIES: usize = 5;

/// Bytes of a file up to which other content is drawn.
const SMALL: usize = 4 * 1024 * 1024;

/// Differences that are shown.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The CSV file (.csv, .tsv) or Excel workbook (.xlsx)
    file: PathBuf,
    /// The file to write, which must not exist [default: FILE with ".anonymized" before its extension]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Domain (user store) of the users [default: PRIMARY]
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    #[command(flatten)]
    reading: ReadingOptions,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly_with(common, arguments.reading.flags())?;
    let options = arguments.reading.import_options()?;
    let shown = output::plain(&arguments.file.to_string_lossy());
    let bytes = read(&arguments.file, &shown)?;
    let folder = tempfile::tempdir()
        .map_err(|error| format!("cannot create a temporary folder: {error}"))?;
    let app = empty_app(&settings, folder.path())?;
    let domain = app.domains.find(arguments.domain.as_deref())?;
    let name = arguments.file.to_string_lossy();
    let source = Source {
        bytes: &bytes,
        name: &name,
        domain: &domain,
        options: &options,
    };
    let anonymizer = Anonymizer::new(&app.importer, source, DEFAULT_ORGANIZATION)
        .map_err(|error| format!("{shown} is not anonymized: {error}"))?;
    let was = rehearse(&app.importer, source, DEFAULT_ORGANIZATION);
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => beside(&arguments.file),
    };
    let file = NewFile::make(&path, 0)?;
    let (anonymized, differing) = anonymize(&app, &anonymizer, source, &was)
        .map_err(|sentence| format!("{shown} is not anonymized: {sentence}"))?;
    file.fill(|out| Ok(out.write_all(&anonymized.bytes)?))?;
    writeln!(out, "{} written", file.shown())?;
    tell(out, &anonymizer, &anonymized, &was)?;
    match differing.as_slice() {
        [] => {
            writeln!(out, "checked: both files fail in the same way")?;
            Ok(ExitCode::SUCCESS)
        }
        differing => {
            writeln!(out, "the files do not fail in the same way:")?;
            tell_differences(out, differing)?;
            Ok(ExitCode::from(SOME_FAILED))
        }
    }
}

/// Reads the file, which is not too large.
fn read(path: &Path, shown: &str) -> Result<Vec<u8>, CliError> {
    let file = File::open(path).map_err(|error| format!("cannot open {shown}: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("cannot read the metadata of {shown}: {error}"))?;
    if metadata.is_dir() {
        return Err(CliError::Message(format!(
            "{shown} is a folder; name a file"
        )));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    if bytes.is_empty() {
        return Err(CliError::Message(format!("{shown} is empty")));
    }
    match bytes.len() as u64 > LIMIT {
        true => Err(CliError::Message(format!(
            "{shown} has more than {LIMIT} bytes; cut it down to its header line and the rows that fail"
        ))),
        false => Ok(bytes),
    }
}

/// An app whose store is empty and gone with it. The data directory is not touched.
fn empty_app(settings: &Settings, folder: &Path) -> Result<App, CliError> {
    let mut settings = settings.app();
    settings.store.data = folder.to_owned();
    settings.store.url = "memory:".into();
    settings.store.min_free_bytes = 0;
    settings.import.report_findings = usize::MAX;
    Ok(App::build(&settings, Clock::system())?)
}

/// Draws other content, again where a small file would fail in another way.
fn anonymize(
    app: &App,
    anonymizer: &Anonymizer<'_>,
    source: Source<'_>,
    was: &Rehearsal,
) -> Result<(Anonymized, Vec<Difference>), String> {
    let mut best: Option<(Anonymized, Vec<Difference>)> = None;
    let tries = if source.bytes.len() > SMALL { 1 } else { TRIES };
    for _ in 0..tries {
        let mut key = [0; 32];
        SystemRandom::new()
            .fill(&mut key)
            .map_err(|_| "the machine's random source failed".to_owned())?;
        let new = anonymizer
            .anonymized(&key)
            .map_err(|error| error.to_string())?;
        let copy = Source {
            bytes: &new.bytes,
            ..source
        };
        let is = rehearse(&app.importer, copy, DEFAULT_ORGANIZATION);
        let found = differences(was, &is);
        let is_better = best
            .as_ref()
            .is_none_or(|(_, best)| found.len() < best.len());
        let is_same = found.is_empty();
        if is_better {
            best = Some((new, found));
        }
        if is_same {
            break;
        }
    }
    best.ok_or_else(|| "nothing was drawn".to_owned())
}

/// What was replaced, and what was kept.
fn tell(
    out: &mut dyn Write,
    anonymizer: &Anonymizer<'_>,
    anonymized: &Anonymized,
    was: &Rehearsal,
) -> Result<(), CliError> {
    if let Some(file) = &was.report.file {
        writeln!(out, "read as {}", output::plain(&file.to_string()))?;
    }
    let Anonymized {
        replaced,
        words,
        unreplaced,
        ..
    } = anonymized;
    writeln!(out, "replaced: {}", cells(*replaced))?;
    match anonymizer.headings() {
        (0, _) => writeln!(
            out,
            "headings are kept: none were found; every line was replaced"
        )?,
        (line, headings) => {
            let headings: Vec<String> = headings.iter().map(|it| output::plain(it)).collect();
            writeln!(
                out,
                "headings are kept (line {line}): {}",
                headings.join(", ")
            )?;
        }
    }
    if anonymizer.is_workbook() {
        writeln!(out, "names of sheets are kept")?;
    }
    writeln!(
        out,
        "words that mean something to an import are kept: {}",
        cells(*words)
    )?;
    if *unreplaced > 0 {
        writeln!(
            out,
            "NOT replaced, because no other text of their form was found: {}; look at them before you send the \
             file",
            cells(*unreplaced)
        )?;
    }
    match &was.error {
        Some(error) => writeln!(out, "the import ends early with {}", error.code())?,
        None => {
            let report = &was.report;
            let counts = output::counts_and_warnings(&report.counters, report.warnings);
            writeln!(out, "an import into an empty store comes to {counts}")?;
        }
    }
    Ok(())
}

fn cells(count: u64) -> String {
    let plural = if count == 1 { "cell" } else { "cells" };
    format!("{count} {plural}")
}

fn tell_differences(out: &mut dyn Write, differing: &[Difference]) -> Result<(), CliError> {
    let codes = |codes: &[String]| match codes {
        [] => "nothing".to_owned(),
        codes => output::plain(&codes.join(", ")),
    };
    for difference in differing.iter().take(SHOWN) {
        match difference {
            Difference::File { was, is } => {
                writeln!(out, "  file: {}", output::plain(was))?;
                writeln!(out, "    anonymized: {}", output::plain(is))?;
            }
            Difference::Line { line, was, is } => {
                let place = match line {
                    0 => "file".to_owned(),
                    line => format!("line {line}"),
                };
                writeln!(out, "  {place}: {}; anonymized: {}", codes(was), codes(is))?;
            }
        }
    }
    let left = differing.len().saturating_sub(SHOWN);
    if left > 0 {
        writeln!(out, "  … and {left} more differences")?;
    }
    Ok(())
}

/// `users.anonymized.csv` beside `users.csv`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".anonymized");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_stands_beside_the_old_one() {
        for (old, new) in [
            ("a/users.csv", "a/users.anonymized.csv"),
            ("users.2026.xlsx", "users.2026.anonymized.xlsx"),
            ("/tmp/users", "/tmp/users.anonymized"),
        ] {
            assert_eq!(beside(Path::new(old)), Path::new(new));
        }
    }
}
