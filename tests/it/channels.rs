//! All channels that accept a file, with one interface: a [`Bench`] imports bytes as a client of its [`Channel`]
//! sends them, and returns the result.
//!
//! Each import uses a new organization, so that one server can import many files.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::app::App;
use muster::clock::Clock;
use muster::http::soap::namespace::USER_IMPORT;
use muster::passwords::hashing::HashPool;
use muster::passwords::rules;
use muster::stores::{self, Access};
use muster::users::built_in::PRIMARY_DOMAIN;
use muster::users::import_record::{Counters, ImportRecord};
use muster::users::password_check::{PasswordChecker, Verdict};
use muster::users::problem::Problem;
use muster::users::store::Store;
use muster::users::user::User;
use tempfile::TempDir;

use crate::app::{ADMIN_PASSWORD, Options, RELATED, Response, TestApp, basic, envelope};
use crate::message::{FORM, SOAP_11, include};
use crate::process::finish;

/// The option with the idempotency key: the same call again finds its import.
pub const KEY: &str = "idempotencyKey";

/// A channel for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `bulkImportUsers` with the file in base64 in the envelope.
    SoapInline,
    /// `bulkImportUsers` with the file as an attachment that an `xop:Include` refers to.
    SoapMtom,
    /// `bulkImportUsers` with the file as an attachment (SOAP with Attachments).
    SoapSwa,
    /// `importUsers` of Muster's own service.
    UserImport,
    /// REST with the file as the body.
    RestBody,
    /// REST with the file in a form.
    RestForm,
    /// `muster import`.
    Terminal,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 7] = [
        Channel::SoapInline,
        Channel::SoapMtom,
        Channel::SoapSwa,
        Channel::UserImport,
        Channel::RestBody,
        Channel::RestForm,
        Channel::Terminal,
    ];

    /// Whether the channel has options besides the domain and the default password.
    pub fn takes_options(self) -> bool {
        !matches!(
            self,
            Channel::SoapInline | Channel::SoapMtom | Channel::SoapSwa
        )
    }
}

/// A file and its options.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// The file's name, which determines its type.
    pub file_name: &'a str,
    /// The file.
    pub bytes: &'a [u8],
    /// The password for rows without one.
    pub default_password: Option<&'a str>,
    /// Further options by their names in REST (`domain`, `conflict`, `dryRun`, `map`, …), which are also those of
    /// `UserImport`; a name may be repeated. The terminal gets them as flags (`--dry-run`). `bulkImportUsers` has
    /// only `domain`. [`KEY`] is sent in the channel's own way.
    pub options: &'a [(&'a str, &'a str)],
}

impl<'a> Upload<'a> {
    /// A file with the default password `Initial-Pass-1` and no further options.
    pub fn new(file_name: &'a str, bytes: &'a [u8]) -> Self {
        Upload {
            file_name,
            bytes,
            default_password: Some(crate::message::DEFAULT_PASSWORD),
            options: &[],
        }
    }

    /// The same with these options.
    pub fn with(self, options: &'a [(&'a str, &'a str)]) -> Self {
        Upload { options, ..self }
    }
}

/// The result of an import.
#[derive(Debug)]
pub struct Outcome {
    /// The organization that was used.
    pub organization: String,
    /// The caller's output: the body of the response, or standard output and then standard error.
    pub answer: String,
    /// The message of a refusal: the call failed, and no row was stored, failed, or was a duplicate.
    pub refused: Option<String>,
    /// The record, if there is one.
    pub record: Option<ImportRecord>,
    /// The counters; all zero without a record.
    pub counters: Counters,
    /// The problems of the rows.
    pub findings: Vec<Problem>,
    /// All users, by domain and name.
    pub users: Vec<User>,
}

impl Outcome {
    /// The names of all users.
    pub fn user_names(&self) -> Vec<&str> {
        let names = self.users.iter();
        names.map(|user| user.user_name.as_str()).collect()
    }

    /// The user of this name.
    #[track_caller]
    pub fn user(&self, name: &str) -> &User {
        let found = self.users.iter().find(|user| user.user_name == name);
        found.unwrap_or_else(|| panic!("no user {name} in {self:?}"))
    }

    /// Line and code of all problems.
    pub fn codes(&self) -> Vec<(u64, &str)> {
        let findings = self.findings.iter();
        findings
            .map(|found| (found.line, found.code.as_ref()))
            .collect()
    }
}

