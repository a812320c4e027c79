//! The one table of what there is; the server is built from it, and the OpenAPI document is checked
//! against it.

use actix_web::http::Method;

use crate::users::operator::Role;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Imports a file.
    CreateImport,
    /// Imports a file without writing anything.
    PreviewImport,
    /// Lists imports.
    ListImports,
    /// Tells how an import stands.
    GetImport,
    /// Lists what was found in an import's rows.
    ListProblems,
    /// Gives the rows that were not stored.
    GetRejects,
    /// Tells how an import comes along.
    StreamEvents,
    /// Stops an import.
    CancelImport,
    /// Takes an import back.
    UndoImport,
    /// Lists who did what.
    ListAudit,
    /// Gives the OpenAPI document.
    GetDocument,
}

impl Operation {
    /// Whether a file comes with it.
    pub fn is_upload(self) -> bool {
        matches!(self, Operation::CreateImport | Operation::PreviewImport)
    }
}

/// One operation, and where it is.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{id}` for an import's id.
    pub path: &'static str,
    /// The operation.
    pub operation: Operation,
    /// What the caller has to be; none: anybody.
    pub right: Option<Role>,
    /// Names of the query's parameters.
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

/// The options that may come again, each time with another value.
pub const REPEATABLE: &[&str] = &["map"];

/// The options of a preview, which is a dry run by itself.
const PREVIEW_OPTIONS: &[&str] = &[
    "domain",
    "fileName",
    "conflict",
    "stopAfter",
    "header",
    "map",
    "sheet",
];

/// Everything there is. A path without variables stands before one that would match it too.
pub static ROUTES: [Route; 11] = [
    Route {
        method: Method::POST,
        path: "/api/v1/imports",
        operation: Operation::CreateImport,
        right: Some(Role::Import),
        parameters: OPTIONS,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports",
        operation: Operation::ListImports,
        right: Some(Role::Read),
        parameters: &["limit", "cursor"],
    },
    Route {
        method: Method::POST,
        path: "/api/v1/imports/preview",
        operation: Operation::PreviewImport,
        right: Some(Role::Import),
        parameters: PREVIEW_OPTIONS,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}",
        operation: Operation::GetImport,
        right: Some(Role::Read),
        parameters: &[],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}/problems",
        operation: Operation::ListProblems,
        right: Some(Role::Read),
        parameters: &["skip", "limit"],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}/rejects",
        operation: Operation::GetRejects,
        right: Some(Role::Read),
        parameters: &[],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/imports/{id}/events",
        operation: Operation::StreamEvents,
        right: Some(Role::Read),
        parameters: &[],
    },
    Route {
        method: Method::POST,
        path: "/api/v1/imports/{id}/cancel",
        operation: Operation::CancelImport,
        right: Some(Role::Import),
        parameters: &[],
    },
    Route {
        method: Method::POST,
        path: "/api/v1/imports/{id}/undo",
        operation: Operation::UndoImport,
        right: Some(Role::Import),
        parameters: &[],
    },
    Route {
        method: Method::GET,
        path: "/api/v1/audit",
        operation: Operation::ListAudit,
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

/// The upload that this method and path ask for.
pub fn upload(method: &Method, path: &str) -> Option<&'static Route> {
    ROUTES
        .iter()
        .find(|route| route.operation.is_upload() && route.method == *method && route.path == path)
}

/// The methods that a path takes, as `Allow` lists them (RFC 9110 §10.2.1).
pub fn allowed(path: &str) -> String {
    let methods = ROUTES.iter().filter(|route| route.path == path);
    let names: Vec<&str> = methods.map(|route| route.method.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(allowed("/api/v1/imports"), "POST, GET");
        assert_eq!(allowed("/api/v1/imports/preview"), "POST");
        assert!(upload(&Method::POST, "/api/v1/imports/preview").is_some());
        assert!(upload(&Method::GET, "/api/v1/imports").is_none());
    }
}
