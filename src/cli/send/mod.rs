//! `muster send`: sends a file to any server that offers `bulkImportUsers`, as a SOAP client does.
//!
//! This file has the arguments and the order of the steps: `message.rs` builds the request, `client.rs` sends it,
//! `answer.rs` parses the response, `exchange.rs` prints both.

mod mode;
mod message;
mod client;
mod answer;
mod exchange;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::cli::command::{CliError, Outcome};
use crate::cli::import::{SOME_FAILED, progress_bar, read_line};
use crate::cli::output;
use crate::cli::send::answer::Answer;
use crate::cli::send::client::Client;
use crate::cli::send::message::{Call, Message};
use crate::cli::send::mode::Mode;
use crate::config;
use crate::http::soap::service::USER_ADMIN;
use crate::http::soap::version::SoapVersion;
use crate::passwords::secret::Secret;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// CSV file (.csv, .tsv) or Excel workbook (.xlsx, .xls)
    file: PathBuf,
    /// URL of the service, such as https://users.example.com:9443/services/UserAdmin; that path is used
    /// if the URL has none
    #[arg(long)]
    url: String,
    /// The operator's name
    #[arg(long, value_name = "NAME")]
    user: String,
    #[command(flatten)]
    password: OperatorPassword,
    /// Domain (user store) of the users [default: the server's]
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// File whose first line is the password for rows without one
    #[arg(long, value_name = "F", conflicts_with = "default_password_stdin")]
    default_password_file: Option<PathBuf>,
    /// Read the password for rows without one from standard input
    #[arg(long, conflicts_with = "password_stdin")]
    default_password_stdin: bool,
    /// Where to put the file
    #[arg(long, value_enum, default_value_t = Mode::Mtom)]
    mode: Mode,
    /// SOAP version
    #[arg(long, value_name = "V", value_enum, default_value_t = Soap::V11)]
    soap: Soap,
    /// File name to send to the server [default: the file's name]
    #[arg(long, value_name = "N")]
    file_name: Option<String>,
    /// Trust only the certificates in this PEM file; a Muster server has its own in
    /// tls-certificate.pem of its data directory
    #[arg(long, value_name = "F", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Trust any certificate; passwords can then be intercepted
    #[arg(long)]
    insecure: bool,
    /// Print the request and the response on standard error, with passwords hidden
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct OperatorPassword {
    /// File whose first line is the operator's password
    #[arg(long, value_name = "F")]
    password_file: Option<PathBuf>,
    /// Read the operator's password from standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Soap {
    /// SOAP 1.1
    #[value(name = "1.1")]
    V11,
    /// SOAP 1.2
    #[value(name = "1.2")]
    V12,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let url = service_url(&arguments.url)?;
    if arguments.user.contains(':') {
        return Err(CliError::Message(
            "--user: HTTP Basic does not allow a colon in the name".into(),
        ));
    }
    let shown = output::plain(&arguments.file.to_string_lossy());
    let file =
        File::open(&arguments.file).map_err(|error| format!("cannot open {shown}: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("cannot read the metadata of {shown}: {error}"))?;
    if metadata.is_dir() {
        return Err(CliError::Message(format!(
            "{shown} is a folder; name a file"
        )));
    }
    let password = operator_password(&arguments.password)?;
    let default_password = match &arguments.default_password_file {
        Some(file) => Some(config::read_secret(file)?),
        None if arguments.default_password_stdin => Some(read_line(&mut io::stdin().lock())?),
        None => None,
    };
    let call = Call {
        version: match arguments.soap {
            Soap::V11 => SoapVersion::V11,
            Soap::V12 => SoapVersion::V12,
        },
        mode: arguments.mode,
        domain: arguments.domain.clone(),
        file_name: match &arguments.file_name {
            Some(name) => name.clone(),
            None => last_segment(&arguments.file),
        },
        // The length of a pipe is unknown.
        size: metadata.is_file().then_some(metadata.len()),
        default_password,
    };
    let message = Message::new(&call)?;
    let client = Client::new(arguments.ca.as_deref(), arguments.insecure)?;
    let request = client.request(&url, &arguments.user, &password, &message)?;
    let secrets: Vec<&Secret> = std::iter::once(&password)
        .chain(&call.default_password)
        .collect();
    if arguments.verbose {
        exchange::show_request(&mut io::stderr().lock(), &request, &message)?;
    } else if client::is_unencrypted(&url) {
        // If standard error is closed, there is nowhere to report it.
        let _ = writeln!(
            io::stderr(),
            "muster: warning: {url} is not an https URL: the passwords are sent unencrypted"
        );
    }
    let bar = progress_bar(metadata.len(), !metadata.is_file());
    let started = Instant::now();
    let received = client.send(request, message.body(bar.wrap_read(file)));
    bar.finish_and_clear();
    let received = received?;
    if arguments.verbose {
        exchange::show_answer(&mut io::stderr().lock(), &received, &secrets)?;
    }
    let answer = Answer::read(&received);
    answer.write(out, &received, started.elapsed())?;
    Ok(match answer.ending() {
        answer::Pending::Clean => ExitCode::SUCCESS,
        answer::Pending::SomeFailed => ExitCode::from(SOME_FAILED),
        answer::Pending::NothingDone => ExitCode::FAILURE,
    })
}

fn operator_password(source: &OperatorPassword) -> Result<Secret, CliError> {
    match &source.password_file {
        Some(file) => Ok(config::read_secret(file)?),
        None => read_line(&mut io::stdin().lock()),
    }
}

fn last_segment(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The URL, with the path of the service if it has none.
fn service_url(url: &str) -> Result<String, CliError> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
    match rest {
        None => Err(CliError::Message(format!(
            "--url: {url:?} is not an HTTP URL; use one such as \
             https://users.example.com:9443{USER_ADMIN}"
        ))),
        Some(rest) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            Err(CliError::Message(
                "--url: remove the name and the password from the URL; use --user and --password-file \
                 or --password-stdin give them"
                    .into(),
            ))
        }
        Some(rest) if !rest.trim_end_matches('/').contains('/') => {
            Ok(format!("{}{USER_ADMIN}", url.trim_end_matches('/')))
        }
        Some(_) => Ok(url.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_without_a_path_gets_the_path_of_the_service() {
        let url = |text| service_url(text).unwrap();
        assert_eq!(url("http://a:1"), "http://a:1/services/UserAdmin");
        assert_eq!(url("https://a/"), "https://a/services/UserAdmin");
        assert_eq!(url("https://a/x/y"), "https://a/x/y");
        for bad in ["a:1", "ftp://a", "http://", "http:///x"] {
            assert!(service_url(bad).is_err(), "{bad}");
        }
        let error = service_url("http://me:secret@a/x").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
