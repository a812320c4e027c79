//! `muster check-config`: checks all settings without starting anything, and prints the settings in effect with
//! the source of each.

use std::io::Write;
use std::process::ExitCode;

use toml::{Table, Value};

use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::settings::SECTIONS;
use crate::cli::settings::Settings;
use crate::cli::{output, precautions};
use crate::clock::Clock;
use crate::config::{Origins, Sources};
use crate::http::soap::security::Verifier;
use crate::http::tls;

pub(super) fn run(common: &Common, out: &mut dyn Write) -> Outcome {
    let (settings, sources) = Settings::read(common, Vec::new())?;
    let origins = sources.origins(SECTIONS)?;
    let problems = problems(&settings, &sources);
    if !problems.is_empty() {
        let sentences = problems.iter().map(|problem| placed(problem, &origins));
        return Err(CliError::Message(
            sentences.collect::<Vec<_>>().join("\nmuster: "),
        ));
    }
    let table = Table::try_from(&settings).map_err(|error| error.to_string())?;
    write_sections(out, &table, &mut Vec::new(), &origins)?;
    let mut warnings: Vec<String> = sources.warning(SECTIONS).into_iter().collect();
    warnings.extend(precautions::warnings(&settings));
    if settings.server.https != "off" {
        let now = Clock::system().now();
        warnings.extend(tls::warnings(&settings.server, &settings.store.data, now));
    }
    for warning in warnings {
        writeln!(out, "\n# Warning: {}.", output::plain(&warning))?;
    }
    writeln!(out, "\n# These settings are valid.")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs every check that a start would make, except those that would create something.
fn problems(settings: &Settings, sources: &Sources) -> Vec<String> {
    let data = &settings.store.data;
    let data_is_folder = match data.exists() && !data.is_dir() {
        true => Err(format!("store.data: {} is not a folder", data.display())),
        false => Ok(()),
    };
    let https = match settings.server.https.as_str() {
        "off" => Ok(()),
        _ => tls::check(&settings.server, data)
            .map_err(|error| format!("server.tls_certificate, server.tls_key: {error}")),
    };
    let checks: [Result<(), String>; 10] = [
        settings.server.check(),
        settings.passwords.check(),
        settings.import.check(),
        settings.files.check(),
        settings.log.check(),
        settings.store.check().map_err(|error| error.to_string()),
        data_is_folder,
        https,
        Verifier::new(&settings.soap.security)
            .map(drop)
            .map_err(|error| match error.starts_with("soap.") {
                true => error,
                false => format!("soap.security.digest_callers: {error}"),
            }),
        sources
            .admin_password()
            .map(drop)
            .map_err(|error| format!("MUSTER_ADMIN_PASSWORD_FILE: {error}")),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// The problem, with the source of the setting that it names first.
fn placed(problem: &str, origins: &Origins) -> String {
    let end = |character: char| !(character.is_ascii_alphanumeric() || "._-".contains(character));
    let key = problem.split(end).next().unwrap_or_default();
    let path: Vec<&str> = key.split('.').collect();
    match origins.of(&path) {
        Some(origin) => format!("{problem} ({key} is set in {})", output::plain(origin)),
        None => problem.to_owned(),
    }
}

/// Writes a table as TOML: its own keys, then its subtables.
fn write_sections(
    out: &mut dyn Write,
    table: &Table,
    path: &mut Vec<String>,
    origins: &Origins,
) -> std::io::Result<()> {
    for (key, value) in table.iter().filter(|(_, value)| !is_section(value)) {
        let whole: Vec<&str> = path
            .iter()
            .map(String::as_str)
            .chain([key.as_str()])
            .collect();
        let origin = origins.of(&whole).unwrap_or("default");
        let line = format!("{} = {}", quoted(key), shown(value));
        writeln!(out, "{line:<44}  # {}", output::plain(origin))?;
    }
    for (key, value) in table.iter().filter(|(_, value)| is_section(value)) {
        path.push(key.clone());
        let name: Vec<String> = path.iter().map(|key| quoted(key)).collect();
        let name = name.join(".");
        match value {
            Value::Table(inner) => {
                let has_keys = inner.values().any(|value| !is_section(value));
                if has_keys || inner.is_empty() {
                    writeln!(out, "\n[{name}]")?;
                }
                write_sections(out, inner, path, origins)?;
            }
            Value::Array(all) => {
                for inner in all.iter().filter_map(Value::as_table) {
                    writeln!(out, "\n[[{name}]]")?;
                    for (key, value) in inner {
                        writeln!(out, "{} = {}", quoted(key), shown(value))?;
                    }
                }
            }
            _ => {}
        }
        path.pop();
    }
    Ok(())
}

fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(all) => all.first().is_some_and(Value::is_table),
        _ => false,
    }
}

/// Formats a value. A password in a URL is hidden.
fn shown(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let hidden = text.split_once("://").and_then(|(scheme, rest)| {
        let (who, place) = rest.rsplit_once('@')?;
        let (name, _) = who.split_once(':')?;
        Some(format!("{scheme}://{name}:***@{place}"))
    });
    Value::String(hidden.unwrap_or_else(|| text.clone())).to_string()
}

/// Formats a key as TOML requires.
fn quoted(key: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    match !key.is_empty() && key.chars().all(bare) {
        true => key.to_owned(),
        false => Value::String(key.to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_hidden() {
        let shown = |text: &str| shown(&Value::String(text.into()));
        assert_eq!(
            shown("postgres://me:pass@host/db"),
            "\"postgres://me:***@host/db\""
        );
        assert_eq!(shown("sqlite:muster.db"), "\"sqlite:muster.db\"");
    }
}
