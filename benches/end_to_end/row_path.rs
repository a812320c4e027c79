//! The row path alone, in this process and on one core: what remains of an import without network,
//! multipart and store.

use std::io::Write;
use std::time::Instant;

use crate::arguments::Arguments;
use crate::figure::Figure;
use crate::people;
use crate::plans::{Baseline, MILLION, Plan};
use crate::rows::RowPath;

/// The figure. Nothing is sent, and no server needs memory.
pub const PLAN: Plan = Plan {
    name: "row_path",
    baseline: Baseline::None,
    target: 800_000.0,
    ..MILLION
};

/// Measures it and prints it.
///
/// # Errors
/// A sentence: not every row came out as a user.
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
            return Err(format!("{rows} rows came out as {users} users"));
        }
    }
    let told = match wanted.json {
        true => figure.to_json(),
        false => figure.to_string(),
    };
    writeln!(out, "{told}").map_err(|error| error.to_string())
}
