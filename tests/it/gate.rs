//! The gate, over a store in memory: what it remembers and what it forgets.

use std::sync::Arc;

use muster::access::basic::Credentials;
use muster::access::gate::{Gate, Recalled};
use muster::clock::Moment;
use muster::stores::memory::MemoryStore;
use muster::users::hashing::HashPool;
use muster::users::operator::{Operator, OperatorStore, Role};
use muster::users::passwords::Settings;

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
    store.add_operator(&operator).unwrap();
    let credentials = |password: &str| Credentials {
        name: "ann".into(),
        password: password.into(),
    };

    let Recalled::Unknown(found) = gate.recall(&credentials("right")).unwrap() else {
        panic!("nothing was verified yet")
    };
    assert!(gate.verify(&credentials("wrong"), found.clone()).is_none());
    assert_eq!(
        gate.verify(&credentials("right"), found).unwrap().name,
        "Ann"
    );
    assert!(matches!(
        gate.recall(&credentials("right")),
        Ok(Recalled::Caller(_))
    ));
    assert!(matches!(
        gate.recall(&credentials("wrong")),
        Ok(Recalled::Unknown(Some(_)))
    ));

    store
        .set_operator_password("ann", &pool.hash("new".into()).unwrap())
        .unwrap();
    assert!(matches!(
        gate.recall(&credentials("right")),
        Ok(Recalled::Unknown(Some(_)))
    ));
    store.remove_operator("ANN").unwrap();
    assert!(matches!(
        gate.recall(&credentials("right")),
        Ok(Recalled::Unknown(None))
    ));
}
