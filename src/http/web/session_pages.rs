//! The operator's own sessions.

use crate::http::web::notices::After;
use crate::http::web::refusal::Refusal;
use crate::http::web::reply::Reply;
use crate::http::web::shown;
use crate::http::web::views::{SessionRow, Sessions};
use crate::http::web::visit::Visit;

/// Lists them.
///
/// # Errors
/// The page could not be made.
pub fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let (gate, own) = (&visit.app.gate, &visit.operator);
    let sessions = gate.sessions_of(&own.caller.name).into_iter();
    let sessions = sessions.map(|session| SessionRow {
        current: session.id == own.session.id,
        opened: shown::time(session.opened),
        used: shown::time(session.used),
        address: session.client.address.to_string(),
        agent: session.client.user_agent,
        id: session.id,
    });
    Reply::page(&Sessions {
        page: visit.page("Sessions"),
        sessions: sessions.collect(),
        idle_minutes: gate.portal_idle.as_secs() / 60,
    })
}

/// Ends one of them.
///
/// # Errors
/// It does not exist.
pub fn revoke(visit: &Visit) -> Result<Reply, Refusal> {
    let id = visit.variable(0).to_owned();
    if id == visit.operator.session.id {
        end(visit, &id);
        return Ok(Reply::see_other(visit.address("/sign-in")));
    }
    if !end(visit, &id) {
        return Err(Refusal::not_found());
    }
    Ok(visit.see_other("/sessions", After::Revoked))
}

/// Ends a session of this operator and deletes its files. Returns whether it existed.
pub fn end(visit: &Visit, id: &str) -> bool {
    let ended = visit.app.gate.revoke(&visit.operator.caller.name, id);
    if ended {
        visit.front_end.drafts.forget_session(id);
    }
    ended
}
