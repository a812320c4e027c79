//! What stores keep for imports to come, and the list of imports: the same for every store.

use muster::clock::Moment;
use muster::users::column_maps::KEPT_COLUMN_MAPS;
use muster::users::options::ColumnMap;
use muster::users::organization::OrganizationRemoved;
use muster::users::store::Store;

use crate::stores::{ORGANIZATION, TestStore, actor, add_organization, every_store};

fn map(entries: &[&str]) -> ColumnMap {
    let mut map = ColumnMap::default();
    for entry in entries {
        map.add(entry).expect("a valid entry");
    }
    map
}

fn keep(store: &dyn Store, organization: &str, key: &str, entries: &[&str], at: i64) {
    let kept = store.keep_column_map(organization, key, &map(entries), Moment(at));
    kept.expect("kept");
}

fn kept(store: &dyn Store, organization: &str, key: &str) -> Option<ColumnMap> {
    store.column_map(organization, key).expect("works")
}

#[test]
fn column_map_is_found_by_its_headings_and_replaced() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        assert_eq!(kept(store, ORGANIZATION, "a1"), None, "{name}");
        keep(
            store,
            ORGANIZATION,
            "a1",
            &["E-Mail=emailaddress", "Büro=_"],
            1,
        );
        keep(store, ORGANIZATION, "b2", &["Login=username"], 2);
        let first = map(&["E-Mail=emailaddress", "Büro=_"]);
        assert_eq!(kept(store, ORGANIZATION, "a1"), Some(first), "{name}");
        keep(store, ORGANIZATION, "a1", &["E-Mail=username"], 3);
        let second = map(&["E-Mail=username"]);
        assert_eq!(kept(store, ORGANIZATION, "a1"), Some(second), "{name}");
        let other = map(&["Login=username"]);
        assert_eq!(kept(store, ORGANIZATION, "b2"), Some(other), "{name}");
        keep(store, ORGANIZATION, "b2", &[], 4);
        let empty = Some(ColumnMap::default());
        assert_eq!(kept(store, ORGANIZATION, "b2"), empty, "{name}");
    }
}

#[test]
fn column_maps_belong_to_one_organization_and_are_removed_with_it() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let missing = store.keep_column_map("acme", "a1", &map(&["x=username"]), Moment(1));
        assert!(missing.is_err(), "{name}: no such organization");
        add_organization(store, "acme");
        keep(store, "acme", "a1", &["x=username"], 1);
        assert_eq!(kept(store, ORGANIZATION, "a1"), None, "{name}");
        keep(store, ORGANIZATION, "a1", &["y=username"], 2);
        assert_eq!(
            kept(store, "acme", "a1"),
            Some(map(&["x=username"])),
            "{name}"
        );
        let removed = store.remove_organization("acme", &actor(ORGANIZATION), Moment(3));
        assert_eq!(removed, Ok(OrganizationRemoved::Removed), "{name}");
        add_organization(store, "acme");
        assert_eq!(kept(store, "acme", "a1"), None, "{name}");
        assert_eq!(
            kept(store, ORGANIZATION, "a1"),
            Some(map(&["y=username"])),
            "{name}"
        );
    }
}

#[test]
fn column_maps_over_the_limit_are_removed_in_the_order_of_their_last_use() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        add_organization(store, "acme");
        keep(store, "acme", "key-0", &["x=username"], 0);
        for number in 0..KEPT_COLUMN_MAPS {
            let at = i64::try_from(number).expect("small");
            keep(
                store,
                ORGANIZATION,
                &format!("key-{number}"),
                &["x=username"],
                at,
            );
        }
        keep(store, ORGANIZATION, "key-0", &["x=username"], 5_000);
        keep(store, ORGANIZATION, "new", &["x=username"], 5_001);
        let there = |key: &str| kept(store, ORGANIZATION, key).is_some();
        assert!(there("key-0") && there("key-2") && there("new"), "{name}");
        assert!(!there("key-1"), "{name}: it was used the longest time ago");
        // The clock was set back: the new map stays.
        keep(store, ORGANIZATION, "late", &["x=username"], -7);
        assert!(there("late") && !there("key-2") && there("key-3"), "{name}");
        assert!(
            kept(store, "acme", "key-0").is_some(),
            "{name}: counted for each organization"
        );
    }
}
