//! Users and groups as resources, one by one and in bulk: the layer below the SCIM channel, called
//! directly, with SQLite and with the memory store.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster::app::App;
use muster::clock::{Clock, Moment};
use muster::import::edits::Edits;
use muster::import::job_error::JobError;
use muster::import::jobs::{Cancelled, Ended};
use muster::import::request::ImportRequest;
use muster::import::selection::Selection;
use muster::provision::bulk_job::{BulkAnswer, BulkCall};
use muster::provision::error::ProvisionError;
use muster::provision::operation::{Act, Done, Effect, Operation, Precondition, Resource};
use muster::provision::outcome::OperationOutcome;
use muster::provision::plan::Strictness;
use muster::provision::rights::Authority;
use muster::scim::check::Leniency;
use muster::scim::error::{ErrorType, ScimError};
use muster::users::actor::Actor;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::channel::Channel;
use muster::users::documents::resource;
use muster::users::import_id::ImportId;
use muster::users::import_record::{Counters, ImportRecord, ImportState};
use muster::users::operator::Role;
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::resources::Kind;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::app::Options;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// An app, the name of its store, and its folder.
struct Fixture {
    name: &'static str,
    app: App,
    folder: TempDir,
}

fn open(folder: &TempDir, url: &str, change: impl FnOnce(&mut Options)) -> App {
    let mut options = Options::new(folder.path());
    options.app.store.url = url.into();
    change(&mut options);
    App::build(&options.app, Clock::system()).expect("the app is built")
}

fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary folder")
}

const STORES: [(&str, &str); 2] = [("sqlite", "sqlite:muster.db"), ("memory", "memory:")];

fn each(test: impl Fn(&Fixture)) {
    each_with(|_| {}, test);
}

fn each_with(change: impl Fn(&mut Options), test: impl Fn(&Fixture)) {
    for (name, url) in STORES {
        let folder = folder();
        let app = open(&folder, url, &change);
        test(&Fixture { name, app, folder });
    }
}

fn sqlite(change: impl FnOnce(&mut Options)) -> Fixture {
    let folder = folder();
    let app = open(&folder, "sqlite:muster.db", change);
    let name = "sqlite";
    Fixture { name, app, folder }
}

fn authority(role: Role) -> Authority {
    Authority {
        actor: Actor {
            organization: DEFAULT_ORGANIZATION.into(),
            operator: "admin".into(),
            channel: Channel::Scim,
            request_id: None,
        },
        role,
    }
}

fn call(key: Option<&str>) -> BulkCall {
    BulkCall {
        authority: authority(Role::Admin),
        strictness: Strictness::Operation,
        leniency: Leniency::default(),
        key: key.map(str::to_owned),
        label: "SCIM bulk request",
    }
}

fn bulk_body(operations: &Value) -> Value {
    json!({"schemas": [BULK], "Operations": operations})
}

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

fn post(bulk_id: &str, name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(name)})
}

/// A user with this manager.
fn post_below(bulk_id: &str, name: &str, manager: &str) -> Value {
    let data = json!({
        "schemas": [USER, ENTERPRISE], "userName": name,
        ENTERPRISE: {"manager": {"value": manager}}
    });
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data})
}

