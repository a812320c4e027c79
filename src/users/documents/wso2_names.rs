//! Interprets names in filters as WSO2 Identity Server does.
//!
//! A name is prefixed with its user store unless that is `PRIMARY`. WSO2's clients omit the store
//! if the parameter `domain` gives it, write `PRIMARY/` explicitly, and search for a user's groups
//! by name.

use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::path::AttributePath;
use crate::scim::schema::ResourceType;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::domains::Domains;

/// The context in which names of a filter are interpreted.
#[derive(Debug, Clone, Copy)]
pub struct Names<'n> {
    /// The known user stores.
    pub domains: &'n Domains,
    /// The store that the list is limited to.
    pub domain: Option<&'n str>,
    /// The kind of resource listed.
    pub resource_type: &'n ResourceType,
}

impl Names<'_> {
    /// The equivalent filter with full names. Elements in brackets are left unchanged.
    pub fn read(&self, filter: Filter) -> Filter {
        let all = |all: Vec<Filter>| all.into_iter().map(|one| self.read(one)).collect();
        match filter {
            Filter::And(terms) => Filter::And(all(terms)),
            Filter::Or(terms) => Filter::Or(all(terms)),
            Filter::Not(inside) => Filter::Not(Box::new(self.read(*inside))),
            Filter::Compare(path, operator, Operand::Text(text)) => {
                self.compared(path, operator, text)
            }
            other @ (Filter::Compare(..) | Filter::Present(_) | Filter::Element(..)) => other,
        }
    }

    fn compared(&self, path: AttributePath, operator: Operator, text: String) -> Filter {
        let names = (path.extension, path.name.as_str(), path.sub.as_deref());
        match names {
            (None, "userName" | "displayName", None) if self.is_name(&path) => {
                self.name(path, operator, text)
            }
            (None, "groups", Some("value")) => self.groups(path, operator, text),
            (None, "groups", Some("display")) => self.name(path, operator, text),
            _ => Filter::Compare(path, operator, Operand::Text(text)),
        }
    }

    /// Whether the attribute is the name of the listed resource: `displayName` of a user is any
    /// text.
    fn is_name(&self, path: &AttributePath) -> bool {
        let target = path.target(self.resource_type);
        target.is_some_and(|attribute| attribute.required)
    }

    fn name(&self, path: AttributePath, operator: Operator, text: String) -> Filter {
        let compare = |text: String| Filter::Compare(path.clone(), operator, Operand::Text(text));
        match (text.split_once('/'), self.domain) {
            (Some((domain, name)), _) if domain.eq_ignore_ascii_case(PRIMARY_DOMAIN) => {
                self.of_primary(&path, operator, name)
            }
            (None, Some(domain)) if domain != PRIMARY_DOMAIN && is_from_the_front(operator) => {
                compare(format!("{domain}/{text}"))
            }
            _ => compare(text),
        }
    }

    /// A name of `PRIMARY`, which has no prefix; names in other stores begin with the store.
    fn of_primary(&self, path: &AttributePath, operator: Operator, name: &str) -> Filter {
        let compare = |operator, text: &str| {
            Filter::Compare(path.clone(), operator, Operand::Text(text.to_owned()))
        };
        if operator == Operator::NotEqual {
            return Filter::Not(Box::new(self.of_primary(path, Operator::Equal, name)));
        }
        if operator == Operator::Equal && !name.contains('/') {
            return compare(operator, name);
        }
        let named = match name {
            "" => Filter::Present(path.clone()),
            name => compare(operator, name),
        };
        let others = self.domains.names().into_iter();
        let elsewhere = others
            .filter(|domain| *domain != PRIMARY_DOMAIN)
            .map(|domain| compare(Operator::StartsWith, &format!("{domain}/")));
        let mut all = vec![named];
        all.extend(elsewhere.map(|elsewhere| Filter::Not(Box::new(elsewhere))));
        match all.len() {
            1 => all.remove(0),
            _ => Filter::And(all),
        }
    }

    /// Groups are matched by id or by name.
    fn groups(&self, path: AttributePath, operator: Operator, text: String) -> Filter {
        if operator == Operator::NotEqual {
            let equal = self.groups(path, Operator::Equal, text);
            return Filter::Not(Box::new(equal));
        }
        let display = path
            .parent(self.resource_type)
            .child("display", self.resource_type);
        let by_id = Filter::Compare(path, operator, Operand::Text(text.clone()));
        match display {
            Ok(display) => Filter::Or(vec![by_id, self.name(display, operator, text)]),
            Err(_) => by_id,
        }
    }
}

