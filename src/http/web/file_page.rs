//! The step *File*: the form for an upload.

use std::io::Read;

use actix_web::http::StatusCode;

use crate::http::web::draft_head::address;
use crate::http::web::refusal::Refusal;
use crate::http::web::reply::Reply;
use crate::http::web::shown::{self};
use crate::http::web::views::{self, DraftRow, TemplateColumn};
use crate::http::web::visit::Visit;
use crate::import::look::{Choice, choices};
use crate::import::template::Template;

/// The form for a file.
///
/// # Errors
/// The page could not be made.
pub fn show_file(visit: &Visit, error: String) -> Result<Reply, Refusal> {
    file_page(visit, StatusCode::OK, error)
}

/// The form again, with what was wrong.
///
/// # Errors
/// The page could not be made.
pub fn refused_file(visit: &Visit, refusal: &Refusal) -> Result<Reply, Refusal> {
    file_page(visit, refusal.status, refusal.text.clone())
}

fn file_page(visit: &Visit, status: StatusCode, error: String) -> Result<Reply, Refusal> {
    let limit = visit.front_end.body_limit;
    let drafts = visit.front_end.drafts.of(&visit.owner());
    let drafts = drafts.iter().map(|draft| DraftRow {
        id: draft.id.to_string(),
        file: draft.file_name.clone(),
        size: shown::size(draft.size),
        uploaded: shown::time(draft.uploaded),
    });
    let known = choices(&visit.app.importer.claims);
    let template = Template::of(&visit.app.importer.claims);
    let columns = template.columns().iter().map(|name| TemplateColumn {
        label: label_of(&known, name),
        name: name.clone(),
    });
    Reply::page_with(
        status,
        &views::File {
            page: visit.page("New import"),
            drafts: drafts.collect(),
            limit: shown::size(limit),
            limit_bytes: limit,
            error,
            columns: columns.collect(),
        },
    )
}

pub(super) fn label_of(known: &[Choice], value: &str) -> String {
    let choice = known.iter().find(|choice| choice.value == value);
    choice.map_or_else(|| value.to_owned(), |choice| choice.label.clone())
}

/// Makes a draft of a file that the server has made. Returns the address of its first page.
///
/// # Errors
/// It could not be stored.
pub fn add_file(visit: &Visit, source: impl Read, name: &str) -> Result<String, Refusal> {
    let drafts = &visit.front_end.drafts;
    let draft = drafts.add(visit.owner(), source, |_| Ok(name.to_owned()))?;
    Ok(address(visit, &draft, "columns"))
}
