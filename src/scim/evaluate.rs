//! Evaluates a filter on a document (RFC 7644 §3.4.2.2), and finds the value to sort by (§3.4.2.3).
//!
//! The document has the schemas' spelling of names. The comparisons are:
//!
//! - At least one of the values must match; `null` or a missing value matches nothing.
//! - `ne` is `not (eq)`, so it also matches if there is no value. In the brackets of an attribute it is applied to
//!   one element at a time.
//! - `eq null` matches if there is no value.
//! - Text that is not `caseExact` is compared in the same way as user names, by [`caseless`].

use serde_json::{Map, Value};

use crate::caseless::caseless;
use crate::scim::date_time;
use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::path::AttributePath;
use crate::scim::schema::Type;

/// A value in its form for sorting.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum SortValue {
    /// False before true.
    Boolean(bool),
    /// A number, or a time in microseconds.
    Number(f64),
    /// Text; folded if the attribute is compared without case.
    Text(String),
}

/// Whether the document matches the filter. A parsed filter is at most
/// [`MAX_DEPTH`](crate::scim::filter_parser::MAX_DEPTH) brackets deep, and so is this recursion.
pub fn matches(filter: &Filter, document: &Map<String, Value>) -> bool {
    holds(filter, Holder::Document(document))
}

/// Whether an element of a multi-valued attribute matches the filter in the attribute's brackets.
pub fn element_matches(filter: &Filter, element: &Value) -> bool {
    holds(filter, Holder::Element(element))
}

/// The value at `path` that the document is sorted by; for a multi-valued attribute that of the primary element, or
/// else of the first.
pub fn sort_value(path: &AttributePath, document: &Map<String, Value>) -> Option<SortValue> {
    let sub = match &path.sub {
        Some(sub) => Some(sub.as_str()),
        None if path.kind == Type::Complex && path.multi_valued => Some("value"),
        None => None,
    };
    let value_of = |top| match sub {
        Some(sub) => first(member(top, sub)),
        None => Some(top),
    };
    let primary = path
        .top(document)
        .find(|element| member(element, "primary") == Some(&Value::Bool(true)));
    let value = primary
        .and_then(value_of)
        .or_else(|| path.top(document).find_map(value_of))?;
    match value {
        Value::Bool(boolean) => Some(SortValue::Boolean(*boolean)),
        Value::Number(number) => number.as_f64().map(SortValue::Number),
        Value::String(text) if path.kind == Type::DateTime => {
            // Microseconds of the years that jiff supports are exact in a double for a long time.
            date_time::parse(text).map(|moment| SortValue::Number(moment.0 as f64))
        }
        Value::String(text) if path.case_exact => Some(SortValue::Text(text.clone())),
        Value::String(text) => Some(SortValue::Text(caseless(text).into_owned())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The value in which the values of a path are looked up.
#[derive(Clone, Copy)]
enum Holder<'d> {
    Document(&'d Map<String, Value>),
    Element(&'d Value),
}

impl<'d> Holder<'d> {
    fn values(self, path: &AttributePath) -> Vec<&'d Value> {
        match self {
            Holder::Document(document) => path.values(document),
            Holder::Element(element) => match &path.sub {
                Some(sub) => member(element, sub).into_iter().collect(),
                None => vec![element],
            },
        }
    }
}

fn holds(filter: &Filter, holder: Holder<'_>) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| holds(one, holder)),
        Filter::Or(all) => all.iter().any(|one| holds(one, holder)),
        Filter::Not(inside) => !holds(inside, holder),
        Filter::Present(path) => present(path, holder),
        Filter::Compare(path, Operator::Equal, Operand::Null) => !present(path, holder),
        Filter::Compare(path, Operator::NotEqual, Operand::Null) => present(path, holder),
        Filter::Compare(path, Operator::NotEqual, operand) => {
            !compares(path, Operator::Equal, operand, holder)
        }
        Filter::Compare(path, operator, operand) => compares(path, *operator, operand, holder),
        Filter::Element(path, inside) => match holder {
            Holder::Document(document) => path
                .top(document)
                .any(|element| holds(inside, Holder::Element(element))),
            Holder::Element(_) => false,
        },
    }
}

fn present(path: &AttributePath, holder: Holder<'_>) -> bool {
    holder.values(path).into_iter().any(is_content)
}

/// Whether the value is not empty (RFC 7643 §2.5).
fn is_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(|element| !element.is_null()),
        Value::Object(members) => members.values().any(|member| !member.is_null()),
    }
}

fn compares(
    path: &AttributePath,
    operator: Operator,
    operand: &Operand,
    holder: Holder<'_>,
) -> bool {
    let values = holder.values(path);
    match operand {
        Operand::Text(wanted) if path.case_exact => values
            .into_iter()
            .filter_map(Value::as_str)
            .any(|text| text_compares(text, operator, wanted)),
        Operand::Text(wanted) => {
            let wanted = caseless(wanted);
            values
                .into_iter()
                .filter_map(Value::as_str)
                .any(|text| text_compares(&caseless(text), operator, &wanted))
        }
        Operand::Number(wanted) => values
            .into_iter()
            .filter_map(Value::as_f64)
            .any(|number| order_compares(&number, operator, wanted)),
        Operand::Boolean(wanted) => values
            .into_iter()
            .filter_map(Value::as_bool)
            .any(|boolean| operator == Operator::Equal && boolean == *wanted),
        Operand::Moment(wanted) => values
            .into_iter()
            .filter_map(|value| date_time::parse(value.as_str()?))
            .any(|moment| order_compares(&moment.0, operator, wanted)),
        Operand::Null => false,
    }
}

