//! What every store must guarantee for single users and groups: names, versions, members, organizations.

use muster::clock::Moment;
use muster::users::import_id::ImportId;
use muster::users::import_record::ImportRecord;
use muster::users::name::lookup_key;
use muster::users::options::ConflictPolicy;
use muster::users::organization::Organization;
use muster::users::resources::{
    Change, GroupResource, HashedPassword, Kind, Member, MembersChanged, Origin, Resources,
    UserContent, UserResource,
};
use muster::users::role_name::EVERYONE_ROLE;
use muster::users::step::ImportStep;
use muster::users::store::Store;
use muster::users::store_error::StoreError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stores::{
    DOMAIN, ORGANIZATION, TestStore, actor, batch_of, checked, completed, every_store, first,
    new_import, write,
};

/// Another organization.
pub const OTHER: &str = "acme";

pub fn content(name: &str) -> UserContent {
    UserContent {
        domain: DOMAIN.into(),
        user_name: name.into(),
        ..UserContent::default()
    }
}

/// Does one thing in a transaction of its own.
#[track_caller]
pub fn once<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn Resources) -> Result<T, StoreError>,
) -> T {
    within(store, ORGANIZATION, &mut work)
}

#[track_caller]
pub fn within<T>(
    store: &dyn Store,
    organization: &str,
    mut work: impl FnMut(&mut dyn Resources) -> Result<T, StoreError>,
) -> T {
    let mut result = None;
    let done = store.transact(organization, &mut |resources| {
        result = Some(work(resources)?);
        Ok(())
    });
    done.expect("the transaction is stored");
    result.expect("the work was done")
}

/// Creates a user, whose name must be free.
#[track_caller]
pub fn add(store: &dyn Store, content: &UserContent, at: i64) -> Uuid {
    let id = Uuid::now_v7();
    let change = once(store, |it| it.add_user(id, content, None, None, Moment(at)));
    assert_eq!(change, Change::Made(Moment(at)));
    id
}

#[track_caller]
pub fn add_group(store: &dyn Store, name: &str, at: i64) -> Uuid {
    let id = Uuid::now_v7();
    let change = once(store, |it| {
        it.add_group(id, DOMAIN, name, None, &[], Moment(at))
    });
    assert_eq!(change, Change::Made(Moment(at)));
    id
}

pub fn user(store: &dyn Store, id: Uuid) -> Option<UserResource> {
    store.user_resource(ORGANIZATION, id).expect("works")
}

pub fn group(store: &dyn Store, id: Uuid) -> Option<GroupResource> {
    store.group_resource(ORGANIZATION, id, true).expect("works")
}

fn member(kind: Kind, id: Uuid) -> Member {
    Member {
        kind,
        id,
        domain: DOMAIN.into(),
        name: String::new(),
    }
}

fn member_names(store: &dyn Store, id: Uuid) -> Vec<String> {
    let group = group(store, id).expect("there");
    group.members.into_iter().map(|it| it.name).collect()
}

fn group_names(resource: &UserResource) -> Vec<&str> {
    resource.groups.iter().map(|it| it.name.as_str()).collect()
}

/// Creates a second organization, for what must not be visible from the first.
fn add_other(store: &dyn Store) {
    let other = Organization {
        name: OTHER.into(),
        created_at: Moment(1),
    };
    let added = store.add_organization(&other, &actor(ORGANIZATION));
    assert_eq!(added, Ok(true));
}

