//! Files in both dialects, from the request to the store and the list of problems.

use muster::users::operator::Role;
use muster::users::user::User;

use crate::app::{ADMIN_PASSWORD, Response, TestApp, basic, envelope, inline};
use crate::message::{DEFAULT_PASSWORD, base64};

/// Imports a file with the default password.
fn import(server: &TestApp, file: &str) -> Response {
    server.post("text/xml", inline(file).as_bytes())
}

/// The original's header, a line feed, and these rows.
fn original(rows: &str) -> String {
    format!("UserName,Password,Claims\n{rows}")
}

/// A user in one line: name, given name, family name, e-mail, attributes.
fn line(user: &User) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or("-".into());
    let attributes: Vec<String> = user
        .attributes
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    format!(
        "{} {} {} {} {}",
        user.user_name,
        text(&user.given_name),
        text(&user.family_name),
        text(&user.email),
        attributes.join(" ")
    )
    .trim_end()
    .to_owned()
}

#[test]
fn good_files_in_both_dialects() {
    let cases: [(&str, &str, &[&str]); 16] = [
        (
            "the vendor's documented sample",
            "UserName,Password,Claims\n\
             name1,Password1,http://wso2.org/claims/emailaddress=name1@gmail.com,http://wso2.org/claims/country=France\n\
             name2,Password2,http://wso2.org/claims/emailaddress=name2@gmail.com,http://wso2.org/claims/country=France\n",
            &[
                "name1 - - name1@gmail.com country=France",
                "name2 - - name2@gmail.com country=France",
            ],
        ),
        (
            "the vendor's sample file",
            "UserName,FirstName\nbulkUser1,Ruwan\nbulkUser2,Asitha\nbulkUser3,Prasan",
            &[
                "bulkUser1 Ruwan - -",
                "bulkUser2 Asitha - -",
                "bulkUser3 Prasan - -",
            ],
        ),
        (
            "names only",
            "UserName\nkim\nlee\n",
            &["kim - - -", "lee - - -"],
        ),
        (
            "headed, any order",
            "emailaddress,lastname,username,givenname,department\nkim@x.org,Lee,kim,Kim,R&D\n",
            &["kim Kim Lee kim@x.org department=R&D"],
        ),
        (
            "headed, any case",
            "USERNAME,Password,GivenName,EMAILADDRESS\nkim,,Kim,kim@x.org\n",
            &["kim Kim - kim@x.org"],
        ),
        (
            "headed, natural spelling",
            "User Name,First Name,Last_Name,E-Mail\nkim,Kim,Lee,kim@x.org\n",
            &["kim Kim Lee kim@x.org"],
        ),
        (
            "headed by claim URI",
            "http://wso2.org/claims/username,http://wso2.org/claims/givenname,http://wso2.org/claims/mobile\nkim,Kim,123\n",
            &["kim Kim - - mobile=123"],
        ),
        (
            "headed, quoted names",
            "\"username\",\"givenname\"\n\"kim\",\"Kim, the 1st \"\"K\"\"\"\n",
            &["kim Kim, the 1st \"K\" - -"],
        ),
        (
            "CRLF",
            "UserName,Password,Claims\r\nkim,,\r\nlee,,\r\n",
            &["kim - - -", "lee - - -"],
        ),
        (
            "CR",
            "UserName,Password,Claims\rkim,,\rlee,,\r",
            &["kim - - -", "lee - - -"],
        ),
        (
            "BOM",
            "\u{feff}UserName,Password,Claims\nkim,,\n",
            &["kim - - -"],
        ),
        (
            "BOM, headed",
            "\u{feff}username,givenname\nkim,Kim\n",
            &["kim Kim - -"],
        ),
        (
            "blank lines",
            "\n\nUserName,Password,Claims\n\nkim,,\r\n\r\n\nlee,,\n\n",
            &["kim - - -", "lee - - -"],
        ),
        (
            "no final line end",
            "UserName,Password,Claims\nkim,,\nlee,,",
            &["kim - - -", "lee - - -"],
        ),
        (
            "non-ASCII",
            "username,givenname\nzübeyde,Şimşek\n李雷,雷\n",
            &["zübeyde Şimşek - -", "李雷 雷 - -"],
        ),
        (
            "hostile cells are plain text",
            "username,givenname,department\nkim,=cmd|' /C calc'!A0,'); DROP TABLE users;--\n",
            &["kim =cmd|' /C calc'!A0 - - department='); DROP TABLE users;--"],
        ),
    ];
    for (name, file, expected) in cases {
        let server = TestApp::start();
        let response = import(&server, file);
        assert_eq!(response.status, 200, "{name}: {}", response.body);
        let seen: Vec<String> = server.users().iter().map(line).collect();
        assert_eq!(seen, expected, "{name}");
        assert_eq!(server.findings(), [], "{name}");
    }
}

