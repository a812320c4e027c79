//! The one table of what there is below each address.

use actix_web::http::Method;

use crate::http::scim::mount::Mount;
use crate::users::operator::Role;
use crate::users::resources::Kind;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Lists resources (RFC 7644 §3.4.2).
    List(Kind),
    /// Makes a resource (§3.3).
    Create(Kind),
    /// Shows a resource (§3.4.1).
    Get(Kind),
    /// Replaces a resource (§3.5.1).
    Replace(Kind),
    /// Changes a resource (§3.5.2).
    Patch(Kind),
    /// Removes a resource (§3.6).
    Delete(Kind),
    /// Lists resources as a message says (§3.4.3); none: of every type.
    Search(Option<Kind>),
    /// Carries out many operations (§3.7).
    Bulk,
    /// Tells what became of a Bulk request that was queued.
    GetBulk,
    /// The user who has the caller's name (§3.11).
    Me(Me),
    /// Makes users as Zuora does.
    ZuoraCreate,
    /// Changes users as Zuora does.
    ZuoraUpdate,
    /// Says what the server can do (RFC 7643 §5).
    ServiceProviderConfig,
    /// Lists the resource types (§6), or shows one.
    ResourceTypes,
    /// Lists the schemas (§7), or shows one.
    Schemas,
}

impl Operation {
    /// Whether many operations come with it, which have limits of their own.
    pub fn is_bulk(self) -> bool {
        self.is_zuora() || self == Operation::Bulk
    }

    /// Whether it is one of Zuora's, whose callers are answered in Zuora's words.
    pub fn is_zuora(self) -> bool {
        matches!(self, Operation::ZuoraCreate | Operation::ZuoraUpdate)
    }
}

/// What is done to the caller's own user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Me {
    /// Shows it.
    Get,
    /// Replaces it.
    Replace,
    /// Changes it.
    Patch,
    /// Removes it.
    Delete,
}

/// One operation, and where it is.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below the address, with `{id}` for any segment.
    pub path: &'static str,
    /// The operation.
    pub operation: Operation,
    /// What the caller has to be at least; none: anybody.
    pub right: Option<Role>,
    /// The only address that has it; none: both have.
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

/// Where Zuora's calls are: WSO2 has none of that kind.
const RFC: Option<Mount> = Some(Mount::Rfc);

/// Everything there is. A path without variables stands before one that would match it too.
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

/// Where a path leads.
#[derive(Debug)]
pub enum Way {
    /// To an operation, with the text of the variable segment where there is one.
    To(&'static Route, Option<String>),
    /// To something that does not take the method, but those that `Allow` lists (RFC 9110 §10.2.1).
    OtherMethod(String),
    /// Nowhere.
    Nowhere,
}

/// Finds the way of a request; `path` is what follows the address, percent-decoded. `HEAD` is `GET`
/// without the answer's body.
///
/// A path that only the other address has leads nowhere, and not to a resource whose id reads like it.
pub fn find(mount: Mount, method: &Method, path: &str) -> Way {
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let Some((pattern, variable)) = ROUTES
        .iter()
        .find_map(|route| Some((route.path, matches(route.path, path)?)))
    else {
        return Way::Nowhere;
    };
    let here =
        |route: &&Route| route.path == pattern && route.only.is_none_or(|only| only == mount);
    let mut of_path = ROUTES.iter().filter(here).peekable();
    if of_path.peek().is_none() {
        return Way::Nowhere;
    }
    if let Some(route) = of_path.find(|route| route.method == *method) {
        return Way::To(route, variable.map(str::to_owned));
    }
    let of_path = ROUTES.iter().filter(here);
    let methods: Vec<&str> = of_path.map(|route| route.method.as_str()).collect();
    Way::OtherMethod(methods.join(", "))
}

/// Whether the path is of this pattern, and the text of the variable segment.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    // A slash at the end is tolerated.
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
    fn paths_lead_to_operations() {
        let to = |method: Method, path: &str| match find(Mount::Rfc, &method, path) {
            Way::To(route, id) => Some((route.operation, id)),
            _ => None,
        };
        let bulk = Some((Operation::ZuoraCreate, None));
        assert_eq!(to(Method::POST, "/Users/bulk"), bulk);
        for method in [Method::POST, Method::PATCH, Method::GET] {
            let way = find(Mount::Wso2, &method, "/Users/bulk");
            assert!(matches!(way, Way::Nowhere), "{method}: {way:?}");
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
    fn other_methods_are_told_which_ones_there_are() {
        let Way::OtherMethod(allow) = find(Mount::Rfc, &Method::POST, "/Schemas") else {
            unreachable!()
        };
        assert_eq!(allow, "GET");
        let Way::OtherMethod(allow) = find(Mount::Rfc, &Method::OPTIONS, "/Users/7") else {
            unreachable!()
        };
        assert_eq!(allow, "GET, PUT, PATCH, DELETE");
        assert!(matches!(
            find(Mount::Rfc, &Method::GET, "/nothing"),
            Way::Nowhere
        ));
    }
}
