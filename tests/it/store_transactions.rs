//! What every store must guarantee for transactions: atomicity, attempts, imports made of single operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster::clock::Moment;
use muster::users::audit::AuditEntry;
use muster::users::channel::Channel;
use muster::users::import_id::ImportId;
use muster::users::import_record::{Counters, ImportRecord, ImportState};
use muster::users::resources::{
    Change, HashedPassword, Kind, Member, Origin, Resources, UserContent,
};
use muster::users::step::ImportStep;
use muster::users::store::Store;
use muster::users::store_error::StoreError;
use muster::users::undo::{NAME_TAKEN, TOUCHED};
use uuid::Uuid;

use crate::store_resources::{add, add_group, content, group, once, undo, user};
use crate::stores::{
    DOMAIN, ORGANIZATION, TestStore, actor, batch, batch_of, completed, every_store, first, names,
    new_import, record, record_of, step, write,
};

fn broken() -> StoreError {
    StoreError::Failed("failure of the test".into())
}

/// Does everything that the port offers, to existing and new users and groups.
fn do_everything(
    it: &mut dyn Resources,
    existing: (Uuid, Uuid),
    import: ImportId,
) -> Result<(), StoreError> {
    let ((kim, staff), at) = (existing, Moment(50));
    let new = Uuid::now_v7();
    let origin = Some(Origin { import, line: 1 });
    it.step(&first(import, batch_of(&[], &[])))?;
    it.add_user(new, &content("new"), None, origin, at)?;
    it.change_user(kim, &content("other"), None, origin, at)?;
    let member = Member {
        kind: Kind::User,
        id: new,
        domain: DOMAIN.into(),
        name: "new".into(),
    };
    it.add_members(staff, &[member], at)?;
    it.change_group(staff, "crew", Some("e"), at)?;
    it.remove_members(staff, &[kim], at)?;
    it.add_group(Uuid::now_v7(), DOMAIN, "fresh", None, &[], at)?;
    it.note(&AuditEntry::new(&actor(ORGANIZATION), "user.change", at))?;
    it.keep_result(import, 1, "{}")?;
    it.step(&ImportStep {
        counted: Counters {
            total: 2,
            created: 1,
            updated: 1,
            ..Counters::default()
        },
        finish: completed(),
        ..step(import, batch_of(&[], &[]))
    })?;
    it.delete_user(kim, Moment(9_000_000))?;
    it.delete_group(staff, Moment(9_000_000))?;
    Ok(())
}

/// Returns everything that is visible of the store.
fn visible_state(store: &dyn Store, existing: (Uuid, Uuid), import: ImportId) -> String {
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        names(store, ORGANIZATION, None),
        user(store, existing.0),
        group(store, existing.1),
        store.roles(ORGANIZATION, DOMAIN),
        store.import(ORGANIZATION, import),
        store.findings(ORGANIZATION, import, 0, 9),
        store.operation_results(ORGANIZATION, import, 0, 9),
        store.audit(ORGANIZATION, None, 99),
    )
}

fn kim_of_staff(store: &dyn Store) -> (Uuid, Uuid) {
    let (kim, staff) = (add(store, &content("kim"), 5), add_group(store, "staff", 5));
    let member = Member {
        kind: Kind::User,
        id: kim,
        domain: DOMAIN.into(),
        name: "kim".into(),
    };
    once(store, |it| {
        it.add_members(staff, std::slice::from_ref(&member), Moment(6))
    });
    (kim, staff)
}

#[test]
fn failed_transaction_changes_nothing() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let (existing, import) = (kim_of_staff(store), new_import());
        let before = visible_state(store, existing, import);
        let failed = store.transact(ORGANIZATION, &mut |it| {
            do_everything(it, existing, import)?;
            Err(broken())
        });
        assert_eq!(failed, Err(broken()), "{name}");
        assert_eq!(visible_state(store, existing, import), before, "{name}");
        // The failed transaction left no saved state either: the same import can be created.
        let done = store.transact(ORGANIZATION, &mut |it| do_everything(it, existing, import));
        assert_eq!(done, Ok(()), "{name}");
        assert_ne!(visible_state(store, existing, import), before, "{name}");
        assert_eq!(
            record_of(store, import).state,
            ImportState::Completed,
            "{name}"
        );
    }
}

