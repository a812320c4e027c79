//! `muster imports list|show|rejects|undo|cancel`: lists imports, shows their reports, and undoes or cancels
//! them. Can run while a server is running.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use crate::access::gate::Caller;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::import::rejects_note;
use crate::cli::new_file::NewFile;
use crate::cli::organization_option::OrganizationOption;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::clock::Clock;
use crate::import::error::ImportError;
use crate::import::reject_file;
use crate::stores::{self, Access};
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::options::HeaderLine;
use crate::users::problem::Problem;
use crate::users::step::Finish;
use crate::users::store::Store;

/// Problems shown by default; `--json` prints all that were kept.
const SHOWN: usize = 200;

/// Imports listed by default.
const LISTED: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    within: OrganizationOption,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the newest imports
    List {
        /// Print all imports, one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show an import and the problems in its rows
    Show {
        /// The import's id
        id: Uuid,
        /// Print one JSON object, with all problems that were kept
        #[arg(long, conflicts_with_all = ["skip", "limit"])]
        json: bool,
        /// Skip the first N problems
        #[arg(long, value_name = "N", default_value_t = 0)]
        skip: usize,
        /// Show at most N problems
        #[arg(long, value_name = "N", default_value_t = SHOWN)]
        limit: usize,
    },
    /// Write the rows that were not stored, each with its problem; after correction, the file can be
    /// imported unchanged
    Rejects {
        /// The import's id
        id: Uuid,
        /// New file [default: standard output]
        file: Option<PathBuf>,
    },
    /// Undo an import: users that it created are removed and users that it changed are restored; users
    /// that were changed since are left unchanged and listed
    Undo {
        /// The import's id
        id: Uuid,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Cancel an import: at once if it is waiting or was interrupted, or after its current batch if it
    /// is running
    Cancel {
        /// The import's id
        id: Uuid,
    },
}

/// An import with its problems.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(flatten)]
    record: &'a ImportRecord,
    findings_kept: &'a [Problem],
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let store = store.as_ref();
    let organization = arguments.within.name(store)?;
    let organization = organization.as_str();
    let find = |id: &Uuid| find(store, organization, *id);
    match &arguments.command {
        Command::List { json: true } => {
            for record in store.imports(organization, usize::MAX)? {
                writeln!(out, "{}", to_json(&record)?)?;
            }
        }
        Command::List { json: false } => list(store, organization, out)?,
        Command::Show { id, json: true, .. } => {
            let record = find(id)?;
            let findings = store.findings(organization, record.id, 0, usize::MAX)?;
            let shown = Shown {
                record: &record,
                findings_kept: &findings,
            };
            writeln!(out, "{}", to_json(&shown)?)?;
        }
        Command::Show {
            id, skip, limit, ..
        } => {
            let record = find(id)?;
            let findings = store.findings(organization, record.id, *skip, *limit)?;
            show(&record, &findings, *skip, out)?;
        }
        Command::Rejects { id, file } => {
            let record = find(id)?;
            rejects(store, &record, file.as_deref(), out)?;
        }
        Command::Undo { id, json } => return undo(store, &find(id)?, *json, out),
        Command::Cancel { id } => cancel(store, &find(id)?, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn find(store: &dyn Store, organization: &str, id: Uuid) -> Result<ImportRecord, CliError> {
    let id = ImportId(id);
    let found = store.import(organization, id)?;
    let now = Clock::system().now();
    let found = found.map(|record| record.shown(now));
    found.ok_or_else(|| CliError::Message(format!("there is no import {id}")))
}

fn to_json(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::Message(error.to_string()))
}

fn list(store: &dyn Store, organization: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let records = store.imports(organization, LISTED)?;
    if records.is_empty() {
        return Ok(writeln!(out, "no imports")?);
    }
    let mut table = output::table(&["id", "started", "file", "state", "rows"]);
    let now = Clock::system().now();
    for record in records.into_iter().map(|record| record.shown(now)) {
        let started = record.started_at.to_rfc3339();
        table.add_row(vec![
            record.id.to_string(),
            started.split('.').next().unwrap_or_default().to_owned() + "Z",
            output::plain(&record.file_name),
            record.state.as_str().into(),
            output::counts_and_warnings(&record.counters, record.warnings),
        ]);
    }
    // Do not wrap the id: a wrapped id cannot be copied.
    output::keep_whole(&mut table, 0);
    output::keep_whole(&mut table, 1);
    Ok(output::write_table(out, &table, "")?)
}

fn show(
    record: &ImportRecord,
    findings: &[Problem],
    skip: usize,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    writeln!(out, "import    {}", record.id)?;
    writeln!(out, "file      {}", output::plain(&record.file_name))?;
    writeln!(
        out,
        "sha256    {}",
        record.sha256.as_deref().unwrap_or("(its end was not read)")
    )?;
    writeln!(out, "domain    {}", record.domain)?;
    let (channel, operator) = (record.channel.as_str(), output::plain(&record.operator));
    writeln!(out, "by        {operator}, {channel}")?;
    writeln!(out, "options   {}", options(record))?;
    if let Some(key) = &record.key {
        writeln!(out, "key       {}", output::plain(key))?;
    }
    writeln!(out, "started   {}", record.started_at.to_rfc3339())?;
    if let Some(finished) = record.finished_at {
        writeln!(out, "finished  {}", finished.to_rfc3339())?;
    }
    writeln!(out, "state     {}", record.state.as_str())?;
    if let Some(reason) = &record.reason {
        writeln!(out, "reason    {}", output::plain(reason))?;
    }
    let rows = output::counts_and_warnings(&record.counters, record.warnings);
    writeln!(out, "rows      {rows}")?;
    if record.mended > 0 {
        writeln!(out, "mended    {}", output::mended_cells(record.mended))?;
    }
    if !findings.is_empty() {
        output::write_table(out, &output::findings(findings), "")?;
        let seen = skip + findings.len();
        let left = record.findings.saturating_sub(seen as u64);
        if left > 0 {
            writeln!(
                out,
                "… and {left} more problems; use --skip {seen} to see them"
            )?;
        }
    } else if skip > 0 && record.findings > 0 {
        let kept = record.findings;
        writeln!(
            out,
            "no problems to show after the first {skip}; {kept} were kept"
        )?;
    }
    Ok(())
}

/// The options, in the syntax of `muster import`.
fn options(record: &ImportRecord) -> String {
    let options = &record.options;
    let mut words = vec![format!("--conflict {}", options.conflict.as_str())];
    if options.validate_first {
        words.push("--validate-first".into());
    }
    if let Some(limit) = options.stop_after {
        words.push(format!("--stop-after {limit}"));
    }
    if options.header != HeaderLine::Auto {
        words.push(format!("--header {}", options.header));
    }
    for (heading, meaning) in options.map.entries() {
        words.push(format!("--map {:?}", format!("{heading}={meaning}")));
    }
    if let Some(sheet) = &options.sheet {
        words.push(format!("--sheet {sheet:?}"));
    }
    if let Some(charset) = &options.charset {
        words.push(format!("--charset {charset}"));
    }
    words.join(" ")
}

fn rejects(
    store: &dyn Store,
    record: &ImportRecord,
    file: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let failed = |error: reject_file::RejectFileError| CliError::Message(error.to_string());
    let Some(path) = file else {
        return reject_file::write(store, record, out)
            .map(drop)
            .map_err(|error| match error {
                reject_file::RejectFileError::Io(error) => CliError::Output(error),
                other => failed(other),
            });
    };
    let file = NewFile::make(path, 0)?;
    let written = file.fill(|out| reject_file::write(store, record, out).map_err(failed))?;
    if record.rejected.total == 0 {
        file.discard()?;
        return Ok(writeln!(
            out,
            "import {} has no rejected rows; nothing was written",
            record.id
        )?);
    }
    let (total, setting) = (record.rejected.total, "import.keep_rejects_bytes");
    let note = rejects_note(written, total, setting, &file.shown());
    Ok(writeln!(out, "{note}")?)
}

fn undo(store: &dyn Store, record: &ImportRecord, json: bool, out: &mut dyn Write) -> Outcome {
    let id = record.id;
    let running = || {
        CliError::Message(format!(
            "import {id} is still running; use `muster imports cancel {id}` to stop it"
        ))
    };
    match record.state {
        ImportState::Queued | ImportState::Running => return Err(running()),
        ImportState::Undone => {
            return Err(CliError::Message(format!("import {id} was already undone")));
        }
        ImportState::Completed
        | ImportState::Interrupted
        | ImportState::Failed
        | ImportState::Cancelled => {}
    }
    let by = Caller::terminal(&record.organization).actor(Channel::Terminal);
    let undone = store
        .undo(&by.organization, id, &by, Clock::system().now())?
        .ok_or_else(running)?;
    if json {
        writeln!(out, "{}", to_json(&undone)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{}", undone.sentence())?;
    if !undone.left.is_empty() {
        let mut table = output::table(&["user or group", "reason it was left unchanged"]);
        for left in undone.left.iter().take(SHOWN) {
            let name = match &left.group {
                Some(group) => format!("group {group}"),
                None => left.user_name.clone(),
            };
            table.add_row(vec![output::plain(&name), left.reason.to_owned()]);
        }
        output::write_table(out, &table, "")?;
        let shown = undone.left.len().min(SHOWN) as u64;
        if undone.left_total > shown {
            writeln!(out, "… and {} more", undone.left_total - shown)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn cancel(store: &dyn Store, record: &ImportRecord, out: &mut dyn Write) -> Result<(), CliError> {
    let id = record.id;
    let by = Caller::terminal(&record.organization).actor(Channel::Terminal);
    let at = Clock::system().now();
    match record.state {
        ImportState::Running => {
            if store.request_cancel(&by.organization, id, &by, at)? {
                return Ok(writeln!(
                    out,
                    "import {id} was asked to stop; it ends after its current batch, within a few \
                     seconds"
                )?);
            }
        }
        ImportState::Queued | ImportState::Interrupted => {
            let finish = Finish {
                state: ImportState::Cancelled,
                reason: Some(ImportError::Cancelled.to_string()),
                sha256: None,
                by: None,
            };
            if store.end_import(&by.organization, id, &by, &finish, at)? {
                return Ok(writeln!(out, "import {id} was cancelled")?);
            }
        }
        ImportState::Completed
        | ImportState::Failed
        | ImportState::Cancelled
        | ImportState::Undone => {}
    }
    let state = find(store, &record.organization, id.0)?.state.as_str();
    Err(CliError::Message(format!(
        "import {id} has already ended: {state}; use `muster imports undo {id}` to undo it"
    )))
}
