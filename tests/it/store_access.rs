//! What every store must guarantee for tokens and organizations.

use muster::clock::Moment;
use muster::users::import_record::{ImportRecord, ImportState};
use muster::users::operator::{Operator, Role};
use muster::users::organization::{Belongings, Organization, OrganizationRemoved};
use muster::users::step::Finish;
use muster::users::store::{NewRole, RoleAdded, Store};
use muster::users::token::{Token, TokenDigest};
use uuid::Uuid;

use crate::stores::{
    DOMAIN, ORGANIZATION, TestStore, actor, add_organization, batch, completed, every_store,
    failed, first, names, new_import, record, step, write,
};

fn operator(name: &str, organization: Option<&str>) -> Operator {
    Operator {
        name: name.into(),
        role: Role::Import,
        organization: organization.map(str::to_owned),
        password_hash: "$one$".into(),
        created_at: Moment(1_000_000),
    }
}

fn token(operator: &str, organization: Option<&str>) -> Token {
    Token {
        id: Uuid::now_v7(),
        operator: operator.into(),
        role: Role::Read,
        organization: organization.map(str::to_owned),
        created_at: Moment(2_000_000),
        expires_at: Moment(3_000_000),
    }
}

fn digest(byte: u8) -> TokenDigest {
    [byte; 32]
}