#[test]
fn failed_attempt_changes_nothing_and_the_rest_is_kept() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let (existing, import) = (kim_of_staff(store), new_import());
        let before = visible_state(store, existing, import);
        let attempts = store.transact(ORGANIZATION, &mut |it| {
            let kept = it.attempt(&mut |it| {
                do_everything(it, existing, import)?;
                Ok(false)
            })?;
            assert!(!kept, "{name}");
            let failed = it.attempt(&mut |it| {
                do_everything(it, existing, import)?;
                Err(broken())
            });
            assert_eq!(failed, Err(broken()), "{name}");
            Ok(())
        });
        assert_eq!(attempts, Ok(()), "{name}");
        assert_eq!(visible_state(store, existing, import), before, "{name}");
        let made = |it: &mut dyn Resources, who: &str| {
            it.add_user(Uuid::now_v7(), &content(who), None, None, Moment(7))
        };
        once(store, |it| {
            made(it, "first")?;
            let kept = it.attempt(&mut |it| {
                made(it, "outer")?;
                let kept = it.attempt(&mut |it| {
                    assert_eq!(made(it, "OUTER")?, Change::Taken, "{name}");
                    made(it, "inner")?;
                    Ok(false)
                })?;
                assert!(!kept, "{name}");
                assert_eq!(it.user_id(DOMAIN, "inner")?, None, "{name}");
                it.attempt(&mut |it| {
                    made(it, "second")?;
                    Ok(true)
                })
            })?;
            assert!(kept, "{name}");
            made(it, "last")
        });
        let expected = ["first", "kim", "last", "outer", "second"];
        assert_eq!(names(store, ORGANIZATION, None), expected, "{name}");
    }
}

