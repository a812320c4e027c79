//! The step *Check*: what the import would do, and corrections before it.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use serde::Serialize;

use crate::http::web::check;
use crate::http::web::check_state::Check;
use crate::http::web::draft::{Decisions, Step};
use crate::http::web::draft_head::{address, draft, head};
use crate::http::web::kinds::{self, KindKey};
use crate::http::web::listed::Listed;
use crate::http::web::notices::After;
use crate::http::web::refusal::{Refusal, sentence};
use crate::http::web::reply::Reply;
use crate::http::web::shown::{self, grouped};
use crate::http::web::views::{self, MendRow};
use crate::http::web::visit::Visit;
use crate::import::edits::{Mend, MendAction};
use crate::import::report::Report;
use crate::users::options::{ColumnMap, IGNORED_COLUMN};
use crate::users::problem::{Problem, Severity};

/// Maximum length of an edited cell in bytes.
const CELL: usize = 64 * 1024;

/// Maximum number of edited cells of one file, and of corrections for kinds of problems.
const EDITED_CELLS: u64 = 10_000;
const MENDS: usize = 100;

/// What the import would do.
///
/// # Errors
/// The draft does not exist.
pub fn show_check(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    if draft.decisions().reached < Step::Options {
        return Ok(Reply::see_other(address(visit, &draft, "columns")));
    }
    if matches!(draft.decisions().check, Check::None) {
        check::start(visit, &draft)?;
    }
    let decisions = draft.decisions();
    let selected = KindKey::parse(visit.query.get("kind"));
    let base = address(visit, &draft, "check");
    let mut view = views::Check {
        draft: head(&draft, &decisions, Step::Check),
        state: "done",
        progress: views::Progress::default(),
        error: String::new(),
        error_code: String::new(),
        figures: views::Figures::default(),
        outdated: decisions.outdated,
        all_or_nothing: decisions.options.validate_first,
        blocked: String::new(),
        kinds: Vec::new(),
        kind: selected
            .as_ref()
            .map(KindKey::to_string)
            .unwrap_or_default(),
        problems: Vec::new(),
        pager: views::Pager::default(),
        not_listed: String::new(),
        mends: mends(&decisions),
        edited_cells: edited_cells(&decisions),
        page: visit.page(format!("Check of {}", draft.file_name)),
    };
    match &decisions.check {
        Check::None => view.state = "running",
        Check::Running(control) => {
            view.state = "running";
            view.progress = shown::progress(&control.progress());
        }
        Check::Failed { code, text } => {
            view.state = "failed";
            view.error_code = (*code).to_owned();
            view.error.clone_from(text);
        }
        Check::Done(report) => {
            let failed = report.counters.failed;
            view.figures = shown::figures(&report.counters, report.warnings, report.mended);
            if decisions.options.validate_first && failed > 0 && !decisions.outdated {
                view.blocked = format!(
                    "All or nothing is chosen, and {} rows have problems. Correct them, or change the options.",
                    grouped(failed)
                );
            }
            let listed = Listed::new(report, &decisions);
            view.kinds = listed.kinds(selected.as_ref(), &base);
            let rows = listed.rows(selected.as_ref());
            let page = visit.query.get("page").parse().unwrap_or(1);
            let (first, end) = shown::page_range(page, kinds::ON_A_PAGE, rows.len());
            view.pager = kinds::pager(
                &base,
                visit.query.get("kind"),
                page,
                (first, end),
                rows.len(),
            );
            view.problems = rows.into_iter().skip(first).take(end - first).collect();
            let kept = report.findings.len() as u64;
            let missing = report.findings_total.saturating_sub(kept);
            if missing > 0 {
                view.not_listed = format!(
                    "The first {} findings are listed; {} more are counted by kind. Correct a kind for all its rows, \
                     or correct the file itself.",
                    grouped(kept),
                    grouped(missing)
                );
            }
        }
    }
    Reply::page(&view)
}

pub(super) fn edited_cells(decisions: &Decisions) -> u64 {
    let rows = decisions.edits.cells.values();
    rows.map(|cells| cells.len() as u64).sum()
}

