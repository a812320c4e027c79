//! The domains (user stores) of an organization, and the rules of each for user names.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;
use crate::quoted;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::name::split_domain;

/// `[domains]` of the settings: one table per domain, keyed by its name.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, DomainSettings>);

/// `[domains.NAME]` of the settings.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DomainSettings {
    /// A pattern that a user name of this domain has to match as a whole.
    pub user_name_rule: Option<Pattern>,
}

/// An existing domain, by its upper-case name.
#[derive(Debug, Clone)]
pub struct Domain {
    /// The name, in upper case.
    pub name: String,
    /// A pattern that a user name has to match as a whole.
    pub user_name_rule: Option<Pattern>,
    /// The names of all domains, including this one.
    pub all: Arc<[String]>,
}

/// The result of removing a domain prefix from a name in a request for a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualified<'n> {
    /// This name, in the request's domain.
    Here(&'n str),
    /// This name, which was prefixed with another domain.
    Elsewhere(&'n str),
    /// The text before the first `/` is not a domain.
    Unknown(&'n str),
}

impl Domain {
    /// Removes the name of a domain, in any case, from the front of `name`.
    pub fn strip<'n>(&self, name: &'n str) -> Qualified<'n> {
        let Some((prefix, rest)) = name.split_once('/') else {
            return Qualified::Here(name);
        };
        let named = |domain: &str| match prefix.is_ascii() {
            true => prefix.eq_ignore_ascii_case(domain),
            false => prefix.to_uppercase() == domain,
        };
        if named(&self.name) {
            Qualified::Here(rest)
        } else if self.all.iter().any(|domain| named(domain)) {
            Qualified::Elsewhere(rest)
        } else {
            Qualified::Unknown(prefix)
        }
    }
}

/// All domains. `PRIMARY` is always one of them.
#[derive(Debug, Clone)]
pub struct Domains {
    settings: BTreeMap<String, DomainSettings>,
    all: Arc<[String]>,
}

impl Domains {
    /// The domains of the settings, and `PRIMARY`.
    pub fn new(settings: &Settings) -> Self {
        let mut domains: BTreeMap<String, DomainSettings> = settings
            .0
            .iter()
            .map(|(name, domain)| (name.to_uppercase(), domain.clone()))
            .collect();
        domains.entry(PRIMARY_DOMAIN.to_owned()).or_default();
        let all = domains.keys().cloned().collect();
        Domains {
            settings: domains,
            all,
        }
    }

    /// The domain called `name`, in any case; no name or a blank one means `PRIMARY`.
    ///
    /// # Errors
    /// There is no such domain.
    pub fn find(&self, name: Option<&str>) -> Result<Domain, UnknownDomain> {
        let name = name
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .unwrap_or(PRIMARY_DOMAIN);
        let upper = name.to_uppercase();
        match self.settings.get(&upper) {
            Some(domain) => Ok(Domain {
                name: upper,
                user_name_rule: domain.user_name_rule.clone(),
                all: Arc::clone(&self.all),
            }),
            None => Err(UnknownDomain {
                name: quoted::word(name),
                known: self.names().join(", "),
            }),
        }
    }

    /// The domain and the bare name that `qualified` (`DOMAIN/name`, or a name of `PRIMARY`) refers
    /// to.
    ///
    /// # Errors
    /// There is no such domain.
    pub fn split<'n>(&self, qualified: &'n str) -> Result<(Domain, &'n str), UnknownDomain> {
        match split_domain(qualified) {
            (Some(domain), name) if !domain.trim().is_empty() => {
                Ok((self.find(Some(domain))?, name))
            }
            _ => Ok((self.find(None)?, qualified)),
        }
    }

    /// The same for a name that may contain a `/` itself: the text before the first one is a domain
    /// only if there is a domain of that name; otherwise the whole text is a name of `PRIMARY`.
    ///
    /// # Errors
    /// Never in practice: `PRIMARY` always exists.
    pub fn split_known<'n>(&self, qualified: &'n str) -> Result<(Domain, &'n str), UnknownDomain> {
        if let (Some(domain), name) = split_domain(qualified)
            && let Ok(domain) = self.find(Some(domain))
            && !name.is_empty()
        {
            return Ok((domain, name));
        }
        Ok((self.find(None)?, qualified))
    }

    /// All names, including `PRIMARY`.
    pub fn names(&self) -> Vec<&str> {
        self.all.iter().map(String::as_str).collect()
    }
}

/// A domain that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("There is no user store domain {name:?}. Known domains are {known}.")]
pub struct UnknownDomain {
    name: String,
    known: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualified_name_begins_with_its_domain() {
        let settings: Settings = toml::from_str("[sales]\n").unwrap();
        let domains = Domains::new(&settings);
        let split = |name| {
            let (domain, bare) = domains.split(name).unwrap();
            format!("{} {bare}", domain.name)
        };
        assert_eq!(split("Sales/kim"), "SALES kim");
        assert_eq!(split("kim"), "PRIMARY kim");
        assert_eq!(split("/kim"), "PRIMARY /kim");
        assert!(domains.split("HR/kim").is_err());
    }

    #[test]
    fn only_known_domains_are_stripped_from_names() {
        let settings: Settings = toml::from_str("[sales]\n[\"größe\"]\n").unwrap();
        let domains = Domains::new(&settings);
        let primary = domains.find(None).unwrap();
        let sales = domains.find(Some("sales")).unwrap();
        for (name, in_primary, in_sales) in [
            ("kim", Qualified::Here("kim"), Qualified::Here("kim")),
            (
                "Primary/kim",
                Qualified::Here("kim"),
                Qualified::Elsewhere("kim"),
            ),
            (
                "SALES/kim",
                Qualified::Elsewhere("kim"),
                Qualified::Here("kim"),
            ),
            (
                "sales/x/y",
                Qualified::Elsewhere("x/y"),
                Qualified::Here("x/y"),
            ),
            (
                "Größe/kim",
                Qualified::Elsewhere("kim"),
                Qualified::Elsewhere("kim"),
            ),
            ("PRIMARY/", Qualified::Here(""), Qualified::Elsewhere("")),
        ] {
            assert_eq!(primary.strip(name), in_primary, "{name}");
            assert_eq!(sales.strip(name), in_sales, "{name}");
        }
        for (name, prefix) in [
            ("/kim", ""),
            ("#N/A", "#N"),
            ("https://example.com/kim", "https:"),
            ("/wso2.org/claims/country=DE", ""),
            ("a/b/c", "a"),
            ("HR/kim", "HR"),
            (" PRIMARY/kim", " PRIMARY"),
            ("Internal/kim", "Internal"),
        ] {
            assert_eq!(primary.strip(name), Qualified::Unknown(prefix), "{name}");
        }
    }

    #[test]
    fn domains_are_found_in_any_case_and_primary_by_default() {
        let settings: Settings = toml::from_str("[sales]\nuser_name_rule = '[a-z]+'\n").unwrap();
        let domains = Domains::new(&settings);
        assert_eq!(domains.find(None).unwrap().name, "PRIMARY");
        assert_eq!(domains.find(Some(" ")).unwrap().name, "PRIMARY");
        assert!(
            domains
                .find(Some("Sales"))
                .unwrap()
                .user_name_rule
                .is_some()
        );
        assert_eq!(
            domains.find(Some("HR")).unwrap_err().to_string(),
            "There is no user store domain \"HR\". Known domains are PRIMARY, SALES."
        );
    }
}
