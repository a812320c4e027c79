//! The table of routes. The server is built from it.

use actix_web::http::Method;

use crate::http::web::front_end::PATH;
use crate::users::operator::Role;

/// An operation of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Redirects to the list of imports.
    Home,
    /// An embedded file.
    Asset,
    /// Shows the form for signing in.
    ShowSignIn,
    /// Signs in.
    SignIn,
    /// Signs out.
    SignOut,
    /// Shows the form that sets the first operator's password.
    ShowFirstRun,
    /// Sets the first operator's password.
    FirstRun,
    /// Lists the operator's sessions.
    ListSessions,
    /// Ends a session.
    RevokeSession,
    /// Lists imports.
    ListImports,
    /// Shows the form for a file.
    ShowFile,
    /// Uploads a file.
    Upload,
    /// Downloads an empty file with the columns that Muster knows.
    CsvTemplate,
    /// The same as a workbook.
    ExcelTemplate,
    /// Shows how the file was understood.
    ShowColumns,
    /// Changes how the file is understood.
    SetColumns,
    /// Shows the options of the import.
    ShowOptions,
    /// Sets the options.
    SetOptions,
    /// The estimate, as JSON.
    Estimate,
    /// Shows what the import would do.
    ShowCheck,
    /// The progress of the check, as JSON.
    CheckProgress,
    /// Checks the file again.
    CheckAgain,
    /// Edits a cell.
    EditCell,
    /// Corrects all rows with one kind of problem.
    AddMend,
    /// Removes such a correction.
    RemoveMend,
    /// Imports the file.
    Run,
    /// Forgets the file.
    Discard,
    /// Shows an import: its progress or its report.
    ShowImport,
    /// The same figures as JSON.
    ImportFigures,
    /// The progress as server-sent events.
    ImportEvents,
    /// Cancels an import.
    CancelImport,
    /// Asks for confirmation, then undoes an import.
    UndoImport,
    /// Downloads the rejected rows.
    Rejects,
    /// Downloads the generated passwords, once.
    Passwords,
    /// Makes a draft of the rejected rows.
    MendRejects,
}

/// An operation and its address.
#[derive(Debug)]
pub struct Route {
    /// The method; `GET` includes `HEAD`.
    pub method: Method,
    /// The path below the portal's, with `{}` for a variable segment.
    pub path: &'static str,
    /// The operation.
    pub operation: Operation,
    /// The role that the operator needs; none: the page can be used without signing in.
    pub right: Option<Role>,
}

const fn get(path: &'static str, operation: Operation, right: Option<Role>) -> Route {
    let method = Method::GET;
    Route {
        method,
        path,
        operation,
        right,
    }
}

const fn post(path: &'static str, operation: Operation, right: Option<Role>) -> Route {
    let method = Method::POST;
    Route {
        method,
        path,
        operation,
        right,
    }
}

const IMPORT: Option<Role> = Some(Role::Import);
const READ: Option<Role> = Some(Role::Read);

/// All routes. A path without variables precedes one that would match it too.
pub static ROUTES: [Route; 36] = [
    get("/", Operation::Home, None),
    get("/assets/{}/{}", Operation::Asset, None),
    get("/sign-in", Operation::ShowSignIn, None),
    post("/sign-in", Operation::SignIn, None),
    post("/sign-out", Operation::SignOut, None),
    get("/first-run", Operation::ShowFirstRun, None),
    post("/first-run", Operation::FirstRun, None),
    get("/sessions", Operation::ListSessions, READ),
    post("/sessions/{}/revoke", Operation::RevokeSession, READ),
    get("/imports", Operation::ListImports, READ),
    get("/imports/new", Operation::ShowFile, IMPORT),
    post("/imports/new", Operation::Upload, IMPORT),
    get("/template.csv", Operation::CsvTemplate, IMPORT),
    get("/template.xlsx", Operation::ExcelTemplate, IMPORT),
    get("/drafts/{}/columns", Operation::ShowColumns, IMPORT),
    post("/drafts/{}/columns", Operation::SetColumns, IMPORT),
    get("/drafts/{}/options", Operation::ShowOptions, IMPORT),
    post("/drafts/{}/options", Operation::SetOptions, IMPORT),
    get("/drafts/{}/estimate", Operation::Estimate, IMPORT),
    get("/drafts/{}/check", Operation::ShowCheck, IMPORT),
    post("/drafts/{}/check", Operation::CheckAgain, IMPORT),
    get("/drafts/{}/check.json", Operation::CheckProgress, IMPORT),
    post("/drafts/{}/cells", Operation::EditCell, IMPORT),
    post("/drafts/{}/mends", Operation::AddMend, IMPORT),
    post("/drafts/{}/mends/{}/remove", Operation::RemoveMend, IMPORT),
    post("/drafts/{}/run", Operation::Run, IMPORT),
    post("/drafts/{}/cancel", Operation::Discard, IMPORT),
    get("/imports/{}.json", Operation::ImportFigures, READ),
    get("/imports/{}", Operation::ShowImport, READ),
    get("/imports/{}/events", Operation::ImportEvents, READ),
    get("/imports/{}/rejects.csv", Operation::Rejects, READ),
    post("/imports/{}/cancel", Operation::CancelImport, IMPORT),
    post("/imports/{}/undo", Operation::UndoImport, IMPORT),
    post("/imports/{}/passwords", Operation::Passwords, IMPORT),
    post("/imports/{}/mend", Operation::MendRejects, IMPORT),
    // The address without the slash at the end.
    get("", Operation::Home, None),
];