fn members(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

fn group(name: &str, ids: &[&str]) -> Value {
    json!({"schemas": [GROUP], "displayName": name, "members": members(ids)})
}

fn post_group(bulk_id: &str, name: &str, ids: &[&str]) -> Value {
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": group(name, ids)})
}

fn patch(operations: &Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

impl Fixture {
    fn act(
        &self,
        role: Role,
        kind: Kind,
        id: Uuid,
        act: Act,
        version: Option<&str>,
    ) -> Result<Done, ScimError> {
        let operation = Operation {
            kind,
            id,
            act,
            precondition: Precondition::parse(version),
        };
        let done = self
            .app
            .provisioner
            .carry_out(&authority(role), operation, Leniency::default());
        match done {
            Ok(done) => Ok(done),
            Err(ProvisionError::Refused(error)) => Err(error),
            Err(error) => panic!("{}: {error}", self.name),
        }
    }

    #[track_caller]
    fn made(&self, kind: Kind, document: Value) -> Uuid {
        let id = Uuid::now_v7();
        let done = self.act(Role::Admin, kind, id, Act::Create(document.clone()), None);
        let done = done.unwrap_or_else(|error| panic!("{document}: {error}"));
        assert_eq!((done.status(), done.id), (201, id));
        id
    }

    fn put(&self, kind: Kind, id: Uuid, document: Value) -> Result<Done, ScimError> {
        self.act(Role::Admin, kind, id, Act::Replace(document), None)
    }

    fn patched(&self, kind: Kind, id: Uuid, operations: Value) -> Result<Done, ScimError> {
        self.act(Role::Admin, kind, id, Act::Patch(patch(&operations)), None)
    }

    fn delete(&self, kind: Kind, id: Uuid) -> Result<Done, ScimError> {
        self.act(Role::Admin, kind, id, Act::Delete, None)
    }

    fn shown(&self, kind: Kind, id: Uuid) -> Option<Map<String, Value>> {
        let found =
            self.app
                .provisioner
                .resource(DEFAULT_ORGANIZATION, kind, &id.to_string(), true);
        match found {
            Ok(resource) => Some(shown(&resource)),
            Err(ProvisionError::Refused(error)) if error.status == 404 => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The value at this JSON pointer in the document of a user or group.
    #[track_caller]
    fn at(&self, kind: Kind, id: Uuid, pointer: &str) -> Value {
        let document = Value::Object(self.shown(kind, id).expect("the resource exists"));
        document.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    fn user_id(&self, name: &str) -> Option<Uuid> {
        let (domain, name) = name.split_once('/').unwrap_or(("PRIMARY", name));
        let user = self.app.store.user(DEFAULT_ORGANIZATION, domain, name);
        user.expect("the store works").map(|user| user.id)
    }

    fn names(&self) -> Vec<String> {
        let users = self
            .app
            .store
            .users(DEFAULT_ORGANIZATION, None, None, 1_000_000);
        let users = users.expect("the store works").into_iter();
        users.map(|user| user.user_name).collect()
    }

    /// The names of these groups and of their members; deleted groups are left out.
    fn groups(&self, ids: &[Uuid]) -> Vec<(String, Vec<String>)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut groups = Vec::new();
        for id in ids {
            let Some(group) = self.shown(Kind::Group, *id) else {
                continue;
            };
            let members = group.get("members").and_then(Value::as_array);
            let members = members.map(Vec::as_slice).unwrap_or_default();
            let mut names: Vec<String> = members
                .iter()
                .map(|member| text(&member["display"]))
                .collect();
            names.sort();
            groups.push((text(&group["displayName"]), names));
        }
        groups.sort();
        groups
    }

    fn bulk_as(&self, call: &BulkCall, body: &Value) -> Result<BulkAnswer, ProvisionError> {
        self.app.provisioner.bulk(call, body.to_string().as_bytes())
    }

    #[track_caller]
    fn bulk(&self, operations: Value) -> BulkAnswer {
        let answer = self.bulk_as(&call(None), &bulk_body(&operations));
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        self.check(&answer);
        answer
    }

    /// Asserts that the record of the answer equals the stored one, and that its counters add up.
    #[track_caller]
    fn check(&self, answer: &BulkAnswer) {
        let stored = self.record(answer.record.id);
        assert_eq!(answer.record, stored, "{}", self.name);
        check_sum(&stored.counters);
        assert_eq!(stored.channel, Channel::Scim);
    }

    fn record(&self, id: ImportId) -> ImportRecord {
        let found = self.app.store.import(DEFAULT_ORGANIZATION, id);
        found.expect("the store works").expect("there is a record")
    }

    fn import(&self, conflict: ConflictPolicy, csv: &str) -> Counters {
        let request = ImportRequest {
            organization: DEFAULT_ORGANIZATION.into(),
            domain: self.app.domains.find(None).expect("PRIMARY"),
            channel: Channel::Rest,
            operator: "admin".into(),
            may_grant_admin: true,
            request_id: None,
            file_name: "users.csv".into(),
            default_password: Some("Initial-Pass-1".into()),
            generated_passwords: None,
            options: ImportOptions {
                conflict,
                ..ImportOptions::default()
            },
            key: None,
            selection: Selection::All,
            edits: Edits::default(),
            keep: None,
        };
        match self.app.jobs.run(request, csv.as_bytes()) {
            Ok(Ended::Ran(report)) => report.counters,
            other => panic!("{other:?}"),
        }
    }

    fn audit(&self, action: &str) -> Vec<Value> {
        let entries = self.app.store.audit(DEFAULT_ORGANIZATION, None, 100_000);
        let entries = entries.expect("the store works").into_iter().rev();
        entries
            .filter(|entry| entry.action == action)
            .map(|entry| json!([entry.target, entry.details]))
            .collect()
    }

    fn uploads(&self) -> usize {
        let folder = std::fs::read_dir(&self.app.spool.folder);
        folder.expect("the spool folder").count()
    }
}

fn check_sum(counters: &Counters) {
    let Counters {
        total,
        created,
        updated,
        unchanged,
        duplicate,
        failed,
        skipped,
    } = *counters;
    let sum = created + updated + unchanged + duplicate + failed + skipped;
    assert_eq!(total, sum, "{counters:?}");
}

fn shown(resource: &Resource) -> Map<String, Value> {
    match resource {
        Resource::User(user) => resource::user(user, ""),
        Resource::Group(group) => resource::group(group, ""),
    }
}

fn statuses(answer: &BulkAnswer) -> Vec<u16> {
    answer.outcomes.iter().map(|it| it.status).collect()
}

fn id_of(outcome: &OperationOutcome) -> Uuid {
    outcome.resource.expect("there is a resource").1
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, ScimError>) -> (u16, Option<ErrorType>) {
    let error = result.expect_err("a refusal");
    (error.status, error.scim_type)
}

#[track_caller]
fn refused_request<T: std::fmt::Debug>(result: Result<T, ProvisionError>) -> ScimError {
    match result {
        Err(ProvisionError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn users_are_created_replaced_patched_and_deleted() {
    each(|app| {
        let id = app.made(
            Kind::User,
            json!({
                "schemas": [USER], "userName": "Kim", "externalId": "x1", "password": "Pass-word-1",
                "name": {"givenName": "Kim", "familyName": "Lee"},
                "emails": [{"value": "kim@x.org", "type": "work", "primary": true}]
            }),
        );
        let first = app.shown(Kind::User, id).expect("the resource exists");
        assert_eq!(first["meta"]["created"], first["meta"]["lastModified"]);
        assert!(!first.contains_key("password"));
        assert_eq!(first["emails"][0]["type"], "work");

        // The same values again change nothing, with PUT and with PATCH.
        let mut same = first.clone();
        same.remove("meta");
        let done = app
            .put(Kind::User, id, same.into())
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        let no_op = json!([{"op": "replace", "path": "name.givenName", "value": "Kim"}]);
        let done = app
            .patched(Kind::User, id, no_op)
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        assert_eq!(app.shown(Kind::User, id).as_ref(), Some(&first));

        let mut last = done.changed.expect("a version");
        for title in ["a", "b", "c"] {
            let change = json!([{"op": "add", "path": "title", "value": title}]);
            let done = app
                .patched(Kind::User, id, change)
                .expect("the request succeeds");
            let changed = done.changed.expect("a version");
            assert!(changed > last, "{}", app.name);
            last = changed;
        }
        let stale = resource::version(Moment(1));
        let patch_title = Act::Patch(patch(&json!([{"op": "remove", "path": "title"}])));
        let done = app.act(
            Role::Admin,
            Kind::User,
            id,
            patch_title.clone(),
            Some(&stale),
        );
        assert_eq!(refused(done), (412, None));
        let fresh = resource::version(last);
        let done = app.act(Role::Admin, Kind::User, id, patch_title, Some(&fresh));
        assert_eq!(done.expect("the request succeeds").effect, Effect::Updated);
        let done = app.act(Role::Admin, Kind::User, id, Act::Delete, Some(&stale));
        assert_eq!(refused(done), (412, None));

        // PUT clears the attributes that it leaves out.
        app.put(Kind::User, id, user("KIM"))
            .expect("the same name in another case");
        let now = app.shown(Kind::User, id).expect("the resource exists");
        assert_eq!(now["userName"], "KIM");
        for gone in ["name", "emails", "externalId"] {
            assert!(!now.contains_key(gone), "{gone}");
        }
        app.put(Kind::User, id, user("kay")).expect("a new name");
        assert_eq!(app.user_id("kim"), None);
        assert_eq!(app.user_id("KAY"), Some(id));

        assert_eq!(app.delete(Kind::User, id).expect("gone").status(), 204);
        assert_eq!(refused(app.delete(Kind::User, id)), (404, None));
        assert_eq!(refused(app.put(Kind::User, id, user("x"))), (404, None));
        let no_op = json!([{"op": "remove", "path": "title"}]);
        assert_eq!(refused(app.patched(Kind::User, id, no_op)), (404, None));
        assert_eq!(app.shown(Kind::User, id), None);
        app.made(Kind::User, user("kay"));
    });
}

#[test]
fn names_are_unique_in_each_user_store() {
    each(|app| {
        let uniqueness = (409, Some(ErrorType::Uniqueness));
        let wrong = (400, Some(ErrorType::InvalidValue));
        let create = |document| {
            let act = Act::Create(document);
            app.act(Role::Import, Kind::User, Uuid::now_v7(), act, None)
        };
        let kim = app.made(Kind::User, user("kim"));
        let lee = app.made(Kind::User, user("lee"));
        for taken in ["kim", "KIM", "PRIMARY/Kim", "primary/kim"] {
            assert_eq!(refused(create(user(taken))), uniqueness, "{taken}");
            let renamed = app.put(Kind::User, lee, user(taken));
            assert_eq!(refused(renamed), uniqueness, "{taken}");
        }
        for bad in ["", " ", "a  b", "nosuch/kim", "ki\u{7}m"] {
            assert_eq!(refused(create(user(bad))), wrong, "{bad:?}");
        }
        let sales = app.made(Kind::User, user("sales/kim"));
        assert_eq!(app.at(Kind::User, sales, "/userName"), "SALES/kim");
        assert_eq!(app.user_id("SALES/kim"), Some(sales));
        assert_eq!(refused(create(user("SALES/KIM"))), uniqueness);
        let moved = app.put(Kind::User, sales, user("kam"));
        assert_eq!(refused(moved), (400, Some(ErrorType::Mutability)));
        assert_eq!(app.at(Kind::User, kim, "/userName"), "kim");

        let guides = app.made(Kind::Group, group("guides", &[]));
        let make = |name: &str| {
            let act = Act::Create(group(name, &[]));
            app.act(Role::Admin, Kind::Group, Uuid::now_v7(), act, None)
        };
        assert_eq!(refused(make("GUIDES")), uniqueness);
        assert_eq!(refused(make("Admin")), uniqueness);
        assert_eq!(refused(make("Internal/everyone")), wrong);
        make("nosuch/x").expect("a name with a slash, where there is no such user store");
        make("SALES/guides").expect("another user store");
        let strangers = group("guides", &[&sales.to_string()]);
        assert_eq!(refused(app.put(Kind::Group, guides, strangers)), wrong);
    });
}

#[test]
fn passwords_follow_the_rules_and_only_administrators_change_them() {
    each(|app| {
        let with = |name: &str, password: &str| json!({"schemas": [USER], "userName": name, "password": password});
        let create = |role, document| {
            app.act(
                role,
                Kind::User,
                Uuid::now_v7(),
                Act::Create(document),
                None,
            )
        };
        let wrong = (400, Some(ErrorType::InvalidValue));
        assert_eq!(refused(create(Role::Admin, with("a", "abc"))), wrong);
        assert_eq!(refused(create(Role::Read, user("a"))), (403, None));
        let hash = |name: &str| {
            let stored = app
                .app
                .store
                .password(DEFAULT_ORGANIZATION, "PRIMARY", name);
            stored.expect("the store works").map(|stored| stored.hash)
        };
        create(Role::Import, with("kim", "Pass-word-1")).expect("made");
        let pool = &app.app.pool;
        assert!(pool.verify("Pass-word-1".into(), hash("kim")).unwrap());
        app.made(Kind::User, user("lee"));
        assert_eq!(hash("lee"), None);
        assert!(!pool.verify("".into(), hash("lee")).unwrap());
        // A hash from another system is stored unchanged.
        let foreign = "$2b$04$abcdefghijklmnopqrstuuJ6KQ8fGfPQBHg2GRnFkVhVRwS6p0n4K";
        create(Role::Import, with("foreign", foreign)).expect("made");
        assert_eq!(hash("foreign").as_deref(), Some(foreign));

        let kim = app.user_id("kim").expect("kim");
        let patch_password = Act::Patch(patch(
            &json!([{"op": "replace", "path": "password", "value": "Pass-word-2"}]),
        ));
        let put_password = Act::Replace(with("kim", "Pass-word-3"));
        for act in [patch_password.clone(), put_password] {
            let done = app.act(Role::Import, Kind::User, kim, act, None);
            assert_eq!(refused(done), (403, None));
        }
        assert!(pool.verify("Pass-word-1".into(), hash("kim")).unwrap());
        let done = app.act(Role::Admin, Kind::User, kim, patch_password, None);
        assert_eq!(done.expect("changed").effect, Effect::Updated);
        assert!(pool.verify("Pass-word-2".into(), hash("kim")).unwrap());
        let updates = app.audit("user.update");
        assert_eq!(
            updates,
            [json!(["PRIMARY/kim", {"attributes": ["password"]}])]
        );
        let done = app.act(Role::Import, Kind::User, kim, Act::Delete, None);
        assert_eq!(refused(done), (403, None));
    });
}

#[test]
fn groups_are_created_replaced_patched_and_deleted() {
    each(|app| {
        let [kim, lee, kay] = ["kim", "lee", "kay"].map(|name| app.made(Kind::User, user(name)));
        let [k, l, y] = [kim, lee, kay].map(|id| id.to_string());
        let id = app.made(Kind::Group, group("guides", &[&k, &l]));
        let first = app.shown(Kind::Group, id).expect("the resource exists");
        assert_eq!(first["meta"]["created"], first["meta"]["lastModified"]);
        assert_eq!(first["members"].as_array().map(Vec::len), Some(2));
        assert_eq!(app.at(Kind::User, kim, "/groups/0/display"), "guides");

        let mut same = first.clone();
        same.remove("meta");
        let done = app
            .put(Kind::Group, id, same.into())
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        let again = json!([{"op": "add", "path": "members", "value": [{"value": k}]}]);
        let done = app
            .patched(Kind::Group, id, again)
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        assert_eq!(app.shown(Kind::Group, id).as_ref(), Some(&first));

        let mut last = done.changed.expect("a version");
        let path = format!("members[value eq \"{k}\"]");
        for change in [
            json!({"op": "add", "path": "members", "value": [{"value": y, "type": "User"}]}),
            json!({"op": "remove", "path": path}),
            json!({"op": "replace", "path": "displayName", "value": "Guides"}),
            json!({"op": "replace", "path": "members", "value": [{"value": k}]}),
            json!({"op": "remove", "path": "members"}),
            json!({"op": "add", "value": {"externalId": "g", "members": [{"value": l}]}}),
        ] {
            let done = app.patched(Kind::Group, id, json!([change]));
            let done = done.unwrap_or_else(|error| panic!("{change}: {error}"));
            assert_eq!(done.effect, Effect::Updated, "{change}");
            let changed = done.changed.expect("a version");
            assert!(changed > last, "{change}");
            last = changed;
        }
        assert_eq!(
            app.groups(&[id]),
            [("Guides".into(), vec!["lee".to_owned()])]
        );

        let wrong = (400, Some(ErrorType::InvalidValue));
        let missing = Uuid::now_v7().to_string();
        for ids in [[missing.as_str()], [&id.to_string()]] {
            let refusal = app.put(Kind::Group, id, group("Guides", &ids));
            assert_eq!(refused(refusal), wrong, "{ids:?}");
        }
        let two = json!([
            {"op": "remove", "path": "members"},
            {"op": "add", "path": "members", "value": [{"value": missing}]}
        ]);
        assert_eq!(refused(app.patched(Kind::Group, id, two)), wrong);
        assert_eq!(
            app.groups(&[id]),
            [("Guides".into(), vec!["lee".to_owned()])]
        );
        let of_groups = app.made(Kind::Group, group("all", &[&id.to_string()]));
        let import = |act| app.act(Role::Import, Kind::Group, id, act, None);
        assert_eq!(refused(import(Act::Delete)), (403, None));
        assert_eq!(refused(import(Act::Replace(group("x", &[])))), (403, None));
        import(Act::Replace(group("Guides", &[])))
            .map(drop)
            .expect_err("its externalId");

        app.delete(Kind::Group, id)
            .expect("the resource is deleted");
        assert_eq!(refused(app.delete(Kind::Group, id)), (404, None));
        assert_eq!(app.at(Kind::Group, of_groups, "/members"), Value::Null);
        app.delete(Kind::User, kim)
            .expect("the resource is deleted");
    });
}

#[test]
fn only_administrators_change_the_group_of_administrators() {
    each(|app| {
        let kim = app.made(Kind::User, user("kim")).to_string();
        app.import(ConflictPolicy::Skip, "username,roles\nroot,admin\n");
        let root = app.user_id("root").expect("root");
        let admins = app.at(Kind::User, root, "/groups/0/value");
        let admins: Uuid = admins
            .as_str()
            .and_then(|id| id.parse().ok())
            .expect("an id");
        let join = Act::Patch(patch(
            &json!([{"op": "add", "path": "members", "value": [{"value": kim}]}]),
        ));
        let import = app.act(Role::Import, Kind::Group, admins, join.clone(), None);
        assert_eq!(refused(import), (403, None));
        let put = Act::Replace(group("admin", &[&kim]));
        let import = app.act(Role::Import, Kind::Group, admins, put, None);
        assert_eq!(refused(import), (403, None));
        app.act(Role::Admin, Kind::Group, admins, join, None)
            .expect("an administrator may");
        let leave = Act::Replace(group("admin", &[]));
        let import = app.act(Role::Import, Kind::Group, admins, leave, None);
        assert_eq!(refused(import), (403, None));
        let mutability = (400, Some(ErrorType::Mutability));
        let renamed = app.put(Kind::Group, admins, group("x", &[]));
        assert_eq!(refused(renamed), mutability);
        assert_eq!(refused(app.delete(Kind::Group, admins)), mutability);
        let forward = app.bulk_as(
            &BulkCall {
                authority: authority(Role::Import),
                ..call(None)
            },
            &bulk_body(&json!([
                {"method": "PATCH", "path": format!("/Groups/{admins}"), "data": patch(&json!([
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:e"}]}]))},
                post("e", "eve"),
            ])),
        );
        assert_eq!(statuses(&forward.expect("done")), [403, 201]);
        assert_eq!(app.at(Kind::Group, admins, "/members/2"), Value::Null);
    });
}

#[test]
fn a_user_cannot_become_their_own_manager() {
    each(|app| {
        let below = |name: &str, manager: &str| {
            json!({
                "schemas": [USER, ENTERPRISE], "userName": name,
                ENTERPRISE: {"manager": {"value": manager}}
            })
        };
        let pointer = format!("/{ENTERPRISE}/manager/value");
        let a = app.made(Kind::User, user("a"));
        let b = app.made(Kind::User, below("b", &a.to_string()));
        let c = app.made(Kind::User, below("c", &b.to_string()));
        assert_eq!(app.at(Kind::User, c, &pointer), b.to_string());
        for manager in [a, b, c] {
            let refusal = app.put(Kind::User, a, below("a", &manager.to_string()));
            assert_eq!(refused(refusal), (400, Some(ErrorType::InvalidValue)));
        }
        let missing = Uuid::now_v7().to_string();
        let refusal = app.put(Kind::User, a, below("a", &missing));
        assert_eq!(refused(refusal), (400, Some(ErrorType::InvalidValue)));
        for name in ["kim", "SALES/kim", "4711"] {
            app.put(Kind::User, a, below("a", name)).expect("a name");
            assert_eq!(app.at(Kind::User, a, &pointer), name);
        }
        // Circles within one request are resolved, and a user below a circle is not part of it.
        let answer = app.bulk(json!([
            post_below("x", "x", "bulkId:z"),
            post_below("y", "y", "bulkId:x"),
            post_below("z", "z", "bulkId:y"),
        ]));
        assert_eq!(statuses(&answer), [201, 201, 201]);
        let [x, y, z] = [0, 1, 2].map(|at| id_of(&answer.outcomes[at]));
        assert_eq!(app.at(Kind::User, x, &pointer), z.to_string());
        assert_eq!(app.at(Kind::User, z, &pointer), y.to_string());
        app.put(Kind::User, c, below("c", &x.to_string()))
            .expect("c is not part of the circle");
        let own = app.bulk(json!([post_below("q", "q", "bulkId:q")]));
        assert_eq!(statuses(&own), [400]);
        assert_eq!(app.user_id("q"), None);
    });
}

#[test]
fn values_from_files_and_changes_by_clients_are_kept_together() {
    each(|app| {
        let csv = "username,givenname,emailaddress,http://wso2.org/claims/mobile,\
                   http://wso2.org/claims/phoneNumbers.work,http://wso2.org/claims/region,\
                   http://wso2.org/claims/country,http://wso2.org/claims/dob,\
                   http://wso2.org/claims/active\n\
                   kim,Kim,kim@x.org,1,2,BW,DE,2000-01-01,TRUE\n";
        let counted = app.import(ConflictPolicy::Skip, csv);
        assert_eq!(counted.created, 1, "{counted:?}");
        let kim = app.user_id("kim").expect("kim");
        let shown = |pointer: &str| app.at(Kind::User, kim, pointer);
        assert_eq!(
            shown("/phoneNumbers"),
            json!([{"value": "1", "type": "mobile"}, {"value": "2", "type": "work"}])
        );
        let attributes = |app: &Fixture| {
            let user = app.app.store.user(DEFAULT_ORGANIZATION, "PRIMARY", "kim");
            user.expect("the store works").expect("kim").attributes
        };
        let before = attributes(app);
        let title = json!([{"op": "add", "path": "title", "value": "Dr"}]);
        app.patched(Kind::User, kim, title).expect("done");
        let mut expected = before.clone();
        expected.insert("title".into(), "Dr".into());
        assert_eq!(attributes(app), expected, "{}", app.name);
        app.patched(
            Kind::User,
            kim,
            json!([
                {"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "22"},
                {"op": "add", "path": "phoneNumbers", "value": [
                    {"value": "3", "type": "mobile", "display": "old"}]},
                {"op": "replace", "path": "addresses", "value": [
                    {"region": "BY", "country": "DE", "type": "work"}]},
                {"op": "replace", "path": "emails", "value": [
                    {"value": "kim@y.org", "type": "work", "primary": true},
                    {"value": "kim@z.org", "type": "work"}]},
            ]),
        )
        .expect("done");
        let csv = "username,emailaddress,http://wso2.org/claims/phoneNumbers.work,\
                   http://wso2.org/claims/region,http://wso2.org/claims/mobile\n\
                   kim,kim@new.org,222,HE,11\n";
        assert_eq!(app.import(ConflictPolicy::Update, csv).updated, 1);
        assert_eq!(
            shown("/phoneNumbers"),
            json!([
                {"value": "11", "type": "mobile"},
                {"value": "222", "type": "work"},
                {"value": "3", "type": "mobile", "display": "old"}
            ])
        );
        assert_eq!(
            shown("/addresses"),
            json!([{"region": "HE", "country": "DE", "type": "work"}])
        );
        assert_eq!(
            shown("/emails"),
            json!([
                {"value": "kim@new.org", "type": "work", "primary": true},
                {"value": "kim@z.org", "type": "work"}
            ])
        );
        assert_eq!(shown("/title"), "Dr");
        assert_eq!(shown("/name/givenName"), "Kim");
        assert_eq!(shown("/active"), true);
    });
}

/// The example of WSO2's documentation: the first user becomes the manager of the second.
#[test]
fn the_documented_bulk_request_succeeds() {
    each(|app| {
        let body = json!({
            "failOnErrors": 1,
            "schemas": [BULK],
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {
                    "schemas": [USER], "userName": "Kris", "password": "krispass"}},
                {"method": "POST", "path": "/Users", "bulkId": "ytrewq", "data": {
                    "schemas": [USER, ENTERPRISE], "userName": "Jesse", "password": "jessepass",
                    ENTERPRISE: {"employeeNumber": "11250", "manager": {"value": "bulkId:qwerty"}}}}
            ]
        });
        let answer = app
            .bulk_as(&call(None), &body)
            .expect("the request succeeds");
        app.check(&answer);
        assert_eq!(statuses(&answer), [201, 201]);
        let [kris, jesse] = [0, 1].map(|at| id_of(&answer.outcomes[at]));
        let pointer = format!("/{ENTERPRISE}/manager/value");
        assert_eq!(app.at(Kind::User, jesse, &pointer), kris.to_string());
        assert_eq!(answer.outcomes[0].bulk_id.as_deref(), Some("qwerty"));
        let version = answer.outcomes[1].version.clone();
        assert_eq!(
            app.at(Kind::User, jesse, "/meta/version").as_str(),
            version.as_deref()
        );
    });
}

fn group_ids(answer: &BulkAnswer) -> Vec<Uuid> {
    let of = |outcome: &OperationOutcome| {
        let (kind, id) = outcome.resource?;
        (kind == Kind::Group && outcome.method == "POST").then_some(id)
    };
    answer.outcomes.iter().filter_map(of).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn references_may_point_backward_forward_and_in_circles() {
    each(|app| {
        let answer = app.bulk(json!([
            post_group("all", "all", &["bulkId:guides", "bulkId:late", "bulkId:early"]),
            post("early", "early"),
            post_group("guides", "guides", &["bulkId:all", "bulkId:early"]),
            {"method": "PATCH", "path": "/Users/bulkId:early", "data": patch(&json!([
                {"op": "add", "path": format!("{ENTERPRISE}:manager"),
                 "value": {"value": "bulkId:late"}}]))},
            {"method": "PATCH", "path": "/Groups/bulkId:guides", "data": patch(&json!([
                {"op": "remove", "path": "members[value eq \"bulkId:early\"]"},
                {"op": "add", "path": "members", "value": [{"value": "bulkId:late"}]}]))},
            post("late", "late"),
            {"method": "PUT", "path": "Users/bulkId:late", "data": user("later")},
        ]));
        assert_eq!(statuses(&answer), [201, 201, 201, 200, 200, 201, 200]);
        let ids = group_ids(&answer);
        assert_eq!(
            app.groups(&ids),
            [
                ("all".into(), names(&["early", "guides", "later"])),
                ("guides".into(), names(&["all", "later"]))
            ]
        );
        let [early, late] = [1, 5].map(|at| id_of(&answer.outcomes[at]));
        let pointer = format!("/{ENTERPRISE}/manager/value");
        assert_eq!(app.at(Kind::User, early, &pointer), late.to_string());
        // The last reported versions are the current ones.
        for (kind, at) in [
            (Kind::Group, 0),
            (Kind::User, 3),
            (Kind::Group, 4),
            (Kind::User, 6),
        ] {
            let outcome = &answer.outcomes[at];
            let version = outcome.version.clone();
            let now = app.at(kind, id_of(outcome), "/meta/version");
            assert_eq!(now.as_str(), version.as_deref(), "{at}");
        }
        assert_eq!(answer.record.counters.created, 4);
        assert_eq!(answer.record.counters.updated, 3);
    });
}

#[test]
fn forward_references_can_be_removed_before_they_are_resolved() {
    each(|app| {
        let answer = app.bulk(json!([
            post_group("put", "put", &["bulkId:u"]),
            {"method": "PUT", "path": "/Groups/bulkId:put", "data": group("put", &[])},
            post_group("renamed", "renamed", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:renamed", "data": patch(&json!([
                {"op": "replace", "path": "displayName", "value": "other"}]))},
            post_group("filtered", "filtered", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:filtered", "data": patch(&json!([
                {"op": "remove", "path": "members[type eq \"User\"]"}]))},
            post_group("removed", "removed", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:removed", "data": patch(&json!([
                {"op": "remove", "path": "members[value eq \"bulkId:u\"]"}]))},
            post_group("deleted", "deleted", &["bulkId:u"]),
            {"method": "DELETE", "path": "/Groups/bulkId:deleted"},
            {"method": "PUT", "path": "/Users/bulkId:u", "data": user("x")},
            post("u", "u"),
            {"method": "DELETE", "path": "/Users/bulkId:u"},
            post_group("after", "after", &["bulkId:u"]),
            post_below("below", "below", "bulkId:u"),
        ]));
        let expected = [
            201, 200, 201, 200, 201, 200, 201, 200, 201, 204, 404, 201, 204, 400, 400,
        ];
        assert_eq!(statuses(&answer), expected, "{:?}", answer.outcomes);
        let none: Vec<String> = Vec::new();
        let ids = group_ids(&answer);
        let now: Vec<_> = ["filtered", "other", "put", "removed"]
            .map(|name| (name.to_owned(), none.clone()))
            .into();
        assert_eq!(app.groups(&ids), now);
        // If the user is not deleted, only the renamed group has the member.
        let answer = app.bulk(json!([
            post_group("a", "a2", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:a", "data": patch(&json!([
                {"op": "replace", "path": "displayName", "value": "a3"}]))},
            post_group("b", "b2", &["bulkId:u"]),
            {"method": "PUT", "path": "/Groups/bulkId:b", "data": group("b2", &[])},
            post("u", "u"),
        ]));
        assert_eq!(statuses(&answer), [201, 200, 201, 200, 201]);
        assert_eq!(
            app.groups(&group_ids(&answer)),
            [("a3".into(), names(&["u"])), ("b2".into(), none)]
        );
    });
}

