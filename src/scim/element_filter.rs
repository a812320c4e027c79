//! Filters in the brackets of a path: the element that a filter describes, and the number of its comparisons.
//! `evaluate.rs` evaluates them.

use serde_json::{Map, Value};

use crate::scim::filter::{Filter, Operand, Operator};

/// The element that the filter describes, if it consists only of `eq` joined by `and`.
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

/// The number of comparisons in the filter.
pub fn terms(filter: &Filter) -> usize {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().map(terms).sum(),
        Filter::Not(filter) | Filter::Element(_, filter) => terms(filter),
        Filter::Present(_) | Filter::Compare(..) => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::patch_path::PatchPath;
    use crate::scim::schema::Schemas;

    fn filter(text: &str) -> Filter {
        let path = PatchPath::parse(&format!("emails[{text}]"), &Schemas::new([]).user);
        let PatchPath::Attribute { filter, .. } = path.unwrap() else {
            panic!("{text} is not a filter");
        };
        filter.unwrap()
    }

    #[test]
    fn every_comparison_is_counted() {
        let text = "type pr and (value eq \"a\" or not (value sw \"b\")) and primary eq true";
        assert_eq!(terms(&filter(text)), 4);
    }

    #[test]
    fn only_equality_describes_an_element() {
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
