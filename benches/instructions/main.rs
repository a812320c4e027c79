//! Code paths whose instructions `tests/instructions.sh` counts, to detect regressions.
//!
//! `instructions PATH REPETITIONS` runs a path on input that is always the same; `instructions` without arguments lists
//! the paths with the amount that one repetition processes. The count of a path is the difference between the
//! instructions of N and of 2N repetitions, divided by the amount that N of them process, so it does not include the
//! start of the process and the creation of the input.

#[path = "../people.rs"]
mod people;
#[path = "../rows.rs"]
mod rows;
mod paths;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::paths::PATHS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "instructions: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [name, repetitions] = arguments else {
        return match arguments {
            [] => list().map_err(|error| error.to_string()),
            _ => Err("specify a path and the number of repetitions, or nothing for a list".into()),
        };
    };
    let known = PATHS.iter().find(|path| path.name == name);
    let path = known.ok_or_else(|| format!("unknown path {name:?}"))?;
    let repetitions = repetitions
        .parse()
        .map_err(|_| format!("{repetitions:?} is not a number of repetitions"))?;
    (path.run)(path.amount, repetitions)
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for path in PATHS {
        writeln!(out, "{} {} {}", path.name, path.amount, path.unit)?;
    }
    Ok(())
}
