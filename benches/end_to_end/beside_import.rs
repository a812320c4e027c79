//! The effect of a large import on small calls, and of the calls on the import.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::figure::Figure;
use crate::plans::{MILLION, Plan};
use crate::server::{Run, Server};
use crate::small_caller::{SmallCaller, USERS};

/// The name on the command line.
pub const NAME: &str = "beside_import";

/// The import; its baseline is the same import without callers.
const PLAN: Plan = Plan {
    name: NAME,
    target: 0.85,
    ..MILLION
};

/// Number of callers of small calls.
const CALLERS: usize = 4;

/// Pause of a caller between two calls.
const PAUSE: Duration = Duration::from_millis(20);

/// Target for the 99th percentile of calls, in milliseconds.
const P99_TARGET: f64 = 250.0;

/// Target for the longest call, in milliseconds.
const LONGEST_TARGET: f64 = 500.0;

/// Measures imports with and without callers alternately, and writes the results.
///
/// # Errors
/// A message: a call failed, a count is wrong, or the server exceeded its memory limit.
pub fn measure(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("data");
    let rows = wanted.rows.unwrap_or(PLAN.rows);
    PLAN.data.write(&file, rows)?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| error.to_string());
    let mut figure = Figure::new(&PLAN, rows);
    let mut calls = Vec::new();
    for number in 1..=wanted.runs.unwrap_or(PLAN.runs) {
        let server = Server::start()?;
        let (run, took) = beside_callers(&server, &file)?;
        server.expect_users(rows + USERS * took.len() as u64)?;
        figure.add(run.seconds, run.peak_memory);
        calls.extend(took);
        drop(server);
        let alone = Server::start()?.import(PLAN.exchange, &file, rows)?;
        figure.add_baseline(alone.seconds);
        if !wanted.json {
            say(figure.run(number))?;
        }
    }
    calls.sort();
    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| milliseconds(&calls, share));
    if wanted.json {
        figure.note("calls", calls.len());
        figure.note("callMedianMs", p50);
        figure.note("callP99Ms", p99);
        figure.note("callP99TargetMs", P99_TARGET);
        figure.note("callLongestMs", longest);
        figure.note("callLongestTargetMs", LONGEST_TARGET);
        say(figure.to_json())?;
    } else {
        say(figure.to_string())?;
        say(format!(
            "  small calls      {} of {CALLERS} callers: median {p50} ms, p99 {p99} ms (target \
             {P99_TARGET}), longest {longest} ms (target {LONGEST_TARGET})",
            calls.len()
        ))?;
    }
    figure.check_memory()
}

/// Runs the import with concurrent callers, and returns the durations of their calls.
fn beside_callers(server: &Server, file: &Path) -> Result<(Run, Vec<Duration>), String> {
    let ended = AtomicBool::new(false);
    let call = &|caller: usize| {
        let mut caller = SmallCaller::connect(format!("caller{caller}"), server.address())
            .map_err(|error| error.to_string())?;
        let mut took = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            took.push(caller.call()?);
            std::thread::sleep(PAUSE);
        }
        Ok::<_, String>(took)
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (1..=CALLERS)
            .map(|caller| scope.spawn(move || call(caller)))
            .collect();
        let run = server.upload(PLAN.exchange, file);
        ended.store(true, Ordering::Relaxed);
        let mut calls = Vec::new();
        for caller in callers {
            calls.extend(caller.join().map_err(|_| "a caller panicked")??);
        }
        Ok((run?, calls))
    })
}

/// The quantile `share` of the sorted durations, in milliseconds.
fn milliseconds(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let took = sorted.get(rank.saturating_sub(1)).copied();
    (took.unwrap_or_default().as_secs_f64() * 10_000.0).round() / 10.0
}
