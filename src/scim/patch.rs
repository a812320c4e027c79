//! Parses and checks PATCH messages (RFC 7644 §3.5.2); `patch_apply.rs` applies them.
//!
//! An operation whose path is missing or is an extension is treated as one operation for each attribute of its value.
//! In such values, as in whole documents (`check.rs`), unknown attributes and those that only the server sets are
//! ignored: Okta sends a group's `id` with its new name. A path is explicit, so a path to such an attribute is an
//! error.

use std::fmt;

use serde_json::{Map, Value};

use crate::scim::check::{Leniency, take_schemas};
use crate::scim::document::{Named, named};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter_parser::Quotes;
use crate::scim::patch_change::{Action, Change, Op, Target, changes, is_set_by_server};
use crate::scim::patch_path::PatchPath;
use crate::scim::path::AttributePath;
use crate::scim::schema::ResourceType;
use crate::wiped::wipe_text;

/// URN of the message.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Maximum number of operations in a message; each one may iterate over all elements of an attribute.
pub const MAX_OPERATIONS: usize = 1000;

/// A parsed message, for resources of one type.
#[derive(Clone, PartialEq)]
pub struct Patch {
    pub(super) changes: Vec<Change>,
}

/// Hides the values, one of which may be a password.
impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patch")
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Patch {
    /// An operation that sets a password contains it in plain text.
    fn drop(&mut self) {
        for change in &mut self.changes {
            let is_password = is_password(&change.target);
            if let Action::Add(Value::String(text)) | Action::Replace(Value::String(text)) =
                &mut change.action
                && is_password
            {
                wipe_text(text);
            }
        }
    }
}

/// Parses a message for resources of this type.
///
/// # Errors
/// It is not a PATCH message, or one of its operations is invalid for every such resource. The error has the number of
/// the operation, starting at 0.
pub fn parse_patch(
    value: Value,
    resource_type: &ResourceType,
    leniency: Leniency,
) -> Result<Patch, ScimError> {
    let Value::Object(mut message) = value else {
        return Err(ScimError::syntax("A PATCH message must be a JSON object."));
    };
    check_schemas(take_schemas(&mut message).as_ref(), leniency)?;
    let Some(Value::Array(operations)) = take(&mut message, "Operations") else {
        return Err(ScimError::syntax(
            "Operations is missing or not an array. Send an array of operations.",
        ));
    };
    if operations.is_empty() {
        return Err(ScimError::syntax(
            "Operations is empty. Send at least one operation.",
        ));
    }
    if operations.len() > MAX_OPERATIONS {
        return Err(ScimError::new(
            413,
            format!(
                "Operations has {} operations. Send no more than {MAX_OPERATIONS} in a message.",
                operations.len()
            ),
        ));
    }
    let mut changes = Vec::with_capacity(operations.len());
    for (number, operation) in operations.into_iter().enumerate() {
        let mut reader = Reader {
            resource_type,
            quotes: leniency.quotes(),
            operation: number,
            changes: &mut changes,
        };
        reader.operation(operation).map_err(|error| ScimError {
            detail: format!("Operations[{number}]: {}", error.detail),
            ..error
        })?;
    }
    Ok(Patch { changes })
}

/// The plain passwords that a message sets.
pub fn passwords(patch: &Patch) -> impl Iterator<Item = &str> {
    patch
        .changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::Add(value) | Action::Replace(value) if is_password(&change.target) => {
                value.as_str()
            }
            _ => None,
        })
}

fn is_password(target: &Target) -> bool {
    match target {
        Target::Attribute { attribute, .. } => {
            attribute.extension.is_none() && attribute.name == "password"
        }
        _ => false,
    }
}

fn check_schemas(schemas: Option<&Value>, leniency: Leniency) -> Result<(), ScimError> {
    let is_named = |urn: &Value| {
        urn.as_str()
            .is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP))
    };
    let named = match schemas {
        None => !leniency.schemas_required,
        // Clients of the original service send an empty list, or the URN of the resource.
        Some(Value::Array(urns)) if !leniency.schemas_required => urns.iter().all(Value::is_string),
        Some(Value::Array(urns)) => urns.iter().any(is_named),
        Some(_) => false,
    };
    match named {
        true => Ok(()),
        false => Err(ScimError::value(format!(
            "schemas must be [\"{PATCH_OP}\"] in a PATCH message."
        ))),
    }
}

