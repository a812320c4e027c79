//! The real binary in its own folder: [`Home`] runs commands to their end, [`Serving`] is a
//! running server. Every process is waited for, and none survives its test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The longest that any command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Settings for cheap hashes; other tables may follow.
const CHEAP_HASHES: &str = "[passwords]\nmemory_kib = 1024\npasses = 1\n";

/// The password of the operator `admin`, where a test sets one.
pub const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// A folder with a settings file and a path for data.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// An empty folder, and settings with cheap hashes.
    pub fn new() -> Self {
        Home::with_settings("")
    }

    /// The same with further settings.
    pub fn with_settings(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Home { folder };
        home.write("settings.toml", &format!("{CHEAP_HASHES}{more}"));
        home
    }

    /// The data directory; the first command that writes makes it.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the temporary folder can be written to");
        path
    }

    /// The binary without the caller's `MUSTER_…` variables, in this folder, with its settings and
    /// data directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare_command(arguments);
        command.arg("--config").arg(self.path("settings.toml"));
        command.arg("--data").arg(self.data());
        command
    }

    /// The same without settings and data directory.
    pub fn bare_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUSTER_") {
                command.env_remove(name);
            }
        }
        command
            .env_remove("COLUMNS")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments), "")
    }

    /// Runs a command to its end, with something on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Finished {
        finish(self.command(arguments), input)
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Finished {
    /// The output as JSON lines.
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).expect("a line is a JSON object");
        self.out.lines().map(parse).collect()
    }

    /// The output as one JSON object.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("the output is one JSON object")
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// Runs a command to its end; one that hangs is killed.
pub fn finish(mut command: Command, input: &str) -> Finished {
    command.stdin(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // A command that does not read its input closes the pipe.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let out = collect(child.stdout.take().expect("a pipe"));
    let err = collect(child.stderr.take().expect("a pipe"));
    let status = wait(&mut child, PATIENCE);
    writer.join().expect("no panic");
    let (out, err) = (out.join().expect("no panic"), err.join().expect("no panic"));
    Finished {
        code: status.code(),
        out,
        err,
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("UTF-8");
        text
    })
}

/// Waits for the end; a process that takes longer is killed, and the test fails.
#[track_caller]
fn wait(child: &mut Child, most: Duration) -> ExitStatus {
    let until = Instant::now() + most;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        let late = Instant::now() > until;
        if late {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
        }
        assert!(!late, "the process did not end within {most:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A running server.
pub struct Serving {
    child: Child,
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    /// Its output until it was ready.
    pub said: String,
    log: Arc<Mutex<String>>,
}

impl Serving {
    /// A server with plain HTTP on a free port and the operator `admin`.
    pub fn start(home: &Home) -> Self {
        let mut command = home.command(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
        command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
        Serving::spawn(command)
    }

    /// The server that `command` starts; ready when this returns.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        keep_log(child.stderr.take().expect("a pipe"), Arc::clone(&log));
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        while !said.contains("Press Ctrl-C to stop.") {
            let more = lines.read_line(&mut said).expect("UTF-8") > 0;
            let log = || log.lock().expect("no panic").clone();
            assert!(
                more,
                "the server ended before it was ready: {said}{}",
                log()
            );
        }
        let address = |scheme: &str| {
            let rest = said.split_once(&format!("SOAP   {scheme}://"))?.1;
            let address = rest.split_once('/')?.0;
            address.replace("localhost", "127.0.0.1").parse().ok()
        };
        Serving {
            http: address("http"),
            https: address("https"),
            child,
            said,
            log,
        }
    }

    /// The address of plain HTTP.
    pub fn http(&self) -> SocketAddr {
        self.http.expect("plain HTTP is on")
    }

    /// The address of HTTPS.
    pub fn https(&self) -> SocketAddr {
        self.https.expect("HTTPS is on")
    }

    /// A new connection to plain HTTP.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.http()).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a socket option");
        stream
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        let id = Pid::from_raw(id).expect("a process id");
        kill_process(id, signal).expect("the process is there");
    }

    /// Waits for the end; the exit code, and how long it took.
    #[track_caller]
    pub fn wait(mut self, most: Duration) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let status = wait(&mut self.child, most);
        (status.code(), started.elapsed())
    }

    /// Stops it with SIGTERM, as a service manager does, and asserts the exit code 0.
    #[track_caller]
    pub fn stop(self) {
        self.signal(Signal::TERM);
        let log = Arc::clone(&self.log);
        let (code, _) = self.wait(Duration::from_secs(60));
        assert_eq!(code, Some(0), "{}", log.lock().expect("no panic"));
    }

    /// Kills it with SIGKILL.
    pub fn kill(self) {
        self.signal(Signal::KILL);
        let (code, _) = self.wait(PATIENCE);
        assert_eq!(code, None, "ended by the signal");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Both fail if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep_log(pipe: ChildStderr, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut log = log.lock().expect("no panic");
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// The parts of an MTOM call as the operator admin before and after its file.
pub fn mtom_around(file_length: usize) -> (String, String) {
    let whole = crate::app::multipart("\u{0}");
    let (before, after) = whole.split_once('\u{0}').expect("the file's place");
    let head = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
        crate::app::basic("admin", ADMIN_PASSWORD),
        crate::app::RELATED,
        before.len() + file_length + after.len(),
    );
    (head + before, after.to_owned())
}

/// Sends an MTOM call as the operator admin, with the file spread evenly `over` a time; the last
/// `keep_back` bytes of the message are not sent.
///
/// # Errors
/// The server has stopped reading.
pub fn send_over(
    stream: &mut TcpStream,
    csv: &str,
    over: Duration,
    keep_back: usize,
) -> std::io::Result<()> {
    const PIECES: usize = 200;
    let (before, after) = mtom_around(csv.len());
    stream.write_all(before.as_bytes())?;
    let started = Instant::now();
    let size = csv.len().div_ceil(PIECES);
    let (mut sent, last) = (0, csv.len() - keep_back.saturating_sub(after.len()));
    while sent < last {
        let end = (sent + size).min(last);
        stream.write_all(csv.as_bytes().get(sent..end).unwrap_or_default())?;
        sent = end;
        let due = over.mul_f64(sent as f64 / csv.len() as f64);
        std::thread::sleep(due.saturating_sub(started.elapsed()));
    }
    let end = after.len().saturating_sub(keep_back);
    stream.write_all(after.as_bytes().get(..end).unwrap_or_default())
}

/// A file of users named `user000000` and so on, in steps of `step`, so that the names are not sorted;
/// `step` and `count` must have no common factor.
pub fn users_csv(count: usize, step: usize) -> String {
    use std::fmt::Write;
    let mut csv = String::from("username,password,givenname,familyname,emailaddress,country\n");
    for row in 0..count {
        let number = row * step % count;
        writeln!(
            csv,
            "user{number:06},,Given{number},Family{number},user{number}@example.com,SE"
        )
        .expect("a string accepts every write");
    }
    csv
}

/// The database file, opened read-only.
pub fn database(data: &Path) -> rusqlite::Connection {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    rusqlite::Connection::open_with_flags(data.join("muster.db"), flags).expect("a database")
}