#[test]
fn user_is_returned_as_the_client_sent_it() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let Value::Object(attributes) = json!({"country": "FR", "addresses": [{"type": "work"}]})
        else {
            unreachable!()
        };
        let full = UserContent {
            external_id: Some("e-1".into()),
            given_name: Some("Zoë".into()),
            family_name: Some("Lee".into()),
            email: Some("zoe@example.com".into()),
            attributes,
            ..content("Zoë")
        };
        let id = add(store, &full, 5);
        let found = user(store, id).expect("there");
        let same = once(store, |it| it.user(id));
        assert_eq!(same.as_ref(), Some(&found), "{name}");
        let user = found.user;
        assert!(found.groups.is_empty(), "{name}");
        let seen = UserContent {
            domain: user.domain,
            user_name: user.user_name,
            external_id: user.external_id,
            given_name: user.given_name,
            family_name: user.family_name,
            email: user.email,
            attributes: user.attributes,
        };
        assert_eq!(seen, full, "{name}");
        assert_eq!((user.created_at, user.modified_at), (Moment(5), None));
        assert_eq!((user.created_by, user.must_change_password), (None, false));
        let by_name = store
            .user(ORGANIZATION, DOMAIN, "ZOE\u{308}")
            .expect("works");
        assert_eq!(by_name.map(|it| it.id), Some(id), "{name}");
        let id_by_name = once(store, |it| it.user_id(DOMAIN, "ZOË"));
        assert_eq!(id_by_name, Some(id), "{name}");
        assert_eq!(once(store, |it| it.user_id("SALES", "zoë")), None, "{name}");
        let as_member = once(store, |it| it.member(id)).expect("there");
        assert_eq!(
            (as_member.kind, as_member.name.as_str()),
            (Kind::User, "Zoë")
        );
    }
}

#[test]
fn user_names_are_unique_in_any_case_and_follow_a_rename() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let (kim, lee) = (
            add(store, &content("Kim"), 5),
            add(store, &content("lee"), 5),
        );
        let again = once(store, |it| {
            it.add_user(Uuid::now_v7(), &content("KIM"), None, None, Moment(6))
        });
        assert_eq!(again, Change::Taken, "{name}");
        let elsewhere = UserContent {
            domain: "SALES".into(),
            ..content("kim")
        };
        add(store, &elsewhere, 6);
        let change = |id, to: &str, at| {
            once(store, |it| {
                it.change_user(id, &content(to), None, None, Moment(at))
            })
        };
        assert_eq!(change(lee, "KIM", 7), Change::Taken, "{name}");
        let unchanged = user(store, lee).expect("there").user;
        assert_eq!(
            (unchanged.user_name.as_str(), unchanged.modified_at),
            ("lee", None)
        );
        assert_eq!(change(kim, "kIM", 7), Change::Made(Moment(7)), "{name}");
        assert_eq!(change(kim, "zoe", 8), Change::Made(Moment(8)), "{name}");
        assert_eq!(change(lee, "kim", 9), Change::Made(Moment(9)), "{name}");
        let by_name = |who| {
            let found = store.user(ORGANIZATION, DOMAIN, who).expect("works");
            found.map(|it| it.id)
        };
        assert_eq!(by_name("Kim"), Some(lee), "{name}");
        assert_eq!(by_name("ZOE"), Some(kim), "{name}");
        assert_eq!(by_name("lee"), None, "{name}");
        let unknown = change(Uuid::now_v7(), "max", 9);
        assert_eq!(unknown, Change::Gone, "{name}");
    }
}

#[test]
fn each_change_is_later_than_the_one_before_even_if_the_clock_goes_back() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let kim = add(store, &content("kim"), 100);
        let change = |at| {
            once(store, |it| {
                it.change_user(kim, &content("kim"), None, None, Moment(at))
            })
        };
        let modified = || user(store, kim).expect("there").user.modified_at;
        for (at, made) in [(100, 101), (50, 102), (102, 103), (500, 500)] {
            assert_eq!(change(at), Change::Made(Moment(made)), "{name}");
            assert_eq!(modified(), Some(Moment(made)), "{name}");
        }
        // A row of a file, a password and a role are changes like any other.
        let row = checked_email("kim", "kim@example.com");
        let import = new_import();
        write(
            store,
            ImportStep {
                conflict: ConflictPolicy::Update,
                finish: completed(),
                at: Moment(20),
                ..first(import, batch_of(&[row], &[]))
            },
        );
        assert_eq!(modified(), Some(Moment(501)), "{name}");
        let password = muster::users::store::NewPassword {
            hash: "$h$".into(),
            must_change: false,
            set_at: Moment(21),
            replacing: None,
            by: Some(actor(ORGANIZATION)),
        };
        assert_eq!(
            store.set_password(ORGANIZATION, DOMAIN, "kim", &password),
            Ok(true)
        );
        assert_eq!(modified(), Some(Moment(502)), "{name}");
        let staff = add_group(store, "staff", 100);
        let rename = |to: &str, at| once(store, |it| it.change_group(staff, to, None, Moment(at)));
        assert_eq!(rename("staff", 100), Change::Made(Moment(101)), "{name}");
        assert_eq!(rename("crew", 3), Change::Made(Moment(102)), "{name}");
        let members = [member(Kind::User, kim)];
        let entered = once(store, |it| it.add_members(staff, &members, Moment(4)));
        assert_eq!(entered, changed(1, 103), "{name}");
        assert_eq!(
            modified(),
            Some(Moment(502)),
            "{name}: its member is unchanged"
        );
    }
}

