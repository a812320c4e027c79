//! The row path alone, in this process and on one core: an import without network, multipart and store.

use std::io::Write;
use std::time::Instant;

use crate::arguments::Arguments;
use crate::figure::Figure;
use crate::people;
use crate::plans::{Baseline, MILLION, Plan};
use crate::rows::RowPath;

/// The figure. Nothing is sent, and no server is started.
pub const PLAN: Plan = Plan {
    name: "row_path",
    baseline: Baseline::None,
    target: 800_000.0,
    ..MILLION
};

/// Measures the figure and prints it.
///
/// # Errors
/// A message: the number of users is wrong.
pub fn measure(wanted: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    let rows = wanted.rows.unwrap_or(PLAN.rows);
    let file = people::csv(rows).map_err(|error| error.to_string())?;
    let path = RowPath::new()?;
    let mut figure = Figure::new(&PLAN, rows);
    for _ in 0..wanted.runs.unwrap_or(PLAN.runs) {
        let began = Instant::now();
        let users = path.users(&file)?;
        figure.add(began.elapsed().as_secs_f64(), None);
        if users != rows {
            return Err(format!("{rows} rows gave {users} users"));
        }
    }
    let text = match wanted.json {
        true => figure.to_json(),
        false => figure.to_string(),
    };
    writeln!(out, "{text}").map_err(|error| error.to_string())
}
