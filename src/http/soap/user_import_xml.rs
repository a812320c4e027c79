//! Serializes the answers of `UserImport` as `wsdl/UserImport.wsdl` declares them: fields in that order,
//! absent ones omitted. Values such as `semicolon` are the same as in the JSON report.

use serde::Serialize;

use crate::formats::detected::Detected;
use crate::http::soap::xml::escape::escape;
use crate::import::control::Progress;
use crate::import::jobs::Cancelled;
use crate::import::preview::Preview;
use crate::import::report::Report;
use crate::users::import_id::ImportId;
use crate::users::import_record::{Counters, ImportRecord, ImportState, RejectedRows};
use crate::users::options::{HeaderLine, ImportOptions};
use crate::users::problem::Problem;
use crate::users::undo::Undone;

/// The report of an import that ended, or its progress.
pub fn report(report: &Report) -> String {
    let mut xml = Xml::default();
    xml.group("report", |xml| {
        xml.text("id", &report.import.to_string());
        xml.text("state", report.state.as_str());
        xml.text("domain", &report.domain);
        xml.text("fileName", &report.file_name);
        xml.optional("sha256", report.sha256.as_deref());
        xml.options(&report.options);
        xml.counters(&report.counters);
        let elapsed = u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX);
        xml.number("elapsedMilliseconds", elapsed);
        if let Some(file) = &report.file {
            xml.detected(file);
        }
        xml.number("problemsTotal", report.findings_total);
        xml.number("warnings", report.warnings);
        xml.rejected(&report.rejected);
        report.findings.iter().for_each(|found| xml.problem(found));
        if let Some(preview) = &report.preview {
            xml.preview(preview);
        }
        let passwords = report.generated_passwords.as_ref();
        xml.optional(
            "generatedPasswords",
            passwords.map(|passwords| passwords.expose()),
        );
    });
    xml.0
}

/// The record of an import, and its progress while it runs.
pub fn record(record: &ImportRecord, progress: Option<Progress>) -> String {
    let mut xml = Xml::default();
    xml.group("record", |xml| {
        xml.text("id", &record.id.to_string());
        xml.text("state", record.state.as_str());
        xml.optional("reason", record.reason.as_deref());
        xml.text("domain", &record.domain);
        xml.text("door", record.channel.as_str());
        xml.text("operator", &record.operator);
        xml.text("fileName", &record.file_name);
        xml.optional("sha256", record.sha256.as_deref());
        xml.options(&record.options);
        xml.optional("idempotencyKey", record.key.as_deref());
        xml.counters(&record.counters);
        xml.number("problemsTotal", record.findings);
        xml.number("warnings", record.warnings);
        xml.rejected(&record.rejected);
        xml.text("startedAt", &record.started_at.to_rfc3339());
        let finished = record.finished_at.map(|at| at.to_rfc3339());
        xml.optional("finishedAt", finished.as_deref());
        if let Some(progress) = progress {
            xml.group("progress", |xml| {
                xml.number("rowsPerSecond", progress.rows_per_second);
                if let Some(seconds) = progress.seconds_left {
                    xml.number("secondsLeft", seconds);
                }
            });
        }
    });
    xml.0
}

/// A page of problems.
pub fn problems(total: u64, kept: u64, page: &[Problem]) -> String {
    let mut xml = Xml::default();
    xml.group("page", |xml| {
        xml.number("total", total);
        xml.number("kept", kept);
        page.iter().for_each(|found| xml.problem(found));
    });
    xml.0
}

/// What precedes and follows a reject file.
pub fn reject_file(file_name: &str, rows: u64, total: u64) -> (String, String) {
    let stem = file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem);
    let mut xml = Xml(String::from("<ns:rejectFile>"));
    xml.text("fileName", &format!("{stem}-rejects.csv"));
    xml.number("rows", rows);
    xml.number("total", total);
    (xml.0 + "<ns:file>", "</ns:file></ns:rejectFile>".into())
}

/// The outcome of a request to cancel.
pub fn cancelled(outcome: Cancelled, state: ImportState) -> String {
    let mut xml = Xml::default();
    xml.group("cancelled", |xml| {
        let word = match outcome {
            Cancelled::BeforeItBegan => "beforeItBegan",
            Cancelled::Asked => "asked",
            Cancelled::TooLate => "tooLate",
        };
        xml.text("outcome", word);
        xml.text("state", state.as_str());
    });
    xml.0
}