#[test]
fn thousand_attempts_in_one_transaction_are_fast() {
    for TestStore { name, store, .. } in every_store() {
        let (store, began) = (store.as_ref(), std::time::Instant::now());
        once(store, |it| {
            for number in 0..1_000 {
                let kept = it.attempt(&mut |it| {
                    let who = content(&format!("user-{number:04}"));
                    it.add_user(Uuid::now_v7(), &who, None, None, Moment(7))?;
                    Ok(number % 10 != 0)
                })?;
                assert_eq!(kept, number % 10 != 0, "{name}");
            }
            Ok(())
        });
        assert_eq!(names(store, ORGANIZATION, None).len(), 900, "{name}");
        assert!(
            began.elapsed().as_secs() < 20,
            "{name}: {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn concurrent_transactions_and_an_import_all_succeed() {
    const EACH: usize = 60;
    for TestStore { name, store, .. } in every_store() {
        let counter = add(store.as_ref(), &content("counter"), 1);
        let stop = Arc::new(AtomicBool::new(false));
        let importing = {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            std::thread::spawn(move || {
                let (import, mut rows) = (new_import(), 0);
                write(store.as_ref(), first(import, batch(&[])));
                while !stop.load(Ordering::SeqCst) || rows == 0 {
                    let names: Vec<String> =
                        (0..50).map(|at| format!("row-{}", rows + at)).collect();
                    let batch: Vec<(u64, &str)> =
                        names.iter().map(|name| (2, name.as_str())).collect();
                    write(store.as_ref(), step(import, crate::stores::batch(&batch)));
                    rows += 50;
                }
                rows
            })
        };
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    for number in 0..EACH {
                        once(store.as_ref(), |it| {
                            let who = content(&format!("single-{thread}-{number}"));
                            it.add_user(Uuid::now_v7(), &who, None, None, Moment(7))?;
                            // The value read is the value changed: no other transaction intervenes.
                            let now = it.user(counter)?.expect("there").user;
                            let count = now
                                .family_name
                                .map_or(0, |it| it.parse().expect("a number"));
                            let next = UserContent {
                                family_name: Some((count + 1).to_string()),
                                ..content("counter")
                            };
                            it.change_user(counter, &next, None, None, Moment(7))
                        });
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("every thread succeeds");
        }
        stop.store(true, Ordering::SeqCst);
        let rows = importing.join().expect("the import succeeds");
        let counted = user(store.as_ref(), counter)
            .expect("there")
            .user
            .family_name;
        assert_eq!(counted, Some((2 * EACH).to_string()), "{name}");
        let all = names(store.as_ref(), ORGANIZATION, None).len();
        assert_eq!(all, 1 + 2 * EACH + rows, "{name}");
    }
}

#[test]
fn results_of_operations_are_returned_in_order() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let import = new_import();
        once(store, |it| {
            for number in [2, 1, 3] {
                it.keep_result(import, number, &format!(r#"{{"n":{number}}}"#))?;
            }
            it.keep_result(new_import(), 1, r#"{"n":9}"#)
        });
        let results = |from, limit| {
            let found = store.operation_results(ORGANIZATION, import, from, limit);
            found.expect("works").join(" ")
        };
        assert_eq!(results(0, 9), r#"{"n":1} {"n":2} {"n":3}"#, "{name}");
        assert_eq!(results(2, 1), r#"{"n":2}"#, "{name}");
        once(store, |it| it.keep_result(import, 2, r#"{"n":4}"#));
        assert_eq!(
            results(2, 9),
            r#"{"n":4} {"n":3}"#,
            "{name}: the last result counts"
        );
    }
}

/// Runs an import whose operations are those of `work`.
fn bulk(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn Resources, Option<Origin>) -> Result<(), StoreError>,
) -> ImportId {
    let import = new_import();
    let begin = ImportRecord {
        channel: Channel::Scim,
        ..record(import)
    };
    once(store, |it| {
        it.step(&ImportStep {
            begin: Some(begin.clone()),
            ..first(import, batch_of(&[], &[]))
        })?;
        work(it, Some(Origin { import, line: 1 }))?;
        it.step(&ImportStep {
            counted: Counters {
                total: 1,
                updated: 1,
                ..Counters::default()
            },
            finish: completed(),
            ..step(import, batch_of(&[], &[]))
        })
    });
    let record = record_of(store, import);
    assert_eq!((record.channel, record.counters.total), (Channel::Scim, 1));
    import
}

#[test]
fn import_of_operations_can_be_undone() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let (kim, staff) = kim_of_staff(store);
        let hash = |text: &str| HashedPassword {
            hash: text.into(),
            must_change: false,
        };
        let before = UserContent {
            external_id: Some("e-1".into()),
            email: Some("kim@example.com".into()),
            ..content("Kim")
        };
        once(store, |it| {
            it.change_user(kim, &before, Some(&hash("$one$")), None, Moment(7))
        });
        let seen = user(store, kim);
        let elsewhere = Uuid::now_v7();
        let import = bulk(store, |it, origin| {
            let after = UserContent {
                given_name: Some("K".into()),
                ..content("max")
            };
            it.change_user(kim, &after, Some(&hash("$two$")), origin, Moment(8))?;
            it.change_user(kim, &content("moritz"), None, origin, Moment(8))?;
            // A new user has the name that is to be restored, and another user is in a different domain.
            it.add_user(Uuid::now_v7(), &content("kim"), None, origin, Moment(8))?;
            let in_sales = UserContent {
                domain: "SALES".into(),
                ..content("sam")
            };
            it.add_user(elsewhere, &in_sales, None, origin, Moment(8))?;
            it.change_user(elsewhere, &in_sales, None, origin, Moment(9))
                .map(drop)
        });
        // Memberships are not part of the import's changes to users.
        once(store, |it| it.change_group(staff, "crew", None, Moment(10)));
        let undone = undo(store, import);
        assert_eq!(
            (undone.removed, undone.restored),
            (2, 1),
            "{name}: {undone:?}"
        );
        let now = user(store, kim).expect("there");
        assert_eq!(now.groups[0].name, "crew", "{name}");
        let mut as_before = seen.expect("there");
        as_before.groups = now.groups.clone();
        as_before.user.roles = now.user.roles.clone();
        assert_eq!(now, as_before, "{name}");
        let password = store.password(ORGANIZATION, DOMAIN, "KIM").expect("works");
        assert_eq!(password.expect("there").hash, "$one$", "{name}");
        assert_eq!(names(store, ORGANIZATION, None), ["Kim"], "{name}");
    }
}

#[test]
fn exchanged_names_are_restored_unless_another_user_has_one() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let ids = ["ann", "bob", "carl", "dora"].map(|who| add(store, &content(who), 5));
        let [ann, bob, carl, dora] = ids;
        let import = bulk(store, |it, origin| {
            let mut call = |id, to: &str| it.change_user(id, &content(to), None, origin, Moment(8));
            for (id, to) in [
                (ann, "tmp"),
                (bob, "ann"),
                (ann, "bob"),
                (carl, "eve"),
                (dora, "fay"),
            ] {
                assert_eq!(
                    call(id, to)?,
                    Change::Made(Moment(if to == "bob" { 9 } else { 8 }))
                );
            }
            Ok(())
        });
        add(store, &content("Carl"), 20);
        once(store, |it| {
            it.change_user(dora, &content("gil"), None, None, Moment(21))
        });
        let undone = undo(store, import);
        assert_eq!(undone.restored, 2, "{name}");
        let left: Vec<_> = undone
            .left
            .iter()
            .map(|it| (it.user_name.as_str(), it.reason))
            .collect();
        assert_eq!(left, [("eve", NAME_TAKEN), ("gil", TOUCHED)], "{name}");
        let now = ids.map(|id| user(store, id).expect("there").user.user_name);
        assert_eq!(now, ["ann", "bob", "eve", "gil"], "{name}");
        for (id, who) in ids.iter().zip(now) {
            assert_eq!(
                once(store, |it| it.user_id(DOMAIN, &who)),
                Some(*id),
                "{name}"
            );
        }
    }
}
