//! The table of routes. The server is built from it, and the OpenAPI document is tested against it.

use actix_web::http::Method;

use crate::users::operator::Role;

/// An operation, by the part of the front end that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Its body is a file.
    Upload(UploadOperation),
    /// It changes an import, and its body is empty.
    Change(ChangeOperation),
    /// It changes nothing and has no body.
    Read(ReadOperation),
    /// Returns the OpenAPI document, for every caller.
    GetDocument,
}

/// An operation whose body is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadOperation {
    /// Imports a file.
    CreateImport,
    /// Imports a file without writing anything.
    PreviewImport,
}

/// An operation that changes an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOperation {
    /// Cancels an import.
    CancelImport,
    /// Undoes an import.
    UndoImport,
}

/// An operation that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOperation {
    /// Lists imports.
    ListImports,
    /// Returns an import's record and progress.
    GetImport,
    /// Lists the problems found in an import's rows.
    ListProblems,
    /// Returns the rows that were not stored.
    GetRejects,
    /// Streams an import's progress.
    StreamEvents,
    /// Lists the audit log.
    ListAudit,
}

/// An operation and its address.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{id}` for an import's id.
    pub path: &'static str,
    /// The operation.
    pub operation: Operation,
    /// The role that the caller needs; none if the operation is public.
    pub right: Option<Role>,
    /// Names of the query parameters.
    pub parameters: &'static [&'static str],
}

/// The options of an import.
const OPTIONS: &[&str] = &[
    "domain",
    "fileName",
    "conflict",
    "dryRun",
    "validateFirst",
    "stopAfter",
    "generatePasswords",
    "header",
    "map",
    "sheet",
];

/// The options that can be repeated, each time with another value.
pub const REPEATABLE: &[&str] = &["map"];

/// The options of a preview, which is always a dry run.
const PREVIEW_OPTIONS: &[&str] = &[
    "domain",
    "fileName",
    "conflict",
    "stopAfter",
    "header",
    "map",
    "sheet",
];

/// All routes. A path without variables precedes one that would match it too.
pub static ROUTES: [Route; 11] = [
    Route {
        method: Method::POST,
        path: "/api/v1/imports",
        operation: Operation::Upload(UploadOperation::CreateImport),
        right: Some(Role::Import),
        parameters: OPTIONS,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports",
        operation: Operation::Read(ReadOperation::ListImports),
        right: Some(Role::Read),
        parameters: &[
            "limit", "cursor", "state", "channel", "operator", "fileName", "since", "until",
        ],
    },
    Route {
        method: Method::POST,
        path: "/api/v1/imports/preview",
        operation: Operation::Upload(UploadOperation::PreviewImport),
        right: Some(Role::Import),
        parameters: PREVIEW_OPTIONS,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}",
        operation: Operation::Read(ReadOperation::GetImport),
        right: Some(Role::Read),
        parameters: &[],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}/problems",
        operation: Operation::Read(ReadOperation::ListProblems),
        right: Some(Role::Read),
        parameters: &["skip", "limit"],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}/rejects",
        operation: Operation::Read(ReadOperation::GetRejects),
        right: Some(Role::Read),
        parameters: &[],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}/events",
        operation: Operation::Read(ReadOperation::StreamEvents),
        right: Some(Role::Read),
        parameters: &[],
    },
    Route {
        method: Method::POST,
        path: "/api/v1/imports/{id}/cancel",
        operation: Operation::Change(ChangeOperation::CancelImport),
        right: Some(Role::Import),
        parameters: &[],
    },
    Route {
        method: Method::POST,
        path: "/api/v1/imports/{id}/undo",
        operation: Operation::Change(ChangeOperation::UndoImport),
        right: Some(Role::Import),
        parameters: &[],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/audit",
        operation: Operation::Read(ReadOperation::ListAudit),
        right: Some(Role::Admin),
        parameters: &["limit", "cursor"],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/openapi.json",
        operation: Operation::GetDocument,
        right: None,
        parameters: &[],
    },
];

/// The result of looking up a route.
#[derive(Debug)]
pub enum Match {
    /// The route of an operation, and the import's id if the path has one.
    Route(&'static Route, Option<String>),
    /// This path of the table exists, but not with this method.
    OtherMethod(&'static str),
    /// No path of the table matches.
    NotFound,
}

/// Finds the route of a request.
pub fn find(method: &Method, path: &str) -> Match {
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let found = ROUTES
        .iter()
        .find_map(|route| Some((route, matches_pattern(route.path, path)?)));
    let Some((first, id)) = found else {
        return Match::NotFound;
    };
    let mut same = ROUTES.iter().filter(|route| route.path == first.path);
    match same.find(|route| route.method == *method) {
        Some(route) => Match::Route(route, id.map(str::to_owned)),
        None => Match::OtherMethod(first.path),
    }
}

/// Whether `path` matches the table's `pattern`, and the text of the segment in braces if there is one.
fn matches_pattern<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut id = None;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(id),
            (Some(variable), Some(text)) if variable.starts_with('{') && !text.is_empty() => {
                id = Some(text);
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

/// The methods of a path, as in `Allow` (RFC 9110 §10.2.1).
pub fn allowed(path: &str) -> String {
    let methods = ROUTES.iter().filter(|route| route.path == path);
    let names: Vec<&str> = methods.map(|route| route.method.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_lists_the_methods_of_a_path() {
        assert_eq!(allowed("/api/v1/imports"), "POST, GET");
        assert_eq!(allowed("/api/v1/imports/preview"), "POST");
    }

    #[test]
    fn requests_are_matched_by_method_and_path() {
        for (method, path, expected) in [
            ("POST", "/api/v1/imports", "Upload(CreateImport)"),
            ("POST", "/api/v1/imports/preview", "Upload(PreviewImport)"),
            ("GET", "/api/v1/imports/01a2", "Read(GetImport)"),
            ("POST", "/api/v1/imports/01a2/undo", "Change(UndoImport)"),
            ("PUT", "/api/v1/imports", "not PUT"),
            ("GET", "/api/v1/imports/preview", "not GET"),
            ("POST", "/api/v1/imports/", "not found"),
            ("POST", "/api/v1/import", "not found"),
            ("GET", "/api/v1/imports/01a2/undo/x", "not found"),
            ("GET", "/", "not found"),
        ] {
            let found = match find(&Method::from_bytes(method.as_bytes()).unwrap(), path) {
                Match::Route(route, _) => format!("{:?}", route.operation),
                Match::OtherMethod(_) => format!("not {method}"),
                Match::NotFound => "not found".to_owned(),
            };
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