#[test]
fn claim_cells_are_read_as_by_the_original() {
    let server = TestApp::start();
    let file = original(
        "kim,,http://wso2.org/claims/country=France,,http://wso2.org/claims/country=Chile\n\
         lee,,http://wso2.org/claims/givenname=Lee=\n\
         pat,,\"http://wso2.org/claims/streetaddress=12 High Street, Upper Floor\"\n\
         sam,,  http://wso2.org/claims/givenname = Sam \n\
         tia\n\
         uma,,http://wso2.org/claims/username=uma\n",
    );
    let response = import(&server, &file);
    assert_eq!(response.status, 200, "{}", response.body);
    let seen: Vec<String> = server.users().iter().map(line).collect();
    let expected = [
        "kim - - - country=Chile",
        "lee Lee - -",
        "pat - - - streetaddress=12 High Street, Upper Floor",
        "sam Sam - -",
        "tia - - -",
        "uma - - -",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn domain_before_a_slash_is_not_part_of_the_name() {
    let server = TestApp::start();
    let response = import(
        &server,
        &original("PRIMARY/kim,,\nsales/lee,,\nprimary/x/y,,\n"),
    );
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.user_names(), ["kim", "lee", "x/y"]);
    let expected = [(3, "UserName".into(), "domain-prefix-dropped".into())];
    assert_eq!(server.findings(), expected);
}

/// File, and line, column, code and message of its problem.
type Finding = (&'static str, u64, &'static str, &'static str, &'static str);

#[test]
fn every_problem_has_line_column_code_and_message() {
    let cases: [Finding; 22] = [
        (
            "UserName,Password,Claims\nkim lee,,\n",
            2,
            "UserName",
            "name-white-space",
            "the user name contains white space; a user name is one word",
        ),
        (
            "UserName,Password,Claims\nkim\u{200b}lee,,\n",
            2,
            "UserName",
            "name-invisible-character",
            "the user name contains the invisible character U+200B; remove it",
        ),
        (
            "UserName,Password,Claims\nkim\u{0}lee,,\n",
            2,
            "UserName",
            "nul-character",
            "the field contains a NUL character (U+0000), which is not text; remove it, or export the file \
             again as text",
        ),
        (
            "givenname,login\nKim,kim lee\n",
            2,
            "login",
            "name-white-space",
            "the user name contains white space; a user name is one word",
        ),
        (
            "UserName,Password,Claims\nkim,abc,\n",
            2,
            "Password",
            "password-rule",
            "an initial password has 5 to 30 characters and no white space",
        ),
        (
            "UserName,Password,Claims\nkim,a b c,\n",
            2,
            "Password",
            "password-rule",
            "an initial password has 5 to 30 characters and no white space",
        ),
        (
            "UserName,Password,Claims\nkim,,http://wso2.org/claims/favouritecolour=green\n",
            2,
            "Claims",
            "claim-unknown",
            "Claim URI is invalid, http://wso2.org/claims/favouritecolour: there is no such claim; \
             correct it, or map it to an attribute in [claims] of the settings",
        ),
        (
            "UserName,Password,Claims\nkim,,not a claim\n",
            2,
            "Claims",
            "claim-format",
            "Claims and values are not in correct format: a cell holds one claimURI=value; give each \
             claim a cell of its own",
        ),
        (
            "UserName,Password,Claims\nkim,,http://wso2.org/claims/country=a=b\n",
            2,
            "Claims",
            "claim-format",
            "Claims and values are not in correct format: a cell holds one claimURI=value; give each \
             claim a cell of its own",
        ),
        (
            "UserName,Password,Claims\nkim,,http://wso2.org/claims/country=\n",
            2,
            "Claims",
            "claim-format",
            "Claims and values are not in correct format: a cell holds one claimURI=value; give each \
             claim a cell of its own",
        ),
        (
            "UserName,Password,Claims\nkim,,http://wso2.org/claims/role=Sellers\n",
            2,
            "Claims",
            "role-unknown",
            "the role \"Sellers\" does not exist; create it first or remove it",
        ),
        (
            "UserName,Password,Claims\nkim,,http://wso2.org/claims/role=Internal/sellers\n",
            2,
            "Claims",
            "role-unknown",
            "the internal role \"Internal/sellers\" does not exist; create it first or remove it",
        ),
        (
            "username,roles\nkim,Sellers\n",
            2,
            "roles",
            "role-unknown",
            "the role \"Sellers\" does not exist; create it first or remove it",
        ),
        (
            "UserName,Password,Claims\nkim,,http://wso2.org/claims/username=lee\n",
            2,
            "UserName",
            "name-differs-from-claim",
            "the user name and the username claim have to be the same",
        ),
        (
            "username,givenname\nkim,Kim,Lee\n",
            2,
            "",
            "field-count",
            "the row has 3 fields and the header has 2; is a value with a comma not in quotation marks?",
        ),
        (
            "UserName,Password,Claims\n,Password1,\n",
            2,
            "UserName",
            "name-missing",
            "the row has no user name; add one, or clear the row",
        ),
        (
            "UserName,Password,Claims\nPRIMARY/,,\n",
            2,
            "UserName",
            "name-empty",
            "the user name is empty",
        ),
        (
            "UserName,Password,Claims\nkim,,\nlee,,\nKIM,,\n",
            4,
            "userName",
            "duplicate-in-file",
            "the user is already in this file, in line 2; the first row was kept",
        ),
        (
            "UserName,Password,Claims\njose\u{301},,\nJos\u{e9},,\n",
            3,
            "userName",
            "duplicate-in-file",
            "the user is already in this file, in line 2; the first row was kept",
        ),
        (
            "UserName,Password,Claims\n",
            0,
            "",
            "no-rows",
            "the file has a header line and no rows",
        ),
        (
            "Wer,Was,Womit\nkim,,http://wso2.org/claims/country=France\n",
            1,
            "",
            "header-not-understood",
            "the header line has unknown names, so the columns were read by position: user \
             name, password, then claimURI=value cells",
        ),
        (
            "anna1,Password1,http://wso2.org/claims/country=France\nkim,,\n",
            1,
            "",
            "first-line-is-data",
            "the first line looks like a user and not like a header line, so it was imported as a row; put \
             the line `UserName,Password,Claims` above it, or say that line 1 is the header (header=1)",
        ),
    ];
    for (file, line, column, code, sentence) in cases {
        let server = TestApp::start();
        import(&server, file);
        let findings = server.last_findings();
        let seen: Vec<_> = findings
            .iter()
            .map(|found| {
                let column = found.column.as_deref().unwrap_or_default();
                (
                    found.line,
                    column,
                    found.code.as_ref(),
                    found.message.as_str(),
                )
            })
            .collect();
        assert_eq!(seen, [(line, column, code, sentence)], "{file:?}");
    }
}

#[test]
fn name_of_256_characters_is_too_long() {
    let server = TestApp::start();
    let (longest, longer) = ("é".repeat(255), "é".repeat(256));
    import(&server, &original(&format!("{longest},,\n{longer},,\n")));
    assert_eq!(server.user_names(), [longest]);
    assert_eq!(
        server.findings(),
        [(3, "UserName".into(), "name-too-long".into())]
    );
}

#[test]
fn invalid_utf8_fails_only_its_row() {
    let server = TestApp::start();
    let file =
        b"UserName,Password,Claims\nkim,,http://wso2.org/claims/givenname=\xc3\x96zg\xc3\xbcr\n\
        jos\xe9,,\nlee,,http://wso2.org/claims/givenname=\xff\n";
    let handler = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, file);
    let call = inline("").replace("<handler>", &format!("<handler>{handler}"));
    server.post("text/xml", call.as_bytes());
    assert_eq!(server.user_names(), ["kim"]);
    let expected = [
        (3, "UserName".into(), "not-utf8".into()),
        (4, "Claims".into(), "not-utf8".into()),
    ];
    assert_eq!(server.findings(), expected);
}

