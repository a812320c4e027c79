//! The WSDL: served without authentication, with an address that callers can use.

use crate::app::TestApp;

/// Returns the three addresses in a WSDL.
fn addresses(wsdl: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(wsdl).expect("a well-formed WSDL");
    document
        .descendants()
        .filter(|node| node.tag_name().name() == "address")
        .map(|node| node.attribute("location").unwrap_or_default().to_owned())
        .collect()
}

/// Returns the number of operations in the portType, and how many of them declare an output.
fn operations(wsdl: &str) -> (usize, usize) {
    let document = roxmltree::Document::parse(wsdl).expect("a well-formed WSDL");
    let port_type = document
        .descendants()
        .find(|node| node.tag_name().name() == "portType")
        .expect("a portType");
    let count = |name| {
        port_type
            .descendants()
            .filter(|node| node.tag_name().name() == name)
            .count()
    };
    (count("operation"), count("output"))
}

#[test]
fn wsdl_is_served_at_every_address_in_any_case() {
    let server = TestApp::start();
    let base = format!("http://{}", server.address());
    for path in [
        "/services/UserAdmin?wsdl",
        "/services/UserAdmin?WSDL",
        "/services/UserAdmin/?wsdl",
        "/services/UserAdmin?wsdl=",
        "/services/UserAdmin.UserAdminHttpsSoap11Endpoint?wsdl",
        "/services/UserAdmin.UserAdminHttpsSoap12Endpoint/?Wsdl",
    ] {
        let response = server.get(path);
        assert_eq!(response.status, 200, "{path}");
        let content_type = response.header("content-type");
        assert_eq!(content_type, Some("text/xml; charset=utf-8"), "{path}");
        let expected = [
            format!("{base}/services/UserAdmin.UserAdminHttpsSoap11Endpoint/"),
            format!("{base}/services/UserAdmin.UserAdminHttpsSoap12Endpoint/"),
            format!("{base}/services/UserAdmin.UserAdminHttpsEndpoint/"),
        ];
        assert_eq!(addresses(&response.body), expected, "{path}");
        assert_eq!(operations(&response.body), (30, 30), "{path}");
    }
}

#[test]
fn our_own_service_responds_in_every_shape_and_has_one_address() {
    let server = TestApp::start();
    let address = format!("http://{}/services/UserImport", server.address());
    for path in [
        "/services/UserImport?wsdl",
        "/services/UserImport/?WSDL",
        "/services/UserImport?wsdl&shape=in-only",
    ] {
        let response = server.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(addresses(&response.body), [&*address, &*address], "{path}");
        assert_eq!(operations(&response.body), (7, 7), "{path}");
    }
    let wsdl = server.get("/services/UserImport?wsdl&shape=soap11").body;
    assert_eq!(addresses(&wsdl), [&*address]);
    assert_eq!(operations(&wsdl), (7, 7));
    let dotted = server.get("/services/UserImport.UserImportHttpsSoap11Endpoint?wsdl");
    assert_eq!(dotted.status, 404);
}

#[test]
fn original_shape_has_nine_operations_without_an_output() {
    let server = TestApp::start();
    let wsdl = server.get("/services/UserAdmin?wsdl&shape=in-only").body;
    assert_eq!(operations(&wsdl), (30, 21));
    assert_eq!(addresses(&wsdl).len(), 3);
}

#[test]
fn shape_for_older_generators_has_outputs_and_one_address() {
    let server = TestApp::start();
    for (service, count) in [
        ("UserAdmin", 30),
        ("AuthenticationAdmin", 2),
        ("RemoteUserStoreManagerService", 1),
    ] {
        let wsdl = server
            .get(&format!("/services/{service}?wsdl&shape=soap11"))
            .body;
        let address = format!(
            "http://{}/services/{service}.{service}HttpsSoap11Endpoint/",
            server.address()
        );
        assert_eq!(addresses(&wsdl), [address]);
        assert_eq!(operations(&wsdl), (count, count), "{service}");
    }
}

#[test]
fn no_shape_contains_template_markers() {
    let server = TestApp::start();
    for query in ["wsdl", "wsdl&shape=in-only", "wsdl&shape=soap11"] {
        let wsdl = server.get(&format!("/services/UserAdmin?{query}")).body;
        for trace in ["answer-->", "soap11-->", "@BASE_URL@"] {
            assert!(!wsdl.contains(trace), "{query}: {trace}");
        }
    }
}

#[test]
fn wsdl_contains_its_schemas() {
    let server = TestApp::start();
    let wsdl = server.get("/services/UserAdmin?wsdl").body;
    assert!(!wsdl.contains("schemaLocation"));
    let response = server.get("/services/UserAdmin?xsd=xsd0");
    assert_eq!(response.status, 404);
    assert!(response.body.contains("?wsdl"), "{}", response.body);
}

#[test]
fn public_url_setting_is_the_address() {
    let server = TestApp::start_with(|options| {
        options.http.public_url = Some("https://users.example.com/".into());
    });
    let wsdl = server.get("/services/UserAdmin?wsdl").body;
    assert_eq!(
        addresses(&wsdl)[0],
        "https://users.example.com/services/UserAdmin.UserAdminHttpsSoap11Endpoint/"
    );
    assert!(!wsdl.contains("127.0.0.1"));
}

#[test]
fn unknown_host_header_never_appears_in_the_wsdl() {
    let server = TestApp::start();
    let requests = [
        "GET /services/UserAdmin?wsdl HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /services/UserAdmin?wsdl HTTP/1.1\r\nHost: evil.example:80\r\n\
         X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\r\n",
        "GET http://evil.example/services/UserAdmin?wsdl HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /services/UserAdmin?wsdl&shape=in-only&host=evil.example HTTP/1.1\r\n\
         Host: \"><evil.example\r\n\r\n",
    ];
    for request in requests {
        let response = server.send(request.as_bytes());
        assert!(
            !response.body.contains("evil"),
            "{request}\n{}",
            response.body
        );
    }
}

#[test]
fn other_methods_answer_405_and_point_to_the_wsdl() {
    let server = TestApp::start();
    for method in ["GET", "PUT", "DELETE"] {
        let request = format!("{method} /services/UserAdmin HTTP/1.1\r\nHost: test\r\n\r\n");
        let response = server.send(request.as_bytes());
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, POST"), "{method}");
        assert!(response.body.contains("?wsdl"), "{method}");
    }
}
