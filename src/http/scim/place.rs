//! Parses a path into the dialect's address, the organization that the path names, and the rest.
//!
//! WSO2 Identity Server also has its dialect below `/t/{tenant}` and `/o/{organization}`. The organization in a path
//! must be the caller's, or can be any for an operator of all organizations.

use actix_web::http::StatusCode;
use percent_encoding::percent_decode_str;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::scim::error::{self, Failure};
use crate::http::scim::mount::Mount;
use crate::users::organization::canonical_in_path;

/// The segments before the name of an organization.
const PREFIXES: [&str; 2] = ["t", "o"];

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The dialect.
    pub mount: Mount,
    /// The path of the address, without a trailing slash: `/scim2`, `/t/acme/scim2`.
    pub prefix: String,
    /// The organization in the path, as written.
    pub organization: Option<String>,
    /// The percent-decoded path after the address. Bytes that are not UTF-8 are replaced by a character that no
    /// route has, so that the path is not found.
    pub below: String,
}

impl Place {
    /// Parses a path; none if it is not below an address of a dialect.
    pub fn of(path: &str) -> Option<Self> {
        let found = Mount::ALL
            .into_iter()
            .find_map(|mount| Some((mount, below(path, mount.path())?)));
        if let Some((mount, rest)) = found {
            return Some(Place::new(mount, mount.path().to_owned(), None, rest));
        }
        let mut segments = path.strip_prefix('/')?.splitn(3, '/');
        let (before, name, _) = (segments.next()?, segments.next()?, segments.next()?);
        if !PREFIXES.contains(&before) || name.is_empty() {
            return None;
        }
        let prefix = format!("/{before}/{name}{}", Mount::Wso2.path());
        let rest = below(path, &prefix)?;
        let name = decoded(name);
        Some(Place::new(Mount::Wso2, prefix, Some(name), rest))
    }

    fn new(mount: Mount, prefix: String, organization: Option<String>, rest: &str) -> Self {
        Place {
            mount,
            prefix,
            organization,
            below: decoded(rest),
        }
    }

    /// The caller in the organization in the path.
    ///
    /// # Errors
    /// They may not act there, or, for an operator of all organizations, there is no such organization.
    pub fn enter(&self, app: &App, caller: Caller) -> Result<Caller, Failure> {
        let Some(name) = &self.organization else {
            return Ok(caller);
        };
        let organization =
            canonical_in_path(app.store.as_ref(), name).map_err(|error| error::store(&error))?;
        match organization {
            Some(organization) if organization == caller.organization || caller.anywhere => {
                Ok(Caller {
                    organization,
                    anywhere: false,
                    ..caller
                })
            }
            None if caller.anywhere => Err(Failure::new(
                StatusCode::NOT_FOUND,
                format!(
                    "There is no organization {name}; `muster organization list` shows all organizations."
                ),
            )),
            // The answer does not reveal to other callers whether the organization exists.
            Some(_) | None => Err(Failure::new(
                StatusCode::FORBIDDEN,
                format!(
                    "You act in the organization {} and may not act in {name}; remove it from the \
                     path, or call with credentials of that organization.",
                    caller.organization
                ),
            )),
        }
    }
}

/// The part of a path after the address; none if the path is not below it.
fn below<'p>(path: &'p str, address: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(address)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_dialect_and_an_organization() {
        let place = |path: &str| {
            let found = Place::of(path)?;
            Some((found.mount, found.prefix, found.organization, found.below))
        };
        let to = |mount, prefix: &str, organization: Option<&str>, below: &str| {
            let organization = organization.map(str::to_owned);
            Some((mount, prefix.to_owned(), organization, below.to_owned()))
        };
        let (rfc, wso2) = (Mount::Rfc, Mount::Wso2);
        assert_eq!(place("/scim/v2/Users"), to(rfc, "/scim/v2", None, "/Users"));
        assert_eq!(place("/scim2"), to(wso2, "/scim2", None, ""));
        assert_eq!(
            place("/t/acme/scim2/Users/7"),
            to(wso2, "/t/acme/scim2", Some("acme"), "/Users/7")
        );
        assert_eq!(
            place("/o/a%20b/scim2/Bulk"),
            to(wso2, "/o/a%20b/scim2", Some("a b"), "/Bulk")
        );
        for path in [
            "/scim2x/Users",
            "/t/acme/scim2x",
            "/t/acme/scim/v2/Users",
            "/t//scim2/Users",
            "/t/scim2/Users",
            "/x/acme/scim2/Users",
            "/",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
    }
}
