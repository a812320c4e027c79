//! Reads a Bulk request (RFC 7644 §3.7) operation by operation from a stream.
//!
//! The data of an operation stays text until the operation is executed: a request needs little more
//! memory than its own length. Limits are enforced while reading, before anything is executed.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufReader, Read};

use percent_encoding::percent_decode_str;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::scim::check::Leniency;
use crate::scim::error::ScimError;
use crate::scim::json::{self, StrictValue};
use crate::wire::error::WireError;

/// URN of the message.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The base path of WSO2 Identity Server's API, which its clients may prefix to the path of an
/// operation.
pub const WSO2_PATH: &str = "/scim2";

/// Limits on a request.
#[derive(Debug, Clone, Copy)]
pub struct BulkLimits {
    /// The largest number of operations.
    pub operations: usize,
    /// The largest body, in bytes.
    pub payload: u64,
}

/// A Bulk request as received.
#[derive(Debug, Default)]
pub struct BulkRequest {
    /// The number of errors after which no more operations are executed; none: no limit.
    pub fail_on_errors: Option<u64>,
    /// The operations.
    pub operations: Vec<RawOperation>,
}

/// An operation as received. Members of a wrong type are reported for this operation only.
#[derive(Debug, Default)]
pub struct RawOperation {
    /// The HTTP method.
    pub method: Option<String>,
    /// The path below the base URL.
    pub path: Option<String>,
    /// The client's name for it.
    pub bulk_id: Option<String>,
    /// The required entity tag of the resource.
    pub version: Option<String>,
    /// JSON text.
    pub data: Option<Box<RawValue>>,
    /// Problems of the members themselves.
    pub problem: Option<ScimError>,
}

impl BulkRequest {
    /// Reads a whole request.
    ///
    /// # Errors
    /// The body is not a Bulk request, or exceeds the limits (413); nothing is executed.
    pub fn read(source: impl Read, limits: BulkLimits) -> Result<Self, ScimError> {
        BulkRequest::read_as(source, limits, Leniency::default(), &[])
    }

    /// The same for a request in this dialect. WSO2's do not need `schemas`, their paths may begin
    /// with the base path, and `data` may be a text that contains the JSON, as some of its clients
    /// send it. `organization` has the names by which a path may refer to the organization of the
    /// request.
    ///
    /// # Errors
    /// As of [`BulkRequest::read`].
    pub fn read_as(
        source: impl Read,
        limits: BulkLimits,
        leniency: Leniency,
        organization: &[String],
    ) -> Result<Self, ScimError> {
        let refused = RefCell::new(None);
        let source = Limited {
            source,
            left: limits.payload,
            limit: limits.payload,
            refused: &refused,
        };
        let mut reader =
            serde_json::Deserializer::from_reader(BufReader::with_capacity(64 * 1024, source));
        let message = Message {
            limits,
            strict: leniency.schemas_required,
            organization,
            refused: &refused,
        };
        let read = message
            .deserialize(&mut reader)
            .and_then(|request| reader.end().map(|()| request));
        read.map_err(|error| match refused.take() {
            Some(refusal) => refusal,
            None => json::unreadable(&error),
        })
    }
}

impl RawOperation {
    /// Removes the base path from the path, and unwraps JSON in a text.
    fn read_leniently(&mut self, organization: &[String]) {
        if let Some(path) = &self.path
            && let Some(below) = below_wso2(path, organization)
        {
            self.path = Some(below.to_owned());
        }
        let Some(data) = &self.data else { return };
        // Data that is not a text is left unchanged.
        let Ok(inner) = serde_json::from_str::<String>(data.get()) else {
            return;
        };
        // A text that is not JSON stays a text, which is not a resource: only this operation fails.
        if let Ok(value) = RawValue::from_string(inner) {
            self.data = Some(value);
        }
    }
}

/// The part of a path after the base path: `/scim2/Users` means `/Users`, and so do
/// `/t/NAME/scim2/Users` and `/o/NAME/scim2/Users` if NAME is one of the names of the request's
/// organization. Paths of other organizations are not valid in this request.
fn below_wso2<'p>(path: &'p str, organization: &[String]) -> Option<&'p str> {
    let bare = path.strip_prefix('/').unwrap_or(path);
    let named = bare.strip_prefix("t/").or_else(|| bare.strip_prefix("o/"));
    let bare = match named {
        Some(rest) => {
            let (name, rest) = rest.split_once('/')?;
            let name = Cow::from(percent_decode_str(name));
            let mut names = organization.iter();
            names.find(|known| known.as_bytes().eq_ignore_ascii_case(&name))?;
            rest
        }
        None => bare,
    };
    let address = WSO2_PATH.strip_prefix('/').unwrap_or(WSO2_PATH);
    let below = bare.strip_prefix(address)?;
    below.starts_with('/').then_some(below)
}

