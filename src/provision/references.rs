//! References between operations of a Bulk request: `bulkId:x` wherever the id of a resource can be
//! used (RFC 7644 §3.7.1).

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use crate::scim::error::ScimError;

/// Prefix of a reference.
pub const PREFIX: &str = "bulkId:";

/// The position of the operation that creates a resource, and the id chosen for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Position in the request, from 0.
    pub operation: usize,
    /// The id.
    pub id: Uuid,
}

/// The promised resources of a request, by bulkId.
pub type Promises = HashMap<String, Promise>;

/// The references in an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Positions of the operations that it refers to.
    pub operations: Vec<usize>,
    /// BulkIds that no operation has.
    pub unknown: Vec<String>,
}

impl References {
    /// Adds a reference to `name`.
    pub fn note(&mut self, name: &str, promises: &Promises) {
        match promises.get(name) {
            Some(promise) => self.operations.push(promise.operation),
            None => self.unknown.push(name.to_owned()),
        }
    }

    /// Adds every reference in `value`.
    pub fn note_all(&mut self, value: &Value, promises: &Promises) {
        match value {
            Value::String(text) => {
                for name in names(text) {
                    self.note(name, promises);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.note_all(value, promises);
                }
            }
            Value::Object(members) => {
                for value in members.values() {
                    self.note_all(value, promises);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Refuses a single message that contains references to other operations: outside of a Bulk request
/// they would be stored as ids that do not exist. `id` and `meta` of the message, which the server
/// sets, are ignored here too.
///
/// # Errors
/// The message contains a reference.
pub fn refuse(message: &Value) -> Result<(), ScimError> {
    let mut references = References::default();
    match message {
        Value::Object(members) => {
            let of_the_client = members.iter().filter(|(name, _)| {
                !name.eq_ignore_ascii_case("id") && !name.eq_ignore_ascii_case("meta")
            });
            of_the_client.for_each(|(_, value)| references.note_all(value, &Promises::new()));
        }
        other => references.note_all(other, &Promises::new()),
    }
    match references.unknown.first() {
        None => Ok(()),
        Some(name) => Err(ScimError::value(format!(
            "bulkId:{name} refers to another operation of a bulk request, and this is not one; \
             give the id of the resource."
        ))),
    }
}

/// Replaces all references with the chosen ids.
pub fn resolve(value: &mut Value, promises: &Promises) {
    match value {
        Value::String(text) => {
            if let Some(resolved) = resolved(text, promises) {
                *text = resolved;
            }
        }
        Value::Array(values) => {
            for value in values {
                resolve(value, promises);
            }
        }
        Value::Object(members) => {
            for value in members.values_mut() {
                resolve(value, promises);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The bulkIds in a text: the whole text is a reference, or a path contains one in quotation marks
/// (`members[value eq "bulkId:x"]`), or it is the URL of a resource that does not exist yet.
fn names(text: &str) -> Vec<&str> {
    places(text).map(|(_, name)| name).collect()
}

fn resolved(text: &str, promises: &Promises) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    for (at, name) in places(text) {
        let promise = promises.get(name)?;
        out.push_str(text.get(from..at)?);
        out.push_str(&promise.id.to_string());
        from = at + PREFIX.len() + name.len();
    }
    if from == 0 && out.is_empty() {
        return None;
    }
    out.push_str(text.get(from..)?);
    Some(out)
}

/// The positions of references, and the names in them.
fn places(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let whole = text
        .strip_prefix(PREFIX)
        .filter(|name| !name.is_empty())
        .map(|name| (0, name));
    let within = text
        .match_indices(PREFIX)
        .filter(|(at, _)| *at > 0)
        .filter_map(|(at, _)| {
            let before = text.get(..at)?.chars().next_back()?;
            let name = text.get(at + PREFIX.len()..)?;
            let end = match before {
                '"' => name.find('"')?,
                '/' => name.find(['/', '?', '#']).unwrap_or(name.len()),
                _ => return None,
            };
            Some((at, name.get(..end)?)).filter(|(_, name)| !name.is_empty())
        });
    whole.into_iter().chain(within.take(match whole {
        Some(_) => 0,
        None => usize::MAX,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_set_members_are_ignored_outside_of_bulk() {
        let message = |text: &str| serde_json::from_str(text).unwrap();
        let ignored = r#"{"ID": "bulkId:x", "meta": {"location": "bulkId:x"}, "userName": "kim"}"#;
        assert_eq!(refuse(&message(ignored)), Ok(()));
        for refused in [
            r#"{"manager": {"value": "bulkId:x"}}"#,
            r#"{"Operations": [{"op": "add", "value": {"id": "bulkId:x"}}]}"#,
        ] {
            assert!(refuse(&message(refused)).is_err(), "{refused}");
        }
    }
    use serde_json::json;

    fn promises() -> Promises {
        let promise = |operation: usize| Promise {
            operation,
            id: Uuid::from_u128(operation as u128 + 1),
        };
        [
            ("qwerty".to_owned(), promise(0)),
            ("a:b".to_owned(), promise(1)),
        ]
        .into()
    }

    #[test]
    fn references_are_found_wherever_an_id_is_allowed() {
        let value = json!({
            "manager": {"value": "bulkId:qwerty", "$ref": "../Users/bulkId:qwerty"},
            "members": [{"value": "bulkId:a:b"}, {"value": "bulkId:missing"}],
            "path": "members[value eq \"bulkId:qwerty\"]",
            "displayName": "about bulkId:qwerty, in prose",
        });
        let mut references = References::default();
        references.note_all(&value, &promises());
        references.operations.sort_unstable();
        assert_eq!(references.operations, [0, 0, 0, 1]);
        assert_eq!(references.unknown, ["missing"]);
    }

    #[test]
    fn references_are_refused_outside_of_bulk() {
        for value in [
            json!({"manager": {"value": "bulkId:qwerty"}}),
            json!({"Operations": [{"path": "members[value eq \"bulkId:a\"]"}]}),
            json!([{"$ref": "../Users/bulkId:x"}]),
        ] {
            let refused = refuse(&value).unwrap_err();
            assert_eq!(refused.status, 400, "{value}");
        }
        for value in [
            json!({"title": "about bulkId:qwerty, in prose"}),
            json!({"title": "bulkId:"}),
            json!(7),
        ] {
            assert!(refuse(&value).is_ok(), "{value}");
        }
    }

    #[test]
    fn references_are_replaced_with_ids() {
        let one = "00000000-0000-0000-0000-000000000001";
        let mut value = json!([
            "bulkId:qwerty",
            "/Users/bulkId:qwerty",
            "members[value eq \"bulkId:qwerty\" or value eq \"bulkId:qwerty\"]",
            "about bulkId:qwerty, in prose",
            "bulkId:",
        ]);
        resolve(&mut value, &promises());
        assert_eq!(
            value,
            json!([
                one,
                format!("/Users/{one}"),
                format!("members[value eq \"{one}\" or value eq \"{one}\"]"),
                "about bulkId:qwerty, in prose",
                "bulkId:",
            ])
        );
    }
}
