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
use crate::quoted;
use crate::users::options::ConflictPolicy;

/// Roles offered for all users of an import.
const ROLES: usize = 500;

/// What the form of the page shows: the decisions, or what was entered and is refused.
struct Entered {
    domain: String,
    passwords: String,
    conflict: ConflictPolicy,
    roles: Vec<String>,
    all_or_nothing: bool,
    stop_after: String,
}

impl Entered {
    /// The decisions.
    fn of(visit: &Visit, decisions: &Decisions) -> Result<Self, Refusal> {
        let options = &decisions.options;
        let stop_after = options.stop_after.map(|number| number.to_string());
        Ok(Entered {
            domain: visit.app.domains.find(decisions.domain.as_deref())?.name,
            passwords: match decisions.passwords {
                RowPasswords::None => "none",
                RowPasswords::Typed(_) => "typed",
                RowPasswords::Generated => "generated",
            }
            .to_owned(),
            conflict: options.conflict,
            roles: options.roles.clone(),
            all_or_nothing: options.validate_first,
            stop_after: stop_after.unwrap_or_default(),
        })
    }
}

/// The options of the import.
///
/// # Errors
/// The draft does not exist.
pub fn show_options(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    if draft.decisions().reached < Step::Options {
        return Ok(Reply::see_other(address(visit, &draft, "columns")));
    }
    let entered = Entered::of(visit, &draft.decisions())?;
    options_page(visit, &draft, StatusCode::OK, entered, Vec::new())
}

fn options_page(
    visit: &Visit,
    draft: &Draft,
    status: StatusCode,
    entered: Entered,
    errors: Vec<FieldError>,
) -> Result<Reply, Refusal> {
    let (app, organization) = (&visit.app, &visit.operator.caller.organization);
    let decisions = draft.decisions();
    let domains = app
        .domains
        .names()
        .into_iter()
        .map(|name| entry(name, name, name == entered.domain));
    let known = match app.domains.find(Some(&entered.domain)) {
        Ok(domain) => app.store.roles(organization, &domain.name)?,
        Err(_) => Vec::new(),
    };
    let mut roles: BTreeSet<String> = known.into_iter().take(ROLES).collect();
    roles.extend(entered.roles.iter().cloned());
    let roles = roles.into_iter().map(|role| {
        let selected = entered.roles.contains(&role);
        entry(role.clone(), role, selected)
    });
    let view = Options {
        draft: head(draft, &decisions, Step::Options),
        domains: domains.collect(),
        passwords: entered.passwords,
        password_set: matches!(decisions.passwords, RowPasswords::Typed(_)),
        conflicts: ConflictPolicy::ALL
            .into_iter()
            .map(|policy| conflict(policy, entered.conflict))
            .collect(),
        roles: roles.collect(),
        all_or_nothing: entered.all_or_nothing,
        stop_after: entered.stop_after,
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
        fact(
            "Time",
            match time.as_millis() {
                0..1000 => "less than a second".to_owned(),
                _ => format!("about {}", shown::duration(time)),
            },
        ),
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

/// Sets the options and starts the check. If a field is invalid, nothing is set.
///
/// # Errors
/// The draft does not exist.
pub fn set_options(visit: &Visit) -> Result<Reply, Refusal> {
    let (draft, form) = (draft(visit)?, &visit.form);
    if draft.decisions().reached < Step::Options {
        return Ok(Reply::see_other(address(visit, &draft, "columns")));
    }
    let mut errors = Vec::new();
    let mut wrong = |field, text: String| errors.push(FieldError { field, text });
    let mut entered = Entered {
        domain: form.get("domain").to_owned(),
        passwords: form.get("passwords").to_owned(),
        conflict: ConflictPolicy::default(),
        roles: form.all("role").map(str::to_owned).collect(),
        all_or_nothing: form.has("all_or_nothing"),
        stop_after: form.get("stop_after").trim().to_owned(),
    };
    match visit.app.domains.find(form.given("domain")) {
        Ok(domain) => entered.domain = domain.name,
        Err(error) => wrong("domain", sentence(&error.to_string())),
    }
    match ConflictPolicy::parse(form.get("conflict")) {
        Ok(policy) => entered.conflict = policy,
        Err(text) => wrong("conflict", sentence(&text)),
    }
    if let Some(role) = unknown_role(visit, &entered)? {
        let text = format!(
            "The user store {} has no role \"{}\"; choose others.",
            quoted::word(&entered.domain),
            quoted::name(&role)
        );
        wrong("role", text);
    }
    let stop_after = match entered.stop_after.as_str() {
        "" => None,
        text => {
            let number = text.parse::<u64>().ok().filter(|number| *number > 0);
            if number.is_none() {
                let text = "Enter a number of at least 1, or nothing.";
                wrong("stop_after", text.to_owned());
            }
            number
        }
    };
    let passwords = chosen_passwords(visit, &draft.decisions().passwords).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    if !errors.is_empty() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return options_page(visit, &draft, status, entered, errors);
    }
    let starts = {
        let mut decisions = draft.decisions();
        let before = (decisions.options.clone(), decisions.domain.clone());
        decisions.domain = Some(entered.domain);
        decisions.options.conflict = entered.conflict;
        decisions.options.roles = entered.roles;
        decisions.options.validate_first = entered.all_or_nothing;
        decisions.options.stop_after = stop_after;
        let changed =
            passwords.is_some() || before != (decisions.options.clone(), decisions.domain.clone());
        if let Some(passwords) = passwords {
            decisions.passwords = passwords;
        }
        decisions.reached = decisions.reached.max(Step::Check);
        changed || matches!(decisions.check, Check::None | Check::Failed { .. })
    };
    if starts {
        check::start(visit, &draft)?;
    }
    Ok(Reply::see_other(address(visit, &draft, "check")))
}

/// A chosen role that the chosen user store does not have.
fn unknown_role(visit: &Visit, entered: &Entered) -> Result<Option<String>, Refusal> {
    let (app, organization) = (&visit.app, &visit.operator.caller.organization);
    if entered.roles.is_empty() {
        return Ok(None);
    }
    let Ok(domain) = app.domains.find(Some(&entered.domain)) else {
        return Ok(None);
    };
    let known = app.store.roles(organization, &domain.name)?;
    let mut chosen = entered.roles.iter();
    Ok(chosen.find(|role| !known.contains(role)).cloned())
}

/// The passwords that the form chooses; none if they stay as they are.
///
/// # Errors
/// The choice or the password is invalid.
fn chosen_passwords(
    visit: &Visit,
    before: &RowPasswords,
) -> Result<Option<RowPasswords>, FieldError> {
    let typed = visit.form.secret("default_password");
    let wrong = |field, text| FieldError { field, text };
    match (visit.form.get("passwords"), before) {
        ("none", RowPasswords::None) | ("generated", RowPasswords::Generated) => Ok(None),
        ("none", _) => Ok(Some(RowPasswords::None)),
        ("generated", _) => Ok(Some(RowPasswords::Generated)),
        ("typed", RowPasswords::Typed(_)) if typed.is_empty() => Ok(None),
        ("typed", _) if typed.is_empty() => {
            Err(wrong("default_password", "Enter the password.".to_owned()))
        }
        ("typed", _) => match visit.app.passwords.judge(typed.expose()) {
            Ok(_) => Ok(Some(RowPasswords::Typed(typed))),
            Err(weak) => Err(wrong("default_password", sentence(&weak.to_string()))),
        },
        _ => Err(wrong("passwords", "Choose one of the three.".to_owned())),
    }
}