fn checked_email<'a>(name: &'a str, email: &'a str) -> muster::users::candidate::CheckedUser<'a> {
    muster::users::candidate::CheckedUser {
        email: Some(email),
        ..checked(2, name)
    }
}

fn changed(count: usize, at: i64) -> MembersChanged {
    MembersChanged {
        count,
        at: Some(Moment(at)),
    }
}

#[test]
fn user_without_a_password_cannot_log_in_and_has_no_initial_one_listed() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        // Also if an import with a default password for other users created the user.
        let import = new_import();
        let begin = ImportStep {
            default_password_hash: Some("$default$".into()),
            ..first(import, batch_of(&[], &[]))
        };
        let origin = Origin { import, line: 1 };
        let id = Uuid::now_v7();
        once(store, |it| {
            it.step(&ImportStep {
                begin: begin.begin.clone(),
                default_password_hash: begin.default_password_hash.clone(),
                ..first(import, batch_of(&[], &[]))
            })?;
            it.add_user(id, &content("kim"), None, Some(origin), Moment(5))
        });
        let stored = || store.password(ORGANIZATION, DOMAIN, "kim").expect("works");
        assert!(stored().is_none(), "{name}");
        assert!(!user(store, id).unwrap().user.has_password, "{name}");
        let initial = store.initial_passwords(ORGANIZATION, None, None, None, 9);
        assert!(initial.expect("works").is_empty(), "{name}");
        let password = HashedPassword {
            hash: "$own$".into(),
            must_change: true,
        };
        let change = |password: Option<&HashedPassword>, at| {
            once(store, |it| {
                it.change_user(id, &content("kim"), password, None, Moment(at))
            })
        };
        change(Some(&password), 6);
        change(None, 7);
        let now = stored().expect("the user has a password now");
        assert!(user(store, id).unwrap().user.has_password, "{name}");
        assert_eq!(
            (now.hash.as_str(), now.must_change, now.set_at),
            ("$own$", true, Moment(6))
        );
        let initial = store.initial_passwords(ORGANIZATION, None, None, None, 9);
        assert_eq!(initial.expect("works").len(), 1, "{name}");
    }
}

#[test]
fn group_names_are_unique_in_any_case_and_members_follow_a_rename() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let kim = add(store, &content("kim"), 5);
        let tour = add_group(store, "Tour Guides ÉTÉ", 5);
        let add_again = |domain: &str, called: &str| {
            once(store, |it| {
                it.add_group(Uuid::now_v7(), domain, called, None, &[], Moment(6))
            })
        };
        assert_eq!(
            add_again(DOMAIN, "tour guides été"),
            Change::Taken,
            "{name}"
        );
        assert_eq!(
            add_again(DOMAIN, "ADMIN"),
            Change::Taken,
            "{name}: a built-in group"
        );
        assert_eq!(
            add_again("SALES", "tour guides été"),
            Change::Made(Moment(6))
        );
        once(store, |it| {
            it.add_members(tour, &[member(Kind::User, kim)], Moment(7))
        });
        let change = |called: &str, external_id: Option<&str>, at| {
            once(store, |it| {
                it.change_group(tour, called, external_id, Moment(at))
            })
        };
        assert_eq!(change("Admin", None, 8), Change::Taken, "{name}");
        assert_eq!(
            change("tour guides", Some("e-9"), 9),
            Change::Made(Moment(9))
        );
        let found = group(store, tour).expect("there");
        assert_eq!(found.group.name, "tour guides", "{name}");
        assert_eq!(found.group.external_id.as_deref(), Some("e-9"), "{name}");
        assert_eq!(member_names(store, tour), ["kim"], "{name}");
        assert_eq!(
            group_names(&user(store, kim).expect("there")),
            ["tour guides"]
        );
        let roles = store.roles(ORGANIZATION, DOMAIN).expect("works");
        assert_eq!(
            roles,
            ["Internal/everyone", "admin", "tour guides"],
            "{name}"
        );
        let gone = once(store, |it| {
            it.change_group(Uuid::now_v7(), "x", None, Moment(9))
        });
        assert_eq!(gone, Change::Gone, "{name}");
    }
}