/// Removes a member, in any case, and returns it.
fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let name = object.keys().find(|key| key.eq_ignore_ascii_case(name))?;
    let name = name.clone();
    object.remove(&name)
}

/// Parses one operation.
struct Reader<'r> {
    resource_type: &'r ResourceType,
    quotes: Quotes,
    operation: usize,
    changes: &'r mut Vec<Change>,
}

impl Reader<'_> {
    fn operation(&mut self, operation: Value) -> Result<(), ScimError> {
        let Value::Object(mut operation) = operation else {
            return Err(ScimError::syntax("An operation must be an object."));
        };
        // Entra ID capitalizes them.
        let op = match take(&mut operation, "op") {
            Some(Value::String(op)) if op.eq_ignore_ascii_case("add") => Op::Add,
            Some(Value::String(op)) if op.eq_ignore_ascii_case("replace") => Op::Replace,
            Some(Value::String(op)) if op.eq_ignore_ascii_case("remove") => Op::Remove,
            _ => return Err(ScimError::syntax("op must be add, replace or remove.")),
        };
        let path = match take(&mut operation, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) if path.is_empty() => None,
            Some(Value::String(path)) => Some(path),
            Some(_) => {
                return Err(ScimError::of(
                    ErrorType::InvalidPath,
                    "path must be text: an attribute, or some elements of one.",
                ));
            }
        };
        let value = take(&mut operation, "value");
        match (path, op, value) {
            (None, Op::Remove, _) => Err(ScimError::of(
                ErrorType::NoTarget,
                "remove has no path. Name the attribute to remove.",
            )),
            (_, Op::Add | Op::Replace, None) => Err(ScimError::value(
                "value is missing. Send the value to add or to set.",
            )),
            (Some(path), op, value) => self.with_path(op, &path, value),
            (None, op, Some(Value::Object(attributes))) => self.each(op, None, attributes),
            (None, ..) => Err(ScimError::value(
                "An operation without a path must have an object of attributes as its value.",
            )),
        }
    }

    fn with_path(&mut self, op: Op, path: &str, value: Option<Value>) -> Result<(), ScimError> {
        let target = match self.named(path) {
            Some(target) => target,
            None => self.path(path)?,
        };
        match (target, op, value) {
            (target @ Target::Attribute { .. }, op, value) => self.change(op, target, value),
            (target, Op::Remove, _) | (target, Op::Replace, Some(Value::Null)) => {
                self.push(target, Action::Remove);
                Ok(())
            }
            (_, _, None | Some(Value::Null)) => Ok(()),
            (Target::Extension(urn), op, Some(Value::Object(attributes))) => {
                self.each(op, Some(urn), attributes)
            }
            (Target::Extension(urn), ..) => Err(ScimError::value(format!(
                "{urn} must be an object with the attributes of this extension."
            ))),
        }
    }

    /// One operation for each attribute. Names may be paths, as Entra ID sends them.
    fn each(
        &mut self,
        op: Op,
        extension: Option<&'static str>,
        attributes: Map<String, Value>,
    ) -> Result<(), ScimError> {
        for (name, value) in attributes {
            let name = match extension {
                Some(urn) => format!("{urn}:{name}"),
                None => name,
            };
            match self.named(&name).or_else(|| self.path(&name).ok()) {
                Some(Target::Extension(_)) => self.with_path(op, &name, Some(value))?,
                Some(target) if !is_set_by_server(&target, self.resource_type) => {
                    self.change(op, target, Some(value))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn change(&mut self, op: Op, target: Target, value: Option<Value>) -> Result<(), ScimError> {
        let changes = changes(op, target, value, self.resource_type)?;
        for (target, action) in changes {
            self.push(target, action);
        }
        Ok(())
    }

    fn push(&mut self, target: Target, action: Action) {
        self.changes.push(Change {
            operation: self.operation,
            target,
            action,
        });
    }

    /// Names of claims need not be valid in a path.
    fn named(&self, name: &str) -> Option<Target> {
        Some(match named(name, self.resource_type)? {
            Named::Extension(schema) => Target::Extension(schema.id),
            Named::Attribute(extension, attribute) => Target::Attribute {
                attribute: AttributePath::of(extension, attribute),
                filter: None,
                sub: None,
            },
        })
    }

    fn path(&self, path: &str) -> Result<Target, ScimError> {
        Ok(
            match PatchPath::parse_with(path, self.resource_type, self.quotes)? {
                PatchPath::Extension(urn) => Target::Extension(urn),
                PatchPath::Attribute {
                    attribute,
                    filter,
                    sub,
                } => Target::Attribute {
                    attribute,
                    filter,
                    sub: sub.and_then(|path| path.sub),
                },
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{ENTERPRISE, Schemas};

    fn refusal(message: Value) -> (Option<ErrorType>, String) {
        let error = parse_patch(message, &Schemas::new([]).user, Leniency::default()).unwrap_err();
        (error.scim_type, error.detail)
    }

    /// The error of an invalid operation.
    fn refused(operation: Value) -> (ErrorType, String) {
        let fine = json!({"op": "add", "path": "title", "value": "Dr."});
        let message = json!({"schemas": [PATCH_OP], "Operations": [fine, operation]});
        let (scim_type, detail) = refusal(message);
        let detail = detail.strip_prefix("Operations[1]: ").unwrap();
        (scim_type.unwrap(), detail.to_owned())
    }

    fn changes(message: Value) -> usize {
        let leniency = Leniency {
            schemas_required: false,
        };
        let patch = parse_patch(message, &Schemas::new([]).user, leniency);
        patch.unwrap().changes.len()
    }

    #[test]
    fn message_must_have_its_schema_and_operations() {
        let operation = json!({"op": "add", "path": "title", "value": "Dr."});
        let fine = json!({"schemas": [PATCH_OP], "Operations": [operation]});
        assert!(parse_patch(fine, &Schemas::new([]).user, Leniency::default()).is_ok());
        for schemas in [json!(null), json!([]), json!(PATCH_OP), json!(["urn:x"])] {
            let (scim_type, detail) =
                refusal(json!({"schemas": schemas, "Operations": [operation]}));
            assert_eq!(scim_type, Some(ErrorType::InvalidValue));
            assert!(detail.starts_with("schemas must be"), "{detail}");
        }
        for operations in [json!(null), json!([]), json!({}), json!("add")] {
            let message = json!({"schemas": [PATCH_OP], "Operations": operations});
            assert_eq!(refusal(message).0, Some(ErrorType::InvalidSyntax));
        }
        assert_eq!(refusal(json!([])).0, Some(ErrorType::InvalidSyntax));
        let many = vec![operation; MAX_OPERATIONS + 1];
        let message = json!({"schemas": [PATCH_OP], "Operations": many});
        let refused = parse_patch(message, &Schemas::new([]).user, Leniency::default());
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.status, refused.detail.as_str()),
            (
                413,
                "Operations has 1001 operations. Send no more than 1000 in a message."
            )
        );
    }

    #[test]
    fn names_and_verbs_are_case_insensitive_and_schemas_optional_if_lenient() {
        let message = json!({"operations": [
            {"OP": "Add", "Path": "TITLE", "VALUE": "Dr."},
            {"op": "REPLACE", "path": "Name.GivenName", "value": "Kim"},
            {"op": "reMove", "path": "nickName"}
        ]});
        assert_eq!(changes(message), 3);
    }

    #[test]
    fn operation_must_be_complete() {
        for operation in [
            json!("add"),
            json!({}),
            json!({"op": "move", "path": "title"}),
        ] {
            assert_eq!(refused(operation).0, ErrorType::InvalidSyntax);
        }
        for operation in [
            json!({"op": "remove"}),
            json!({"op": "remove", "value": {"title": ""}}),
        ] {
            assert_eq!(
                refused(operation),
                (
                    ErrorType::NoTarget,
                    "remove has no path. Name the attribute to remove.".into()
                )
            );
        }
        for operation in [
            json!({"op": "add", "path": "title"}),
            json!({"op": "replace"}),
            json!({"op": "add", "value": "Dr."}),
            json!({"op": "add", "value": null}),
            json!({"op": "add", "path": ENTERPRISE, "value": "IT"}),
        ] {
            assert_eq!(refused(operation).0, ErrorType::InvalidValue);
        }
    }

    #[test]
    fn invalid_path_is_refused() {
        for path in [
            json!("shoeSize"),
            json!("name.shoeSize"),
            json!("emails[shoeSize eq \"43\"]"),
            json!("emails[type eq"),
            json!("emails[type eq \"work\"].shoeSize"),
            json!("name[givenName eq \"Kim\"]"),
            json!("title title"),
            json!("urn:example:Car:wheels"),
            json!(format!("{ENTERPRISE}:shoeSize")),
            json!(".."),
            json!(7),
        ] {
            let operation = json!({"op": "replace", "path": path, "value": "x"});
            assert_eq!(refused(operation).0, ErrorType::InvalidPath, "{path}");
        }
    }

    #[test]
    fn path_to_a_read_only_attribute_is_refused() {
        for path in [
            "id",
            "meta",
            "meta.created",
            "groups",
            "groups[value eq \"1\"]",
        ] {
            for op in ["add", "replace", "remove"] {
                let operation = json!({"op": op, "path": path, "value": []});
                assert_eq!(refused(operation).0, ErrorType::Mutability, "{op} {path}");
            }
        }
        let path = format!("{ENTERPRISE}:manager.displayName");
        assert_eq!(
            refused(json!({"op": "add", "path": path, "value": "Lee"})),
            (
                ErrorType::Mutability,
                format!("{path} is set by the server only. Leave the operation out.")
            )
        );
        assert_eq!(
            refused(json!({"op": "remove", "path": "schemas"})).0,
            ErrorType::Mutability
        );
    }

    #[test]
    fn required_attribute_cannot_be_removed() {
        for operation in [
            json!({"op": "remove", "path": "userName"}),
            json!({"op": "replace", "path": "userName", "value": null}),
            json!({"op": "replace", "value": {"USERNAME": null}}),
        ] {
            assert_eq!(
                refused(operation),
                (
                    ErrorType::Mutability,
                    "userName is required and cannot be removed. Replace it.".into()
                )
            );
        }
    }

    #[test]
    fn value_of_a_member_cannot_be_changed() {
        let group = Schemas::new([]).group;
        for operation in [
            json!({"op": "replace", "path": "members[value eq \"1\"].value", "value": "2"}),
            json!({"op": "remove", "path": "members.value"}),
        ] {
            let message = json!({"schemas": [PATCH_OP], "Operations": [operation]});
            let error = parse_patch(message, &group, Leniency::default()).unwrap_err();
            assert_eq!(
                (error.scim_type, error.detail.as_str()),
                (
                    Some(ErrorType::Mutability),
                    "Operations[0]: members.value cannot be changed. Remove the element and add another \
                     one."
                )
            );
        }
    }

    #[test]
    fn debug_output_hides_values() {
        let message = json!({"schemas": [PATCH_OP], "Operations": [
            {"op": "replace", "path": "password", "value": "Secret-1"}
        ]});
        let patch = parse_patch(message, &Schemas::new([]).user, Leniency::default());
        assert_eq!(format!("{:?}", patch.unwrap()), "Patch { changes: 1, .. }");
    }

    #[test]
    fn unknown_attributes_without_a_path_are_ignored() {
        let message = json!({"Operations": [{"op": "replace", "value": {
            "id": "7", "schemas": ["urn:x"], "meta": {}, "shoeSize": 43, "emails[": 1, "": 2,
            "name.shoeSize": 3, ENTERPRISE: {"shoeSize": 4, "manager.displayName": "Lee"},
            "urn:example:Car": {}
        }}]});
        assert_eq!(changes(message), 0);
    }

    #[test]
    fn invalid_value_is_located_but_never_quoted() {
        for (operation, sentence) in [
            (
                json!({"op": "add", "path": "emails[type eq \"work\"].primary", "value": "maybe"}),
                "emails.primary must be true or false, but is text.",
            ),
            (
                json!({"op": "replace", "path": "password", "value": {"value": "Secret-1"}}),
                "password must be text, but is an object.",
            ),
            (
                json!({"op": "replace", "value": {"password": "Secret-1\0"}}),
                "password has the character U+0000, which cannot be stored. Leave it out.",
            ),
            (
                json!({"op": "add", "path": "emails", "value": [
                    {"value": "a", "primary": true}, {"value": "b", "primary": true}
                ]}),
                "emails has more than one element whose primary is true. Leave it true in one.",
            ),
        ] {
            assert_eq!(
                refused(operation),
                (ErrorType::InvalidValue, sentence.to_owned())
            );
        }
    }
}
