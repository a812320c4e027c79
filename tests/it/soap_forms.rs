//! Message forms that single client stacks send or require: references of Axis 1.4, MTOM responses to MTOM
//! requests, charsets, a file that was not encoded.

use crate::app::{RELATED, Response, TestApp, inline, multipart};
use crate::message::{KIM, SOAP_12, base64, call, in_soap_12, parts};

/// Clients that send text in other charsets and name them in the XML declaration or in the Content-Type.
#[test]
fn envelopes_are_read_in_every_charset_they_name() {
    let server = TestApp::start();
    let file = |name: &str| base64(&format!("UserName,Password,Claims\n{name},,\n"));
    let mut names = Vec::new();
    for (number, label) in [
        "ISO-8859-2",
        "windows-1250",
        "ISO-8859-15",
        "macintosh",
        "GB18030",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("user{number}");
        let envelope = call(&file(&name)).replace("users.csv", "h\u{f3}.csv");
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let declared = format!("<?xml version='1.0' encoding='{label}'?>{envelope}");
        let (bytes, _, lost) = encoding.encode(&declared);
        assert!(!lost, "{label}");
        let response = server.post("text/xml", &bytes);
        assert_eq!(response.status, 200, "{label}: {}", response.body);
        assert_eq!(
            server.last_import().unwrap().file_name,
            "h\u{f3}.csv",
            "{label}"
        );
        names.push(name);
    }
    for (number, charset) in ["utf-16le", "UTF-16"].into_iter().enumerate() {
        let name = format!("wide{number}");
        let bytes: Vec<u8> = call(&file(&name))
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let response = server.post(&format!("text/xml; charset={charset}"), &bytes);
        assert_eq!(response.status, 200, "{charset}: {}", response.body);
        names.push(name);
        for other in ["text/xml", "text/xml; charset=utf-8"] {
            let refused = server.post(other, &bytes);
            assert_eq!(refused.rule(), "IMP-XML-ENCODING", "{other}");
            assert!(
                refused.fault_text().contains("UTF-16LE"),
                "{}",
                refused.body
            );
        }
    }
    names.sort();
    assert_eq!(server.user_names(), names);
}

/// Axis 1.4 refers to an attachment by `href` under SOAP 1.1 and by `ref` under SOAP 1.2.
#[test]
fn attachment_is_referenced_by_href_or_ref() {
    for attribute in ["href", "ref"] {
        for soap_12 in [false, true] {
            let server = TestApp::start();
            let envelope = call("").replace(
                "<handler></handler>",
                &format!("<handler {attribute}=\"cid:file@test\"/>"),
            );
            let (envelope, kind) = match soap_12 {
                true => (in_soap_12(&envelope), "application/soap+xml"),
                false => (envelope, "text/xml"),
            };
            let message = parts(&[
                (&format!("Content-Type: {kind}; charset=UTF-8"), &envelope),
                ("Content-Type: text/csv\nContent-ID: <file@test>", KIM),
            ]);
            let related = format!("multipart/related; type=\"{kind}\"; boundary=\"b1\"");
            let response = server.post(&related, message.as_bytes());
            assert_eq!(
                response.status, 200,
                "{attribute} {kind}: {}",
                response.body
            );
            assert_eq!(server.user_names(), ["kim"], "{attribute} {kind}");
        }
    }
}

