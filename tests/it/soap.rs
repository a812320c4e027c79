//! `bulkImportUsers` as clients call it.

use std::io::Write;

use muster::users::import_record::ImportState;
use muster::users::operator::Role;

use crate::app::{RELATED, Response, TestApp, admin, envelope, inline, multipart};
use crate::message::{
    DEFAULT_PASSWORD, KIM, SOAP_11, SOAP_12, base64, call, chunked, head, in_soap_12, include,
    parameters, parts, request,
};

/// The vendor's sample: three users with a given name, and no line end at the end.
const SAMPLE: &str = "UserName,FirstName\nbulkUser1,Ruwan\nbulkUser2,Asitha\nbulkUser3,Prasan";

/// A valid row, a row with two problems, and a row that repeats the first one.
const MIXED: &str = "UserName,Password,Claims\n\
    kim,,\n\
    kim lee,,http://wso2.org/claims/favouritecolour=green\n\
    KIM,,\n";

#[test]
fn vendors_sample_creates_three_users_with_a_given_name_and_the_default_password() {
    let server = TestApp::start();
    let response = server.post(RELATED, multipart(SAMPLE).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(
        response.header("content-type"),
        Some("text/xml; charset=utf-8")
    );
    assert!(response.element("bulkImportUsersResponse").is_some());
    let users = server.users();
    let seen: Vec<_> = users
        .iter()
        .map(|user| {
            (
                user.user_name.as_str(),
                user.given_name.as_deref(),
                user.must_change_password,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("bulkUser1", Some("Ruwan"), true),
            ("bulkUser2", Some("Asitha"), true),
            ("bulkUser3", Some("Prasan"), true),
        ]
    );
    assert!(server.has_password("bulkUser1", DEFAULT_PASSWORD));
    assert!(!server.has_password("bulkUser1", "Ruwan"));
}

#[test]
fn second_run_changes_nothing_and_answers_the_originals_fault() {
    let server = TestApp::start();
    assert_eq!(
        server.post("text/xml", inline(SAMPLE).as_bytes()).status,
        200
    );
    let response = server.post("text/xml", inline(SAMPLE).as_bytes());
    assert_eq!(response.status, 500);
    assert_eq!(
        response.fault_text(),
        "Bulk User Import was completed with Errors. Success count : 0,  Failed Count : 0, \
         Duplicate Count : 3."
    );
    assert_eq!(server.user_names().len(), 3);
}

#[test]
fn envelope_determines_the_version_of_the_response() {
    let call_11 = call(&base64(KIM));
    let call_12 = in_soap_12(&call_11);
    let text_xml = "text/xml; charset=utf-8";
    let soap_xml = "application/soap+xml; charset=utf-8";
    let action = "application/soap+xml; charset=utf-8; action=\"urn:bulkImportUsers\"";
    let cases = [
        ("text/xml", &call_11, SOAP_11, text_xml),
        ("text/xml;charset=UTF-8", &call_11, SOAP_11, text_xml),
        ("application/xml", &call_11, SOAP_11, text_xml),
        ("application/soap+xml", &call_11, SOAP_11, text_xml),
        (action, &call_12, SOAP_12, soap_xml),
        ("text/xml", &call_12, SOAP_12, soap_xml),
    ];
    for (sent, call, namespace, answered) in cases {
        let server = TestApp::start();
        let response = server.post(sent, call.as_bytes());
        assert_eq!(response.status, 200, "{sent}: {}", response.body);
        assert_eq!(response.header("content-type"), Some(answered), "{sent}");
        assert_eq!(envelope_namespace(&response), namespace, "{sent}");
        // The second time the user exists, and the fault has the same version.
        let response = server.post(sent, call.as_bytes());
        assert_eq!(response.status, 500, "{sent}");
        assert_eq!(response.header("content-type"), Some(answered), "{sent}");
        assert_eq!(envelope_namespace(&response), namespace, "{sent}");
    }
}

fn envelope_namespace(response: &Response) -> String {
    let document = roxmltree::Document::parse(&response.body).expect("a well-formed response");
    let namespace = document.root_element().tag_name().namespace();
    namespace.expect("a namespace").to_owned()
}

#[test]
fn mtom_message_is_answered_in_plain_xml_of_its_version() {
    let server = TestApp::start();
    let related = "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; \
        start-info=\"application/soap+xml\"; boundary=\"b1\"; action=\"urn:bulkImportUsers\"";
    let response = server.post(related, in_soap_12(&multipart(KIM)).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    let soap_xml = Some("application/soap+xml; charset=utf-8");
    assert_eq!(response.header("content-type"), soap_xml);
    assert_eq!(envelope_namespace(&response), SOAP_12);
}

#[test]
fn operation_is_served_at_every_address_of_the_original() {
    let addresses = [
        "/services/UserAdmin",
        "/services/UserAdmin/",
        "/services/UserAdmin.UserAdminHttpsSoap11Endpoint",
        "/services/UserAdmin.UserAdminHttpsSoap11Endpoint/",
        "/services/UserAdmin.UserAdminHttpsSoap12Endpoint",
        "/services/UserAdmin.UserAdminHttpsSoap12Endpoint/",
        "/services/UserAdmin.UserAdminHttpsEndpoint",
        "/services/UserAdmin.UserAdminHttpsEndpoint/",
    ];
    let server = TestApp::start();
    for (number, address) in addresses.iter().enumerate() {
        let call = inline(&format!("UserName,Password,Claims\nuser{number},,\n"));
        let response = server.post_as(address, Some(&admin()), "text/xml", &[], call.as_bytes());
        assert_eq!(response.status, 200, "{address}: {}", response.body);
    }
    assert_eq!(server.user_names().len(), addresses.len());
    let elsewhere = "/services/UserAdmin.HttpEndpoint";
    let response = server.post_as(
        elsewhere,
        Some(&admin()),
        "text/xml",
        &[],
        inline(KIM).as_bytes(),
    );
    assert_eq!(response.status, 404);
}

#[test]
fn cross_site_pages_cannot_call_with_stored_credentials() {
    let server = TestApp::start();
    let post = |authorization: &str, line: &str| {
        let call = inline(KIM);
        let path = "/services/UserAdmin";
        server.post_as(
            path,
            Some(authorization),
            "text/xml",
            &[line],
            call.as_bytes(),
        )
    };
    for line in [
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: https://evil.example",
        "Origin: null",
    ] {
        let response = post(&admin(), line);
        assert_eq!(response.status, 500, "{line}: {}", response.body);
        assert!(
            response.body.contains("IMP-CROSS-SITE"),
            "{}",
            response.body
        );
    }
    assert_eq!(server.user_names(), [""; 0]);
    let token = server.bearer("admin", Role::Admin, None);
    for (authorization, line) in [
        (admin(), "Sec-Fetch-Site: same-origin"),
        (admin(), "Origin: http://test"),
        (token, "Origin: https://evil.example"),
    ] {
        let response = post(&authorization, line);
        assert!(
            !response.body.contains("IMP-CROSS-SITE"),
            "{}",
            response.body
        );
    }
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn body_determines_the_operation_regardless_of_soapaction() {
    let lines: [&[&str]; 7] = [
        &[],
        &["SOAPAction: \"urn:bulkImportUsers\""],
        &["SOAPAction: urn:bulkImportUsers"],
        &["SOAPAction: \"\""],
        &["SOAPAction:"],
        &["soapaction: http://org.apache.axis2/xsd#bulkImportUsers"],
        &["SOAPAction: \"urn:deleteUser\""],
    ];
    let server = TestApp::start();
    for (number, headers) in lines.iter().enumerate() {
        let call = inline(&format!("UserName,Password,Claims\nuser{number},,\n"));
        let response = server.post_as(
            "/services/UserAdmin",
            Some(&admin()),
            "text/xml",
            headers,
            call.as_bytes(),
        );
        assert_eq!(response.status, 200, "{headers:?}: {}", response.body);
    }
    assert_eq!(server.user_names().len(), lines.len());
}

#[test]
fn file_is_accepted_in_every_form_of_inline_base64() {
    let plain = base64(&format!("{KIM}lee,,http://wso2.org/claims/givenname=Lee\n"));
    let wrapped = |end: &str| {
        let lines: Vec<&str> = plain
            .as_bytes()
            .chunks(20)
            .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
            .collect();
        lines.join(end)
    };
    let (start, rest) = plain.split_at(10);
    let forms = [
        ("plain", plain.clone()),
        ("wrapped by LF", wrapped("\n")),
        ("wrapped by CRLF", wrapped("\r\n")),
        ("wrapped by &#13;", wrapped("&#13;\n")),
        ("indented", format!("\n    {}\n  ", wrapped("\n    "))),
        ("CDATA", format!("<![CDATA[{plain}]]>")),
        ("half of it in CDATA", format!("{start}<![CDATA[{rest}]]>")),
        ("with a comment", format!("{start}<!-- here -->{rest}")),
        (
            "numeric character references",
            format!("&#{};{}", plain.as_bytes()[0], &plain[1..]),
        ),
    ];
    for (name, handler) in forms {
        assert_imports(name, "text/xml", &call(&handler));
    }
    let typed = format!(
        "<fileName>users.csv</fileName><handler xmlns:xsi=\
         \"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xsi:type=\"xs:base64Binary\">{plain}</handler><defaultPassword>{DEFAULT_PASSWORD}\
         </defaultPassword>"
    );
    assert_imports("typed", "text/xml", &envelope(&typed));
    let root = "Content-Type: application/xop+xml\nContent-ID: <root>";
    let package = parts(&[(root, &call(&plain))]);
    assert_imports("inline in an XOP package", RELATED, &package);
}

#[test]
fn file_is_accepted_in_every_form_of_attachment() {
    const ROOT: &str = "Content-Type: text/xml; charset=UTF-8\nContent-ID: <root>";
    const FILE: &str = "Content-Type: text/csv\nContent-ID: <file@test>";
    let message = |handler: &str| parts(&[(ROOT, &call(handler)), (FILE, KIM)]);
    let attribute = |name: &str| {
        let handler = format!("<handler {name}=\"cid:file@test\">");
        parts(&[
            (ROOT, &call("").replace("<handler>", &handler)),
            (FILE, KIM),
        ])
    };
    let inc = "\n  <inc:Include href=\"cid:file@test\" \
        xmlns:inc=\"http://www.w3.org/2004/08/xop/include\"></inc:Include>\n";
    let default_namespace = "<Include href=\"cid:file@test\" \
        xmlns=\"http://www.w3.org/2004/08/xop/include\"/>";
    let forms = [
        ("include", message(&include("file@test"))),
        ("include with white space", message(inc)),
        ("include without prefix", message(default_namespace)),
        ("include, percent-encoded", message(&include("file%40test"))),
        (
            "include, scheme in upper case",
            message(&include("file@test").replace("cid:", "CID:")),
        ),
        ("text", message("cid:file@test")),
        ("text with white space", message("\n  cid:file@test\n")),
        ("text in CDATA", message("<![CDATA[cid:file@test]]>")),
        ("href", attribute("href")),
        ("ref of Axis 1.4", attribute("ref")),
        (
            "include with the ref of Axis 1.4",
            message(&include("file@test").replace("href", "ref")),
        ),
    ];
    for (name, body) in forms {
        let swa = "multipart/related; type=\"text/xml\"; start=\"<root>\"; boundary=\"b1\"";
        assert_imports(name, swa, &body);
        assert_imports(name, RELATED, &body);
    }
}

#[test]
fn attachment_is_found_by_its_content_id() {
    const ROOT: &str = "Content-Type: text/xml\nContent-ID: <root>";
    let ids = [
        ("a@b", "<a@b>"),
        ("a@b", "a@b"),
        ("133299223356", "<133299223356>"),
        ("a%40b", "<a%40b>"),
        ("http%3A%2F%2Ftempuri.org%2F1", "<http://tempuri.org/1>"),
        ("a+b", "<a+b>"),
    ];
    for (reference, id) in ids {
        let other = "Content-Type: text/csv\nContent-ID: <other@test>";
        let file = format!("Content-Type: text/csv\nContent-Id:{id}");
        let body = parts(&[
            (ROOT, &call(&include(reference))),
            (other, "UserName,Password,Claims\nsomebody-else,,\n"),
            (&file, KIM),
        ]);
        assert_imports(id, RELATED, &body);
    }
}

#[test]
fn every_transfer_encoding_of_a_part_is_decoded() {
    let encodings = [
        ("binary", KIM.to_owned()),
        ("8bit", KIM.to_owned()),
        ("7bit", KIM.to_owned()),
        ("base64", base64(KIM)),
        (
            "BASE64",
            format!("{}\r\n{}", &base64(KIM)[..20], &base64(KIM)[20..]),
        ),
        (
            "quoted-printable",
            "UserName=2CPassword=\r\n,Claims=0Akim,,\r\n".to_owned(),
        ),
    ];
    for (encoding, content) in encodings {
        let root = "Content-Type: text/xml\nContent-ID: <root>";
        let file = format!("Content-ID: <file@test>\nContent-Transfer-Encoding: {encoding}");
        let body = parts(&[(root, &call(&include("file@test"))), (&file, &content)]);
        assert_imports(encoding, RELATED, &body);
    }
}

#[test]
fn start_parameter_selects_the_root_part_in_any_position() {
    const ROOT: &str = "Content-Type: text/xml\nContent-ID: <root>";
    const BARE: &str = "Content-Type: text/xml";
    const FILE: &str = "Content-Type: text/csv\nContent-ID: <file@test>";
    let call = call(&include("file@test"));
    let first = parts(&[(ROOT, &call), (FILE, KIM)]);
    let second = parts(&[(FILE, KIM), (ROOT, &call)]);
    let bare = parts(&[(BARE, &call), (FILE, KIM)]);
    let cases = [
        ("multipart/related; boundary=b1; start=\"<root>\"", &first),
        ("multipart/related; boundary=b1; start=root", &first),
        ("multipart/related; boundary=b1; start=<root>", &first),
        ("Multipart/Related;boundary=b1", &first),
        ("multipart/related; boundary=b1; start=\"\"", &first),
        (
            "multipart/related; boundary=\"b1\"; type=\"text/xml\"",
            &bare,
        ),
        ("multipart/related; boundary=b1; start=\"<root>\"", &second),
        ("multipart/related; boundary=b1; start=root", &second),
        (
            "multipart/related;start-info=\"application/soap+xml;action=\\\"urn:x\\\"\";\
             boundary=b1;start=\"<root>\"",
            &second,
        ),
    ];
    for (content_type, body) in cases {
        assert_imports(content_type, content_type, body);
    }
}

#[test]
fn attachment_before_the_root_part_leaves_no_temporary_file() {
    let server = TestApp::start();
    let rows: String = (0..3_000).map(|n| format!("user{n},,\n")).collect();
    let file = format!("UserName,Password,Claims\n{rows}");
    let body = parts(&[
        ("Content-ID: <file@test>", &file),
        ("Content-ID: <root>", &call(&include("file@test"))),
    ]);
    let response = server.post(RELATED, body.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.user_names().len(), 3_000);
    let spool = server.folder.path().join("data").join("spool");
    let left = std::fs::read_dir(spool).expect("the spool folder").count();
    assert_eq!(left, 0);
}

#[test]
fn unreferenced_attachment_is_accepted_only_if_the_setting_allows_it() {
    let root = "Content-Type: text/xml\nContent-ID: <root>";
    let call = call("").replace("<handler></handler>", "");
    let one = parts(&[(root, &call), ("Content-Type: text/csv", KIM)]);
    let two = parts(&[(root, &call), ("X: 1", KIM), ("X: 2", KIM)]);
    let none = parts(&[(root, &call)]);
    let cases = [
        (true, &one, 200),
        (true, &two, 500),
        (true, &none, 500),
        (false, &one, 500),
    ];
    for (allowed, body, status) in cases {
        let server = TestApp::start_with(|options| {
            options.soap.take_unreferenced_attachment = allowed;
        });
        let response = server.post(RELATED, body.as_bytes());
        assert_eq!(response.status, status, "{}", response.body);
        assert_eq!(server.user_names().len(), usize::from(status == 200));
    }
}

#[test]
fn parameters_are_accepted_in_any_order_and_namespace() {
    let handler = base64(KIM);
    let file_name = "<fileName>users.csv</fileName>";
    let password = format!("<defaultPassword>{DEFAULT_PASSWORD}</defaultPassword>");
    let cases = [
        (
            "the original's",
            format!(
                "<userStoreDomain>PRIMARY</userStoreDomain>{}",
                parameters(&handler)
            ),
        ),
        (
            "handler first",
            format!("<handler>{handler}</handler>{password}{file_name}"),
        ),
        (
            "handler last",
            format!("{password}{file_name}<handler>{handler}</handler>"),
        ),
        (
            "unqualified",
            parameters(&handler).replace("<fileName>", "<fileName xmlns=\"\">"),
        ),
        (
            "another namespace",
            format!("{file_name}<x:handler xmlns:x=\"urn:x\">{handler}</x:handler>{password}"),
        ),
        (
            "comments",
            format!("<!--Optional:-->{}<!--Optional:-->", parameters(&handler)),
        ),
        (
            "values divided into several text nodes",
            format!(
                "<fileName><![CDATA[users]]>.<!-- dot -->csv</fileName><handler>{handler}</handler>{password}"
            ),
        ),
    ];
    for (name, parameters) in cases {
        assert_imports(name, "text/xml", &envelope(&parameters));
    }
    let old = call(&handler).replace(
        "http://org.apache.axis2/xsd",
        "http://mgt.user.carbon.wso2.org",
    );
    assert_imports("the wrapper's older namespace", "text/xml", &old);
}

/// Asserts that the message creates the user kim with the default password.
fn assert_imports(name: &str, content_type: &str, body: &str) {
    let server = TestApp::start();
    let response = server.post(content_type, body.as_bytes());
    assert_eq!(response.status, 200, "{name}: {}", response.body);
    assert_eq!(server.user_names()[0], "kim", "{name}");
    assert!(server.has_password("kim", DEFAULT_PASSWORD), "{name}");
}

#[test]
fn nil_parameter_counts_as_absent() {
    let nil = |name: &str| {
        format!(
            "<{name} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>"
        )
    };
    let file = base64("UserName,Password,Claims\nkim,Spring-Meadow-42,\nlee,,\n");
    let server = TestApp::start();
    let call = format!(
        "{}<fileName>users.csv</fileName><handler>{file}</handler>{}",
        nil("userStoreDomain"),
        nil("defaultPassword")
    );
    let response = server.post("text/xml", envelope(&call).as_bytes());
    assert_eq!(response.status, 500);
    assert_eq!(server.user_names(), ["kim"]);
    assert_eq!(server.users()[0].domain, "PRIMARY");
    assert_eq!(
        server.findings(),
        [(3, "Password".into(), "password-missing".into())]
    );
}

#[test]
fn domain_is_case_insensitive_and_an_empty_one_is_the_primary_domain() {
    for (sent, domain) in [("sales", "SALES"), ("SALES", "SALES"), ("", "PRIMARY")] {
        let server = TestApp::start();
        let sent = format!("<userStoreDomain>{sent}</userStoreDomain>");
        let call = envelope(&(sent + &parameters(&base64(KIM))));
        assert_eq!(server.post("text/xml", call.as_bytes()).status, 200);
        assert_eq!(server.users()[0].domain, domain);
        assert!(server.has_password(&format!("{domain}/kim"), DEFAULT_PASSWORD));
    }
}

#[test]
fn xml_comment_does_not_truncate_a_value() {
    let server = TestApp::start();
    let handler = base64(KIM);
    let call = envelope(&format!(
        "<fileName>users.csv</fileName><handler>{handler}</handler>\
         <defaultPassword>s3c<!-- x -->ret-<![CDATA[<&>]]>&#33;</defaultPassword>"
    ));
    let response = server.post("text/xml", call.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(server.has_password("kim", "s3cret-<&>!"));
    assert!(!server.has_password("kim", "s3c"));
}

#[test]
fn partial_failure_is_the_originals_fault_with_every_row_in_its_detail() {
    let server = TestApp::start();
    let response = server.post("text/xml", inline(MIXED).as_bytes());
    let text = "Bulk User Import was completed with Errors. Success count : 1,  Failed Count : 1, \
        Duplicate Count : 1.";
    assert_eq!(response.status, 500);
    assert_eq!(response.fault_text(), text);
    assert_eq!(server.user_names(), ["kim"]);

    let document = roxmltree::Document::parse(&response.body).unwrap();
    let body = document.root_element().first_element_child().unwrap();
    assert!(body.has_tag_name((SOAP_11, "Body")));
    let fault = body.first_element_child().unwrap();
    assert!(fault.has_tag_name((SOAP_11, "Fault")));
    let children: Vec<_> = fault
        .children()
        .map(|node| node.tag_name().name())
        .collect();
    assert_eq!(children, ["faultcode", "faultstring", "detail"]);
    let code = fault.first_element_child().unwrap();
    assert_eq!(code.text(), Some("soapenv:Server"));
    assert_eq!(code.lookup_namespace_uri(Some("soapenv")), Some(SOAP_11));

    let detail = fault.last_element_child().unwrap();
    let entries: Vec<_> = detail.children().collect();
    assert_eq!(entries.len(), 2);
    assert_is_the_originals_exception(entries[0], text);
    let own = entries[1];
    let ours = "urn:muster:soap:fault:1";
    assert!(own.has_tag_name((ours, "importFault")));
    let import = server.last_import().unwrap();
    let fields: Vec<_> = own
        .children()
        .filter(|node| !node.has_tag_name((ours, "problems")))
        .map(|node| (node.tag_name().name(), node.text().unwrap().to_owned()))
        .collect();
    let expected = [
        ("code", "IMP-ROWS".to_owned()),
        ("message", text.to_owned()),
        ("rowsStored", "1".to_owned()),
        ("import", import.id.to_string()),
        ("state", "completed".to_owned()),
        (
            "requestId",
            response.header("x-request-id").unwrap().to_owned(),
        ),
    ];
    assert_eq!(fields, expected);

    let problems = own
        .children()
        .find(|node| node.has_tag_name((ours, "problems")))
        .unwrap();
    assert_eq!(problems.attribute("total"), Some("2"));
    let rows: Vec<_> = problems
        .children()
        .map(|row| {
            assert!(row.has_tag_name((ours, "problem")));
            assert!(row.text().is_some_and(|sentence| sentence.len() > 10));
            ["line", "kind", "column", "code", "userName"]
                .map(|name| row.attribute(name).unwrap_or_default())
        })
        .collect();
    let expected = [
        ["3", "failed", "Claims", "claim-unknown", "kim lee"],
        ["3", "failed", "UserName", "name-white-space", "kim lee"],
        ["4", "duplicate", "userName", "duplicate-in-file", "KIM"],
    ];
    assert_eq!(rows, expected);
}

/// Asserts what the WSDL declares as the operation's fault, for clients with a typed exception.
fn assert_is_the_originals_exception(entry: roxmltree::Node<'_, '_>, text: &str) {
    let axis2 = "http://org.apache.axis2/xsd";
    assert!(entry.has_tag_name((axis2, "UserAdminUserAdminException")));
    let exception = entry.first_element_child().unwrap();
    assert!(exception.has_tag_name((axis2, "UserAdminException")));
    let message = exception.first_element_child().unwrap();
    let common = "http://common.mgt.user.carbon.wso2.org/xsd";
    assert!(message.has_tag_name((common, "message")));
    assert_eq!(message.text(), Some(text));
}

#[test]
fn partial_failure_in_soap_12_has_the_code_receiver() {
    let server = TestApp::start();
    let response = server.post(
        "application/soap+xml",
        in_soap_12(&inline(MIXED)).as_bytes(),
    );
    assert_eq!(response.status, 500);
    let document = roxmltree::Document::parse(&response.body).unwrap();
    let fault = document
        .descendants()
        .find(|node| node.has_tag_name((SOAP_12, "Fault")))
        .unwrap();
    let children: Vec<_> = fault
        .children()
        .map(|node| node.tag_name().name())
        .collect();
    assert_eq!(children, ["Code", "Reason", "Detail"]);
    assert_eq!(
        response.element("Value").as_deref(),
        Some("soapenv:Receiver")
    );
    let text = fault
        .descendants()
        .find(|node| node.has_tag_name((SOAP_12, "Text")));
    let language = text
        .unwrap()
        .attribute(("http://www.w3.org/XML/1998/namespace", "lang"));
    assert_eq!(language, Some("en-US"));
    assert_is_the_originals_exception(
        fault
            .last_element_child()
            .unwrap()
            .first_element_child()
            .unwrap(),
        &response.fault_text(),
    );
}

#[test]
fn long_list_of_problems_is_truncated_in_the_fault_but_counted_completely() {
    let server = TestApp::start_with(|options| options.soap.problems_in_fault = 3);
    let rows: String = (0..20).map(|n| format!("a b{n},,\n")).collect();
    let response = server.post(
        "text/xml",
        inline(&format!("UserName,Password,Claims\n{rows}")).as_bytes(),
    );
    assert_eq!(response.body.matches("<m:problem ").count(), 3);
    assert!(
        response.body.contains("<m:problems total=\"20\">"),
        "{}",
        response.body
    );
    assert_eq!(server.findings().len(), 20);
}

#[test]
fn every_response_names_the_import_in_a_header_field() {
    let server = TestApp::start();
    let stored = server.post("text/xml", inline(KIM).as_bytes());
    let id = server.last_import().unwrap().id;
    let expected = format!(
        "id=\"{id}\", state=completed, total=1, created=1, updated=0, unchanged=0, duplicate=0, failed=0, skipped=0, warnings=0"
    );
    assert_eq!(stored.header("muster-import"), Some(expected.as_str()));
    let failed = server.post("text/xml", inline(MIXED).as_bytes());
    let id = server.last_import().unwrap().id;
    let expected = format!(
        "id=\"{id}\", state=completed, total=3, created=0, updated=0, unchanged=0, duplicate=2, failed=1, skipped=0, warnings=0"
    );
    assert_eq!(failed.header("muster-import"), Some(expected.as_str()));
    let refused = server.post("text/xml", b"");
    assert_eq!(refused.header("muster-import"), None);
}

#[test]
fn request_with_ws_addressing_gets_a_response_with_ws_addressing() {
    for namespace in [
        "http://www.w3.org/2005/08/addressing",
        "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    ] {
        let header = format!(
            "<soapenv:Header xmlns:wsa=\"{namespace}\"><wsa:Action soapenv:mustUnderstand=\"1\">\
             urn:bulkImportUsers</wsa:Action><wsa:MessageID>urn:uuid:1&amp;2</wsa:MessageID>\
             <wsa:To>http://test/</wsa:To></soapenv:Header><soapenv:Body>"
        );
        let server = TestApp::start();
        let call = inline(KIM).replace("<soapenv:Body>", &header);
        let response = server.post("text/xml", call.as_bytes());
        assert_eq!(response.status, 200, "{}", response.body);
        let document = roxmltree::Document::parse(&response.body).unwrap();
        let header = document.root_element().first_element_child().unwrap();
        assert!(header.has_tag_name((SOAP_11, "Header")));
        let fields: Vec<_> = header
            .children()
            .map(|node| {
                assert_eq!(node.tag_name().namespace(), Some(namespace));
                (node.tag_name().name(), node.text().unwrap_or_default())
            })
            .collect();
        let mut expected = vec![
            ("Action", "urn:bulkImportUsersResponse"),
            ("RelatesTo", "urn:uuid:1&2"),
        ];
        // The WS-Addressing submission of August 2004 requires it, and two stacks report a failure without
        // it.
        let anonymous = format!("{namespace}/role/anonymous");
        if namespace.contains("2004/08") {
            expected.insert(0, ("To", anonymous.as_str()));
        }
        assert_eq!(fields, expected);
        let wrong = call.replace(&base64(KIM), &base64("UserName,Password,Claims\n<,,\n"));
        let fault = server.post("text/xml", wrong.as_bytes());
        assert_eq!(fault.status, 500, "{}", fault.body);
        let to = fault.element("To");
        assert_eq!(to, namespace.contains("2004/08").then_some(anonymous));
        assert!(!response.body.contains("mustUnderstand"));
    }
}

#[test]
fn http_1_0_chunked_and_compressed_requests_are_accepted() {
    let body = multipart(KIM);
    let gzipped = gzip(body.as_bytes());
    let old = String::from_utf8(request(RELATED, "", &body)).unwrap();
    let old = old.replace("HTTP/1.1", "HTTP/1.0").into_bytes();
    let cases = [
        ("chunked", chunked(RELATED, "", body.as_bytes(), 7)),
        ("HTTP/1.0", old),
        (
            "gzip",
            request(RELATED, "Content-Encoding: gzip\r\n", &gzipped),
        ),
        (
            "gzip without Content-Encoding",
            request(RELATED, "", &gzipped),
        ),
        (
            "gzip in chunks",
            chunked(RELATED, "Content-Encoding: gzip\r\n", &gzipped, 100),
        ),
    ];
    for (name, bytes) in cases {
        let server = TestApp::start();
        let response = server.send(&bytes);
        assert_eq!(response.status, 200, "{name}: {}", response.body);
        assert_eq!(response.header("transfer-encoding"), None, "{name}");
        assert_eq!(server.user_names(), ["kim"], "{name}");
    }
}

#[test]
fn boundary_named_only_in_the_body_is_found_however_the_body_is_divided() {
    let server = TestApp::start();
    let without = "multipart/related; type=application/xop+xml";
    let names: Vec<String> = (1..=200).map(|at| format!("user{at:03}")).collect();
    for (at, name) in (1..).zip(&names) {
        let message = multipart(&format!("UserName,Password,Claims\n{name},,\n"));
        let body = format!("MIME-Version: 1.0\r\nContent-Type: {RELATED}\r\n\r\n{message}");
        let mut bytes = head(without, "Transfer-Encoding: chunked\r\n").into_bytes();
        let (start, rest) = body.split_at(at);
        for chunk in [start, rest, ""] {
            bytes.extend_from_slice(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
        }
        let response = server.send(&bytes);
        assert_eq!(response.status, 200, "{at}: {}", response.body);
    }
    assert_eq!(server.user_names(), names);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn client_that_waits_for_100_continue_gets_it() {
    let server = TestApp::start();
    let body = inline(KIM);
    let mut stream = server.connect();
    let fields = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    stream
        .write_all(head("text/xml", &fields).as_bytes())
        .unwrap();
    let mut interim = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100");
    stream.write_all(body.as_bytes()).unwrap();
    let mut rest = [0; 1];
    // Read the rest of the interim response: its status line and the empty line.
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n\r\n") {
        std::io::Read::read_exact(&mut stream, &mut rest).unwrap();
        line.push(rest[0]);
    }
    assert_eq!(Response::read(&mut stream).status, 200);
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn connection_serves_successive_calls_and_closes_on_request() {
    let server = TestApp::start();
    let mut stream = server.connect();
    for name in ["kim", "lee"] {
        let call = inline(&format!("UserName,Password,Claims\n{name},,\n"));
        stream.write_all(&request("text/xml", "", call)).unwrap();
        assert_eq!(Response::read(&mut stream).status, 200);
    }
    let call = request("text/xml", "Connection: close\r\n", inline(KIM));
    stream.write_all(&call).unwrap();
    let response = Response::read(&mut stream);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(server.user_names(), ["kim", "lee"]);
}

#[test]
fn import_record_has_operator_file_name_and_digest() {
    let server = TestApp::start();
    let call = inline(KIM).replace("users.csv", "C:\\folder\\staff.CSV");
    assert_eq!(server.post("text/xml", call.as_bytes()).status, 200);
    let import = server.last_import().unwrap();
    assert_eq!(import.operator, "admin");
    assert_eq!(import.file_name, "staff.CSV");
    assert_eq!(import.state, ImportState::Completed);
    assert_eq!(import.counters.created, 1);
    let sha256 = "cad406a9557774decb38be3012f135c13507c9c011813b5758c0d7b480fd3c57";
    assert_eq!(import.sha256.as_deref(), Some(sha256));
    assert_eq!(server.users()[0].created_by, Some(import.id));
}

#[test]
fn success_status_202_of_older_versions_is_a_setting() {
    let server = TestApp::start_with(|options| {
        options.soap.success = muster::http::soap::settings::Success::Accepted;
    });
    let response = server.post("text/xml", inline(KIM).as_bytes());
    assert_eq!((response.status, response.body.as_str()), (202, ""));
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn fault_has_ws_addressing_if_the_request_had_it() {
    let server = TestApp::start();
    let header = "<soapenv:Header xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">\
                  <wsa:Action soapenv:mustUnderstand=\"1\">urn:bulkImportUsers</wsa:Action>\
                  <wsa:MessageID>urn:uuid:1</wsa:MessageID></soapenv:Header><soapenv:Body>";
    for (parameters, action) in [
        (
            "<fileName>users.csv</fileName>",
            "urn:bulkImportUsersUserAdminUserAdminException",
        ),
        (
            "<fileName/><fileName/>",
            "http://www.w3.org/2005/08/addressing/fault",
        ),
    ] {
        let call = crate::app::envelope(parameters).replacen("<soapenv:Body>", header, 1);
        let response = server.post("text/xml", call.as_bytes());
        assert_eq!(response.status, 500);
        assert_eq!(response.element("Action").as_deref(), Some(action));
        assert_eq!(response.element("RelatesTo").as_deref(), Some("urn:uuid:1"));
        assert!(!response.body.contains("mustUnderstand"));
    }
}