/// The error for a body that is too long.
pub fn payload_too_large(limit: u64) -> ScimError {
    ScimError::new(
        413,
        format!(
            "The size of the bulk operation exceeds the maxPayloadSize ({limit}). Send fewer \
             operations at once."
        ),
    )
}

/// The error for a body that is incomplete or malformed; if it exceeds this limit, the error is
/// that of `too_large`.
pub fn unread(error: &WireError, limit: u64, too_large: fn(u64) -> ScimError) -> ScimError {
    let status = match error {
        WireError::HttpTooLarge { .. } | WireError::SpoolFull { .. } => return too_large(limit),
        WireError::HttpStalled { .. } => 408,
        WireError::ContentEncoding(_) => 415,
        WireError::DiskFull => 507,
        _ => 400,
    };
    ScimError::new(status, error.to_string())
}

/// The error for too many operations.
pub fn too_many_operations(limit: usize) -> ScimError {
    ScimError::new(
        413,
        format!(
            "The number of operations in the bulk request exceeds the maxOperations ({limit}). Send \
             fewer operations at once."
        ),
    )
}

/// Stops reading at the limit.
struct Limited<'r, R> {
    source: R,
    left: u64,
    limit: u64,
    refused: &'r RefCell<Option<ScimError>>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer).inspect_err(|error| {
            let wire = error.get_ref().and_then(|error| error.downcast_ref());
            let refusal = match wire {
                Some(wire) => unread(wire, self.limit, payload_too_large),
                None => ScimError::new(400, error.to_string()),
            };
            // Further reads fail with another reason, so that this one is not overwritten.
            self.refused.borrow_mut().get_or_insert(refusal);
        })?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => {
                self.refused.replace(Some(payload_too_large(self.limit)));
                Err(io::Error::other("the body is too long"))
            }
        }
    }
}

/// The parser of the message.
#[derive(Clone, Copy)]
struct Message<'r> {
    limits: BulkLimits,
    /// Whether it is in the RFCs' dialect.
    strict: bool,
    /// The names of its organization.
    organization: &'r [String],
    refused: &'r RefCell<Option<ScimError>>,
}

impl Message<'_> {
    /// Stores the reason and stops parsing.
    fn refuse<E: Error>(&self, refusal: ScimError) -> E {
        self.refused.replace(Some(refusal));
        E::custom("refused")
    }

    fn check_schemas<E: Error>(&self, schemas: &Value) -> Result<(), E> {
        let named = schemas.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_it = |urn: &Value| {
            urn.as_str()
                .is_some_and(|urn| urn.eq_ignore_ascii_case(BULK_REQUEST))
        };
        // WSO2's documentation shows an empty list, and its server ignores the list.
        if schemas.is_array() && (!self.strict || named.iter().all(is_it)) {
            return Ok(());
        }
        Err(self.refuse(ScimError::syntax(format!(
            "schemas of a bulk request is [\"{BULK_REQUEST}\"]."
        ))))
    }
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = BulkRequest;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<BulkRequest, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = BulkRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bulk request, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BulkRequest, A::Error> {
        let (mut schemas, mut operations, mut fail_on_errors) = (false, None, None);
        while let Some(name) = map.next_key::<String>()? {
            let twice = || {
                self.refuse(ScimError::syntax(format!(
                    "The bulk request contains {name} twice; send it once."
                )))
            };
            match name.to_ascii_lowercase().as_str() {
                "schemas" => {
                    if schemas {
                        return Err(twice());
                    }
                    schemas = true;
                    self.check_schemas(&map.next_value_seed(StrictValue::default())?)?;
                }
                "failonerrors" => {
                    if fail_on_errors.is_some() {
                        return Err(twice());
                    }
                    let value = map.next_value_seed(StrictValue::default())?;
                    fail_on_errors = Some(match (&value, integer(&value)) {
                        (Value::Null, _) => 0,
                        (_, Some(count)) => count,
                        (_, None) => {
                            return Err(self.refuse(ScimError::value(
                                "failOnErrors must be a non-negative integer: after this many \
                                 errors no more operations are executed; 0 means no limit.",
                            )));
                        }
                    });
                }
                "operations" => {
                    if operations.is_some() {
                        return Err(twice());
                    }
                    operations = Some(map.next_value_seed(Operations(self))?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !schemas && self.strict {
            return Err(self.refuse(ScimError::syntax(format!(
                "A bulk request needs schemas: [\"{BULK_REQUEST}\"]."
            ))));
        }
        let Some(operations) = operations else {
            return Err(self.refuse(ScimError::syntax(
                "A bulk request needs Operations, an array.",
            )));
        };
        Ok(BulkRequest {
            fail_on_errors: fail_on_errors.filter(|count| *count > 0),
            operations,
        })
    }
}

/// The integer value of a number; JSON does not distinguish `1` and `1.0` (RFC 8259 §6).
fn integer(value: &Value) -> Option<u64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    let exact = number.filter(|number| (0.0..=9_007_199_254_740_992.0).contains(number));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is a small non-negative integer"
    )]
    value.as_u64().or_else(|| Some(exact? as u64))
}

