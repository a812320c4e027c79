//! How long an import takes from the socket to the durable row, and what it does to the memory.
//!
//! `cargo bench --bench end_to_end -- [--rows N] [--runs N] [--json]`: makes a file of N users, starts
//! the release server with its default settings in a fresh directory, sends the file as an MTOM
//! attachment over the loopback, and counts the users in the database. Beside it, in turn with it,
//! the `sqlite3` shell imports the same file, where it is installed.
//!
//! Temporary files go where `TMPDIR` says; that disk is a part of the measurement. The exit code is 1
//! when a count is wrong or the server needed more memory than it may.

#[path = "end_to_end/arguments.rs"]
mod arguments;
#[path = "end_to_end/data.rs"]
mod data;
#[path = "end_to_end/server.rs"]
mod server;
#[path = "end_to_end/baseline.rs"]
mod baseline;
#[path = "end_to_end/figure.rs"]
mod figure;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::figure::Figure;

/// Resident memory that the server may need, in bytes.
const MEMORY_LIMIT: u64 = 128 * 1024 * 1024;

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    match Arguments::read(std::env::args().skip(1)).and_then(|wanted| run(&wanted, &mut out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Nothing is left to be done when standard error is closed.
            let _ = writeln!(io::stderr(), "end_to_end: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &Arguments, out: &mut impl Write) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("users.csv");
    let bytes = data::write(&file, wanted.rows)?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| error.to_string());
    let human = !wanted.json;
    if human {
        let (rows, mib) = (wanted.rows, bytes as f64 / 1024.0 / 1024.0);
        say(format!(
            "{rows} users in {mib:.1} MiB of CSV, {} runs",
            wanted.runs
        ))?;
        if !baseline::is_installed() {
            say("the sqlite3 shell is not installed: there is no baseline".into())?;
        }
    }
    let mut upload = Figure::new("mtom_import", wanted.rows);
    for number in 1..=wanted.runs {
        let run = server::run(&file, wanted.rows)?;
        upload.add(run.seconds, run.peak_memory);
        let shell = baseline::run(&file, wanted.rows)?;
        if let Some(seconds) = shell {
            upload.add_baseline(seconds);
        }
        if human {
            let rate = |seconds: f64| wanted.rows as f64 / seconds;
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
        true => upload.to_json(),
        false => upload.to_string(),
    })?;
    match upload.peak_memory() {
        Some(peak) if peak > MEMORY_LIMIT => Err(format!(
            "the server needed {} of memory; it may need {}",
            figure::mebibytes(Some(peak)),
            figure::mebibytes(Some(MEMORY_LIMIT))
        )),
        _ => Ok(()),
    }
}
