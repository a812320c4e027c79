//! The plan of a Bulk request: the resource of each operation, the ids of new resources (chosen
//! before anything is written), and the references between operations.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::clock::Clock;
use crate::provision::bulk_request::{BulkRequest, RawOperation};
use crate::provision::operation::{Act, Operation, Precondition, not_found};
use crate::provision::references::{PREFIX, Promise, Promises, References, resolve};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::json;
use crate::users::resources::Kind;
use crate::wiped::wipe_text;
use crate::words::parsed_words;

/// Whether an invalid frame of one operation invalidates the whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Only that operation fails (RFC 7644 §3.7.3).
    Operation,
    /// The request is refused, as WSO2 does it, for a missing or repeated bulkId, method or path.
    Request,
}

/// The method of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Create a resource.
    Post,
    /// Replace one.
    Put,
    /// Change one.
    Patch,
    /// Remove one.
    Delete,
}

// Methods are case-sensitive (RFC 9110 §9.1).
parsed_words!(Method {
    Post => "POST",
    Put => "PUT",
    Patch => "PATCH",
    Delete => "DELETE",
});

/// An operation of the plan.
#[derive(Debug)]
pub(super) struct Planned {
    /// As the client wrote it, for the response.
    pub method: String,
    pub bulk_id: Option<String>,
    /// The path as the client wrote it, unless the method is POST.
    pub path: Option<String>,
    /// The action, or the reason why it is impossible.
    pub frame: Result<Frame, ScimError>,
    /// Positions of the operations that it refers to.
    pub refers_to: Vec<usize>,
}

/// The target and method.
#[derive(Debug)]
pub(super) struct Frame {
    pub method: Method,
    pub kind: Kind,
    pub id: Uuid,
    precondition: Precondition,
    data: Option<Box<RawValue>>,
}

impl Drop for Frame {
    /// It may contain a password.
    fn drop(&mut self) {
        if let Some(data) = self.data.take() {
            wipe_text(&mut Box::<str>::from(data).into_string());
        }
    }
}

/// The resources that a request creates: the kind of each, and the position of the operation.
pub(super) type Made = HashMap<Uuid, (Kind, usize)>;

/// The plan.
#[derive(Debug)]
pub(super) struct Plan {
    pub operations: Vec<Planned>,
    pub promises: Promises,
    /// The resources that the request creates.
    pub made: Made,
    pub fail_on_errors: Option<u64>,
}

impl Plan {
    /// Plans a request; `known` are ids that an earlier run gave to operations at these positions.
    ///
    /// # Errors
    /// The whole request is refused.
    pub fn of(
        request: BulkRequest,
        strictness: Strictness,
        clock: &Clock,
        known: &HashMap<usize, Uuid>,
    ) -> Result<Self, ScimError> {
        let mut promises = Promises::new();
        let mut made = Made::new();
        let mut frames = Vec::with_capacity(request.operations.len());
        for (position, raw) in request.operations.iter().enumerate() {
            let frame = parse_frame(raw, &promises).map(|parsed| {
                if parsed.method == Method::Post {
                    let id = known
                        .get(&position)
                        .copied()
                        .unwrap_or_else(|| clock.new_id());
                    made.insert(id, (parsed.kind, position));
                    if let Some(name) = &raw.bulk_id {
                        let promise = Promise {
                            operation: position,
                            id,
                        };
                        promises.insert(name.clone(), promise);
                    }
                    (parsed, Some(id))
                } else {
                    (parsed, None)
                }
            });
            if let (Strictness::Request, Err(Flaw::Frame(error))) = (strictness, &frame) {
                return Err(error.clone());
            }
            frames.push(frame);
        }
        let planned = request
            .operations
            .into_iter()
            .zip(frames)
            .map(|(raw, frame)| resolve_target(raw, frame, &promises))
            .collect();
        Ok(Plan {
            operations: planned,
            promises,
            made,
            fail_on_errors: request.fail_on_errors,
        })
    }

