//! Checks values against their attributes (RFC 7643 §2.3): types, and the schema's spelling of names.
//!
//! Messages name the location of a value and never the value, which may be a password.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};

use crate::scim::date_time;
use crate::scim::document::Place;
use crate::scim::elements::unite;
use crate::scim::error::ScimError;
use crate::scim::schema::{Attribute, CUSTOM, Mutability, Type};

/// Maximum length of a text value, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// Checks the whole value of an attribute; `None` if it has no value, which is also the meaning of `null`, empty arrays
/// and empty objects (RFC 7643 §2.5).
///
/// Clients do not always follow the schema: a single element in place of an array is treated as an array of it, and
/// text in place of an object with a `value` as its `value`.
///
/// # Errors
/// The value is not valid for this attribute.
pub fn check_value(
    attribute: &Attribute,
    value: Value,
    place: Place<'_>,
) -> Result<Option<Value>, ScimError> {
    if !attribute.multi_valued {
        return check_element(attribute, value, place);
    }
    let given = match value {
        Value::Array(given) => given,
        one => vec![one],
    };
    let mut elements = Vec::with_capacity(given.len());
    for (number, element) in given.into_iter().enumerate() {
        let names_nothing = is_reference(attribute) && element.is_object();
        match check_element(attribute, element, place.element(number))? {
            Some(element) => elements.push(element),
            // A member without an id is kept, so that it is reported.
            None if names_nothing => elements.push(json!({ "value": "" })),
            None => {}
        }
    }
    let elements = unite(attribute, elements, place)?;
    Ok((!elements.is_empty()).then_some(Value::Array(elements)))
}

/// Whether the elements are references with an immutable value: the members of a group.
fn is_reference(attribute: &Attribute) -> bool {
    let value = attribute.sub_attribute("value");
    value.is_some_and(|value| value.mutability == Mutability::Immutable)
}

/// Whether all elements of a checked value are references without an id.
pub fn names_nothing(attribute: &Attribute, value: &Value) -> bool {
    let is_nothing = |element: &Value| element.get("value").and_then(Value::as_str) == Some("");
    let elements = value.as_array().filter(|_| is_reference(attribute));
    elements.is_some_and(|elements| elements.iter().all(is_nothing))
}

/// Checks one element of a multi-valued attribute, or the value of a single-valued one.
///
/// # Errors
/// The value is not valid for this attribute.
pub fn check_element(
    attribute: &Attribute,
    value: Value,
    place: Place<'_>,
) -> Result<Option<Value>, ScimError> {
    match value {
        Value::Null => Ok(None),
        value if attribute.kind == Type::Complex => check_complex(attribute, value, place),
        value => check_simple(attribute.kind, value, place).map(Some),
    }
}

