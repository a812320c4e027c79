//! Users and groups as resources, one by one and in bulk: the layer below the SCIM channel, called
//! directly, with SQLite and with the memory store.

use muster::app::App;
use muster::clock::Clock;
use muster::import::edits::Edits;
use muster::import::jobs::Ended;
use muster::import::request::ImportRequest;
use muster::import::selection::Selection;
use muster::provision::bulk_job::{BulkAnswer, BulkCall};
use muster::provision::error::ProvisionError;
use muster::provision::operation::{Act, Done, Operation, Precondition, Resource};
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
use muster::users::import_record::{Counters, ImportRecord};
use muster::users::operator::Role;
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::resources::Kind;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::app::Options;

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// An app, the name of its store, and its folder.
pub struct Fixture {
    pub name: &'static str,
    pub app: App,
    pub folder: TempDir,
}

pub fn open(folder: &TempDir, url: &str, change: impl FnOnce(&mut Options)) -> App {
    let mut options = Options::new(folder.path());
    options.app.store.url = url.into();
    change(&mut options);
    App::build(&options.app, Clock::system()).expect("the app is built")
}

pub fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary folder")
}

pub const STORES: [(&str, &str); 2] = [("sqlite", "sqlite:muster.db"), ("memory", "memory:")];

pub fn each(test: impl Fn(&Fixture)) {
    each_with(|_| {}, test);
}

pub fn each_with(change: impl Fn(&mut Options), test: impl Fn(&Fixture)) {
    for (name, url) in STORES {
        let folder = folder();
        let app = open(&folder, url, &change);
        test(&Fixture { name, app, folder });
    }
}

pub fn sqlite(change: impl FnOnce(&mut Options)) -> Fixture {
    let folder = folder();
    let app = open(&folder, "sqlite:muster.db", change);
    let name = "sqlite";
    Fixture { name, app, folder }
}

pub fn authority(role: Role) -> Authority {
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

pub fn call(key: Option<&str>) -> BulkCall {
    BulkCall {
        authority: authority(Role::Admin),
        strictness: Strictness::Operation,
        leniency: Leniency::default(),
        key: key.map(str::to_owned),
        label: "SCIM bulk request",
    }
}

pub fn bulk_body(operations: &Value) -> Value {
    json!({"schemas": [BULK], "Operations": operations})
}

pub fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

pub fn post(bulk_id: &str, name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(name)})
}

/// A user with this manager.
pub fn post_below(bulk_id: &str, name: &str, manager: &str) -> Value {
    let data = json!({
        "schemas": [USER, ENTERPRISE], "userName": name,
        ENTERPRISE: {"manager": {"value": manager}}
    });
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data})
}