    /// The operation at this position, with references replaced by the chosen ids.
    pub fn operation(&self, position: usize) -> Result<Operation, ScimError> {
        let planned = self.operations.get(position);
        let frame = match planned.map(|planned| &planned.frame) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(ScimError::new(500, "There is no such operation.")),
        };
        let data = || -> Result<Value, ScimError> {
            let Some(data) = &frame.data else {
                return Err(ScimError::value(
                    "The operation has no data; give the resource, or the patch.",
                ));
            };
            let mut value = json::parse(data.get().as_bytes())?;
            resolve(&mut value, &self.promises);
            Ok(value)
        };
        Ok(Operation {
            kind: frame.kind,
            id: frame.id,
            act: match frame.method {
                Method::Post => Act::Create(data()?),
                Method::Put => Act::Replace(data()?),
                Method::Patch => Act::Patch(data()?),
                Method::Delete => Act::Delete,
            },
            precondition: frame.precondition.clone(),
        })
    }

    /// Splits the operations into units that have to be done together: each reaches from an
    /// operation that refers to a later one to that later one.
    pub fn units(&self, from: usize) -> Vec<std::ops::Range<usize>> {
        let mut units = Vec::new();
        let (mut start, mut end) = (from, from);
        for position in from..self.operations.len() {
            if position >= end {
                if end > start {
                    units.push(start..end);
                }
                start = position;
                end = position + 1;
            }
            let planned = self.operations.get(position);
            let last = planned.and_then(|planned| planned.refers_to.iter().max());
            if let Some(last) = last {
                end = end.max(last + 1);
            }
        }
        if end > start {
            units.push(start..end);
        }
        units
    }
}

/// The frame of an operation.
struct ParsedFrame {
    method: Method,
    kind: Kind,
    /// The id in the path, as written.
    id: Option<String>,
}

/// Why an operation cannot be executed.
enum Flaw {
    /// Its frame is invalid; WSO2 refuses the whole request.
    Frame(ScimError),
    /// Its target is invalid.
    Path(ScimError),
}

impl Flaw {
    fn error(self) -> ScimError {
        match self {
            Flaw::Frame(error) | Flaw::Path(error) => error,
        }
    }
}

fn parse_frame(raw: &RawOperation, promises: &Promises) -> Result<ParsedFrame, Flaw> {
    if let Some(problem) = &raw.problem {
        return Err(Flaw::Frame(problem.clone()));
    }
    let Some(word) = &raw.method else {
        return Err(Flaw::Frame(ScimError::syntax(
            "The operation has no method; give POST, PUT, PATCH or DELETE.",
        )));
    };
    let Some(path) = &raw.path else {
        return Err(Flaw::Frame(ScimError::syntax(
            "The operation has no path; give /Users, /Groups, or the path of a resource.",
        )));
    };
    let Some(method) = Method::parse(word) else {
        return Err(Flaw::Path(ScimError::syntax(format!(
            "{word:?} is not a method of a bulk operation; give POST, PUT, PATCH or DELETE."
        ))));
    };
    if let Some(bulk_id) = &raw.bulk_id
        && (bulk_id.is_empty() || promises.contains_key(bulk_id))
    {
        return Err(Flaw::Frame(ScimError::value(match bulk_id.as_str() {
            "" => "The bulkId is empty; give one that no other operation has.".to_owned(),
            _ => format!("Duplicate bulkId found: {bulk_id}; give every operation its own."),
        })));
    }
    let (kind, id) = parse_path(path).map_err(Flaw::Path)?;
    match (method, &id) {
        (Method::Post, None) if raw.bulk_id.is_none() => Err(Flaw::Frame(ScimError::value(
            "Required attribute bulkId is missing in the request; a POST operation needs one.",
        ))),
        (Method::Post, Some(_)) => Err(Flaw::Path(ScimError::of(
            ErrorType::InvalidPath,
            format!(
                "POST creates a resource in a collection, not at {path}; give /Users or /Groups."
            ),
        ))),
        (Method::Put | Method::Patch | Method::Delete, None) => Err(Flaw::Path(ScimError::of(
            ErrorType::InvalidPath,
            format!("{word} needs the path of a resource, such as {path}/ID."),
        ))),
        _ => Ok(ParsedFrame { method, kind, id }),
    }
}