/// Where the calls are executed.
enum Place {
    Server(Box<TestApp>),
    /// The binary's folder, with its settings and its data.
    Folder(TempDir),
}

/// One channel with a new store.
pub struct Bench {
    channel: Channel,
    place: Place,
    store: Arc<dyn Store>,
    pool: Arc<HashPool>,
    passwords: rules::Settings,
    /// Number of organizations created so far.
    made: AtomicUsize,
}

impl Bench {
    /// A bench with the settings of [`Options::new`]: the domains are `PRIMARY` and `SALES`.
    pub fn start(channel: Channel) -> Self {
        Bench::start_with(channel, |_| {})
    }

    /// A bench with changed settings.
    pub fn start_with(channel: Channel, change: impl FnOnce(&mut Options)) -> Self {
        let made = AtomicUsize::new(0);
        if channel != Channel::Terminal {
            let mut passwords = None;
            let server = TestApp::start_with(|options| {
                change(options);
                passwords = Some(options.app.passwords.clone());
            });
            return Bench {
                channel,
                store: Arc::clone(&server.app.store),
                pool: Arc::clone(&server.app.pool),
                passwords: passwords.expect("it was started"),
                place: Place::Server(Box::new(server)),
                made,
            };
        }
        let folder = crate::app::folder();
        let mut options = Options::new(folder.path());
        change(&mut options);
        let settings = &options.app;
        let sections = serde_json::json!({
            "passwords": settings.passwords,
            "import": settings.import,
            "files": settings.files,
            "domains": settings.domains,
            "claims": settings.claims,
        });
        let text = toml::to_string(&without_nulls(sections)).expect("settings are TOML");
        std::fs::write(folder.path().join("settings.toml"), text).expect("a file");
        // The app creates the store and releases its lock.
        let app = App::build(settings, Clock::system()).expect("the app is built");
        let pool = Arc::clone(&app.pool);
        drop(app);
        let store = stores::open(&settings.store, Access::Beside).expect("the store is there");
        Bench {
            channel,
            store,
            pool,
            passwords: settings.passwords.clone(),
            place: Place::Folder(folder),
            made,
        }
    }

    /// Imports into a new organization.
    #[track_caller]
    pub fn import(&self, upload: &Upload<'_>) -> Outcome {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let organization = format!("org{number:03}");
        crate::stores::add_organization(self.store.as_ref(), &organization);
        self.import_into(&organization, upload)
    }

    /// Imports into an existing organization.
    #[track_caller]
    pub fn import_into(&self, organization: &str, upload: &Upload<'_>) -> Outcome {
        let (answer, failure) = match &self.place {
            Place::Server(server) => self.call(server, organization, upload),
            Place::Folder(folder) => run(folder, organization, upload),
        };
        let imports = self.store.imports(organization, 1);
        let record = imports.expect("the store works").pop();
        let counters = record.as_ref().map(|record| record.counters);
        let counters = counters.unwrap_or_default();
        let findings = record.as_ref().map_or_else(Vec::new, |record| {
            let found = self.store.findings(organization, record.id, 0, 1_000_000);
            found.expect("the store works")
        });
        let users = self.store.users(organization, None, None, 1_000_000);
        let Counters {
            created,
            updated,
            unchanged,
            duplicate,
            failed,
            ..
        } = counters;
        let has_counts = created + updated + unchanged + duplicate + failed > 0;
        Outcome {
            organization: organization.to_owned(),
            answer,
            refused: failure.filter(|_| !has_counts),
            record,
            counters,
            findings,
            users: users.expect("the store works"),
        }
    }

    /// Whether this is the password of the user `name` or `DOMAIN/name`, checked as by `users check-password`.
    pub fn check_password(&self, organization: &str, name: &str, password: &str) -> bool {
        let checker = PasswordChecker {
            store: self.store.as_ref(),
            pool: &self.pool,
            settings: &self.passwords,
        };
        let (domain, name) = name.split_once('/').unwrap_or((PRIMARY_DOMAIN, name));
        let now = Clock::system().now();
        let verdict = checker.check(organization, domain, name, password.into(), now);
        verdict.expect("the store works") == Verdict::Right
    }

