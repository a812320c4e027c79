//! `muster audit`: the audit log. Can run while a server is running.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::organization_option::OrganizationOption;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::stores::{self, Access};
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;

/// Entries read from the store at a time.
const PAGE: usize = 500;

/// Entries listed by default.
const LISTED: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    within: OrganizationOption,
    /// Show only entries about this import
    #[arg(long, value_name = "ID")]
    import: Option<Uuid>,
    /// Print all entries, one JSON object per line
    #[arg(long)]
    json: bool,
    /// Show at most N entries, the newest [default: 100; with --json all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let organization = arguments.within.name(store.as_ref())?;
    let most = match (arguments.limit, arguments.json) {
        (Some(limit), _) => limit,
        (None, true) => usize::MAX,
        (None, false) => LISTED,
    };
    let import = arguments.import.map(ImportId);
    let wanted = |entry: &AuditEntry| import.is_none() || entry.import == import;
    let (mut before, mut shown, mut more) = (None, 0, false);
    let mut table = output::table(&["at", "operator", "channel", "action", "about", "details"]);
    'pages: loop {
        let page = store.audit(&organization, before, PAGE)?;
        for entry in page.iter().filter(|entry| wanted(entry)) {
            if shown == most {
                more = true;
                break 'pages;
            }
            shown += 1;
            match arguments.json {
                true => writeln!(out, "{}", to_json(entry)?)?,
                false => {
                    table.add_row(cells(entry));
                }
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => before = Some(last.id),
            _ => break,
        }
    }
    if arguments.json {
        return Ok(ExitCode::SUCCESS);
    }
    if shown == 0 {
        writeln!(out, "no entries")?;
        return Ok(ExitCode::SUCCESS);
    }
    output::keep_whole(&mut table, 0);
    output::write_table(out, &table, "")?;
    if more {
        writeln!(
            out,
            "… only the newest {shown} are shown; use --limit N or --json for more"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(entry: &AuditEntry) -> Result<String, CliError> {
    serde_json::to_string(entry).map_err(|error| CliError::Message(error.to_string()))
}

fn cells(entry: &AuditEntry) -> Vec<String> {
    let at = entry.at.to_rfc3339();
    let about = match (&entry.target, entry.import) {
        (Some(target), _) => target.clone(),
        (None, Some(import)) => format!("import {import}"),
        (None, None) => String::new(),
    };
    vec![
        at.split('.').next().unwrap_or_default().to_owned() + "Z",
        output::plain(&entry.operator),
        entry.channel.as_str().to_owned(),
        output::plain(&entry.action),
        output::plain(&about),
        output::plain(&details(&entry.details)),
    ]
}

/// `state completed, created 3`: the fields that are not null, false or zero.
fn details(value: &serde_json::Value) -> String {
    let serde_json::Value::Object(fields) = value else {
        return String::new();
    };
    let one = |(name, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::Null | serde_json::Value::Bool(false) => None,
        serde_json::Value::String(text) => Some(format!("{name} {text}")),
        serde_json::Value::Number(number) if number.as_u64() == Some(0) => None,
        serde_json::Value::Object(_) => Some(details(value)).filter(|inner| !inner.is_empty()),
        other => Some(format!("{name} {other}")),
    };
    fields.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}
