//! Prints the exchange for --verbose: heads and bodies, with passwords and sessions hidden.

use std::io::{self, Write};

use ureq::http::{Request, header};

use crate::cli::output;
use crate::cli::send::client::Received;
use crate::cli::send::message::Message;
use crate::passwords::secret::Secret;

/// Header fields whose values are hidden.
const HIDDEN_FIELDS: [&str; 1] = ["set-cookie"];

/// Prints the request.
pub(super) fn show_request(
    out: &mut dyn Write,
    request: &Request<()>,
    message: &Message,
) -> io::Result<()> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    writeln!(out, "> {} {target} HTTP/1.1", request.method())?;
    let host = uri.authority().map_or("", |authority| authority.as_str());
    writeln!(out, "> host: {host}")?;
    for (name, value) in request.headers() {
        if name == header::AUTHORIZATION {
            writeln!(out, "> {name}: Basic ***")?;
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(out, "> {name}: {}", output::plain(&value))?;
    }
    if message.length.is_none() {
        writeln!(out, "> transfer-encoding: chunked")?;
    }
    writeln!(out, ">")?;
    write_lines(out, ">", &message.shown())
}

/// Prints the response. A password that the server repeats is hidden.
pub(super) fn show_answer(
    out: &mut dyn Write,
    received: &Received,
    secrets: &[&Secret],
) -> io::Result<()> {
    writeln!(out, "< HTTP/1.1 {} {}", received.status, received.reason)?;
    for (name, value) in &received.headers {
        let value = match HIDDEN_FIELDS.contains(&name.as_str()) {
            true => "***".to_owned(),
            false => hide(value, secrets),
        };
        writeln!(out, "< {name}: {}", output::plain(&value))?;
    }
    writeln!(out, "<")?;
    write_lines(out, "<", &hide(&received.body, secrets))
}

fn write_lines(out: &mut dyn Write, mark: &str, text: &str) -> io::Result<()> {
    for line in text.lines() {
        writeln!(out, "{mark} {}", output::plain(line))?;
    }
    Ok(())
}

fn hide(text: &str, secrets: &[&Secret]) -> String {
    let mut hidden = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let escaped = quick_xml::escape::escape(secret.expose());
        hidden = hidden.replace(escaped.as_ref(), "***");
        hidden = hidden.replace(secret.expose(), "***");
    }
    hidden
}