/// Whether the operator compares texts from their beginning.
fn is_from_the_front(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Equal | Operator::NotEqual | Operator::StartsWith
    ) || operator.is_order()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter_parser::Quotes;
    use crate::scim::schema::Schemas;
    use crate::users::domains::Settings;

    fn read(text: &str, domain: Option<&str>, groups: bool) -> String {
        let settings: Settings = toml::from_str("[sales]\n").unwrap();
        let domains = Domains::new(&settings);
        let schemas = Schemas::new([]);
        let resource_type = match groups {
            true => &schemas.group,
            false => &schemas.user,
        };
        let names = Names {
            domains: &domains,
            domain,
            resource_type,
        };
        let filter = Filter::parse_with(text, resource_type, Quotes::Optional).unwrap();
        names.read(filter).to_string()
    }

    #[test]
    fn bare_names_get_the_store_of_the_list() {
        let sales = Some("SALES");
        for (text, domain, read_as) in [
            ("userName eq sam", sales, "userName eq \"SALES/sam\""),
            ("userName Ne sam", sales, "userName ne \"SALES/sam\""),
            ("userName sw s", sales, "userName sw \"SALES/s\""),
            ("userName ge s", sales, "userName ge \"SALES/s\""),
            ("userName ew am", sales, "userName ew \"am\""),
            ("userName co am", sales, "userName co \"am\""),
            ("userName eq SALES/sam", sales, "userName eq \"SALES/sam\""),
            ("userName eq other/sam", sales, "userName eq \"other/sam\""),
            ("userName eq primary/kim", sales, "userName eq \"kim\""),
            ("userName eq kim", Some("PRIMARY"), "userName eq \"kim\""),
            ("userName eq kim", None, "userName eq \"kim\""),
            ("displayName eq Sam", sales, "displayName eq \"Sam\""),
            (
                "userName eq sam and groups eq crew",
                sales,
                "userName eq \"SALES/sam\" and (groups.value eq \"crew\" or groups.display eq \"SALES/crew\")",
            ),
            (
                "not (userName eq sam) or title pr",
                sales,
                "not (userName eq \"SALES/sam\") or title pr",
            ),
        ] {
            assert_eq!(read(text, domain, false), read_as, "{text}");
        }
        assert_eq!(
            read("displayName sw t", sales, true),
            "displayName sw \"SALES/t\""
        );
    }

    #[test]
    fn the_prefix_primary_is_removed() {
        for (text, read_as) in [
            ("userName eq PRIMARY/kim", "userName eq \"kim\""),
            ("userName ne Primary/kim", "not (userName eq \"kim\")"),
            (
                "userName sw PRIMARY/k",
                "userName sw \"k\" and not (userName sw \"SALES/\")",
            ),
            (
                "userName sw PRIMARY/",
                "userName pr and not (userName sw \"SALES/\")",
            ),
            (
                "userName eq PRIMARY/SALES/kim",
                "userName eq \"SALES/kim\" and not (userName sw \"SALES/\")",
            ),
            (
                "groups eq PRIMARY/crew",
                "groups.value eq \"PRIMARY/crew\" or groups.display eq \"crew\"",
            ),
            (
                "groups ne crew",
                "not (groups.value eq \"crew\" or groups.display eq \"crew\")",
            ),
            ("groups[value eq crew]", "groups[value eq \"crew\"]"),
        ] {
            assert_eq!(read(text, None, false), read_as, "{text}");
        }
        assert_eq!(
            read("displayName eq PRIMARY/eng", None, true),
            "displayName eq \"eng\""
        );
    }
}
