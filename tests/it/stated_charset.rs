//! The charset that the Content-Type of a file states: for a request body, a form field, and a part of a SOAP
//! message.

use serde_json::Value;

use crate::app::{RELATED, TestApp, admin, envelope};
use crate::message::{DEFAULT_PASSWORD, FORM, include};
use crate::scim::send;

/// A file with this family name.
fn file(family: &[u8]) -> Vec<u8> {
    [b"username,familyname\nkim,", family, b"\n"].concat()
}

/// Sends the file as the body, as a form field, and as an attachment before and after the envelope; returns
/// each with its report, if there is one.
fn sent_in_every_way(server: &TestApp, charset: &str, file: &[u8]) -> Vec<(String, Option<Value>)> {
    let media_type = match charset {
        "" => "text/csv".to_owned(),
        charset => format!("text/csv; charset={charset}"),
    };
    let authorization = format!("Authorization: {}", admin());
    let password = format!("Muster-Default-Password: {DEFAULT_PASSWORD}");
    let form = [
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"defaultPassword\"\r\n\r\n{DEFAULT_PASSWORD}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"users.csv\"\r\nContent-Type: {media_type}\r\n\r\n"
        )
        .as_bytes(),
        file,
        b"\r\n--b--\r\n",
    ]
    .concat();
    let root = format!(
        "--b1\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\nContent-ID: <root>\r\n\r\n{}\r\n",
        envelope(&format!(
            "<fileName>users.csv</fileName><handler>{}</handler><defaultPassword>{DEFAULT_PASSWORD}</defaultPassword>",
            include("file@test")
        ))
    );
    let part = [
        format!("--b1\r\nContent-Type: {media_type}\r\nContent-ID: <file@test>\r\n\r\n").as_bytes(),
        file,
        b"\r\n",
    ]
    .concat();
    let end = b"--b1--\r\n".as_slice();
    let after = [root.as_bytes(), &part, end].concat();
    let before = [&part, root.as_bytes(), end].concat();
    let mut seen = Vec::new();
    for (path, content_type, body) in [
        ("/api/v1/imports", media_type.as_str(), file),
        ("/api/v1/imports", FORM, &form),
        ("/services/UserAdmin", RELATED, &after),
        ("/services/UserAdmin", RELATED, &before),
    ] {
        let content_type = format!("Content-Type: {content_type}");
        let mut headers = vec![authorization.as_str(), &content_type];
        if body == file {
            headers.push(&password);
        }
        let response = send(server, "POST", path, &headers, body);
        assert!(
            (200..300).contains(&response.status),
            "{charset} {path}: {}",
            response.body
        );
        let users = server.users();
        let [kim] = users.as_slice() else {
            panic!("one user: {users:?}")
        };
        let report = (path != "/services/UserAdmin").then(|| {
            let report: Value = serde_json::from_str(&response.body).expect("JSON");
            report["file"].clone()
        });
        seen.push((kim.family_name.clone().unwrap_or_default(), report));
        let removed = format!("/scim/v2/Users/{}", kim.id);
        assert_eq!(
            send(server, "DELETE", &removed, &[&authorization], "").status,
            204
        );
    }
    seen
}

#[test]
fn stated_charset_is_used_unless_the_file_is_utf_8() {
    let server = TestApp::start();
    for (charset, family, read, from) in [
        (
            "shift_jis",
            &b"\x93\xfa\x96{"[..],
            "\u{65e5}\u{672c}",
            "content-type",
        ),
        (
            "\"Shift_JIS\"",
            b"\x93\xfa\x96{",
            "\u{65e5}\u{672c}",
            "content-type",
        ),
        ("windows-1251", b"\xc6", "\u{416}", "content-type"),
        ("koi8-r", b"\xf6", "\u{416}", "content-type"),
        ("cp850", b"\x81", "\u{fc}", "content-type"),
        ("iso-2022-jp", b"\x1b$BF|\x1b(B", "\u{65e5}", "content-type"),
        // Some programs state a charset without checking the file.
        (
            "iso-8859-1",
            "\u{65e5}\u{672c}".as_bytes(),
            "\u{65e5}\u{672c}",
            "utf-8",
        ),
        (
            "shift_jis",
            "J\u{f6}rgensen".as_bytes(),
            "J\u{f6}rgensen",
            "utf-8",
        ),
        ("shift_jis", b"Lee", "Lee", "utf-8"),
        ("utf-8", b"J\xf6rgensen", "J\u{f6}rgensen", "guess"),
        ("us-ascii", b"J\xf6rgensen", "J\u{f6}rgensen", "guess"),
        (
            "no-such-charset",
            b"J\xf6rgensen",
            "J\u{f6}rgensen",
            "guess",
        ),
        ("", b"J\xf6rgensen", "J\u{f6}rgensen", "guess"),
    ] {
        for (name, report) in sent_in_every_way(&server, charset, &file(family)) {
            assert_eq!(name, read, "{charset}");
            if let Some(report) = report {
                assert_eq!(report["charsetFrom"], from, "{charset}: {report}");
            }
        }
    }
    // A row with bytes that are invalid in the charset fails.
    let headers = [
        format!("Authorization: {}", admin()),
        "Content-Type: text/csv; charset=shift_jis".into(),
    ];
    let headers = [headers[0].as_str(), headers[1].as_str()];
    let response = send(&server, "POST", "/api/v1/imports", &headers, file(b"\x81 "));
    assert!(
        response.body.contains("not text in Shift_JIS"),
        "{}",
        response.body
    );
    assert!(server.users().is_empty());
}

/// A queued file is read in the charset that was stated when it arrived.
#[test]
fn queued_file_keeps_its_charset() {
    let server = TestApp::start();
    let authorization = format!("Authorization: {}", admin());
    let password = format!("Muster-Default-Password: {DEFAULT_PASSWORD}");
    let headers = [
        authorization.as_str(),
        &password,
        "Content-Type: text/csv; charset=windows-1251",
        "Prefer: respond-async",
    ];
    let response = send(&server, "POST", "/api/v1/imports", &headers, file(b"\xc6"));
    assert_eq!(response.status, 202, "{}", response.body);
    let record: Value = serde_json::from_str(&response.body).expect("JSON");
    assert_eq!(record["options"]["charset"], "windows-1251");
    let start = std::time::Instant::now();
    while server.users().is_empty() {
        assert!(
            start.elapsed().as_secs() < 30,
            "the import does not complete"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(server.users()[0].family_name.as_deref(), Some("\u{416}"));
}

/// `files.charset` applies to all files and overrides the stated charset.
#[test]
fn setting_overrides_the_stated_charset() {
    let server = TestApp::start_with(|options| {
        options.app.files = toml::from_str("charset = 'cp850'").unwrap();
    });
    for (name, report) in sent_in_every_way(&server, "windows-1252", &file(b"\x81")) {
        assert_eq!(name, "\u{fc}");
        if let Some(report) = report {
            assert_eq!(report["charsetFrom"], "setting");
        }
    }
}
