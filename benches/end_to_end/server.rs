//! One import by the release server, as a client sees it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::exchange::{Exchange, PASSWORD};

/// One measurement.
#[derive(Debug)]
pub struct Run {
    /// From the first byte sent to the last byte of the answer.
    pub seconds: f64,
    /// Peak resident memory of the server in bytes, where the system tells.
    pub peak_memory: Option<u64>,
}

/// Starts a server on a fresh directory, sends it the file, counts the users, stops it.
///
/// # Errors
/// A sentence: the server does not start, refuses the file, or stored another number of users.
pub fn run(exchange: Exchange, file: &Path, rows: u64) -> Result<Run, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let data = folder.path().join("data");
    let mut server = Server::start(&data)?;
    let started = Instant::now();
    let answer = exchange
        .send(&server.address, file)
        .map_err(|error| format!("the upload: {error}"))?;
    let seconds = started.elapsed().as_secs_f64();
    let peak_memory = peak_memory(server.child.id());
    if !answer.starts_with("HTTP/1.1 200") {
        let beginning: String = answer.chars().take(2_000).collect();
        return Err(format!("the server answered {beginning}"));
    }
    let stored = count_users(&data).map_err(|error| format!("the database: {error}"))?;
    server.stop()?;
    if stored != rows {
        return Err(format!("{rows} users were sent and {stored} are stored"));
    }
    Ok(Run {
        seconds,
        peak_memory,
    })
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUSTER_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--http", "127.0.0.1:0", "--https", "off", "--data"])
            .arg(data)
            .current_dir(data.parent().unwrap_or(data))
            .env("MUSTER_ADMIN_PASSWORD", PASSWORD)
            .env("MUSTER_LOG_LEVEL", "warn")
            .env("MUSTER_SCIM_MAX_OPERATIONS", "1000000000")
            .env("MUSTER_SCIM_MAX_PAYLOAD_BYTES", "1000000000000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let mut server = Server {
            child,
            address: String::new(),
        };
        for line in BufReader::new(out).lines() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some(rest) = line.trim().strip_prefix("SOAP   http://") {
                let (address, _) = rest.split_once('/').unwrap_or((rest, ""));
                address.clone_into(&mut server.address);
            }
            if line.starts_with("Ctrl-C") {
                return Ok(server);
            }
        }
        Err("the server ended before it was ready".into())
    }

    fn stop(&mut self) -> Result<(), String> {
        // What is measured is over; a server that is killed here has nothing left to write.
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `VmHWM` of Linux (proc_pid_status(5)); other systems do not tell.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn count_users(data: &Path) -> rusqlite::Result<u64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(data.join("muster.db"), flags)?;
    let count: i64 = database.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}
