//! The step *Options*: user store, passwords, existing users, roles.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use serde::Serialize;

use crate::http::web::check;
use crate::http::web::check_state::Check;
use crate::http::web::draft::{Decisions, Draft, RowPasswords, Step};
use crate::http::web::draft_head::{address, draft, head};
use crate::http::web::refusal::{Refusal, sentence};
use crate::http::web::reply::Reply;
use crate::http::web::shown::{self, entry, grouped};
use crate::http::web::views::{Conflict, Fact, FieldError, Options};
use crate::http::web::visit::Visit;
use crate::passwords::secret::Secret;
use crate::users::options::ConflictPolicy;

/// Roles offered for all users of an import.
const ROLES: usize = 500;

/// The options of the import.
///
/// # Errors
/// The draft does not exist.
pub fn show_options(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    if draft.decisions().reached < Step::Options {
        return Ok(Reply::see_other(address(visit, &draft, "columns")));
    }
    options_page(visit, &draft, StatusCode::OK, Vec::new())
}

fn options_page(
    visit: &Visit,
    draft: &Draft,
    status: StatusCode,
    errors: Vec<FieldError>,
) -> Result<Reply, Refusal> {
    let (app, organization) = (&visit.app, &visit.operator.caller.organization);
    let decisions = draft.decisions();
    let options = &decisions.options;
    let domain = app.domains.find(decisions.domain.as_deref())?.name;
    let domains = app
        .domains
        .names()
        .into_iter()
        .map(|name| entry(name, name, name == domain));
    let mut roles: BTreeSet<String> = app
        .store
        .roles(organization, &domain)?
        .into_iter()
        .take(ROLES)
        .collect();
    roles.extend(options.roles.iter().cloned());
    let roles = roles.into_iter().map(|role| {
        let selected = options.roles.contains(&role);
        entry(role.clone(), role, selected)
    });
    let view = Options {
        draft: head(draft, &decisions, Step::Options),
        domains: domains.collect(),
        passwords: match decisions.passwords {
            RowPasswords::None => "none",
            RowPasswords::Typed(_) => "typed",
            RowPasswords::Generated => "generated",
        },
        password_set: matches!(decisions.passwords, RowPasswords::Typed(_)),
        conflicts: ConflictPolicy::ALL
            .into_iter()
            .map(|policy| conflict(policy, options.conflict))
            .collect(),
        roles: roles.collect(),
        all_or_nothing: options.validate_first,
        stop_after: options
            .stop_after
            .map(|number| number.to_string())
            .unwrap_or_default(),
        counting: matches!(decisions.check, Check::Running(_)),
        estimate: estimate_of(visit, &decisions),
        errors,
        page: visit.page(format!("Options for {}", draft.file_name)),
    };
    Reply::page_with(status, &view)
}

fn conflict(policy: ConflictPolicy, chosen: ConflictPolicy) -> Conflict {
    let (label, text) = match policy {
        ConflictPolicy::Skip => (
            "Skip",
            "The user stays as it is; the row counts as a duplicate.",
        ),
        ConflictPolicy::Update => (
            "Update",
            "The values of the row replace those of the user; an empty cell changes nothing.",
        ),
        ConflictPolicy::Fill => ("Fill", "Only values that the user does not have are added."),
        ConflictPolicy::Fail => ("Fail", "The row counts as failed."),
    };
    Conflict {
        value: policy.as_str(),
        label,
        text,
        selected: policy == chosen,
    }
}

/// The estimate, once the file has been read.
fn estimate_of(visit: &Visit, decisions: &Decisions) -> Vec<Fact> {
    let Some(report) = decisions.check.report() else {
        return Vec::new();
    };
    let c = &report.counters;
    let created = match decisions.passwords {
        RowPasswords::Generated => c.created.saturating_sub(report.passwords_to_hash),
        RowPasswords::None | RowPasswords::Typed(_) => 0,
    };
    let hashes = report.passwords_to_hash + created;
    let time = visit
        .front_end
        .hash_time
        .estimate(&visit.app, c.total, hashes);
    let fact = |label, value| Fact { label, value };
    vec![
        fact("Rows", grouped(c.total)),
        fact("Passwords to hash", grouped(hashes)),
        fact("Time", format!("about {}", shown::duration(time))),
    ]
}

