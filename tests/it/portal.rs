//! The admin portal over HTTP, as a browser without scripts uses it.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use muster::http::web::routes::{Operation, ROUTES, Route};
use muster::users::import_record::ImportState;
use muster::users::operator::Role;

use crate::app::{ADMIN_PASSWORD, Response, TestApp};

const FILE: &str = "username,password,emailaddress\nkim,Spring-Meadow-42,kim@example.com\nlee,Harbour-Light-17,lee at \
                    example.com\n";

/// A browser without scripts: it keeps cookies, and finds the token of a page's form.
struct Browser<'s> {
    server: &'s TestApp,
    cookies: Vec<(String, String)>,
    /// The token of the last page that had a form.
    token: String,
    headers: Vec<String>,
}

impl<'s> Browser<'s> {
    fn new(server: &'s TestApp) -> Self {
        Browser {
            server,
            cookies: Vec::new(),
            token: String::new(),
            headers: Vec::new(),
        }
    }

    fn signed_in(server: &'s TestApp, name: &str) -> Self {
        let mut browser = Browser::new(server);
        browser.sign_in(name);
        browser
    }

    fn sign_in(&mut self, name: &str) {
        self.get("/portal/sign-in");
        let answer = self.post(
            "/portal/sign-in",
            &[("name", name), ("password", ADMIN_PASSWORD)],
        );
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(answer.header("location"), Some("/portal/imports"));
        self.get("/portal/imports");
    }

    fn get(&mut self, path: &str) -> Response {
        self.ask("GET", path, "", b"")
    }

