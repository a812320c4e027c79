//! No answer, problem, record, audit entry or log line quotes the content of a file, however malformed the file or the
//! message around it. Names may be quoted, truncated; rows that a caller requests (the preview, the reject file) have
//! their cells.

use std::io::Write;

use muster::http::soap::namespace::USER_IMPORT;
use serde_json::Value;

use crate::app::{Response, basic, envelope};
use crate::message::{FORM, SOAP_11, base64, form};
use crate::process::{ADMIN_PASSWORD, Home, Serving};

/// A typical password.
const CANARY: &str = "Meadow-Lark-7";

/// Malformed or unusual files, with the canary where it could be quoted.
fn unusual_files() -> Vec<(&'static str, String)> {
    let files = [
        ("colons", "username:password:country\nkim:@:SE\nlou:@:NO\n"),
        ("carets", "username^password\nkim^@\nlou^@\n"),
        ("tildes", "kim~@\nlou~@\n"),
        (
            "rows with other delimiters than the header",
            "username,password,country\nkim;@;SE\nlee\t@\tNO\nlou|@|x\nmia:@:y\nned @ SE\nkim/@\nkim\\@\n\"oli,@,SE\"\n\
             pia=@\nric~@\n\"sue\n@\"\ntom\u{a0}@\n",
        ),
        (
            "a header line with data",
            "kim,@,http://wso2.org/claims/country=SE\nlou,@\n",
        ),
        (
            "a header with a known name and a password",
            "username,@,email\nkim,x,y\n",
        ),
        ("the same in another column", "username,email,@\nkim,y,x\n"),
        ("a header without a user name", "email,givenname,@\na,b,c\n"),
        ("one line", "kim,@\n"),
        ("one cell", "@\n"),
        ("one column", "@\nkim\nlou\n"),
        (
            "claims",
            "UserName,Password,Claims\nk1,,@=x\nk2,,@\nk3,,http://wso2.org/claims/@=x\nk4,,http://wso2.org/claims/role=@\n\
             k5,,http://wso2.org/claims/givenname=a=@\nk6,,\"kim,@,x=y\"\nk7,,http://kim:@@x.org/=y\nk8,,kim @=x\n",
        ),
        (
            "JSON",
            "{\"users\": [{\"userName\": \"kim\", \"password\": \"@\"}]}",
        ),
        (
            "JSON lines",
            "{\"userName\": \"kim\", \"password\": \"@\"}\n{\"userName\": \"lou\", \"password\": \"@\"}\n",
        ),
        ("XML", "<users><user name=\"kim\" password=\"@\"/></users>"),
        (
            "a quotation mark that is not closed",
            "username,password\nkim,\"@\nlou,x\n",
        ),
        (
            "text after a quotation mark",
            "username,password\n\"kim\"@,x\n\"lou\" @,y\n",
        ),
        (
            "roles",
            "username,password,roles\nkim,,@\nlou,,\"a,@\"\nmia,,\"a:@\"\n",
        ),
        (
            "a long name",
            "username,password\nkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk @,x y\n",
        ),
        (
            "rows of other widths",
            "username,password,country\nkim,@\nlou,x,y,@,z\nmia,@,,,,,\n",
        ),
        (
            "the user's name is the password",
            "username,password\n\"kim, @\",x\n",
        ),
        (
            "two names for one column",
            "username,password,givenname,firstname @\nkim,@,,\n",
        ),
        (
            "a title",
            "Users and passwords: kim @\nusername,password\nkim,@\n",
        ),
        (
            "a hash cut short",
            "username,password\nkim,$argon2id$@\nlou,{SSHA}@\nmia,$2b$10$@\n",
        ),
        ("a masked password", "username,password\nkim,*****@\n"),
    ];
    files
        .map(|(name, file)| (name, file.replace('@', CANARY)))
        .into()
}

struct Server {
    serving: Serving,
}

impl Server {
    fn post(&self, path: &str, content_type: &str, headers: &str, body: &[u8]) -> Response {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\n{headers}\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            basic("admin", ADMIN_PASSWORD),
            body.len()
        );
        let mut stream = self.serving.connect();
        // A server that has refused the request may have stopped reading.
        let _ = stream.write_all(&[head.as_bytes(), body].concat());
        Response::read(&mut stream)
    }

    fn get(&self, path: &str) -> Response {
        let mut stream = self.serving.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\n\r\n",
            basic("admin", ADMIN_PASSWORD)
        );
        stream
            .write_all(head.as_bytes())
            .expect("the server listens");
        Response::read(&mut stream)
    }
}

