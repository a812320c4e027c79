//! A figure: its runs, its baseline, and its output.

use std::fmt;

use serde_json::{Value, json};

use crate::plans::{Baseline, Plan};

/// The runs of one figure.
#[derive(Debug)]
pub struct Figure<'p> {
    plan: &'p Plan,
    rows: u64,
    seconds: Vec<f64>,
    baseline: Vec<f64>,
    peak_memory: Option<u64>,
    notes: serde_json::Map<String, Value>,
}

impl<'p> Figure<'p> {
    /// A figure for imports of `rows` rows.
    pub fn new(plan: &'p Plan, rows: u64) -> Self {
        Figure {
            plan,
            rows,
            seconds: Vec::new(),
            baseline: Vec::new(),
            peak_memory: None,
            notes: serde_json::Map::new(),
        }
    }

    /// Adds a run.
    pub fn add(&mut self, seconds: f64, peak_memory: Option<u64>) {
        self.seconds.push(seconds);
        self.peak_memory = self.peak_memory.max(peak_memory);
    }

    /// Adds a run of the baseline.
    pub fn add_baseline(&mut self, seconds: f64) {
        self.baseline.push(seconds);
    }

    /// Adds a field that only this figure has to the JSON object.
    pub fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.notes.insert(name.to_owned(), value.into());
    }

    /// Checks that the server did not exceed its memory limit. There is no limit for more rows than the figure's own
    /// number.
    ///
    /// # Errors
    /// A message: the limit was exceeded.
    pub fn check_memory(&self) -> Result<(), String> {
        match self.peak_memory {
            Some(peak) if self.rows <= self.plan.rows && peak > self.plan.memory_limit => {
                Err(format!(
                    "{}: the server used {} of memory; the limit is {}",
                    self.plan.name,
                    mebibytes(Some(peak)),
                    mebibytes(Some(self.plan.memory_limit))
                ))
            }
            _ => Ok(()),
        }
    }

    /// The last run, in one line.
    pub fn run(&self, number: usize) -> String {
        let describe = |seconds: Option<&f64>| {
            seconds
                .map(|seconds| format!("{seconds:.2} s, {:.0} rows/s", self.rows as f64 / seconds))
        };
        let own = describe(self.seconds.last()).unwrap_or_default();
        let compared = describe(self.baseline.last())
            .map(|baseline| format!("   {} {baseline}", self.baseline_name()))
            .unwrap_or_default();
        format!("run {number}: {own}{compared}")
    }

    /// The figure as a JSON object; rates are medians, `min` and `max` of the runs.
    pub fn to_json(&self) -> String {
        let own = self.rates(&self.seconds);
        let baseline = self.rates(&self.baseline);
        let (min, median, max) = own.unwrap_or_default();
        let mut object = json!({
            "figure": self.plan.name,
            "unit": "rows/s",
            "rows": self.rows,
            "runs": self.seconds.len(),
            "min": min.round(),
            "median": median.round(),
            "max": max.round(),
            "baseline": baseline.map(|(_, median, _)| median.round()),
            "ratio": baseline.map(|(_, other, _)| (median / other * 1000.0).round() / 1000.0),
            "target": self.plan.target,
            "peakMemoryBytes": self.peak_memory,
        });
        if let Some(object) = object.as_object_mut() {
            object.extend(self.notes.clone());
        }
        object.to_string()
    }

    /// The name of the baseline.
    fn baseline_name(&self) -> &'static str {
        match self.plan.baseline {
            Baseline::None => "",
            Baseline::Shell => "sqlite3 .import",
            Baseline::Import(..) => "plain import",
            Baseline::Hashing => "hashes alone",
        }
    }

    /// The minimum, the median and the maximum of the rates.
    fn rates(&self, seconds: &[f64]) -> Option<(f64, f64, f64)> {
        let rates: Vec<f64> = seconds.iter().map(|s| self.rows as f64 / s).collect();
        spread(&rates)
    }
}

impl fmt::Display for Figure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let describe = |(min, median, max): (f64, f64, f64)| {
            let seconds = self.rows as f64 / median;
            format!("{median:.0} rows/s ({min:.0} to {max:.0}), {seconds:.2} s")
        };
        let (own, baseline) = (self.rates(&self.seconds), self.rates(&self.baseline));
        writeln!(
            f,
            "{}, median of {} runs",
            self.plan.name,
            self.seconds.len()
        )?;
        if let Some(own) = own {
            writeln!(f, "  muster           {}", describe(own))?;
        }
        if let Some(baseline) = baseline {
            writeln!(f, "  {:<16} {}", self.baseline_name(), describe(baseline))?;
        }
        let target = self.plan.target;
        match (own, baseline) {
            (Some((_, own, _)), Some((_, baseline, _))) => {
                write!(
                    f,
                    "  ratio            {:.2} (target {target})",
                    own / baseline
                )?;
            }
            (Some(_), None) if self.plan.baseline == Baseline::None => {
                write!(f, "  target           {target:.0} rows/s")?;
            }
            _ => write!(
                f,
                "  ratio            not measured: sqlite3 is not installed"
            )?,
        }
        match self.peak_memory {
            None => Ok(()),
            peak => write!(f, "\n  peak memory      {}", mebibytes(peak)),
        }
    }
}

/// The minimum, the median and the maximum of the values; `None` if there are no values.
pub fn spread(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = ((sorted.len().max(1) - 1) / 2, sorted.len() / 2);
    let median = (sorted.get(low)? + sorted.get(high)?) / 2.0;
    Some((*sorted.first()?, median, *sorted.last()?))
}

/// Formats a number of bytes.
pub fn mebibytes(bytes: Option<u64>) -> String {
    match bytes {
        Some(bytes) => format!("{:.1} MiB", bytes as f64 / 1024.0 / 1024.0),
        None => "unknown".into(),
    }
}