    /// Posts a form with the token of the last page.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.token.clone();
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        self.post_exactly(path, &all)
    }

    fn post_exactly(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .collect();
        let body = pairs.join("&");
        let media_type = "application/x-www-form-urlencoded";
        self.ask("POST", path, media_type, body.as_bytes())
    }

    /// Uploads a file, and returns the path of its draft.
    fn upload(&mut self, name: &str, content: &str) -> String {
        let answer = self.upload_as(&self.token.clone(), name, content);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let location = answer.header("location").expect("a location").to_owned();
        let draft = location.strip_suffix("/columns").expect("its columns");
        draft.to_owned()
    }

    fn upload_as(&mut self, token: &str, name: &str, content: &str) -> Response {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--b\r\nContent-Disposition: form-data; \
             name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n{content}\r\n--b--\r\n"
        );
        let media_type = "multipart/form-data; boundary=b";
        self.ask("POST", "/portal/imports/new", media_type, body.as_bytes())
    }

    fn ask(&mut self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            head.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        for line in &self.headers {
            head.push_str(&format!("{line}\r\n"));
        }
        if method != "GET" {
            head.push_str(&format!(
                "Content-Type: {media_type}\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        head.push_str("\r\n");
        let answer = self.server.send(&[head.as_bytes(), body].concat());
        for (name, value) in &answer.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                self.keep(value);
            }
        }
        let token = answer.body.split("name=\"csrf\" value=\"").nth(1);
        if let Some(token) = token.and_then(|rest| rest.split('"').next()) {
            self.token = token.to_owned();
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        assert!(cookie.contains("Path=/portal"), "{cookie}");
        let pair = cookie.split(';').next().expect("a cookie");
        let (name, value) = pair.split_once('=').expect("a value");
        self.cookies.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Waits for the check of a draft, and returns its page.
    fn checked(&mut self, draft: &str) -> String {
        let begun = Instant::now();
        loop {
            let page = self.get(&format!("{draft}/check"));
            assert_eq!(page.status, 200, "{}", page.body);
            let state = self.get(&format!("{draft}/check.json")).body;
            if !state.contains("\"running\"") {
                return self.get(&format!("{draft}/check")).body;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "the check ends");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Follows a file to its import, and returns the import's path once it has ended.
    fn import(
        &mut self,
        draft: &str,
        columns: &[(&str, &str)],
        options: &[(&str, &str)],
    ) -> String {
        let columns = [columns, &[("action", "continue")]].concat();
        let answer = self.post(&format!("{draft}/columns"), &columns);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let options = [options, &[("action", "continue")]].concat();
        let answer = self.post(&format!("{draft}/options"), &options);
        assert_eq!(answer.status, 303, "{}", answer.body);
        self.checked(draft);
        let answer = self.post(&format!("{draft}/run"), &[]);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let import = answer.header("location").expect("a location").to_owned();
        let begun = Instant::now();
        while self
            .get(&format!("{import}.json"))
            .body
            .contains("\"live\":true")
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "the import ends");
            std::thread::sleep(Duration::from_millis(20));
        }
        import
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

/// The options of an import that has no special ones.
const PLAIN: [(&str, &str); 2] = [("conflict", "skip"), ("passwords", "none")];

/// The files of the portal's folder for uploads.
fn uploads(server: &TestApp) -> Vec<std::path::PathBuf> {
    let folder = server.folder.path().join("data/portal-uploads");
    let files = std::fs::read_dir(folder).expect("the folder exists");
    files.map(|file| file.expect("a file").path()).collect()
}

#[test]
fn a_file_is_imported_without_scripts() {
    let server = TestApp::start();
    let mut browser = Browser::signed_in(&server, "admin");
    let draft = browser.upload("users.csv", FILE);
    let [file] = uploads(&server).try_into().expect("one file");
    let mode = std::fs::metadata(&file)
        .expect("it exists")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let columns = browser.get(&format!("{draft}/columns")).body;
    assert!(
        columns.contains("kim@example.com") && columns.contains("16 characters"),
        "{columns}"
    );
    for password in ["Spring-Meadow-42", "Harbour-Light-17"] {
        assert!(!columns.contains(password));
    }
    let import = browser.import(&draft, &[], &PLAIN);
    let report = browser.get(&import).body;
    assert!(
        report.contains("completed, 1 row failed") || report.contains("Completed, 1 row failed"),
        "{report}"
    );
    assert!(report.contains("email-form"), "{report}");
    assert_eq!(server.user_names(), ["kim"]);
    assert!(server.has_password("kim", "Spring-Meadow-42"));
    let record = server.last_import().expect("an import");
    assert_eq!(
        (record.channel.as_str(), record.operator.as_str()),
        ("portal", "admin")
    );
    assert_eq!(record.state, ImportState::Completed);
    assert!(uploads(&server).is_empty(), "the upload is deleted");
    let rejects = browser.get(&format!("{import}/rejects.csv"));
    assert!(
        rejects.body.contains("lee at example.com"),
        "{}",
        rejects.body
    );
    let list = browser.get("/portal/imports").body;
    assert!(
        list.contains(&import) && list.contains("users.csv"),
        "{list}"
    );
}

#[test]
fn undo_asks_first() {
    let server = TestApp::start();
    let mut browser = Browser::signed_in(&server, "admin");
    let draft = browser.upload("users.csv", FILE);
    let import = browser.import(&draft, &[], &PLAIN);
    let question = browser.post(&format!("{import}/undo"), &[]);
    assert_eq!(question.status, 200);
    assert!(
        question.body.contains("Undo the import of users.csv?"),
        "{}",
        question.body
    );
    assert_eq!(server.user_names(), ["kim"], "nothing is undone yet");
    let undone = browser.post(&format!("{import}/undo"), &[("confirmed", "yes")]);
    assert_eq!(undone.status, 303);
    assert!(server.user_names().is_empty());
    let page = browser.get(&import).body;
    assert!(page.contains("The import has been undone."), "{page}");
    let again = browser.get(&import).body;
    assert!(
        !again.contains("The import has been undone."),
        "a message is shown once"
    );
}

#[test]
fn generated_passwords_are_downloaded_once_and_by_their_operator_only() {
    let server = TestApp::start();
    server.add_operator("ann", Role::Admin);
    let mut browser = Browser::signed_in(&server, "admin");
    let draft = browser.upload("users.csv", "username\nkim\nlee\n");
    let options = [("conflict", "skip"), ("passwords", "generated")];
    let import = browser.import(&draft, &[], &options);
    let passwords = format!("{import}/passwords");
    let mut other = Browser::signed_in(&server, "ann");
    assert!(
        !other
            .get(&import)
            .body
            .contains("Download generated passwords")
    );
    assert_eq!(other.post(&passwords, &[]).status, 410);
    assert!(
        browser
            .get(&import)
            .body
            .contains("Download generated passwords")
    );
    let list = browser.post(&passwords, &[]);
    assert_eq!(list.status, 200);
    let mut lines = list.body.lines();
    assert_eq!(lines.next(), Some("userName,password"));
    let rows: Vec<_> = lines
        .map(|line| line.split_once(',').expect("two cells"))
        .collect();
    assert_eq!(rows.len(), 2);
    for (name, password) in rows {
        assert!(server.has_password(name, password));
    }
    let again = browser.post(&passwords, &[]);
    assert_eq!(again.status, 410);
    assert!(
        again.body.contains("IMP-PORTAL-PASSWORDS-GONE"),
        "{}",
        again.body
    );
}

#[test]
fn a_mapping_is_remembered_for_the_same_headings() {
    let server = TestApp::start();
    let file = "Login,Ext.\nkim,4711\n";
    let mut browser = Browser::signed_in(&server, "admin");
    let draft = browser.upload("users.csv", file);
    let refused = browser.post(&format!("{draft}/columns"), &[("action", "continue")]);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("not understood"), "{}", refused.body);
    let columns = [("map-2", "_")];
    let options = [
        ("conflict", "skip"),
        ("passwords", "typed"),
        ("default_password", "Welcome-2-Muster"),
    ];
    browser.import(&draft, &columns, &options);
    assert!(server.has_password("kim", "Welcome-2-Muster"));
    let draft = browser.upload("again.csv", file);
    let page = browser.get(&format!("{draft}/columns")).body;
    assert!(page.contains("<option value=\"_\" selected>"), "{page}");
    assert!(!page.contains("not understood"), "{page}");
}

#[test]
fn two_columns_cannot_mean_the_same() {
    let server = TestApp::start();
    let mut browser = Browser::signed_in(&server, "admin");
    let draft = browser.upload("users.csv", "username,Name\nkim,Kim\n");
    let fields = [("map-2", "username"), ("action", "continue")];
    let refused = browser.post(&format!("{draft}/columns"), &fields);
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(
        refused.body.contains("username") && refused.body.contains("Name"),
        "{}",
        refused.body
    );
}

#[test]
fn nothing_is_changed_without_the_token_of_the_session() {
    let server = TestApp::start();
    let mut browser = Browser::signed_in(&server, "admin");
    let mut other = Browser::signed_in(&server, "admin");
    let draft = browser.upload("users.csv", FILE);
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        if matches!(
            route.operation,
            Operation::Upload | Operation::SignIn | Operation::FirstRun
        ) {
            continue;
        }
        let path = path_of(route, &draft);
        for token in ["", "0123456789abcdef0123456789abcdef", &other.token.clone()] {
            let answer = browser.post_exactly(&path, &[("csrf", token)]);
            assert_eq!(answer.status, 403, "{path}");
            assert!(
                answer.body.contains("IMP-PORTAL-FORM"),
                "{path}: {}",
                answer.body
            );
        }
    }
    let refused = browser.upload_as(&other.token.clone(), "other.csv", FILE);
    assert_eq!(refused.status, 403);
    assert_eq!(uploads(&server).len(), 1, "nothing is stored for it");
    let mut stranger = Browser::new(&server);
    let fields = [("name", "admin"), ("password", ADMIN_PASSWORD)];
    assert_eq!(
        stranger.post_exactly("/portal/sign-in", &fields).status,
        403
    );
    other.headers.push("Sec-Fetch-Site: cross-site".into());
    let forged = other.post("/portal/sign-out", &[]);
    assert!(
        forged.status == 403 && forged.body.contains("IMP-CROSS-SITE"),
        "{}",
        forged.body
    );
}

/// A path of the route, with this draft, or with ids that do not exist.
fn path_of(route: &Route, draft: &str) -> String {
    let id = draft.rsplit('/').next().expect("an id");
    let mut path = format!("/portal{}", route.path);
    while let Some(place) = path.find("{}") {
        let value = if path[..place].ends_with("/mends/") {
            "0"
        } else {
            id
        };
        path.replace_range(place..place + 2, value);
    }
    path
}

#[test]
fn strangers_are_led_to_the_sign_in_form_and_back() {
    let server = TestApp::start();
    let mut browser = Browser::new(&server);
    let draft = "/portal/drafts/01a23288-c778-7536-8ffc-9fc43f4dbd81";
    for route in &ROUTES {
        let path = path_of(route, draft);
        let method = route.method.to_string();
        let media_type = "application/x-www-form-urlencoded";
        let answer = browser.ask(&method, &path, media_type, b"csrf=x");
        let location = answer.header("location").unwrap_or_default().to_owned();
        match (route.right, method.as_str()) {
            (Some(_), "GET") => {
                assert_eq!(answer.status, 303, "{path}");
                assert!(
                    location.starts_with("/portal/sign-in?next="),
                    "{path}: {location}"
                );
            }
            (Some(_), _) => assert_eq!(answer.status, 401, "{path}"),
            (None, _) => assert!(answer.status < 500, "{path}"),
        }
    }
    let form = browser
        .get("/portal/sign-in?next=%2Fimports%3Fstate%3Dfailed")
        .body;
    assert!(form.contains("value=\"/imports?state=failed\""), "{form}");
    let fields = [
        ("name", "admin"),
        ("password", ADMIN_PASSWORD),
        ("next", "/imports?state=failed"),
    ];
    let answer = browser.post("/portal/sign-in", &fields);
    assert_eq!(
        answer.header("location"),
        Some("/portal/imports?state=failed")
    );
}

#[test]
fn roles_decide_what_is_shown_and_possible() {
    let server = TestApp::start();
    server.add_operator("reader", Role::Read);
    let mut reader = Browser::signed_in(&server, "reader");
    assert!(!reader.get("/portal/imports").body.contains("/imports/new"));
    let draft = "/portal/drafts/01a23288-c778-7536-8ffc-9fc43f4dbd81";
    for route in ROUTES
        .iter()
        .filter(|route| route.right == Some(Role::Import))
    {
        let token = reader.token.clone();
        let body = format!("csrf={token}");
        let method = route.method.to_string();
        let path = path_of(route, draft);
        let media_type = "application/x-www-form-urlencoded";
        let answer = reader.ask(&method, &path, media_type, body.as_bytes());
        assert_eq!(answer.status, 403, "{path}");
        assert!(
            answer.body.contains("IMP-ACCESS-RIGHT"),
            "{path}: {}",
            answer.body
        );
    }
}

#[test]
fn drafts_belong_to_their_session_and_imports_to_their_organization() {
    let server = TestApp::start();
    for (organization, name) in [("acme", "ann"), ("beta", "bob")] {
        server.add_organization(organization);
        server.add_operator_of(organization, name, Role::Admin);
    }
    let mut ann = Browser::signed_in(&server, "ann");
    let import = {
        let draft = ann.upload("acme-secret.csv", FILE);
        ann.import(&draft, &[], &PLAIN)
    };
    let draft = ann.upload("acme-secret.csv", FILE);
    let mut again = Browser::signed_in(&server, "ann");
    let mut bob = Browser::signed_in(&server, "bob");
    for route in &ROUTES {
        // What of another organization, or of another session, a request could name.
        let (path, same_organization) = match route.operation {
            Operation::ShowColumns
            | Operation::SetColumns
            | Operation::ShowOptions
            | Operation::SetOptions
            | Operation::Estimate
            | Operation::ShowCheck
            | Operation::CheckProgress
            | Operation::CheckAgain
            | Operation::EditCell
            | Operation::AddMend
            | Operation::RemoveMend
            | Operation::Run
            | Operation::Discard => (path_of(route, &draft), 404),
            Operation::ShowImport
            | Operation::ImportFigures
            | Operation::ImportEvents
            | Operation::Rejects => (path_of(route, &import), 200),
            Operation::CancelImport
            | Operation::UndoImport
            | Operation::Passwords
            | Operation::MendRejects => (path_of(route, &import), 0),
            Operation::RevokeSession
            | Operation::Home
            | Operation::Asset
            | Operation::ShowSignIn
            | Operation::SignIn
            | Operation::SignOut
            | Operation::ShowFirstRun
            | Operation::FirstRun
            | Operation::ListSessions
            | Operation::ListImports
            | Operation::ShowFile
            | Operation::Upload
            | Operation::CsvTemplate
            | Operation::ExcelTemplate => continue,
        };
        let method = route.method.to_string();
        let media_type = "application/x-www-form-urlencoded";
        for (browser, expected) in [(&mut bob, 404), (&mut again, same_organization)] {
            if expected == 0 {
                continue;
            }
            let body = format!("csrf={}&line=2&column=1&value=x", browser.token);
            let answer = browser.ask(&method, &path, media_type, body.as_bytes());
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.body);
        }
    }
    let list = bob.get("/portal/imports").body;
    assert!(!list.contains("acme-secret"), "{list}");
    assert!(again.get("/portal/imports").body.contains("acme-secret"));
    assert_eq!(
        ann.get(&format!("{draft}/columns")).status,
        200,
        "it is still there"
    );
}

#[test]
fn sessions_are_listed_and_ended_with_their_files() {
    let server = TestApp::start();
    let mut first = Browser::signed_in(&server, "admin");
    first
        .headers
        .push("User-Agent: First <b>Browser</b>".into());
    let mut named = Browser::new(&server);
    named
        .headers
        .push("User-Agent: First <b>Browser</b>".into());
    named.sign_in("admin");
    let mut second = Browser::signed_in(&server, "admin");
    named.upload("users.csv", FILE);
    let page = second.get("/portal/sessions").body;
    assert!(
        page.contains("First &#60;b&#62;Browser") || page.contains("First &lt;b&gt;Browser"),
        "{page}"
    );
    let before = page.split("First ").next().expect("a part");
    let after = page.strip_prefix(before).expect("a part");
    let revoke = after.split("action=\"").nth(1).expect("a form");
    let revoke = revoke.split('"').next().expect("an address").to_owned();
    assert_eq!(second.post(&revoke, &[]).status, 303);
    assert!(uploads(&server).is_empty());
    assert_eq!(
        named.get("/portal/imports").status,
        303,
        "the session has ended"
    );
    assert_eq!(second.post("/portal/sign-out", &[]).status, 303);
    assert_eq!(second.get("/portal/imports").status, 303);
    let notice = second.get("/portal/sign-in").body;
    assert!(notice.contains("You have signed out."), "{notice}");
    assert_eq!(
        first.get("/portal/imports").status,
        200,
        "other sessions go on"
    );
}

#[test]
fn wrong_passwords_are_counted_together_with_those_of_other_protocols() {
    let server = TestApp::start_with(|options| {
        options.app.access.login_failures_per_account = 3;
    });
    let mut browser = Browser::new(&server);
    browser.get("/portal/sign-in");
    let wrong = |browser: &mut Browser<'_>, password: &str| {
        browser.post(
            "/portal/sign-in",
            &[("name", "admin"), ("password", password)],
        )
    };
    let first = wrong(&mut browser, "wrong-1");
    assert_eq!(first.status, 401);
    assert!(
        first.body.contains("The name or the password is wrong."),
        "{}",
        first.body
    );
    for number in 2..5 {
        wrong(&mut browser, &format!("wrong-{number}"));
    }
    let limited = wrong(&mut browser, "wrong-6");
    assert_eq!(limited.status, 429, "{}", limited.body);
    assert!(limited.body.contains("Too many logins"), "{}", limited.body);
}

