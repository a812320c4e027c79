//! The audit trail: who did what and when. An entry is written in the transaction of the action it
//! records.

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportRecord;
use crate::users::undo::Undone;

/// One entry. It names users and roles and counts rows; it never contains the value of a user's
/// field or a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// UUID version 7, so that the newest is the greatest.
    pub id: Uuid,
    /// The time of the action.
    pub at: Moment,
    /// The organization.
    pub organization: String,
    /// The actor's name.
    pub operator: String,
    /// The channel.
    #[serde(rename = "door")]
    pub channel: Channel,
    /// The action, such as `import.end` or `user.delete`.
    pub action: String,
    /// The import concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportId>,
    /// The user or role concerned (`DOMAIN/name`), or the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The id of the HTTP request that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Counts, states, the file's SHA-256.
    pub details: serde_json::Value,
}

impl AuditEntry {
    /// An entry without a subject or details.
    pub fn new(actor: &Actor, action: &str, at: Moment) -> Self {
        AuditEntry {
            id: Uuid::now_v7(),
            at,
            organization: actor.organization.clone(),
            operator: actor.operator.clone(),
            channel: actor.channel,
            action: action.to_owned(),
            import: None,
            target: None,
            request_id: actor.request_id.clone(),
            details: serde_json::Value::Object(serde_json::Map::new()),
        }
    }

    /// An import began.
    pub fn import_begun(record: &ImportRecord) -> Self {
        AuditEntry {
            import: Some(record.id),
            details: serde_json::json!({
                "domain": record.domain,
                "fileName": record.file_name,
                "options": record.options,
            }),
            ..AuditEntry::new(&record.actor(), "import.begin", record.started_at)
        }
    }

    /// An import ended; `by` ended it.
    pub fn import_ended(record: &ImportRecord, by: &Actor, at: Moment) -> Self {
        let mut details = serde_json::json!({
            "domain": record.domain,
            "fileName": record.file_name,
            "sha256": record.sha256,
            "state": record.state,
            "counters": record.counters,
            "warnings": record.warnings,
        });
        if let (Some(details), 1..) = (details.as_object_mut(), record.mended) {
            details.insert("mended".to_owned(), record.mended.into());
        }
        AuditEntry {
            import: Some(record.id),
            details,
            ..AuditEntry::new(by, "import.end", at)
        }
    }

    /// A caller asked for an import to be stopped.
    pub fn cancel_requested(id: ImportId, by: &Actor, at: Moment) -> Self {
        AuditEntry {
            import: Some(id),
            ..AuditEntry::new(by, "import.cancel", at)
        }
    }

    /// An import was undone.
    pub fn import_undone(id: ImportId, undone: &Undone, by: &Actor, at: Moment) -> Self {
        AuditEntry {
            import: Some(id),
            details: serde_json::json!({
                "removed": undone.removed,
                "restored": undone.restored,
                "groups": undone.groups,
                "left": undone.left_total,
            }),
            ..AuditEntry::new(by, "import.undo", at)
        }
    }

    /// An organization was created or removed; recorded in the default organization, where app
    /// administrators look.
    pub fn of_organization(action: &str, name: &str, by: &Actor, at: Moment) -> Self {
        let app = Actor {
            organization: DEFAULT_ORGANIZATION.to_owned(),
            ..by.clone()
        };
        AuditEntry {
            target: Some(name.to_owned()),
            ..AuditEntry::new(&app, action, at)
        }
    }

    /// The same entry, about a user or role.
    #[must_use]
    pub fn about(mut self, domain: &str, name: &str) -> Self {
        self.target = Some(format!("{domain}/{name}"));
        self
    }
}