/// The result of looking up a route.
#[derive(Debug)]
pub enum Match {
    /// The route, and the variable segments of the path.
    Route(&'static Route, Vec<String>),
    /// The path exists, but not with this method; `Allow` has these.
    OtherMethod(String),
    /// No path of the table matches.
    NotFound,
}

/// Whether the path belongs to the portal, whether or not it has a route.
pub fn is_own_path(path: &str) -> bool {
    path.strip_prefix(PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Finds the route of a request.
pub fn find(method: &Method, path: &str) -> Match {
    let Some(path) = path.strip_prefix(PATH) else {
        return Match::NotFound;
    };
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let mut allowed: Vec<&str> = Vec::new();
    for route in &ROUTES {
        let Some(variables) = variables(route.path, path) else {
            continue;
        };
        if route.method == *method {
            return Match::Route(route, variables);
        }
        allowed.push(route.method.as_str());
    }
    match allowed.is_empty() {
        true => Match::NotFound,
        false => Match::OtherMethod(allowed.join(", ")),
    }
}

/// The variable segments of a path that matches the table's `pattern`.
fn variables(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) => match wanted.strip_prefix("{}") {
                Some(end) => {
                    let value = given.strip_suffix(end).filter(|value| !value.is_empty())?;
                    found.push(value.to_owned());
                }
                None if wanted == given => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_matched_by_method_and_path() {
        for (method, path, expected) in [
            ("GET", "/portal", "Home []"),
            ("GET", "/portal/", "Home []"),
            ("HEAD", "/portal/imports", "ListImports []"),
            ("GET", "/portal/imports/new", "ShowFile []"),
            ("GET", "/portal/imports/01a2", "ShowImport [\"01a2\"]"),
            (
                "GET",
                "/portal/imports/01a2.json",
                "ImportFigures [\"01a2\"]",
            ),
            (
                "POST",
                "/portal/drafts/7/mends/0/remove",
                "RemoveMend [\"7\", \"0\"]",
            ),
            ("POST", "/portal/imports", "not POST: GET"),
            ("DELETE", "/portal/drafts/7/check", "not DELETE: GET, POST"),
            ("GET", "/portal/drafts//check", "not found"),
            ("GET", "/portal/imports/", "not found"),
            ("GET", "/portals", "not found"),
            ("GET", "/", "not found"),
        ] {
            let found = match find(&Method::from_bytes(method.as_bytes()).unwrap(), path) {
                Match::Route(route, variables) => format!("{:?} {variables:?}", route.operation),
                Match::OtherMethod(allowed) => format!("not {method}: {allowed}"),
                Match::NotFound => "not found".to_owned(),
            };
            assert_eq!(found, expected, "{method} {path}");
        }
    }

    #[test]
    fn changes_are_never_made_by_get() {
        for route in &ROUTES {
            let shows = route.method == Method::GET;
            let name = format!("{:?}", route.operation);
            let changes = [
                "SignOut",
                "Revoke",
                "Upload",
                "Set",
                "Edit",
                "Add",
                "Remove",
                "Run",
                "Discard",
                "Cancel",
                "Undo",
                "Passwords",
                "Mend",
                "Again",
            ];
            let changes = changes.iter().any(|verb| name.starts_with(verb));
            assert!(!(shows && changes), "{name}");
        }
    }
}
