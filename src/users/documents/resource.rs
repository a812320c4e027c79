//! Users and groups as canonical documents: what clients see, and what filters and changes operate
//! on.
//!
//! Canonical means: names have the spelling of the schemas, extensions are under their URN, and
//! attributes without a value are absent.

use ring::digest::{Context, SHA256};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Moment;
use crate::hex;
use crate::scim::attribute_names::ACTIVE;
use crate::scim::document::{Document, put};
use crate::scim::schema::{ENTERPRISE, GROUP, USER, ZUORA};
use crate::users::account_state;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::documents::claim_paths::{self, Place};
use crate::users::documents::multi_valued;
use crate::users::documents::zuora;
use crate::users::resources::{Group, GroupRef, GroupResource, Kind, UserContent, UserResource};
use crate::users::user::User;

/// The key, among a user's attributes, of the stored part of Zuora's extension.
pub const ZUORA_KEY: &str = "scim:zuora";

/// A name prefixed with its domain; names of `PRIMARY` have no prefix.
pub fn qualified(domain: &str, name: &str) -> String {
    match domain {
        PRIMARY_DOMAIN => name.to_owned(),
        _ => format!("{domain}/{name}"),
    }
}

/// The weak entity tag (RFC 9110 §8.8.3) of a resource last changed at this moment.
pub fn version(changed: Moment) -> String {
    format!("W/\"{:x}\"", changed.0)
}

/// The weak entity tag of a user. It also depends on the user's groups: they are part of the
/// representation (RFC 9110 §8.8.1) and can change without a change to the user.
pub fn user_version(resource: &UserResource) -> String {
    let user = &resource.user;
    let changed = user.modified_at.unwrap_or(user.created_at);
    version_of(changed, &resource.groups)
}

/// The weak entity tag of a resource last changed at this moment that is in these groups.
pub fn version_of(changed: Moment, groups: &[GroupRef]) -> String {
    if groups.is_empty() {
        return version(changed);
    }
    let mut all = Context::new(&SHA256);
    for group in groups {
        all.update(group.id.as_bytes());
        for text in [&group.domain, &group.name] {
            all.update(&(text.len() as u64).to_le_bytes());
            all.update(text.as_bytes());
        }
    }
    let digest = all.finish();
    let digest = digest.as_ref().get(..8).unwrap_or_default();
    format!("W/\"{:x}-{}\"", changed.0, hex::encode(digest))
}

/// The weak entity tag of a group, which changes whenever its members do.
pub fn group_version(group: &Group) -> String {
    version(group.modified_at.unwrap_or(group.created_at))
}

/// A user as a document; `base` is the base URL without a trailing slash.
pub fn user(resource: &UserResource, base: &str) -> Document {
    let user = &resource.user;
    let mut document = Document::new();
    let mut core = |name: &str, value: Value| put(&mut document, None, name, value);
    core("id", user.id.to_string().into());
    core("userName", qualified(&user.domain, &user.user_name).into());
    if let Some(external_id) = &user.external_id {
        core("externalId", external_id.as_str().into());
    }
    if let Some(active) = account_state::shown_active(&user.attributes) {
        core(ACTIVE, active.into());
    }
    if !resource.groups.is_empty() {
        let groups = resource.groups.iter().map(|group| {
            json!({
                "value": group.id.to_string(),
                "$ref": format!("{base}/Groups/{}", group.id),
                "display": qualified(&group.domain, &group.name),
                "type": "direct",
            })
        });
        core("groups", groups.collect());
    }
    let changed = user.modified_at.unwrap_or(user.created_at);
    core(
        "meta",
        meta(
            ("User", user.id),
            (user.created_at, changed),
            user_version(resource),
            base,
        ),
    );
    for (sub, value) in [
        ("givenName", &user.given_name),
        ("familyName", &user.family_name),
    ] {
        if let Some(value) = value {
            put_sub(&mut document, None, "name", sub, value.as_str().into());
        }
    }
    for (key, value) in &user.attributes {
        if key == ACTIVE || key.starts_with(multi_valued::LIST_PREFIX) {
            continue;
        }
        match claim_paths::scim_place(key) {
            Place::Singular {
                extension,
                name,
                sub: Some(sub),
            } => put_sub(&mut document, extension, name, sub, value.clone()),
            Place::Singular {
                extension,
                name,
                sub: None,
            } => put(&mut document, extension, name, value.clone()),
            Place::Plural => {}
        }
    }
    multi_valued::show(user.email.as_deref(), &user.attributes, &mut document);
    point_to_manager(&mut document, base);
    if let Some(Value::Object(kept)) = user.attributes.get(ZUORA_KEY) {
        let zuora = zuora::shown(kept, resource, !account_state::is_locked(&user.attributes));
        document.insert(ZUORA.to_owned(), zuora);
        zuora::show_displays(&mut document);
    }
    let mut schemas = vec![Value::from(USER)];
    let urns = document.keys().filter(|name| name.starts_with("urn:"));
    schemas.extend(urns.map(|urn| Value::from(urn.as_str())));
    document.insert("schemas".to_owned(), schemas.into());
    document
}

/// Adds the URL of a manager who is given by an id.
pub fn point_to_manager(document: &mut Document, base: &str) {
    let enterprise = document.get_mut(ENTERPRISE);
    let manager = enterprise.and_then(|extension| extension.get_mut("manager"));
    if let Some(Value::Object(manager)) = manager
        && let Some(id) = manager.get("value").and_then(Value::as_str)
        && Uuid::try_parse(id).is_ok()
    {
        let reference = format!("{base}/Users/{id}");
        manager.insert("$ref".to_owned(), reference.into());
    }
}