#[test]
fn all_violated_rules_of_a_row_are_reported() {
    let server = TestApp::start();
    let response = import(
        &server,
        &original("kim lee,abc,http://wso2.org/claims/role=Sellers:Buyers,nonsense\n"),
    );
    assert!(response.fault_text().contains("Failed Count : 1,"));
    let mut codes: Vec<String> = server.findings().into_iter().map(|found| found.2).collect();
    codes.sort();
    let expected = [
        "claim-format",
        "name-white-space",
        "password-rule",
        "role-unknown",
        "role-unknown",
    ];
    assert_eq!(codes, expected);
    let names: Vec<_> = server
        .last_findings()
        .into_iter()
        .filter_map(|found| found.user_name)
        .collect();
    assert_eq!(names, ["kim lee"; 5]);
}

#[test]
fn lines_are_counted_as_in_an_editor() {
    let cases = [
        (
            "LF",
            "UserName,Password,Claims\n\"kim\nlee\",,\n\nok,,\n\"a b\",,\n",
            [2, 6],
        ),
        (
            "CRLF",
            "UserName,Password,Claims\r\n\"kim\r\nlee\",,\r\n\r\nok,,\r\n\"a b\",,\r\n",
            [2, 6],
        ),
        (
            "a break in a claim",
            "UserName,Password,Claims\nx y,,\nok,,\"http://wso2.org/claims/streetaddress=1\n2\n3\"\na b,,",
            [2, 6],
        ),
        (
            "BOM and blank lines",
            "\u{feff}\n\nUserName,Password,Claims\n\nx y,,\nok,,\na b,,\n",
            [5, 7],
        ),
        (
            "a break in the header",
            "UserName,Password,\"Cla\nims\"\nx y,,\nok,,\na b,,\n",
            [3, 5],
        ),
    ];
    for (name, file, lines) in cases {
        let server = TestApp::start();
        import(&server, file);
        assert_eq!(server.user_names(), ["ok"], "{name}");
        let seen: Vec<u64> = server
            .findings()
            .into_iter()
            .filter(|found| found.2 == "name-white-space")
            .map(|found| found.0)
            .collect();
        assert_eq!(seen, lines, "{name}");
    }
}