#[test]
fn only_operations_that_refer_to_a_failed_one_fail_with_it() {
    each(|app| {
        app.made(Kind::User, user("taken"));
        let answer = app.bulk(json!([
            post_below("a", "a", "bulkId:b"),
            post_below("b", "b", "bulkId:c"),
            post_below("c", "c", "bulkId:bad"),
            post("good", "good"),
            post_group("g", "g", &["bulkId:good", "bulkId:a"]),
            post_group("h", "h", &["bulkId:good"]),
            {"method": "PATCH", "path": "/Users/bulkId:c", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
            post("bad", "TAKEN"),
            {"method": "DELETE", "path": "/Users/bulkId:bad"},
            post_below("n", "n", "bulkId:missing"),
            post("last", "last"),
        ]));
        let expected = [409, 409, 409, 201, 409, 201, 409, 409, 409, 409, 201];
        assert_eq!(statuses(&answer), expected, "{:?}", answer.outcomes);
        assert_eq!(app.names(), ["good", "last", "taken"]);
        let ids = group_ids(&answer);
        assert_eq!(app.groups(&ids), [("h".into(), names(&["good"]))]);
        let Counters {
            created,
            duplicate,
            failed,
            ..
        } = answer.record.counters;
        assert_eq!((created, duplicate, failed), (3, 1, 7));
        let findings = app
            .app
            .store
            .findings(DEFAULT_ORGANIZATION, answer.record.id, 0, 100);
        let lines: Vec<u64> = findings
            .expect("the store works")
            .iter()
            .map(|it| it.line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 5, 7, 8, 9, 10]);
        // A failed POST has no location, a failed PATCH has one.
        assert_eq!(answer.outcomes[0].resource, None);
        assert!(answer.outcomes[6].resource.is_some());
    });
}