fn mends(decisions: &Decisions) -> Vec<MendRow> {
    let heading = |position: usize| {
        let columns = decisions
            .check
            .report()
            .and_then(|report| report.preview.as_ref());
        let column = columns.and_then(|preview| preview.columns.get(position));
        column.map_or_else(|| (position + 1).to_string(), |column| column.name.clone())
    };
    let mends = decisions.edits.mends.iter().enumerate();
    mends
        .map(|(index, mend)| {
            let what = match &mend.action {
                MendAction::Trim => "Remove blanks around",
                MendAction::LowerCase => "Write in lower case",
                MendAction::Clear => "Clear",
                MendAction::Set(_) => "Replace with one value",
            };
            MendRow {
                index,
                text: format!(
                    "{what}: the cell {} of rows with {}",
                    heading(mend.column),
                    mend.code
                ),
            }
        })
        .collect()
}

#[derive(Serialize)]
struct CheckProgress {
    state: &'static str,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    left: String,
}

/// The progress of a check, for scripts.
///
/// # Errors
/// The draft does not exist.
pub fn check_progress(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    let decisions = draft.decisions();
    let (state, progress) = match &decisions.check {
        Check::None => ("running", views::Progress::default()),
        Check::Running(control) => ("running", shown::progress(&control.progress())),
        Check::Failed { .. } => ("failed", views::Progress::default()),
        Check::Done(_) => ("done", views::Progress::default()),
    };
    let progress = CheckProgress {
        state,
        rows: progress.rows,
        percent: progress.percent,
        left: progress.left,
    };
    Ok(Reply::json(StatusCode::OK, &progress))
}

/// Checks the whole file again.
///
/// # Errors
/// The draft does not exist.
pub fn check_again(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    check::start(visit, &draft)?;
    Ok(Reply::see_other(address(visit, &draft, "check")))
}

#[derive(Serialize)]
struct Edited {
    ok: bool,
    value: String,
    problems: Vec<EditedProblem>,
    edited_cells: u64,
}

#[derive(Serialize)]
struct EditedProblem {
    column_number: usize,
    column: String,
    code: String,
    message: String,
}

/// Edits one cell and checks its row again.
///
/// # Errors
/// The draft does not exist, or a field is invalid.
pub fn edit_cell(visit: &Visit) -> Result<Reply, Refusal> {
    let (draft, form) = (draft(visit)?, &visit.form);
    let number = |name: &str| {
        form.get(name)
            .parse::<u64>()
            .ok()
            .filter(|number| *number > 0)
    };
    let (Some(line), Some(column)) = (number("line"), number("column")) else {
        return Err(Refusal::field("The cell has no line or no column."));
    };
    let position = usize::try_from(column - 1).unwrap_or(usize::MAX);
    let value = form.get("value").to_owned();
    if value.len() > CELL || position >= 1_024 {
        return Err(Refusal::field(format!("A cell has at most {CELL} bytes.")));
    }
    let mut decisions = draft.decisions();
    if edited_cells(&decisions) >= EDITED_CELLS {
        return Err(Refusal::field(format!(
            "{EDITED_CELLS} cells were edited, which is the limit; correct the file itself and upload it again."
        )));
    }
    let before = decisions.edits.clone();
    let row = decisions.edits.cells.entry(line).or_default();
    row.insert(position, value.clone());
    let report = check::rows(visit, &draft, &decisions, BTreeSet::from([line]));
    let exists = |report: &Report| {
        let columns = report.preview.as_ref().map(|preview| preview.columns.len());
        report.counters.total > 0 && columns.is_some_and(|columns| position < columns)
    };
    let report = match report {
        Ok(report) if exists(&report) => report,
        refused => {
            decisions.edits = before;
            return Err(match refused {
                Ok(_) => Refusal::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "IMP-FIELD",
                    "There is no such cell in the file, so nothing was changed.",
                ),
                Err(refusal) => refusal,
            });
        }
    };
    decisions.outdated = true;
    let found: Vec<Problem> = report
        .findings
        .iter()
        .filter(|it| it.line == line)
        .cloned()
        .collect();
    let problems = found.iter().filter(|it| it.severity != Severity::Warning);
    let listed = Listed::new(&report, &decisions);
    let problems: Vec<EditedProblem> = problems
        .map(|finding| {
            let column = finding.column.as_deref().unwrap_or_default();
            EditedProblem {
                column_number: listed.position(column).map_or(0, |position| position + 1),
                column: column.to_owned(),
                code: finding.code.to_string(),
                message: sentence(&finding.message),
            }
        })
        .collect();
    let value = match listed.is_password(position) {
        true => String::new(),
        false => value,
    };
    decisions.rechecked.insert(line, found);
    let edited = Edited {
        ok: problems.is_empty(),
        value,
        problems,
        edited_cells: edited_cells(&decisions),
    };
    drop(decisions);
    if visit.json {
        return Ok(Reply::json(StatusCode::OK, &edited));
    }
    let mut query = Vec::new();
    for name in ["kind", "page"] {
        query.extend(
            form.given(name)
                .map(|value| format!("{name}={}", kinds::in_query(value))),
        );
    }
    let separator = if query.is_empty() { "" } else { "?" };
    let page = format!("check{separator}{}#line-{line}", query.join("&"));
    Ok(Reply::see_other(address(visit, &draft, &page)))
}

