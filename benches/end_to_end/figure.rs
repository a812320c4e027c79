//! One figure: its runs, its baseline, and how they are told.

use std::fmt;

use serde_json::json;

use crate::plans::{Baseline, Plan};

/// The runs of one figure.
#[derive(Debug)]
pub struct Figure<'p> {
    plan: &'p Plan,
    rows: u64,
    seconds: Vec<f64>,
    baseline: Vec<f64>,
    peak_memory: Option<u64>,
}

impl<'p> Figure<'p> {
    /// A figure about imports of `rows` rows.
    pub fn new(plan: &'p Plan, rows: u64) -> Self {
        Figure {
            plan,
            rows,
            seconds: Vec::new(),
            baseline: Vec::new(),
            peak_memory: None,
        }
    }

    /// Takes a run in.
    pub fn add(&mut self, seconds: f64, peak_memory: Option<u64>) {
        self.seconds.push(seconds);
        self.peak_memory = self.peak_memory.max(peak_memory);
    }

    /// Takes a run of the baseline in.
    pub fn add_baseline(&mut self, seconds: f64) {
        self.baseline.push(seconds);
    }

    /// The most memory that any run needed, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        self.peak_memory
    }

    /// The last run, in a line.
    pub fn run(&self, number: usize) -> String {
        let told = |seconds: Option<&f64>| {
            seconds
                .map(|seconds| format!("{seconds:.2} s, {:.0} rows/s", self.rows as f64 / seconds))
        };
        let own = told(self.seconds.last()).unwrap_or_default();
        let beside = told(self.baseline.last())
            .map(|baseline| format!("   {} {baseline}", self.beside()))
            .unwrap_or_default();
        format!("run {number}: {own}{beside}")
    }

    /// The figure as one JSON object; rates are medians, `min` and `max` of the runs.
    pub fn to_json(&self) -> String {
        let own = self.rates(&self.seconds);
        let baseline = self.rates(&self.baseline);
        let (min, median, max) = own.unwrap_or_default();
        json!({
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
        })
        .to_string()
    }

    /// What the baseline is called.
    fn beside(&self) -> &'static str {
        match self.plan.baseline {
            Baseline::None => "",
            Baseline::Shell => "sqlite3 .import",
            Baseline::Import(..) => "plain import",
            Baseline::Hashing => "hashes alone",
        }
    }

    /// The least, the median and the greatest rate.
    fn rates(&self, seconds: &[f64]) -> Option<(f64, f64, f64)> {
        spread(seconds.iter().map(|s| self.rows as f64 / s).collect())
    }
}

impl fmt::Display for Figure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |(min, median, max): (f64, f64, f64)| {
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
            writeln!(f, "  muster           {}", told(own))?;
        }
        if let Some(baseline) = baseline {
            writeln!(f, "  {:<16} {}", self.beside(), told(baseline))?;
        }
        let target = self.plan.target;
        match (own, baseline) {
            (Some((_, own, _)), Some((_, baseline, _))) => {
                writeln!(
                    f,
                    "  ratio            {:.2} (target {target})",
                    own / baseline
                )?;
            }
            (Some(_), None) if self.plan.baseline == Baseline::None => {
                writeln!(f, "  target           {target:.0} rows/s")?;
            }
            _ => writeln!(
                f,
                "  ratio            not measured: sqlite3 is not installed"
            )?,
        }
        write!(f, "  peak memory      {}", mebibytes(self.peak_memory))
    }
}

/// The least, the median and the greatest of these; none when there are none.
pub fn spread(mut rates: Vec<f64>) -> Option<(f64, f64, f64)> {
    rates.sort_by(f64::total_cmp);
    let (low, high) = ((rates.len().max(1) - 1) / 2, rates.len() / 2);
    let median = (rates.get(low)? + rates.get(high)?) / 2.0;
    Some((*rates.first()?, median, *rates.last()?))
}

/// A number of bytes for people.
pub fn mebibytes(bytes: Option<u64>) -> String {
    match bytes {
        Some(bytes) => format!("{:.1} MiB", bytes as f64 / 1024.0 / 1024.0),
        None => "unknown".into(),
    }
}