#[test]
fn long_chains_and_large_groups_with_a_failure_fail_without_delay() {
    each_with(
        |options| options.app.scim.max_operations = 10_000,
        |app| {
            let mut operations: Vec<Value> = (0..400)
                .map(|at| {
                    post_below(
                        &at.to_string(),
                        &format!("c{at}"),
                        &format!("bulkId:{}", at + 1),
                    )
                })
                .collect();
            operations.push(post("400", "no\tname"));
            let refs: Vec<String> = (0..1_500).map(|at| format!("bulkId:u{at}")).collect();
            let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
            operations.push(post_group("large", "large", &refs));
            operations.push(post_group("part", "part", &refs[..700]));
            for at in 0..1_500 {
                let name = if at == 1_200 {
                    "no\tname".into()
                } else {
                    format!("u{at}")
                };
                operations.push(post(&format!("u{at}"), &name));
            }
            let answer = app.bulk(operations.into());
            let statuses = statuses(&answer);
            assert!(statuses[..400].iter().all(|status| *status == 409));
            assert_eq!(statuses[400..403], [400, 409, 201]);
            let good = statuses[403..].iter().filter(|status| **status == 201);
            assert_eq!((good.count(), app.names().len()), (1_499, 1_499));
            let ids = group_ids(&answer);
            assert_eq!(app.groups(&ids)[0].1.len(), 700);
        },
    );
}

