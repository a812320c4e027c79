//! The list of imports, and one import: its progress while it runs, then its report.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::clock::Moment;
use crate::http::web::file_page;
use crate::http::web::kinds::{self, KindKey};
use crate::http::web::notices::After;
use crate::http::web::refusal::{Refusal, sentence};
use crate::http::web::reply::Reply;
use crate::http::web::shown::{self, entry, grouped};
use crate::http::web::views::{
    AuditRow, Confirm, Fact, Figures, Import, ImportRow, Imports, LeftRow, Menu, Pager, ProblemRow,
    Undone,
};
use crate::http::web::visit::Visit;
use crate::import::control;
use crate::import::jobs::Cancelled;
use crate::import::reject_file;
use crate::users::channel::Channel;
use crate::users::import_filter::ImportFilter;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::operator::Role;
use crate::users::options::{HeaderLine, IGNORED_COLUMN};
use crate::users::problem::Problem;
use crate::wire::error::WireError;
use crate::wire::spool::Spool;

/// Imports on one page of the list.
const PAGE: usize = 50;

/// Entries that the page after an undo lists.
const LEFT: usize = 200;

/// Entries of the audit log that a report shows.
const ENTRIES: usize = 20;

/// How long an import may take from its start to its record.
const RECORDED_WITHIN: Duration = Duration::from_secs(3);

/// The list.
///
/// # Errors
/// The store failed.
pub fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let query = &visit.query;
    let (filter, error) = filter(visit);
    let before = query.get("before").parse().ok().map(ImportId);
    let organization = &visit.operator.caller.organization;
    let (store, now) = (&visit.app.store, visit.app.clock.now());
    let mut records = match error.is_empty() {
        true => store.find_imports(organization, &filter, before, PAGE + 1)?,
        false => Vec::new(),
    };
    let more = records.len() > PAGE;
    records.truncate(PAGE);
    let last = records.last().map(|record| record.id);
    let page_of = |before: Option<ImportId>| {
        let mut parts: Vec<String> = ["state", "channel", "operator", "file", "since", "until"]
            .into_iter()
            .filter_map(|name| Some(format!("{name}={}", kinds::in_query(query.given(name)?))))
            .collect();
        parts.extend(before.map(|id| format!("before={id}")));
        let separator = if parts.is_empty() { "" } else { "?" };
        visit.address(&format!("/imports{separator}{}", parts.join("&")))
    };
    let shown = match records.len() {
        0 => String::new(),
        count => format!("{count} imports, newest first"),
    };
    let pager = Pager {
        number: 0,
        shown,
        previous: before.map(|_| page_of(None)).unwrap_or_default(),
        next: last
            .filter(|_| more)
            .map(|id| page_of(Some(id)))
            .unwrap_or_default(),
    };
    let rows = records.into_iter().map(|record| {
        let record = record.shown(now);
        ImportRow {
            id: record.id.to_string(),
            file: record.file_name.clone(),
            state: shown::state(&record),
            channel: shown::channel(record.channel),
            operator: record.operator.clone(),
            started: shown::time(record.started_at),
            started_at: record.started_at.to_rfc3339(),
            duration: took(&record, now),
            figures: figures_of(&record),
        }
    });
    Reply::page(&Imports {
        page: visit.page("Imports"),
        states: menu(
            "Every state",
            ImportState::ALL.map(|state| (state.as_str(), state.as_str())),
            query.get("state"),
        ),
        channels: menu(
            "Every channel",
            Channel::ALL.map(|channel| (channel.as_str(), shown::channel(channel))),
            query.get("channel"),
        ),
        operator: query.get("operator").to_owned(),
        file: query.get("file").to_owned(),
        since: query.get("since").to_owned(),
        until: query.get("until").to_owned(),
        filtered: filter != ImportFilter::default() || !error.is_empty(),
        error,
        rows: rows.collect(),
        pager,
    })
}

