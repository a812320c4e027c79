//! `muster import`: the same core without HTTP.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use toml::Value;

use crate::access::gate::Caller;
use crate::app::App;
use crate::cli::{CliError, Common, Outcome, Settings, output};
use crate::clock::Clock;
use crate::config;
use crate::import::generated_passwords::{GeneratedPasswords, HEADER_BYTES};
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::users::import_record::Door;
use crate::users::options::{ConflictPolicy, ImportOptions};
use crate::users::secret::Secret;

/// The exit code when some rows did not make it.
const SOME_FAILED: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The CSV file or Excel workbook (.xlsx, .xls)
    file: PathBuf,
    /// Domain (user store) of the users [default: PRIMARY]
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// File whose first line is the password of rows that have none
    #[arg(long, value_name = "F", conflicts_with = "default_password_stdin")]
    default_password_file: Option<PathBuf>,
    /// Read the password of rows that have none from standard input
    #[arg(long)]
    default_password_stdin: bool,
    /// Charset of a CSV file without a byte-order mark, such as windows-1252 [default: auto]
    #[arg(long, value_name = "C")]
    charset: Option<String>,
    /// What stands between the columns of a CSV file: comma, semicolon, tab, bar [default: auto]
    #[arg(long, value_name = "D")]
    delimiter: Option<String>,
    /// Give each row without a password one that is made up, and write the names and passwords of the
    /// users who were made into this new file
    #[arg(
        long,
        value_name = "F",
        conflicts_with_all = ["default_password_file", "default_password_stdin", "dry_run"]
    )]
    generate_passwords: Option<PathBuf>,
    /// What becomes of users who exist: skip, update, fill or fail
    #[arg(long, value_name = "P", default_value = "skip", value_parser = ConflictPolicy::parse)]
    conflict: ConflictPolicy,
    /// Write the file only if not one of its rows has a problem
    #[arg(long)]
    validate_first: bool,
    /// End the import after so many rows with problems
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let flags = [
        ("charset", &arguments.charset),
        ("delimiter", &arguments.delimiter),
    ];
    let flags = flags.into_iter().filter_map(|(key, value)| {
        let value = value.as_deref()?;
        Some(("files", key, Value::from(value)))
    });
    let settings = Settings::load_quietly_with(common, flags.collect())?;
    let default_password = default_password(arguments)?;
    let shown = arguments.file.display();
    let file = File::open(&arguments.file)
        .map_err(|error| format!("{shown} cannot be opened: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("{shown} cannot be looked at: {error}"))?;
    if metadata.is_dir() {
        return Err(CliError::Told(format!("{shown} is a folder; name a file")));
    }
    let app = App::build(&settings.app(), Clock::system())?;
    let result_file = match &arguments.generate_passwords {
        Some(path) => Some(ResultFile::make(path)?),
        None => None,
    };
    let caller = Caller::terminal();
    let request = ImportRequest {
        organization: caller.organization,
        domain: app.domains.find(arguments.domain.as_deref())?,
        door: Door::Terminal,
        operator: caller.name,
        may_grant_admin: true,
        file_name: arguments.file.to_string_lossy().into_owned(),
        default_password,
        generated_passwords: match &result_file {
            Some(file) => Some(file.begin()?),
            None => None,
        },
        options: ImportOptions {
            conflict: arguments.conflict,
            dry_run: arguments.dry_run,
            validate_first: arguments.validate_first,
            stop_after: arguments.stop_after,
        },
        key: None,
    };
    let bar = progress_bar(metadata.len(), arguments.json);
    let result = app.importer.run(request, bar.wrap_read(file));
    bar.finish_and_clear();
    let handed_out = match &result_file {
        Some(file) => file.end()?,
        None => false,
    };
    let (report, failure) = match result {
        Ok(report) => (report, None),
        Err(failure) => {
            let sentence = failure.to_string();
            (*failure.report, Some(sentence))
        }
    };
    if arguments.json {
        writeln!(out, "{}", json(&report)?)?;
    } else {
        output::report(out, &report, "")?;
        if let (Some(file), true) = (&result_file, handed_out) {
            writeln!(out, "passwords in {}", file.shown())?;
        }
    }
    match failure {
        Some(sentence) => Err(CliError::Told(sentence)),
        None if report.counters.clean() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::from(SOME_FAILED)),
    }
}

/// The file that generated passwords are written to; only its owner may read it.
struct ResultFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> ResultFile<'a> {
    /// A new file: what is there is never written over.
    fn make(path: &'a Path) -> Result<Self, CliError> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(ResultFile { path, file })
    }

    fn begin(&self) -> Result<GeneratedPasswords, CliError> {
        let out = self.file.try_clone();
        out.and_then(|out| GeneratedPasswords::new(Box::new(BufWriter::new(out))))
            .map_err(|error| self.told(&error))
    }

    /// Whether there is a password in it; if there is none, it goes away again.
    fn end(&self) -> Result<bool, CliError> {
        let length = self.file.metadata().map_err(|error| self.told(&error))?;
        if length.len() <= HEADER_BYTES {
            std::fs::remove_file(self.path).map_err(|error| self.told(&error))?;
            return Ok(false);
        }
        self.file.sync_all().map_err(|error| self.told(&error))?;
        Ok(true)
    }

    fn told(&self, error: &io::Error) -> CliError {
        CliError::Told(format!("{} cannot be written: {error}", self.shown()))
    }

    fn shown(&self) -> String {
        output::plain(&self.path.to_string_lossy())
    }
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
        .map_err(|error| format!("standard input cannot be read: {error}"))?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}

fn json(report: &Report) -> Result<String, CliError> {
    serde_json::to_string(report).map_err(|error| CliError::Told(error.to_string()))
}

fn progress_bar(bytes: u64, hidden: bool) -> ProgressBar {
    if hidden || !output::watched() {
        return ProgressBar::hidden();
    }
    let template =
        "{bar:40} {percent:>3} %  {bytes} of {total_bytes}, {elapsed} so far, {eta} to go";
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