#[test]
fn fail_on_errors_ends_a_request_after_that_many_failures() {
    each(|app| {
        let run = |most: Value, operations: &Value| {
            let mut body = bulk_body(operations);
            body["failOnErrors"] = most;
            let answer = app
                .bulk_as(&call(None), &body)
                .expect("the request succeeds");
            app.check(&answer);
            for name in app.names() {
                let id = app.user_id(&name).expect("a user");
                app.delete(Kind::User, id).expect("the resource is deleted");
            }
            (statuses(&answer), answer.record.counters.skipped)
        };
        let plain = json!([
            post("a", "a"),
            post("b", "A"),
            post("c", "c"),
            post("d", "C"),
            post("e", "e")
        ]);
        assert_eq!(run(json!(1), &plain), (vec![201, 409], 3));
        assert_eq!(run(json!(2), &plain), (vec![201, 409, 201, 409], 1));
        for most in [json!(0), Value::Null, json!(3)] {
            assert_eq!(run(most, &plain), (vec![201, 409, 201, 409, 201], 0));
        }
        let forward = json!([
            post("first", "first"),
            post_below("a", "a", "bulkId:late"),
            post("b", "no\tname"),
            post("late", "late"),
        ]);
        // The stop prevents its reference from being resolved; the failure that stops the request is reported.
        assert_eq!(run(json!(1), &forward), (vec![201, 409, 400], 1));
        assert_eq!(run(json!(2), &forward), (vec![201, 201, 400, 201], 0));
        let last = json!([post("a", "a"), post("b", "A")]);
        assert_eq!(run(json!(1), &last), (vec![201, 409], 0));
        assert_eq!(run(json!(1), &json!([])), (vec![], 0));
    });
}

#[test]
fn invalid_operations_fail_alone_or_refuse_the_request() {
    let tiny = |options: &mut Options| {
        options.app.scim.max_operations = 4;
        options.app.scim.max_payload_bytes = 2_000;
    };
    each_with(tiny, |app| {
        let strict = BulkCall {
            strictness: Strictness::Request,
            ..call(None)
        };
        for (operation, status) in [
            (
                json!({"method": "POST", "path": "/Users", "data": user("x")}),
                400,
            ),
            (
                json!({"path": "/Users", "bulkId": "x", "data": user("x")}),
                400,
            ),
            (
                json!({"method": "POST", "bulkId": "x", "data": user("x")}),
                400,
            ),
            (post("good", "x"), 400),
            (
                json!({"method": "POST", "path": "/Users", "bulkId": 7, "data": user("x")}),
                400,
            ),
        ] {
            let body = bulk_body(&json!([post("good", "good"), operation]));
            let refusal = refused_request(app.bulk_as(&strict, &body));
            assert_eq!(refusal.status, 400, "{body}");
            let queued = app
                .app
                .provisioner
                .queue_bulk(&strict, body.to_string().as_bytes());
            assert_eq!(refused_request(queued).status, 400, "{body}");
            assert!(app.names().is_empty(), "{body}");
            let answer = app.bulk_as(&call(None), &body).expect("one by one");
            assert_eq!(statuses(&answer), [201, status], "{body}");
            app.delete(Kind::User, id_of(&answer.outcomes[0]))
                .expect("gone");
        }
        for (operation, status) in [
            (
                json!({"method": "post", "path": "/Users", "bulkId": "x", "data": user("x")}),
                400,
            ),
            (json!({"method": "GET", "path": "/Users/1"}), 400),
            (
                json!({"method": "POST", "path": "/Bulk", "bulkId": "x", "data": {}}),
                400,
            ),
            (
                json!({"method": "POST", "path": "/Roles", "bulkId": "x", "data": {}}),
                404,
            ),
            (
                json!({"method": "POST", "path": "/v2/Users", "bulkId": "x", "data": {}}),
                404,
            ),
            (
                json!({"method": "POST", "path": "/Users/1", "bulkId": "x", "data": {}}),
                400,
            ),
            (
                json!({"method": "POST", "path": "/Users", "bulkId": "x"}),
                400,
            ),
            (json!({"method": "DELETE", "path": "/Users"}), 400),
            (json!({"method": "DELETE", "path": "/Users/"}), 400),
            (json!({"method": "DELETE", "path": "/Users/1"}), 404),
            (
                json!({"method": "PATCH", "path": "/Users/bulkId:none", "data": {}}),
                409,
            ),
            (
                json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": {"userName": "x"}}),
                400,
            ),
        ] {
            for call in [&strict, &call(None)] {
                let body = bulk_body(&json!([operation]));
                let answer = app.bulk_as(call, &body).expect("it fails alone");
                assert_eq!(statuses(&answer), [status], "{body}");
            }
        }
        let many: Value = (0..5).map(|at| post(&at.to_string(), "x")).collect();
        let refusal = refused_request(app.bulk_as(&call(None), &bulk_body(&many)));
        assert_eq!(refusal.status, 413);
        assert!(refusal.detail.contains("maxOperations (4)"), "{refusal}");
        let long = bulk_body(&json!([post("x", &"x".repeat(3_000))]));
        for result in [
            app.bulk_as(&call(None), &long).map(drop),
            app.app
                .provisioner
                .queue_bulk(&call(None), long.to_string().as_bytes())
                .map(drop),
        ] {
            let refusal = refused_request(result);
            assert_eq!(refusal.status, 413);
            assert!(
                refusal.detail.contains("maxPayloadSize (2000)"),
                "{refusal}"
            );
        }
        assert_eq!((app.names().len(), app.uploads()), (0, 0));
    });
}

