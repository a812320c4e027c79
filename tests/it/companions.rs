//! The operations that bulk-import clients call besides the import, in the original's format.

use muster::http::soap::namespace::{AXIS2, COMMON};
use muster::users::operator::Role;

use crate::app::{ADMIN_PASSWORD, Response, TestApp, admin, basic, inline};
use crate::message::{SOAP_11, SOAP_12, in_soap_12};

/// A SOAP 1.1 envelope around `content` in the element `operation`.
fn envelope(operation: &str, namespace: &str, content: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{operation} xmlns:x=\"{namespace}\">{content}\
         </x:{operation}></e:Body></e:Envelope>"
    )
}

/// Calls an operation of UserAdmin; the children are in its namespace.
fn call_as(server: &TestApp, authorization: &str, operation: &str, content: &str) -> Response {
    let body = envelope(operation, AXIS2, content);
    let path = "/services/UserAdmin";
    server.post_as(path, Some(authorization), "text/xml", &[], body.as_bytes())
}

fn call(server: &TestApp, operation: &str, content: &str) -> Response {
    call_as(server, &admin(), operation, content)
}

/// The texts of all elements called `local` in a successful response.
#[track_caller]
fn texts(response: &Response, local: &str) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.body);
    let document = roxmltree::Document::parse(&response.body).expect("well-formed");
    let named = document
        .descendants()
        .filter(|it| it.tag_name().name() == local);
    named
        .map(|it| it.text().unwrap_or_default().to_owned())
        .collect()
}

/// The rule's code and the message of a fault with the typed exception in its detail.
#[track_caller]
fn exception(response: &Response) -> (String, String) {
    assert_eq!(response.status, 500, "{}", response.body);
    let document = roxmltree::Document::parse(&response.body).expect("well-formed");
    let text = |namespace, local: &str| {
        let found = document
            .descendants()
            .find(|it| it.has_tag_name((namespace, local)))
            .unwrap_or_else(|| panic!("no {local} in {}", response.body));
        found.text().unwrap_or_default().to_owned()
    };
    let sentence = text(COMMON, "message");
    let message = document
        .descendants()
        .find(|it| it.has_tag_name("faultstring"));
    assert_eq!(message.and_then(|it| it.text()), Some(sentence.as_str()));
    (text("urn:muster:soap:fault:1", "code"), sentence)
}

