//! Isolation of organizations: no caller sees or changes anything of another organization, at any address and
//! with any kind of credentials; and imports into each organization over every channel.
//!
//! The first test iterates over the route tables of the server. With a new operation it does not compile until
//! a match arm says what of another organization a call could name: see [`rest`], [`soap`] and [`scim`], and add
//! such a function for a new front end.

use std::cell::Cell;

use muster::http::rest::routes::{self, ROUTES, Route};
use muster::http::scim::mount::Mount;
use muster::http::scim::routes as scim_routes;
use muster::http::soap::operation::{
    AuthenticationAdminOperation, CompanionOperation, Entry, ExistingImportOperation,
    RemoteUserStoreManagerOperation, Table, UserAdminOperation, UserImportOperation,
};
use muster::users::import_id::ImportId;
use muster::users::import_record::{ImportRecord, ImportState};
use muster::users::operator::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{ADMIN_PASSWORD, Response, TestApp, basic, inline};
use crate::message::{FORM, KIM, SOAP_11, base64, form};
use crate::process::{Home, Serving};
use crate::scim_organizations::{Theirs, scim};
use crate::stores;

const OURS: &str = "acme";
const THEIRS: &str = "Beta";

/// Part of everything that only they have.
pub const MARKER: &str = "beta-secret";

/// The number of their users and roles whose names our callers use, too.
const TWINS: usize = 64;

const IMPORTS: &str = "/api/v1/imports";

/// The idempotency key of their import.
const KEY: &str = "monday";

/// Two organizations: ours, which the callers belong to, and theirs, which has one of each thing.
pub struct Two {
    pub server: TestApp,
    /// Their import, which has ended, with findings and rejected rows.
    pub ended: String,
    /// Their queued import.
    pub queued: String,
    /// What they created over SCIM.
    pub scim: Theirs,
    /// The number of twins used so far.
    twins: Cell<usize>,
}

/// A request without its credentials.
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<String>,
    pub media_type: &'static str,
    pub body: String,
}

impl Request {
    fn bare(route: &Route, path: String) -> Self {
        Request {
            method: route.method.to_string(),
            path,
            headers: Vec::new(),
            media_type: "text/plain",
            body: String::new(),
        }
    }

    fn soap(entry: &Entry, content: &str) -> Self {
        let (name, namespace) = (entry.name, entry.service.namespace());
        Request {
            method: "POST".into(),
            path: format!("/services/{}", entry.service.name()),
            headers: Vec::new(),
            media_type: "text/xml",
            body: format!(
                "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{name} xmlns:x=\"{namespace}\">{content}\
                 </x:{name}></e:Body></e:Envelope>"
            ),
        }
    }
}

/// Header lines with the credentials of a caller.
pub type Caller = Vec<String>;

impl Two {
    fn start() -> Self {
        let server = TestApp::start();
        for (organization, operator) in [(OURS, "ann"), (THEIRS, "bob")] {
            server.add_organization(organization);
            server.add_operator_of(organization, operator, Role::Admin);
        }
        let mut two = Two {
            server,
            ended: String::new(),
            queued: Uuid::now_v7().to_string(),
            scim: Theirs::default(),
            twins: Cell::new(0),
        };
        two.fill();
        two
    }

    /// Adds one of each thing to their organization, and to ours a user with the name of one of theirs.
    fn fill(&mut self) {
        let (us, them) = (
            self.basic("ann", ADMIN_PASSWORD),
            self.basic("bob", ADMIN_PASSWORD),
        );
        let role = |name: &str| {
            let add_role = UserAdminOperation::Companion(CompanionOperation::AddRole);
            let entry = entry_of(UserAdminOperation::TABLE, add_role);
            let asked = Request::soap(entry, &element("roleName", name));
            assert_eq!(self.ask(&them, &asked).status, 200);
        };
        role(&format!("{MARKER}-role"));
        (0..TWINS).for_each(|number| role(&format!("twin-role-{number}")));
        let mut file = format!(
            "username,password,givenname,roles\nkim,,{MARKER},{MARKER}-role\n{MARKER}-user,,,\n\
             {MARKER} row,,,\n"
        );
        for number in 0..TWINS {
            file.push_str(&format!("twin-{number},,{MARKER},\n"));
        }
        let import = upload("", &format!("{MARKER}.csv"), &file);
        let response = self.ask(&them, &import);
        assert_eq!(response.status, 201, "{}", response.body);
        let report: Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(report["failed"], 1, "{report}");
        self.ended = report["id"].as_str().expect("an id").to_owned();
        let queued = ImportRecord {
            organization: THEIRS.into(),
            state: ImportState::Queued,
            file_name: format!("{MARKER}-queued.csv"),
            ..stores::record(ImportId(self.queued.parse().expect("a UUID")))
        };
        assert_eq!(self.server.app.store.add_import(&queued), Ok(()));
        let ours = upload("", "ours.csv", "username\nkim\n");
        let ours = Request {
            headers: Vec::new(),
            ..ours
        };
        assert_eq!(self.ask(&us, &ours).status, 201);
        self.scim = Theirs::new(self, &them);
    }