#[test]
fn rows_of_a_file_find_a_group_by_its_current_name() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let staff = add_group(store, "staff", 5);
        let by_row = |line, who, role: &'static str| {
            let row = muster::users::candidate::CheckedUser {
                roles: role.into(),
                ..checked(line, who)
            };
            write(store, first(new_import(), batch_of(&[row], &[])));
        };
        by_row(2, "ann", "staff");
        once(store, |it| it.change_group(staff, "crew", None, Moment(6)));
        by_row(2, "bob", "crew\nInternal/everyone");
        assert_eq!(member_names(store, staff), ["ann", "bob"], "{name}");
        let bob = store.user(ORGANIZATION, DOMAIN, "bob").expect("works");
        let bob = user(store, bob.expect("there").id).expect("there");
        let mut roles = bob.user.roles.clone();
        roles.sort();
        assert_eq!(roles, ["Internal/everyone", "crew"], "{name}");
        assert_eq!(
            group_names(&bob),
            ["crew"],
            "{name}: internal roles are not groups"
        );
        assert!(
            once(store, |it| it.delete_group(staff, Moment(9_000_000))),
            "{name}"
        );
        let bob = user(store, bob.user.id).expect("there");
        assert_eq!(bob.user.roles, [EVERYONE_ROLE], "{name}");
    }
}

#[test]
fn members_are_added_and_removed_and_only_changes_are_counted() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let (kim, lee) = (
            add(store, &content("kim"), 5),
            add(store, &content("lee"), 5),
        );
        let (staff, crew) = (add_group(store, "staff", 5), add_group(store, "crew", 5));
        let [k, l] = [kim, lee].map(|id| member(Kind::User, id));
        let inner = member(Kind::Group, crew);
        let enter =
            |members: &[Member], at| once(store, |it| it.add_members(staff, members, Moment(at)));
        let all = [l.clone(), inner.clone(), k.clone()];
        let only = std::slice::from_ref(&k);
        assert_eq!(enter(only, 6), changed(1, 6), "{name}");
        assert_eq!(enter(&all, 7), changed(2, 7), "{name}");
        assert_eq!(enter(&all, 8), MembersChanged::default(), "{name}");
        let found = group(store, staff).expect("there");
        assert_eq!(found.group.modified_at, Some(Moment(7)), "{name}");
        assert_eq!(member_names(store, staff), ["kim", "lee", "crew"], "{name}");
        assert_eq!(found.members[2].kind, Kind::Group, "{name}");
        let without = store.group_resource(ORGANIZATION, staff, false);
        let without = without.expect("works").expect("there");
        assert_eq!((without.group, without.members.len()), (found.group, 0));
        let leave = |ids: &[Uuid], at| once(store, |it| it.remove_members(staff, ids, Moment(at)));
        assert_eq!(leave(&[kim, Uuid::now_v7()], 9), changed(1, 9), "{name}");
        assert_eq!(leave(&[kim], 10), MembersChanged::default(), "{name}");
        assert_eq!(leave(&[crew], 11), changed(1, 11), "{name}");
        enter(&all, 12);
        let clear = |at| once(store, |it| it.clear_members(staff, Moment(at)));
        assert_eq!(clear(13), changed(3, 13), "{name}");
        assert_eq!(clear(14), MembersChanged::default(), "{name}");
        assert!(user(store, kim).expect("there").groups.is_empty(), "{name}");
        let unknown = once(store, |it| it.add_members(Uuid::now_v7(), &all, Moment(15)));
        assert_eq!(unknown, MembersChanged::default(), "{name}");
    }
}

