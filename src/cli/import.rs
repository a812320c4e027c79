//! `muster import`: runs an import without HTTP.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::access::gate::Caller;
use crate::app::App;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::new_file::NewFile;
use crate::cli::organization_option::OrganizationOption;
use crate::cli::reading_options::ReadingOptions;
use crate::cli::settings::Settings;
use crate::cli::{output, stop_signal};
use crate::clock::Clock;
use crate::config;
use crate::import::edits::Edits;
use crate::import::generated_passwords::{GeneratedPasswords, HEADER_BYTES};
use crate::import::job_error::JobError;
use crate::import::jobs::{Ended, Jobs};
use crate::import::reject_file;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::selection::Selection;
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::options::{ConflictPolicy, ImportOptions};

/// The exit code when some rows were not imported.
pub(super) const SOME_FAILED: u8 = 2;

/// The interval at which the progress bar is updated.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Problems shown of an earlier import; `muster imports show` has the others.
const SHOWN: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    within: OrganizationOption,
    /// CSV file (.csv, .tsv) or Excel workbook (.xlsx, .xls)
    file: PathBuf,
    /// Domain (user store) of the users [default: PRIMARY]
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// File whose first line is the password for rows without one
    #[arg(long, value_name = "F", conflicts_with = "default_password_stdin")]
    default_password_file: Option<PathBuf>,
    /// Read the password for rows without one from standard input
    #[arg(long)]
    default_password_stdin: bool,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Generate a password for each row without one, and write the names and passwords of the users
    /// that were created to this new file
    #[arg(
        long,
        value_name = "F",
        conflicts_with_all = ["default_password_file", "default_password_stdin", "dry_run"]
    )]
    generate_passwords: Option<PathBuf>,
    /// Write the rows that were not stored to this new file, each with its problem; after correction,
    /// the file can be imported unchanged
    #[arg(long, value_name = "F")]
    reject_file: Option<PathBuf>,
    /// Key of this import: a second run of the same file with it returns the first run's report, or
    /// continues where the first run was interrupted
    #[arg(long, value_name = "K", conflicts_with_all = ["generate_passwords", "dry_run"])]
    key: Option<String>,
    /// Action for users that exist: skip, update, fill or fail
    #[arg(long, value_name = "P", default_value = "skip", value_parser = ConflictPolicy::parse)]
    conflict: ConflictPolicy,
    /// Import the file only if no row has a problem
    #[arg(long)]
    validate_first: bool,
    /// End the import after N rows with problems
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly_with(common, arguments.reading.flags())?;
    let reading = arguments.reading.import_options()?;
    let default_password = default_password(arguments)?;
    let shown = arguments.file.display();
    let file =
        File::open(&arguments.file).map_err(|error| format!("cannot open {shown}: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("cannot read the metadata of {shown}: {error}"))?;
    if metadata.is_dir() {
        return Err(CliError::Message(format!(
            "{shown} is a folder; name a file"
        )));
    }
    let app = Arc::new(App::build(&settings.app(), Clock::system())?);
    let caller = Caller::terminal(&arguments.within.name(app.store.as_ref())?);
    let new_file = |path: &Option<PathBuf>, empty| {
        let path = path.as_deref();
        path.map(|path| NewFile::make(path, empty)).transpose()
    };
    let passwords = new_file(&arguments.generate_passwords, HEADER_BYTES)?;
    let rejects = new_file(&arguments.reject_file, 0)?;
    cancel_at_first_signal(&app, caller.actor(Channel::Terminal))?;
    let request = ImportRequest {
        organization: caller.organization,
        domain: app.domains.find(arguments.domain.as_deref())?,
        channel: Channel::Terminal,
        operator: caller.name,
        may_grant_admin: true,
        request_id: None,
        file_name: arguments.file.to_string_lossy().into_owned(),
        default_password,
        generated_passwords: match &passwords {
            Some(file) => Some(open_password_output(file)?),
            None => None,
        },
        options: ImportOptions {
            conflict: arguments.conflict,
            dry_run: arguments.dry_run,
            validate_first: arguments.validate_first,
            stop_after: arguments.stop_after,
            ..reading
        },
        key: arguments.key.clone(),
        selection: Selection::All,
        edits: Edits::default(),
        keep: None,
    };
    let organization = request.organization.clone();
    app.jobs.begin_beating()?;
    let bar = progress_bar(metadata.len(), arguments.json);
    let file = bar.wrap_read(file);
    let result = watched(&app.jobs, &bar, || app.jobs.run(request, file));
    bar.finish_and_clear();

    let mut notes = Vec::new();
    let (report, failure) = match result {
        Ok(Ended::Ran(report)) => (*report, None),
        Ok(Ended::Recorded(record)) => {
            notes.push(earlier_import_note(&record));
            let limit = if arguments.json { usize::MAX } else { SHOWN };
            let findings = app.store.findings(&organization, record.id, 0, limit)?;
            (Report::of_record(&record, findings), None)
        }
        Err(JobError::Import(failure)) => {
            let sentence = sentence(&failure.to_string(), &failure.report);
            (*failure.report, Some(sentence))
        }
        Err(other) => return Err(CliError::Message(other.to_string())),
    };
    if let Some(file) = &passwords
        && file.sync()?
    {
        notes.push(format!("passwords in {}", file.shown()));
    }
    if let Some(file) = rejects {
        notes.extend(write_rejects(&app, &organization, &report, file)?);
    }
    if arguments.json {
        writeln!(out, "{}", json(&report)?)?;
    } else {
        output::report(out, &report, "")?;
        for note in notes {
            writeln!(out, "{note}")?;
        }
    }
    out.flush()?;
    let stored = report.counters.created + report.counters.updated > 0;
    let stored = stored && !report.options.dry_run && report.state != ImportState::Undone;
    match failure {
        Some(sentence) if stored => {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "muster: {sentence}");
            Ok(ExitCode::from(SOME_FAILED))
        }
        Some(sentence) => Err(CliError::Message(sentence)),
        None if report.counters.clean() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::from(SOME_FAILED)),
    }
}