pub fn members(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

pub fn group(name: &str, ids: &[&str]) -> Value {
    json!({"schemas": [GROUP], "displayName": name, "members": members(ids)})
}

pub fn post_group(bulk_id: &str, name: &str, ids: &[&str]) -> Value {
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": group(name, ids)})
}

pub fn patch(operations: &Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

impl Fixture {
    pub fn act(
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
    pub fn made(&self, kind: Kind, document: Value) -> Uuid {
        let id = Uuid::now_v7();
        let done = self.act(Role::Admin, kind, id, Act::Create(document.clone()), None);
        let done = done.unwrap_or_else(|error| panic!("{document}: {error}"));
        assert_eq!((done.status(), done.id), (201, id));
        id
    }

    pub fn put(&self, kind: Kind, id: Uuid, document: Value) -> Result<Done, ScimError> {
        self.act(Role::Admin, kind, id, Act::Replace(document), None)
    }

    pub fn patched(&self, kind: Kind, id: Uuid, operations: Value) -> Result<Done, ScimError> {
        self.act(Role::Admin, kind, id, Act::Patch(patch(&operations)), None)
    }

    pub fn delete(&self, kind: Kind, id: Uuid) -> Result<Done, ScimError> {
        self.act(Role::Admin, kind, id, Act::Delete, None)
    }

    pub fn shown(&self, kind: Kind, id: Uuid) -> Option<Map<String, Value>> {
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
    pub fn at(&self, kind: Kind, id: Uuid, pointer: &str) -> Value {
        let document = Value::Object(self.shown(kind, id).expect("the resource exists"));
        document.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    pub fn user_id(&self, name: &str) -> Option<Uuid> {
        let (domain, name) = name.split_once('/').unwrap_or(("PRIMARY", name));
        let user = self.app.store.user(DEFAULT_ORGANIZATION, domain, name);
        user.expect("the store works").map(|user| user.id)
    }

    pub fn names(&self) -> Vec<String> {
        let users = self
            .app
            .store
            .users(DEFAULT_ORGANIZATION, None, None, 1_000_000);
        let users = users.expect("the store works").into_iter();
        users.map(|user| user.user_name).collect()
    }

    /// The names of these groups and of their members; deleted groups are left out.
    pub fn groups(&self, ids: &[Uuid]) -> Vec<(String, Vec<String>)> {
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

    pub fn bulk_as(&self, call: &BulkCall, body: &Value) -> Result<BulkAnswer, ProvisionError> {
        self.app.provisioner.bulk(call, body.to_string().as_bytes())
    }

    #[track_caller]
    pub fn bulk(&self, operations: Value) -> BulkAnswer {
        let answer = self.bulk_as(&call(None), &bulk_body(&operations));
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        self.check(&answer);
        answer
    }

    /// Asserts that the record of the answer equals the stored one, and that its counters add up.
    #[track_caller]
    pub fn check(&self, answer: &BulkAnswer) {
        let stored = self.record(answer.record.id);
        assert_eq!(answer.record, stored, "{}", self.name);
        check_sum(&stored.counters);
        assert_eq!(stored.channel, Channel::Scim);
    }

    pub fn record(&self, id: ImportId) -> ImportRecord {
        let found = self.app.store.import(DEFAULT_ORGANIZATION, id);
        found.expect("the store works").expect("there is a record")
    }

    pub fn import(&self, conflict: ConflictPolicy, csv: &str) -> Counters {
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

    pub fn audit(&self, action: &str) -> Vec<Value> {
        let entries = self.app.store.audit(DEFAULT_ORGANIZATION, None, 100_000);
        let entries = entries.expect("the store works").into_iter().rev();
        entries
            .filter(|entry| entry.action == action)
            .map(|entry| json!([entry.target, entry.details]))
            .collect()
    }

    pub fn uploads(&self) -> usize {
        let folder = std::fs::read_dir(&self.app.spool.folder);
        folder.expect("the spool folder").count()
    }
}

pub fn check_sum(counters: &Counters) {
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

pub fn shown(resource: &Resource) -> Map<String, Value> {
    match resource {
        Resource::User(user) => resource::user(user, ""),
        Resource::Group(group) => resource::group(group, ""),
    }
}

pub fn statuses(answer: &BulkAnswer) -> Vec<u16> {
    answer.outcomes.iter().map(|it| it.status).collect()
}

pub fn id_of(outcome: &OperationOutcome) -> Uuid {
    outcome.resource.expect("there is a resource").1
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, ScimError>) -> (u16, Option<ErrorType>) {
    let error = result.expect_err("a refusal");
    (error.status, error.scim_type)
}

#[track_caller]
pub fn refused_request<T: std::fmt::Debug>(result: Result<T, ProvisionError>) -> ScimError {
    match result {
        Err(ProvisionError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub fn group_ids(answer: &BulkAnswer) -> Vec<Uuid> {
    let of = |outcome: &OperationOutcome| {
        let (kind, id) = outcome.resource?;
        (kind == Kind::Group && outcome.method == "POST").then_some(id)
    };
    answer.outcomes.iter().filter_map(of).collect()
}

pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn many(count: usize) -> Value {
    bulk_body(
        &(0..count)
            .map(|at| post(&format!("b{at}"), &format!("u{at:05}")))
            .collect(),
    )
}

pub fn large(options: &mut Options) {
    options.app.scim.max_operations = 1_000_000;
    options.app.scim.max_payload_bytes = 1 << 30;
    options.app.spool_limit = 1 << 30;
}