#[test]
fn deleted_user_leaves_every_group() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let kim = add(store, &content("kim"), 5);
        let (outer, inner) = (add_group(store, "outer", 5), add_group(store, "inner", 5));
        let members = [member(Kind::User, kim), member(Kind::Group, inner)];
        once(store, |it| it.add_members(outer, &members, Moment(6)));
        once(store, |it| {
            it.add_members(inner, &[member(Kind::Group, outer)], Moment(6))
        });
        assert!(
            once(store, |it| it.delete_user(kim, Moment(9_000_000))),
            "{name}"
        );
        assert!(
            !once(store, |it| it.delete_user(kim, Moment(9_000_000))),
            "{name}"
        );
        assert_eq!(user(store, kim), None, "{name}");
        assert_eq!(member_names(store, outer), ["inner"], "{name}");
        let outer_group = group(store, outer).expect("there").group;
        assert_eq!(
            outer_group.modified_at,
            Some(Moment(9_000_000)),
            "{name}: its other members stay"
        );
        // The name is free, and a new user with it is in no group.
        let kim = add(store, &content("kim"), 7);
        assert!(user(store, kim).expect("there").groups.is_empty(), "{name}");
        assert!(
            once(store, |it| it.delete_group(inner, Moment(9_000_000))),
            "{name}"
        );
        assert!(
            !once(store, |it| it.delete_group(inner, Moment(9_000_000))),
            "{name}"
        );
        assert!(member_names(store, outer).is_empty(), "{name}");
        assert_eq!(once(store, |it| it.member(inner)), None, "{name}");
        let inner = add_group(store, "INNER", 8);
        assert!(member_names(store, inner).is_empty(), "{name}");
    }
}

#[test]
fn id_of_another_organization_counts_as_unknown() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        add_other(store);
        let (kim, staff) = (add(store, &content("kim"), 5), add_group(store, "staff", 5));
        let inner = add_group(store, "inner", 5);
        let all = [member(Kind::User, kim), member(Kind::Group, inner)];
        once(store, |it| it.add_members(staff, &all, Moment(6)));
        let import = new_import();
        once(store, |it| it.keep_result(import, 1, "{}"));
        let before = (user(store, kim), group(store, staff));
        assert_eq!(store.user_resource(OTHER, kim), Ok(None), "{name}");
        assert_eq!(store.group_resource(OTHER, staff, true), Ok(None), "{name}");
        let results = store.operation_results(OTHER, import, 0, 9);
        assert_eq!(results, Ok(Vec::new()), "{name}");
        within(store, OTHER, |it| {
            let at = Moment(9);
            assert_eq!(it.user(kim)?, None, "{name}");
            assert_eq!(it.user_id(DOMAIN, "kim")?, None, "{name}");
            assert_eq!(it.group(staff, true)?, None, "{name}");
            assert_eq!(it.member(kim)?, None, "{name}");
            assert_eq!(it.member(staff)?, None, "{name}");
            let change = it.change_user(kim, &content("x"), None, None, at)?;
            assert_eq!(change, Change::Gone, "{name}");
            assert_eq!(
                it.change_group(staff, "x", None, at)?,
                Change::Gone,
                "{name}"
            );
            assert!(!it.delete_user(kim, Moment(9_000_000))?, "{name}");
            assert!(!it.delete_group(staff, Moment(9_000_000))?, "{name}");
            let none = MembersChanged::default();
            assert_eq!(it.add_members(staff, &all, at)?, none, "{name}");
            assert_eq!(it.remove_members(staff, &[kim, inner], at)?, none, "{name}");
            assert_eq!(it.clear_members(staff, at)?, none, "{name}");
            it.keep_result(import, 1, r#"{"other":1}"#)?;
            // Names that are used elsewhere are free here.
            let made = it.add_user(Uuid::now_v7(), &content("kim"), None, None, at)?;
            assert_eq!(made, Change::Made(at), "{name}");
            let made = it.add_group(Uuid::now_v7(), DOMAIN, "staff", None, &[], at)?;
            assert_eq!(made, Change::Made(at), "{name}");
            Ok(())
        });
        assert_eq!((user(store, kim), group(store, staff)), before, "{name}");
        let results = store.operation_results(ORGANIZATION, import, 0, 9);
        assert_eq!(results, Ok(vec!["{}".to_owned()]), "{name}");
        let unknown = store.transact("nowhere", &mut |_| Ok(()));
        assert!(unknown.is_err(), "{name}: the organization does not exist");
    }
}

