//! `muster imports list|show`: what became of imports. Works beside a running server.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::{CliError, Common, Outcome, Settings, output};
use crate::stores::{self, Access};
use crate::users::DEFAULT_ORGANIZATION;
use crate::users::import_record::{ImportId, ImportRecord};
use crate::users::problem::Problem;

/// Findings shown on the terminal; `--json` has all that were kept.
const SHOWN: usize = 200;

/// Imports listed on the terminal.
const LISTED: usize = 100;

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
        /// As one JSON object
        #[arg(long)]
        json: bool,
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

pub(super) fn run(common: &Common, command: &Command, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    match command {
        Command::List { json: true } => {
            for record in store.imports(DEFAULT_ORGANIZATION, usize::MAX)? {
                writeln!(out, "{}", to_json(&record)?)?;
            }
        }
        Command::List { json: false } => {
            let records = store.imports(DEFAULT_ORGANIZATION, LISTED)?;
            if records.is_empty() {
                writeln!(out, "no imports")?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut table = output::table(&["id", "started", "file", "state", "created"]);
            for record in records {
                let started = record.started_at.to_rfc3339();
                let counters = &record.counters;
                table.add_row(vec![
                    record.id.to_string(),
                    started.split('.').next().unwrap_or_default().to_owned() + "Z",
                    output::plain(&record.file_name),
                    record.state.as_str().into(),
                    format!("{} of {}", counters.created, counters.total),
                ]);
            }
            // An id that is broken in two cannot be copied.
            output::keep_whole(&mut table, 0);
            output::keep_whole(&mut table, 1);
            output::write_table(out, &table, "")?;
        }
        Command::Show { id, json } => {
            let id = ImportId(*id);
            let record = store
                .import(DEFAULT_ORGANIZATION, id)?
                .ok_or_else(|| format!("there is no import {id}"))?;
            let limit = if *json { usize::MAX } else { SHOWN };
            let findings = store.findings(DEFAULT_ORGANIZATION, id, 0, limit)?;
            if *json {
                let shown = Shown {
                    record: &record,
                    findings_kept: &findings,
                };
                writeln!(out, "{}", to_json(&shown)?)?;
            } else {
                show(&record, &findings, out)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::Told(error.to_string()))
}

fn show(record: &ImportRecord, findings: &[Problem], out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "import    {}", record.id)?;
    writeln!(out, "file      {}", output::plain(&record.file_name))?;
    writeln!(
        out,
        "sha256    {}",
        record.sha256.as_deref().unwrap_or("(its end was not read)")
    )?;
    writeln!(out, "domain    {}", record.domain)?;
    let (door, operator) = (record.door.as_str(), output::plain(&record.operator));
    writeln!(out, "by        {operator}, {door}")?;
    writeln!(out, "started   {}", record.started_at.to_rfc3339())?;
    if let Some(finished) = record.finished_at {
        writeln!(out, "finished  {}", finished.to_rfc3339())?;
    }
    writeln!(out, "state     {}", record.state.as_str())?;
    if let Some(reason) = &record.reason {
        writeln!(out, "reason    {}", output::plain(reason))?;
    }
    writeln!(out, "rows      {}", output::counts(&record.counters))?;
    if !findings.is_empty() {
        output::write_table(out, &output::findings(findings), "")?;
        let left = record.findings.saturating_sub(findings.len() as u64);
        if left > 0 {
            writeln!(out, "… and {left} more findings")?;
        }
    }
    Ok(())
}