    pub fn ask(&self, caller: &Caller, asked: &Request) -> Response {
        let Request {
            method, path, body, ..
        } = asked;
        let headers = [caller.as_slice(), &asked.headers].concat();
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Request-Id: one\r\n\
             {headers}Content-Type: {}\r\nContent-Length: {}\r\n\r\n{body}",
            asked.media_type,
            body.len()
        );
        crate::scim::dechunked(self.server.send(request.as_bytes()))
    }

    fn basic(&self, name: &str, password: &str) -> Caller {
        vec![format!("Authorization: {}", basic(name, password))]
    }

    fn session(&self, name: &str) -> Caller {
        let response = self.log_in(name, ADMIN_PASSWORD);
        let cookie = response.header("set-cookie").expect("a session");
        let cookie = cookie.split(';').next().expect("a pair");
        vec![format!("Cookie: {cookie}"), "Muster-Request: 1".into()]
    }

    fn log_in(&self, name: &str, password: &str) -> Response {
        let content = element("username", name) + &element("password", password);
        let login = AuthenticationAdminOperation::Login;
        let entry = entry_of(AuthenticationAdminOperation::TABLE, login);
        let asked = Request::soap(entry, &content);
        self.ask(&Vec::new(), &asked)
    }

    /// Callers of every kind with all rights in our organization.
    fn callers(&self) -> Vec<Caller> {
        let bearer = |name, organization| {
            let bearer = self.server.bearer(name, Role::Admin, organization);
            vec![format!("Authorization: {bearer}")]
        };
        vec![
            self.basic("ann", ADMIN_PASSWORD),
            self.basic("ann@ACME", ADMIN_PASSWORD),
            self.basic("admin@acme", ADMIN_PASSWORD),
            bearer("ann", None),
            bearer("admin", Some(OURS)),
            self.session("ann"),
            self.session("admin@acme"),
        ]
    }

    /// The number of a user and a role that exist in their organization and not yet in ours.
    fn twin(&self) -> usize {
        let number = self.twins.get();
        assert!(number < TWINS, "more twins are needed");
        self.twins.set(number + 1);
        number
    }

    /// Everything that their organization has.
    fn theirs(&self) -> Value {
        let store = self.server.app.store.as_ref();
        let users = store
            .users(THEIRS, None, None, 10_000)
            .expect("the store works");
        let passwords: Vec<_> = users
            .iter()
            .map(|user| store.password(THEIRS, &user.domain, &user.user_name))
            .map(|password| password.expect("the store works").map(|it| it.hash))
            .collect();
        let imports = store.imports(THEIRS, 10_000).expect("the store works");
        let found: Vec<_> = imports
            .iter()
            .map(|import| {
                let findings = store.findings(THEIRS, import.id, 0, 10_000);
                let rejects = stores::rejects_of(store, THEIRS, import.id);
                json!([
                    findings.expect("the store works"),
                    rejects.iter().map(|it| &it.cells).collect::<Vec<_>>()
                ])
            })
            .collect();
        json!({
            "users": users,
            "passwords": passwords,
            "roles": store.roles(THEIRS, "PRIMARY").expect("the store works"),
            "imports": imports,
            "found": found,
            "audit": store.audit(THEIRS, None, 10_000).expect("the store works"),
            "tokens": store.tokens(Some("bob")).expect("the store works"),
        })
    }

    /// Asserts equal answers to a request that names something of theirs and one that names something that does not
    /// exist.
    #[track_caller]
    pub fn same(
        &self,
        caller: &Caller,
        theirs: &str,
        missing: &str,
        ask: impl Fn(&str) -> Request,
    ) {
        let answer = |name: &str| {
            let asked = ask(name);
            let response = self.ask(caller, &asked);
            let mut body = response.body.replace(name, "NAME");
            // Each attempt to add a user has its own record.
            if let Some(at) = body.find("<m:import>") {
                body.replace_range(at + 10..at + 46, "ID");
            }
            assert!(
                !body.contains(MARKER),
                "{} {}: {body}",
                asked.method,
                asked.path
            );
            (response.status, body)
        };
        assert_eq!(answer(theirs), answer(missing));
    }

    /// Asserts that a request that names nothing of theirs succeeds, and that its answer has nothing of theirs.
    #[track_caller]
    pub fn blind(&self, caller: &Caller, asked: &Request) -> Response {
        let response = self.ask(caller, asked);
        let text = format!("{} {}: {response:?}", asked.method, asked.path);
        assert!((200..300).contains(&response.status), "{text}");
        assert!(!text.contains(MARKER), "{text}");
        response
    }

    /// The same for an import that creates a user with the name of one of theirs.
    #[track_caller]
    fn makes(&self, caller: &Caller, asked: &Request) {
        let response = self.blind(caller, asked);
        let text = format!("{} {}", response.body, asked.path);
        let created = response.header("muster-import").map_or_else(
            || text.contains("\"created\":1") || text.contains(":created>1<"),
            |field| field.contains("created=1"),
        );
        assert!(created, "{response:?}");
    }
}

