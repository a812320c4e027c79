//! Rate and memory of the import of a very large file.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::arguments::Arguments;
use crate::data::Data;
use crate::exchange::Exchange;
use crate::figure::{mebibytes, spread};
use crate::plans::MIB;
use crate::server::{Run, Server};

/// The name on the command line.
pub const NAME: &str = "ten_million";

/// Default number of rows: about 750 MB of CSV, and 2.5 GB in the store.
const ROWS: u64 = 10_000_000;

/// The large import has this many times as many rows as the small one.
const SMALLER: u64 = 100;

/// Target for the rate of the last tenth, relative to that of the first.
const TARGET: f64 = 0.6;

/// Maximum resident memory of the server, in bytes.
const MEMORY_LIMIT: u64 = 64 * MIB;

/// Maximum difference to the memory of the small import, in bytes.
const MORE_MEMORY_LIMIT: u64 = 8 * MIB;

/// Interval of the queries for the number of durable rows.
const INTERVAL: Duration = Duration::from_millis(50);

/// The results.
#[derive(Debug, Default)]
struct Found {
    rows: u64,
    /// Rates in rows per second: of the first tenth, of the last, of the whole import.
    first: Vec<f64>,
    last: Vec<f64>,
    whole: Vec<f64>,
    /// Peaks of the large and of the small import, in bytes.
    peak_memory: Option<u64>,
    small_peak_memory: Option<u64>,
}

/// Measures large imports, each on a new server, and writes the results.
///
/// # Errors
/// A message: a count is wrong, or the server exceeded its memory limit.
pub fn measure(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let mut found = Found {
        rows: wanted.rows.unwrap_or(ROWS),
        ..Found::default()
    };
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("data");
    let small = found.rows.div_ceil(SMALLER);
    Data::Csv.write(&file, small)?;
    found.small_peak_memory = Server::start()?
        .import(Exchange::Mtom, &file, small)?
        .peak_memory;
    Data::Csv.write(&file, found.rows)?;
    for _ in 0..wanted.runs.unwrap_or(1) {
        found.add(&watched_import(&file, found.rows)?);
    }
    let text = match wanted.json {
        true => found.to_json(),
        false => found.to_string(),
    };
    writeln!(out, "{text}").map_err(|error| error.to_string())?;
    found.check_memory()
}

/// An import, with the samples at the end of its first tenth and the beginning of its last.
struct Watched {
    run: Run,
    first: Option<Moment>,
    last: Option<Moment>,
}

/// The number of durable rows at a time after the start.
#[derive(Debug, Clone, Copy)]
struct Moment {
    seconds: f64,
    rows: u64,
}

/// Imports the file into a new server and samples the number of durable rows in its store.
fn watched_import(file: &Path, rows: u64) -> Result<Watched, String> {
    let server = Server::start()?;
    std::thread::scope(|scope| {
        let began = Instant::now();
        let import = scope.spawn(|| server.import(Exchange::Mtom, file, rows));
        let (mut first, mut last) = (None, None);
        while !import.is_finished() && last.is_none() {
            std::thread::sleep(INTERVAL);
            let moment = Moment {
                seconds: began.elapsed().as_secs_f64(),
                rows: server.durable_rows()?,
            };
            if moment.rows >= rows / 10 {
                first.get_or_insert(moment);
            }
            if moment.rows >= rows - rows / 10 {
                last = Some(moment);
            }
        }
        let run = import.join().map_err(|_| "the upload panicked")??;
        Ok(Watched { run, first, last })
    })
}

impl Found {
    /// Adds an import. One that ended before the first sample has no tenths.
    fn add(&mut self, import: &Watched) {
        let run = &import.run;
        self.whole.push(self.rows as f64 / run.seconds);
        self.peak_memory = self.peak_memory.max(run.peak_memory);
        if let (Some(first), Some(last)) = (import.first, import.last)
            && last.rows < self.rows
            && last.seconds < run.seconds
        {
            self.first.push(first.rows as f64 / first.seconds);
            let (rows, seconds) = (self.rows - last.rows, run.seconds - last.seconds);
            self.last.push(rows as f64 / seconds);
        }
    }

    /// The median of the rate of the last tenth, divided by that of the first.
    fn ratio(&self) -> Option<f64> {
        let ((_, first, _), (_, last, _)) = (spread(&self.first)?, spread(&self.last)?);
        Some(last / first)
    }

    fn to_json(&self) -> String {
        let (min, median, max) = spread(&self.whole).unwrap_or_default();
        let rate = |rates: &[f64]| spread(rates).map(|(_, median, _)| median.round());
        json!({
            "figure": NAME,
            "unit": "rows/s",
            "rows": self.rows,
            "runs": self.whole.len(),
            "min": min.round(),
            "median": median.round(),
            "max": max.round(),
            "lastTenth": rate(&self.last),
            "baseline": rate(&self.first),
            "ratio": self.ratio().map(|ratio| (ratio * 1000.0).round() / 1000.0),
            "target": TARGET,
            "peakMemoryBytes": self.peak_memory,
            "smallImportPeakMemoryBytes": self.small_peak_memory,
        })
        .to_string()
    }

    /// Checks that the server did not exceed its memory limits. There is no limit for fewer rows.
    fn check_memory(&self) -> Result<(), String> {
        let (Some(peak), Some(small)) = (self.peak_memory, self.small_peak_memory) else {
            return Ok(());
        };
        let limit = MEMORY_LIMIT.min(small + MORE_MEMORY_LIMIT);
        match self.rows >= ROWS && peak > limit {
            true => Err(format!(
                "{NAME}: the server used {} of memory; the limit is {}",
                mebibytes(Some(peak)),
                mebibytes(Some(limit))
            )),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |rates: &[f64]| match spread(rates) {
            Some((min, median, max)) => format!("{median:.0} rows/s ({min:.0} to {max:.0})"),
            None => "too fast to measure".into(),
        };
        let (rows, runs) = (self.rows, self.whole.len());
        writeln!(f, "{NAME}: {rows} users, median of {runs} runs")?;
        writeln!(f, "  muster           {}", rate(&self.whole))?;
        writeln!(f, "  first tenth      {}", rate(&self.first))?;
        writeln!(f, "  last tenth       {}", rate(&self.last))?;
        if let Some(ratio) = self.ratio() {
            writeln!(f, "  ratio            {ratio:.2} (target {TARGET})")?;
        }
        let [peak, small] = [self.peak_memory, self.small_peak_memory].map(mebibytes);
        write!(
            f,
            "  peak memory      {peak} (target {}); with {} users {small} (target: at most {} less)",
            mebibytes(Some(MEMORY_LIMIT)),
            rows.div_ceil(SMALLER),
            mebibytes(Some(MORE_MEMORY_LIMIT))
        )
    }
}