/// Opens the file that generated passwords are written to.
fn open_password_output(file: &NewFile) -> Result<GeneratedPasswords, CliError> {
    GeneratedPasswords::new(Box::new(file.writer()?))
        .map_err(|error| CliError::Message(format!("cannot write {}: {error}", file.shown())))
}

/// A message about an earlier import with the same key.
fn earlier_import_note(record: &ImportRecord) -> String {
    let key = output::plain(record.key.as_deref().unwrap_or_default());
    format!(
        "an import with the key {key} ran at {}: nothing was done now",
        record.started_at.to_rfc3339()
    )
}

/// Why an import ended early, with the command that undoes it.
fn sentence(failure: &str, report: &Report) -> String {
    let stored = report.counters.created + report.counters.updated > 0;
    match report.state {
        ImportState::Cancelled if stored => {
            format!("{failure} `muster imports undo {}` does it.", report.import)
        }
        _ => failure.to_owned(),
    }
}

/// Ctrl-C ends the import after its current batch.
fn cancel_at_first_signal(app: &Arc<App>, by: Actor) -> Result<(), CliError> {
    // The thread that waits for the signal must not keep the app alive: the store has to be closed at the end.
    let app = Arc::downgrade(app);
    stop_signal::at_first(move || {
        if let Some(app) = app.upgrade() {
            // The terminal may have been closed.
            let _ = writeln!(
                io::stderr(),
                "muster: stopping after the current batch; press Ctrl-C again to stop at once"
            );
            app.jobs.cancel_all(&by);
        }
    })
}

/// Writes the reject file and returns a message about it. An empty file is removed.
fn write_rejects(
    app: &App,
    organization: &str,
    report: &Report,
    file: NewFile,
) -> Result<Option<String>, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Message(error.to_string());
    let written = match &report.preview {
        Some(preview) => {
            file.fill(|out| {
                let (header, total) = (preview.header(), report.rejected.total);
                reject_file::write_rejects(&header, &report.rejects, total, out)
                    .map_err(|error| failed(&error))
            })?;
            report.rejects.len() as u64
        }
        None => match app.store.import(organization, report.import)? {
            Some(record) => file.fill(|out| {
                reject_file::write(app.store.as_ref(), &record, out).map_err(|error| failed(&error))
            })?,
            None => 0,
        },
    };
    let total = report.rejected.total;
    if total == 0 {
        file.discard()?;
        return Ok(None);
    }
    let setting = match report.preview {
        Some(_) => "import.report_findings",
        None => "import.keep_rejects_bytes",
    };
    Ok(Some(rejects_note(written, total, setting, &file.shown())))
}

/// A message about the content of a reject file.
pub(super) fn rejects_note(written: u64, total: u64, setting: &str, shown: &str) -> String {
    let plural = if written == 1 { "row" } else { "rows" };
    let more = match total.saturating_sub(written) {
        0 => String::new(),
        left => format!("; {left} more are not in it, because of the limit {setting}"),
    };
    format!("{written} rejected {plural} in {shown}{more}")
}

/// Runs `work` while the progress bar shows how far it is.
fn watched<T>(jobs: &Jobs, bar: &ProgressBar, work: impl FnOnce() -> T) -> T {
    if bar.is_hidden() {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if let Some((_, progress)) = jobs.under_way().first() {
                    let (rows, rate) = (progress.counters.total, progress.rows_per_second);
                    bar.set_message(format!("{rows} rows, {rate} rows/s"));
                }
                std::thread::sleep(PROGRESS_INTERVAL);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

fn default_password(arguments: &Arguments) -> Result<Option<Secret>, CliError> {
    if let Some(file) = &arguments.default_password_file {
        return Ok(Some(config::read_secret(file)?));
    }
    if arguments.default_password_stdin {
        return read_line(&mut io::stdin().lock()).map(Some);
    }
    Ok(None)
}

/// The first line of `input`, as a secret.
pub(super) fn read_line(input: &mut dyn BufRead) -> Result<Secret, CliError> {
    let mut line = String::new();
    let most = 64 * 1024;
    input
        .take(most)
        .read_line(&mut line)
        .map_err(|error| format!("cannot read standard input: {error}"))?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}

fn json(report: &Report) -> Result<String, CliError> {
    serde_json::to_string(report).map_err(|error| CliError::Message(error.to_string()))
}

/// A progress bar for reading a file, unless it is hidden.
pub(super) fn progress_bar(bytes: u64, hidden: bool) -> ProgressBar {
    if hidden || !output::watched() {
        return ProgressBar::hidden();
    }
    let template =
        "{bar:30} {percent:>3} %  {msg}  {bytes} of {total_bytes}, {elapsed} elapsed, {eta} left";
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(PROGRESS_INTERVAL);
    bar
}