/// An import over REST with the idempotency key that they have used.
fn upload(query: &str, name: &str, file: &str) -> Request {
    let fields = [
        ("defaultPassword", "Initial-Pass-1"),
        ("conflict", "update"),
        (&*format!("file|{name}"), file),
    ];
    Request {
        method: "POST".into(),
        path: format!("{IMPORTS}{query}"),
        headers: vec![format!("Idempotency-Key: {KEY}")],
        media_type: FORM,
        body: form(&fields),
    }
}

fn element(name: &str, text: &str) -> String {
    format!("<x:{name}>{text}</x:{name}>")
}

fn entry_of<O: PartialEq>(table: Table<O>, operation: O) -> &'static Entry {
    let mut rows = table.rows.iter();
    let found = rows.find(|(of_row, _)| *of_row == operation);
    &found.expect("the operation is in the table").1
}

/// Calls a REST route with each kind of reference to their things that it accepts.
fn rest(two: &Two, caller: &Caller, route: &Route) {
    use routes::{
        ChangeOperation as Change, Operation, ReadOperation as Read, UploadOperation as Upload,
    };
    let missing = Uuid::now_v7().to_string();
    let blind = |query: &str| {
        let path = format!("{}{query}", route.path);
        two.blind(caller, &Request::bare(route, path))
    };
    match route.operation {
        Operation::Upload(Upload::CreateImport) => {
            let file = format!("username\ntwin-{}\n", two.twin());
            let key = format!("Idempotency-Key: ours-{}", two.twins.get());
            let import = Request {
                headers: vec![key],
                ..upload("", "a.csv", &file)
            };
            two.makes(caller, &import);
        }
        Operation::Upload(Upload::PreviewImport) => {
            let file = format!("username\ntwin-{}\n", two.twin());
            let preview = Request {
                headers: Vec::new(),
                ..upload("/preview", "a.csv", &file)
            };
            two.makes(caller, &preview);
        }
        Operation::Read(Read::ListImports) | Operation::Read(Read::ListAudit) => {
            blind("");
            blind("?limit=1000");
            for id in [&two.ended, &two.queued] {
                blind(&format!("?cursor={id}"));
            }
        }
        Operation::Read(Read::GetImport)
        | Operation::Read(Read::ListProblems)
        | Operation::Read(Read::GetRejects)
        | Operation::Read(Read::StreamEvents)
        | Operation::Change(Change::CancelImport)
        | Operation::Change(Change::UndoImport) => {
            for theirs in [&two.ended, &two.queued] {
                two.same(caller, theirs, &missing, |id| {
                    Request::bare(route, route.path.replace("{id}", id))
                });
            }
        }
        Operation::GetDocument => {
            blind("");
        }
    }
}