fn resolve_target(
    raw: RawOperation,
    frame: Result<(ParsedFrame, Option<Uuid>), Flaw>,
    promises: &Promises,
) -> Planned {
    let mut references = References::default();
    let frame = frame.map_err(Flaw::error).and_then(|(parsed, chosen)| {
        let ParsedFrame { method, kind, id } = parsed;
        let id = match (chosen, id) {
            (Some(chosen), _) => chosen,
            (None, Some(text)) => match text.strip_prefix(PREFIX) {
                Some(name) => {
                    references.note(name, promises);
                    promises
                        .get(name)
                        .map(|promise| promise.id)
                        .ok_or_else(|| unresolved(name))?
                }
                None => Uuid::try_parse(&text).map_err(|_| not_found(kind, &text))?,
            },
            (None, None) => return Err(ScimError::syntax("The operation has no resource.")),
        };
        let data = match method {
            Method::Delete => None,
            _ => raw.data,
        };
        if let Some(data) = &data {
            let value = json::parse(data.get().as_bytes())?;
            references.note_all(&value, promises);
        } else if method != Method::Delete {
            return Err(ScimError::value(
                "The operation has no data; give the resource, or the patch.",
            ));
        }
        if let Some(name) = references.unknown.first() {
            return Err(unresolved(name));
        }
        Ok(Frame {
            method,
            kind,
            id,
            precondition: Precondition::parse(raw.version.as_deref()),
            data,
        })
    });
    let mut refers_to = references.operations;
    refers_to.sort_unstable();
    refers_to.dedup();
    let makes = raw.method.as_deref() == Some("POST");
    Planned {
        path: raw.path.filter(|_| !makes),
        method: raw.method.unwrap_or_default(),
        bulk_id: raw.bulk_id,
        refers_to: if frame.is_ok() { refers_to } else { Vec::new() },
        frame,
    }
}

/// The error for a reference that cannot be resolved.
pub(super) fn unresolved(name: &str) -> ScimError {
    ScimError {
        status: 409,
        scim_type: Some(ErrorType::InvalidValue),
        detail: format!(
            "bulkId:{name} cannot be resolved: no operation of this request creates it, or the \
             operation failed."
        ),
    }
}

/// Parses the path: the collection, and the id if there is one: `/Users`, `Users/ID`.
fn parse_path(path: &str) -> Result<(Kind, Option<String>), ScimError> {
    let nowhere = || {
        ScimError::new(
            404,
            format!(
                "{path:?} is not a path of a bulk operation; give /Users, /Groups, or one of \
                 their resources, such as /Users/ID, below the base URL."
            ),
        )
    };
    let bare = path.strip_prefix('/').unwrap_or(path);
    let (collection, id) = match bare.split_once('/') {
        Some((collection, id)) => (collection, Some(id)),
        None => (bare, None),
    };
    let kind = match collection {
        "Users" => Kind::User,
        "Groups" => Kind::Group,
        "Bulk" => {
            return Err(ScimError::of(
                ErrorType::InvalidPath,
                "A bulk request cannot contain another one; send it separately.",
            ));
        }
        _ => return Err(nowhere()),
    };
    match id {
        Some("") | None => Ok((kind, None)),
        Some(id) if id.contains(['/', '?', '#']) && !id.starts_with(PREFIX) => Err(nowhere()),
        Some(id) => Ok((kind, Some(id.to_owned()))),
    }
}
