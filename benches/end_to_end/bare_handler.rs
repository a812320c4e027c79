//! The baseline of small calls: an actix-web handler that reads the body and sends the same response as Muster, head
//! and body, and does nothing else. It runs in its own process, as the server does.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};

/// The argument that starts this program as the bare handler. The next arguments are the response's media type, its
/// field `Muster-Import` and its body.
pub const ARGUMENT: &str = "--bare-handler";

/// The server's values (`src/http/server.rs`).
const CONNECTIONS: usize = 10_000;
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A running bare handler.
pub struct BareHandler {
    child: Child,
    address: String,
}

impl BareHandler {
    /// Starts a handler that sends the response `answer`, head and body, and waits until it listens.
    ///
    /// # Errors
    /// A message: the response is not one of Muster's, or the process cannot be started.
    pub fn start(answer: &str) -> Result<Self, String> {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .ok_or_else(|| format!("the response has no {name}"))
        };
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .args([field("Content-Type")?, field("Muster-Import")?, body])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let mut handler = BareHandler {
            child,
            address: String::new(),
        };
        BufReader::new(out)
            .read_line(&mut handler.address)
            .map_err(|error| error.to_string())?;
        handler.address.truncate(handler.address.trim_end().len());
        Ok(handler)
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for BareHandler {
    fn drop(&mut self) {
        // Both fail if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the bare handler until the process is killed.
pub fn serve(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let [content_type, import, body] = arguments.as_slice() else {
        return ExitCode::FAILURE;
    };
    let answer = [content_type, import, body].map(Clone::clone);
    match actix_web::rt::System::new().block_on(listen(answer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "end_to_end: the bare handler: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn listen(answer: [String; 3]) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let handler = move |_body: web::Bytes| {
        let [content_type, import, body] = answer.clone();
        async move {
            let mut answer = HttpResponse::Ok()
                .content_type(content_type)
                .insert_header(("muster-import", import))
                .body(body);
            answer.head_mut().set_camel_case_headers(true);
            answer
        }
    };
    HttpServer::new(move || App::new().default_service(web::post().to(handler.clone())))
        .workers(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .max_connections(CONNECTIONS)
        .keep_alive(KEEP_ALIVE)
        .listen(listener)?
        .run()
        .await
}