/// The array of operations.
struct Operations<'r>(Message<'r>);

impl<'de> DeserializeSeed<'de> for Operations<'_> {
    type Value = Vec<RawOperation>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Operations<'_> {
    type Value = Vec<RawOperation>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operations, which is an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut operations = Vec::new();
        while let Some(operation) = sequence.next_element_seed(One(self.0))? {
            if operations.len() == self.0.limits.operations {
                let refusal = too_many_operations(self.0.limits.operations);
                return Err(self.0.refuse(refusal));
            }
            operations.push(operation);
        }
        Ok(operations)
    }
}

/// One operation.
struct One<'r>(Message<'r>);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = RawOperation;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawOperation, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = RawOperation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operation, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawOperation, A::Error> {
        let mut operation = RawOperation::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let lower = name.to_ascii_lowercase();
            if seen.contains(&lower) {
                return Err(self.0.refuse(ScimError::syntax(format!(
                    "An operation contains {name} twice; send it once."
                ))));
            }
            let place = match lower.as_str() {
                "method" => &mut operation.method,
                "path" => &mut operation.path,
                "bulkid" => &mut operation.bulk_id,
                "version" => &mut operation.version,
                "data" => {
                    let data = map.next_value::<Box<RawValue>>()?;
                    operation.data = Some(data).filter(|data| data.get() != "null");
                    seen.push(lower);
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            match map.next_value_seed(StrictValue::default())? {
                Value::String(text) => *place = Some(text),
                Value::Null => {}
                _ => {
                    operation.problem = Some(ScimError::value(format!(
                        "{name} of a bulk operation must be a text."
                    )));
                }
            }
            seen.push(lower);
        }
        if !self.0.strict {
            operation.read_leniently(self.0.organization);
        }
        Ok(operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::error::ErrorType;

    const LIMITS: BulkLimits = BulkLimits {
        operations: 2,
        payload: 400,
    };

    fn read(text: &str) -> Result<BulkRequest, ScimError> {
        BulkRequest::read(text.as_bytes(), LIMITS)
    }

    fn message(rest: &str) -> String {
        format!(r#"{{"schemas":["{BULK_REQUEST}"],{rest}}}"#)
    }

    #[test]
    fn operations_are_kept_as_text() {
        let request = read(&message(
            r#""failOnErrors":1,"operations":[{"Method":"POST","path":"/Users","bulkId":"q","data":{ "userName":"k" }},{"method":7}]"#,
        ))
        .unwrap();
        assert_eq!(request.fail_on_errors, Some(1));
        let [first, second] = request.operations.as_slice() else {
            unreachable!()
        };
        assert_eq!(first.method.as_deref(), Some("POST"));
        assert_eq!(first.data.as_ref().unwrap().get(), r#"{ "userName":"k" }"#);
        assert!(second.problem.is_some());
        assert!(read(r#"{"schemas":[],"Operations":[]}"#).is_ok());
        let same = read(&message(r#""failOnErrors":2.0,"Operations":[]"#)).unwrap();
        assert_eq!(same.fail_on_errors, Some(2));
        let unlimited = read(&message(r#""failOnErrors":0,"Operations":[]"#)).unwrap();
        assert_eq!(unlimited.fail_on_errors, None);
    }

    #[test]
    fn wso2_dialect_is_accepted_only_in_wso2_requests() {
        let wso2 = Leniency {
            schemas_required: false,
        };
        let text = r#"{"Operations":[
            {"method":"POST","path":"/scim2/Users","bulkId":"q","data":"{\"userName\":\"k\"}"},
            {"method":"PATCH","path":"t/acme/scim2/Users/7","data":"{"}]}"#;
        let acme = ["Acme".to_owned()];
        let request = BulkRequest::read_as(text.as_bytes(), LIMITS, wso2, &acme).unwrap();
        let [first, second] = request.operations.as_slice() else {
            unreachable!()
        };
        assert_eq!(first.path.as_deref(), Some("/Users"));
        assert_eq!(first.data.as_ref().unwrap().get(), r#"{"userName":"k"}"#);
        assert_eq!(second.path.as_deref(), Some("/Users/7"));
        assert_eq!(second.data.as_ref().unwrap().get(), "\"{\"");
        let names = ["default".to_owned(), "carbon.super".to_owned()];
        for path in [
            "scim2/Users",
            "/scim2/Users",
            "/t/carbon.super/scim2/Users",
            "/o/DEFAULT/scim2/Users",
            "o/Carbon%2Esuper/scim2/Users",
        ] {
            assert_eq!(below_wso2(path, &names), Some("/Users"), "{path}");
        }
        for path in [
            "/Users",
            "/scim2x/Users",
            "/scim2",
            "/o/scim2",
            "/scim/v2/Users",
            "/t/acme/scim2/Users",
            "/o/defaul/scim2/Users",
            "/t//scim2/Users",
            "/x/default/scim2/Users",
        ] {
            assert_eq!(below_wso2(path, &names), None, "{path}");
        }
        assert!(read(text).is_err());
        let text = message(r#""Operations":[{"path":"/scim2/Users","data":"{}"}]"#);
        let [kept] = read(&text).unwrap().operations.try_into().unwrap();
        assert_eq!(kept.path.as_deref(), Some("/scim2/Users"));
        assert_eq!(kept.data.unwrap().get(), "\"{}\"");
    }

    #[test]
    fn limits_are_enforced_while_reading() {
        let many = message(r#""Operations":[{},{},{}]"#);
        let refused = read(&many).unwrap_err();
        assert_eq!(refused.status, 413);
        assert!(refused.detail.contains("maxOperations (2)"), "{refused}");
        let long = message(&format!(
            r#""Operations":[{{"data":"{}"}}]"#,
            "x".repeat(400)
        ));
        let refused = read(&long).unwrap_err();
        assert_eq!(refused.status, 413);
        assert!(refused.detail.contains("maxPayloadSize (400)"), "{refused}");
    }

    #[test]
    fn other_messages_are_refused() {
        for (text, kind) in [
            ("", ErrorType::InvalidSyntax),
            ("[]", ErrorType::InvalidSyntax),
            ("{", ErrorType::InvalidSyntax),
            (r#"{"Operations":[]}"#, ErrorType::InvalidSyntax),
            (&message(r#""x":1"#), ErrorType::InvalidSyntax),
            (&message(r#""Operations":{}"#), ErrorType::InvalidSyntax),
            (&message(r#""Operations":[1]"#), ErrorType::InvalidSyntax),
            (
                &message(r#""Operations":[],"operations":[]"#),
                ErrorType::InvalidSyntax,
            ),
            (
                &message(r#""Operations":[{"path":"a","PATH":"b"}]"#),
                ErrorType::InvalidSyntax,
            ),
            (&message(r#""Operations":[]}x"#), ErrorType::InvalidSyntax),
            (
                &message(r#""failOnErrors":-1,"Operations":[]"#),
                ErrorType::InvalidValue,
            ),
            (
                &message(r#""failOnErrors":"1","Operations":[]"#),
                ErrorType::InvalidValue,
            ),
            (
                &message(r#""failOnErrors":1.5,"Operations":[]"#),
                ErrorType::InvalidValue,
            ),
            (
                r#"{"schemas":["urn:x"],"Operations":[]}"#,
                ErrorType::InvalidSyntax,
            ),
        ] {
            let refused = read(text).unwrap_err();
            assert_eq!(
                (refused.status, refused.scim_type),
                (400, Some(kind)),
                "{text}"
            );
        }
    }
}
