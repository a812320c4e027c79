//! Output on the terminal: tables, and text with control characters escaped.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::import::preview::Preview;
use crate::import::report::Report;
use crate::users::documents::multi_valued;
use crate::users::import_record::Counters;
use crate::users::problem::{Problem, Severity};
use crate::users::user::User;

/// Escapes control characters in text from a file or a message, so that the terminal does not execute them.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A table with a header line.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(header.to_vec());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width());
    table
}

/// Disables wrapping of a column.
pub(super) fn keep_whole(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// Writes the table, with `indent` before each line.
pub(super) fn write_table(out: &mut dyn Write, table: &Table, indent: &str) -> io::Result<()> {
    for line in table.to_string().lines() {
        writeln!(out, "{indent}{}", line.trim_end())?;
    }
    Ok(())
}

/// The width of the terminal in columns, or a default if it is unknown.
fn width() -> u16 {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    columns.filter(|columns| *columns >= 60).unwrap_or(110)
}

/// Whether standard error is a terminal.
pub(super) fn watched() -> bool {
    io::stderr().is_terminal()
}

/// `5 rows: 3 created, 1 duplicate, 1 failed`.
pub(super) fn counts(counters: &Counters) -> String {
    let named = [
        (counters.created, "created"),
        (counters.updated, "updated"),
        (counters.unchanged, "unchanged"),
        (counters.duplicate, "duplicate"),
        (counters.failed, "failed"),
        (counters.skipped, "skipped"),
    ];
    let some: Vec<String> = named
        .iter()
        .filter(|(count, word)| *count > 0 || *word == "created")
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let plural = if counters.total == 1 { "row" } else { "rows" };
    format!("{} {plural}: {}", counters.total, some.join(", "))
}

/// The same with the number of warnings: `5 rows: 5 created; 2 warnings`.
pub(super) fn counts_and_warnings(counters: &Counters, warnings: u64) -> String {
    let counts = counts(counters);
    match warnings {
        0 => counts,
        1 => format!("{counts}; 1 warning"),
        _ => format!("{counts}; {warnings} warnings"),
    }
}

/// The number of cells that the operator changed before the import.
pub(super) fn mended_cells(count: u64) -> String {
    match count {
        1 => "1 cell was changed before the import".to_owned(),
        _ => format!("{count} cells were changed before the import"),
    }
}

/// The problems as a table: line, user, column, code, message and advice.
pub(super) fn findings(findings: &[Problem]) -> Table {
    let mut table = table(&["line", "user", "column", "what", "reason and advice"]);
    for finding in findings {
        let line = match finding.line {
            0 => "file".to_owned(),
            line => line.to_string(),
        };
        let mark = match finding.severity {
            Severity::Failed => "✗",
            Severity::Duplicate => "=",
            Severity::Warning => "!",
        };
        table.add_row(vec![
            line,
            plain(finding.user_name.as_deref().unwrap_or_default()),
            plain(finding.column.as_deref().unwrap_or_default()),
            format!("{mark} {}", finding.code),
            plain(&finding.message),
        ]);
    }
    table
}

/// The display name of an attribute. A list that no claim can represent is stored under an internal name.
pub(super) fn list_name(name: &str) -> String {
    plain(name.strip_prefix(multi_valued::LIST_PREFIX).unwrap_or(name))
}

/// An attribute in one line; for a list its elements, each with its details in parentheses.
pub(super) fn attribute(user: &User, name: &str, value: &Value) -> String {
    if let Value::String(text) = value {
        return text.clone();
    }
    let mut shown = Map::new();
    multi_valued::show(user.email.as_deref(), &user.attributes, &mut shown);
    let list = name.strip_prefix(multi_valued::LIST_PREFIX);
    match list.and_then(|list| shown.get(list)?.as_array()) {
        Some(elements) => {
            let elements: Vec<String> = elements.iter().map(element).collect();
            elements.join("; ")
        }
        None => value.to_string(),
    }
}

fn element(element: &Value) -> String {
    let Value::Object(parts) = element else {
        return element.to_string();
    };
    let more: Vec<String> = parts
        .iter()
        .filter(|(name, _)| *name != "value")
        .map(|(name, part)| match part {
            Value::Bool(true) => name.clone(),
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        })
        .collect();
    let value = parts.get("value").and_then(Value::as_str);
    match (value, more.is_empty()) {
        (Some(value), true) => value.to_owned(),
        (Some(value), false) => format!("{value} ({})", more.join(", ")),
        (None, _) => format!("({})", more.join(", ")),
    }
}

/// Users as a table.
pub(super) fn users(users: &[User]) -> Table {
    let mut table = table(&[
        "userName",
        "domain",
        "givenName",
        "familyName",
        "email",
        "attributes",
        "password",
    ]);
    for user in users {
        let attributes: Vec<String> = user
            .attributes
            .iter()
            .map(|(name, value)| format!("{}={}", list_name(name), attribute(user, name, value)))
            .collect();
        let text = |field: &Option<String>| plain(field.as_deref().unwrap_or_default());
        let password = match (user.has_password, user.must_change_password) {
            (false, _) => "none",
            (true, true) => "must be changed",
            (true, false) => "stays",
        };
        table.add_row(vec![
            plain(&user.user_name),
            plain(&user.domain),
            text(&user.given_name),
            text(&user.family_name),
            text(&user.email),
            plain(&attributes.join(", ")),
            password.to_owned(),
        ]);
    }
    table
}

/// The users that still have an initial password, as a table.
pub(super) fn initial_passwords(users: &[User], over: &dyn Fn(&User) -> bool) -> Table {
    let mut table = table(&["userName", "domain", "since", "import", "expired"]);
    for user in users {
        let import = user.created_by.map(|id| id.to_string());
        table.add_row(vec![
            plain(&user.user_name),
            plain(&user.domain),
            user.password_set_at.to_rfc3339(),
            import.unwrap_or_default(),
            if over(user) { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table
}

/// The columns of a file, and what each is read as.
fn columns(preview: &Preview) -> Table {
    let mut table = table(&["column", "read as"]);
    for column in &preview.columns {
        let stands_for = column.stands_for.as_deref().unwrap_or("(ignored)");
        table.add_row(vec![plain(&column.name), plain(stands_for)]);
    }
    table
}

/// The first rows of a file. Passwords were blanked by the caller.
fn first_rows(preview: &Preview) -> Table {
    let names = preview.columns.iter().map(|column| plain(&column.name));
    let header: Vec<String> = std::iter::once("line".to_owned()).chain(names).collect();
    let mut table = table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &preview.rows {
        let cells = row.cells.iter().map(|cell| cut(&plain(cell)));
        table.add_row(std::iter::once(row.line.to_string()).chain(cells));
    }
    table
}

/// Shortens a cell, which may be very long.
fn cut(text: &str) -> String {
    const KEPT: usize = 60;
    match text.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The report of an import.
pub(super) fn report(out: &mut dyn Write, report: &Report, indent: &str) -> io::Result<()> {
    let seconds = report.elapsed.as_secs_f64();
    let rate = match seconds {
        s if s > 0.0 => format!(", {:.0} rows/s", report.counters.total as f64 / s),
        _ => String::new(),
    };
    let dry = if report.options.dry_run {
        "dry run, nothing written: "
    } else {
        ""
    };
    let counts = counts_and_warnings(&report.counters, report.warnings);
    writeln!(out, "{indent}{dry}{counts} ({seconds:.2} s{rate})")?;
    if let Some(file) = &report.file {
        writeln!(out, "{indent}read as {}", plain(&file.to_string()))?;
    }
    if !report.options.dry_run {
        writeln!(
            out,
            "{indent}import {} {}",
            report.import,
            report.state.as_str()
        )?;
    }
    if let Some(preview) = &report.preview {
        write_table(out, &columns(preview), indent)?;
        write_table(out, &first_rows(preview), indent)?;
    }
    if !report.findings.is_empty() {
        write_table(out, &findings(&report.findings), indent)?;
        let left = report.findings_total - report.findings.len() as u64;
        if left > 0 {
            writeln!(out, "{indent}… and {left} more problems")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(plain("Zoë"), "Zoë");
    }

    #[test]
    fn counts_leave_out_zeros() {
        let counters = Counters {
            total: 3,
            created: 2,
            failed: 1,
            ..Counters::default()
        };
        assert_eq!(counts(&counters), "3 rows: 2 created, 1 failed");
        assert_eq!(counts(&Counters::default()), "0 rows: 0 created");
        let counted = |warnings| counts_and_warnings(&counters, warnings);
        assert_eq!(counted(0), counts(&counters));
        assert_eq!(counted(1), "3 rows: 2 created, 1 failed; 1 warning");
        assert_eq!(counted(2), "3 rows: 2 created, 1 failed; 2 warnings");
    }
}
