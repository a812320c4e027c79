//! The server before its first call: the time until it is ready, its memory, its size.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::arguments::Arguments;
use crate::figure::mebibytes;
use crate::server::Server;

/// The name on the command line.
pub const NAME: &str = "starting";

/// Idle time before the memory is measured.
const IDLE: Duration = Duration::from_millis(500);

/// Measures starts in an existing data directory, and prints the results.
///
/// # Errors
/// A message: the server does not start.
pub fn measure(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let mut folder = Server::start()?.stop()?;
    let (mut milliseconds, mut memory) = (Vec::new(), None);
    for _ in 0..wanted.runs.unwrap_or(5) {
        let began = Instant::now();
        let server = Server::start_in(folder)?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1_000.0);
        std::thread::sleep(IDLE);
        memory = server.memory("VmRSS:").max(memory);
        folder = server.stop()?;
    }
    milliseconds.sort_by(f64::total_cmp);
    let median = milliseconds
        .get(milliseconds.len() / 2)
        .copied()
        .unwrap_or_default();
    let binary = fs::metadata(env!("CARGO_BIN_EXE_muster")).map_err(|error| error.to_string())?;
    let text = match wanted.json {
        true => json!({
            "figure": NAME,
            "unit": "ms",
            "median": (median * 10.0).round() / 10.0,
            "target": 100,
            "idleMemoryBytes": memory,
            "binaryBytes": binary.len(),
        })
        .to_string(),
        false => format!(
            "{NAME}, median of {} runs\n  ready after      {median:.0} ms (target 100)\n  idle memory      \
             {} (target 20 MiB)\n  binary           {} (target 25 MiB)",
            milliseconds.len(),
            mebibytes(memory),
            mebibytes(Some(binary.len()))
        ),
    };
    writeln!(out, "{text}").map_err(|error| error.to_string())
}
