//! Converts the document that a client sent to a canonical one (`document.rs`), for POST and PUT.
//!
//! Unknown attributes are ignored in every place: RFC 7644 §3.3 permits it, clients send all their data to every
//! server, and nothing of it is stored. An unknown URN in `schemas` is an error, because the client then expects
//! the schema to be supported.

use serde_json::{Map, Value};

use crate::scim::document::{Document, Named, Place, attributes, get, named, put};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter_parser::Quotes;
use crate::scim::schema::{Attribute, Mutability, ResourceType, Schema};
use crate::scim::values::check_value;

/// URN of a schema of WSO2 Identity Server (its roles), which its clients send with users and groups.
const ROLE: &str = "urn:ietf:params:scim:schemas:core:2.0:Role";

/// The checks that an endpoint omits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leniency {
    /// Whether messages must follow RFC 7643 and RFC 7644: `schemas` is present and has the core schema, or the URN of
    /// the message; text in filters is quoted; names may contain blanks and `/`. The endpoint of WSO2 Identity Server
    /// requires neither, because the original's own samples omit them; Zuora's users may come without `schemas`.
    pub schemas_required: bool,
}

impl Leniency {
    /// Whether names may be as directories push them (Okta, Entra ID): user names of several words, and group names
    /// that contain a `/`. The original service has neither.
    pub fn plain_names(self) -> bool {
        self.schemas_required
    }

    /// Whether text in filters and PATCH paths must be in quotation marks.
    pub fn quotes(self) -> Quotes {
        match self.schemas_required {
            true => Quotes::Required,
            false => Quotes::Optional,
        }
    }
}

impl Default for Leniency {
    /// The rules of RFC 7643 §3.
    fn default() -> Self {
        Leniency {
            schemas_required: true,
        }
    }
}

/// Converts a client's document to a canonical one. `id`, `meta` and other attributes that only the server sets are
/// removed (RFC 7644 §3.3); `password` is kept unchanged.
///
/// # Errors
/// It is not a resource of this type. The error names the attribute and the problem.
pub fn check_document(
    value: Value,
    resource_type: &ResourceType,
    leniency: Leniency,
) -> Result<Document, ScimError> {
    let Value::Object(given) = value else {
        return Err(ScimError::syntax(format!(
            "A {} must be a JSON object.",
            resource_type.name
        )));
    };
    let mut given = given;
    check_schemas(take_schemas(&mut given).as_ref(), resource_type, leniency)?;
    let mut document = Document::new();
    for (name, value) in given {
        match named(&name, resource_type) {
            Some(Named::Attribute(extension, attribute)) => {
                set(&mut document, extension, attribute, value)?;
            }
            Some(Named::Extension(schema)) => set_extension(&mut document, schema, value)?,
            None => {}
        }
    }
    check_required(&document, resource_type)?;
    Ok(document)
}

/// Checks that a document has every attribute that its type requires; empty text counts as missing.
///
/// # Errors
/// An attribute is missing.
pub fn check_required(document: &Document, resource_type: &ResourceType) -> Result<(), ScimError> {
    let missing = attributes(resource_type).find(|(extension, attribute)| {
        let has = |value: &Value| value.as_str() != Some("");
        attribute.required
            && attribute.mutability != Mutability::ReadOnly
            && extension.is_none_or(|urn| document.contains_key(urn))
            && !get(document, *extension, &attribute.name).is_some_and(has)
    });
    match missing {
        None => Ok(()),
        Some((extension, attribute)) => Err(ScimError::value(format!(
            "{} is missing or empty. A {} must have it.",
            Place::of(extension, &attribute.name),
            resource_type.name
        ))),
    }
}

/// Applies the immutability rules of a PUT (RFC 7644 §3.5.1): an immutable attribute that has a value keeps it if it
/// is left out, and must have the same value if it is given. Elements of multi-valued attributes are replaced
/// completely, whatever their sub-attributes are.
///
/// # Errors
/// An immutable attribute would change.
pub fn check_replacement(
    before: &Document,
    after: &mut Document,
    resource_type: &ResourceType,
) -> Result<(), ScimError> {
    for (extension, attribute) in attributes(resource_type) {
        let place = Place::of(extension, &attribute.name);
        let Some(old) = get(before, extension, &attribute.name) else {
            continue;
        };
        let new = get(after, extension, &attribute.name);
        if attribute.mutability == Mutability::Immutable {
            keep(attribute, old, new, place)?;
            put(after, extension, &attribute.name, old.clone());
        } else if let (false, Value::Object(old), Some(Value::Object(new))) =
            (attribute.multi_valued, old, new)
        {
            let mut kept = new.clone();
            for sub in &attribute.sub_attributes {
                let old = old.get(&*sub.name);
                if let (Mutability::Immutable, Some(old)) = (sub.mutability, old) {
                    keep(sub, old, new.get(&*sub.name), place.part(&sub.name))?;
                    kept.insert(sub.name.clone().into_owned(), old.clone());
                }
            }
            put(after, extension, &attribute.name, Value::Object(kept));
        }
    }
    Ok(())
}