#[test]
fn quoted_line_break_is_part_of_the_value() {
    let server = TestApp::start();
    import(
        &server,
        "username,streetaddress\nkim,\"12 High Street\nUpper Floor\"\n",
    );
    let users = server.users();
    assert_eq!(
        users[0].attributes["streetaddress"],
        "12 High Street\nUpper Floor"
    );
}

#[test]
fn duplicate_of_a_stored_user_names_the_import_that_created_it() {
    let server = TestApp::start();
    import(&server, &original("kim,,\nlee,,\n"));
    let first = server.last_import().unwrap().id;
    let response = import(&server, &original("pat,,\nLEE,,\nlee,,\n"));
    assert!(response.fault_text().contains("Duplicate Count : 2."));
    assert_eq!(server.user_names(), ["kim", "lee", "pat"]);
    let findings = server.last_findings();
    let seen: Vec<_> = findings
        .iter()
        .map(|found| (found.line, found.code.as_ref(), found.user_name.as_deref()))
        .collect();
    let expected = [
        (3, "duplicate-in-store", Some("LEE")),
        (4, "duplicate-in-store", Some("lee")),
    ];
    assert_eq!(seen, expected);
    let sentence =
        format!("the user exists already (line 3 of import {first}); nothing was changed");
    assert_eq!(findings[0].message, sentence);
}

