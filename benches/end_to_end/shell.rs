//! The time of the `sqlite3` shell for the same file: `.import` into a table with the file's columns and one unique key,
//! with the server's pragmas. It parses less, checks nothing, creates no ids, and maintains one unique key where the
//! server has two.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PROGRAM: &str = "sqlite3";

/// Whether the shell is installed.
fn is_installed() -> bool {
    let asked = Command::new(PROGRAM)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// The time of the whole process in seconds; `None` if the shell is not installed. A `short` file has two columns.
///
/// # Errors
/// A message: the shell failed, or imported another number of rows.
pub fn import(file: &Path, rows: u64, short: bool) -> Result<Option<f64>, String> {
    if !is_installed() {
        return Ok(None);
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let columns = match short {
        true => "username TEXT NOT NULL, password TEXT",
        false => {
            "username TEXT NOT NULL, password TEXT, givenname TEXT, familyname TEXT, \
             emailaddress TEXT, country TEXT"
        }
    };
    let script = format!(
        "PRAGMA journal_mode = WAL;\nPRAGMA synchronous = FULL;\nPRAGMA wal_autocheckpoint = 16000;\n\
         PRAGMA cache_size = -24576;\n\
         CREATE TABLE users ({columns}, UNIQUE (username)) STRICT;\n\
         .import --csv --skip 1 {} users\nSELECT count(*) FROM users;\n",
        quoted(file)
    );
    let failed = |error: std::io::Error| format!("{PROGRAM}: {error}");
    let started = Instant::now();
    let mut shell = Command::new(PROGRAM)
        .arg("-bail")
        .arg(folder.path().join("baseline.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = shell.stdin.take() {
        input.write_all(script.as_bytes()).map_err(failed)?;
    }
    let output = shell.wait_with_output().map_err(failed)?;
    let seconds = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    let count = said.lines().last().unwrap_or_default();
    if !output.status.success() || count != rows.to_string() {
        return Err(format!(
            "{PROGRAM} imported {count:?} rows instead of {rows}"
        ));
    }
    Ok(Some(seconds))
}

/// Quotes a path for the shell's dot-commands.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}
