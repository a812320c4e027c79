//! Many concurrent small calls: each connection imports a few users per call, and every call is durable before its
//! response. The baseline is a bare handler that is called in the same way.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::arguments::Arguments;
use crate::bare_handler::BareHandler;
use crate::callers::{Answered, USERS, call};
use crate::figure::{mebibytes, spread};
use crate::server::Server;

/// The name on the command line.
pub const NAME: &str = "small_calls";

/// Default number of calls in a run (`--rows`).
const CALLS: u64 = 60_000;

/// Default number of runs.
const RUNS: usize = 5;

/// Number of concurrent connections.
const CONNECTIONS: usize = 64;

/// Factor for the number of calls to the bare handler, which responds much faster.
const BARE: u64 = 5;

/// Target for the ratio to the bare handler.
const TARGET: f64 = 0.1;

/// Maximum resident memory of the server, in bytes.
const MEMORY_LIMIT: u64 = 128 * 1024 * 1024;

/// The runs.
#[derive(Debug, Default)]
struct Runs {
    /// Calls per second of each run.
    rates: Vec<f64>,
    /// The same of the bare handler.
    bare: Vec<f64>,
    /// Durations of all calls of all runs.
    latencies: Vec<Duration>,
    peak_memory: Option<u64>,
}

/// Measures the calls and the bare handler alternately, and prints the results.
///
/// # Errors
/// A message: a server does not start, a response is unexpected, another number of users is stored, or the server
/// exceeded its memory limit.
pub fn measure(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let calls = wanted.rows.unwrap_or(CALLS);
    let mut runs = Runs::default();
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| error.to_string());
    for number in 1..=wanted.runs.unwrap_or(RUNS) {
        let server = Server::start()?;
        // Hashes both passwords, which are cached.
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
        // There is no limit for more calls than the figure's own number.
        Some(peak) if calls <= CALLS && peak > MEMORY_LIMIT => Err(format!(
            "{NAME}: the server used {} of memory; the limit is {}",
            mebibytes(Some(peak)),
            mebibytes(Some(MEMORY_LIMIT))
        )),
        _ => Ok(()),
    }
}

/// Calls a handler that sends the same response as Muster.
fn call_bare_handler(answer: &str, calls: u64) -> Result<Answered, String> {
    let handler = BareHandler::start(answer)?;
    let first = call(handler.address(), 0..1, 1, 1)?;
    if comparable(&first.answer) != comparable(answer) {
        return Err(format!(
            "the bare handler responds {} and Muster {answer}",
            first.answer
        ));
    }
    call(handler.address(), 0..calls, calls, CONNECTIONS)
}

/// The sorted lines of a response, without its date and the id of its request, which only Muster has.
fn comparable(answer: &str) -> Vec<&str> {
    let differs = |line: &str| {
        ["Date: ", "X-Request-Id: "]
            .iter()
            .any(|it| line.starts_with(it))
    };
    let mut lines: Vec<&str> = answer.lines().filter(|line| !differs(line)).collect();
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
             call median      {:.2} ms, p99 {:.2} ms\n  \
             peak memory      {}",
            self.rates.len(),
            median / bare,
            self.milliseconds(0.5),
            self.milliseconds(0.99),
            mebibytes(self.peak_memory)
        )
    }

    /// The quantile `place` (0 to 1) of the durations of all calls, in milliseconds.
    fn milliseconds(&self, place: f64) -> f64 {
        let index = (self.latencies.len().saturating_sub(1)) as f64 * place;
        let latency = self.latencies.get(index.round() as usize);
        latency.copied().unwrap_or_default().as_secs_f64() * 1_000.0
    }
}