/// Corrects all rows of a kind.
///
/// # Errors
/// The draft does not exist, or a field is invalid.
pub fn add_mend(visit: &Visit) -> Result<Reply, Refusal> {
    let (draft, form) = (draft(visit)?, &visit.form);
    let unknown = || Refusal::field("Choose a kind of problems and what to do about it.");
    let key = KindKey::parse(form.get("kind")).ok_or_else(unknown)?;
    {
        let mut decisions = draft.decisions();
        let column = {
            let report = decisions.check.report().ok_or_else(unknown)?;
            Listed::new(report, &decisions)
                .position(&key.column)
                .ok_or_else(unknown)?
        };
        let action = match form.get("do") {
            "trim" => Some(MendAction::Trim),
            "lowercase" => Some(MendAction::LowerCase),
            "clear" => Some(MendAction::Clear),
            "set" => Some(MendAction::Set(form.get("value").to_owned())),
            "ignore" => None,
            _ => return Err(unknown()),
        };
        match action {
            Some(action) => {
                let code = key.code;
                let mend = Mend {
                    code,
                    column,
                    action,
                };
                if decisions.edits.mends.len() >= MENDS {
                    return Err(Refusal::field(format!(
                        "There are {MENDS} corrections, which is the limit; remove some first."
                    )));
                }
                decisions.edits.mends.push(mend);
            }
            None => ignore(&mut decisions.options.map, column + 1)?,
        }
    }
    check::start(visit, &draft)?;
    Ok(visit.see_other(&format!("/drafts/{}/check", draft.id), After::Mended))
}

/// Maps a column to nothing.
fn ignore(map: &mut ColumnMap, number: usize) -> Result<(), Refusal> {
    let mut changed = ColumnMap::default();
    let number = number.to_string();
    let others = map.entries().filter(|(heading, _)| *heading != number);
    let others = others.map(|(heading, meaning)| format!("{heading}={meaning}"));
    let all = others.chain([format!("{number}={IGNORED_COLUMN}")]);
    for entry in all.collect::<Vec<_>>() {
        changed
            .add(&entry)
            .map_err(|text| Refusal::field(sentence(&text)))?;
    }
    *map = changed;
    Ok(())
}

/// Removes such a correction.
///
/// # Errors
/// The draft does not exist, or there is no such correction.
pub fn remove_mend(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    {
        let mut decisions = draft.decisions();
        let index = visit.variable(1).parse::<usize>().ok();
        let index = index.filter(|index| *index < decisions.edits.mends.len());
        let index = index.ok_or_else(Refusal::not_found)?;
        drop(decisions.edits.mends.remove(index));
    }
    check::start(visit, &draft)?;
    Ok(visit.see_other(&format!("/drafts/{}/check", draft.id), After::MendRemoved))
}
