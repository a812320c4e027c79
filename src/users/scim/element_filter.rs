//! Filters in the brackets of a path, on single elements of an attribute with many values.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::users::scim::filter::{Filter, Operand, Operator};
use crate::users::scim::path::AttributePath;

/// Whether the element matches. The paths in the filter name sub-attributes (`emails.type`).
pub fn matches(filter: &Filter, element: &Value) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|filter| matches(filter, element)),
        Filter::Or(any) => any.iter().any(|filter| matches(filter, element)),
        Filter::Not(filter) => !matches(filter, element),
        Filter::Present(path) => match value(path, element) {
            None => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        },
        Filter::Compare(path, operator, operand) => {
            compares(value(path, element), path.case_exact, *operator, operand)
        }
        // Brackets do not stand in brackets.
        Filter::Element(..) => false,
    }
}

/// What an element has to look like, if the filter says it by `eq` alone, joined by `and`.
pub fn described(filter: &Filter) -> Option<Map<String, Value>> {
    match filter {
        Filter::And(all) => {
            let mut described_by_all = Map::new();
            for filter in all {
                for (name, value) in described(filter)? {
                    if described_by_all
                        .get(&name)
                        .is_some_and(|other| *other != value)
                    {
                        return None;
                    }
                    described_by_all.insert(name, value);
                }
            }
            Some(described_by_all)
        }
        Filter::Compare(path, Operator::Equal, operand) => {
            let value = match operand {
                Operand::Text(text) => Value::from(text.as_str()),
                Operand::Boolean(boolean) => Value::from(*boolean),
                Operand::Number(_) | Operand::Moment(_) | Operand::Null => return None,
            };
            Some(Map::from_iter([(path.sub.clone()?, value)]))
        }
        _ => None,
    }
}

/// How many comparisons the filter has.
pub fn terms(filter: &Filter) -> usize {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().map(terms).sum(),
        Filter::Not(filter) | Filter::Element(_, filter) => terms(filter),
        Filter::Present(_) | Filter::Compare(..) => 1,
    }
}

fn value<'e>(path: &AttributePath, element: &'e Value) -> Option<&'e Value> {
    match element {
        Value::Object(object) => object.get(path.sub.as_deref()?),
        simple => Some(simple),
    }
}

fn compares(value: Option<&Value>, exact: bool, operator: Operator, operand: &Operand) -> bool {
    let equal = match (value, operand) {
        (None | Some(Value::Null), Operand::Null) => true,
        (Some(Value::Bool(value)), Operand::Boolean(operand)) => value == operand,
        (Some(Value::Number(value)), Operand::Number(operand)) => {
            let order = value.as_f64().and_then(|value| value.partial_cmp(operand));
            return order.is_some_and(|order| is_as(order, operator));
        }
        (Some(Value::String(value)), Operand::Text(operand)) => {
            return match exact {
                true => compares_text(value, operand, operator),
                false => compares_text(&value.to_lowercase(), &operand.to_lowercase(), operator),
            };
        }
        _ => false,
    };
    match operator {
        Operator::Equal => equal,
        Operator::NotEqual => !equal,
        _ => false,
    }
}

fn compares_text(value: &str, operand: &str, operator: Operator) -> bool {
    match operator {
        Operator::Contains => value.contains(operand),
        Operator::StartsWith => value.starts_with(operand),
        Operator::EndsWith => value.ends_with(operand),
        _ => is_as(value.cmp(operand), operator),
    }
}

fn is_as(order: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::users::scim::patch_path::PatchPath;
    use crate::users::scim::schema::Schemas;

    fn filter(text: &str) -> Filter {
        let path = PatchPath::parse(&format!("emails[{text}]"), &Schemas::new([]).user);
        let PatchPath::Attribute { filter, .. } = path.unwrap() else {
            panic!("{text} is no filter");
        };
        filter.unwrap()
    }

    #[test]
    fn elements_match_by_their_sub_attributes() {
        let element = json!({"value": "Kim@Example.org", "type": "work", "primary": true});
        for (text, expected) in [
            ("type eq \"WORK\"", true),
            ("type ne \"work\"", false),
            ("display ne \"x\"", true),
            ("display eq null", true),
            ("type eq null", false),
            ("type pr and primary eq true", true),
            ("display pr or primary eq false", false),
            ("not (display pr)", true),
            ("value co \"@example\"", true),
            ("value sw \"kim\" and value ew \".ORG\"", true),
            ("value gt \"a\" and value le \"z\"", true),
            ("value lt \"a\" or value ge \"z\"", false),
            ("display co \"\"", false),
        ] {
            assert_eq!(matches(&filter(text), &element), expected, "{text}");
        }
        assert!(!matches(&filter("type pr"), &json!({"type": ""})));
    }

    #[test]
    fn text_that_has_a_case_is_compared_with_it() {
        let path = PatchPath::parse("members[value eq \"a\"]", &Schemas::new([]).group);
        let Ok(PatchPath::Attribute {
            filter: Some(filter),
            ..
        }) = path
        else {
            panic!("no filter");
        };
        assert!(matches(&filter, &json!({"value": "a"})));
        assert!(!matches(&filter, &json!({"value": "A"})));
    }

    #[test]
    fn equality_alone_describes_an_element() {
        let shown = |text: &str| described(&filter(text)).map(|object| json!(object));
        assert_eq!(
            shown("type eq \"work\" and primary eq true"),
            Some(json!({"type": "work", "primary": true}))
        );
        for text in [
            "type eq \"work\" or type eq \"home\"",
            "type ne \"work\"",
            "not (type eq \"work\")",
            "type eq \"work\" and type eq \"home\"",
            "type eq \"work\" and value pr",
            "type eq null",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
