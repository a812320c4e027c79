//! `muster imports list|show|rejects|undo|cancel`: what became of imports, and taking one back. Works
//! beside a running server.

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

/// Findings shown on the terminal; `--json` has all that were kept.
const SHOWN: usize = 200;

/// Imports listed on the terminal.
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
        /// One JSON object a line, all imports
        #[arg(long)]
        json: bool,
    },
    /// Show one import and what was found in its rows
    Show {
        /// The import's id
        id: Uuid,
        /// As one JSON object, with all findings that were kept
        #[arg(long, conflicts_with_all = ["skip", "limit"])]
        json: bool,
        /// Leave out so many findings
        #[arg(long, value_name = "N", default_value_t = 0)]
        skip: usize,
        /// Show at most so many findings
        #[arg(long, value_name = "N", default_value_t = SHOWN)]
        limit: usize,
    },
    /// Write the rows that were not stored, each with what is wrong with it; mended, they can be
    /// imported as they are
    Rejects {
        /// The import's id
        id: Uuid,
        /// A new file [default: standard output]
        file: Option<PathBuf>,
    },
    /// Take back what an import did: users it made are removed, users it changed are as before; those
    /// whom somebody has changed since are left alone and named
    Undo {
        /// The import's id
        id: Uuid,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Stop an import: one that waits for its turn or was interrupted at once, one that runs behind
    /// the batch it is at
    Cancel {
        /// The import's id
        id: Uuid,
    },
}

/// An import with its findings.
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
    found.ok_or_else(|| CliError::Told(format!("there is no import {id}")))
}

fn to_json(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::Told(error.to_string()))
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
    // An id that is broken in two cannot be copied.
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
    if !findings.is_empty() {
        output::write_table(out, &output::findings(findings), "")?;
        let seen = skip + findings.len();
        let left = record.findings.saturating_sub(seen as u64);
        if left > 0 {
            writeln!(out, "… and {left} more findings; --skip {seen} goes on")?;
        }
    } else if skip > 0 && record.findings > 0 {
        let kept = record.findings;
        writeln!(
            out,
            "no findings are kept behind the first {skip}; there were {kept}"
        )?;
    }
    Ok(())
}

/// The options, as `muster import` takes them.
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
    let failed = |error: reject_file::RejectFileError| CliError::Told(error.to_string());
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
        CliError::Told(format!(
            "import {id} is still under way; `muster imports cancel {id}` stops it"
        ))
    };
    match record.state {
        ImportState::Queued | ImportState::Running => return Err(running()),
        ImportState::Undone => {
            return Err(CliError::Told(format!("import {id} was undone before")));
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
        let mut table = output::table(&["user or group", "left because"]);
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
                    "import {id} was asked to stop; it ends behind the batch it is at, within some \
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
                return Ok(writeln!(out, "import {id} is cancelled")?);
            }
        }
        ImportState::Completed
        | ImportState::Failed
        | ImportState::Cancelled
        | ImportState::Undone => {}
    }
    let state = find(store, &record.organization, id.0)?.state.as_str();
    Err(CliError::Told(format!(
        "import {id} has ended already: {state}; `muster imports undo {id}` takes back what it did"
    )))
}