#[test]
fn internal_roles_are_not_groups_and_built_in_groups_have_their_own_ids() {
    let mut ids = std::collections::BTreeSet::new();
    for TestStore { name, store, .. } in every_store().into_iter().chain(every_store()) {
        let store = store.as_ref();
        add_other(store);
        for organization in [ORGANIZATION, OTHER] {
            let kim = Uuid::now_v7();
            within(store, organization, |it| {
                it.add_user(kim, &content("kim"), None, None, Moment(5))
            });
            let by = actor(organization);
            let role = muster::users::store::NewRole {
                organization: organization.into(),
                domain: "INTERNAL".into(),
                name: "Internal/x".into(),
                members: vec![(DOMAIN.into(), "kim".into())],
                permissions: Vec::new(),
                by,
                at: Moment(6),
            };
            store.add_role(&role).expect("works");
            let kim = store.user_resource(organization, kim).expect("works");
            let kim = kim.expect("there");
            assert_eq!(kim.user.roles, ["Internal/x"], "{name}");
            assert!(kim.groups.is_empty(), "{name}");
            // A row of a file gives the built-in role, and the user has its id.
            let admin = muster::users::candidate::CheckedUser {
                roles: "admin".into(),
                ..checked(2, "root")
            };
            let import = new_import();
            let begin = ImportRecord {
                organization: organization.into(),
                ..crate::stores::record(import)
            };
            write(
                store,
                ImportStep {
                    organization: organization.into(),
                    begin: Some(begin),
                    ..first(import, batch_of(&[admin], &[]))
                },
            );
            let root = store.user(organization, DOMAIN, "root").expect("works");
            let root = root.expect("there").id;
            let root = store.user_resource(organization, root).expect("works");
            let id = root.expect("there").groups[0].id;
            assert_eq!(id.get_version_num(), 7, "{name}");
            assert!(ids.insert(id), "{name}: {id} is not unique");
            let admin = store.group_resource(organization, id, true).expect("works");
            assert_eq!(admin.expect("there").group.name, "admin", "{name}");
        }
    }
}

#[test]
fn external_id_is_set_by_file_and_by_single_change() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let row = |external_id, cleared| muster::users::candidate::CheckedUser {
            external_id,
            cleared,
            ..checked(2, "kim")
        };
        let by_row = |conflict, row| {
            let step = ImportStep {
                conflict,
                finish: completed(),
                ..first(new_import(), batch_of(&[row], &[]))
            };
            let import = step.import;
            write(store, step);
            import
        };
        let of_kim = || {
            let kim = store.user(ORGANIZATION, DOMAIN, "kim").expect("works");
            let kim = kim.expect("there");
            assert!(kim.attributes.is_empty(), "{name}");
            kim.external_id
        };
        by_row(ConflictPolicy::Skip, row(Some("e-1"), vec![]));
        assert_eq!(of_kim().as_deref(), Some("e-1"), "{name}");
        by_row(ConflictPolicy::Fill, row(Some("e-2"), vec![]));
        assert_eq!(of_kim().as_deref(), Some("e-1"), "{name}");
        by_row(ConflictPolicy::Update, row(Some("e-2"), vec![]));
        assert_eq!(of_kim().as_deref(), Some("e-2"), "{name}");
        let cleared = by_row(ConflictPolicy::Update, row(None, vec!["externalId"]));
        assert_eq!(of_kim(), None, "{name}");
        undo(store, cleared);
        assert_eq!(of_kim().as_deref(), Some("e-2"), "{name}");
    }
}

#[track_caller]
pub fn undo(store: &dyn Store, import: ImportId) -> muster::users::undo::Undone {
    let undone = store.undo(
        ORGANIZATION,
        import,
        &actor(ORGANIZATION),
        Moment(9_000_000),
    );
    undone.expect("works").expect("there is such an import")
}

#[test]
fn lookup_key_of_a_name_with_spaces_is_case_folded() {
    assert_eq!(lookup_key("Tour GUIDES"), "tour guides");
    assert_eq!(lookup_key("ÉQUIPE  E\u{301}"), "équipe  é");
}
