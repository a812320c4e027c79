//! What every store must guarantee for searches of users and groups: filters, orders, pages.

use muster::clock::Moment;
use muster::scim::filter::Filter;
use muster::scim::path::AttributePath;
use muster::scim::schema::Schemas;
use muster::users::organization::Organization;
use muster::users::resources::{Found, Keyset, Kind, Member, Order, ResourceQuery, UserContent};
use muster::users::store::Store;
use serde_json::json;
use uuid::Uuid;

use crate::store_resources::{OTHER, add_group, content, once, within};
use crate::stores::{DOMAIN, ORGANIZATION, TestStore, actor, every_store};

/// Creates the same users and groups in every store, with the same ids.
fn people(store: &dyn Store) {
    let other = Organization {
        name: OTHER.into(),
        created_at: Moment(1),
    };
    assert_eq!(
        store.add_organization(&other, &actor(ORGANIZATION)),
        Ok(true)
    );
    let groups: Vec<Uuid> = (1..=4).map(|at| Uuid::from_u128(0x9000 + at)).collect();
    once(store, |it| {
        for (at, (group, name)) in groups
            .iter()
            .zip(["staff", "Crew", "tour guides", "ÉTÉ"])
            .enumerate()
        {
            let external_id = (at % 2 == 0).then_some("g");
            it.add_group(
                *group,
                DOMAIN,
                name,
                external_id,
                &[],
                Moment(at as i64 * 1_000),
            )?;
        }
        it.add_group(
            Uuid::from_u128(0x9100),
            "SALES",
            "staff",
            None,
            &[],
            Moment(9_000),
        )
        .map(drop)
    });
    for organization in [ORGANIZATION, OTHER] {
        within(store, organization, |it| {
            for number in 0..40u128 {
                let at = |every: u128, text: &str| {
                    (number % every != 0).then(|| format!("{text}{}", number % 7))
                };
                let user = UserContent {
                    domain: if number % 5 == 0 { "SALES" } else { DOMAIN }.into(),
                    user_name: format!(
                        "{}-{}",
                        ["Kim", "lee", "ZOË", "ann"][number as usize % 4],
                        number
                    ),
                    external_id: at(3, "E-"),
                    given_name: at(4, "Gâ"),
                    family_name: if number % 6 == 0 {
                        Some(String::new())
                    } else {
                        at(2, "fam")
                    },
                    email: at(5, "Mail@example.com."),
                    attributes: match number % 3 {
                        0 => serde_json::Map::new(),
                        1 => [
                            ("title".into(), json!("Dr")),
                            ("active".into(), json!("false")),
                        ]
                        .into_iter()
                        .collect(),
                        _ => [
                            ("title".into(), json!(format!("t{number}"))),
                            ("country".into(), json!("FR")),
                        ]
                        .into_iter()
                        .collect(),
                    },
                };
                let id = Uuid::from_u128(0x1000 + (number * 17) % 40);
                it.add_user(
                    id,
                    &user,
                    None,
                    None,
                    Moment(number as i64 / 3 * 1_000_000 + number as i64),
                )?;
                if organization == ORGANIZATION && user.domain == DOMAIN {
                    let member = Member {
                        kind: Kind::User,
                        id,
                        domain: DOMAIN.into(),
                        name: String::new(),
                    };
                    it.add_members(groups[number as usize % 4], &[member], Moment(50))?;
                }
            }
            Ok(())
        });
    }
    once(store, |it| {
        let nested = Member {
            kind: Kind::Group,
            id: groups[1],
            domain: DOMAIN.into(),
            name: String::new(),
        };
        it.add_members(groups[0], &[nested], Moment(60))
    });
}

const USER_FILTERS: &[&str] = &[
    "",
    "userName eq \"kim-4\"",
    "userName eq \"sales/KIM-0\"",
    "userName eq \"nobody\"",
    "userName sw \"zoë\"",
    "userName co \"-1\" and active eq true",
    "externalId eq \"E-1\"",
    "externalId eq \"e-1\"",
    "not (externalId pr)",
    "name.familyName pr",
    "name.givenName eq \"gÂ3\" or title eq \"dr\"",
    "emails.value co \"MAIL\"",
    "emails[type eq \"work\" and value co \"mail\"]",
    "not (emails.value co \"1\")",
    "title ne \"Dr\"",
    "addresses.country eq \"FR\"",
    "meta.created gt \"1970-01-01T00:00:05Z\" and active eq false",
    "meta.lastModified le \"1970-01-01T00:00:05Z\"",
    "groups.value eq \"00000000-0000-0000-0000-000000009002\"",
    "groups.display sw \"tour\"",
    "id eq \"00000000-0000-0000-0000-000000001005\"",
];

