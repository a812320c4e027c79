//! Users as Zuora's API shows them: the stored part of its extension, and the derived part.
//!
//! Stored are the URNs of additional schemas, whether the user logs in elsewhere, and the region,
//! with the values of the Zuora call that created the user. The organization and the status are
//! computed each time, as is the `display` of an e-mail address or role without a `display`
//! different from its value: a stored copy would be outdated once a file changes the address.

use serde_json::{Map, Value};

use crate::scim::document::{Document, get, put};
use crate::scim::schema::ZUORA;
use crate::users::resources::UserResource;

/// The stored attributes of the extension.
const KEPT: [&str; 3] = ["schemas", SSO_ENABLED, REGION];

/// Those that no client can change.
const FIXED: [&str; 2] = [SSO_ENABLED, REGION];

/// Whether the user logs in elsewhere.
pub const SSO_ENABLED: &str = "ssoEnabled";

/// The region of the user's data.
pub const REGION: &str = "region";

/// Attributes whose elements always have a `display`.
const DISPLAYED: [&str; 2] = ["emails", "roles"];

/// The extension of a user with these stored values. A user not created by Zuora's call has only
/// what a client gave.
pub(super) fn shown(kept: &Map<String, Value>, resource: &UserResource, active: bool) -> Value {
    let mut shown = kept.clone();
    if !kept.contains_key(SSO_ENABLED) {
        return shown.into();
    }
    let sso = kept.get(SSO_ENABLED) != Some(&Value::Bool(false));
    let status = match (active, sso || resource.user.has_password) {
        (false, _) => "INACTIVE",
        (true, true) => "ACTIVE",
        (true, false) => "NEW",
    };
    let organization = resource.user.organization.as_str();
    shown.insert("organizationId".to_owned(), organization.into());
    shown.insert("status".to_owned(), status.into());
    shown.insert(SSO_ENABLED.to_owned(), sso.into());
    shown.into()
}

/// The part of the extension that is stored.
pub(super) fn kept(shown: Map<String, Value>) -> Map<String, Value> {
    let kept = shown
        .into_iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()));
    kept.collect()
}

/// Restores the attributes that no client can change when a user is replaced (RFC 7644 §3.5.1),
/// whether or not the new document has the extension.
pub fn restore_fixed(before: &Document, after: &mut Document) {
    for name in FIXED {
        if let Some(value) = get(before, Some(ZUORA), name) {
            put(after, Some(ZUORA), name, value.clone());
        }
    }
}

/// Gives elements without a `display` their value as `display`, in the document of a user whom
/// Zuora's call created.
pub(super) fn show_displays(document: &mut Document) {
    if !made_by_zuora_call(document) {
        return;
    }
    for element in displayed(document) {
        if let (false, Some(value)) = (element.contains_key("display"), element.get("value")) {
            let value = value.clone();
            element.insert("display".to_owned(), value);
        }
    }
}

/// Removes the values that `show_displays` adds.
pub fn hide_displays(document: &mut Document) {
    if !made_by_zuora_call(document) {
        return;
    }
    for element in displayed(document) {
        if element.contains_key("display") && element.get("display") == element.get("value") {
            element.remove("display");
        }
    }
}

/// Whether Zuora's call created the user.
fn made_by_zuora_call(document: &Document) -> bool {
    get(document, Some(ZUORA), SSO_ENABLED).is_some()
}

fn displayed(document: &mut Document) -> impl Iterator<Item = &mut Map<String, Value>> {
    let lists = document
        .iter_mut()
        .filter(|(name, _)| DISPLAYED.contains(&name.as_str()));
    lists
        .filter_map(|(_, list)| list.as_array_mut())
        .flatten()
        .filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn an_explicit_display_is_kept() {
        let bare = json!({
            "emails": [{"value": "a@x"}, {"value": "b@x", "display": "Bee"}], ZUORA: {"ssoEnabled": true}
        });
        let mut document = map(bare.clone());
        show_displays(&mut document);
        assert_eq!(document["emails"][0]["display"], "a@x");
        assert_eq!(document["emails"][1]["display"], "Bee");
        hide_displays(&mut document);
        assert_eq!(Value::from(document), bare);
        let other = map(json!({"emails": [{"value": "a@x", "display": "a@x"}]}));
        let mut same = other.clone();
        hide_displays(&mut same);
        assert_eq!(same, other);
    }

    #[test]
    fn read_only_attributes_survive_a_replacement() {
        let before =
            map(json!({ZUORA: {"region": "US", "ssoEnabled": true, "schemas": ["urn:x"]}}));
        let mut after = map(json!({"userName": "kim"}));
        restore_fixed(&before, &mut after);
        assert_eq!(after[ZUORA], json!({"region": "US", "ssoEnabled": true}));
    }
}
