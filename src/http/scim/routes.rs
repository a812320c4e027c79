//! The table of routes below each address.

use actix_web::http::Method;

use crate::http::scim::mount::Mount;
use crate::users::operator::Role;
use crate::users::resources::Kind;

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Lists resources (RFC 7644 §3.4.2).
    List(Kind),
    /// Creates a resource (§3.3).
    Create(Kind),
    /// Returns a resource (§3.4.1).
    Get(Kind),
    /// Replaces a resource (§3.5.1).
    Replace(Kind),
    /// Modifies a resource (§3.5.2).
    Patch(Kind),
    /// Deletes a resource (§3.6).
    Delete(Kind),
    /// Lists the resources that a message asks for (§3.4.3); none: of every type.
    Search(Option<Kind>),
    /// Runs many operations (§3.7).
    Bulk,
    /// Returns the result of a queued Bulk request.
    GetBulk,
    /// An operation on the user with the caller's name (§3.11).
    Me(Me),
    /// Creates users like Zuora.
    ZuoraCreate,
    /// Updates users like Zuora.
    ZuoraUpdate,
    /// Returns the server's capabilities (RFC 7643 §5).
    ServiceProviderConfig,
    /// Lists the resource types (§6), or returns one.
    ResourceTypes,
    /// Lists the schemas (§7), or returns one.
    Schemas,
}

impl Operation {
    /// Whether its body contains many operations; such bodies have their own limits.
    pub fn is_bulk(self) -> bool {
        self.is_zuora() || self == Operation::Bulk
    }

    /// Whether it is one of Zuora's, whose answers have Zuora's format.
    pub fn is_zuora(self) -> bool {
        matches!(self, Operation::ZuoraCreate | Operation::ZuoraUpdate)
    }
}

/// An operation on the caller's own user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Me {
    /// Returns it.
    Get,
    /// Replaces it.
    Replace,
    /// Modifies it.
    Patch,
    /// Deletes it.
    Delete,
}

/// An operation and its address.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below the address, with `{id}` for any segment.
    pub path: &'static str,
    /// The operation.
    pub operation: Operation,
    /// The role that the caller needs; none if the operation is public.
    pub right: Option<Role>,
    /// The only address that has it; none if both have it.
    pub only: Option<Mount>,
}

macro_rules! route {
    ($method:ident $path:literal $operation:expr, $right:expr) => {
        route!($method $path $operation, $right, None)
    };
    ($method:ident $path:literal $operation:expr, $right:expr, $only:expr) => {
        Route {
            method: Method::$method,
            path: $path,
            operation: $operation,
            right: $right,
            only: $only,
        }
    };
}

const READ: Option<Role> = Some(Role::Read);
const IMPORT: Option<Role> = Some(Role::Import);
const ADMIN: Option<Role> = Some(Role::Admin);

/// The address of Zuora's calls; WSO2 has no such calls.
const RFC: Option<Mount> = Some(Mount::Rfc);

/// All routes. A path without variables precedes one that would match it too.
pub static ROUTES: [Route; 28] = [
    route!(GET "/Users" Operation::List(Kind::User), READ),
    route!(POST "/Users" Operation::Create(Kind::User), IMPORT),
    route!(POST "/Users/.search" Operation::Search(Some(Kind::User)), READ),
    route!(POST "/Users/bulk" Operation::ZuoraCreate, IMPORT, RFC),
    route!(PATCH "/Users/bulk" Operation::ZuoraUpdate, IMPORT, RFC),
    route!(GET "/Users/{id}" Operation::Get(Kind::User), READ),
    route!(PUT "/Users/{id}" Operation::Replace(Kind::User), IMPORT),
    route!(PATCH "/Users/{id}" Operation::Patch(Kind::User), IMPORT),
    route!(DELETE "/Users/{id}" Operation::Delete(Kind::User), ADMIN),
    route!(GET "/Groups" Operation::List(Kind::Group), READ),
    route!(POST "/Groups" Operation::Create(Kind::Group), ADMIN),
    route!(POST "/Groups/.search" Operation::Search(Some(Kind::Group)), READ),
    route!(GET "/Groups/{id}" Operation::Get(Kind::Group), READ),
    route!(PUT "/Groups/{id}" Operation::Replace(Kind::Group), IMPORT),
    route!(PATCH "/Groups/{id}" Operation::Patch(Kind::Group), IMPORT),
    route!(DELETE "/Groups/{id}" Operation::Delete(Kind::Group), ADMIN),
    route!(POST "/.search" Operation::Search(None), READ),
    route!(POST "/Bulk" Operation::Bulk, READ),
    route!(GET "/Bulk/{id}" Operation::GetBulk, READ),
    route!(GET "/Me" Operation::Me(Me::Get), READ),
    route!(PUT "/Me" Operation::Me(Me::Replace), IMPORT),
    route!(PATCH "/Me" Operation::Me(Me::Patch), IMPORT),
    route!(DELETE "/Me" Operation::Me(Me::Delete), ADMIN),
    route!(GET "/ServiceProviderConfig" Operation::ServiceProviderConfig, None),
    route!(GET "/ResourceTypes" Operation::ResourceTypes, READ),
    route!(GET "/ResourceTypes/{id}" Operation::ResourceTypes, READ),
    route!(GET "/Schemas" Operation::Schemas, READ),
    route!(GET "/Schemas/{id}" Operation::Schemas, READ),
];

