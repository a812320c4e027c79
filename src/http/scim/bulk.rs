//! Bulk (RFC 7644 §3.7): the request is read as it arrives, and the answer is streamed.

use std::io::Read;

use actix_web::HttpResponse;
use actix_web::body::BodyStream;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::http::intake::{self, Body};
use crate::http::scim::answer::{self, Answer, MEDIA_TYPE};
use crate::http::scim::call::Call;
use crate::http::scim::error::{self, Failure};
use crate::http::scim::mount::Mount;
use crate::provision::bulk_job::{BulkAnswer, BulkCall};
use crate::provision::bulk_request::{payload_too_large, unread};
use crate::provision::outcome::OperationOutcome;
use crate::provision::settings::BulkResponse;
use crate::scim::error::ScimError;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportRecord;
use crate::users::resources::Kind;
use crate::wire::inflate;

/// URN of the answer.
const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Bytes that are buffered before they are sent.
const PIECE: usize = 16 * 1024;

/// The result of a Bulk request.
#[derive(Debug)]
pub enum Outcome {
    /// It was run.
    Done(Box<BulkAnswer>),
    /// It is queued.
    Queued(Box<ImportRecord>),
}

impl Call<'_> {
    /// Runs the request, or queues it if the caller prefers that (RFC 7240 §4.1).
    pub(super) fn bulk(&self, body: impl Read) -> Result<Outcome, Failure> {
        let provisioner = &self.app.provisioner;
        let limit = provisioner.settings.max_payload_bytes;
        let encoding = self.content_encoding.as_deref();
        let body = inflate::decode(encoding, body, limit)
            .map_err(|error| unread(&error, limit, payload_too_large))?;
        let call = BulkCall {
            authority: self.authority()?.clone(),
            strictness: self.mount.strictness(),
            leniency: self.mount.leniency(),
            key: intake::idempotency_key(self.headers),
            label: self.mount.bulk_label(),
        };
        Ok(match intake::prefers_async(self.headers) {
            true => Outcome::Queued(Box::new(provisioner.queue_bulk(&call, body)?)),
            false => Outcome::Done(Box::new(provisioner.bulk(&call, body)?)),
        })
    }

    /// The result of a queued Bulk request.
    pub(super) fn bulk_answer(&self, id: &str) -> Result<Outcome, Failure> {
        let unknown = || ScimError::new(404, format!("There is no bulk request {id}."));
        let uuid = Uuid::try_parse(id).map_err(|_| unknown())?;
        let organization = &self.authority()?.actor.organization;
        let found = self
            .app
            .provisioner
            .bulk_answer(organization, ImportId(uuid))?;
        let answer = found.ok_or_else(unknown)?;
        Ok(match answer.record.state.is_final() {
            true => Outcome::Done(Box::new(answer)),
            false => Outcome::Queued(Box::new(answer.record)),
        })
    }
}

/// The answer to a queued request (RFC 9967): only the address of its result.
pub(super) fn queued(record: &ImportRecord, base: &str) -> Answer {
    let answer = Answer {
        status: StatusCode::ACCEPTED,
        ..Answer::default()
    };
    answer
        .with("preference-applied", "respond-async")
        .with("set-txn", record.id.to_string())
        .with("location", format!("{base}/Bulk/{}", record.id))
        .with("muster-import", record.dictionary())
}

/// The answer to a request that was run, as a stream.
pub(super) fn respond(
    (mount, form): (Mount, BulkResponse),
    base: String,
    bulk: BulkAnswer,
    headers: &HeaderMap,
    body: Body,
) -> HttpResponse {
    let record = &bulk.record;
    let import = record.dictionary();
    let mut response = answer::start(StatusCode::OK, &[("muster-import", import)], headers, body);
    let text = Text {
        mount,
        form,
        base,
        outcomes: bulk.outcomes.into_iter(),
        state: DocumentState::Beginning,
    };
    response
        .content_type(MEDIA_TYPE)
        .body(BodyStream::new(stream::iter(text)))
}

