//! The gate over a store in memory: which credentials it remembers, and when it forgets them.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster::access::basic::Credentials;
use muster::access::gate::{Caller, Gate, Recalled};
use muster::access::sessions::Client;
use muster::clock::Moment;
use muster::passwords::hashing::HashPool;
use muster::passwords::rules::Settings;
use muster::stores::memory::MemoryStore;
use muster::users::operator::{Operator, OperatorStore, Role};
use muster::users::organization::{OrganizationRemoved, OrganizationStore};

#[test]
fn a_credential_is_remembered_until_the_operator_changes() {
    let settings = Settings {
        memory_kib: 1024,
        passes: 1,
        ..Settings::default()
    };
    let pool = Arc::new(HashPool::start(&settings, 1).unwrap());
    let store = Arc::new(MemoryStore::default());
    let gate = Gate::new(store.clone(), pool.clone(), &settings, &Default::default()).unwrap();
    let operator = Operator {
        name: "Ann".into(),
        role: Role::Import,
        organization: None,
        password_hash: pool.hash("right".into()).unwrap(),
        created_at: Moment(0),
    };
    store.add_operator(&operator, &crate::stores::by()).unwrap();
    let credentials = |password: &str| Credentials {
        name: "ann".into(),
        password: password.into(),
    };

    let Recalled::Unknown(found) = gate.recall(&credentials("right")).unwrap() else {
        panic!("nothing was verified yet")
    };
    assert!(
        gate.verify(&credentials("wrong"), found.clone())
            .unwrap()
            .is_none()
    );
    assert_eq!(
        gate.verify(&credentials("right"), found)
            .unwrap()
            .unwrap()
            .name,
        "Ann"
    );
    assert!(matches!(
        gate.recall(&credentials("right")),
        Ok(Recalled::Caller(_))
    ));
    assert!(matches!(
        gate.recall(&credentials("wrong")),
        Ok(Recalled::Wrong)
    ));

    store
        .set_operator_password(
            "ann",
            &pool.hash("new".into()).unwrap(),
            &crate::stores::by(),
            crate::stores::NOW,
        )
        .unwrap();
    for password in ["right", "wrong"] {
        assert!(matches!(
            gate.recall(&credentials(password)),
            Ok(Recalled::Unknown(Some(_)))
        ));
    }
    store
        .remove_operator("ANN", &crate::stores::by(), crate::stores::NOW)
        .unwrap();
    assert!(matches!(
        gate.recall(&credentials("right")),
        Ok(Recalled::Unknown(None))
    ));
}

/// A gate over a store with two organizations: `all` may act in both, `ann` in acme; each password equals
/// the name.
fn two_organizations() -> (Arc<MemoryStore>, Gate) {
    let settings = Settings {
        memory_kib: 1024,
        passes: 1,
        ..Settings::default()
    };
    let pool = Arc::new(HashPool::start(&settings, 1).unwrap());
    let store = Arc::new(MemoryStore::default());
    for name in ["Acme", "beta"] {
        crate::stores::add_organization(store.as_ref(), name);
    }
    for (name, organization) in [
        ("all", None),
        ("ann", Some("Acme")),
        ("kim@example.com", None),
    ] {
        let operator = Operator {
            name: name.into(),
            role: Role::Import,
            organization: organization.map(str::to_owned),
            password_hash: pool.hash(name.into()).unwrap(),
            created_at: Moment(0),
        };
        store.add_operator(&operator, &crate::stores::by()).unwrap();
    }
    let gate = Gate::new(store.clone(), pool, &settings, &Default::default()).unwrap();
    (store, gate)
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials {
        name: name.into(),
        password: password.into(),
    }
}

/// The caller with these credentials, which are verified unless the gate remembers them.
fn caller(gate: &Gate, credentials: &Credentials) -> Option<Caller> {
    match gate.recall(credentials).unwrap() {
        Recalled::Caller(caller) => Some(caller),
        Recalled::Wrong => None,
        Recalled::Unknown(acting) => gate.verify(credentials, acting).unwrap(),
    }
}