/// Text is ordered by code point, which is also the order of the UTF-8 bytes.
fn text_compares(text: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Contains => memchr::memmem::find(text.as_bytes(), wanted.as_bytes()).is_some(),
        Operator::StartsWith => text.starts_with(wanted),
        Operator::EndsWith => text.ends_with(wanted),
        _ => order_compares(text, operator, wanted),
    }
}

fn order_compares<T: PartialOrd + ?Sized>(value: &T, operator: Operator, wanted: &T) -> bool {
    match operator {
        Operator::Equal => value == wanted,
        Operator::NotEqual => value != wanted,
        Operator::Greater => value > wanted,
        Operator::GreaterOrEqual => value >= wanted,
        Operator::Less => value < wanted,
        Operator::LessOrEqual => value <= wanted,
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

/// A member that is not null.
fn member<'d>(value: &'d Value, name: &str) -> Option<&'d Value> {
    value.get(name).filter(|found| !found.is_null())
}

fn first(value: Option<&Value>) -> Option<&Value> {
    match value {
        Some(Value::Array(elements)) => elements.iter().find(|element| !element.is_null()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::Schemas;

    fn document() -> Map<String, Value> {
        let document = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "Ab",
            "userName": "Stra\u{df}e",
            "externalId": "X-1",
            "title": "",
            "nickName": null,
            "active": false,
            "name": {"familyName": "J\u{f3}nsson", "givenName": null},
            "meta": {"created": "2026-01-01T00:00:00.500Z"},
            "emails": [
                {"value": "a@example.com", "type": "work"},
                {"value": "B@example.org", "type": "home", "primary": true},
            ],
            "ims": [],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"},
        });
        document.as_object().unwrap().clone()
    }

    fn found(text: &str) -> bool {
        let filter = Filter::parse(text, &Schemas::new([]).user).unwrap();
        matches(&filter, &document())
    }

    #[test]
    fn comparison_matches_if_one_value_matches() {
        for text in [
            "userName eq \"STRAẞE\"",
            "not (userName eq \"strasse\")",
            "name.familyName sw \"JO\u{301}N\"",
            "userName co \"AẞE\"",
            "userName ew \"ẞE\"",
            "userName gt \"Stra\"",
            "userName le \"straße\"",
            "id eq \"Ab\"",
            "not (id eq \"ab\")",
            "externalId ge \"X\"",
            "active eq \"False\"",
            "active ne true",
            "active pr",
            "emails eq \"b@EXAMPLE.org\"",
            "emails.type eq \"WORK\" and emails.primary eq true",
            "emails[type eq \"home\" and value ew \".org\"]",
            "not (emails[type eq \"work\" and value ew \".org\"])",
            "emails[value ne \"a@example.com\"]",
            "not (emails ne \"a@example.com\")",
            "emails[primary eq null]",
            "meta.created eq \"2026-01-01T01:00:00.5+01:00\"",
            "meta.created lt \"2026-01-01T00:00:00.500001Z\"",
            "not (meta.created gt \"2026-01-01T00:00:00.5Z\")",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department sw \"s\"",
            "schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"",
            "name pr and emails pr",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn missing_value_equals_nothing_and_differs_from_everything() {
        for name in ["title", "nickName", "displayName", "name.givenName", "ims"] {
            assert!(!found(&format!("{name} pr")), "{name}");
            assert!(found(&format!("{name} eq null")), "{name}");
            assert!(found(&format!("{name} ne \"x\"")), "{name}");
            assert!(!found(&format!("{name} eq \"x\"")), "{name}");
            assert!(!found(&format!(
                "{name} le \"\u{10ffff}\" and {name} co \"x\""
            )));
        }
        assert!(!found("displayName co \"\""));
        assert!(found("userName ne null"));
    }

    #[test]
    fn sorting_uses_the_primary_value_or_else_the_first() {
        let user = Schemas::new([]).user;
        let sorted = |text: &str| {
            let path = AttributePath::parse(text, &user).unwrap();
            sort_value(&path, &document())
        };
        let text = |text: &str| Some(SortValue::Text(text.to_owned()));
        assert_eq!(sorted("emails"), text("b@example.org"));
        assert_eq!(sorted("emails.value"), text("b@example.org"));
        assert_eq!(sorted("emails.display"), None);
        assert_eq!(sorted("userName"), text("stra\u{df}e"));
        assert_eq!(sorted("id"), text("Ab"));
        assert_eq!(sorted("active"), Some(SortValue::Boolean(false)));
        assert_eq!(
            sorted("meta.created"),
            Some(SortValue::Number(1_767_225_600_500_000.0))
        );
        assert_eq!(sorted("name"), None);
        assert_eq!(sorted("nickName"), None);
    }
}