#[test]
fn each_operation_is_authorised_like_a_single_call() {
    each(|app| {
        let kim = app.made(Kind::User, user("kim"));
        let operations = bulk_body(&json!([
            post("a", "a"),
            post_group("g", "g", &[]),
            {"method": "DELETE", "path": format!("/Users/{kim}")},
            {"method": "PATCH", "path": format!("/Users/{kim}"), "data": patch(&json!([
                {"op": "add", "path": "password", "value": "Pass-word-9"}]))},
            {"method": "PATCH", "path": format!("/Users/{kim}"), "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
        ]));
        let as_role = |role| BulkCall {
            authority: authority(role),
            ..call(None)
        };
        let read = app
            .bulk_as(&as_role(Role::Read), &operations)
            .expect("done");
        assert_eq!(statuses(&read), [403; 5]);
        let body = operations.to_string();
        let queued = app
            .app
            .provisioner
            .queue_bulk(&as_role(Role::Read), body.as_bytes());
        assert_eq!(refused_request(queued).status, 403);
        let import = app
            .bulk_as(&as_role(Role::Import), &operations)
            .expect("done");
        assert_eq!(statuses(&import), [201, 403, 403, 403, 200]);
    });
}

#[test]
fn one_request_can_create_change_and_delete_a_resource() {
    each(|app| {
        let old = app.made(Kind::User, user("kim"));
        let answer = app.bulk(json!([
            {"method": "DELETE", "path": format!("/Users/{old}")},
            post("new", "KIM"),
            {"method": "PATCH", "path": "/Users/bulkId:new", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
            {"method": "PATCH", "path": "/Users/bulkId:new", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
            {"method": "DELETE", "path": "/Users/bulkId:new"},
            post("newest", "Kim"),
        ]));
        assert_eq!(statuses(&answer), [204, 201, 200, 200, 204, 201]);
        assert_eq!(app.user_id("kim"), Some(id_of(&answer.outcomes[5])));
        assert!(answer.outcomes[1].changed < answer.outcomes[2].changed);
        assert_eq!(answer.outcomes[2].changed, answer.outcomes[3].changed);
        let Counters {
            created,
            updated,
            unchanged,
            ..
        } = answer.record.counters;
        assert_eq!((created, updated, unchanged), (2, 3, 1));
    });
}

#[test]
fn a_bulk_request_can_be_undone_and_the_audit_names_only_attributes() {
    each(|app| {
        let kim = app.made(Kind::User, user("SALES/kim"));
        let lee = app.made(Kind::User, user("lee"));
        let before = app.shown(Kind::User, kim).expect("kim");
        let answer = app.bulk(json!([
            post("a", "SALES/made"),
            post("b", "made"),
            post_group("g", "g", &["bulkId:b"]),
            {"method": "PATCH", "path": format!("/Users/{kim}"), "data": patch(&json!([
                {"op": "add", "path": "title", "value": "secret-title"},
                {"op": "replace", "path": "userName", "value": "SALES/kam"}]))},
            {"method": "DELETE", "path": format!("/Users/{lee}")},
            {"method": "PATCH", "path": "/Users/bulkId:b", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "secret-title"}]))},
        ]));
        assert_eq!(statuses(&answer), [201, 201, 201, 200, 204, 200]);
        let all = app
            .app
            .store
            .audit(DEFAULT_ORGANIZATION, None, 1_000)
            .expect("the store works");
        let all = serde_json::to_string(&all).expect("JSON");
        assert!(!all.contains("secret-title"), "{all}");
        assert_eq!(
            app.audit("user.update")[0],
            json!(["SALES/kim", {"attributes": ["title", "userName"]}])
        );
        assert_eq!(app.audit("import.begin").len(), 1, "{all}");
        let undone = app
            .app
            .jobs
            .undo(&authority(Role::Admin).actor, answer.record.id);
        let undone = undone.expect("it is undone");
        assert_eq!((undone.removed, undone.restored), (2, 2), "{undone:?}");
        assert_eq!((undone.groups, undone.left_total), (1, 0), "{undone:?}");
        let mut now = app.shown(Kind::User, kim).expect("kim");
        let mut before = before;
        now.remove("meta");
        before.remove("meta");
        assert_eq!(now, before);
        let mut names = app.names();
        names.sort_unstable();
        assert_eq!(names, ["kim", "lee"]);
    });
}

fn many(count: usize) -> Value {
    bulk_body(
        &(0..count)
            .map(|at| post(&format!("b{at}"), &format!("u{at:05}")))
            .collect(),
    )
}

fn large(options: &mut Options) {
    options.app.scim.max_operations = 1_000_000;
    options.app.scim.max_payload_bytes = 1 << 30;
    options.app.spool_limit = 1 << 30;
}

#[test]
fn a_request_with_a_key_runs_once() {
    let mut app = sqlite(large);
    let body = bulk_body(&json!([
        post("a", "a"),
        post("b", "A"),
        post_group("g", "g", &["bulkId:a"])
    ]));
    let first = app.bulk_as(&call(Some("k")), &body).expect("done");
    assert_eq!(statuses(&first), [201, 409, 201]);
    app.delete(Kind::User, id_of(&first.outcomes[0]))
        .expect("gone");
    for round in 0..2 {
        let again = app
            .bulk_as(&call(Some("k")), &body)
            .expect("the same answer");
        assert_eq!(
            (&again.outcomes, &again.record),
            (&first.outcomes, &first.record)
        );
        assert!(app.names().is_empty());
        let other = app.bulk_as(&call(Some("k")), &many(1));
        assert!(
            matches!(other, Err(ProvisionError::Job(JobError::KeyReused { .. }))),
            "{other:?}"
        );
        let queued = app
            .app
            .provisioner
            .queue_bulk(&call(Some("k")), body.to_string().as_bytes());
        assert_eq!(queued.expect("the same record").id, first.record.id);
        assert_eq!((app.names().len(), app.uploads()), (0, 0));
        if round == 0 {
            app = reopened(app);
        }
    }
    // Several at once: one runs the request, the others get its answer or `Busy`.
    let body = many(200);
    let app = Arc::new(app);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (app, body) = (Arc::clone(&app), body.clone());
            std::thread::spawn(move || match app.bulk_as(&call(Some("many")), &body) {
                Ok(answer) => Some(answer.outcomes),
                Err(ProvisionError::Job(JobError::Busy { .. })) => None,
                Err(error) => panic!("{error}"),
            })
        })
        .collect();
    let answers: Vec<_> = threads
        .into_iter()
        .filter_map(|thread| thread.join().expect("no panic"))
        .collect();
    assert!(!answers.is_empty());
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && answer.len() == 200)
    );
    assert_eq!(app.names().len(), 200);
}

/// Stops the app and builds another one in its folder.
fn reopened(app: Fixture) -> Fixture {
    let Fixture { name, app, folder } = app;
    drop(app);
    let app = open(&folder, "sqlite:muster.db", large);
    Fixture { name, app, folder }
}