/// Sub-attributes that are unknown or that only the server sets are removed.
fn check_complex(
    attribute: &Attribute,
    value: Value,
    place: Place<'_>,
) -> Result<Option<Value>, ScimError> {
    let given = match value {
        Value::Object(given) => given,
        Value::Array(_) => return Err(wrong(place, "an object", &value)),
        simple if attribute.sub_attribute("value").is_some() => {
            Map::from_iter([("value".to_owned(), simple)])
        }
        other => return Err(wrong(place, "an object", &other)),
    };
    let mut checked = Map::new();
    for (name, value) in given {
        let Some(sub) = attribute.sub_attribute(&name) else {
            continue;
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(value) = check_value(sub, value, place.part(&sub.name))? {
            checked.insert(sub.name.clone().into_owned(), value);
        }
    }
    if checked.is_empty() {
        return Ok(None);
    }
    for sub in &attribute.sub_attributes {
        if sub.required && !checked.contains_key(&*sub.name) {
            return Err(ScimError::value(format!(
                "{} has no value. Give it one.",
                place.part(&sub.name)
            )));
        }
    }
    Ok(Some(Value::Object(checked)))
}

fn check_simple(kind: Type, value: Value, place: Place<'_>) -> Result<Value, ScimError> {
    let text = match (kind, value) {
        (Type::Boolean, value @ Value::Bool(_)) => return Ok(value),
        // Entra ID sends booleans as text.
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => {
            return Ok(Value::Bool(true));
        }
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => {
            return Ok(Value::Bool(false));
        }
        (Type::Decimal, value @ Value::Number(_)) => return Ok(value),
        (Type::Integer, Value::Number(number)) if !number.is_f64() => {
            return Ok(Value::Number(number));
        }
        (Type::String | Type::DateTime | Type::Binary | Type::Reference, Value::String(text)) => {
            text
        }
        // Claims are text in every user store; clients send them with other types.
        (Type::String, value @ (Value::Bool(_) | Value::Number(_))) if place.is_of(CUSTOM) => {
            value.to_string()
        }
        (kind, value) => return Err(wrong(place, wanted(kind), &value)),
    };
    check_text(kind, &text, place)?;
    Ok(Value::String(text))
}

fn check_text(kind: Type, text: &str, place: Place<'_>) -> Result<(), ScimError> {
    if text.len() > MAX_TEXT {
        return Err(ScimError::value(format!(
            "{place} has {} bytes of text. Send no more than {MAX_TEXT}.",
            text.len()
        )));
    }
    // PostgreSQL cannot store it.
    if text.contains('\0') {
        return Err(ScimError::value(format!(
            "{place} has the character U+0000, which cannot be stored. Leave it out."
        )));
    }
    let good = match kind {
        Type::DateTime => date_time::parse(text).is_some(),
        Type::Binary => is_base64(text),
        Type::Reference => !text.chars().any(|c| c.is_whitespace() || c.is_control()),
        _ => true,
    };
    match good {
        true => Ok(()),
        false => Err(ScimError::value(format!(
            "{place} must be {}, but is other text.",
            wanted(kind)
        ))),
    }
}

/// Base64 with either alphabet (RFC 4648 §4 and §5), with or without padding.
fn is_base64(text: &str) -> bool {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINES: [GeneralPurpose; 2] = [
        GeneralPurpose::new(&STANDARD, LENIENT),
        GeneralPurpose::new(&URL_SAFE, LENIENT),
    ];
    ENGINES.iter().any(|engine| engine.decode(text).is_ok())
}

fn wrong(place: Place<'_>, wanted: &str, value: &Value) -> ScimError {
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    ScimError::value(format!("{place} must be {wanted}, but is {given}."))
}

fn wanted(kind: Type) -> &'static str {
    match kind {
        Type::String => "text",
        Type::Boolean => "true or false",
        Type::Decimal => "a number",
        Type::Integer => "a number without a fraction",
        Type::DateTime => "a date and time such as 2026-01-31T12:30:00Z",
        Type::Binary => "bytes in base64",
        Type::Reference => "a URI without white space",
        Type::Complex => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::{ENTERPRISE, Schemas};

    /// Checks a value of an attribute of a user.
    fn checked(name: &str, value: Value) -> Result<Option<Value>, String> {
        let schemas = Schemas::new([]);
        let attribute = schemas.user.attribute(name).unwrap();
        check_value(attribute, value, Place::of(None, &attribute.name))
            .map_err(|error| error.detail)
    }

    fn simple(kind: Type, value: Value) -> Result<Value, String> {
        check_simple(kind, value, Place::of(None, "a")).map_err(|error| error.detail)
    }

    #[test]
    fn text_is_text() {
        assert_eq!(checked("title", json!("Dr.")), Ok(Some(json!("Dr."))));
        assert_eq!(checked("title", json!("")), Ok(Some(json!(""))));
        assert_eq!(
            checked("title", json!("a\tb\nc")),
            Ok(Some(json!("a\tb\nc")))
        );
        assert_eq!(checked("title", json!(null)), Ok(None));
        assert_eq!(
            checked("title", json!(7)),
            Err("title must be text, but is a number.".into())
        );
        assert_eq!(
            checked("title", json!(["Dr."])),
            Err("title must be text, but is an array.".into())
        );
        let long = "é".repeat(MAX_TEXT / 2);
        assert!(checked("title", json!(long)).is_ok());
        assert_eq!(
            checked("title", json!(format!("{long}x"))),
            Err("title has 65537 bytes of text. Send no more than 65536.".into())
        );
        let nul = checked("title", json!("a\0b")).unwrap_err();
        assert!(nul.contains("title has the character U+0000"), "{nul}");
    }

    #[test]
    fn booleans_may_be_words() {
        for (given, kept) in [
            (json!(true), true),
            (json!("True"), true),
            (json!("FALSE"), false),
        ] {
            assert_eq!(checked("active", given), Ok(Some(json!(kept))));
        }
        assert_eq!(
            checked("active", json!("yes")),
            Err("active must be true or false, but is text.".into())
        );
        assert!(checked("active", json!(1)).is_err());
    }

    #[test]
    fn integers_have_no_fraction() {
        assert_eq!(simple(Type::Integer, json!(-7)), Ok(json!(-7)));
        assert_eq!(
            simple(Type::Integer, json!(7.0)),
            Err("a must be a number without a fraction, but is a number.".into())
        );
        assert_eq!(simple(Type::Decimal, json!(7.5)), Ok(json!(7.5)));
        assert!(simple(Type::Decimal, json!("7.5")).is_err());
    }

    #[test]
    fn times_follow_xml_schema() {
        for good in [
            "2008-01-23T04:56:22Z",
            "2008-01-23T04:56:22",
            "2008-01-23T04:56:22.123+05:30",
            "2008-01-23T04:56:22-14:00",
        ] {
            assert!(simple(Type::DateTime, json!(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "2008-01-23",
            "2008-01-23 04:56:22Z",
            "2008-02-30T04:56:22Z",
            "2008-01-23T04:56Z",
            "2008-01-23T04:56:22+15:00",
            "2008-01-23T04:56:22++5:00",
            "2008-01-23t04:56:22z",
            "2008-01-23T04:56:22é",
            "20080123T045622Z",
        ] {
            assert!(simple(Type::DateTime, json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn binary_is_base64_of_either_alphabet() {
        for good in ["", "Zg==", "Zg", "-_-_", "+/+/", "Zm9vYg"] {
            assert!(simple(Type::Binary, json!(good)).is_ok(), "{good}");
        }
        for bad in ["Z", "Zm9 v", "+_+_", "Zg==Zg==", "é"] {
            let refused = simple(Type::Binary, json!(bad));
            assert_eq!(
                refused,
                Err("a must be bytes in base64, but is other text.".into())
            );
        }
    }

    #[test]
    fn references_have_no_white_space() {
        for good in [
            "https://example.org/kim?a=b#c",
            "../Users/26118915",
            "urn:x",
        ] {
            assert!(checked("profileUrl", json!(good)).is_ok(), "{good}");
        }
        for bad in ["my page", "http://a\tb", "http://a\u{7f}", "a\u{a0}b"] {
            assert!(checked("profileUrl", json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn objects_keep_only_known_attributes() {
        let name = json!({"GIVENNAME": "Kim", "familyName": null, "shoeSize": 7});
        assert_eq!(checked("name", name), Ok(Some(json!({"givenName": "Kim"}))));
        assert_eq!(checked("name", json!({})), Ok(None));
        assert_eq!(checked("name", json!({"shoeSize": 7})), Ok(None));
        assert_eq!(
            checked("name", json!("Kim")),
            Err("name must be an object, but is text.".into())
        );
        assert_eq!(
            checked("name", json!({"givenName": {}})),
            Err("name.givenName must be text, but is an object.".into())
        );
    }

    #[test]
    fn manager_may_be_an_id_and_keeps_no_name() {
        let schemas = Schemas::new([]);
        let manager = schemas.user.extension(ENTERPRISE).unwrap();
        let manager = manager.attribute("manager").unwrap();
        let place = Place::of(Some(ENTERPRISE), "manager");
        let given = json!({"value": "26118915", "displayName": "Lee"});
        for given in [json!("26118915"), given] {
            let kept = check_value(manager, given, place).unwrap();
            assert_eq!(kept, Some(json!({"value": "26118915"})));
        }
        assert_eq!(
            check_value(manager, json!({"displayName": "Lee"}), place),
            Ok(None)
        );
        let refused = check_value(manager, json!({"value": 7}), place).unwrap_err();
        assert_eq!(
            refused.detail,
            format!("{ENTERPRISE}:manager.value must be text, but is a number.")
        );
    }

    #[test]
    fn single_element_becomes_an_array_and_text_its_value() {
        let expected = Ok(Some(json!([{"value": "kim@example.org"}])));
        for given in [
            json!([{"value": "kim@example.org"}]),
            json!({"value": "kim@example.org"}),
            json!(["kim@example.org"]),
            json!("kim@example.org"),
            json!([null, {}, "kim@example.org", {"type": null}]),
        ] {
            assert_eq!(checked("emails", given), expected);
        }
        for nothing in [json!(null), json!([]), json!([null]), json!([{}])] {
            assert_eq!(checked("emails", nothing), Ok(None));
        }
        assert_eq!(
            checked("emails", json!(["a@example.org", 7])),
            Err("emails[1].value must be text, but is a number.".into())
        );
        assert_eq!(
            checked("emails", json!([["a@example.org"]])),
            Err("emails[0] must be an object, but is an array.".into())
        );
    }
}
