//! Selects which of the matching resources are on a page, and in which order.

use std::cmp::Ordering;

use crate::scim::evaluate::SortValue;
use crate::users::resources::{Keyset, Order, ResourceQuery};

/// The keys of a page, the total, and the key to continue from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The keys, in order.
    pub keys: Vec<Keyset>,
    /// The number of matches on all pages.
    pub total: u64,
    /// The last key of the page, if more follow.
    pub next: Option<Keyset>,
}

impl Page {
    /// The page that `query` requests, from all matches in any order.
    pub fn of(all: Vec<Keyset>, query: &ResourceQuery<'_>) -> Page {
        let mut selection = Selection::new(query);
        all.into_iter().for_each(|key| selection.add(key));
        selection.finish()
    }

    /// The page made of these keys, which may include the first one after the page.
    pub fn cut(mut keys: Vec<Keyset>, total: u64, limit: usize) -> Page {
        let more = keys.len() > limit;
        keys.truncate(limit);
        Page {
            next: keys.last().filter(|_| more).cloned(),
            keys,
            total,
        }
    }
}

/// Selects the keys of a page from all matches, which come one by one; keys that are certainly
/// after the page are dropped.
pub struct Selection<'q> {
    query: &'q ResourceQuery<'q>,
    keys: Vec<Keyset>,
    total: u64,
    /// The number of keys needed: those before the page, those on it, and one after it.
    needed: usize,
}

/// How many extra keys are held before they are dropped.
const SURPLUS: usize = 10_000;

impl<'q> Selection<'q> {
    /// An empty selection.
    pub fn new(query: &'q ResourceQuery<'q>) -> Self {
        Selection {
            query,
            keys: Vec::new(),
            total: 0,
            needed: query.skip.saturating_add(query.limit).saturating_add(1),
        }
    }

    /// Adds the key of a match.
    pub fn add(&mut self, key: Keyset) {
        self.total += 1;
        let order = self.query.order;
        let is_before = |after: &Keyset| compare(order, &key, after) != Ordering::Greater;
        if self.query.after.is_some_and(is_before) {
            return;
        }
        self.keys.push(key);
        if self.keys.len() >= self.needed.saturating_add(SURPLUS) {
            self.sort();
            self.keys.truncate(self.needed);
        }
    }

    /// The page.
    pub fn finish(mut self) -> Page {
        self.sort();
        let limit = self.query.limit;
        let keys = self.keys.into_iter().skip(self.query.skip);
        let keys = keys.take(limit.saturating_add(1)).collect();
        Page::cut(keys, self.total, limit)
    }

    fn sort(&mut self) {
        let order = self.query.order;
        self.keys
            .sort_unstable_by(|one, other| compare(order, one, other));
    }
}

/// The order of two resources: by value, those without one last (first, when descending), then by
/// id.
fn compare(order: Option<Order<'_>>, one: &Keyset, other: &Keyset) -> Ordering {
    let descending = order.is_some_and(|order| order.descending);
    let values = match (&one.value, &other.value) {
        (Some(one), Some(other)) => compare_values(one, other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let values = if descending { values.reverse() } else { values };
    values.then_with(|| match by_id(order) && descending {
        true => other.id.cmp(&one.id),
        false => one.id.cmp(&other.id),
    })
}

fn compare_values(one: &SortValue, other: &SortValue) -> Ordering {
    match (one, other) {
        (SortValue::Number(one), SortValue::Number(other)) => one.total_cmp(other),
        // Values of one attribute usually have one type; if not, the types have an order.
        _ => one.partial_cmp(other).unwrap_or(Ordering::Equal),
    }
}

/// Whether the order is by id alone.
pub fn by_id(order: Option<Order<'_>>) -> bool {
    order.is_none_or(|order| {
        order.path.extension.is_none() && order.path.name == "id" && order.path.sub.is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::path::AttributePath;
    use crate::scim::schema::Schemas;
    use uuid::Uuid;

    fn key(value: Option<&str>, id: u128) -> Keyset {
        Keyset {
            value: value.map(|text| SortValue::Text(text.into())),
            id: Uuid::from_u128(id),
        }
    }

    #[test]
    fn keys_of_later_pages_are_not_held() {
        let query = ResourceQuery {
            skip: 2,
            limit: 3,
            ..ResourceQuery::default()
        };
        let mut selection = Selection::new(&query);
        let count = 5 * SURPLUS as u128;
        for number in 0..count {
            // Not sorted: 7919 and the count are coprime.
            selection.add(key(None, number * 7_919 % count));
            assert!(selection.keys.len() <= SURPLUS + 6);
        }
        let page = selection.finish();
        let ids: Vec<u128> = page.keys.iter().map(|key| key.id.as_u128()).collect();
        assert_eq!((ids, u128::from(page.total)), (vec![2, 3, 4], count));
        assert_eq!(page.next.map(|key| key.id.as_u128()), Some(4));
    }

    #[test]
    fn pages_follow_each_other_in_either_order() {
        let schemas = Schemas::new([]);
        let path = AttributePath::parse("title", &schemas.user).unwrap();
        let all = || {
            vec![
                key(None, 1),
                key(Some("b"), 2),
                key(Some("a"), 3),
                key(Some("b"), 4),
                key(None, 5),
            ]
        };
        for (descending, expected) in [(false, [3, 2, 4, 1, 5]), (true, [1, 5, 2, 4, 3])] {
            let order = Some(Order {
                path: &path,
                descending,
            });
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let query = ResourceQuery {
                    order,
                    after: after.as_ref(),
                    limit: 2,
                    ..ResourceQuery::default()
                };
                let page = Page::of(all(), &query);
                assert_eq!(page.total, 5);
                seen.extend(page.keys.iter().map(|key| key.id.as_u128()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected);
            let query = ResourceQuery {
                order,
                skip: 3,
                limit: 9,
                ..ResourceQuery::default()
            };
            let page = Page::of(all(), &query);
            assert_eq!((page.keys.len(), page.next), (2, None));
        }
    }
}