fn menu<'a>(
    all: &str,
    values: impl IntoIterator<Item = (&'a str, &'a str)>,
    selected: &str,
) -> Menu {
    let values = values
        .into_iter()
        .map(|(value, label)| entry(value, label, value == selected));
    std::iter::once(entry("", all, selected.is_empty()))
        .chain(values)
        .collect()
}

/// The filter in the query, and what is wrong with it.
fn filter(visit: &Visit) -> (ImportFilter, String) {
    let query = &visit.query;
    let mut errors = Vec::new();
    let mut day = |name: &str, label: &str| {
        let text = query.given(name)?;
        let day = Moment::of_day(text);
        if day.is_none() {
            errors.push(format!("{label} is not a day such as 2026-11-30."));
        }
        day
    };
    let since = day("since", "From");
    let until = day("until", "To").map(|day| Moment(day.0.saturating_add(24 * 3_600_000_000)));
    let filter = ImportFilter {
        state: ImportState::parse(query.get("state")),
        channel: Channel::parse(query.get("channel")),
        operator: query.given("operator").map(str::to_owned),
        file_name: query.given("file").map(str::to_owned),
        since,
        until,
    };
    (filter, errors.join(" "))
}

/// The record of the import in the path.
///
/// # Errors
/// There is none in the operator's organization, or the store failed.
pub fn record(visit: &Visit) -> Result<ImportRecord, Refusal> {
    let id = visit.variable(0).parse().map(ImportId);
    let id = id.map_err(|_| Refusal::no_such_import())?;
    let organization = &visit.operator.caller.organization;
    let (store, now) = (&visit.app.store, visit.app.clock.now());
    let begun = std::time::Instant::now();
    loop {
        if let Some(record) = store.import(organization, id)? {
            return Ok(record.shown(now));
        }
        // An import that has just begun has no record yet.
        let begins = visit.app.jobs.progress(organization, id).is_some();
        if !begins || begun.elapsed() > RECORDED_WITHIN {
            return Err(Refusal::no_such_import());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn figures_of(record: &ImportRecord) -> Figures {
    shown::figures(&record.counters, record.warnings, record.mended)
}

/// How long it took, or has taken until now.
fn took(record: &ImportRecord, now: Moment) -> String {
    let end = match record.state.is_final() {
        true => record.finished_at.unwrap_or(record.active_at),
        false => now,
    };
    let time = u64::try_from(end.0 - record.started_at.0).unwrap_or(0);
    shown::duration(Duration::from_micros(time))
}

/// The page of one import.
///
/// # Errors
/// There is no such import, or the store failed.
pub fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let record = record(visit)?;
    let (app, now) = (&visit.app, visit.app.clock.now());
    let organization = &record.organization;
    let keep = usize::try_from(app.importer.settings.keep_findings).unwrap_or(usize::MAX);
    let findings = app.store.findings(organization, record.id, 0, keep)?;
    let selected = KindKey::parse(visit.query.get("kind"));
    let base = visit.address(&format!("/imports/{}", record.id));
    let kinds = kinds::of_findings(&findings, selected.as_ref(), &base);
    let wanted: Vec<&Problem> = findings
        .iter()
        .filter(|finding| selected.as_ref().is_none_or(|key| key.is_of(finding)))
        .collect();
    let page = visit.query.get("page").parse().unwrap_or(1);
    let (first, end) = shown::page_range(page, kinds::ON_A_PAGE, wanted.len());
    let listed = wanted.get(first..end).unwrap_or_default();
    let problems = listed.iter().map(|finding| problem_row(finding)).collect();
    let kept = findings.len() as u64;
    let caller = &visit.operator.caller;
    let owns = caller.role.includes(Role::Import) && caller.may_undo(&record);
    let state = shown::state(&record);
    let progress = running_progress(visit, &record);
    let rejected = record.rejected;
    let may_see_passwords = caller.name == record.operator && caller.role.includes(Role::Import);
    let passwords = match may_see_passwords && record.state.is_final() {
        true => {
            wait_for_its_end(visit, &record);
            visit.front_end.password_files.count(record.id)
        }
        false => 0,
    };
    let title = match record.file_name.is_empty() {
        true => format!("Import {}", record.id),
        false => record.file_name.clone(),
    };
    Reply::page(&Import {
        page: visit.page(title.clone()),
        id: record.id.to_string(),
        file: title,
        reason: record.reason.as_deref().map(sentence).unwrap_or_default(),
        progress: progress.map(|it| shown::progress(&it)).unwrap_or_default(),
        figures: match progress {
            Some(progress) => shown::figures(&progress.counters, record.warnings, record.mended),
            None => figures_of(&record),
        },
        facts: facts(&record, now),
        kinds,
        kind: selected.map(|key| key.to_string()).unwrap_or_default(),
        problems,
        pager: kinds::pager(
            &base,
            visit.query.get("kind"),
            page,
            (first, end),
            wanted.len(),
        ),
        not_listed: match record.findings.saturating_sub(kept) {
            0 => String::new(),
            missing => format!(
                "The first {} findings are kept; {} more were counted.",
                grouped(kept),
                grouped(missing)
            ),
        },
        rejects: rejected.kept,
        rejects_missing: rejected.missing(),
        passwords,
        passwords_taken: match may_see_passwords {
            true => {
                let at = visit.front_end.password_files.taken_at(record.id);
                at.map(shown::time).unwrap_or_default()
            }
            false => String::new(),
        },
        may_cancel: owns && state.live,
        may_undo: owns && record.state.is_final() && record.state != ImportState::Undone,
        may_mend: caller.role.includes(Role::Import) && rejected.kept > 0 && !state.live,
        audit: audit(visit, &record)?,
        guided: record.channel == Channel::Portal,
        state,
    })
}

/// The progress of an import that has not ended. One that has just ended is still known to the jobs, but its record has
/// the final figures.
fn running_progress(visit: &Visit, record: &ImportRecord) -> Option<control::Progress> {
    match record.state.is_final() {
        true => None,
        false => visit.app.jobs.progress(&record.organization, record.id),
    }
}

/// Waits until nothing of an import is in progress. Its last generated passwords are written after its last rows.
fn wait_for_its_end(visit: &Visit, record: &ImportRecord) {
    let begun = std::time::Instant::now();
    let jobs = &visit.app.jobs;
    while jobs.progress(&record.organization, record.id).is_some()
        && begun.elapsed() < RECORDED_WITHIN
    {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn problem_row(finding: &Problem) -> ProblemRow {
    ProblemRow {
        line: finding.line,
        column_number: 0,
        column: finding.column.as_deref().unwrap_or_default().to_owned(),
        value: String::new(),
        code: finding.code.to_string(),
        message: match &finding.user_name {
            Some(name) => format!("{name}: {}", sentence(&finding.message)),
            None => sentence(&finding.message),
        },
        severity: kinds::severity(finding.severity),
        editable: false,
        edited: false,
        password: false,
    }
}

fn facts(record: &ImportRecord, now: Moment) -> Vec<Fact> {
    let options = &record.options;
    let mut facts = vec![
        Fact {
            label: "Channel",
            value: shown::channel(record.channel).to_owned(),
        },
        Fact {
            label: "Operator",
            value: record.operator.clone(),
        },
        Fact {
            label: "User store",
            value: record.domain.clone(),
        },
        Fact {
            label: "Began",
            value: shown::time(record.started_at),
        },
        Fact {
            label: "Duration",
            value: took(record, now),
        },
        Fact {
            label: "Existing users",
            value: options.conflict.as_str().to_owned(),
        },
    ];
    let mut add = |label: &'static str, value: Option<String>| {
        facts.extend(value.map(|value| Fact { label, value }));
    };
    add("SHA-256 of the file as sent", record.sha256.clone());
    add(
        "All or nothing",
        options.validate_first.then(|| "yes".to_owned()),
    );
    add("Stop after failed rows", options.stop_after.map(grouped));
    add("Sheet", options.sheet.clone());
    let charset = options.forced_charset.as_ref().or(options.charset.as_ref());
    add("Charset", charset.cloned());
    add("Delimiter", options.delimiter.clone());
    add(
        "Header line",
        (options.header != HeaderLine::Auto).then(|| options.header.to_string()),
    );
    let map: Vec<String> = options
        .map
        .entries()
        .map(|(heading, meaning)| match meaning {
            IGNORED_COLUMN => format!("{heading}: not imported"),
            meaning => format!("{heading}: {meaning}"),
        })
        .collect();
    add("Columns", (!map.is_empty()).then(|| map.join(", ")));
    add(
        "Roles for all",
        (!options.roles.is_empty()).then(|| options.roles.join(", ")),
    );
    add("Key", record.key.clone());
    facts
}

/// The audit entries of an import, for administrators.
fn audit(visit: &Visit, record: &ImportRecord) -> Result<Vec<AuditRow>, Refusal> {
    if visit.operator.caller.role != Role::Admin {
        return Ok(Vec::new());
    }
    let found = visit
        .app
        .store
        .audit_of_import(&record.organization, record.id, ENTRIES)?;
    let rows = found.into_iter().map(|entry| AuditRow {
        at: shown::time(entry.at),
        operator: entry.operator,
        action: entry.action,
        details: details(&entry.details),
    });
    Ok(rows.collect())
}

/// Details of an audit entry, such as `failed 3, state completed`.
fn details(details: &Value) -> String {
    let Value::Object(members) = details else {
        return String::new();
    };
    let shown = members.iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some(format!("{name} {text}")),
        // Zero and false say nothing.
        Value::Null | Value::Bool(false) => None,
        Value::Number(number) if number.as_u64() == Some(0) => None,
        Value::Bool(true) => Some(name.clone()),
        Value::Object(_) => Some(self::details(value)).filter(|inner| !inner.is_empty()),
        other => Some(format!("{name} {other}")),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The figures for scripts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Live {
    state: &'static str,
    live: bool,
    #[serde(flatten)]
    counters: BTreeMap<&'static str, u64>,
    rows_per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
}

/// The progress of an import, for scripts that cannot receive events.
///
/// # Errors
/// There is no such import, or the store failed.
pub fn figures(visit: &Visit) -> Result<Reply, Refusal> {
    let record = record(visit)?;
    let progress = running_progress(visit, &record);
    let c = progress.map_or(record.counters, |progress| progress.counters);
    let counters = [
        ("total", c.total),
        ("created", c.created),
        ("updated", c.updated),
        ("unchanged", c.unchanged),
        ("duplicate", c.duplicate),
        ("failed", c.failed),
        ("skipped", c.skipped),
    ];
    let live = Live {
        state: record.state.as_str(),
        live: !record.state.is_final(),
        counters: counters.into(),
        rows_per_second: progress.map_or(0, |progress| progress.rows_per_second),
        seconds_left: progress.and_then(|progress| progress.seconds_left),
        percent: progress.and_then(|progress| progress.percent),
    };
    Ok(Reply::json(StatusCode::OK, &live))
}

/// Cancels an import.
///
/// # Errors
/// There is no such import, the operator may not, or the store failed.
pub fn cancel(visit: &Visit) -> Result<Reply, Refusal> {
    let record = owned(visit)?;
    let after = match visit.app.jobs.cancel(&visit.actor(), record.id)? {
        Cancelled::Asked | Cancelled::BeforeItBegan => After::Cancelling,
        Cancelled::TooLate => After::CancelledTooLate,
    };
    Ok(back(visit, &record, after))
}

fn back(visit: &Visit, record: &ImportRecord, after: After) -> Reply {
    visit.see_other(&format!("/imports/{}", record.id), after)
}

/// The record of an import that the operator may cancel or undo.
fn owned(visit: &Visit) -> Result<ImportRecord, Refusal> {
    let record = record(visit)?;
    match visit.operator.caller.may_undo(&record) {
        true => Ok(record),
        false => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "IMP-ACCESS-RIGHT",
            "Only an administrator can cancel or undo an import of another operator.",
        )),
    }
}

/// Asks whether an import is to be undone; with the answer, undoes it.
///
/// # Errors
/// There is no such import, it cannot be undone, or the store failed.
pub fn undo(visit: &Visit) -> Result<Reply, Refusal> {
    let record = owned(visit)?;
    if visit.form.get("confirmed") != "yes" {
        let c = &record.counters;
        return Reply::page(&Confirm {
            page: visit.page("Undo the import"),
            question: format!("Undo the import of {}?", record.file_name),
            consequence: format!(
                "{} users that it created are deleted and {} that it changed get their earlier values back. Users who \
                 were changed since are left as they are.",
                grouped(c.created),
                grouped(c.updated)
            ),
            action: format!("/imports/{}/undo", record.id),
            button: "Undo",
            back: format!("/imports/{}", record.id),
        });
    }
    let undone = visit.app.jobs.undo(&visit.actor(), record.id)?;
    visit.front_end.password_files.forget(record.id);
    if undone.left_total == 0 {
        return Ok(back(visit, &record, After::Undone));
    }
    let listed = undone.left.len().min(LEFT);
    let left = undone.left.into_iter().take(LEFT).map(|left| LeftRow {
        name: match (left.group, left.user_name.is_empty()) {
            (Some(group), _) => format!("group {group}"),
            (None, false) => left.user_name,
            (None, true) => "(not known)".to_owned(),
        },
        reason: left.reason,
    });
    Reply::page(&Undone {
        page: visit.page("Undone, with exceptions"),
        removed: undone.removed,
        restored: undone.restored,
        left_total: undone.left_total,
        left: left.collect(),
        not_listed: undone.left_total.saturating_sub(listed as u64),
        back: format!("/imports/{}", record.id),
    })
}

/// The generated passwords of an import, once.
///
/// # Errors
/// They are not there, or another operator requested the import.
pub fn passwords(visit: &Visit) -> Result<Reply, Refusal> {
    let record = record(visit)?;
    let gone = || {
        Refusal::new(
            StatusCode::GONE,
            "IMP-PORTAL-PASSWORDS-GONE",
            "There are no generated passwords to download: they were downloaded before, which is possible once, or the \
             import generated none. Set new passwords for users who did not get theirs.",
        )
    };
    if visit.operator.caller.name != record.operator || !record.state.is_final() {
        return Err(gone());
    }
    wait_for_its_end(visit, &record);
    let taken = visit.front_end.password_files.take(record.id);
    let content = taken.map_err(WireError::from_io)?.ok_or_else(gone)?;
    tracing::info!(import = %record.id, "the generated passwords were downloaded");
    Ok(Reply::secret_file(
        format!("passwords-{}.csv", record.id),
        content,
    ))
}

/// Makes a draft of the rejected rows.
///
/// # Errors
/// There are none, or they could not be stored.
pub fn mend(visit: &Visit) -> Result<Reply, Refusal> {
    let record = record(visit)?;
    if record.rejected.kept == 0 {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "IMP-PORTAL-NO-REJECTS",
            "No rejected rows of this import are kept.",
        ));
    }
    let mut spool = Spool::new(&visit.app.spool);
    reject_file::write(visit.app.store.as_ref(), &record, &mut spool).map_err(
        |error| match error {
            reject_file::RejectFileError::Store(error) => Refusal::from(error),
            reject_file::RejectFileError::Io(error) => WireError::from_io(error).into(),
        },
    )?;
    let source = spool.into_reader()?;
    let name = record
        .file_name
        .rsplit_once('.')
        .map_or("users", |(name, _)| name);
    let location = file_page::add_file(visit, source, &format!("{name}-rejects.csv"))?;
    Ok(Reply::see_other(location))
}
