//! What all pages of a draft share.

use std::sync::Arc;

use crate::http::web::draft::{Decisions, Draft, Step};
use crate::http::web::refusal::Refusal;
use crate::http::web::shown::{self};
use crate::http::web::views::DraftHead;
use crate::http::web::visit::Visit;

/// The draft of the path.
pub(super) fn draft(visit: &Visit) -> Result<Arc<Draft>, Refusal> {
    visit
        .front_end
        .drafts
        .find(visit.variable(0), &visit.owner())
}

pub(super) fn address(visit: &Visit, draft: &Draft, page: &str) -> String {
    visit.address(&format!("/drafts/{}/{page}", draft.id))
}

pub(super) fn head(draft: &Draft, decisions: &Decisions, step: Step) -> DraftHead {
    DraftHead {
        id: draft.id.to_string(),
        file: draft.file_name.clone(),
        size: shown::size(draft.size),
        read_as: decisions.read_as.clone(),
        step: step as u8,
        reached: decisions.reached as u8,
    }
}
