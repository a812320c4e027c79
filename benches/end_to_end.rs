//! Measures imports from the socket to the durable row: their rate, and the server's memory.
//!
//! `cargo bench --bench end_to_end -- [FIGURE …] [--rows N] [--runs N] [--json]`: for each figure (all of them by
//! default), it creates the data, starts the release server with default settings in a new directory, sends the data
//! over the loopback interface, counts the users in the database, and alternates these runs with those of the
//! baseline. `plans.rs` is the table of figures. Figures of other kinds have their own files: `ten_million.rs`,
//! `beside_import.rs`, `small_calls.rs` (where `N` is the number of calls), `row_path.rs`, `starting.rs`.
//!
//! Temporary files are created in `TMPDIR`, up to 4 GB (`ten_million`); that disk is part of the measurement. The exit
//! code is 1 if a count is wrong or the server exceeded its memory limit. A ratio below its target is reported but is
//! not a failure, because machines differ.

#[path = "end_to_end/arguments.rs"]
mod arguments;
#[path = "end_to_end/plans.rs"]
mod plans;
mod people;
mod rows;
#[path = "end_to_end/data.rs"]
mod data;
#[path = "end_to_end/server.rs"]
mod server;
#[path = "end_to_end/exchange.rs"]
mod exchange;
#[path = "end_to_end/shell.rs"]
mod shell;
#[path = "end_to_end/hashing.rs"]
mod hashing;
#[path = "end_to_end/starting.rs"]
mod starting;
#[path = "end_to_end/callers.rs"]
mod callers;
#[path = "end_to_end/bare_handler.rs"]
mod bare_handler;
#[path = "end_to_end/small_calls.rs"]
mod small_calls;
#[path = "end_to_end/figure.rs"]
mod figure;
#[path = "end_to_end/row_path.rs"]
mod row_path;
#[path = "end_to_end/ten_million.rs"]
mod ten_million;
#[path = "end_to_end/small_caller.rs"]
mod small_caller;
#[path = "end_to_end/beside_import.rs"]
mod beside_import;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::data::Data;
use crate::exchange::Exchange;
use crate::figure::Figure;
use crate::plans::{Baseline, PLANS, Plan};
use crate::server::Server;

/// The figures of other kinds: name and function.
const OTHERS: [(&str, Measure); 5] = [
    (ten_million::NAME, ten_million::measure),
    (beside_import::NAME, beside_import::measure),
    (small_calls::NAME, small_calls::measure),
    (row_path::PLAN.name, row_path::measure),
    (starting::NAME, starting::measure),
];

/// Measures a figure and prints it; the error is a message.
type Measure = fn(&Arguments, &mut dyn Write) -> Result<(), String>;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if_eq(bare_handler::ARGUMENT).is_some() {
        return bare_handler::serve(given);
    }
    let mut out = io::stdout().lock();
    let names: Vec<&str> = PLANS
        .iter()
        .map(|plan| plan.name)
        .chain(OTHERS.iter().map(|(name, _)| *name))
        .collect();
    match Arguments::read(given, &names).and_then(|wanted| run(&wanted, &mut out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "end_to_end: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    for plan in PLANS {
        if wanted.wants(plan.name) {
            measure(plan, wanted, out)?;
        }
    }
    for (name, measure) in OTHERS {
        if wanted.wants(name) {
            measure(wanted, out)?;
        }
    }
    Ok(())
}

fn measure(plan: &Plan, wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let rows = wanted.rows.unwrap_or(plan.rows);
    let runs = wanted.runs.unwrap_or(plan.runs);
    let make = |name: &str, data: Data| {
        let path = folder.path().join(name);
        data.write(&path, rows).map(|bytes| (path, bytes))
    };
    let (file, bytes) = make("data", plan.data)?;
    let other = match plan.baseline {
        Baseline::Import(data, _) if data != plan.data => Some(make("other", data)?.0),
        _ => None,
    };
    let other = other.as_deref().unwrap_or(&file);
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| error.to_string());
    let human = !wanted.json;
    if human {
        let mib = bytes as f64 / 1024.0 / 1024.0;
        say(format!(
            "{}: {rows} users in {mib:.1} MiB, {runs} runs",
            plan.name
        ))?;
    }
    let mut figure = Figure::new(plan, rows);
    for number in 1..=runs {
        let run = import(plan, &file, rows)?;
        figure.add(run.seconds, run.peak_memory);
        let beside = match plan.baseline {
            Baseline::None => None,
            Baseline::Shell => shell::import(&file, rows, plan.data == Data::Short)?,
            Baseline::Import(_, exchange) => {
                let server = Server::start()?;
                Some(server.import(exchange, other, rows)?.seconds)
            }
            Baseline::Hashing => Some(hashing::seconds(rows)?),
        };
        if let Some(seconds) = beside {
            figure.add_baseline(seconds);
        }
        if human {
            say(figure.run(number))?;
        }
    }
    say(match wanted.json {
        true => figure.to_json(),
        false => figure.to_string(),
    })?;
    figure.check_memory()
}

/// Runs the measured import on a new server. If it is the second import of the same file, the first one is not
/// measured.
fn import(plan: &Plan, file: &Path, rows: u64) -> Result<server::Run, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = Server::start_with(folder, plan.settings)?;
    if plan.again {
        server.import(Exchange::Mtom, file, rows)?;
    }
    server.import(plan.exchange, file, rows)
}