impl Fixture {
    #[track_caller]
    fn wait_for(&self, id: ImportId) -> BulkAnswer {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.app.provisioner.bulk_answer(DEFAULT_ORGANIZATION, id);
            let answer = found.expect("the store works").expect("there is a record");
            // The upload is deleted just after the end.
            if answer.record.state.is_final() && self.uploads() == 0 {
                return answer;
            }
            assert!(Instant::now() < until, "timed out: {:?}", answer.record);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn queue(&self, call: &BulkCall, body: &Value) -> ImportRecord {
        let queued = self
            .app
            .provisioner
            .queue_bulk(call, body.to_string().as_bytes());
        queued.expect("the request is queued")
    }
}

#[test]
fn a_queued_request_runs_when_the_queue_starts() {
    each_with(large, |app| {
        let body = many(3_000);
        let record = app.queue(&call(Some("k")), &body);
        assert_eq!(record.state, ImportState::Queued);
        let waiting = app
            .app
            .provisioner
            .bulk_answer(DEFAULT_ORGANIZATION, record.id);
        assert!(
            waiting
                .expect("the store works")
                .expect("a record")
                .outcomes
                .is_empty()
        );
        let busy = app.bulk_as(&call(Some("k")), &body);
        assert!(
            matches!(busy, Err(ProvisionError::Job(JobError::Busy { .. }))),
            "{busy:?}"
        );
        app.app.jobs.begin().expect("the queue starts");
        let answer = app.wait_for(record.id);
        assert_eq!(answer.record.state, ImportState::Completed);
        assert_eq!(answer.record.counters.created, 3_000);
        check_sum(&answer.record.counters);
        assert!(answer.outcomes.iter().all(|outcome| outcome.status == 201));
        let ids: HashMap<String, Uuid> = (0..)
            .zip(&answer.outcomes)
            .map(|(at, outcome)| (format!("u{at:05}"), id_of(outcome)))
            .collect();
        assert_eq!(ids.len(), 3_000);
        assert!(ids.iter().all(|(name, id)| app.user_id(name) == Some(*id)));
        let again = app.bulk_as(&call(Some("k")), &body).expect("the answer");
        assert_eq!(again.outcomes, answer.outcomes);
    });
}

#[test]
fn a_queued_request_keeps_its_leniency() {
    each(|app| {
        let body = bulk_body(&json!([
            {"method": "POST", "path": "/Users", "bulkId": "x", "data": {"userName": "x"}}]));
        let lenient = BulkCall {
            leniency: Leniency {
                schemas_required: false,
            },
            ..call(None)
        };
        let strict = app.queue(&call(None), &body);
        app.app.jobs.begin().expect("the queue starts");
        assert_eq!(statuses(&app.wait_for(strict.id)), [400]);
        let record = app.queue(&lenient, &body);
        assert_eq!(statuses(&app.wait_for(record.id)), [201]);
    });
}

#[test]
fn a_restart_during_a_request_loses_and_repeats_nothing() {
    const COUNT: usize = 20_000;
    let mut app = sqlite(large);
    let record = app.queue(&call(None), &many(COUNT));
    let mut seen: Vec<OperationOutcome> = Vec::new();
    let mut interruptions = 0;
    loop {
        app.app.jobs.begin().expect("the queue starts");
        // Each restart reads the whole request again; a few are enough, and the last run completes it.
        if interruptions == 5 {
            break;
        }
        let from = seen.len();
        let until = Instant::now() + Duration::from_secs(60);
        let completed = loop {
            let now = app.record(record.id);
            let completed = now.state == ImportState::Completed;
            if completed || now.counters.total as usize > from {
                break completed;
            }
            // Until a worker claims the request, it has the state of the last run: queued or interrupted. Only a
            // run that made progress is stopped, or this loop would never end.
            assert!(Instant::now() < until, "timed out: {now:?}");
            std::thread::sleep(Duration::from_millis(1));
        };
        if completed {
            break;
        }
        app = reopened(app);
        let answer = app
            .app
            .provisioner
            .bulk_answer(DEFAULT_ORGANIZATION, record.id);
        let answer = answer.expect("the store works").expect("a record");
        check_sum(&answer.record.counters);
        assert_eq!(answer.record.counters.total as usize, answer.outcomes.len());
        assert_eq!(app.names().len(), answer.outcomes.len());
        assert_eq!(
            answer.outcomes[..from],
            seen[..],
            "earlier outcomes are kept"
        );
        seen = answer.outcomes;
        if answer.record.state == ImportState::Completed {
            break;
        }
        assert_eq!(answer.record.state, ImportState::Interrupted);
        interruptions += 1;
    }
    assert!(interruptions > 2, "{interruptions}");
    let answer = app.wait_for(record.id);
    assert_eq!(answer.record.counters.created as usize, COUNT);
    assert_eq!((app.names().len(), app.uploads()), (COUNT, 0));
    assert!(answer.outcomes.iter().all(|outcome| outcome.status == 201));
    assert_eq!(app.user_id("u00000"), Some(id_of(&answer.outcomes[0])));
}

#[test]
fn a_request_can_be_cancelled_before_and_while_it_runs() {
    let app = sqlite(large);
    let eve = authority(Role::Admin).actor;
    let before = app.queue(&call(None), &many(10));
    let cancelled = app
        .app
        .jobs
        .cancel(&eve, before.id)
        .expect("the store works");
    assert_eq!(cancelled, Cancelled::BeforeItBegan);
    assert_eq!((app.names().len(), app.uploads()), (0, 0));
    let record = app.queue(&call(None), &many(50_000));
    app.app.jobs.begin().expect("the queue starts");
    let until = Instant::now() + Duration::from_secs(60);
    while app.record(record.id).counters.total == 0 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(
        app.app
            .jobs
            .cancel(&eve, record.id)
            .expect("the store works"),
        Cancelled::Asked
    );
    let answer = app.wait_for(record.id);
    assert_eq!(answer.record.state, ImportState::Cancelled);
    check_sum(&answer.record.counters);
    let done = answer.outcomes.len();
    assert!((1..50_000).contains(&done), "{done}");
    assert_eq!(answer.record.counters.total as usize, done);
    assert_eq!(app.names().len(), done);
}

#[test]
fn a_request_interrupted_by_a_store_failure_keeps_its_outcomes_and_can_be_resumed() {
    let app = sqlite(large);
    let data = app.folder.path().join("data");
    let poison = |sql: &str| {
        let raw = rusqlite::Connection::open(data.join("muster.db")).expect("the file");
        raw.execute_batch(sql).expect("SQL");
    };
    let poisoned = "CREATE TRIGGER poison BEFORE INSERT ON users WHEN NEW.name_key = 'u02500'
                    BEGIN SELECT RAISE(FAIL, 'poisoned'); END";
    poison(poisoned);
    let failed = app.bulk_as(&call(Some("k")), &many(4_000));
    assert!(
        matches!(failed, Err(ProvisionError::Store(_))),
        "{failed:?}"
    );
    let record = app.app.store.import_by_key(DEFAULT_ORGANIZATION, "k");
    let record = record.expect("the store works").expect("a record");
    assert_eq!(record.state, ImportState::Interrupted);
    assert_eq!(
        (record.counters.total, record.counters.created),
        (2_000, 2_000)
    );
    assert_eq!(app.names().len(), 2_000);
    let outcomes = || {
        let found = app
            .app
            .provisioner
            .bulk_answer(DEFAULT_ORGANIZATION, record.id);
        found.expect("the store works").expect("a record").outcomes
    };
    let before = outcomes();
    assert_eq!(before.len(), 2_000);
    poison("DROP TRIGGER poison");
    let answer = app
        .bulk_as(&call(Some("k")), &many(4_000))
        .expect("the request is resumed");
    app.check(&answer);
    assert_eq!(answer.record.id, record.id);
    assert_eq!((answer.outcomes.len(), app.names().len()), (4_000, 4_000));
    assert_eq!(answer.outcomes[..2_000], before[..]);
    assert_eq!(answer.record.counters.created, 4_000);
    assert_eq!(outcomes(), answer.outcomes);
    // A queued request waits for the next start.
    poison(&poisoned.replace("u02500", "w"));
    let waiting = app.queue(&call(Some("w")), &bulk_body(&json!([post("w", "w")])));
    app.app.jobs.begin().expect("the queue starts");
    let until = Instant::now() + Duration::from_secs(60);
    while app.record(waiting.id).state != ImportState::Interrupted {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(app.uploads(), 1);
    poison("DROP TRIGGER poison");
    let app = reopened(app);
    app.app.jobs.begin().expect("the queue starts");
    assert_eq!(statuses(&app.wait_for(waiting.id)), [201]);
}

/// xorshift64*: the same requests in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        high as usize % bound
    }
}

/// A request of up to eight operations with few names, so that many collide; `ahead` says whether
/// references may point to later operations.
fn request(chance: &mut Chance, ahead: bool) -> Vec<Value> {
    let count = 1 + chance.below(8);
    (0..count)
        .map(|at| {
            let reach = if ahead { count } else { at };
            let refer = |chance: &mut Chance| match chance.below(8) {
                0 => "bulkId:missing".to_owned(),
                _ => format!("bulkId:{}", chance.below(reach.max(1))),
            };
            let name = format!("n{}", chance.below(6));
            let bulk_id = at.to_string();
            match chance.below(9) {
                0..=1 => post(&bulk_id, &name),
                2 => post_below(&bulk_id, &name, &refer(chance)),
                3 => {
                    let ids: Vec<String> = (0..chance.below(4)).map(|_| refer(chance)).collect();
                    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                    post_group(&bulk_id, &name, &ids)
                }
                4 => json!({"method": "DELETE", "path": format!("/Users/{}", refer(chance))}),
                5 => json!({"method": "PUT", "path": format!("/Users/{}", refer(chance)),
                    "data": user(&name)}),
                6 => json!({"method": "PUT", "path": format!("/Groups/{}", refer(chance)),
                    "data": group(&name, &[&refer(chance)])}),
                7 => json!({"method": "PATCH", "path": format!("/Groups/{}", refer(chance)),
                    "data": patch(&json!([
                        {"op": "add", "path": "members", "value": [{"value": refer(chance)}]},
                        {"op": "remove", "path": format!("members[value eq \"{}\"]", refer(chance))}]))}),
                _ => json!({"method": "PATCH", "path": format!("/Groups/{}", refer(chance)),
                    "data": patch(&json!([
                        {"op": "replace", "path": "displayName", "value": name},
                        {"op": "add", "path": "members", "value": [{"value": refer(chance)}]}]))}),
            }
        })
        .collect()
}

impl Fixture {
    /// All users and these groups, without ids and times.
    fn all(&self, groups: &[Uuid]) -> String {
        let manager = |id: &str| match id.parse() {
            Ok(id) => match self.shown(Kind::User, id) {
                Some(user) => user["userName"].to_string(),
                None => "gone".to_owned(),
            },
            Err(_) => id.to_owned(),
        };
        let users = self
            .app
            .store
            .users(DEFAULT_ORGANIZATION, None, None, 1_000);
        let users = users.expect("the store works").into_iter().map(|user| {
            let above = user.attributes.get("manager").and_then(Value::as_str);
            let mut roles = user.roles;
            roles.sort();
            (user.user_name, above.map(&manager), roles)
        });
        format!("{:?} {:?}", users.collect::<Vec<_>>(), self.groups(groups))
    }

    fn clear(&self, groups: &[Uuid]) {
        for name in self.names() {
            let id = self.user_id(&name).expect("a user");
            self.delete(Kind::User, id)
                .expect("the resource is deleted");
        }
        for id in groups {
            let _ = self.delete(Kind::Group, *id);
        }
    }

    /// Runs the operations one by one, with references resolved from earlier results.
    fn one_by_one(&self, operations: &[Value]) -> (Vec<u16>, Vec<Uuid>) {
        let mut ids: HashMap<String, Uuid> = HashMap::new();
        let (mut statuses, mut groups) = (Vec::new(), Vec::new());
        for operation in operations {
            let mut text = operation.to_string();
            let own = Uuid::now_v7();
            if let (Some("POST"), Some(bulk_id)) =
                (operation["method"].as_str(), operation["bulkId"].as_str())
            {
                text = text.replace(&format!("bulkId:{bulk_id}"), &own.to_string());
            }
            for (bulk_id, id) in &ids {
                text = text.replace(&format!("bulkId:{bulk_id}"), &id.to_string());
            }
            if text.contains("bulkId:") {
                statuses.push(409);
                continue;
            }
            let operation: Value = serde_json::from_str(&text).expect("JSON");
            let path = operation["path"].as_str().expect("a path");
            let kind = match path.starts_with("/Users") {
                true => Kind::User,
                false => Kind::Group,
            };
            let id = path.rsplit('/').next().and_then(|id| id.parse().ok());
            let id = id.unwrap_or(own);
            let data = operation["data"].clone();
            let act = match operation["method"].as_str().expect("a method") {
                "POST" => Act::Create(data),
                "PUT" => Act::Replace(data),
                "PATCH" => Act::Patch(data),
                _ => Act::Delete,
            };
            let made = matches!(act, Act::Create(_));
            statuses.push(match self.act(Role::Admin, kind, id, act, None) {
                Ok(done) => {
                    if made {
                        let bulk_id = operation["bulkId"].as_str().expect("a bulkId");
                        ids.insert(bulk_id.to_owned(), id);
                        groups.extend((kind == Kind::Group).then_some(id));
                    }
                    done.status()
                }
                Err(error) => error.status,
            });
        }
        (statuses, groups)
    }
}