fn keep(
    attribute: &Attribute,
    old: &Value,
    new: Option<&Value>,
    place: Place<'_>,
) -> Result<(), ScimError> {
    let same = |new: &Value| match (old, new) {
        (Value::String(old), Value::String(new)) if !attribute.case_exact => {
            old.to_lowercase() == new.to_lowercase()
        }
        _ => old == new,
    };
    match new.is_none_or(same) {
        true => Ok(()),
        false => Err(ScimError::of(
            ErrorType::Mutability,
            format!(
                "{place} cannot be changed once it is set. Send it unchanged, or leave it out."
            ),
        )),
    }
}

fn set(
    document: &mut Document,
    extension: Option<&'static str>,
    attribute: &Attribute,
    value: Value,
) -> Result<(), ScimError> {
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(());
    }
    let place = Place::of(extension, &attribute.name);
    let Some(value) = check_value(attribute, value, place)? else {
        return Ok(());
    };
    // For example with and without its URN. Names that differ only in case were already refused by the reader.
    if get(document, extension, &attribute.name).is_some() {
        return Err(ScimError::value(format!(
            "{place} is given twice. Give it once."
        )));
    }
    put(document, extension, &attribute.name, value);
    Ok(())
}

fn set_extension(document: &mut Document, schema: &Schema, value: Value) -> Result<(), ScimError> {
    let given = match value {
        Value::Null => return Ok(()),
        Value::Object(given) => given,
        _ => {
            return Err(ScimError::value(format!(
                "{} must be an object with the attributes of this extension.",
                schema.id
            )));
        }
    };
    for (name, value) in given {
        if let Some(attribute) = schema.attribute(&name) {
            set(document, Some(schema.id), attribute, value)?;
        }
    }
    Ok(())
}

/// Removes `schemas`, in any case, and returns it.
pub fn take_schemas(given: &mut Map<String, Value>) -> Option<Value> {
    let name = given
        .keys()
        .find(|name| name.eq_ignore_ascii_case("schemas"));
    let name = name?.clone();
    given.remove(&name).filter(|schemas| !schemas.is_null())
}