const GROUP_FILTERS: &[&str] = &[
    "",
    "displayName eq \"STAFF\"",
    "displayName sw \"sales/\"",
    "displayName co \"té\" or externalId eq \"g\"",
    "members.value eq \"00000000-0000-0000-0000-000000001011\"",
    "members.value eq \"00000000-0000-0000-0000-000000009002\"",
    "members[type eq \"Group\"]",
    "not (members pr)",
    "meta.created ge \"1970-01-01T00:00:00.002Z\"",
];

/// Fetches every page of a search one after another, by cursor and by number; returns the resources and the
/// number of matches.
fn all<T: Clone + PartialEq + std::fmt::Debug>(
    about: &str,
    limit: usize,
    search: impl Fn(Option<&Keyset>, usize, usize) -> Found<T>,
) -> (Vec<T>, u64) {
    let whole = search(None, 0, 1_000);
    assert_eq!(whole.total, whole.resources.len() as u64, "{about}");
    assert_eq!(whole.next, None, "{about}");
    let (mut by_cursor, mut after) = (Vec::new(), None);
    loop {
        let page = search(after.as_ref(), 0, limit);
        assert_eq!(page.total, whole.total, "{about}");
        assert!(page.resources.len() <= limit, "{about}");
        by_cursor.extend(page.resources);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(by_cursor, whole.resources, "{about}: by cursor");
    let mut by_number = Vec::new();
    for skip in (0..whole.resources.len()).step_by(limit) {
        by_number.extend(search(None, skip, limit).resources);
    }
    assert_eq!(by_number, whole.resources, "{about}: by number");
    let counted = search(None, 0, 0);
    assert_eq!(
        (counted.total, counted.resources.len()),
        (whole.total, 0),
        "{about}"
    );
    assert!(search(None, 500, 5).resources.is_empty(), "{about}");
    (whole.resources, whole.total)
}

#[test]
fn every_store_returns_the_same_users_in_the_same_order_on_every_page() {
    let schemas = Schemas::new([]);
    let orders = [
        "",
        "id",
        "userName",
        "externalId",
        "name.familyName",
        "meta.created",
        "title",
        "emails",
        "active",
    ];
    let stores = every_store();
    stores.iter().for_each(|trial| people(trial.store.as_ref()));
    for text in USER_FILTERS {
        let filter = (!text.is_empty()).then(|| Filter::parse(text, &schemas.user).expect(text));
        for order in orders {
            let path = (!order.is_empty())
                .then(|| AttributePath::parse(order, &schemas.user).expect(order));
            for descending in [false, true] {
                let mut seen = Vec::new();
                for TestStore { name, store, .. } in &stores {
                    let about = format!("{name}: {text} by {order} {descending}");
                    let found = all(&about, 13, |after, skip, limit| {
                        let query = ResourceQuery {
                            domain: None,
                            filter: filter.as_ref(),
                            order: path.as_ref().map(|path| Order { path, descending }),
                            after,
                            skip,
                            limit,
                        };
                        let found = store.find_users(ORGANIZATION, &query).expect("works");
                        Found {
                            resources: found
                                .resources
                                .iter()
                                .map(|it| {
                                    assert_eq!(it.user.organization, ORGANIZATION, "{about}");
                                    if limit == 1_000 {
                                        let same = store.user_resource(ORGANIZATION, it.user.id);
                                        assert_eq!(same, Ok(Some(it.clone())), "{about}");
                                    }
                                    it.user.user_name.clone()
                                })
                                .collect(),
                            total: found.total,
                            next: found.next,
                        }
                    });
                    seen.push(found);
                }
                assert_eq!(seen[0], seen[1], "{text} by {order} {descending}");
                let everybody = text.is_empty();
                assert!(!everybody || seen[0].1 == 40, "{text}");
            }
        }
    }
}

#[test]
fn every_store_returns_the_same_groups() {
    let schemas = Schemas::new([]);
    let stores = every_store();
    stores.iter().for_each(|trial| {
        people(trial.store.as_ref());
        // The built-in group has its own id and time in each store.
        let admin = trial.store.find_groups(
            ORGANIZATION,
            &ResourceQuery {
                limit: 99,
                ..ResourceQuery::default()
            },
            false,
        );
        let admin = admin
            .expect("works")
            .resources
            .into_iter()
            .find(|it| it.group.name == "admin");
        let admin = admin.expect("the group exists").group.id;
        assert!(once(trial.store.as_ref(), |it| it
            .delete_group(admin, Moment(9_000_000))));
    });
    for text in GROUP_FILTERS {
        let filter = (!text.is_empty()).then(|| Filter::parse(text, &schemas.group).expect(text));
        for order in ["", "displayName", "externalId", "meta.lastModified"] {
            let path = (!order.is_empty())
                .then(|| AttributePath::parse(order, &schemas.group).expect(order));
            let mut seen = Vec::new();
            for TestStore { name, store, .. } in &stores {
                let about = format!("{name}: {text} by {order}");
                for with_members in [false, true] {
                    let found = all(&about, 2, |after, skip, limit| {
                        let query = ResourceQuery {
                            domain: None,
                            filter: filter.as_ref(),
                            order: path.as_ref().map(|path| Order {
                                path,
                                descending: true,
                            }),
                            after,
                            skip,
                            limit,
                        };
                        store
                            .find_groups(ORGANIZATION, &query, with_members)
                            .expect("works")
                    });
                    let with = found.0.iter().any(|it| !it.members.is_empty());
                    assert!(with_members || !with, "{about}");
                    if with_members {
                        seen.push(found);
                    }
                }
            }
            assert_eq!(seen[0], seen[1], "{text} by {order}");
        }
    }
}

#[test]
fn searches_find_the_expected_users_and_groups() {
    let schemas = Schemas::new([]);
    for TestStore { name, store, .. } in every_store() {
        people(store.as_ref());
        for (text, expected) in [
            ("userName eq \"kim-4\"", 1),
            ("userName eq \"kim-0\"", 0),
            ("userName eq \"sales/KIM-0\"", 1),
            ("externalId eq \"E-1\"", 4),
            ("externalId eq \"e-1\"", 0),
            ("emails[type eq \"work\"]", 0),
            ("not (externalId pr)", 14),
            ("active eq false", 13),
            ("groups.display eq \"staff\"", 8),
        ] {
            let filter = Filter::parse(text, &schemas.user).expect(text);
            let query = ResourceQuery {
                filter: Some(&filter),
                limit: 99,
                ..ResourceQuery::default()
            };
            let found = store.find_users(ORGANIZATION, &query).expect("works");
            assert_eq!(found.total, expected, "{name}: {text}");
        }
        add_group(store.as_ref(), "last", 70);
        let found = store.find_groups(
            OTHER,
            &ResourceQuery {
                limit: 9,
                ..ResourceQuery::default()
            },
            true,
        );
        let found = found.expect("works");
        assert_eq!(found.total, 1, "{name}: the built-in group");
    }
}

/// Prints measurements: `cargo test --release --test it -- --ignored large_store --nocapture`.
#[test]
#[ignore = "it measures"]
fn time_of_searches_in_a_large_store() {
    let schemas = Schemas::new([]);
    let trial = every_store().remove(0);
    let store = trial.store.as_ref();
    let began = std::time::Instant::now();
    once(store, |it| {
        for number in 0..200_000u32 {
            let user = UserContent {
                external_id: Some(format!("e-{number}")),
                given_name: Some(format!("Given{number}")),
                family_name: Some(format!("Family{}", number % 1_000)),
                email: Some(format!("user{number}@example.com")),
                attributes: [
                    ("title".into(), json!("Dr")),
                    ("country".into(), json!("FR")),
                ]
                .into_iter()
                .collect(),
                ..content(&format!("user-{number}"))
            };
            it.add_user(Uuid::now_v7(), &user, None, None, Moment(i64::from(number)))?;
        }
        Ok(())
    });
    eprintln!(
        "200,000 users added in one transaction: {:?}",
        began.elapsed()
    );
    let began = std::time::Instant::now();
    for number in 0..200 {
        crate::store_resources::add(store, &content(&format!("single-{number}")), 5);
    }
    eprintln!("a transaction of one user: {:?}", began.elapsed() / 200);
    for (text, order, limit) in [
        ("userName eq \"user-77777\"", "", 100),
        ("externalId eq \"e-77777\"", "", 100),
        ("", "", 100),
        ("", "userName", 100),
        ("", "meta.lastModified", 100),
        ("", "title", 100),
        ("name.familyName eq \"family7\"", "", 100),
        ("title eq \"dr\"", "userName", 100),
        ("emails.value eq \"user77777@example.com\"", "", 100),
        ("emails[type eq \"work\"]", "", 100),
        (
            "emails.type eq \"work\" or emails.type eq \"home\"",
            "userName",
            100,
        ),
    ] {
        let filter = (!text.is_empty()).then(|| Filter::parse(text, &schemas.user).expect(text));
        let path =
            (!order.is_empty()).then(|| AttributePath::parse(order, &schemas.user).expect(order));
        let query = ResourceQuery {
            filter: filter.as_ref(),
            order: path.as_ref().map(|path| Order {
                path,
                descending: false,
            }),
            limit,
            ..ResourceQuery::default()
        };
        let find = || store.find_users(ORGANIZATION, &query).expect("works");
        let total = find().total;
        let began = std::time::Instant::now();
        let times = if began.elapsed().as_millis() < 5 {
            5
        } else {
            1
        };
        for _ in 0..times {
            find();
        }
        eprintln!(
            "{:?}: {text:?} by {order:?}: {total} match",
            began.elapsed() / times
        );
    }
}
