//! `muster demo`: the first minute. A real server on a free port, one real MTOM request over HTTP, and
//! what came of it: the answer, the report, the users.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use tokio::sync::oneshot;

use crate::access::first_operator;
use crate::app::App;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::clock::Clock;
use crate::http::server::{self, Addresses};
use crate::http::soap::service::USER_ADMIN;
use crate::passwords::random_password::random_password;
use crate::passwords::secret::Secret;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::import_record::ImportRecord;

const CSV: &str = include_str!("../../fixtures/demo/users.csv");
const ENVELOPE: &str = include_str!("../../fixtures/demo/envelope.xml");
const BOUNDARY: &str = "demo-boundary-7d93";

/// The counts of the demo's file; a change of the fixture changes them.
const EXPECTED: (u64, u64, u64) = (4, 3, 1);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Leave the server running afterwards
    #[arg(long)]
    keep: bool,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    if common.data.is_some() || common.config.is_some() {
        writeln!(
            out,
            "(The demo uses its own data directory and settings; yours are not changed.)"
        )?;
    }
    let folder = tempfile::Builder::new()
        .prefix("muster-demo-")
        .tempdir()
        .map_err(|error| format!("a temporary folder cannot be made: {error}"))?;
    let mut settings = Settings::default();
    settings.start_quiet_log()?;
    settings.store.data = folder.path().join("data");
    settings.server.http = "127.0.0.1:0".into();
    settings.server.https = "off".into();
    let app = Arc::new(App::build(&settings.app(), Clock::system())?);
    let password = random_password()?;
    first_operator::ensure(
        app.store.as_ref(),
        &app.pool,
        Some(password.clone()),
        app.clock.now(),
    )?;

    let server = Running::start(Arc::clone(&app), settings.clone())?;
    let url = format!("{}{USER_ADMIN}", server.addresses.base_url(false));
    writeln!(
        out,
        "\nMuster demo: one real SOAP call, from the socket to the database\n"
    )?;
    writeln!(out, "1. The server, for this demo only")?;
    writeln!(out, "   {url}   (WSDL: {url}?wsdl)")?;
    writeln!(out, "   data in {}\n", settings.store.data.display())?;
    write_request(out)?;
    let exchange = send(&url, &password)?;
    write_answer(out, &exchange)?;
    let record = write_report(out, &app)?;
    write_users(out, &app)?;
    let c = record.counters;
    if (c.created, c.failed, c.duplicate) != EXPECTED || exchange.status != 500 {
        return Err(CliError::Message(format!(
            "the demo had an unexpected result: HTTP {}, {}",
            exchange.status,
            output::counts(&c)
        )));
    }
    write_next_steps(out, &url, &password, arguments.keep)?;
    out.flush()?;
    if arguments.keep {
        server.wait()?;
    } else {
        server.stop()?;
    }
    drop(app);
    Ok(ExitCode::SUCCESS)
}

fn write_request(out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(
        out,
        "2. The request: bulkImportUsers in SOAP 1.1, with the CSV file as an MTOM attachment"
    )?;
    writeln!(out, "   POST {USER_ADMIN} HTTP/1.1")?;
    writeln!(out, "   Authorization: Basic admin:•••")?;
    writeln!(out, "   SOAPAction: \"urn:bulkImportUsers\"")?;
    writeln!(
        out,
        "   Content-Type: multipart/related; type=\"application/xop+xml\"; boundary=…\n"
    )?;
    for line in ENVELOPE.lines() {
        writeln!(out, "   {}", line.replace("Welcome-2-Muster", "•••"))?;
    }
    writeln!(out, "\n   The attachment, users.csv (passwords hidden):")?;
    for (number, line) in CSV.lines().enumerate() {
        let line = hide_password(line, number == 0);
        writeln!(
            out,
            "   {:>4} │ {}",
            number + 1,
            line.replace("http://wso2.org/claims/", "…/")
        )?;
    }
    Ok(writeln!(out)?)
}

fn hide_password(line: &str, header: bool) -> String {
    let fields: Vec<&str> = line.splitn(3, ',').collect();
    match fields.as_slice() {
        [name, password, rest] if !header && !password.is_empty() => format!("{name},•••,{rest}"),
        _ => line.to_owned(),
    }
}

/// What came back.
struct Exchange {
    status: u16,
    body: String,
    time: Duration,
}

/// A multipart/related message (RFC 2387) of an XOP package, as any MTOM client writes it.
fn send(url: &str, password: &Secret) -> Result<Exchange, CliError> {
    let envelope = ENVELOPE.trim();
    let body = format!(
        "--{BOUNDARY}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\n\
         Content-Transfer-Encoding: 8bit\r\nContent-ID: <envelope@demo>\r\n\r\n{envelope}\r\n\
         --{BOUNDARY}\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: binary\r\n\
         Content-ID: <users.csv@demo>\r\n\r\n{CSV}\r\n--{BOUNDARY}--\r\n"
    );
    let credentials = STANDARD.encode(format!("{}:{}", first_operator::NAME, password.expose()));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let started = Instant::now();
    let mut response = agent
        .post(url)
        .header("Authorization", format!("Basic {credentials}"))
        .header("SOAPAction", "\"urn:bulkImportUsers\"")
        .header(
            "Content-Type",
            format!(
                "multipart/related; type=\"application/xop+xml\"; start=\"<envelope@demo>\"; \
                 start-info=\"text/xml\"; boundary=\"{BOUNDARY}\""
            ),
        )
        .send(body)
        .map_err(|error| format!("the demo's own request failed: {error}"))?;
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string();
    let body = body.map_err(|error| format!("the demo's answer could not be read: {error}"))?;
    Ok(Exchange {
        status,
        body,
        time: started.elapsed(),
    })
}