#[test]
fn duplicate_does_not_change_the_first_user() {
    let server = TestApp::start();
    let first = "username,password,givenname\nkim,Spring-Meadow-42,Kim\n";
    let second = "username,password,givenname\nkim,Autumn-Forest-17,Kimberly\n";
    import(&server, first);
    import(&server, second);
    assert_eq!(server.users()[0].given_name.as_deref(), Some("Kim"));
    assert!(server.has_password("kim", "Spring-Meadow-42"));
}

#[test]
fn blank_password_becomes_the_default_and_must_be_changed() {
    let server = TestApp::start();
    let file = original("own,Spring-Meadow-42,\nweak,admin,\nblank,,\nspaces,   ,\n");
    let response = import(&server, &file);
    assert_eq!(response.status, 200, "{}", response.body);
    let expected = [
        ("own", "Spring-Meadow-42", false),
        ("weak", "admin", true),
        ("blank", DEFAULT_PASSWORD, true),
        ("spaces", DEFAULT_PASSWORD, true),
    ];
    for (name, password, must_change) in expected {
        assert!(server.has_password(name, password), "{name}");
        assert!(!server.has_password(name, "something else"), "{name}");
        let users = server.users();
        let user = users.iter().find(|user| user.user_name == name).unwrap();
        assert_eq!(user.must_change_password, must_change, "{name}");
    }
}

/// A call with this value of the parameter `defaultPassword`, or without it.
fn import_with_default(server: &TestApp, file: &str, default: Option<&str>) -> Response {
    let default = default.map(|text| format!("<defaultPassword>{text}</defaultPassword>"));
    let call = format!(
        "<fileName>users.csv</fileName><handler>{}</handler>{}",
        base64(file),
        default.unwrap_or_default()
    );
    server.post("text/xml", envelope(&call).as_bytes())
}

#[test]
fn blank_password_without_a_default_is_a_problem() {
    let file = original("own,Spring-Meadow-42,\nblank,,\nshort\n");
    for default in [None, Some("")] {
        let server = TestApp::start();
        import_with_default(&server, &file, default);
        assert_eq!(server.user_names(), ["own"], "{default:?}");
        let expected = [
            (3, "Password".into(), "password-missing".into()),
            (4, "Password".into(), "password-missing".into()),
        ];
        assert_eq!(server.findings(), expected, "{default:?}");
    }
}

#[test]
fn documented_default_password_works_with_a_warning() {
    let server = TestApp::start();
    let response = import_with_default(&server, &original("kim,,\n"), Some("admin"));
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(server.has_password("kim", "admin"));
    assert_eq!(
        server.findings(),
        [(0, String::new(), "default-password-weak".into())]
    );
}

#[test]
fn invalid_default_password_fails_the_rows_that_need_it() {
    let server = TestApp::start();
    let file = original("own,Spring-Meadow-42,\nblank,,\n");
    let response = import_with_default(&server, &file, Some("xyz"));
    assert_eq!(server.user_names(), ["own"]);
    assert_eq!(
        server.findings(),
        [(3, "Password".into(), "default-password-rule".into())]
    );
    // Not part of an id, which is hexadecimal.
    assert!(!response.body.contains("xyz"), "{}", response.body);
}

