//! JSON as SCIM reads it: RFC 8259 with the rules of I-JSON (RFC 7493 §2), so that every other parser reads the same
//! values from a message that is accepted here.
//!
//! serde_json parses; it refuses lone surrogates, numbers that are not finite and text after the document.
//! [`StrictValue`] adds the other checks.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::scim::error::ScimError;

/// Maximum nesting of objects and arrays. A resource needs four levels, a bulk request seven.
pub const MAX_DEPTH: usize = 32;

/// Maximum length of a name in a message.
const SHOWN: usize = 64;

/// Up to this many names, an object is searched linearly, which is faster than using a set.
const FEW: usize = 12;

/// Parses one document, which may begin with a byte-order mark (RFC 8259 §8.1).
///
/// # Errors
/// It is malformed. The error has line, column and reason.
pub fn parse(bytes: &[u8]) -> Result<Value, ScimError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = StrictValue::default().deserialize(&mut reader);
    value
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| unreadable(&error))
}

/// The error for a document that serde_json could not parse, including violations of [`StrictValue`]'s rules.
pub fn unreadable(error: &serde_json::Error) -> ScimError {
    // serde_json's message includes line and column.
    ScimError::syntax(format!(
        "The message is not valid JSON: {error}. Send one JSON document, with each name only once in an \
         object."
    ))
}

/// Parses a value by the rules of this file, for use with serde_json.
#[derive(Debug, Clone, Copy)]
pub struct StrictValue {
    depth: usize,
}

impl Default for StrictValue {
    fn default() -> Self {
        StrictValue::within(MAX_DEPTH)
    }
}

impl StrictValue {
    /// Allows objects and arrays to be nested this deep.
    pub fn within(depth: usize) -> Self {
        StrictValue { depth }
    }

    fn below<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(StrictValue { depth }),
            None => Err(E::custom("objects and arrays are nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("the number is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        check_characters(&value)?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(below)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            check_characters(&name)?;
            if is_repeated(&name, &object, &mut names) {
                return Err(A::Error::custom(format_args!(
                    "the name {} is repeated in its object (names are compared without case)",
                    shown(&name)
                )));
            }
            object.insert(name, members.next_value_seed(below)?);
        }
        Ok(Value::Object(object))
    }
}

/// Whether an object already has the name, in any case, because attribute names are case-insensitive (RFC 7643 §2.1).
/// `names` contains them once there are many.
fn is_repeated(name: &str, object: &Map<String, Value>, names: &mut HashSet<String>) -> bool {
    if object.len() < FEW {
        return object.keys().any(|known| known.eq_ignore_ascii_case(name));
    }
    if names.is_empty() {
        names.extend(object.keys().map(|known| known.to_ascii_lowercase()));
    }
    !names.insert(name.to_ascii_lowercase())
}

/// Refuses noncharacters (RFC 7493 §2.1).
fn check_characters<E: Error>(text: &str) -> Result<(), E> {
    let is_none = |c: char| matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    match text.is_ascii() || !text.chars().any(is_none) {
        true => Ok(()),
        false => Err(E::custom(
            "the text has a code point that is a Unicode noncharacter",
        )),
    }
}

/// A name for a message: quoted, without control characters, and shortened.
fn shown(name: &str) -> String {
    let mut quoted: String = name
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(SHOWN).is_some() {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::error::ErrorType;

    fn refusal(text: &str) -> String {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.scim_type, Some(ErrorType::InvalidSyntax));
        assert_eq!(error.status, 400);
        error.detail
    }

    #[test]
    fn document_is_read_unchanged() {
        let text = r#" {"userName":"kim","active":true,"n":[1,-2,2.5,null],"e":{},"t":"\ud83d\ude00\u0000"} "#;
        let expected = json!({
            "userName": "kim", "active": true, "n": [1, -2, 2.5, null], "e": {}, "t": "😀\0"
        });
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
        assert_eq!(
            parse(format!("\u{feff}{text}").as_bytes()).unwrap(),
            expected
        );
        assert_eq!(parse(b"7").unwrap(), json!(7));
    }

    #[test]
    fn error_has_line_and_column() {
        assert_eq!(
            refusal("{\"a\":1,\n \"b\":}"),
            "The message is not valid JSON: expected value at line 2 column 6. Send one JSON \
             document, with each name only once in an object."
        );
        for text in [
            "", "{", "[1,]", "{'a':1}", "nul", "01", "+1", "NaN", "Infinity", "\"\t\"", "// a\n1",
        ] {
            assert!(refusal(text).contains(" at line "), "{text}");
        }
    }

    #[test]
    fn repeated_names_are_refused_in_any_case() {
        let text = r#"{"a":[{"userName":"kim","UserName":"lee"}]}"#;
        assert!(refusal(text).contains("the name \"UserName\" is repeated"));
        assert!(refusal(r#"{"a":1,"\u0061":2}"#).contains("the name \"a\" is repeated"));
        let many: String = (0..40).map(|n| format!("\"n{n}\":{n},")).collect();
        assert!(parse(format!("{{{many}\"N\":1}}").as_bytes()).is_ok());
        for name in ["n3", "N39", "N12", "n11"] {
            let text = format!("{{{many}\"{name}\":1}}");
            assert!(refusal(&text).contains(&format!("the name \"{name}\"")));
        }
        let long = "x\u{1b}".repeat(500);
        let text = json!({ &long: 1 })
            .to_string()
            .replace('}', &format!(",{}:2}}", json!(long)));
        let detail = refusal(&text);
        assert!(detail.len() < 700 && !detail.contains('\u{1b}'), "{detail}");
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1)).contains("too deep"));
        assert!(refusal(&"[".repeat(1_000_000)).contains("too deep"));
        assert!(refusal(&"{\"a\":".repeat(1_000_000)).contains("too deep"));
    }

    #[test]
    fn texts_and_numbers_are_interoperable() {
        for text in [
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#"{"\ud800":1}"#,
            r#""\uffff""#,
            "\"\u{fdd0}\"",
            "1e999",
            "-1e999",
        ] {
            refusal(text);
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(b"\xff\xfe7\0").is_err());
        assert_eq!(
            parse(b"18446744073709551615").unwrap(),
            json!(18_446_744_073_709_551_615_u64)
        );
    }

    #[test]
    fn text_after_the_document_is_refused() {
        assert!(refusal("{} {}").contains("trailing characters"));
        assert!(refusal("1 x").contains("trailing characters"));
    }

    #[test]
    fn consecutive_values_are_read_from_a_reader() {
        let text: &[u8] = br#"{"a":1} {"b":{"c":2}} {"d":1,"D":2}"#;
        let mut reader = serde_json::Deserializer::from_reader(text);
        let mut next = || StrictValue::within(3).deserialize(&mut reader);
        assert_eq!(next().unwrap(), json!({"a": 1}));
        assert_eq!(next().unwrap(), json!({"b": {"c": 2}}));
        assert!(next().unwrap_err().to_string().contains("\"D\""));
    }
}