#[test]
fn every_answer_restricts_what_a_page_may_do() {
    let server = TestApp::start();
    let mut browser = Browser::signed_in(&server, "admin");
    for path in [
        "/portal",
        "/portal/sign-in",
        "/portal/imports",
        "/portal/imports/new",
        "/portal/sessions",
        "/portal/nothing",
        "/portal/imports/01a23288-c778-7536-8ffc-9fc43f4dbd81",
    ] {
        let answer = browser.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert!(
            !answer.body.contains(" style=\"") && !answer.body.contains("<script>"),
            "{path}"
        );
    }
    let missing = browser.get("/portal/nothing");
    assert_eq!(missing.status, 404);
    assert!(
        missing.body.contains("Sign out"),
        "the header of the operator: {}",
        missing.body
    );
}

#[test]
fn the_root_leads_to_the_portal_and_describes_the_service() {
    let server = TestApp::start_with(|options| {
        options.http.portal_path = "/users/portal".into();
    });
    let answer = server.send(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/users/portal/"))
    );
    let answer = server.send(
        b"GET / HTTP/1.1\r\nHost: test\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
    );
    let description: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(description["portal"], "/users/portal/");
    assert_eq!(description["version"], env!("CARGO_PKG_VERSION"));
    let page =
        server.send(b"GET /portal/sign-in HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert!(
        page.body.contains("action=\"/users/portal/sign-in\""),
        "{}",
        page.body
    );
    assert!(
        page.header("set-cookie")
            .is_some_and(|cookie| cookie.contains("Path=/users/portal"))
    );
}