/// A SOAP operation and who calls it.
struct Soap<'a> {
    two: &'a Two,
    caller: &'a Caller,
    entry: &'static Entry,
}

impl Soap<'_> {
    /// Calls it with a reference to something of theirs, and to something that does not exist.
    fn same(&self, theirs: &str, missing: &str, content: impl Fn(&str) -> String) {
        self.two.same(self.caller, theirs, missing, |name| {
            Request::soap(self.entry, &content(name))
        });
    }

    fn blind(&self, content: &str) {
        self.two
            .blind(self.caller, &Request::soap(self.entry, content));
    }
}

/// Calls every SOAP operation with each kind of reference to their things that it accepts.
fn soap(two: &Two, caller: &Caller) {
    let of = |entry| Soap { two, caller, entry };
    for (operation, entry) in UserAdminOperation::TABLE.rows {
        user_admin(&of(entry), *operation);
    }
    for (operation, entry) in AuthenticationAdminOperation::TABLE.rows {
        authentication_admin(&of(entry), *operation);
    }
    for (operation, entry) in RemoteUserStoreManagerOperation::TABLE.rows {
        remote_user_store_manager(&of(entry), *operation);
    }
    for (operation, entry) in UserImportOperation::TABLE.rows {
        user_import(&of(entry), *operation);
    }
}

fn user() -> String {
    format!("{MARKER}-user")
}

fn user_admin(soap: &Soap<'_>, operation: UserAdminOperation) {
    let two = soap.two;
    match operation {
        UserAdminOperation::BulkImportUsers => {
            let file = format!("username\ntwin-{}\n", two.twin());
            let call = Request {
                body: inline(&file),
                ..Request::soap(soap.entry, "")
            };
            two.makes(soap.caller, &call);
        }
        UserAdminOperation::Companion(operation) => companion(soap, operation),
    }
}

fn companion(soap: &Soap<'_>, operation: CompanionOperation) {
    let two = soap.two;
    match operation {
        CompanionOperation::ListUsers
        | CompanionOperation::ListAllUsers
        | CompanionOperation::GetAllRolesNames => {
            soap.blind("");
            soap.same(MARKER, "nosuchuser", |name| {
                element("filter", &format!("{name}*"))
            });
        }
        CompanionOperation::GetUserRealmInfo | CompanionOperation::HasMultipleUserStores => {
            soap.blind("");
        }
        CompanionOperation::AddUser => {
            let password = element("password", "Spring-Meadow-42");
            let name = element("userName", &format!("twin-{}", two.twin()));
            soap.blind(&format!("{name}{password}"));
            soap.same(&format!("{MARKER}-role"), "no-role", |role| {
                let name = element("userName", "newuser");
                format!("{name}{password}{}", element("roles", role))
            });
        }
        CompanionOperation::DeleteUser => {
            soap.same(&user(), "nosuchuser", |name| element("userName", name));
        }
        CompanionOperation::GetRolesOfUser => {
            soap.same(&user(), "nosuchuser", |name| element("userName", name));
            soap.blind(&element("userName", "kim"));
        }
        CompanionOperation::ChangePassword => {
            soap.same(&user(), "nosuchuser", |name| {
                element("userName", name) + &element("newPassword", "Spring-Meadow-42")
            });
            soap.blind(&(element("userName", "kim") + &element("newPassword", "Spring-Meadow-42")));
        }
        CompanionOperation::AddRole => {
            soap.blind(&element("roleName", &format!("twin-role-{}", two.twin())));
            soap.same(&user(), "nosuchuser", |name| {
                element("roleName", "with-a-member") + &element("userList", name)
            });
        }
    }
}

