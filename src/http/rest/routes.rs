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

/// Where a request leads.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// To an operation.
    To(&'static Route),
    /// To this path of the table, which does not take the method.
    OtherMethod(&'static str),
    /// To nothing that is in the table.
    Nowhere,
}

/// Finds the way of a request.
pub fn find(method: &Method, path: &str) -> Way {
    let Some(first) = ROUTES.iter().find(|route| leads_to(route.path, path)) else {
        return Way::Nowhere;
    };
    let mut same = ROUTES.iter().filter(|route| route.path == first.path);
    match same.find(|route| route.method == *method) {
        Some(route) => Way::To(route),
        None => Way::OtherMethod(first.path),
    }
}

/// Whether `path` is one of the table's, whose segments in braces stand for any text.
fn leads_to(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(variable), Some(text)) if variable.starts_with('{') && !text.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
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
    }

    #[test]
    fn every_path_leads_somewhere_or_nowhere() {
        for (method, path, expected) in [
            ("POST", "/api/v1/imports", "CreateImport"),
            ("POST", "/api/v1/imports/preview", "PreviewImport"),
            ("GET", "/api/v1/imports/01a2", "GetImport"),
            ("POST", "/api/v1/imports/01a2/undo", "UndoImport"),
            ("PUT", "/api/v1/imports", "not PUT"),
            ("GET", "/api/v1/imports/preview", "not GET"),
            ("POST", "/api/v1/imports/", "nowhere"),
            ("POST", "/api/v1/import", "nowhere"),
            ("GET", "/api/v1/imports/01a2/undo/x", "nowhere"),
            ("GET", "/", "nowhere"),
        ] {
            let found = match find(&Method::from_bytes(method.as_bytes()).unwrap(), path) {
                Way::To(route) => format!("{:?}", route.operation),
                Way::OtherMethod(_) => format!("not {method}"),
                Way::Nowhere => "nowhere".to_owned(),
            };
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