/// The outcome of an undo.
pub fn undone(id: ImportId, undone: &Undone) -> String {
    let mut xml = Xml::default();
    xml.group("undone", |xml| {
        xml.text("id", &id.to_string());
        xml.number("removed", undone.removed);
        xml.number("restored", undone.restored);
        xml.number("groups", undone.groups);
        xml.number("leftTotal", undone.left_total);
        for left in &undone.left {
            xml.group("left", |xml| {
                if !left.user_name.is_empty() {
                    xml.text("userName", &left.user_name);
                }
                if let Some(group) = &left.group {
                    xml.text("group", group);
                }
                xml.text("reason", left.reason);
            });
        }
    });
    xml.0
}

/// A sequence of elements in the service's namespace; the prefix `ns` is declared around them.
#[derive(Default)]
struct Xml(String);

impl Xml {
    fn text(&mut self, name: &str, text: &str) {
        self.0
            .push_str(&format!("<ns:{name}>{}</ns:{name}>", escape(text)));
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn number(&mut self, name: &str, number: u64) {
        self.text(name, &number.to_string());
    }

    fn word(&mut self, name: &str, word: &impl Serialize) {
        // A value that is null in JSON is omitted here.
        if let Ok(serde_json::Value::String(word)) = serde_json::to_value(word) {
            self.text(name, &word);
        }
    }

    fn group(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<ns:{name}>"));
        content(self);
        self.0.push_str(&format!("</ns:{name}>"));
    }

    fn options(&mut self, options: &ImportOptions) {
        self.group("options", |xml| {
            xml.text("conflict", options.conflict.as_str());
            xml.text("dryRun", &options.dry_run.to_string());
            xml.text("validateFirst", &options.validate_first.to_string());
            if let Some(rows) = options.stop_after {
                xml.number("stopAfter", rows);
            }
            if options.header != HeaderLine::Auto {
                xml.text("header", &options.header.to_string());
            }
            for (heading, meaning) in options.map.entries() {
                xml.text("map", &format!("{heading}={meaning}"));
            }
            xml.optional("sheet", options.sheet.as_deref());
        });
    }

    fn counters(&mut self, counters: &Counters) {
        self.group("counters", |xml| {
            xml.number("total", counters.total);
            xml.number("created", counters.created);
            xml.number("updated", counters.updated);
            xml.number("unchanged", counters.unchanged);
            xml.number("duplicate", counters.duplicate);
            xml.number("failed", counters.failed);
            xml.number("skipped", counters.skipped);
        });
    }

    fn rejected(&mut self, rejected: &RejectedRows) {
        self.number("rejectsTotal", rejected.total);
        self.number("rejectsKept", rejected.kept);
    }

    fn detected(&mut self, file: &Detected) {
        self.group("detected", |xml| {
            xml.text("kind", file.kind.as_str());
            if let Some(charset) = file.charset {
                xml.text("charset", charset.name);
                xml.word("charsetFrom", &charset.from);
            }
            if let Some(delimiter) = file.delimiter {
                xml.word("delimiter", &delimiter);
            }
            xml.optional("sheet", file.sheet.as_deref());
        });
    }

    fn problem(&mut self, problem: &Problem) {
        self.group("problem", |xml| {
            xml.number("line", problem.line);
            xml.optional("column", problem.column.as_deref());
            xml.text("severity", problem.severity.as_str());
            xml.text("code", &problem.code);
            xml.text("message", &problem.message);
            xml.optional("userName", problem.user_name.as_deref());
        });
    }

    fn preview(&mut self, preview: &Preview) {
        self.group("preview", |xml| {
            for column in &preview.columns {
                xml.group("column", |xml| {
                    xml.text("name", &column.name);
                    xml.optional("standsFor", column.stands_for.as_deref());
                });
            }
            for row in &preview.rows {
                xml.group("row", |xml| {
                    xml.number("line", row.line);
                    row.cells.iter().for_each(|cell| xml.text("cell", cell));
                });
            }
        });
    }
}