/// The text of an answer, in pieces.
struct Text {
    mount: Mount,
    form: BulkResponse,
    base: String,
    outcomes: std::vec::IntoIter<OperationOutcome>,
    state: DocumentState,
}

#[derive(PartialEq)]
enum DocumentState {
    Beginning,
    Middle,
    End,
}

impl Iterator for Text {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = String::with_capacity(PIECE + 1024);
        if self.state == DocumentState::End {
            return None;
        }
        if self.state == DocumentState::Beginning {
            piece.push_str(r#"{"schemas":[""#);
            piece.push_str(BULK_RESPONSE);
            piece.push_str(r#""],"Operations":["#);
        }
        while piece.len() < PIECE {
            let Some(outcome) = self.outcomes.next() else {
                piece.push_str("]}");
                self.state = DocumentState::End;
                break;
            };
            if self.state == DocumentState::Middle {
                piece.push(',');
            }
            self.state = DocumentState::Middle;
            let message = operation((self.mount, self.form), &self.base, &outcome);
            // Serializing text and numbers cannot fail.
            piece.push_str(&serde_json::to_string(&message).unwrap_or_default());
        }
        Some(Ok(Bytes::from(piece)))
    }
}

/// The result of one operation; its members have the order of the original's answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_id: Option<&'o str>,
    method: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'o str>,
    status: Value,
}

fn operation<'o>(
    (mount, form): (Mount, BulkResponse),
    base: &str,
    outcome: &'o OperationOutcome,
) -> Message<'o> {
    let error = outcome.error.as_ref();
    let detail = error.map(|error| error.detail.as_str());
    Message {
        bulk_id: outcome.bulk_id.as_deref(),
        method: &outcome.method,
        response: response((mount, form), base, outcome),
        location: location(base, outcome),
        // The original's answers have no version.
        version: outcome.version.as_deref().filter(|_| mount == Mount::Rfc),
        status: mount.operation_status(outcome.status, detail),
    }
}

/// The error, or at WSO2's address also the resource, in the configured form.
fn response(
    (mount, form): (Mount, BulkResponse),
    base: &str,
    outcome: &OperationOutcome,
) -> Option<Value> {
    let error = outcome.error.as_ref().map(error::body);
    let shown = match (mount, form) {
        (Mount::Rfc, _) | (Mount::Wso2, BulkResponse::Object) => return error,
        (Mount::Wso2, BulkResponse::Documented) => error,
        (Mount::Wso2, BulkResponse::String) => error.or_else(|| {
            let mut document = outcome.document.clone()?;
            prepend_base(&mut document, base);
            Some(document)
        }),
    };
    shown.map(|shown| shown.to_string().into())
}

/// Prepends the base URL to the addresses in a document that the server has set.
fn prepend_base(value: &mut Value, base: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text)
                        if matches!(name.as_str(), "location" | "$ref")
                            && text.starts_with('/') =>
                    {
                        text.insert_str(0, base);
                    }
                    value => prepend_base(value, base),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                prepend_base(value, base);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The resource's address, or the intended one; RFC 7644 §3.7 requires it except for a failed POST.
fn location(base: &str, outcome: &OperationOutcome) -> Option<String> {
    match (outcome.resource, &outcome.path) {
        (Some((Kind::User, id)), _) => Some(format!("{base}/Users/{id}")),
        (Some((Kind::Group, id)), _) => Some(format!("{base}/Groups/{id}")),
        (None, Some(path)) => {
            let path = path.strip_prefix('/').unwrap_or(path);
            Some(format!("{base}/{}", encoded(path)))
        }
        (None, None) => None,
    }
}

