//! A server process with faults: a disk of its own that can be full, failing system calls, too little memory. If the
//! machine does not allow a fault, a note is printed and the test passes without checking it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::app::{Response, basic};
use crate::process::{ADMIN_PASSWORD, Home, Serving};

/// The field with the default password of an upload.
pub const DEFAULT_PASSWORD: &str = "Muster-Default-Password: Initial-Pass-1\r\n";

/// Current and peak memory of the process, in bytes.
pub fn memory(server: &Serving) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a process");
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: u64 = number.and_then(|it| it.parse().ok()).expect("a number");
        kib * 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Waits until the process uses at most this many bytes; returns the current memory.
pub fn memory_down_to(server: &Serving, bytes: u64, most: Duration) -> u64 {
    let until = Instant::now() + most;
    loop {
        let (now, _) = memory(server);
        if now <= bytes || Instant::now() > until {
            return now;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// One exchange as the operator admin.
pub fn ask(server: &Serving, request: &str, fields: &str, body: &[u8]) -> Response {
    let mut stream = server.connect();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n{fields}Content-Length: {}\r\n\
         Connection: close\r\n\r\n",
        basic("admin", ADMIN_PASSWORD),
        body.len()
    );
    // A server that refuses a body may close the connection before all of it is sent.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    Response::read(&mut stream)
}

/// An upload over REST with these query parameters and header fields.
pub fn upload(server: &Serving, query: &str, fields: &str, csv: &str) -> Response {
    let request = format!("POST /api/v1/imports?{query}");
    let fields = format!("Content-Type: text/csv\r\n{DEFAULT_PASSWORD}{fields}");
    ask(server, &request, &fields, csv.as_bytes())
}

/// Waits until the log contains this text, which may be written after the response.
#[track_caller]
pub fn logged(server: &Serving, text: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while !server.log().contains(text) {
        assert!(Instant::now() < until, "{text}: {}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The member `code` of a problem document.
pub fn code(response: &Response) -> String {
    let json: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    json["code"].as_str().unwrap_or_default().to_owned()
}

/// Waits until `/readyz` has this status; returns its body.
#[track_caller]
pub fn ready(server: &Serving, status: u16) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let response = ask(server, "GET /readyz", "", b"");
        if response.status == status {
            return response.body;
        }
        assert!(
            Instant::now() < until,
            "{}: {}\n{}",
            response.status,
            response.body,
            server.log()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A server whose data directory is a separate file system in memory.
pub struct SmallDisk {
    pub server: Serving,
    data: PathBuf,
}

impl SmallDisk {
    /// Creates a disk of this many MiB; `None` if the machine does not allow it.
    pub fn start(home: &Home, mib: u32) -> Option<Self> {
        fs::create_dir_all(home.data()).expect("a folder");
        let mount = format!("mount -t tmpfs -o size={mib}m tmpfs \"$0\" && exec \"$@\"",);
        let allowed = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", &mount])
            .arg(home.data())
            .arg("true")
            .output();
        if !allowed.as_ref().is_ok_and(|it| it.status.success()) {
            eprintln!("skipped: no file system in memory can be mounted here ({allowed:?})");
            return None;
        }
        let serve = home.command(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", &mount])
            .arg(home.data())
            .arg(serve.get_program())
            .args(serve.get_args());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let server = Serving::spawn(command);
        // The process sees another file system at this path than the test.
        let root = PathBuf::from(format!("/proc/{}/root", server.id()));
        let data = root.join(home.data().strip_prefix("/").expect("an absolute path"));
        Some(SmallDisk { server, data })
    }

    /// Fills all free space except this many bytes.
    pub fn fill_but(&self, left: u64) {
        let piece = vec![0; 64 * 1024];
        let mut file = File::create(self.data.join("filler")).expect("a file");
        while file.write_all(&piece).is_ok() {}
        let length = file.metadata().expect("a file").len();
        file.set_len(length.saturating_sub(left))
            .expect("it is cut short");
    }

    /// Frees the space again.
    pub fn free_space(&self) {
        fs::remove_file(self.data.join("filler")).expect("it is there");
    }
}

/// Makes system calls of a process fail, until it is dropped.
pub struct Injection(Child);

impl Injection {
    /// Injects faults (strace, `-e inject=`); `None` if strace cannot do that here.
    pub fn into(server: &Serving, expression: &str) -> Option<Self> {
        let calls = expression.split(':').next().unwrap_or_default();
        let (trace, inject) = (format!("trace={calls}"), format!("inject={expression}"));
        attach(server, &["-o", "/dev/null", "-e", &trace, "-e", &inject])
    }
}

/// Runs strace with these options for a running process, until it is dropped; `None` if it cannot trace here.
pub fn attach(server: &Serving, options: &[&str]) -> Option<Injection> {
    let strace = Command::new("strace")
        .arg("-f")
        .args(options)
        .args(["-p", &server.id().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match strace {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: strace cannot be started here ({error})");
            return None;
        }
    };
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    while !said.contains("attached") {
        if lines.read_line(&mut said).unwrap_or(0) == 0 {
            let _ = child.wait();
            eprintln!("skipped: strace cannot trace another process here ({said})");
            return None;
        }
    }
    // Its further output is ignored, but must not fill the pipe.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Some(Injection(child))
}

impl Drop for Injection {
    fn drop(&mut self) {
        let id = i32::try_from(self.0.id()).ok();
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            // At this signal strace detaches from the process; SIGKILL would leave it stopped.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        // If it has killed the process, it may wait for an exit that it is not notified of.
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Limits a resource of a running process (`prlimit`); false if that is not possible.
pub fn limit(server: &Serving, what: &str) -> bool {
    let set = Command::new("prlimit")
        .args(["--pid", &server.id().to_string(), what])
        .output();
    let is_set = set.as_ref().is_ok_and(|it| it.status.success());
    if !is_set {
        eprintln!("skipped: no limit can be set here ({set:?})");
    }
    is_set
}