/// A group as a document; `base` is the base URL without a trailing slash.
pub fn group(resource: &GroupResource, base: &str) -> Document {
    let group = &resource.group;
    let mut document = Document::new();
    let mut core = |name: &str, value: Value| put(&mut document, None, name, value);
    core("schemas", json!([GROUP]));
    core("id", group.id.to_string().into());
    core("displayName", qualified(&group.domain, &group.name).into());
    if let Some(external_id) = &group.external_id {
        core("externalId", external_id.as_str().into());
    }
    let changed = group.modified_at.unwrap_or(group.created_at);
    core(
        "meta",
        meta(
            ("Group", group.id),
            (group.created_at, changed),
            group_version(group),
            base,
        ),
    );
    if !resource.members.is_empty() {
        let members = resource.members.iter().map(|member| {
            let (kind, endpoint) = match member.kind {
                Kind::User => ("User", "Users"),
                Kind::Group => ("Group", "Groups"),
            };
            json!({
                "value": member.id.to_string(),
                "$ref": format!("{base}/{endpoint}/{}", member.id),
                "type": kind,
                "display": qualified(&member.domain, &member.name),
            })
        });
        core("members", members.collect());
    }
    document
}

/// The content of a canonical document for a user whose domain and name are known, without the
/// password.
///
/// `active` may be `null`: then it is not shown any more. A value that is the same in `before`
/// keeps its stored form, which may come from a file.
pub fn content(
    domain: String,
    user_name: String,
    mut document: Document,
    before: Option<&User>,
) -> UserContent {
    let mut content = UserContent {
        domain,
        user_name,
        ..UserContent::default()
    };
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    content.external_id = text(document.remove("externalId"));
    if let Some(Value::Object(name)) = document.get_mut("name") {
        content.given_name = text(name.remove("givenName"));
        content.family_name = text(name.remove("familyName"));
    }
    zuora::hide_displays(&mut document);
    let nothing = Map::new();
    let stored = before.map_or(&nothing, |user| &user.attributes);
    let email = before.and_then(|user| user.email.as_deref());
    content.email = multi_valued::take(&mut document, (email, stored), &mut content.attributes);
    let active = document.remove(ACTIVE);
    if active == Some(Value::Null) {
        // A client has removed it.
        content.attributes.insert(ACTIVE.to_owned(), "".into());
    }
    let was_active = before.and_then(|_| account_state::shown_active(stored));
    if let Some(Value::Bool(active)) = active {
        let word = match was_active == Some(active) {
            true => stored.get(ACTIVE).cloned(),
            false => Some(account_state::word(active).into()),
        };
        content
            .attributes
            .extend(word.map(|word| (ACTIVE.to_owned(), word)));
    }
    if let Some(Value::Object(shown)) = document.remove(ZUORA) {
        let kept = zuora::kept(shown);
        content.attributes.insert(ZUORA_KEY.to_owned(), kept.into());
    }
    // Values set by the server are not stored; they are computed each time.
    for name in ["schemas", "id", "userName", "meta", "groups", "password"] {
        document.remove(name);
    }
    for (name, value) in document {
        match (name.starts_with("urn:"), value) {
            (true, Value::Object(inner)) => {
                for (attribute, value) in inner {
                    keep(&mut content.attributes, Some(&name), attribute, value);
                }
            }
            (_, value) => keep(&mut content.attributes, None, name, value),
        }
    }
    account_state::normalize_words(&mut content.attributes);
    match active {
        // The user was activated, which overrides the earlier values of the other claims.
        Some(Value::Bool(true)) if account_state::is_locked(stored) => {
            account_state::unlock(&mut content.attributes);
        }
        // Another claim decided it, and the document has removed that claim.
        Some(Value::Bool(false)) if !account_state::has_login_claim(&content.attributes) => {
            let word = account_state::word(false);
            content.attributes.insert(ACTIVE.to_owned(), word.into());
        }
        _ => {}
    }
    content
}

/// Stores a singular attribute under the name of its claim.
fn keep(attributes: &mut Map<String, Value>, extension: Option<&str>, name: String, value: Value) {
    match value {
        Value::Object(inner) => {
            for (sub, value) in inner {
                if let Some(flat) = claim_paths::flat(extension, &name, Some(&sub)) {
                    attributes.insert(flat.to_owned(), value);
                }
            }
        }
        value => {
            if let Some(flat) = claim_paths::flat(extension, &name, None) {
                attributes.insert(flat.to_owned(), value);
            }
        }
    }
}

fn meta(
    (kind, id): (&str, Uuid),
    (created, changed): (Moment, Moment),
    version: String,
    base: &str,
) -> Value {
    json!({
        "resourceType": kind,
        "created": created.to_rfc3339(),
        "lastModified": changed.to_rfc3339(),
        "location": format!("{base}/{kind}s/{id}"),
        "version": version,
    })
}

fn put_sub(document: &mut Document, extension: Option<&str>, name: &str, sub: &str, value: Value) {
    let outer = match extension {
        None => document,
        Some(urn) => match inner(document, urn) {
            Some(inner) => inner,
            None => return,
        },
    };
    if let Some(complex) = inner(outer, name) {
        complex.insert(sub.to_owned(), value);
    }
}

/// The object called `name`, created if absent; none if the value is not an object.
fn inner<'d>(document: &'d mut Document, name: &str) -> Option<&'d mut Document> {
    let inner = document
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    inner.as_object_mut()
}