#[test]
fn a_name_may_select_the_organization() {
    let (_, gate) = two_organizations();
    let cases = [
        ("all", "all", Some(("all", "default"))),
        ("ALL@acme", "all", Some(("all", "Acme"))),
        ("all@BETA", "all", Some(("all", "beta"))),
        ("all@default", "all", Some(("all", "default"))),
        ("ann", "ann", Some(("ann", "Acme"))),
        ("ann@ACME", "ann", Some(("ann", "Acme"))),
        ("ann@beta", "ann", None),
        ("ann@default", "ann", None),
        ("all@gamma", "all", None),
        ("all@", "all", None),
        ("@acme", "all", None),
        (
            "kim@example.com",
            "kim@example.com",
            Some(("kim@example.com", "default")),
        ),
        (
            "kim@example.com@beta",
            "kim@example.com",
            Some(("kim@example.com", "beta")),
        ),
    ];
    for (name, password, expected) in cases {
        // The first time the password is verified, the second time it is remembered.
        for _ in 0..2 {
            let known = caller(&gate, &credentials(name, password));
            let found = known
                .as_ref()
                .map(|it| (it.name.as_str(), it.organization.as_str()));
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(caller(&gate, &credentials(name, "wrong")), None);
    }
}

#[test]
fn credentials_verified_in_one_organization_are_not_remembered_for_another() {
    let (_, gate) = two_organizations();
    assert!(caller(&gate, &credentials("all@acme", "all")).is_some());
    let Recalled::Caller(known) = gate.recall(&credentials("all@ACME", "all")).unwrap() else {
        panic!("the same operator in the same organization")
    };
    assert_eq!(known.organization, "Acme");
    for other in ["all", "all@beta"] {
        let recalled = gate.recall(&credentials(other, "all")).unwrap();
        assert!(matches!(recalled, Recalled::Unknown(Some(_))), "{other}");
    }
    // An operator without rights in an organization is treated there like an unknown name.
    assert!(caller(&gate, &credentials("ann", "ann")).is_some());
    let recalled = gate.recall(&credentials("ann@beta", "ann")).unwrap();
    assert!(matches!(recalled, Recalled::Unknown(None)));
}

#[test]
fn a_session_stays_in_its_organization_and_ends_with_it() {
    let (store, gate) = two_organizations();
    let all = caller(&gate, &credentials("all@beta", "all")).unwrap();
    let session = gate.open_session(&all).unwrap().unwrap();
    let found = gate.caller_in(&session).unwrap().unwrap();
    assert_eq!(found.organization, "beta");
    assert_eq!(caller(&gate, &credentials("ann@beta", "ann")), None);
    let by = crate::stores::actor("default");
    let removed = store.remove_organization("beta", &by, Moment(1)).unwrap();
    assert_eq!(removed, OrganizationRemoved::Removed);
    assert_eq!(gate.caller_in(&session).unwrap(), None);
    assert_eq!(caller(&gate, &credentials("all@beta", "all")), None);
}

/// Opens a session of the portal for the operator whose password equals the name.
fn open_portal(gate: &Gate, name: &str) -> String {
    let caller = caller(gate, &credentials(name, name)).unwrap();
    let client = Client::new([192, 0, 2, 7].into(), "Browser 1.0");
    let opened = gate.open_portal_session(&caller, client, Moment(5));
    opened.unwrap().unwrap()
}

#[test]
fn portal_session_has_the_current_role_and_ends_with_the_password() {
    let (store, gate) = two_organizations();
    let session = open_portal(&gate, "ann");
    let found = |at| gate.portal_session(&session, Moment(at)).unwrap();
    let (ann, info) = found(9).unwrap();
    assert_eq!(
        (ann.name.as_str(), ann.organization.as_str()),
        ("ann", "Acme")
    );
    assert_eq!(
        (ann.role, info.opened, info.used),
        (Role::Import, Moment(5), Moment(9))
    );
    assert_eq!(info.client.user_agent, "Browser 1.0");
    assert!(
        gate.caller_in(&session).unwrap().is_none(),
        "not for programs"
    );
    let for_programs = gate.open_session(&ann).unwrap().unwrap();
    assert!(gate.caller_in(&for_programs).unwrap().is_some());
    let none = gate.portal_session(&for_programs, Moment(9)).unwrap();
    assert!(none.is_none(), "not for browsers");

    let (by, now) = (crate::stores::by(), crate::stores::NOW);
    let same = store.operator("ann").unwrap().unwrap();
    let reader = Operator {
        role: Role::Read,
        ..same
    };
    store.remove_operator("ann", &by, now).unwrap();
    store.add_operator(&reader, &by).unwrap();
    assert_eq!(found(10).unwrap().0.role, Role::Read);
    store
        .set_operator_password("ann", "$other$", &by, now)
        .unwrap();
    assert!(found(11).is_none() && !gate.is_portal_session_open(&info.id));
}

#[test]
fn portal_sessions_are_listed_and_ended_by_their_operator_only() {
    let (store, gate) = two_organizations();
    let (first, second, other) = (
        open_portal(&gate, "all"),
        open_portal(&gate, "all"),
        open_portal(&gate, "ann"),
    );
    let info = |session: &str| gate.portal_session(session, Moment(9)).unwrap();
    let id = |session: &str| info(session).unwrap().1.id;
    let listed = |name: &str| -> BTreeSet<String> {
        let all = gate.sessions_of(name).into_iter();
        all.map(|info| info.id).collect()
    };
    assert_eq!(listed("all"), BTreeSet::from([id(&first), id(&second)]));
    assert_eq!(listed("ann"), BTreeSet::from([id(&other)]));
    let theirs = id(&first);
    assert!(!gate.revoke("ann", &theirs) && info(&first).is_some());
    assert!(!gate.revoke("all", &first), "the secret is no public id");
    assert!(gate.portal_session(&theirs, Moment(9)).unwrap().is_none());
    assert!(gate.revoke("all", &theirs) && info(&first).is_none());
    assert!(!gate.is_portal_session_open(&theirs));
    gate.log_out(&second);
    assert!(listed("all").is_empty());
    let by = crate::stores::by();
    store
        .remove_operator("ann", &by, crate::stores::NOW)
        .unwrap();
    assert!(info(&other).is_none());
}