/// Percent-encodes a path for a URL (RFC 3986 §3.3).
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte.is_ascii_alphanumeric() || b"/:-._~".contains(&byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use serde_json::json;

    fn text(outcomes: Vec<OperationOutcome>) -> (Value, usize) {
        let text = Text {
            mount: Mount::Rfc,
            form: BulkResponse::default(),
            base: "http://x/scim/v2".into(),
            outcomes: outcomes.into_iter(),
            state: DocumentState::Beginning,
        };
        let pieces: Vec<Bytes> = text.map(|piece| piece.unwrap()).collect();
        let whole = pieces.concat();
        (serde_json::from_slice(&whole).unwrap(), pieces.len())
    }

    fn created(number: u128) -> OperationOutcome {
        OperationOutcome {
            method: "POST".into(),
            bulk_id: Some(number.to_string()),
            status: 201,
            resource: Some((Kind::User, Uuid::from_u128(number))),
            changed: Some(Moment(0xab)),
            version: Some("W/\"ab\"".into()),
            ..OperationOutcome::default()
        }
    }

    #[test]
    fn pieces_form_one_document() {
        assert_eq!(
            text(Vec::new()).0,
            json!({"schemas": [BULK_RESPONSE], "Operations": []})
        );
        let (whole, pieces) = text((0..500).map(created).collect());
        assert!(pieces > 1);
        let operations = whole["Operations"].as_array().unwrap();
        assert_eq!(operations.len(), 500);
        assert_eq!(
            operations[1],
            json!({
                "bulkId": "1", "method": "POST", "status": "201", "version": "W/\"ab\"",
                "location": "http://x/scim/v2/Users/00000000-0000-0000-0000-000000000001",
            })
        );
    }

    #[test]
    fn status_at_the_wso2_address_is_an_object_with_a_number() {
        let outcome = created(1);
        let dialect = (Mount::Wso2, BulkResponse::Documented);
        let message = operation(dialect, "https://x/scim2", &outcome);
        assert_eq!(
            serde_json::to_string(&message).unwrap(),
            concat!(
                r#"{"bulkId":"1","method":"POST","#,
                r#""location":"https://x/scim2/Users/00000000-0000-0000-0000-000000000001","#,
                r#""status":{"code":201}}"#
            )
        );
    }
    #[test]
    fn response_is_text_or_an_object_or_absent() {
        let failed = OperationOutcome {
            status: 409,
            error: Some(ScimError::new(409, "taken")),
            ..created(1)
        };
        let shown = OperationOutcome {
            document: Some(json!({
                "userName": "kim", "meta": {"location": "/Users/1"}, "groups": [{"$ref": "/Groups/2"}],
            })),
            ..created(1)
        };
        fn response(dialect: (Mount, BulkResponse), outcome: &OperationOutcome) -> Option<Value> {
            operation(dialect, "https://x/scim2", outcome).response
        }
        let error = error::body(&ScimError::new(409, "taken"));
        for (dialect, of_error, of_success) in [
            (
                (Mount::Rfc, BulkResponse::String),
                Some(error.clone()),
                None,
            ),
            (
                (Mount::Wso2, BulkResponse::Object),
                Some(error.clone()),
                None,
            ),
            (
                (Mount::Wso2, BulkResponse::Documented),
                Some(error.to_string().into()),
                None,
            ),
            (
                (Mount::Wso2, BulkResponse::String),
                Some(error.to_string().into()),
                Some(json!({
                    "userName": "kim", "meta": {"location": "https://x/scim2/Users/1"},
                    "groups": [{"$ref": "https://x/scim2/Groups/2"}],
                })),
            ),
        ] {
            assert_eq!(response(dialect, &failed), of_error, "{dialect:?}");
            let success = response(dialect, &shown)
                .map(|text| serde_json::from_str::<Value>(text.as_str().expect("text")).unwrap());
            assert_eq!(success, of_success, "{dialect:?}");
            assert_eq!(response(dialect, &created(1)), None, "{dialect:?}");
        }
    }
}
