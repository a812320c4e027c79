//! What every store finds by a filter is what the evaluator finds among all documents.

use muster::clock::Moment;
use muster::scim::evaluate::matches;
use muster::scim::filter::Filter;
use muster::scim::path::AttributePath;
use muster::scim::schema::Schemas;
use muster::users::documents::resource;
use muster::users::resources::{Kind, Member, Order, ResourceQuery, UserContent};
use muster::users::store::Store;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store_resources::{add, add_group, once};
use crate::stores::{DOMAIN, ORGANIZATION, TestStore, every_store};

const CUSTOM: &str = "urn:scim:schemas:extension:custom:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A reproducible pseudo-random number generator (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn maybe(&mut self, all: &[&str]) -> Option<String> {
        (self.below(3) > 0).then(|| self.of(all).to_owned())
    }
}

const TEXTS: &[&str] = &[
    "a",
    "Ab",
    "a b",
    "stra\u{df}e",
    "STRASSE",
    "jose\u{301}",
    "Jos\u{e9}",
    "100%",
    "\"q\"",
    "\\",
    "true",
    "work",
    "",
];

const AT: i64 = 1_767_225_600_000_000;

/// Creates users with all kinds of content, in three groups.
fn fill(store: &dyn Store, random: &mut Random) -> Vec<Uuid> {
    let groups: Vec<Uuid> = ["Crew", "Office", "Str\u{e4}nde"]
        .map(|name| add_group(store, name, AT))
        .to_vec();
    for number in 0..60 {
        let mut attributes = serde_json::Map::new();
        for flat in [
            "title",
            "profileUrl",
            "emails.work",
            "emails.home",
            "mobile",
            "country",
            "department",
            "manager",
            "badge",
            "identity/accountLocked",
            "active",
        ] {
            if let Some(text) = random.maybe(TEXTS) {
                attributes.insert(flat.to_owned(), Value::from(text));
            }
        }
        if random.below(4) == 0 {
            let list = json!([{"type": "work", "display": "x"}, {"value": "A B", "type": "pager"}]);
            attributes.insert("scim:phoneNumbers".to_owned(), list);
        }
        let content = UserContent {
            domain: DOMAIN.into(),
            user_name: format!(
                "{}{number}",
                random.of(&["kim", "Kim", "Jos\u{e9}", "x/y", "SS"])
            ),
            external_id: random.maybe(TEXTS),
            given_name: random.maybe(TEXTS),
            family_name: random.maybe(TEXTS),
            email: random.maybe(TEXTS),
            attributes,
        };
        let id = add(store, &content, AT + 300 * number);
        let member = Member {
            kind: Kind::User,
            id,
            domain: DOMAIN.into(),
            name: String::new(),
        };
        for group in &groups {
            if random.below(4) == 0 {
                let members = [member.clone()];
                once(store, |it| it.add_members(*group, &members, Moment(AT + 1)));
            }
        }
    }
    groups
}

fn condition(random: &mut Random, ids: &[String]) -> String {
    let operator = random.of(&["eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let text = json!(match random.below(4) {
        0 => format!(
            "{}{}",
            random.of(&["KIM", "jose\u{301}", "x/Y", "\u{df}"]),
            random.below(60)
        ),
        _ => random.of(TEXTS).to_owned(),
    });
    let path = match random.below(4) {
        0 => format!("{CUSTOM}:{}", random.of(&["badge", "accountLocked"])),
        1 => format!(
            "{ENTERPRISE}:{}",
            random.of(&["department", "manager.value"])
        ),
        _ => random
            .of(&[
                "userName",
                "externalId",
                "name.givenName",
                "name.familyName",
                "title",
                "profileUrl",
                "emails",
                "emails.type",
                "phoneNumbers.value",
                "phoneNumbers.display",
                "addresses.country",
                "meta.resourceType",
                "groups.display",
            ])
            .to_owned(),
    };
    let order = random.of(&["eq", "ne", "gt", "ge", "lt", "le"]);
    match random.below(9) {
        0 => format!("{path} {}", random.of(&["pr", "eq null", "ne null"])),
        1 => format!(
            "active {} {}",
            random.of(&["eq", "ne"]),
            random.of(&["true", "false"])
        ),
        2 => format!(
            "meta.created {order} \"2026-01-01T00:00:00.0{:02}4Z\"",
            random.below(20)
        ),
        3 => {
            let id = random.below(ids.len());
            format!(
                "{} {} \"{}\"",
                random.of(&["id", "groups"]),
                random.of(&["eq", "ne"]),
                ids[id]
            )
        }
        4 => format!(
            "emails[type eq \"work\" {} value {operator} {text}]",
            random.of(&["and", "or"])
        ),
        _ => format!("{path} {operator} {text}"),
    }
}

fn filter(random: &mut Random, ids: &[String], depth: usize) -> String {
    match random.below(if depth == 0 { 1 } else { 5 }) {
        0 | 1 => condition(random, ids),
        2 => format!("not ({})", filter(random, ids, depth - 1)),
        kind => {
            let (one, other) = (
                filter(random, ids, depth - 1),
                filter(random, ids, depth - 1),
            );
            format!("({one}) {} ({other})", ["and", "or"][kind - 3])
        }
    }
}

#[test]
fn store_finds_the_users_whose_documents_match_the_filter() {
    let schemas = Schemas::new(["badge", "accountLocked"]);
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let mut random = Random(20_261_122);
        let groups = fill(store, &mut random);
        let every = ResourceQuery {
            limit: 1000,
            ..ResourceQuery::default()
        };
        let all = store.find_users(ORGANIZATION, &every).expect("works");
        assert_eq!(all.total, 60, "{name}");
        let documents: Vec<_> = all
            .resources
            .iter()
            .map(|resource| (resource.user.id, resource::user(resource, "")))
            .collect();
        let ids = documents.iter().map(|(id, _)| id).chain(&groups);
        let ids: Vec<String> = ids.map(Uuid::to_string).collect();
        let by_name = AttributePath::parse("userName", &schemas.user).expect("a path");
        let mut found_some = 0;
        for round in 0..300 {
            let text = filter(&mut random, &ids, 2);
            let filter = Filter::parse(&text, &schemas.user).expect(&text);
            let mut expected: Vec<Uuid> = documents
                .iter()
                .filter(|(_, document)| matches(&filter, document))
                .map(|(id, _)| *id)
                .collect();
            let order = Order {
                path: &by_name,
                descending: false,
            };
            let query = ResourceQuery {
                filter: Some(&filter),
                order: (round % 2 == 0).then_some(order),
                limit: 1000,
                ..ResourceQuery::default()
            };
            let found = store.find_users(ORGANIZATION, &query).expect(&text);
            let mut found_ids: Vec<Uuid> = found.resources.iter().map(|it| it.user.id).collect();
            found_ids.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found_ids, expected, "{name}: {text}");
            assert_eq!(found.total, expected.len() as u64, "{name}: {text}");
            found_some += usize::from((1..60).contains(&expected.len()));
        }
        assert!(
            found_some > 100,
            "{name}: {found_some} filters match some but not all users"
        );
    }
}