#[test]
fn no_response_contains_a_password() {
    let server = TestApp::start();
    let file = original(
        "kim lee,Marker-Own-1,\nx y,Mark2,\nlee,Marker-Own-3,nonsense\nkim,Mk 4,\nkim,Marker-Own-5,\n",
    );
    let response = import_with_default(&server, &file, Some("Marker-Default-6"));
    assert_eq!(response.status, 500);
    for secret in ["Marker", "Mark2", "Mk 4"] {
        assert!(!response.body.contains(secret), "{}", response.body);
        let findings = format!("{:?}", server.last_findings());
        assert!(!findings.contains(secret), "{findings}");
        let record = format!("{:?}", server.last_import());
        assert!(!record.contains(secret), "{record}");
    }
}

#[test]
fn existing_roles_are_assigned_by_operators_with_that_right() {
    let file = original(
        "kim,,http://wso2.org/claims/role=admin:Internal/everyone\n\
         lee,,http://wso2.org/claims/role=Internal/everyone\n",
    );
    let server = TestApp::start();
    let response = import(&server, &file);
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.users()[0].roles, ["Internal/everyone", "admin"]);

    let server = TestApp::start();
    server.add_operator("importer", Role::Import);
    let importer = basic("importer", ADMIN_PASSWORD);
    let call = inline(&file);
    server.post_as(
        "/services/UserAdmin",
        Some(&importer),
        "text/xml",
        &[],
        call.as_bytes(),
    );
    assert_eq!(server.user_names(), ["lee"]);
    let expected = [(2, "Claims".into(), "role-not-yours-to-give".into())];
    assert_eq!(server.findings(), expected);
}

#[test]
fn header_line_without_rows_is_not_a_failure() {
    for file in [
        "UserName,Password,Claims\n",
        "UserName,Password,Claims",
        "username\r\n\r\n",
    ] {
        let server = TestApp::start();
        assert_eq!(import(&server, file).status, 200, "{file:?}");
        assert_eq!(server.user_names(), [""; 0]);
        assert_eq!(server.findings(), [(0, String::new(), "no-rows".into())]);
    }
}

#[test]
fn unreadable_file_is_refused_completely() {
    let quote = format!(
        "UserName,Password,Claims\n\"kim,,\n{}",
        "lee,,\n".repeat(20)
    );
    let field = format!("UserName,Password,Claims\n{},,\n", "x".repeat(65 * 1024));
    let fields = format!("UserName,Password,Claims\nkim{}\n", ",".repeat(1_100));
    let cases = [
        (
            "unknown column",
            "username,favouritecolour\nkim,green\n",
            "IMP-CSV-HEADER",
        ),
        (
            "no user name",
            "givenname,lastname\nKim,Lee\n",
            "IMP-CSV-HEADER",
        ),
        (
            "a column twice",
            "username,email,E-Mail\nkim,a@b,c@d\n",
            "IMP-CSV-HEADER",
        ),
        (
            "commas or semicolons",
            "username,givenname;lastname;email\nkim\n",
            "IMP-CSV-DELIMITER",
        ),
        (
            "a line without a delimiter",
            "sep=x\nusernamexgivenname\nkimxKim\n",
            "IMP-CSV-DELIMITER",
        ),
        ("a quote never closed", &quote, "IMP-CSV-QUOTE"),
        ("an endless field", &field, "IMP-CSV-FIELD"),
        ("too many fields", &fields, "IMP-CSV-ROW"),
        ("nothing but line ends", "\n\r\n\n", "IMP-FILE-EMPTY"),
        ("nothing but a BOM", "\u{feff}", "IMP-FILE-EMPTY"),
        ("a workbook", "PK\u{3}\u{4} and so on", "IMP-FILE-FORMAT"),
        ("a PDF", "%PDF-1.7 and so on", "IMP-FILE-FORMAT"),
    ];
    for (name, file, code) in cases {
        let server = TestApp::start();
        let response = import(&server, file);
        assert_eq!(response.status, 500, "{name}");
        assert_eq!(response.rule(), code, "{name}: {}", response.body);
        assert_eq!(
            response.element("faultcode").as_deref(),
            Some("soapenv:Client"),
            "{name}"
        );
        assert_eq!(server.user_names(), [""; 0], "{name}");
    }
}
