//! The users in Zuora's calls: what each must contain, and what is added.
//!
//! What Zuora derives is stored as if the caller had sent it (`externalId`, `name.formatted`, `displayName`,
//! the extension), so that every other protocol sees the same user; `users/documents/zuora.rs` has the attributes
//! that are derived each time.

use serde_json::{Map, Value, json};

use crate::provision::bulk_request::too_many_operations;
use crate::provision::settings::Settings;
use crate::scim::document::{Document, Named, get, named, put};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::schema::{ResourceType, ZUORA};
use crate::users::documents::zuora::{REGION, SSO_ENABLED};

/// The attribute with a user's organization.
pub(super) const ORGANIZATION_ID: &str = "organizationId";

/// The operation on the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// They are created.
    Create,
    /// They are replaced, by their ids.
    Update,
}

impl Change {
    /// The label of the call in the record of its import.
    pub(super) fn label(self) -> &'static str {
        match self {
            Change::Create => "scim/v2/Users/bulk",
            Change::Update => "scim/v2/Users/bulk (update)",
        }
    }

    /// The attributes that a replaced user keeps if the array does not contain them: Zuora's documents have no
    /// `active`, and a deactivated user must not be reactivated by a change of name.
    pub(super) fn keeps(self) -> &'static [&'static str] {
        match self {
            Change::Create => &[],
            Change::Update => &["active", "externalId"],
        }
    }
}

/// The users of a message: an array, or a single user.
pub(super) fn users_of(message: Value, max: usize) -> Result<Vec<Map<String, Value>>, ScimError> {
    let given = match message {
        Value::Array(given) => given,
        one @ Value::Object(_) => vec![one],
        _ => {
            return Err(ScimError::value(
                "The message is not an array of users; send a JSON array of user objects.",
            ));
        }
    };
    if given.is_empty() {
        return Err(ScimError::value(
            "The array is empty; send at least one user.",
        ));
    }
    if given.len() > max {
        return Err(too_many_operations(max));
    }
    let users = given
        .into_iter()
        .enumerate()
        .map(|(index, user)| match user {
            Value::Object(user) => Ok(user),
            _ => Err(ScimError::value(format!(
                "Index {index}: a user must be a JSON object."
            ))),
        });
    users.collect()
}

/// Adds the user's index and name to an error, so that the caller can find the user.
pub(super) fn at(index: usize, user: &Map<String, Value>, error: ScimError) -> ScimError {
    let text = |name: &str| member(user, name).and_then(Value::as_str);
    let mut place = format!("Index {index}");
    for name in ["id", "userName"] {
        if let Some(value) = text(name) {
            place.push_str(&format!(", {name} {value}"));
        }
    }
    // In an array, a malformed user is an invalid value of the message.
    let scim_type = match error.scim_type {
        Some(ErrorType::InvalidSyntax) => Some(ErrorType::InvalidValue),
        other => other,
    };
    ScimError {
        scim_type,
        detail: format!("{place}: {}", error.detail),
        ..error
    }
}

/// The member with this name, in any case.
pub(super) fn member<'u>(object: &'u Map<String, Value>, name: &str) -> Option<&'u Value> {
    let mut members = object.iter();
    let found = members.find(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// The organization of a user, in the extension or under the attribute's full URN.
pub(super) fn organization_id<'u>(
    user: &'u Map<String, Value>,
    resource_type: &ResourceType,
) -> Result<Option<&'u str>, ScimError> {
    for (name, value) in user {
        let given = match named(name, resource_type) {
            Some(Named::Extension(schema)) if schema.id == ZUORA => value
                .as_object()
                .and_then(|inner| member(inner, ORGANIZATION_ID)),
            Some(Named::Attribute(Some(ZUORA), attribute)) if attribute.name == ORGANIZATION_ID => {
                Some(value)
            }
            _ => None,
        };
        match given {
            None | Some(Value::Null) => {}
            Some(Value::String(name)) => return Ok(Some(name)),
            Some(_) => {
                return Err(ScimError::value(format!(
                    "{ZUORA}:{ORGANIZATION_ID} must be text: the name of an organization."
                )));
            }
        }
    }
    Ok(None)
}

/// Requires an e-mail address, and adds what Zuora derives.
pub(super) fn add_derived(
    document: &mut Document,
    change: Change,
    settings: &Settings,
) -> Result<(), ScimError> {
    let list = document.get("emails").and_then(Value::as_array);
    let mut addresses = list
        .into_iter()
        .flatten()
        .filter_map(|email| email.get("value")?.as_str());
    if !addresses.any(|address| !address.trim().is_empty()) {
        return Err(ScimError::value(
            "emails is missing: a user must have at least one e-mail address, as \
             [{\"value\": \"…\"}].",
        ));
    }
    if change == Change::Create
        && !document.contains_key("externalId")
        && let Some(name) = document.get("userName").cloned()
    {
        document.insert("externalId".to_owned(), name);
    }
    if let Some(Value::Object(name)) = document.get_mut("name") {
        let part = |sub: &str| name.get(sub).and_then(Value::as_str);
        let parts: Vec<&str> = ["givenName", "familyName"]
            .into_iter()
            .filter_map(part)
            .collect();
        if !name.contains_key("formatted") && !parts.is_empty() {
            let formatted = parts.join(" ");
            name.insert("formatted".to_owned(), formatted.into());
        }
        let formatted = name.get("formatted").cloned();
        if !document.contains_key("displayName") {
            document.extend(formatted.map(|formatted| ("displayName".to_owned(), formatted)));
        }
    }
    if get(document, Some(ZUORA), "schemas").is_none() {
        put(document, Some(ZUORA), "schemas", json!([ZUORA]));
    }
    put(
        document,
        Some(ZUORA),
        SSO_ENABLED,
        settings.zuora_sso_enabled.into(),
    );
    put(
        document,
        Some(ZUORA),
        REGION,
        settings.zuora_region.as_str().into(),
    );
    Ok(())
}