/// The result of looking up a route.
#[derive(Debug)]
pub enum Match {
    /// A route, and the text of its variable segment if it has one.
    Route(&'static Route, Option<String>),
    /// The path exists, but not with this method; contains the value of `Allow` (RFC 9110 §10.2.1).
    OtherMethod(String),
    /// There is no such path.
    NotFound,
}

/// Finds the route of a request; `path` is the percent-decoded path after the address. `HEAD` is treated as
/// `GET`; its answer has no body.
///
/// A path that only the other address has is not found here, even if a resource's id could match it.
pub fn find(mount: Mount, method: &Method, path: &str) -> Match {
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let Some((pattern, variable)) = ROUTES
        .iter()
        .find_map(|route| Some((route.path, matches(route.path, path)?)))
    else {
        return Match::NotFound;
    };
    let matching =
        |route: &&Route| route.path == pattern && route.only.is_none_or(|only| only == mount);
    let mut of_path = ROUTES.iter().filter(matching).peekable();
    if of_path.peek().is_none() {
        return Match::NotFound;
    }
    if let Some(route) = of_path.find(|route| route.method == *method) {
        return Match::Route(route, variable.map(str::to_owned));
    }
    let of_path = ROUTES.iter().filter(matching);
    let methods: Vec<&str> = of_path.map(|route| route.method.as_str()).collect();
    Match::OtherMethod(methods.join(", "))
}

/// Whether the path matches this pattern, and the text of the variable segment.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    // A trailing slash is ignored.
    let path = path.strip_suffix('/').unwrap_or(path);
    match pattern.strip_suffix("{id}") {
        None if pattern == path => Some(None),
        None => None,
        Some(before) => {
            let id = path.strip_prefix(before)?;
            (!id.is_empty() && !id.contains('/')).then_some(Some(id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_matched_by_method_and_path() {
        let to = |method: Method, path: &str| match find(Mount::Rfc, &method, path) {
            Match::Route(route, id) => Some((route.operation, id)),
            _ => None,
        };
        let bulk = Some((Operation::ZuoraCreate, None));
        assert_eq!(to(Method::POST, "/Users/bulk"), bulk);
        for method in [Method::POST, Method::PATCH, Method::GET] {
            let found = find(Mount::Wso2, &method, "/Users/bulk");
            assert!(matches!(found, Match::NotFound), "{method}: {found:?}");
        }
        let one = Some((Operation::Get(Kind::User), Some("7".to_owned())));
        assert_eq!(to(Method::GET, "/Users/7"), one);
        assert_eq!(to(Method::HEAD, "/Users/7"), one);
        assert_eq!(to(Method::GET, "/Users/7/x"), None);
        assert_eq!(to(Method::GET, "/users"), None);
        let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
        let shown = Some((Operation::Schemas, Some(schema.to_owned())));
        assert_eq!(to(Method::GET, &format!("/Schemas/{schema}")), shown);
    }

    #[test]
    fn other_methods_get_the_allowed_ones() {
        let Match::OtherMethod(allow) = find(Mount::Rfc, &Method::POST, "/Schemas") else {
            unreachable!()
        };
        assert_eq!(allow, "GET");
        let Match::OtherMethod(allow) = find(Mount::Rfc, &Method::OPTIONS, "/Users/7") else {
            unreachable!()
        };
        assert_eq!(allow, "GET, PUT, PATCH, DELETE");
        assert!(matches!(
            find(Mount::Rfc, &Method::GET, "/nothing"),
            Match::NotFound
        ));
    }
}