fn authentication_admin(soap: &Soap<'_>, operation: AuthenticationAdminOperation) {
    let two = soap.two;
    match operation {
        AuthenticationAdminOperation::Login => {
            for (theirs, missing) in [("ann@Beta", "nosuchuser@Beta"), ("bob@acme", "bob@nowhere")]
            {
                soap.same(theirs, missing, |name| {
                    element("username", name) + &element("password", ADMIN_PASSWORD)
                });
            }
        }
        AuthenticationAdminOperation::Logout => {
            let them = two.session("bob");
            // A call can only name its own session; this one is opened in order to be closed.
            let own = two.session("ann");
            assert_eq!(two.ask(&own, &Request::soap(soap.entry, "")).status, 200);
            let list = Request::bare(&ROUTES[1], IMPORTS.into());
            assert_eq!(two.ask(&own, &list).status, 401);
            assert_eq!(two.ask(&them, &list).status, 200);
        }
    }
}

fn remote_user_store_manager(soap: &Soap<'_>, operation: RemoteUserStoreManagerOperation) {
    match operation {
        RemoteUserStoreManagerOperation::IsExistingUser => {
            soap.same(&user(), "nosuchuser", |name| element("userName", name));
        }
    }
}

fn user_import(soap: &Soap<'_>, operation: UserImportOperation) {
    let two = soap.two;
    match operation {
        UserImportOperation::ImportUsers => {
            let file = format!("username\ntwin-{}\n", two.twin());
            let key = element("idempotencyKey", &format!("ours-soap-{}", two.twins.get()));
            two.makes(
                soap.caller,
                &Request::soap(soap.entry, &(file_of(&file) + &key)),
            );
        }
        UserImportOperation::PreviewImport => {
            let file = format!("username\ntwin-{}\n", two.twin());
            two.makes(soap.caller, &Request::soap(soap.entry, &file_of(&file)));
        }
        UserImportOperation::Existing(
            ExistingImportOperation::GetImport
            | ExistingImportOperation::ListProblems
            | ExistingImportOperation::GetRejectFile
            | ExistingImportOperation::CancelImport
            | ExistingImportOperation::UndoImport,
        ) => {
            let missing = Uuid::now_v7().to_string();
            for theirs in [&two.ended, &two.queued] {
                soap.same(theirs, &missing, |id| element("id", id));
            }
        }
    }
}

/// The arguments of a command in the organization Acme.
fn within<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--organization", "ACME"]].concat()
}

fn file_of(file: &str) -> String {
    element("file", &base64(file))
        + &element("fileName", "users.csv")
        + &element("defaultPassword", "Initial-Pass-1")
}

#[test]
fn no_caller_sees_or_changes_anything_of_another_organization() {
    let two = Two::start();
    two.server.bearer("bob", Role::Admin, None);
    let before = two.theirs();
    for marked in ["users", "roles", "imports", "found", "audit"] {
        assert!(before[marked].to_string().contains(MARKER), "{marked}");
    }
    for caller in two.callers() {
        for route in &ROUTES {
            rest(&two, &caller, route);
        }
        soap(&two, &caller);
        // SCIM does not accept sessions.
        if caller.iter().any(|field| field.starts_with("Cookie")) {
            continue;
        }
        for mount in Mount::ALL {
            for route in &scim_routes::ROUTES {
                scim(&two, &caller, mount, route);
            }
        }
    }
    assert_eq!(two.theirs(), before);
    let users = two.server.app.store.users(OURS, None, None, 1_000);
    let users = users.expect("the store works");
    assert!(users.iter().any(|user| user.user_name == "twin-0"));
    assert!(!serde_json::to_string(&users).unwrap().contains(MARKER));
    assert_eq!(
        two.server.user_names(),
        [""; 0],
        "nothing was added to the default organization"
    );
}

#[test]
fn the_same_requests_succeed_for_the_owner() {
    let two = Two::start();
    let them = two.basic("bob", ADMIN_PASSWORD);
    let change = routes::Operation::Change;
    for route in ROUTES.iter().filter(|route| route.path.contains("{id}")) {
        let path = route.path.replace("{id}", &two.ended);
        let response = two.ask(&them, &Request::bare(route, path));
        let undone = route.operation == change(routes::ChangeOperation::UndoImport);
        let ended = route.operation == change(routes::ChangeOperation::CancelImport);
        assert_eq!(response.status, if ended { 409 } else { 200 }, "{route:?}");
        assert!(
            undone || ended || response.body.contains(MARKER),
            "{route:?}: {}",
            response.body
        );
    }
    let cancel = format!("{IMPORTS}/{}/cancel", two.queued);
    let route = ROUTES.iter().find(|route| route.path.ends_with("/cancel"));
    let response = two.ask(&them, &Request::bare(route.expect("a route"), cancel));
    assert_eq!(response.status, 200, "{}", response.body);
}