fn import(server: &TestApp, file: &str) {
    let response = server.post("text/xml", inline(file).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
}

fn list(filter: &str, limit: &str) -> String {
    format!("<x:filter>{filter}</x:filter><x:limit>{limit}</x:limit>")
}

#[test]
fn list_users_finds_imported_users_by_wildcard() {
    let server = TestApp::start();
    import(
        &server,
        "UserName,Password,Claims\nbulkUser1,,\nbulkUser2,,\nother,,\n",
    );
    let names = |content: &str| texts(&call(&server, "listUsers", content), "return");
    assert_eq!(names(&list("bulkuser*", "100")), ["bulkUser1", "bulkUser2"]);
    assert_eq!(names(&list("bulkUser?", "-1")), ["bulkUser1", "bulkUser2"]);
    assert_eq!(names(&list("*", "1")), ["bulkUser1"]);
    assert_eq!(names(&list("*", "0")), [""; 0]);
    assert_eq!(names(""), ["bulkUser1", "bulkUser2", "other"]);
    assert_eq!(names(&list("absent*", "100")), [""; 0]);
    assert_eq!(names(&list("SALES/*", "100")), [""; 0]);
    let (code, sentence) = exception(&call(&server, "listUsers", &list("HR/*", "100")));
    assert_eq!(code, "IMP-DOMAIN");
    assert!(sentence.contains("PRIMARY, SALES"), "{sentence}");
}

#[test]
fn response_has_the_originals_format() {
    let server = TestApp::start();
    import(&server, "UserName,Password,Claims\nkim,,\n");
    let response = call(&server, "listUsers", &list("*", "10"));
    assert_eq!(
        response.header("content-type"),
        Some("text/xml; charset=utf-8")
    );
    let body = format!(
        "<ns:listUsersResponse xmlns:ns=\"{AXIS2}\"><ns:return>kim</ns:return>\
         </ns:listUsersResponse>"
    );
    assert!(response.body.contains(&body), "{}", response.body);
    let twelve = in_soap_12(&envelope("listUsers", AXIS2, &list("*", "10")));
    let response = server.post("application/soap+xml", twelve.as_bytes());
    assert_eq!(
        response.header("content-type"),
        Some("application/soap+xml; charset=utf-8")
    );
    assert!(response.body.contains(SOAP_12) && response.body.contains(&body));
}

#[test]
fn last_entry_of_list_all_users_is_not_a_user() {
    let server = TestApp::start_with(|options| options.soap.list_limit = 2);
    import(&server, "UserName,Password,Claims\nZoe,,\nadam,,\n");
    let all = call(&server, "listAllUsers", &list("*", "10"));
    assert_eq!(texts(&all, "itemName"), ["adam", "Zoe", "false"]);
    assert_eq!(texts(&all, "itemDisplayName"), ["adam", "Zoe", ""]);
    assert_eq!(texts(&all, "editable"), ["true", "true", "false"]);
    assert!(all.body.contains("xsi:type=\"ax:FlaggedName\""));
    import(&server, "UserName,Password,Claims\nbob,,\n");
    let cut = call(&server, "listAllUsers", &list("*", "-1"));
    assert_eq!(texts(&cut, "itemName"), ["adam", "bob", "true"]);
}

#[test]
fn users_of_other_domains_have_a_domain_prefix() {
    let server = TestApp::start_with(|options| options.soap.list_limit = 1);
    let add = |name: &str| {
        let content = format!("<userName>{name}</userName><password>Initial-Pass-1</password>");
        assert_eq!(call(&server, "addUser", &content).status, 200, "{name}");
    };
    ["kim", "sales/kim", "SALES/lee"]
        .iter()
        .for_each(|name| add(name));
    let names = texts(&call(&server, "listUsers", &list("*", "10")), "return");
    assert_eq!(names, ["kim", "SALES/kim"]);
    let cut = call(&server, "listAllUsers", &list("SALES/*", "10"));
    assert_eq!(texts(&cut, "itemName"), ["SALES/kim", "false"]);
    assert_eq!(texts(&cut, "itemDisplayName"), ["SALES/kim", "SALES"]);
    let several = texts(&call(&server, "hasMultipleUserStores", ""), "return");
    assert_eq!(several, ["true"]);
}

#[test]
fn realm_is_described() {
    let server = TestApp::start();
    let info = call(&server, "getUserRealmInfo", "");
    assert_eq!(texts(&info, "adminRole"), ["admin"]);
    assert_eq!(texts(&info, "everyOneRole"), ["Internal/everyone"]);
    assert_eq!(texts(&info, "domainNames"), ["PRIMARY", "SALES"]);
    assert_eq!(texts(&info, "domainName"), ["PRIMARY", "PRIMARY", "SALES"]);
    assert_eq!(texts(&info, "bulkImportSupported"), ["true"; 4]);
    assert_eq!(texts(&info, "multipleUserStore"), ["true"]);
    let claims = texts(&info, "userClaims");
    assert!(
        claims.contains(&"http://wso2.org/claims/emailaddress".to_owned()),
        "{claims:?}"
    );
}

#[test]
fn single_user_uses_the_import_core() {
    let server = TestApp::start();
    let content = "<x:userName>alice</x:userName><x:password>correct horse</x:password>\
        <x:roles>admin</x:roles><x:roles>Internal/everyone</x:roles>\
        <x:claims xmlns:c=\"http://common.mgt.user.carbon.wso2.org/xsd\">\
        <c:claimURI>http://wso2.org/claims/emailaddress</c:claimURI><c:value>a@example.com</c:value>\
        </x:claims><x:profileName>default</x:profileName>";
    let response = call(&server, "addUser", content);
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(
        response.body.contains("<ns:addUserResponse"),
        "{}",
        response.body
    );
    assert!(
        response.body.contains("xsi:nil=\"true\""),
        "{}",
        response.body
    );
    let header = response.header("muster-import").expect("the import");
    assert!(header.contains("created=1"), "{header}");
    let alice = &server.users()[0];
    assert_eq!(alice.email.as_deref(), Some("a@example.com"));
    assert_eq!(alice.roles, ["Internal/everyone", "admin"]);
    assert!(!alice.must_change_password);
    assert!(server.has_password("alice", "correct horse"));
    let record = server.last_import().expect("a record");
    assert_eq!(
        (record.file_name.as_str(), record.counters.created),
        ("addUser", 1)
    );

    let (code, sentence) = exception(&call(&server, "addUser", content));
    assert_eq!(code, "IMP-USER-REFUSED");
    assert_eq!(
        sentence,
        "30004 - UserAlreadyExisting Username alice already exists in the system. Please pick another \
         username."
    );
}

#[test]
fn refused_user_gets_all_violated_rules() {
    let server = TestApp::start();
    let content = "<userName>b ob</userName><password>x</password><roles>nosuch</roles>\
        <claims><claimURI>http://example.com/none</claimURI><value>1</value></claims>";
    let (_, sentence) = exception(&call(&server, "addUser", content));
    for part in [
        "white space",
        "nosuch",
        "Claim URI is invalid",
        "5 to 30 characters",
    ] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let (code, _) = exception(&call(
        &server,
        "addUser",
        "<password>correct horse</password>",
    ));
    assert_eq!(code, "IMP-SOAP-PARAMETER");
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn changed_password_replaces_the_old_one() {
    let server = TestApp::start();
    import(&server, "UserName,Password,Claims\nkim,,\n");
    let change = |name: &str, password: &str| {
        let content = format!("<userName>{name}</userName><newPassword>{password}</newPassword>");
        call(&server, "changePassword", &content)
    };
    assert_eq!(change("KIM", "correct horse").status, 200);
    assert!(server.has_password("kim", "correct horse"));
    assert!(!server.users()[0].must_change_password);
    assert_eq!(exception(&change("kim", "abc")).0, "IMP-USER-PASSWORD");
    let (code, sentence) = exception(&change("absent", "correct horse"));
    assert_eq!(
        (code.as_str(), sentence.contains("\"absent\"")),
        ("IMP-USER-UNKNOWN", true)
    );
    assert!(server.has_password("kim", "correct horse"));
    assert_eq!(change("kim", "admin").status, 200);
    assert!(
        server.users()[0].must_change_password,
        "valid only as an initial password"
    );
}

#[test]
fn user_is_deleted_once() {
    let server = TestApp::start();
    import(&server, "UserName,Password,Claims\nkim,,\nlee,,\n");
    let delete = || call(&server, "deleteUser", "<x:userName>Kim</x:userName>");
    let response = delete();
    assert!(
        response.body.contains("<ns:deleteUserResponse"),
        "{}",
        response.body
    );
    assert_eq!(server.user_names(), ["lee"]);
    assert_eq!(exception(&delete()).0, "IMP-USER-UNKNOWN");
}

#[test]
fn role_is_created_assigned_and_listed() {
    let server = TestApp::start();
    import(&server, "UserName,Password,Claims\nkim,,\n");
    let role = "<x:roleName>Sales: north</x:roleName><x:userList>kim</x:userList>\
        <x:permissions>/permission/admin/login</x:permissions><x:isSharedRole>false</x:isSharedRole>";
    assert_eq!(call(&server, "addRole", role).status, 200);
    assert_eq!(
        exception(&call(&server, "addRole", role)).0,
        "IMP-ROLE-TAKEN"
    );
    let internal = "<x:roleName>Internal/agents</x:roleName>";
    assert_eq!(call(&server, "addRole", internal).status, 200);
    let stranger = "<x:roleName>B</x:roleName><x:userList>absent</x:userList>";
    assert_eq!(
        exception(&call(&server, "addRole", stranger)).0,
        "IMP-USER-UNKNOWN"
    );
    let shared = "<x:roleName>B</x:roleName><x:isSharedRole>true</x:isSharedRole>";
    assert_eq!(
        exception(&call(&server, "addRole", shared)).0,
        "IMP-ROLE-SHARED"
    );

    let all = call(&server, "getAllRolesNames", &list("*", "100"));
    let expected = [
        "admin",
        "Internal/agents",
        "Internal/everyone",
        "Sales: north",
        "false",
    ];
    assert_eq!(texts(&all, "itemName"), expected);
    assert_eq!(
        texts(&all, "roleType"),
        ["External", "Internal", "Internal", "External", ""]
    );
    let some = call(&server, "getAllRolesNames", &list("sales*", "100"));
    assert_eq!(texts(&some, "itemName"), ["Sales: north", "false"]);

    let of_kim = |limit: &str| {
        let content = format!("<x:userName>kim</x:userName>{}", list("*", limit));
        call(&server, "getRolesOfUser", &content)
    };
    let flagged = of_kim("-1");
    assert_eq!(texts(&flagged, "itemName"), expected);
    assert_eq!(
        texts(&flagged, "selected"),
        ["false", "false", "true", "true", "false"]
    );
    let own = texts(&of_kim("0"), "itemName");
    assert_eq!(own, ["Internal/everyone", "Sales: north", "false"]);

    let file =
        "UserName,Password,Claims\nlee,,\"http://wso2.org/claims/role=\"\"Sales: north\"\"\"\n";
    import(&server, file);
    assert_eq!(server.users()[1].roles, ["Sales: north"]);
}

#[test]
fn rights_depend_on_the_operation() {
    let server = TestApp::start();
    server.add_operator("reader", Role::Read);
    server.add_operator("importer", Role::Import);
    let as_reader = |operation, content| {
        call_as(
            &server,
            &basic("reader", ADMIN_PASSWORD),
            operation,
            content,
        )
    };
    let as_importer = |operation, content| {
        call_as(
            &server,
            &basic("importer", ADMIN_PASSWORD),
            operation,
            content,
        )
    };
    let add = "<userName>kim</userName><password>correct horse</password>";
    let denied = |response: Response| response.body.contains("axis2ns1:50978");
    assert_eq!(as_reader("listUsers", "").status, 200);
    assert!(denied(as_reader("addUser", add)));
    assert_eq!(as_importer("addUser", add).status, 200);
    for (operation, content) in [
        ("deleteUser", "<userName>kim</userName>"),
        (
            "changePassword",
            "<userName>kim</userName><newPassword>correct horse</newPassword>",
        ),
        ("addRole", "<roleName>R</roleName>"),
    ] {
        assert!(denied(as_importer(operation, content)), "{operation}");
    }
    let grant = "<userName>lee</userName><password>correct horse</password><roles>admin</roles>";
    let (_, sentence) = exception(&as_importer("addUser", grant));
    assert!(
        sentence.contains("only an operator with the role admin"),
        "{sentence}"
    );
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn unsupported_and_unknown_operations_are_reported() {
    let server = TestApp::start();
    for operation in [
        "deleteRole",
        "updateRolesOfUser",
        "listUserByClaim",
        "getAllUIPermissions",
    ] {
        let response = call(&server, operation, "<x:roleName>admin</x:roleName>");
        assert_eq!(response.status, 500, "{operation}");
        assert!(
            response.body.contains("is not supported here"),
            "{}",
            response.body
        );
        assert!(
            response.body.contains("IMP-SOAP-NOT-OFFERED"),
            "{}",
            response.body
        );
        assert!(
            response.body.contains("soapenv:Client"),
            "{}",
            response.body
        );
    }
    let response = call(&server, "dropTables", "");
    assert!(
        response.body.contains("Operation not found is dropTables"),
        "{}",
        response.body
    );
    let unknown = call(&server, "listUsers", "<x:pattern>*</x:pattern>");
    let sentence = "Unknown parameter pattern; listUsers has filter and limit.";
    assert!(unknown.body.contains(sentence), "{}", unknown.body);
    let text = call(&server, "listUsers", &list("*", "many"));
    assert!(text.body.contains("must be an integer"), "{}", text.body);
}

#[test]
fn companions_accept_multipart_and_a_truncated_one_does_nothing() {
    let server = TestApp::start();
    import(&server, "UserName,Password,Claims\nkim,,\n");
    let root = envelope("deleteUser", AXIS2, "<userName>kim</userName>");
    let whole = format!("--b\r\nContent-Type: text/xml\r\n\r\n{root}\r\n--b--\r\n");
    let content_type = "multipart/related; boundary=b; type=\"text/xml\"";
    let cut = whole.trim_end_matches("--b--\r\n");
    let response = server.post(content_type, cut.as_bytes());
    assert!(
        response.body.contains("IMP-MIME-TRUNCATED"),
        "{}",
        response.body
    );
    assert_eq!(server.user_names(), ["kim"]);
    assert_eq!(server.post(content_type, whole.as_bytes()).status, 200);
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn is_existing_user_belongs_to_another_service() {
    let server = TestApp::start();
    import(&server, "UserName,Password,Claims\nkim,,\n");
    let ask = |authorization: Option<&str>, name: &str| {
        let namespace = "http://service.ws.um.carbon.wso2.org";
        let content = format!("<x:userName>{name}</x:userName>");
        let body = envelope("isExistingUser", namespace, &content);
        let path = "/services/RemoteUserStoreManagerService";
        server.post_as(path, authorization, "text/xml", &[], body.as_bytes())
    };
    let caller = admin();
    assert_eq!(texts(&ask(Some(&caller), "KIM"), "return"), ["true"]);
    assert_eq!(texts(&ask(Some(&caller), "lee"), "return"), ["false"]);
    assert_eq!(texts(&ask(Some(&caller), "HR/kim"), "return"), ["false"]);
    assert_eq!(ask(None, "kim").status, 401);
}

/// Calls AuthenticationAdmin.
fn authenticate(server: &TestApp, operation: &str, content: &str, cookie: &str) -> Response {
    let namespace = "http://authentication.services.core.carbon.wso2.org";
    let body = envelope(operation, namespace, content);
    let cookie = format!("Cookie: {cookie}");
    let path = "/services/AuthenticationAdmin";
    server.post_as(path, None, "text/xml", &[&cookie], body.as_bytes())
}

fn log_in(server: &TestApp, name: &str, password: &str) -> Response {
    let content = format!(
        "<x:username>{name}</x:username><x:password>{password}</x:password>\
         <x:remoteAddress>127.0.0.1</x:remoteAddress>"
    );
    authenticate(server, "login", &content, "other=1")
}

/// The same through a proxy, which forwards the client's address.
pub fn log_in_from(server: &TestApp, name: &str, password: &str, address: &str) -> Response {
    let content = format!("<x:username>{name}</x:username><x:password>{password}</x:password>");
    let namespace = "http://authentication.services.core.carbon.wso2.org";
    let body = envelope("login", namespace, &content);
    let from = format!("X-Forwarded-For: {address}");
    let path = "/services/AuthenticationAdmin";
    server.post_as(path, None, "text/xml", &[&from], body.as_bytes())
}

#[test]
fn login_is_counted_separately_from_credentials_in_the_head() {
    let server = TestApp::start();
    server.add_operator("ann", Role::Import);
    let content =
        |password: &str| format!("<x:username>ann</x:username><x:password>{password}</x:password>");
    let namespace = "http://authentication.services.core.carbon.wso2.org";
    let ask = |password: &str| {
        let body = envelope("login", namespace, &content(password));
        let path = "/services/AuthenticationAdmin";
        server.post_as(path, Some(&admin()), "text/xml", &[], body.as_bytes())
    };
    let right = ask(ADMIN_PASSWORD);
    assert_eq!(
        right.element("return").as_deref(),
        Some("true"),
        "{}",
        right.body
    );
    assert!(right.header("set-cookie").is_some(), "{right:?}");
    let wrong = ask("wrong");
    assert_eq!(
        wrong.element("return").as_deref(),
        Some("false"),
        "{}",
        wrong.body
    );
    assert_eq!(wrong.header("set-cookie"), None);
}

/// Imports kim, authenticated only by this cookie.
fn import_with(server: &TestApp, cookie: &str) -> Response {
    let cookie = format!("Cookie: a=b; {cookie}; c=d");
    let body = inline("UserName,Password,Claims\nkim,,\n");
    let path = "/services/UserAdmin";
    server.post_as(path, None, "text/xml", &[&cookie], body.as_bytes())
}

#[test]
fn login_opens_a_session_that_logout_ends() {
    let server = TestApp::start();
    let response = log_in(&server, "admin", ADMIN_PASSWORD);
    assert_eq!(texts(&response, "return"), ["true"]);
    let set = response.header("set-cookie").expect("a cookie").to_owned();
    for attribute in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "plain HTTP: {set}");
    let cookie = set.split(';').next().expect("name and value");
    assert!(
        cookie.starts_with("JSESSIONID=") && cookie.len() == 11 + 32,
        "{cookie}"
    );
    assert_eq!(import_with(&server, cookie).status, 200);
    assert_eq!(server.last_import().expect("an import").operator, "admin");

    let out = authenticate(&server, "logout", "", cookie);
    assert_eq!(out.status, 200, "{}", out.body);
    assert!(
        out.header("set-cookie")
            .expect("a removal")
            .contains("Max-Age=0")
    );
    assert_eq!(import_with(&server, cookie).status, 401);
    assert_eq!(authenticate(&server, "logout", "", cookie).status, 200);
}

#[test]
fn wrong_password_opens_no_session() {
    let server = TestApp::start();
    for (name, password) in [
        ("admin", "wrong"),
        ("absent", ADMIN_PASSWORD),
        ("admin", ""),
    ] {
        let response = log_in(&server, name, password);
        assert_eq!(texts(&response, "return"), ["false"], "{name}");
        assert_eq!(response.header("set-cookie"), None, "{name}");
    }
    let guess = format!("JSESSIONID={}", "0".repeat(32));
    assert_eq!(import_with(&server, &guess).status, 401);
    let other = authenticate(&server, "login", "<x:user>a</x:user>", "x=1");
    assert_eq!(
        other.status, 500,
        "a malformed login gets no challenge: {}",
        other.body
    );
}

#[test]
fn session_ends_if_the_operator_or_the_password_changes() {
    let server = TestApp::start();
    for name in ["one", "two"] {
        server.add_operator(name, Role::Import);
    }
    let session = |name| {
        let response = log_in(&server, name, ADMIN_PASSWORD);
        let set = response.header("set-cookie").expect("a cookie").to_owned();
        set.split(';').next().expect("name and value").to_owned()
    };
    let (one, two) = (session("one"), session("two"));
    assert!(
        server
            .app
            .store
            .remove_operator("one", &crate::stores::by(), crate::stores::NOW)
            .expect("works")
    );
    let hash = server
        .app
        .pool
        .hash("another password".into())
        .expect("a hash");
    assert!(
        server
            .app
            .store
            .set_operator_password("two", &hash, &crate::stores::by(), crate::stores::NOW)
            .expect("works")
    );
    assert_eq!(import_with(&server, &one).status, 401);
    assert_eq!(import_with(&server, &two).status, 401);
}

#[test]
fn unused_session_expires() {
    let server = TestApp::start_with(|options| options.app.access.session_seconds = 0);
    let response = log_in(&server, "admin", ADMIN_PASSWORD);
    let set = response.header("set-cookie").expect("a cookie").to_owned();
    let cookie = set.split(';').next().expect("name and value");
    assert_eq!(import_with(&server, cookie).status, 401);
}