fn write_answer(out: &mut dyn Write, exchange: &Exchange) -> Result<(), CliError> {
    let milliseconds = exchange.time.as_millis();
    writeln!(
        out,
        "3. The answer, after {milliseconds} ms (most of it for hashing passwords)"
    )?;
    writeln!(
        out,
        "   HTTP {} — the status of every fault in SOAP 1.1",
        exchange.status
    )?;
    for element in ["faultcode", "faultstring"] {
        let text = between(
            &exchange.body,
            &format!("<{element}>"),
            &format!("</{element}>"),
        );
        writeln!(out, "   <{element}>{}</{element}>", output::plain(text))?;
    }
    writeln!(
        out,
        "   The valid rows are stored; the detail of the fault lists the others with their lines.\n"
    )?;
    Ok(())
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(rest, |(inner, _)| inner)
}

fn write_report(out: &mut dyn Write, app: &App) -> Result<ImportRecord, CliError> {
    let record = app
        .store
        .imports(DEFAULT_ORGANIZATION, 1)?
        .pop()
        .ok_or_else(|| "the demo left no import behind".to_owned())?;
    let findings = app
        .store
        .findings(DEFAULT_ORGANIZATION, record.id, 0, 100)?;
    writeln!(out, "4. The report: {}", output::counts(&record.counters))?;
    output::write_table(out, &output::findings(&findings), "   ")?;
    writeln!(out)?;
    Ok(record)
}

fn write_users(out: &mut dyn Write, app: &App) -> Result<(), CliError> {
    let users = app.store.users(DEFAULT_ORGANIZATION, None, None, 100)?;
    writeln!(out, "5. The users, read from SQLite")?;
    output::write_table(out, &output::users(&users), "   ")?;
    Ok(writeln!(out)?)
}

fn write_next_steps(
    out: &mut dyn Write,
    url: &str,
    password: &Secret,
    keep: bool,
) -> Result<(), CliError> {
    if keep {
        writeln!(
            out,
            "The server keeps running. Press Ctrl-C to stop it and to remove its data."
        )?;
        writeln!(out, "  SOAP      {url}")?;
        writeln!(out, "  WSDL      {url}?wsdl")?;
        let base = url.strip_suffix(USER_ADMIN).unwrap_or(url);
        writeln!(out, "  portal    {base}/portal/ (sign in as below)")?;
        writeln!(out, "  operator  admin, password {}", password.expose())?;
    } else {
        let muster = invoked_as();
        writeln!(out, "The demo succeeded and removed its data. Next steps:")?;
        for (arguments, purpose) in [
            (
                "demo --keep",
                "the same, but the server keeps running for SoapUI or curl",
            ),
            (
                "serve",
                "start your own server, with its data in ./muster-data",
            ),
            ("import FILE", "import a file without a server"),
        ] {
            writeln!(out, "  {muster} {arguments:<12}  {purpose}")?;
        }
    }
    Ok(())
}

/// The command as it was typed: `cargo run` starts the binary by its path, and `muster` may not be on the PATH then.
fn invoked_as() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = name.into_string().unwrap_or_default();
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    match name.is_empty() || !name.chars().all(is_plain) {
        true => "muster".into(),
        false => name,
    }
}

/// The demo's server, on a thread of its own.
struct Running {
    addresses: Addresses,
    stop: Option<oneshot::Sender<()>>,
    thread: std::thread::JoinHandle<Result<(), String>>,
}

impl Running {
    fn start(app: Arc<App>, settings: Settings) -> Result<Self, CliError> {
        let (stop, stopped) = oneshot::channel();
        let (ready, addresses) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let data = &settings.store.data;
                let ready = |addresses: &Addresses| {
                    // The demo has ended if the receiver is gone.
                    let _ = ready.send(addresses.clone());
                };
                let stop = async {
                    tokio::select! {
                        // Dropped means stop, too.
                        _ = stopped => {}
                        _ = tokio::signal::ctrl_c() => {}
                    }
                };
                server::run(app, &settings.server, &settings.soap, data, ready, stop).await
            })
        });
        match addresses.recv() {
            Ok(addresses) => Ok(Running {
                addresses,
                stop: Some(stop),
                thread,
            }),
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| {
                CliError::Message("the demo's server ended before it was ready".into())
            })),
        }
    }

    fn stop(mut self) -> Result<(), CliError> {
        drop(self.stop.take());
        joined(self.thread)
    }

    /// Until Ctrl-C.
    fn wait(self) -> Result<(), CliError> {
        let Running { stop, thread, .. } = self;
        let result = joined(thread);
        drop(stop);
        result
    }
}

fn joined(thread: std::thread::JoinHandle<Result<(), String>>) -> Result<(), CliError> {
    match thread.join() {
        Ok(result) => Ok(result?),
        Err(_) => Err(CliError::Message("the demo's server died".into())),
    }
}
