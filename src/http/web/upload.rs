//! Receives an uploaded file: a form whose token precedes the file, so that nothing is stored for a forged form.

use std::io::{self, Read};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::formats::kind::BEGINNING;
use crate::http::form_reader::{self, FormReader};
use crate::http::intake::{self, Body, Incoming};
use crate::http::traffic::OnBehalf;
use crate::http::web::draft::Draft;
use crate::http::web::file_page;
use crate::http::web::refusal::Refusal;
use crate::http::web::reply::Reply;
use crate::http::web::visit::{self, Visit};
use crate::import::pending::Pending;
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;

/// Maximum number of fields before the file.
const FIELDS: usize = 4;

/// Where a script goes after its upload.
#[derive(Serialize)]
struct Uploaded {
    location: String,
}

/// Receives the form and answers.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    visit: Visit,
) -> Result<HttpResponse, (Refusal, Body)> {
    let headers = request.headers();
    let boundary = match boundary(intake::field(headers, &header::CONTENT_TYPE)) {
        Ok(boundary) => boundary,
        Err(refusal) => return Err((refusal, intake::discard_body(payload, false).await)),
    };
    let by = OnBehalf::from(&visit.operator.caller);
    let incoming = Incoming::new(payload, Arc::clone(&visit.front_end.traffic), by);
    let received = intake::with_body(incoming, move |body| {
        let answered = match receive(&visit, &boundary, body) {
            Ok(draft) => {
                let location = visit.address(&format!("/drafts/{}/columns", draft.id));
                Ok(match visit.json {
                    true => Reply::json(StatusCode::CREATED, &Uploaded { location }),
                    false => Reply::see_other(location),
                })
            }
            // A reader gets the form again, with what is wrong.
            Err(refusal) if !visit.json && is_about_the_file(&refusal) => {
                file_page::refused_file(&visit, &refusal)
            }
            Err(refusal) => Err(refusal),
        };
        Pending::Ended(answered)
    });
    let received = received.await;
    let (reply, body) = received.map_err(|unserved| (unserved.into(), Body::Unread))?;
    let reply: Reply = reply.map_err(|refusal| (refusal, body))?;
    Ok(reply.respond(headers, body))
}

/// Whether another file or another name could be accepted.
fn is_about_the_file(refusal: &Refusal) -> bool {
    refusal.status.is_client_error() && refusal.status != StatusCode::FORBIDDEN
}

fn boundary(content_type: Option<String>) -> Result<String, Refusal> {
    let media_type = content_type.and_then(|text| MediaType::parse(&text).ok());
    let form = media_type.filter(|it| it.essence == "multipart/form-data");
    form.and_then(|it| it.param("boundary").map(str::to_owned))
        .ok_or_else(|| {
            Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                WireError::MediaType { what: "" }.code(),
                "A file is uploaded by the form of the page (multipart/form-data).",
            )
        })
}

fn receive(visit: &Visit, boundary: &str, body: impl Read) -> Result<Arc<Draft>, Refusal> {
    let mut form = FormReader::new(boundary, body);
    let mut token = Vec::new();
    while let Some(mut field) = form.next_field().map_err(Refusal::from)? {
        if form.part > FIELDS {
            return Err(WireError::MimeParts { limit: FIELDS }.into());
        }
        let name = form_reader::name(&field, form.part)?;
        match name.as_str() {
            "csrf" => token = form.text(&mut field, &name)?.to_vec(),
            "file" => {
                let given = String::from_utf8_lossy(&token);
                visit::check_token(&given, &visit.operator.session.csrf)?;
                form_reader::refuse_encoding(&field)?;
                let (file_name, media_type) = (
                    form_reader::file_name(&field),
                    form_reader::media_type(&field),
                );
                if file_name.is_none() {
                    return Err(no_file());
                }
                let owner = visit.owner();
                let drafts = &visit.front_end.drafts;
                let content = form.content(&mut field);
                let draft = drafts.add(owner, content, |file| {
                    let mut beginning = Vec::new();
                    file.take(BEGINNING)
                        .read_to_end(&mut beginning)
                        .map_err(WireError::from_io)?;
                    if beginning.is_empty() {
                        return Err(Refusal::field("The file is empty; choose another one."));
                    }
                    let media_type = media_type.as_ref();
                    Ok(form_reader::label(file_name, media_type, &beginning)?)
                })?;
                drop(field);
                // The end of the form shows that the file is complete.
                let rest = form
                    .next_field()
                    .map_err(Refusal::from)
                    .and_then(|next| match next {
                        Some(_) => Err(Refusal::field("The form has a field after the file.")),
                        None => Ok(()),
                    });
                let rest = rest.and_then(|()| {
                    io::copy(&mut form.body, &mut io::sink())
                        .map_err(|error| WireError::from_io(error).into())
                });
                if let Err(refusal) = rest {
                    drafts.forget(draft.id);
                    return Err(refusal);
                }
                return Ok(draft);
            }
            _ => return Err(Refusal::field("The form has an unknown field.")),
        }
    }
    Err(no_file())
}

fn no_file() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "IMP-FILE-MISSING",
        "Choose a file first.",
    )
}