#[track_caller]
fn quotes_nothing(text: &str, place: &str) {
    let encoded = base64(&format!("kim,{CANARY}\n"));
    for form in [CANARY, &CANARY.to_lowercase(), "Meadow", &encoded[..12]] {
        let at = text.find(form);
        let around = at.map(|at| text.get(at.saturating_sub(150)..(at + 60).min(text.len())));
        assert_eq!(around, None, "{form} in {place}: {text}");
    }
}

/// The answer without the rows that it lists deliberately.
fn without_rows(response: &Response) -> String {
    let Ok(mut answer) = serde_json::from_str::<Value>(&response.body) else {
        return response.body.clone();
    };
    for report in ["", "/report"] {
        let Some(Value::Object(members)) = answer.pointer_mut(report) else {
            continue;
        };
        if let Some(Value::Object(preview)) = members.get_mut("preview") {
            preview.remove("rows");
        }
        for reject in members
            .get_mut("rejects")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            reject["cells"] = Value::Null;
        }
    }
    answer.to_string()
}

fn user_import(operation: &str, content: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{operation} xmlns:x=\"{USER_IMPORT}\">{content}\
         </x:{operation}></e:Body></e:Envelope>"
    )
}

/// Parameters with this handler.
fn handler(text: &str) -> String {
    envelope(&format!(
        "<fileName>users.csv</fileName><handler>{text}</handler><defaultPassword>Initial-Pass-1</defaultPassword>"
    ))
}

/// Malformed or unusual SOAP messages.
fn unusual_messages() -> Vec<(&'static str, String)> {
    let file = format!("UserName,Password,Claims\nkim,{CANARY},\n");
    let data = |rest: String| handler(&format!("data:text/csv{rest}"));
    let mut messages = vec![
        ("a data: URL", data(format!(";base64,{}", base64(&file)))),
        (
            "a data: URL of a line",
            data(format!(";base64,{}", base64(&format!("kim,{CANARY}\n")))),
        ),
        ("a data: URL as text", data(format!(",kim,{CANARY}"))),
        (
            "a long data: URL",
            data(format!(";base64,{}", base64(&file.repeat(500)))),
        ),
        ("a DATA: URL", handler(&format!("DATA:{CANARY}"))),
        (
            "another URL",
            handler(&format!("https://kim:{CANARY}@example.com/")),
        ),
        ("a name and a password", handler(&format!("kim:{CANARY}"))),
        ("only a password", handler(CANARY)),
        ("the file without base64", handler(&file)),
        ("rubbish", handler(&format!("{CANARY}!#{CANARY}"))),
        (
            "garbage after base64",
            handler(&format!("{}{CANARY}!!", base64(&file))),
        ),
        ("a tag", handler(&format!("kim,Pa<{CANARY},x\n"))),
        ("a tag that is a name", handler(&format!("kim,<{CANARY}>"))),
        (
            "a tag that is closed",
            handler(&format!("<a>kim</{CANARY}>")),
        ),
        ("an element", handler(&format!("<{CANARY}/>"))),
        ("an attribute", handler(&format!("<a {CANARY}=x>"))),
        (
            "an attribute that comes twice",
            handler(&format!("<a {CANARY}=\"x\" {CANARY}=\"y\"/>")),
        ),
        ("a prefix", handler(&format!("<{CANARY}:x/>"))),
        ("an entity", handler(&format!("kim,x&{CANARY};"))),
        ("an open entity", handler(&format!("kim,x&{CANARY},y"))),
        (
            "an Include of something else",
            handler(&format!(
                "<i:Include xmlns:i=\"http://www.w3.org/2004/08/xop/include\" href=\"data:{CANARY}\"/>"
            )),
        ),
        (
            "an Include of an invalid reference",
            handler(&format!(
                "<i:Include xmlns:i=\"http://www.w3.org/2004/08/xop/include\" href=\"{CANARY}\"/>"
            )),
        ),
        (
            "an unknown parameter",
            envelope(&format!("<{CANARY}>x</{CANARY}>")),
        ),
        ("text between parameters", envelope(CANARY)),
        (
            "a file in an unknown element",
            envelope(&format!("<fileName>users.csv<x>{CANARY}</x></fileName>")),
        ),
        (
            "a domain",
            envelope(&format!(
                "<fileName>users.csv</fileName><userStoreDomain>{CANARY}</userStoreDomain><handler>a2lt</handler>"
            )),
        ),
        ("not an envelope", format!("<{CANARY}/>")),
        ("only text", file.clone()),
    ];
    messages.push(("cut", messages[0].1[..messages[0].1.len() - 90].to_owned()));
    messages
}

