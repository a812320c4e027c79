//! Paths whose instructions `tests/instructions.sh` counts, so that none becomes dearer unnoticed.
//!
//! `instructions PATH REPETITIONS` runs a path on input that is the same each time; `instructions` alone
//! lists the paths, with what one repetition handles. The count of a path is the difference between the
//! instructions of N and of 2N repetitions, divided by what N of them handle: starting and making the
//! input is not in it.

mod people;
mod rows;
#[path = "instructions/paths.rs"]
mod paths;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::paths::PATHS;

fn main() -> ExitCode {
    // Cargo says so to every benchmark.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Nothing is left to be done when standard error is closed.
            let _ = writeln!(io::stderr(), "instructions: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [name, repetitions] = arguments else {
        return match arguments {
            [] => list().map_err(|error| error.to_string()),
            _ => Err("give a path and how often it is to run, or nothing for a list".into()),
        };
    };
    let known = PATHS.iter().find(|path| path.name == name);
    let path = known.ok_or_else(|| format!("there is no path {name:?}"))?;
    let repetitions = repetitions
        .parse()
        .map_err(|_| format!("{repetitions:?} is no number of repetitions"))?;
    (path.run)(path.amount, repetitions)
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for path in PATHS {
        writeln!(out, "{} {} {}", path.name, path.amount, path.unit)?;
    }
    Ok(())
}