#[derive(Serialize)]
struct Estimate {
    counting: bool,
    estimate: Vec<EstimateFact>,
}

#[derive(Serialize)]
struct EstimateFact {
    label: &'static str,
    value: String,
}

/// The estimate, for a script that waits for it.
///
/// # Errors
/// The draft does not exist.
pub fn estimate(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    let decisions = draft.decisions();
    let facts = estimate_of(visit, &decisions).into_iter();
    let estimate = Estimate {
        counting: matches!(decisions.check, Check::Running(_)),
        estimate: facts
            .map(|Fact { label, value }| EstimateFact { label, value })
            .collect(),
    };
    Ok(Reply::json(StatusCode::OK, &estimate))
}

/// Sets the options and starts the check.
///
/// # Errors
/// The draft does not exist, or a field is invalid.
pub fn set_options(visit: &Visit) -> Result<Reply, Refusal> {
    let (draft, form) = (draft(visit)?, &visit.form);
    if draft.decisions().reached < Step::Options {
        return Ok(Reply::see_other(address(visit, &draft, "columns")));
    }
    let mut errors = Vec::new();
    let mut wrong = |field, text: String| errors.push(FieldError { field, text });
    let changed = {
        let mut decisions = draft.decisions();
        let before = (decisions.options.clone(), decisions.domain.clone());
        let domain = form.given("domain").map(str::to_owned);
        match visit.app.domains.find(domain.as_deref()) {
            Ok(found) => decisions.domain = Some(found.name),
            Err(error) => wrong("domain", sentence(&error.to_string())),
        }
        match ConflictPolicy::parse(form.get("conflict")) {
            Ok(policy) => decisions.options.conflict = policy,
            Err(text) => wrong("conflict", sentence(&text)),
        }
        decisions.options.roles = form.all("role").map(str::to_owned).collect();
        decisions.options.validate_first = form.has("all_or_nothing");
        match form.given("stop_after") {
            None => decisions.options.stop_after = None,
            Some(text) => match text.parse::<u64>() {
                Ok(number) if number > 0 => decisions.options.stop_after = Some(number),
                _ => wrong(
                    "stop_after",
                    "Enter a number of at least 1, or nothing.".to_owned(),
                ),
            },
        }
        let typed = form.secret("default_password");
        let passwords_changed = match passwords(form.get("passwords"), typed, &decisions.passwords)
        {
            Ok(None) => false,
            Ok(Some(passwords)) => {
                decisions.passwords = passwords;
                true
            }
            Err(text) => {
                wrong("default_password", text);
                false
            }
        };
        passwords_changed || before != (decisions.options.clone(), decisions.domain.clone())
    };
    if !errors.is_empty() {
        return options_page(visit, &draft, StatusCode::UNPROCESSABLE_ENTITY, errors);
    }
    let unchecked = matches!(draft.decisions().check, Check::None | Check::Failed { .. });
    if changed || unchecked {
        check::start(visit, &draft)?;
    }
    {
        let mut decisions = draft.decisions();
        decisions.reached = decisions.reached.max(Step::Check);
    }
    Ok(Reply::see_other(address(visit, &draft, "check")))
}

/// The passwords that a form chooses; none if they stay as they are.
fn passwords(
    word: &str,
    typed: Secret,
    before: &RowPasswords,
) -> Result<Option<RowPasswords>, String> {
    match (word, before) {
        ("none", RowPasswords::None) | ("generated", RowPasswords::Generated) => Ok(None),
        ("none", _) => Ok(Some(RowPasswords::None)),
        ("generated", _) => Ok(Some(RowPasswords::Generated)),
        ("typed", RowPasswords::Typed(_)) if typed.is_empty() => Ok(None),
        ("typed", _) if typed.is_empty() => Err("Enter the password.".to_owned()),
        ("typed", _) => Ok(Some(RowPasswords::Typed(typed))),
        _ => Err("Choose one of the three.".to_owned()),
    }
}