#[test]
fn no_answer_record_audit_entry_or_log_line_quotes_the_file() {
    let home = Home::with_settings("[log]\nlevel = \"trace\"\n");
    let server = Server {
        serving: Serving::start(&home),
    };
    let check = |response: &Response, place: &str| {
        quotes_nothing(&without_rows(response), place);
        quotes_nothing(&format!("{:?}", response.headers), place);
    };
    let imports = "/api/v1/imports";
    for (name, file) in unusual_files() {
        let encoded = base64(&file);
        let password = "Muster-Default-Password: Initial-Pass-1\r\n";
        check(
            &server.post(imports, "text/csv", password, file.as_bytes()),
            &format!("{name}, REST"),
        );
        let path = format!("{imports}?conflict=fail&validateFirst=true");
        check(
            &server.post(&path, "text/csv", password, file.as_bytes()),
            &format!("{name}, validated"),
        );
        for field in ["file|users.csv", "file|users.xlsx"] {
            let body = form(&[("defaultPassword", "Initial-Pass-1"), (field, &file)]);
            check(
                &server.post(imports, FORM, "", body.as_bytes()),
                &format!("{name}, {field}"),
            );
        }
        let preview = format!("{imports}/preview");
        check(
            &server.post(&preview, "text/csv", "", file.as_bytes()),
            &format!("{name}, preview"),
        );
        let soap = handler(&encoded);
        check(
            &server.post("/services/UserAdmin", "text/xml", "", soap.as_bytes()),
            &format!("{name}, SOAP"),
        );
        let own = format!("<x:file>{encoded}</x:file><x:fileName>users.csv</x:fileName>");
        let soap = user_import("importUsers", &own);
        check(
            &server.post("/services/UserImport", "text/xml", "", soap.as_bytes()),
            &format!("{name}, UserImport"),
        );
    }
    for (name, message) in unusual_messages() {
        let answer = server.post("/services/UserAdmin", "text/xml", "", message.as_bytes());
        check(&answer, name);
        if name.to_lowercase().contains("data: url") {
            assert!(answer.body.contains("data: URL"), "{name}: {}", answer.body);
        }
    }
    let parameters = [
        format!("{imports}?conflict={CANARY}"),
        format!("{imports}?{CANARY}=1"),
        format!("{imports}?domain=kim,{CANARY}"),
        format!("{imports}?stopAfter={CANARY}"),
        format!("{imports}?dryRun={CANARY}"),
    ];
    for path in parameters {
        check(
            &server.post(&path, "text/csv", "", b"username\nkim\n"),
            &path,
        );
    }
    let line = format!("kim,{CANARY}");
    let fields = [
        "domain",
        "conflict",
        "dryRun",
        "stopAfter",
        "generatePasswords",
        "nosuch",
        CANARY,
    ];
    for field in fields {
        let body = form(&[(field, &line), ("file|users.csv", "username\nkim\n")]);
        check(&server.post(imports, FORM, "", body.as_bytes()), field);
    }
    let listed = server.get("/api/v1/imports?limit=1000");
    check(&listed, "the records");
    let listed: Value = serde_json::from_str(&listed.body).expect("JSON");
    let records = listed["imports"].as_array().expect("a list");
    assert!(records.len() > 50, "{}", records.len());
    for record in records {
        let id = record["id"].as_str().expect("an id");
        check(
            &server.get(&format!("{imports}/{id}/problems?limit=1000")),
            "problems",
        );
    }
    check(&server.get("/api/v1/audit?limit=1000"), "the audit");
    let log = server.serving.log();
    assert!(log.contains("import ended"), "there is a log: {log}");
    quotes_nothing(&log, "the log");
    server.serving.stop();
}

#[test]
fn the_terminal_quotes_nothing_of_the_file() {
    let home = Home::with_settings("[log]\nlevel = \"trace\"\n");
    for (name, file) in unusual_files() {
        home.write("users.csv", &file);
        let import = ["import", "users.csv", "--default-password-stdin"];
        let done = home.run_with_input(&import, "Initial-Pass-1");
        quotes_nothing(&done.out, name);
        quotes_nothing(&done.err, name);
        let json = ["import", "users.csv", "--json"];
        quotes_nothing(&home.run(&json).out, name);
    }
    let shown = home.run(&["imports", "list", "--json"]).ended(0);
    quotes_nothing(&shown.out, "the records");
    for record in shown.json_lines() {
        let id = record["id"].as_str().expect("an id");
        quotes_nothing(&home.run(&["imports", "show", id]).ended(0).out, "a record");
    }
}
