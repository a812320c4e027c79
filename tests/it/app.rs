//! [`TestApp`]: the real server on a free port with a new store, and a client that sends exactly the given
//! bytes.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use muster::access::{bearer, first_operator};
use muster::app::{App, AppSettings};
use muster::clock::{Clock, Moment};
use muster::http::server::{self, Addresses};
use muster::http::{settings::Settings as HttpSettings, soap};
use muster::users::built_in::{DEFAULT_ORGANIZATION, PRIMARY_DOMAIN};
use muster::users::import_record::ImportRecord;
use muster::users::operator::{Operator, Role};
use muster::users::problem::Problem;
use muster::users::token::Token;
use muster::users::user::User;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub use crate::exchange::*;

/// The settings of a test server, which can be changed before it starts.
pub struct Options {
    pub app: AppSettings,
    pub http: HttpSettings,
    pub soap: soap::Settings,
}

impl Options {
    /// The defaults, with a free port, no HTTPS, and cheap hashes.
    pub fn new(data: &std::path::Path) -> Self {
        let http = HttpSettings {
            http: "127.0.0.1:0".into(),
            https: "off".into(),
            idle_seconds: 5,
            ..HttpSettings::default()
        };
        let mut app = AppSettings {
            spool_limit: http.body_limit_bytes,
            store: muster::stores::Settings::default(),
            access: muster::access::settings::Settings::default(),
            passwords: muster::passwords::rules::Settings::default(),
            import: muster::import::settings::Settings::default(),
            files: muster::formats::settings::Settings::default(),
            domains: toml::from_str("[SALES]\n").expect("a literal"),
            claims: muster::users::claims::Settings::default(),
            scim: muster::provision::settings::Settings::default(),
        };
        app.store.data = data.join("data");
        app.passwords.memory_kib = 1024;
        app.passwords.passes = 1;
        Options {
            app,
            http,
            soap: soap::Settings::default(),
        }
    }
}