    /// Sends the file to the server; returns the body of the response, and the message of a failure.
    fn call(
        &self,
        server: &TestApp,
        organization: &str,
        upload: &Upload<'_>,
    ) -> (String, Option<String>) {
        let admin = basic(&format!("admin@{organization}"), ADMIN_PASSWORD);
        let soap = |path, content_type: &str, body: &[u8]| {
            let response = server.post_as(path, Some(&admin), content_type, &[], body);
            let failed = (response.status >= 400).then(|| response.fault_text());
            (response.body, failed)
        };
        let rest = |response: Response| {
            let detail = (response.status >= 400).then(|| {
                let problem: serde_json::Value =
                    serde_json::from_str(&response.body).expect("a problem");
                problem["detail"].as_str().expect("a sentence").to_owned()
            });
            (response.body, detail)
        };
        const USER_ADMIN: &str = "/services/UserAdmin";
        match self.channel {
            Channel::SoapInline => {
                let handler = STANDARD.encode(upload.bytes);
                let body = envelope(&bulk_parameters(upload, &handler));
                soap(USER_ADMIN, "text/xml", body.as_bytes())
            }
            Channel::SoapMtom => {
                let root = envelope(&bulk_parameters(upload, &include("file@test")));
                let kind = "application/xop+xml; charset=UTF-8; type=\"text/xml\"";
                soap(USER_ADMIN, RELATED, &related(kind, &root, upload.bytes))
            }
            Channel::SoapSwa => {
                let root = envelope(&bulk_parameters(upload, "cid:file@test"));
                let swa = "multipart/related; type=\"text/xml\"; start=\"<root>\"; boundary=\"b1\"";
                soap(USER_ADMIN, swa, &related("text/xml", &root, upload.bytes))
            }
            Channel::UserImport => {
                let mut content = format!("<x:file>{}</x:file>", STANDARD.encode(upload.bytes));
                for (name, value) in parameters(upload) {
                    content.push_str(&format!("<x:{name}>{}</x:{name}>", escaped(value)));
                }
                let body = format!(
                    "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:importUsers \
                     xmlns:x=\"{USER_IMPORT}\">{content}</x:importUsers></e:Body></e:Envelope>"
                );
                soap("/services/UserImport", "text/xml", body.as_bytes())
            }
            Channel::RestBody => {
                let named = [("fileName", upload.file_name)];
                let pairs = named.iter().chain(upload.options);
                let pairs = pairs.filter(|(name, _)| *name != KEY);
                let query: Vec<String> = pairs
                    .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
                    .collect();
                let path = format!("/api/v1/imports?{}", query.join("&"));
                let password = upload.default_password;
                let password = password.map(|it| format!("Muster-Default-Password: {it}"));
                let key = key_field(upload);
                let headers: Vec<&str> = password.iter().chain(&key).map(String::as_str).collect();
                let kind = media_type(upload.file_name);
                rest(server.post_as(&path, Some(&admin), kind, &headers, upload.bytes))
            }
            Channel::RestForm => {
                let mut body = Vec::new();
                for (name, value) in parameters(upload).filter(|(name, _)| *name != KEY) {
                    let field = format!(
                        "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                    );
                    body.extend_from_slice(field.as_bytes());
                }
                let file = format!(
                    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
                     Content-Type: {}\r\n\r\n",
                    upload.file_name,
                    media_type(upload.file_name)
                );
                body.extend_from_slice(file.as_bytes());
                body.extend_from_slice(upload.bytes);
                body.extend_from_slice(b"\r\n--b--\r\n");
                let key = key_field(upload);
                let headers: Vec<&str> = key.iter().map(String::as_str).collect();
                rest(server.post_as("/api/v1/imports", Some(&admin), FORM, &headers, &body))
            }
            Channel::Terminal => panic!("the terminal has no server"),
        }
    }
}

/// Runs `muster import`; returns its output, and the message of a failure.
fn run(folder: &TempDir, organization: &str, upload: &Upload<'_>) -> (String, Option<String>) {
    let path = folder.path().join(upload.file_name);
    std::fs::write(&path, upload.bytes).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .args(["import", upload.file_name, "--json"])
        .args(["--organization", organization])
        .arg("--config")
        .arg(folder.path().join("settings.toml"))
        .arg("--data")
        .arg(folder.path().join("data"));
    if upload.default_password.is_some() {
        command.arg("--default-password-stdin");
    }
    for (name, value) in upload.options {
        match *name {
            KEY => command.arg("--key"),
            name => command.arg(format!("--{}", kebab_case(name))),
        };
        if *value != "true" {
            command.arg(value);
        }
    }
    let done = finish(command, upload.default_password.unwrap_or_default());
    std::fs::remove_file(&path).expect("the file is there");
    let refused = (done.code == Some(1)).then(|| done.err.trim().to_owned());
    (format!("{}{}", done.out, done.err), refused)
}

/// The parameters of `bulkImportUsers`.
fn bulk_parameters(upload: &Upload<'_>, handler: &str) -> String {
    let mut parameters = String::new();
    for (name, value) in upload.options {
        assert_eq!(*name, "domain", "bulkImportUsers has no such option");
        parameters.push_str(&format!("<userStoreDomain>{value}</userStoreDomain>"));
    }
    let name = escaped(upload.file_name);
    parameters.push_str(&format!(
        "<fileName>{name}</fileName><handler>{handler}</handler>"
    ));
    if let Some(password) = upload.default_password {
        let password = escaped(password);
        parameters.push_str(&format!("<defaultPassword>{password}</defaultPassword>"));
    }
    parameters
}

/// All parameters besides the file, by the names of REST's form and of `UserImport`.
fn parameters<'a>(upload: &Upload<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let password = upload.default_password.map(|it| ("defaultPassword", it));
    [("fileName", upload.file_name)]
        .into_iter()
        .chain(password)
        .chain(upload.options.iter().copied())
}

