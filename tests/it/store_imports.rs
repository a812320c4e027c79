//! What stores keep for imports to come, and the list of imports: the same for every store.

use muster::clock::Moment;
use muster::users::channel::Channel;
use muster::users::column_maps::KEPT_COLUMN_MAPS;
use muster::users::import_filter::ImportFilter;
use muster::users::import_id::ImportId;
use muster::users::import_record::{ImportRecord, ImportState};
use muster::users::options::ColumnMap;
use muster::users::organization::OrganizationRemoved;
use muster::users::store::Store;

use crate::stores::{
    ORGANIZATION, TestStore, actor, add_organization, every_store, new_import, record,
};

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

/// An import that is only a record.
fn add(store: &dyn Store, change: impl FnOnce(&mut ImportRecord)) -> ImportId {
    let mut record = record(new_import());
    change(&mut record);
    store.add_import(&record).expect("added");
    record.id
}

fn found(store: &dyn Store, filter: &ImportFilter) -> Vec<ImportId> {
    let found = store.find_imports(ORGANIZATION, filter, None, 100);
    found
        .expect("works")
        .iter()
        .map(|record| record.id)
        .collect()
}

#[test]
fn imports_are_filtered_by_each_condition_and_by_several() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let first = add(store, |it| {
            it.state = ImportState::Completed;
            it.channel = Channel::Portal;
            it.operator = "Zoë".into();
            it.file_name = "Übersicht-2026.CSV".into();
            it.started_at = Moment(1_000);
        });
        let second = add(store, |it| {
            it.state = ImportState::Failed;
            it.channel = Channel::Portal;
            it.operator = "admin".into();
            it.file_name = "100%_staff.xlsx".into();
            it.started_at = Moment(2_000);
        });
        let third = add(store, |it| {
            it.state = ImportState::Failed;
            it.channel = Channel::Rest;
            it.operator = "admin".into();
            it.file_name = "users.csv".into();
            it.started_at = Moment(3_000);
        });
        add_organization(store, "acme");
        add(store, |it| {
            it.organization = "acme".into();
            it.state = ImportState::Failed;
            it.channel = Channel::Rest;
            it.started_at = Moment(3_000);
        });
        let all = ImportFilter::default;
        let named = |part: &str| ImportFilter {
            file_name: Some(part.into()),
            ..all()
        };
        let by = |operator: &str| ImportFilter {
            operator: Some(operator.into()),
            ..all()
        };
        let in_state = |state| ImportFilter {
            state: Some(state),
            ..all()
        };
        let between = |since: Option<i64>, until: Option<i64>| ImportFilter {
            since: since.map(Moment),
            until: until.map(Moment),
            ..all()
        };
        let over = |channel| ImportFilter {
            channel: Some(channel),
            ..all()
        };
        let cases = [
            (all(), vec![third, second, first]),
            (in_state(ImportState::Failed), vec![third, second]),
            (in_state(ImportState::Completed), vec![first]),
            (in_state(ImportState::Running), vec![]),
            (over(Channel::Portal), vec![second, first]),
            (over(Channel::Scim), vec![]),
            (by("admin"), vec![third, second]),
            (by("ZOË"), vec![first]),
            (by("adm"), vec![]),
            (named("übersicht"), vec![first]),
            (named("CSV"), vec![third, first]),
            // No character is a placeholder.
            (named("%_"), vec![second]),
            (named("u*s"), vec![]),
            (named(""), vec![third, second, first]),
            (between(Some(2_000), None), vec![third, second]),
            (between(None, Some(2_000)), vec![first]),
            (between(Some(1_000), Some(3_000)), vec![second, first]),
            (between(Some(3_001), None), vec![]),
            (
                ImportFilter {
                    state: Some(ImportState::Failed),
                    channel: Some(Channel::Portal),
                    operator: Some("Admin".into()),
                    file_name: Some("STAFF".into()),
                    since: Some(Moment(2_000)),
                    until: Some(Moment(2_001)),
                },
                vec![second],
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(store, &filter), expected, "{name}: {filter:?}");
        }
    }
}

#[test]
fn pages_with_a_filter_have_every_match_once() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let mut expected = Vec::new();
        for number in 0..30 {
            let id = add(store, |it| {
                it.state = match number % 3 {
                    0 => ImportState::Failed,
                    _ => ImportState::Completed,
                };
            });
            if number % 3 == 0 {
                expected.insert(0, id);
            }
        }
        let filter = ImportFilter {
            state: Some(ImportState::Failed),
            ..ImportFilter::default()
        };
        let mut pages = Vec::new();
        let mut before = None;
        loop {
            let page = store.find_imports(ORGANIZATION, &filter, before, 4);
            let page: Vec<_> = page.expect("works").iter().map(|it| it.id).collect();
            let Some(last) = page.last() else { break };
            before = Some(*last);
            pages.push(page);
        }
        let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 4, 2], "{name}");
        assert_eq!(pages.concat(), expected, "{name}");
        assert_eq!(found(store, &filter), expected, "{name}");
    }
}