/// A running server.
pub struct TestApp {
    pub addresses: Addresses,
    pub app: Arc<App>,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl TestApp {
    /// Starts a server with the defaults of [`Options::new`].
    pub fn start() -> Self {
        TestApp::start_with(|_| {})
    }

    /// Starts a server with changed options.
    pub fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = folder();
        let mut options = Options::new(folder.path());
        change(&mut options);
        let app = Arc::new(App::build(&options.app, Clock::system()).expect("the app is built"));
        let password = Some(ADMIN_PASSWORD.into());
        first_operator::ensure(app.store.as_ref(), &app.pool, password, app.clock.now())
            .expect("the first operator");
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, addresses) = mpsc::channel();
        let served = Arc::clone(&app);
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let ready =
                    |addresses: &Addresses| ready.send(addresses.clone()).expect("a test waits");
                let stop = async {
                    let _ = stopped.await;
                };
                let data = &options.app.store.data;
                server::run(served, &options.http, &options.soap, data, ready, stop).await
            })
        });
        let addresses = addresses
            .recv_timeout(Duration::from_secs(20))
            .expect("the server is ready");
        TestApp {
            addresses,
            app,
            folder,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The address for HTTP.
    pub fn address(&self) -> SocketAddr {
        self.addresses.http.expect("plain HTTP is on")
    }

    /// Adds an operator with the password `ADMIN_PASSWORD`.
    pub fn add_operator(&self, name: &str, role: Role) {
        self.add_operator_in(None, name, role);
    }

    /// The same for one organization.
    pub fn add_operator_of(&self, organization: &str, name: &str, role: Role) {
        self.add_operator_in(Some(organization.into()), name, role);
    }

    /// Adds an organization.
    pub fn add_organization(&self, name: &str) {
        crate::stores::add_organization(self.app.store.as_ref(), name);
    }

    /// Creates a token of this operator that expires in a day; returns the value of `Authorization`.
    pub fn bearer(&self, operator: &str, role: Role, organization: Option<&str>) -> String {
        let now = self.app.clock.now();
        let token = Token {
            id: self.app.clock.new_id(),
            operator: operator.into(),
            role,
            organization: organization.map(str::to_owned),
            created_at: now,
            expires_at: Moment(now.0 + 86_400_000_000),
        };
        let secret = bearer::make().expect("a random source");
        let digest = bearer::digest_of(&secret);
        assert_eq!(
            self.app
                .store
                .add_token(&token, &digest, &crate::stores::by()),
            Ok(true)
        );
        format!("Bearer {}", secret.expose())
    }

    fn add_operator_in(&self, organization: Option<String>, name: &str, role: Role) {
        let operator = Operator {
            name: name.into(),
            role,
            organization,
            password_hash: self.app.pool.hash(ADMIN_PASSWORD.into()).expect("a hash"),
            created_at: self.app.clock.now(),
        };
        assert!(
            self.app
                .store
                .add_operator(&operator, &crate::stores::by())
                .expect("the store works")
        );
    }

    /// A new connection to the server.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a socket option");
        stream
    }

    /// Sends these bytes on a new connection and reads one response.
    pub fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        // A server that refused the request may have stopped reading.
        let _ = stream.write_all(bytes);
        Response::read(&mut stream)
    }

    /// Posts `body` to the service as the operator admin.
    pub fn post(&self, content_type: &str, body: &[u8]) -> Response {
        self.post_as(
            "/services/UserAdmin",
            Some(&admin()),
            content_type,
            &[],
            body,
        )
    }

    /// Posts `body` with further header lines; `authorization` is the value of that field.
    pub fn post_as(
        &self,
        path: &str,
        authorization: Option<&str>,
        content_type: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Response {
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: test\r\n");
        if let Some(authorization) = authorization {
            request.push_str(&format!("Authorization: {authorization}\r\n"));
        }
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str(&format!(
            "Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        self.send(&[request.as_bytes(), body].concat())
    }

    /// Gets `path` without credentials.
    pub fn get(&self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
    }

    /// All users in the store, by domain and name.
    pub fn users(&self) -> Vec<User> {
        self.app
            .store
            .users(DEFAULT_ORGANIZATION, None, None, 1_000_000)
            .expect("the store works")
    }

    /// The names of all users in the store.
    pub fn user_names(&self) -> Vec<String> {
        self.users()
            .into_iter()
            .map(|user| user.user_name)
            .collect()
    }

    /// The newest import.
    pub fn last_import(&self) -> Option<ImportRecord> {
        self.app
            .store
            .imports(DEFAULT_ORGANIZATION, 1)
            .expect("the store works")
            .pop()
    }

    /// The problems of the newest import.
    pub fn last_findings(&self) -> Vec<Problem> {
        let import = self.last_import().expect("there was an import");
        self.app
            .store
            .findings(DEFAULT_ORGANIZATION, import.id, 0, 1_000_000)
            .expect("the store works")
    }

    /// Line, column and code of the newest import's problems.
    pub fn findings(&self) -> Vec<(u64, String, String)> {
        let findings = self.last_findings().into_iter();
        findings
            .map(|found| {
                let column = found.column.unwrap_or_default().into_owned();
                (found.line, column, found.code.into_owned())
            })
            .collect()
    }

    /// Whether this is the password of the user `name` or `DOMAIN/name`.
    pub fn has_password(&self, name: &str, password: &str) -> bool {
        let (domain, name) = name.split_once('/').unwrap_or((PRIMARY_DOMAIN, name));
        let hash = self
            .app
            .store
            .password(DEFAULT_ORGANIZATION, domain, name)
            .expect("the store works")
            .unwrap_or_else(|| panic!("{name} has no password"));
        self.app
            .pool
            .verify(password.into(), Some(hash.hash))
            .unwrap()
    }

    /// Stops the server, as SIGTERM does, and waits for its end.
    pub fn stop(&mut self) -> Result<(), String> {
        drop(self.stop.take());
        match self.thread.take() {
            Some(thread) => thread.join().expect("the server does not panic"),
            None => Ok(()),
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Err(error) = self.stop()
            && !std::thread::panicking()
        {
            panic!("the server ended with an error: {error}");
        }
    }
}

/// A folder in memory, if the system has one: creating a store waits a dozen times for the disk, and no test in this
/// process is about power loss.
pub fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary folder")
}
