//! Many small calls at once: so many connections, each of which brings a few users in, call by call, and
//! every call is durable before its answer. Compared with a bare handler that is called in the same way.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::arguments::Arguments;
use crate::bare_handler::BareHandler;
use crate::callers::{Answered, USERS, call};
use crate::figure::{mebibytes, spread};
use crate::server::Server;

/// What the figure is called on the command line.
pub const NAME: &str = "small_calls";

/// Calls of one run, unless the command line says how many (`--rows`).
const CALLS: u64 = 60_000;

/// Runs, unless the command line says how many.
const RUNS: usize = 5;

/// Connections that are used at the same time.
const CONNECTIONS: usize = 64;

/// How many times as many calls the bare handler gets, which answers so much sooner.
const BARE: u64 = 5;

/// The ratio to the bare handler that is aimed at.
const TARGET: f64 = 0.1;

/// Resident memory that the server may need, in bytes.
const MEMORY_LIMIT: u64 = 128 * 1024 * 1024;

/// The runs.
#[derive(Debug, Default)]
struct Runs {
    /// Calls a second of each.
    rates: Vec<f64>,
    /// The same of the bare handler.
    bare: Vec<f64>,
    /// How long each call of all runs took.
    latencies: Vec<Duration>,
    peak_memory: Option<u64>,
}

/// Measures the calls and the bare handler in turn, and prints what was found.
///
/// # Errors
/// A sentence: a server does not start, an answer is not what it has to be, another number of users is
/// stored, or the server needed more memory than it may.
pub fn measure(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let calls = wanted.rows.unwrap_or(CALLS);
    let mut runs = Runs::default();
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| error.to_string());
    for number in 1..=wanted.runs.unwrap_or(RUNS) {
        let server = Server::start()?;
        // Hashes both passwords, which are remembered.
        let first = call(server.address(), 0..1, calls + 1, 1)?;
        let answered = call(server.address(), 1..calls + 1, calls + 1, CONNECTIONS)?;
        server.expect_users((calls + 1) * USERS)?;
        runs.peak_memory = server.memory("VmHWM:").max(runs.peak_memory);
        drop(server);
        let bare = call_bare_handler(&first.answer, calls * BARE)?;
        let (rate, bare_rate) = (rate(&answered), rate(&bare));
        if !wanted.json {
            say(format!(
                "run {number}: {rate:.0} calls/s   bare handler {bare_rate:.0} calls/s"
            ))?;
        }
        runs.rates.push(rate);
        runs.bare.push(bare_rate);
        runs.latencies.extend(answered.latencies);
    }
    runs.latencies.sort();
    say(match wanted.json {
        true => runs.to_json(calls),
        false => runs.to_text(calls),
    })?;
    match runs.peak_memory {
        // What more calls than the figure's own need has no limit.
        Some(peak) if calls <= CALLS && peak > MEMORY_LIMIT => Err(format!(
            "{NAME}: the server needed {} of memory; it may need {}",
            mebibytes(Some(peak)),
            mebibytes(Some(MEMORY_LIMIT))
        )),
        _ => Ok(()),
    }
}

/// Calls a handler that answers as Muster has answered.
fn call_bare_handler(answer: &str, calls: u64) -> Result<Answered, String> {
    let handler = BareHandler::start(answer)?;
    let first = call(handler.address(), 0..1, 1, 1)?;
    if without_date(&first.answer) != without_date(answer) {
        return Err(format!(
            "the bare handler answers {} and Muster {answer}",
            first.answer
        ));
    }
    call(handler.address(), 0..calls, calls, CONNECTIONS)
}

/// The lines of an answer in an order of their own, but for the one that tells the time.
fn without_date(answer: &str) -> Vec<&str> {
    let is_date = |line: &str| line.starts_with("Date: ");
    let mut lines: Vec<&str> = answer.lines().filter(|line| !is_date(line)).collect();
    lines.sort_unstable();
    lines
}

fn rate(answered: &Answered) -> f64 {
    answered.latencies.len() as f64 / answered.seconds
}

impl Runs {
    fn to_json(&self, calls: u64) -> String {
        let (min, median, max) = spread(&self.rates).unwrap_or_default();
        let (_, bare, _) = spread(&self.bare).unwrap_or_default();
        json!({
            "figure": NAME,
            "unit": "calls/s",
            "calls": calls,
            "runs": self.rates.len(),
            "min": min.round(),
            "median": median.round(),
            "max": max.round(),
            "baseline": bare.round(),
            "ratio": (median / bare * 1000.0).round() / 1000.0,
            "target": TARGET,
            "p50Ms": (self.milliseconds(0.5) * 100.0).round() / 100.0,
            "p99Ms": (self.milliseconds(0.99) * 100.0).round() / 100.0,
            "peakMemoryBytes": self.peak_memory,
        })
        .to_string()
    }

    fn to_text(&self, calls: u64) -> String {
        let (min, median, max) = spread(&self.rates).unwrap_or_default();
        let (bare_min, bare, bare_max) = spread(&self.bare).unwrap_or_default();
        format!(
            "{NAME}, median of {} runs of {calls} calls\n  \
             muster           {median:.0} calls/s ({min:.0} to {max:.0})\n  \
             bare handler     {bare:.0} calls/s ({bare_min:.0} to {bare_max:.0})\n  \
             ratio            {:.3} (target {TARGET})\n  \
             a call takes     {:.2} ms, one of a hundred {:.2} ms or more\n  \
             peak memory      {}",
            self.rates.len(),
            median / bare,
            self.milliseconds(0.5),
            self.milliseconds(0.99),
            mebibytes(self.peak_memory)
        )
    }

    /// How long a call took, of all calls in the order of their times the one at this place of 1.
    fn milliseconds(&self, place: f64) -> f64 {
        let index = (self.latencies.len().saturating_sub(1)) as f64 * place;
        let latency = self.latencies.get(index.round() as usize);
        latency.copied().unwrap_or_default().as_secs_f64() * 1_000.0
    }
}