/// `schemas` must contain known schemas only, each once, including the core one. Data of an extension that is not
/// listed is accepted, and a listed extension may have no data.
fn check_schemas(
    schemas: Option<&Value>,
    resource_type: &ResourceType,
    leniency: Leniency,
) -> Result<(), ScimError> {
    let core = resource_type.schema.id;
    let listed = match schemas {
        None => &[][..],
        Some(Value::Array(listed)) => listed,
        Some(_) => {
            return Err(ScimError::value(format!(
                "schemas must be an array of URNs. Send [\"{core}\"]."
            )));
        }
    };
    if listed.is_empty() && leniency.schemas_required {
        return Err(ScimError::value(format!(
            "schemas is missing or empty. Send [\"{core}\"], followed by the URNs of extensions."
        )));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (number, urn) in listed.iter().enumerate() {
        let urn = urn.as_str().ok_or_else(|| {
            ScimError::value(format!("schemas[{number}] must be text: a schema's URN."))
        })?;
        if !leniency.schemas_required && urn.eq_ignore_ascii_case(ROLE) {
            continue;
        }
        // Two different URNs of the same schema are not a repetition: clients cannot know.
        let known = match urn.eq_ignore_ascii_case(core) {
            true => Some(core),
            false => resource_type
                .extension(urn)
                .and_then(|schema| schema.urns().find(|known| known.eq_ignore_ascii_case(urn))),
        };
        let Some(known) = known else {
            return Err(ScimError::value(format!(
                "schemas[{number}] is not a schema of a {}. GET /ResourceTypes lists its schemas.",
                resource_type.name
            )));
        };
        if seen.contains(&known) {
            return Err(ScimError::value(format!(
                "schemas[{number}] repeats {known}. List each schema once."
            )));
        }
        seen.push(known);
    }
    match leniency.schemas_required && !seen.contains(&core) {
        true => Err(ScimError::value(format!(
            "schemas lacks {core}, the schema of a {}. Add it.",
            resource_type.name
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{CUSTOM, ENTERPRISE, GROUP, Schemas, USER, ZUORA};

    fn checked(value: Value) -> Result<Value, String> {
        let schemas = Schemas::new(["shoeSize"]);
        let document = check_document(value, &schemas.user, Leniency::default());
        document.map(Value::Object).map_err(|error| {
            assert_eq!(error.status, 400);
            error.detail
        })
    }

    /// A user with these additional attributes.
    fn with(more: Value) -> Result<Value, String> {
        let mut user = json!({"schemas": [USER], "userName": "kim"});
        let more = more.as_object().unwrap().clone();
        user.as_object_mut().unwrap().extend(more);
        checked(user)
    }

    #[test]
    fn names_are_spelled_as_in_the_schema() {
        let given = json!({
            "SCHEMAS": [USER, ENTERPRISE.to_uppercase()],
            "USERNAME": "Kim",
            "name": {"FamilyName": "Doe"},
            ENTERPRISE.to_lowercase(): {"DEPARTMENT": "IT"},
            CUSTOM: {"shoesize": "43"}
        });
        let expected = json!({
            "userName": "Kim",
            "name": {"familyName": "Doe"},
            ENTERPRISE: {"department": "IT"},
            CUSTOM: {"shoeSize": "43"}
        });
        assert_eq!(checked(given), Ok(expected.clone()));
        let mut again = expected.clone();
        again["schemas"] = json!([USER]);
        assert_eq!(checked(again), Ok(expected));
    }

    #[test]
    fn null_empty_arrays_and_empty_objects_mean_no_value() {
        let nothing = json!({
            "title": null, "emails": [], "name": {}, "roles": [null, {}], ENTERPRISE: {},
            CUSTOM: null, "addresses": {"locality": null}
        });
        assert_eq!(with(nothing), Ok(json!({"userName": "kim"})));
    }

    #[test]
    fn read_only_attributes_are_removed() {
        let given = json!({
            "id": 7, "meta": "mine", "groups": [{"value": "1"}], "password": "Secret-1",
            "externalId": "e1",
            ENTERPRISE: {"manager": {"value": "2", "displayName": "Lee"}},
            ZUORA: {"organizationId": "o", "status": [], "schemas": ["urn:x"]}
        });
        let expected = json!({
            "userName": "kim", "password": "Secret-1", "externalId": "e1",
            ENTERPRISE: {"manager": {"value": "2"}},
            ZUORA: {"schemas": ["urn:x"]}
        });
        assert_eq!(with(given), Ok(expected));
    }

    #[test]
    fn unknown_attributes_are_ignored() {
        let given = json!({
            "favouriteColour": {"a": [1]}, "name.givenName": "Kim", "urn:example:Car": {"a": 1},
            ENTERPRISE: {"desk": 7}, "__proto__": {"admin": true}
        });
        assert_eq!(with(given), Ok(json!({"userName": "kim"})));
    }

    #[test]
    fn attributes_may_be_named_with_their_urn() {
        let given = json!({
            "schemas": [USER],
            format!("{USER}:userName"): "kim",
            format!("{ENTERPRISE}:department"): "IT",
            ENTERPRISE: {"division": "D"}
        });
        let expected = json!({
            "userName": "kim",
            ENTERPRISE: {"department": "IT", "division": "D"}
        });
        assert_eq!(checked(given), Ok(expected));
        assert_eq!(
            with(json!({format!("{USER}:userName"): "lee"})),
            Err("userName is given twice. Give it once.".into())
        );
        assert_eq!(
            with(
                json!({format!("{ENTERPRISE}:department"): "IT", ENTERPRISE: {"department": "HR"}})
            ),
            Err(format!(
                "{ENTERPRISE}:department is given twice. Give it once."
            ))
        );
    }

    #[test]
    fn schemas_must_be_known_unique_and_include_the_core_schema() {
        let lists = |schemas: Value| with(json!({ "schemas": schemas }));
        assert!(lists(json!([ENTERPRISE, USER, ZUORA])).is_ok());
        for (schemas, sentence) in [
            (json!(null), "schemas is missing or empty."),
            (json!([]), "schemas is missing or empty."),
            (json!(USER), "schemas must be an array of URNs."),
            (json!([USER, 7]), "schemas[1] must be text"),
            (
                json!([USER, "urn:example:Car"]),
                "schemas[1] is not a schema of a User.",
            ),
            (json!([GROUP]), "schemas[0] is not a schema of a User."),
            (
                json!([USER, ENTERPRISE, USER.to_lowercase()]),
                "schemas[2] repeats urn:ietf:params:scim:schemas:core:2.0:User.",
            ),
            (
                json!([ENTERPRISE]),
                "schemas lacks urn:ietf:params:scim:schemas:core:2.0:User",
            ),
        ] {
            let refused = lists(schemas).unwrap_err();
            assert!(refused.starts_with(sentence), "{refused}");
        }
        let refused = checked(json!({"userName": "kim"})).unwrap_err();
        assert!(refused.starts_with("schemas is missing"), "{refused}");
    }

    #[test]
    fn lenient_endpoint_accepts_missing_schemas_but_checks_given_ones() {
        let schemas = Schemas::new([]);
        let lenient = Leniency {
            schemas_required: false,
        };
        let check = |value| check_document(value, &schemas.user, lenient);
        for user in [
            json!({"userName": "kim"}),
            json!({"userName": "kim", "schemas": null}),
            json!({"userName": "kim", "schemas": []}),
            json!({"userName": "kim", "schemas": [ZUORA]}),
        ] {
            assert_eq!(json!(check(user).unwrap()), json!({"userName": "kim"}));
        }
        assert!(check(json!({"userName": "kim", "schemas": ["urn:x"]})).is_err());
        assert!(check(json!({})).is_err());
    }

    #[test]
    fn required_attributes_must_have_a_value() {
        for user in [
            json!({"schemas": [USER]}),
            json!({"schemas": [USER], "userName": null}),
            json!({"schemas": [USER], "userName": ""}),
        ] {
            let refused = checked(user).unwrap_err();
            assert_eq!(
                refused,
                "userName is missing or empty. A User must have it."
            );
        }
        let schemas = Schemas::new([]);
        let group = json!({"schemas": [GROUP], "members": [{"value": "1"}]});
        let refused = check_document(group, &schemas.group, Leniency::default()).unwrap_err();
        assert_eq!(
            refused.detail,
            "displayName is missing or empty. A Group must have it."
        );
    }

    #[test]
    fn invalid_value_is_located_but_never_quoted() {
        assert_eq!(
            with(json!({"emails": [{"value": "a"}, {"primary": "maybe"}]})),
            Err("emails[1].primary must be true or false, but is text.".into())
        );
        assert_eq!(
            with(json!({ENTERPRISE: "IT"})),
            Err(format!(
                "{ENTERPRISE} must be an object with the attributes of this extension."
            ))
        );
        for password in [
            json!(["Secret-1"]),
            json!({"value": "Secret-1"}),
            json!("Secret-1\0"),
        ] {
            let refused = with(json!({ "password": password })).unwrap_err();
            assert!(
                refused.starts_with("password ") && !refused.contains("Secret"),
                "{refused}"
            );
        }
        for document in [json!([]), json!("kim"), json!(null)] {
            assert_eq!(
                checked(document),
                Err("A User must be a JSON object.".into())
            );
        }
    }

    #[test]
    fn immutable_attributes_keep_their_value() {
        let mut schemas = Schemas::new([]);
        for attribute in &mut schemas.user.schema.attributes {
            if attribute.name == "userType" {
                attribute.mutability = Mutability::Immutable;
            }
            for sub in &mut attribute.sub_attributes {
                if attribute.name == "name" && sub.name == "middleName" {
                    sub.mutability = Mutability::Immutable;
                }
            }
        }
        let object = |value: &Value| value.as_object().unwrap().clone();
        let before = json!({
            "userName": "kim", "userType": "Employee", "title": "Dr.",
            "name": {"givenName": "Kim", "middleName": "J"}
        });
        let replace = |after: Value| {
            let mut after = object(&after);
            check_replacement(&object(&before), &mut after, &schemas.user)
                .map(|()| Value::Object(after))
                .map_err(|error| (error.scim_type, error.detail))
        };
        assert_eq!(
            replace(json!({"userName": "lee", "name": {"givenName": "Lee"}})),
            Ok(json!({
                "userName": "lee", "userType": "Employee",
                "name": {"givenName": "Lee", "middleName": "J"}
            }))
        );
        assert!(replace(json!({"userName": "kim", "userType": "employee"})).is_ok());
        for (after, place) in [
            (json!({"userType": "Guest"}), "userType"),
            (json!({"name": {"middleName": "X"}}), "name.middleName"),
        ] {
            let (scim_type, detail) = replace(after).unwrap_err();
            assert_eq!(scim_type, Some(ErrorType::Mutability));
            assert!(
                detail.starts_with(&format!("{place} cannot be changed")),
                "{detail}"
            );
        }
    }

    #[test]
    fn members_are_replaced_completely() {
        let schemas = Schemas::new([]);
        let before = json!({"displayName": "a", "members": [{"value": "1", "type": "User"}]});
        let after = json!({"displayName": "a", "members": [{"value": "2", "type": "Group"}]});
        let mut kept = after.as_object().unwrap().clone();
        check_replacement(before.as_object().unwrap(), &mut kept, &schemas.group).unwrap();
        assert_eq!(json!(kept), after);
    }
}