#[test]
fn a_bulk_request_has_the_result_of_its_operations_one_by_one() {
    let folders = [folder(), folder()];
    let [one, many] = [0, 1].map(|at| open(&folders[at], "memory:", |_| {}));
    let [one, many] = [one, many].map(|app| Fixture {
        name: "memory",
        app,
        folder: folder(),
    });
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for round in 0..3_000 {
        let operations = request(&mut chance, false);
        let answer = many.bulk(operations.clone().into());
        let (expected, groups) = one.one_by_one(&operations);
        let shown = || format!("{round}: {}", Value::from(operations.clone()));
        assert_eq!(statuses(&answer), expected, "{}", shown());
        let ids = group_ids(&answer);
        assert_eq!(many.all(&ids), one.all(&groups), "{}", shown());
        one.clear(&groups);
        many.clear(&ids);
    }
}

#[test]
fn stores_agree_on_forward_references_and_none_dangles() {
    let [sqlite_folder, memory_folder] = [folder(), folder()];
    let sqlite = Fixture {
        name: "sqlite",
        app: open(&sqlite_folder, "sqlite:muster.db", |_| {}),
        folder: sqlite_folder,
    };
    let memory = Fixture {
        name: "memory",
        app: open(&memory_folder, "memory:", |_| {}),
        folder: memory_folder,
    };
    let mut chance = Chance(0xD1B5_4A32_D192_ED03);
    for round in 0..2_000 {
        let operations = request(&mut chance, true);
        let shown = || format!("{round}: {}", Value::from(operations.clone()));
        let most = chance.below(4);
        let mut body = bulk_body(&operations.clone().into());
        body["failOnErrors"] = json!(most);
        let [first, second] = [&sqlite, &memory].map(|app| {
            let answer = app
                .bulk_as(&call(None), &body)
                .expect("the request succeeds");
            app.check(&answer);
            answer
        });
        assert_eq!(statuses(&first), statuses(&second), "{}", shown());
        let [groups, others] = [&first, &second].map(group_ids);
        assert_eq!(sqlite.all(&groups), memory.all(&others), "{}", shown());
        let details = |answer: &BulkAnswer| -> Vec<Option<String>> {
            let errors = answer.outcomes.iter().map(|outcome| outcome.error.as_ref());
            errors
                .map(|error| error.map(|error| error.detail.clone()))
                .collect()
        };
        for (at, operation) in operations.iter().enumerate().take(first.outcomes.len()) {
            let outcome = &first.outcomes[at];
            let text = operation.to_string();
            for (other, target) in first.outcomes.iter().enumerate() {
                let refers = text.contains(&format!("bulkId:{other}"));
                let lost = target.error.is_some() || target.method != "POST";
                if refers && lost && other != at {
                    assert!(outcome.error.is_some(), "{at} to {other}, {}", shown());
                }
            }
            let looks_beyond = (first.outcomes.len()..operations.len())
                .any(|other| text.contains(&format!("bulkId:{other}")));
            assert!(
                !looks_beyond || outcome.error.is_some(),
                "{at}, {}",
                shown()
            );
        }
        let failed = first
            .outcomes
            .iter()
            .filter_map(|it| it.error.as_ref())
            // Failures that only follow from the end of the request do not count.
            .filter(|error| !error.detail.contains("cannot be resolved"))
            .count();
        let skipped = first.record.counters.skipped as usize;
        assert_eq!(
            first.outcomes.len() + skipped,
            operations.len(),
            "{}",
            shown()
        );
        assert!(most == 0 || failed <= most, "{}", shown());
        assert_eq!(details(&first).len(), details(&second).len());
        sqlite.clear(&groups);
        memory.clear(&others);
    }
}

#[test]
fn the_terminal_shows_lists_and_exports_the_values_that_a_file_can_hold() {
    let home = crate::process::Home::new();
    let mut options = Options::new(&home.path("."));
    options.app.store.data = home.data();
    let app = App::build(&options.app, Clock::system()).expect("the app is built");
    let (name, folder) = ("sqlite", folder());
    let app = Fixture { name, app, folder };
    app.made(
        Kind::User,
        json!({
            "schemas": [USER], "userName": "kim", "title": "Dr",
            "emails": [{"value": "kim@x.org", "type": "work", "primary": true}],
            "phoneNumbers": [
                {"value": "1", "type": "mobile", "display": "one"}, {"value": "2", "type": "mobile"}]
        }),
    );
    app.made(Kind::User, user("lee"));
    drop(app);
    let export = home.run(&["users", "export"]).ended(0);
    assert_eq!(
        export.out,
        "username,givenname,familyname,emailaddress,roles,mobile,title\r\n\
         kim,,,kim@x.org,,1,Dr\r\nlee,,,,,,\r\n"
    );
    assert!(
        export.err.contains(
            "1 user has values that a file of rows cannot represent; they are left out: emails, phoneNumbers"
        ),
        "{}",
        export.err
    );
    let show = home.run(&["users", "show", "kim"]).ended(0).out;
    assert!(
        show.contains("1 (display one, type mobile); 2 (type mobile)"),
        "{show}"
    );
    assert!(show.contains("kim@x.org (primary, type work)"), "{show}");
    let list = home.run(&["users", "list"]).ended(0).out;
    assert!(!list.contains("scim:"), "{list}");
}

/// Peak of this process's memory, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// The test below runs this one in a separate process.
#[test]
#[ignore = "it measures its process"]
fn a_hundred_thousand_operations_in_a_separate_process() {
    let ahead = std::env::var_os("MUSTER_TEST_AHEAD").is_some();
    let app = sqlite(large);
    let body = app.folder.path().join("body.json");
    let mut length = 0;
    {
        let file = std::fs::File::create(&body).expect("a file");
        let mut file = std::io::BufWriter::new(file);
        write!(file, "{{\"schemas\":[\"{BULK}\"],\"Operations\":[").expect("written");
        if ahead {
            let group = post_group("g", "g", &["bulkId:b99998"]);
            write!(file, "{group},").expect("written");
        }
        for at in 0..(if ahead { 99_999 } else { 100_000 }) {
            let comma = if at == 0 { "" } else { "," };
            let data = json!({
                "schemas": [USER], "userName": format!("user{at:06}"), "externalId": at.to_string(),
                "name": {"givenName": "Kim", "familyName": "Lee", "formatted": "Kim Lee"},
                "emails": [{"value": format!("user{at:06}@example.com"), "type": "work", "primary": true}],
                "phoneNumbers": [{"value": "+49 711 000000", "type": "mobile"}],
                "title": "Tour guide", "preferredLanguage": "de", "active": true
            });
            let post = json!({
                "method": "POST", "path": "/Users", "bulkId": format!("b{at}"), "data": data
            });
            write!(file, "{comma}{post}").expect("written");
        }
        write!(file, "]}}").expect("written");
        file.flush().expect("written");
        length += std::fs::metadata(&body).expect("a file").len();
    }
    let before = peak();
    let began = Instant::now();
    let file = std::fs::File::open(&body).expect("the file");
    let answer = app.app.provisioner.bulk(&call(None), file).expect("done");
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(answer.record.counters.created, 100_000);
    let (length, peak) = (length / 1024, peak().saturating_sub(before));
    writeln!(std::io::stdout(), "figure {length} {peak} {seconds:.1}")
        .expect("standard output is writable");
}

#[test]
fn a_hundred_thousand_operations_need_less_memory_than_five_times_their_body() {
    for ahead in [false, true] {
        let program = std::env::current_exe().expect("this program");
        let mut command = std::process::Command::new(program);
        command.args([
            "--exact",
            "provision::a_hundred_thousand_operations_in_a_separate_process",
            "--ignored",
            "--nocapture",
        ]);
        if ahead {
            command.env("MUSTER_TEST_AHEAD", "1");
        }
        let output = command.output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        let line = text.lines().find_map(|line| line.split_once("figure "));
        let (_, figures) = line.unwrap_or_else(|| panic!("{text}"));
        let mut figures = figures
            .split(' ')
            .map(|it| it.parse::<f64>().expect("a number"));
        let (body, peak) = (figures.next().expect("body"), figures.next().expect("peak"));
        assert!(
            peak < body * 4.5,
            "{peak} KiB for a body of {body} KiB, ahead {ahead}"
        );
    }
}
