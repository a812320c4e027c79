//! One import by the release server, as a client sees it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PASSWORD: &str = "correct horse battery staple";
const BOUNDARY: &str = "end-to-end";

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
pub fn run(file: &Path, rows: u64) -> Result<Run, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let data = folder.path().join("data");
    let mut server = Server::start(&data)?;
    let started = Instant::now();
    let answer = send(&server.address, file).map_err(|error| format!("the upload: {error}"))?;
    let seconds = started.elapsed().as_secs_f64();
    let peak_memory = peak_memory(server.child.id());
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(format!("the server answered {answer}"));
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

/// An MTOM call. `io::copy` from a file to a socket lets the kernel move the bytes, so that the client
/// costs next to nothing.
fn send(address: &str, file: &Path) -> io::Result<String> {
    let envelope = "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
        <soapenv:Body><bulkImportUsers xmlns=\"http://org.apache.axis2/xsd\"><fileName>users.csv\
        </fileName><handler><xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" \
        href=\"cid:file\"/></handler><defaultPassword>Initial-Pass-1</defaultPassword>\
        </bulkImportUsers></soapenv:Body></soapenv:Envelope>";
    let before = format!(
        "--{BOUNDARY}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\n\
         Content-ID: <root>\r\n\r\n{envelope}\r\n--{BOUNDARY}\r\nContent-Type: text/csv\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <file>\r\n\r\n"
    );
    let after = format!("\r\n--{BOUNDARY}--\r\n");
    let mut file = File::open(file)?;
    let length = before.len() as u64 + file.metadata()?.len() + after.len() as u64;
    let credentials = STANDARD.encode(format!("admin:{PASSWORD}"));
    let head = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Authorization: Basic {credentials}\r\nContent-Type: multipart/related; \
         type=\"application/xop+xml\"; start=\"<root>\"; start-info=\"text/xml\"; \
         boundary=\"{BOUNDARY}\"\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(before.as_bytes())?;
    io::copy(&mut file, &mut stream)?;
    stream.write_all(after.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
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