/// A client that puts the file into the handler without encoding it is advised to encode it, whatever
/// characters the file has.
#[test]
fn unencoded_file_is_reported_as_such() {
    let server = TestApp::start();
    let long =
        "kim,Meadow-Lark-77,http://wso2.org/claims/emailaddress=kim@example.com\n".repeat(200);
    for file in [
        "UserName,Password,Claims\nkim,,\n",
        "username;password\nkim;Meadow-Lark-77\n",
        "kim,x",
        "\"kim\",\"x1234567\"\n",
        "averylonguserwithoutanyothersignbutlettersanddigits0123456789,x\n",
        "kim.falk\nlea.roth\n",
        "username|password\nkim|x1234567\n",
        "anna-lena,Meadow-77",
        "user_name,password\nkim,x\n",
        "user-name\tpassword\nkim\tx\n",
        "username\nkim\nlee",
        "username\nkimm",
        "UserName\r\nanna-lena\r\n",
        "user_name:password\nkim:x\n",
        "averylonguserwithoutanyothersignbutlettersanddigits0123456789|x\n",
        &long,
    ] {
        let response = server.post("text/xml", call(file).as_bytes());
        assert_eq!(response.rule(), "IMP-BASE64", "{file}: {}", response.body);
        let text = response.fault_text();
        assert!(text.contains("encode it as base64"), "{file}: {text}");
        assert!(!text.contains("kim"), "{text}");
    }
    // If the value can be either, the message names both causes.
    for file in [
        "anna-lena",
        "kim_falk",
        "Zm9v-Zm9v_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v",
    ] {
        let text = server.post("text/xml", call(file).as_bytes()).fault_text();
        assert!(text.contains("base64url"), "{file}: {text}");
        assert!(text.contains("encode it as base64"), "{text}");
    }
    // Base64 with one wrong character is a different error.
    let wrong = base64(&long).replacen('a', "*", 1);
    let text = server
        .post("text/xml", call(&wrong).as_bytes())
        .fault_text();
    assert!(text.contains("wrong at offset"), "{text}");
    assert!(server.user_names().is_empty());
}

/// Returns the envelope of a response, and whether it came as an MTOM package.
fn unpacked(response: &Response) -> (bool, String) {
    let media_type = response.header("content-type").unwrap();
    if !media_type.starts_with("multipart/related") {
        return (false, response.body.clone());
    }
    assert!(
        media_type.contains("type=\"application/xop+xml\""),
        "{media_type}"
    );
    let boundary = media_type.split("boundary=\"").nth(1).unwrap();
    let boundary = boundary.split('"').next().unwrap();
    let start = media_type.split("start=\"").nth(1).unwrap();
    let start = start.split('"').next().unwrap();
    let parts: Vec<&str> = response.body.split(&format!("--{boundary}")).collect();
    assert_eq!(
        (parts.len(), parts[0], parts[2]),
        (3, "", "--\r\n"),
        "{}",
        response.body
    );
    let (head, envelope) = parts[1].split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("\r\nContent-ID: {start}")), "{head}");
    assert!(
        head.contains("\r\nContent-Type: application/xop+xml;"),
        "{head}"
    );
    (true, envelope.strip_suffix("\r\n").unwrap().to_owned())
}

#[test]
fn mtom_is_answered_with_mtom_if_the_setting_says_so() {
    for wanted in [false, true] {
        let server = TestApp::start_with(|options| options.soap.answer_mtom_with_mtom = wanted);
        let message = multipart(KIM);
        for (case, status) in [("new", 200), ("again", 500)] {
            let response = server.post(RELATED, message.as_bytes());
            assert_eq!(response.status, status, "{case}");
            let (packaged, envelope) = unpacked(&response);
            assert_eq!(packaged, wanted, "{case}");
            let document = roxmltree::Document::parse(&envelope).unwrap();
            assert_eq!(
                document.root_element().tag_name().name(),
                "Envelope",
                "{case}"
            );
        }
        let message = in_soap_12(&message);
        let related = RELATED.replace("text/xml", "application/soap+xml");
        let (packaged, envelope) = unpacked(&server.post(&related, message.as_bytes()));
        assert_eq!(packaged, wanted);
        assert!(envelope.contains(SOAP_12), "{envelope}");
        // A fault that the head causes is packaged as well; a plain envelope gets a plain one, and a 401 has
        // no envelope.
        let wrong = crate::app::basic("admin", "wrong");
        let path = "/services/UserAdmin";
        let refused = server.post_as(path, Some(&wrong), RELATED, &[], multipart(KIM).as_bytes());
        assert_eq!(unpacked(&refused).0, wanted);
        assert!(!unpacked(&server.post("text/xml", inline(KIM).as_bytes())).0);
        let unauthenticated = server.post_as(path, None, RELATED, &[], multipart(KIM).as_bytes());
        assert_eq!(unauthenticated.status, 401);
        assert!(!unpacked(&unauthenticated).0);
    }
}