#[test]
fn idempotency_keys_are_separate_for_each_organization() {
    let two = Two::start();
    let us = two.basic("ann", ADMIN_PASSWORD);
    let twin = format!("username\ntwin-{}\n", two.twin());
    two.makes(&us, &upload("", "a.csv", &twin));
    let again = two.ask(&us, &upload("", "a.csv", &twin));
    assert_eq!(again.status, 200, "our own earlier import: {}", again.body);
}

#[test]
fn an_operator_of_another_organization_is_answered_like_a_wrong_password() {
    let two = Two::start();
    let list = Request::bare(&ROUTES[1], IMPORTS.into());
    let answer = |name: &str, password: &str| {
        let response = two.ask(&two.basic(name, password), &list);
        (response.status, response.body)
    };
    let wrong = answer("ann", "wrong");
    assert_eq!(wrong.0, 401);
    for name in ["ann@Beta", "ann@default", "ann@nowhere", "bob@acme"] {
        assert_eq!(answer(name, ADMIN_PASSWORD), wrong, "{name}");
    }
    let refused = two.log_in("ann@Beta", ADMIN_PASSWORD);
    assert_eq!(refused.element("return").as_deref(), Some("false"));
    assert_eq!(refused.header("set-cookie"), None);
}

#[test]
fn soap_imports_into_the_organization_in_the_operator_name() {
    let server = TestApp::start();
    server.add_organization("Acme");
    let path = "/services/UserAdmin";
    let body = inline(KIM);
    let caller = basic("admin@acme", ADMIN_PASSWORD);
    let response = server.post_as(path, Some(&caller), "text/xml", &[], body.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    let token = format!(
        "<soapenv:Header><w:Security xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/\
         oasis-200401-wss-wssecurity-secext-1.0.xsd\"><w:UsernameToken><w:Username>admin@ACME\
         </w:Username><w:Password>{ADMIN_PASSWORD}</w:Password></w:UsernameToken></w:Security>\
         </soapenv:Header><soapenv:Body>"
    );
    let body = inline("username,roles\nlou,admin\n").replacen("<soapenv:Body>", &token, 1);
    let response = server.post_as(path, None, "text/xml", &[], body.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    let store = server.app.store.as_ref();
    assert_eq!(stores::names(store, "Acme", None), ["kim", "lou"]);
    let lou = store
        .user("Acme", "PRIMARY", "lou")
        .expect("the store works");
    assert_eq!(lou.expect("the user exists").roles, ["admin"]);
    assert_eq!(store.imports("Acme", 10).expect("the store works").len(), 2);
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn the_terminal_acts_in_the_organization_of_its_option() {
    let home = Home::new();
    home.write("users.csv", "username,roles\nann,Sales\nb ob,\n");
    let import = ["import", "users.csv", "--default-password-stdin", "--json"];
    home.run_with_input(&import, "Initial-Pass-1\n").ended(2);
    home.run(&["organization", "add", "Acme"]).ended(0);
    home.run(&within(&["role", "add", "Sales"])).ended(0);
    assert!(!home.run(&["role", "list"]).ended(0).out.contains("Sales"));
    let report = home
        .run_with_input(&within(&import), "Initial-Pass-1\n")
        .ended(2)
        .json();
    assert_eq!(
        (&report["created"], &report["failed"]),
        (&json!(1), &json!(1))
    );
    let id = report["id"].as_str().expect("an id").to_owned();

    let users = home.run(&within(&["users", "list", "--json"])).ended(0);
    assert_eq!(users.json_lines()[0]["organization"], "Acme");
    let none = home.run(&["users", "list"]).ended(0);
    assert_eq!(none.out, "no users\n");
    let check = ["users", "check-password", "ann"];
    home.run_with_input(&within(&check), "Initial-Pass-1\n")
        .ended(0);
    home.run_with_input(&check, "Initial-Pass-1\n").ended(1);
    let export = home.run(&within(&["users", "export"])).ended(0);
    assert!(export.out.contains("ann,"), "{export:?}");
    let initial = home.run(&within(&["users", "initial-passwords"])).ended(0);
    assert!(initial.out.contains("ann"), "{initial:?}");
    let list = home.run(&["imports", "list", "--json"]).ended(0);
    assert!(!list.out.contains(&id), "{list:?}");
    home.run(&["imports", "show", &id]).ended(1);
    home.run(&["imports", "undo", &id]).ended(1);
    home.run(&within(&["imports", "show", &id])).ended(0);
    let rejects = home.run(&within(&["imports", "rejects", &id])).ended(0);
    assert!(rejects.out.contains("b ob"), "{rejects:?}");
    let undone = home.run(&within(&["imports", "undo", &id])).ended(0);
    assert!(undone.out.contains('1'), "{undone:?}");
    let audit = home
        .run(&within(&["audit", "--json"]))
        .ended(0)
        .json_lines();
    assert_eq!(audit[0]["action"], "import.undo");
    let audit = home.run(&["audit", "--json"]).ended(0);
    assert!(!audit.out.contains(&id), "{audit:?}");
    for command in [&["users", "list"][..], &["audit"], &["role", "list"]] {
        let unknown = [command, &["--organization", "nowhere"]].concat();
        let refused = home.run(&unknown).ended(1);
        assert!(
            refused.err.contains("no organization nowhere"),
            "{refused:?}"
        );
    }
}

#[test]
fn organizations_are_added_listed_and_removed_while_the_server_runs() {
    let home = Home::new();
    let server = Serving::start(&home);
    let file = home.write("password.txt", &format!("{ADMIN_PASSWORD}\n"));
    let file = file.to_str().expect("UTF-8");
    let bound = |organization: &str| {
        let command = [
            "operator",
            "add",
            "ann",
            "--role",
            "admin",
            "--organization",
        ];
        home.run(&[&command[..], &[organization, "--password-file", file]].concat())
    };
    let refused = bound("acme").ended(1);
    assert!(refused.err.contains("no organization acme"), "{refused:?}");
    for bad in ["a b", "a@b", "", "ä"] {
        let refused = home.run(&["organization", "add", bad]).ended(1);
        assert!(refused.err.contains("1 to 64 characters"), "{refused:?}");
    }
    home.run(&["organization", "add", "Acme"]).ended(0);
    let taken = home.run(&["organization", "add", "ACME"]).ended(1);
    assert!(taken.err.contains("already"), "{taken:?}");
    bound("acme").ended(0);
    let list = home.run(&["organization", "list", "--json"]).ended(0);
    let names: Vec<_> = list
        .json_lines()
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(names, ["Acme", "default"]);
    home.run(&["organization", "list"]).ended(0);

    let post = |name: &str, file: &str| {
        let body = inline(file);
        let request = format!(
            "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
             Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            basic(name, ADMIN_PASSWORD),
            body.len()
        );
        let mut stream = server.connect();
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("the server reads");
        Response::read(&mut stream).status
    };
    assert_eq!(post("ann", KIM), 200);
    assert_eq!(post("admin@acme", "username\nlou\n"), 200);
    let remove = |name: &str| home.run(&["organization", "remove", name]);
    let refused = remove("acme").ended(1);
    assert!(
        refused.err.contains("still has 2 users, 1 operator;"),
        "{refused:?}"
    );
    let refused = remove("default").ended(1);
    assert!(refused.err.contains("cannot be removed"), "{refused:?}");
    remove("nowhere").ended(1);
    let imports = home
        .run(&["imports", "list", "--json", "--organization", "acme"])
        .ended(0);
    for import in imports.json_lines() {
        let id = import["id"].as_str().expect("an id");
        home.run(&["imports", "undo", id, "--organization", "acme"])
            .ended(0);
    }
    home.run(&["operator", "remove", "ann"]).ended(0);
    remove("ACME").ended(0);
    assert_eq!(post("admin@acme", "username\nmax\n"), 500);
    assert_eq!(post("admin", "username\nmax\n"), 200);
    server.stop();
}
