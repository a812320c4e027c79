//! Runs one import on the release server, seen from the client.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::exchange::{Exchange, PASSWORD};

/// The result of an import.
#[derive(Debug)]
pub struct Run {
    /// Time from the first byte sent to the last byte of the response.
    pub seconds: f64,
    /// Peak resident memory of the server in bytes, if the system reports it.
    pub peak_memory: Option<u64>,
}

/// A server with its data directory.
pub struct Server {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Server {
    /// Starts a server in a new directory and waits until it is ready.
    ///
    /// # Errors
    /// A message: it does not start.
    pub fn start() -> Result<Self, String> {
        Server::start_in(tempfile::tempdir().map_err(|error| error.to_string())?)
    }

    /// The same in a directory that an earlier server may have used.
    ///
    /// # Errors
    /// A message: it does not start.
    pub fn start_in(folder: TempDir) -> Result<Self, String> {
        Server::start_with(folder, &[])
    }

    /// The same with settings, as environment variables.
    ///
    /// # Errors
    /// A message: it does not start.
    pub fn start_with(folder: TempDir, settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUSTER_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--http", "127.0.0.1:0", "--https", "off", "--data"])
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .env("MUSTER_ADMIN_PASSWORD", PASSWORD)
            .env("MUSTER_LOG_LEVEL", "warn")
            .env("MUSTER_SCIM_MAX_OPERATIONS", "1000000000")
            .env("MUSTER_SCIM_MAX_PAYLOAD_BYTES", "1000000000000")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let mut server = Server {
            child,
            address: String::new(),
            folder,
        };
        for line in BufReader::new(out).lines() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some(rest) = line.trim().strip_prefix("SOAP   http://") {
                let (address, _) = rest.split_once('/').unwrap_or((rest, ""));
                address.clone_into(&mut server.address);
            }
            if line.starts_with("Press Ctrl-C") {
                return Ok(server);
            }
        }
        Err("the server ended before it was ready".into())
    }

    /// Sends the file and counts the users that are stored afterwards.
    ///
    /// # Errors
    /// A message: the server refuses the file, or stores another number of users.
    pub fn import(&self, exchange: Exchange, file: &Path, rows: u64) -> Result<Run, String> {
        let run = self.upload(exchange, file)?;
        self.expect_users(rows)?;
        Ok(run)
    }

    /// Sends the file.
    ///
    /// # Errors
    /// A message: the server refuses the file.
    pub fn upload(&self, exchange: Exchange, file: &Path) -> Result<Run, String> {
        let started = Instant::now();
        let answer = exchange
            .send(&self.address, file)
            .map_err(|error| format!("the upload: {error}"))?;
        let seconds = started.elapsed().as_secs_f64();
        let expected = ["HTTP/1.1 200", "HTTP/1.1 201", "HTTP/1.1 500"];
        // Rows that exist already are a fault of the original service, with counts in it. REST has them in its body.
        let counted = answer.contains("Muster-Import:") || answer.contains("\"total\":");
        if !counted || !expected.iter().any(|status| answer.starts_with(status)) {
            let beginning: String = answer.chars().take(2_000).collect();
            return Err(format!("unexpected response of the server: {beginning}"));
        }
        Ok(Run {
            seconds,
            peak_memory: self.memory("VmHWM:"),
        })
    }

    /// Counts the stored users.
    ///
    /// # Errors
    /// A message: the number differs.
    pub fn expect_users(&self, rows: u64) -> Result<(), String> {
        let stored = self.count("SELECT count(*) FROM users")?;
        match stored == rows {
            true => Ok(()),
            false => Err(format!("{rows} users were sent, but {stored} are stored")),
        }
    }

    /// The durable rows of all imports, including running ones.
    ///
    /// # Errors
    /// A message: the database cannot be read.
    pub fn durable_rows(&self) -> Result<u64, String> {
        self.count("SELECT coalesce(sum(total), 0) FROM imports")
    }

    /// Its address and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn count(&self, query: &str) -> Result<u64, String> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = self.folder.path().join("data/muster.db");
        let count: i64 = rusqlite::Connection::open_with_flags(path, flags)
            .and_then(|database| database.query_row(query, [], |row| row.get(0)))
            .map_err(|error| format!("the database: {error}"))?;
        u64::try_from(count).map_err(|error| format!("the database: {error}"))
    }

    /// Resident memory in bytes, if the system reports it: `VmRSS:` is the current value, `VmHWM:` the peak.
    pub fn memory(&self, field: &str) -> Option<u64> {
        // proc_pid_status(5)
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(field))?;
        let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Stops the server; its directory can be used again.
    ///
    /// # Errors
    /// A message: it does not stop.
    pub fn stop(mut self) -> Result<TempDir, String> {
        let other = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = std::mem::replace(&mut self.folder, other);
        drop(self);
        Ok(folder)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
