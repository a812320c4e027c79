//! The outcome of each operation of a Bulk request, as it is stored and shown.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Moment;
use crate::provision::operation::Done;
use crate::provision::plan::{Method, Planned};
use crate::scim::error::{ErrorType, ScimError};
use crate::users::documents::resource::version;
use crate::users::resources::Kind;

/// The outcome of one operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationOutcome {
    /// The method, as the client wrote it.
    pub method: String,
    /// The client's name for it.
    pub bulk_id: Option<String>,
    /// The HTTP status of the operation.
    pub status: u16,
    /// The resource; none if a POST failed, or the path was invalid.
    pub resource: Option<(Kind, Uuid)>,
    /// The path, if it was invalid and the method was not POST.
    pub path: Option<String>,
    /// When the resource was last changed; none: the operation failed, or the resource was removed.
    pub changed: Option<Moment>,
    /// The entity tag at that time; none: the operation failed, or the resource was removed.
    pub version: Option<String>,
    /// The error.
    pub error: Option<ScimError>,
    /// The resource as shown to the caller, if the response contains it; in Bulk its URLs are
    /// relative to `/`.
    pub document: Option<Value>,
}

impl OperationOutcome {
    pub(super) fn of(planned: &Planned, result: Result<Done, ScimError>) -> Self {
        let outcome = OperationOutcome {
            method: planned.method.clone(),
            bulk_id: planned.bulk_id.clone(),
            ..OperationOutcome::default()
        };
        match result {
            Ok(done) => OperationOutcome {
                status: done.status(),
                resource: Some((done.kind, done.id)),
                changed: done.changed,
                version: done.version,
                document: done.resource.as_ref().map(|it| it.document("").into()),
                ..outcome
            },
            Err(error) => {
                let frame = planned.frame.as_ref().ok();
                let existing = frame.filter(|frame| frame.method != Method::Post);
                let lost = planned.frame.is_err();
                OperationOutcome {
                    status: error.status,
                    resource: existing.map(|frame| (frame.kind, frame.id)),
                    path: planned.path.clone().filter(|_| lost),
                    error: Some(error),
                    ..outcome
                }
            }
        }
    }

    /// The stored form of the outcome.
    pub(super) fn to_json(&self) -> String {
        let error = self.error.as_ref();
        let kept = OutcomeJson {
            method: self.method.clone(),
            bulk_id: self.bulk_id.clone(),
            status: self.status,
            user: self.resource.map(|(kind, _)| kind == Kind::User),
            id: self.resource.map(|(_, id)| id),
            path: self.path.clone(),
            changed: self.changed.map(|changed| changed.0),
            version: self.version.clone(),
            scim_type: error
                .and_then(|error| error.scim_type)
                .map(|kind| kind.as_str().to_owned()),
            detail: error.map(|error| error.detail.clone()),
            document: self.document.clone(),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Parses the stored form `json`; none if it is invalid.
    pub(super) fn from_json(json: &str) -> Option<Self> {
        let kept: OutcomeJson = serde_json::from_str(json).ok()?;
        let kind = kept
            .user
            .map(|user| if user { Kind::User } else { Kind::Group });
        let status = kept.status;
        let scim_type = kept.scim_type.as_deref().and_then(ErrorType::parse);
        Some(OperationOutcome {
            method: kept.method,
            bulk_id: kept.bulk_id,
            status,
            resource: kind.zip(kept.id),
            path: kept.path,
            changed: kept.changed.map(Moment),
            // Earlier versions of the server stored only the moment.
            version: kept
                .version
                .or_else(|| Some(version(Moment(kept.changed?)))),
            error: kept.detail.map(|detail| ScimError {
                status,
                scim_type,
                detail,
            }),
            document: kept.document,
        })
    }
}

/// The JSON form of an outcome.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeJson {
    method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_id: Option<String>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scim_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form_round_trips() {
        let outcome = OperationOutcome {
            method: "PATCH".into(),
            bulk_id: Some("a".into()),
            status: 409,
            resource: Some((Kind::Group, Uuid::from_u128(7))),
            path: Some("/Groups/7".into()),
            changed: None,
            version: None,
            error: Some(ScimError::of(ErrorType::Uniqueness, "taken")),
            document: Some(serde_json::json!({"userName": "kim"})),
        };
        assert_eq!(
            OperationOutcome::from_json(&outcome.to_json()),
            Some(outcome)
        );
        assert_eq!(OperationOutcome::from_json("x"), None);
    }
}