/// The header field for the key in REST.
fn key_field(upload: &Upload<'_>) -> Option<String> {
    let (_, key) = upload.options.iter().find(|(name, _)| *name == KEY)?;
    Some(format!("Idempotency-Key: {key}"))
}

/// A message of two parts.
fn related(kind: &str, root: &str, file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--b1\r\nContent-Type: {kind}\r\nContent-ID: <root>\r\n\r\n{root}\r\n--b1\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\
         Content-ID: <file@test>\r\n\r\n"
    );
    [head.as_bytes(), file, b"\r\n--b1--\r\n"].concat()
}

fn media_type(file_name: &str) -> &'static str {
    match file_name.to_ascii_lowercase().rsplit_once('.') {
        Some((_, "tsv")) => "text/tab-separated-values",
        Some((_, "xls")) => "application/vnd.ms-excel",
        Some((_, "xlsx")) => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "text/csv",
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// `dryRun` as a flag.
fn kebab_case(name: &str) -> String {
    let mut flag = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            flag.push('-');
        }
        flag.push(letter.to_ascii_lowercase());
    }
    flag
}

/// TOML has no null: unset values are left out.
fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn every_channel_reports_the_same_result() {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        let file = b"username,password,country\nkim,Password1,SE\nlee ann,,NO\nlou,,FI\n";
        let done = bench.import(&Upload::new("users.csv", file));
        let seen = (done.counters.created, done.counters.failed);
        assert_eq!(seen, (2, 1), "{channel:?}: {done:?}");
        assert_eq!(done.codes(), [(3, "name-white-space")], "{channel:?}");
        assert_eq!(done.refused, None, "{channel:?}");
        assert_eq!(done.user_names(), ["kim", "lou"], "{channel:?}");
        let name = done.record.as_ref().map(|record| record.file_name.as_str());
        assert_eq!(name, Some("users.csv"), "{channel:?}");
        assert_eq!(done.user("lou").attributes["country"], "FI", "{channel:?}");
        let right = |name, password| bench.check_password(&done.organization, name, password);
        assert!(right("kim", "Password1") && right("lou", crate::message::DEFAULT_PASSWORD));
        assert!(!right("lou", "Password1") && !right("unknown", "Password1"));

        let refused = bench.import(&Upload::new("users.csv", b""));
        let sentence = refused.refused.as_deref().unwrap_or_default();
        assert!(sentence.contains("empty"), "{channel:?}: {refused:?}");
        assert!(refused.answer.contains(sentence), "{channel:?}");
        assert_eq!(refused.users, [], "{channel:?}");

        if channel.takes_options() {
            let options = [("conflict", "update"), ("stopAfter", "9")];
            let again = b"username,country\nkim,DK\n";
            let again = Upload::new("users.csv", again).with(&options);
            let done = bench.import_into(&done.organization, &again);
            assert_eq!(done.counters.updated, 1, "{channel:?}: {done:?}");
            assert_eq!(done.user("kim").attributes["country"], "DK", "{channel:?}");
        }
    }
}