#[test]
fn token_is_found_by_its_digest_and_removed_with_its_operator() {
    for TestStore { name, store, .. } in every_store() {
        let esb = operator("Esb", None);
        assert_eq!(
            store.add_operator(&esb, &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.add_operator(&operator("other", None), &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        let given = token("eSB", None);
        assert_eq!(
            store.add_token(&given, &digest(1), &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        let kept = Token {
            operator: "Esb".into(),
            ..given
        };
        let found = store.token(&digest(1)).expect("works");
        assert_eq!(found, Some((kept.clone(), esb)), "{name}");
        assert_eq!(store.token(&digest(2)), Ok(None), "{name}");
        let orphan = store.add_token(&token("nobody", None), &digest(3), &crate::stores::by());
        assert_eq!(orphan, Ok(false), "{name}: a token needs an operator");

        let later = Token {
            created_at: Moment(2_500_000),
            ..token("other", Some(ORGANIZATION))
        };
        assert_eq!(
            store.add_token(&later, &digest(4), &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        let all = store.tokens(None).expect("works");
        assert_eq!(all, [kept.clone(), later.clone()], "{name}: oldest first");
        assert_eq!(store.tokens(Some("ESB")), Ok(vec![kept.clone()]), "{name}");
        assert_eq!(store.tokens(Some("nobody")), Ok(Vec::new()), "{name}");

        assert_eq!(
            store.remove_token(kept.id, &crate::stores::by(), crate::stores::NOW),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.remove_token(kept.id, &crate::stores::by(), crate::stores::NOW),
            Ok(false),
            "{name}"
        );
        assert_eq!(store.token(&digest(1)), Ok(None), "{name}: revoked");
        assert_eq!(
            store.remove_operator("OTHER", &crate::stores::by(), crate::stores::NOW),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.token(&digest(4)),
            Ok(None),
            "{name}: its operator was removed"
        );
        let again = store.add_operator(&operator("other", None), &crate::stores::by());
        assert_eq!(again, Ok(true), "{name}");
        assert_eq!(
            store.tokens(None),
            Ok(Vec::new()),
            "{name}: a new operator of that name has no tokens"
        );
    }
}

#[test]
fn organization_has_its_roles_and_a_case_insensitive_name() {
    for TestStore { name, store, .. } in every_store() {
        let there: Vec<String> = store
            .organizations()
            .expect("works")
            .into_iter()
            .map(|organization| organization.name)
            .collect();
        assert_eq!(there, [ORGANIZATION], "{name}");
        let acme = Organization {
            name: "Acme".into(),
            created_at: Moment(5_000_000),
        };
        let by = actor(ORGANIZATION);
        assert_eq!(store.add_organization(&acme, &by), Ok(true), "{name}");
        for taken in ["ACME", "Acme", "default", "Default"] {
            let twin = Organization {
                name: taken.into(),
                created_at: Moment(6_000_000),
            };
            assert_eq!(store.add_organization(&twin, &by), Ok(false), "{name}");
        }
        assert_eq!(
            store.organization("aCME"),
            Ok(Some(acme.clone())),
            "{name}: the name is spelled as given"
        );
        assert_eq!(store.organization("acme2"), Ok(None), "{name}");
        let all = store.organizations().expect("works");
        assert_eq!((all.len(), &all[0]), (2, &acme), "{name}: by name");
        assert_eq!(
            store.roles("Acme", DOMAIN).expect("works"),
            ["Internal/everyone", "admin"],
            "{name}"
        );
        let entry = store.audit(ORGANIZATION, None, 1).expect("works").remove(0);
        assert_eq!(
            (entry.action.as_str(), entry.target.as_deref(), entry.at),
            ("organization.add", Some("Acme"), Moment(5_000_000)),
            "{name}"
        );
    }
}

#[test]
fn writes_to_an_unknown_organization_are_refused() {
    for TestStore { name, store, .. } in every_store() {
        let elsewhere = ImportRecord {
            organization: "elsewhere".into(),
            ..record(new_import())
        };
        let refused = store
            .add_import(&elsewhere)
            .expect_err("the organization does not exist");
        assert!(
            refused.to_string().contains("no organization elsewhere"),
            "{name}: {refused}"
        );
        let mut begin = first(elsewhere.id, batch(&[(2, "ann")]));
        begin.organization = "elsewhere".into();
        begin.begin = Some(elsewhere);
        assert!(store.submit(begin).wait().is_err(), "{name}");
        assert!(
            names(store.as_ref(), "elsewhere", None).is_empty(),
            "{name}"
        );
        let bound = operator("ann", Some("elsewhere"));
        assert!(
            store.add_operator(&bound, &crate::stores::by()).is_err(),
            "{name}"
        );
        assert_eq!(
            store.add_operator(&operator("ann", None), &crate::stores::by()),
            Ok(true)
        );
        let bound = store.add_token(
            &token("ann", Some("elsewhere")),
            &digest(1),
            &crate::stores::by(),
        );
        assert!(bound.is_err(), "{name}");
        assert!(store.add_role(&role("elsewhere")).is_err(), "{name}");
        assert!(store.roles("elsewhere", DOMAIN).expect("works").is_empty());
    }
}

fn role(organization: &str) -> NewRole {
    NewRole {
        organization: organization.into(),
        domain: DOMAIN.into(),
        name: "Sales".into(),
        members: Vec::new(),
        permissions: Vec::new(),
        by: actor(organization),
        at: Moment(3),
    }
}

fn remove(store: &dyn Store, name: &str) -> OrganizationRemoved {
    let removed = store.remove_organization(name, &actor(ORGANIZATION), Moment(9_000_000));
    removed.expect("the store works")
}

#[test]
fn organization_is_removed_only_when_empty_with_all_its_records() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        assert_eq!(remove(store, "acme"), OrganizationRemoved::Unknown);
        assert_eq!(remove(store, "Default"), OrganizationRemoved::TheDefault);
        add_organization(store, "acme");
        let import = new_import();
        let mut begin = first(import, batch(&[(2, "ann")]));
        begin.organization = "acme".into();
        begin.begin = Some(ImportRecord {
            organization: "acme".into(),
            ..record(import)
        });
        begin.findings = vec![failed(3)];
        write(store, begin);
        assert_eq!(store.add_role(&role("acme")), Ok(RoleAdded::Added));
        assert_eq!(
            store.add_operator(&operator("zoe", Some("acme")), &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.add_operator(&operator("ops", None), &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        let pass = token("ops", Some("acme"));
        assert_eq!(
            store.add_token(&pass, &digest(1), &crate::stores::by()),
            Ok(true),
            "{name}"
        );

        let has = |users, imports, operators, tokens| {
            OrganizationRemoved::HasStill(Belongings {
                users,
                imports,
                operators,
                tokens,
            })
        };
        assert_eq!(remove(store, "ACME"), has(1, 1, 1, 1), "{name}");
        let mut end = step(import, batch(&[]));
        end.organization = "acme".into();
        end.finish = completed();
        write(store, end);
        assert_eq!(remove(store, "acme"), has(1, 0, 1, 1), "{name}");
        let deleted = store.delete_user(&actor("acme"), DOMAIN, "ann", Moment(7));
        assert_eq!(deleted, Ok(true), "{name}");
        let queued = ImportRecord {
            organization: "acme".into(),
            state: ImportState::Queued,
            ..record(new_import())
        };
        assert_eq!(store.add_import(&queued), Ok(()), "{name}");
        assert_eq!(
            store.remove_operator("zoe", &crate::stores::by(), crate::stores::NOW),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.remove_token(pass.id, &crate::stores::by(), crate::stores::NOW),
            Ok(true),
            "{name}"
        );
        assert_eq!(remove(store, "acme"), has(0, 1, 0, 0), "{name}");
        let cancelled = Finish {
            state: ImportState::Cancelled,
            reason: None,
            sha256: None,
            by: None,
        };
        let ended = store.end_import("acme", queued.id, &actor("acme"), &cancelled, Moment(8));
        assert_eq!(ended, Ok(true), "{name}");

        assert_eq!(remove(store, "acme"), OrganizationRemoved::Removed);
        assert_eq!(remove(store, "acme"), OrganizationRemoved::Unknown);
        let entry = store.audit(ORGANIZATION, None, 1).expect("works").remove(0);
        assert_eq!(entry.action, "organization.remove", "{name}");
        add_organization(store, "acme");
        assert!(store.imports("acme", 10).expect("works").is_empty());
        assert!(
            store
                .findings("acme", import, 0, 10)
                .expect("works")
                .is_empty()
        );
        assert!(store.audit("acme", None, 10).expect("works").is_empty());
        assert_eq!(
            store.roles("acme", DOMAIN).expect("works"),
            ["Internal/everyone", "admin"],
            "{name}: it is new"
        );
    }
}
