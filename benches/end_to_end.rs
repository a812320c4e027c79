//! How long imports take from the socket to the durable row, and what they do to the memory.
//!
//! `cargo bench --bench end_to_end -- [FIGURE …] [--rows N] [--runs N] [--json]`: for each figure (all
//! of them, when none is named) makes its data, starts the release server with its default settings in a
//! fresh directory, sends the data over the loopback, and counts the users in the database.
//!
//! - `mtom_import`: a CSV file as an MTOM attachment; beside it, in turn with it, the `sqlite3` shell
//!   imports the same file, where it is installed.
//! - `scim_bulk`: one SCIM Bulk request that makes users without passwords.
//!
//! Temporary files go where `TMPDIR` says; that disk is a part of the measurement. The exit code is 1
//! when a count is wrong or the server needed more memory than it may.

#[path = "end_to_end/arguments.rs"]
mod arguments;
#[path = "end_to_end/data.rs"]
mod data;
#[path = "end_to_end/server.rs"]
mod server;
#[path = "end_to_end/exchange.rs"]
mod exchange;
#[path = "end_to_end/baseline.rs"]
mod baseline;
#[path = "end_to_end/figure.rs"]
mod figure;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::exchange::Exchange;
use crate::figure::Figure;

/// A figure that can be measured.
struct Plan {
    name: &'static str,
    /// Users, unless the command line says how many.
    rows: u64,
    exchange: Exchange,
    /// Whether the `sqlite3` shell can do the same.
    baseline: bool,
    /// Resident memory that the server may need, in bytes.
    memory_limit: u64,
}

/// All of them.
const PLANS: [Plan; 2] = [
    Plan {
        name: "mtom_import",
        rows: 1_000_000,
        exchange: Exchange::MtomImport,
        baseline: true,
        memory_limit: 128 * 1024 * 1024,
    },
    Plan {
        name: "scim_bulk",
        rows: 10_000,
        exchange: Exchange::ScimBulk,
        baseline: false,
        memory_limit: 100 * 1024 * 1024,
    },
];

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let names = PLANS.map(|plan| plan.name);
    match Arguments::read(std::env::args().skip(1), &names)
        .and_then(|wanted| run(&wanted, &mut out))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Nothing is left to be done when standard error is closed.
            let _ = writeln!(io::stderr(), "end_to_end: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &Arguments, out: &mut impl Write) -> Result<(), String> {
    for plan in &PLANS {
        if wanted.wants(plan.name) {
            measure(plan, wanted, out)?;
        }
    }
    Ok(())
}

fn measure(plan: &Plan, wanted: &Arguments, out: &mut impl Write) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("data");
    let rows = wanted.rows.unwrap_or(plan.rows);
    let bytes = match plan.exchange {
        Exchange::MtomImport => data::write_csv(&file, rows)?,
        Exchange::ScimBulk => data::write_bulk(&file, rows)?,
    };
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| error.to_string());
    let human = !wanted.json;
    if human {
        let mib = bytes as f64 / 1024.0 / 1024.0;
        say(format!(
            "{}: {rows} users in {mib:.1} MiB, {} runs",
            plan.name, wanted.runs
        ))?;
        if plan.baseline && !baseline::is_installed() {
            say("the sqlite3 shell is not installed: there is no baseline".into())?;
        }
    }
    let mut figure = Figure::new(plan.name, rows);
    for number in 1..=wanted.runs {
        let run = server::run(plan.exchange, &file, rows)?;
        figure.add(run.seconds, run.peak_memory);
        let shell = match plan.baseline {
            true => baseline::run(&file, rows)?,
            false => None,
        };
        if let Some(seconds) = shell {
            figure.add_baseline(seconds);
        }
        if human {
            let rate = |seconds: f64| rows as f64 / seconds;
            let beside = shell.map_or(String::new(), |seconds| {
                format!(
                    "   sqlite3 .import {seconds:.2} s, {:.0} rows/s",
                    rate(seconds)
                )
            });
            let (seconds, memory) = (run.seconds, figure::mebibytes(run.peak_memory));
            let rate = rate(seconds);
            say(format!(
                "run {number}: muster {seconds:.2} s, {rate:.0} rows/s, peak {memory}{beside}"
            ))?;
        }
    }
    say(match wanted.json {
        true => figure.to_json(),
        false => figure.to_string(),
    })?;
    match figure.peak_memory() {
        Some(peak) if peak > plan.memory_limit => Err(format!(
            "{}: the server needed {} of memory; it may need {}",
            plan.name,
            figure::mebibytes(Some(peak)),
            figure::mebibytes(Some(plan.memory_limit))
        )),
        _ => Ok(()),
    }
}
