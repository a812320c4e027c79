//! Runs the checks of the fuzz targets without a fuzzer, and sends every prefix of a valid request.
//!
//! Each target of `tests/fuzz/` has a counterpart here: the same check (`tests/fuzz/checks.rs`) on seeds and
//! on a fixed number of mutations of them. Seeds are the exchanges in `fixtures/`, some lines of our own and,
//! if `MUSTER_CAPTURES` names their folder, captured requests of real clients. The mutations derive from one
//! number, which is printed; `MUSTER_TWIN_SEED` sets another.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::app::{RELATED, Response, TestApp, multipart};
use crate::message::{KIM, base64, call, chunked, head, in_soap_12, parts};

#[path = "../fuzz/checks.rs"]
mod checks;

// Mutations.

/// A reproducible pseudo-random number generator (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    /// Returns a part of `bytes`, rarely a long one.
    fn part<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let start = self.below(bytes.len() + 1);
        let most = [1, 4, 16, 64, 4096][self.below(5)];
        let length = self.below(most.min(bytes.len() - start) + 1);
        &bytes[start..start + length]
    }
}

/// Changes `input` in one to four places, using words of the format and parts of another seed.
fn mutate(input: &mut Vec<u8>, random: &mut Random, words: &[&str], other: &[u8]) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.next() as u8,
            2 => input.truncate(at),
            3 => {
                let length = random.part(input).len().min(input.len() - at);
                input.drain(at..at + length);
            }
            4 => {
                let again = random.part(input).to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let piece = random.part(other).to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let word = words[random.below(words.len())];
                input.splice(at..at, word.bytes());
            }
        }
    }
    input.truncate(16 * 1024);
}

/// Checks every seed and `rounds` mutations of the seeds; prints an input that fails the check.
fn run(name: &str, rounds: usize, seeds: &[Vec<u8>], words: &[&str], check: fn(&[u8])) {
    let number = std::env::var("MUSTER_TWIN_SEED")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(20_260_729);
    eprintln!(
        "{name}: {} seeds, {rounds} mutations of MUSTER_TWIN_SEED={number}",
        seeds.len()
    );
    let started = Instant::now();
    let mut random = Random(2_u64.wrapping_mul(number) | 1);
    let made = (0..rounds).map(|_| {
        let mut input = seeds[random.below(seeds.len())].clone();
        let other = &seeds[random.below(seeds.len())];
        mutate(&mut input, &mut random, words, other);
        input
    });
    for (number, input) in seeds.iter().cloned().chain(made).enumerate() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            eprintln!("{name}: input {number} was b\"{}\"", input.escape_ascii());
            resume_unwind(panic);
        }
    }
    eprintln!("{name}: {:?}", started.elapsed());
}

// Seeds.

/// A client's request: its Content-Type and body.
struct Request {
    content_type: String,
    body: Vec<u8>,
}

/// Returns the requests in `fixtures/` and the captured requests that are not large.
fn requests() -> Vec<Request> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/soap");
    let mut files = Vec::new();
    files_below(&fixtures, &mut files);
    files.retain(|path| path.extension().is_some_and(|ending| ending == "request"));
    if let Some(captures) = std::env::var_os("MUSTER_CAPTURES") {
        files_below(Path::new(&captures), &mut files);
    }
    files.sort();
    files.iter().filter_map(|path| request(path)).collect()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files_below(&path, files),
            false => files.push(path),
        }
    }
}

fn request(path: &Path) -> Option<Request> {
    let ending = path.extension()?.to_str()?;
    let bytes = std::fs::read(path).expect("a file");
    if !matches!(ending, "request" | "http") || bytes.len() > 16 * 1024 {
        return None;
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let content_type = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type")
            .then(|| value.trim().to_owned())
    })?;
    Some(Request {
        content_type,
        body: bytes[end..].to_vec(),
    })
}

/// Builds a seed: one byte for the size of the pieces, then the rest.
fn seed(piece: u8, rest: &[u8]) -> Vec<u8> {
    [&[piece], rest].concat()
}

fn boundary(content_type: &str) -> Option<&str> {
    let value = content_type.split_once("boundary=")?.1;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(';').next(),
    }
}

/// Returns envelopes: whole bodies, and in multipart bodies the text between the tags named Envelope.
fn envelopes() -> Vec<Vec<u8>> {
    let mut envelopes: Vec<Vec<u8>> = Vec::new();
    for request in requests() {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let end = text.rfind("Envelope>").map(|at| at + "Envelope>".len());
        let start = text
            .find("Envelope")
            .and_then(|at| text[..at].rfind('<'))
            .map(|at| text[..at].find("<?xml").unwrap_or(at));
        match (boundary(&request.content_type), start, end) {
            (Some(_), Some(start), Some(end)) if start < end => {
                envelopes.push(text[start..end].into());
            }
            (Some(_), ..) => {}
            (None, ..) => envelopes.push(request.body),
        }
    }
    let latin = call(&base64(KIM)).replace("users.csv", "Zo\u{eb}.csv");
    let latin = format!("<?xml version='1.0' encoding='ISO-8859-1'?>{latin}");
    envelopes.push(latin.chars().map(|c| c as u8).collect());
    let utf16 = format!("\u{feff}{}", call("cid:a1@x"));
    envelopes.push(utf16.encode_utf16().flat_map(u16::to_le_bytes).collect());
    envelopes.push(in_soap_12(&call("<![CDATA[a2lt]]><!-- b -->LCwK&#13;&#xA;")).into());
    envelopes.push(call(&format!("\n   {}", base64(KIM).repeat(3))).into());
    envelopes.push(call("UserName,Password\nkim,http://wso2.org/claims/x=y").into());
    envelopes
}

// The checks.

#[test]
fn multipart_messages() {
    let mut seeds: Vec<Vec<u8>> = requests()
        .into_iter()
        .filter_map(|request| {
            let line = format!("{}\n", boundary(&request.content_type)?);
            Some(seed(7, &[line.as_bytes(), &request.body].concat()))
        })
        .collect();
    seeds.push(seed(2, format!("b1\n{}", multipart(KIM)).as_bytes()));
    seeds.push(seed(
        0,
        b"-\npreamble\n---\n\n-\r\n---\t\nA: b\n c\n\n---x\n-----",
    ));
    let words = [
        "\r\n--b1\r\n",
        "\n--b1\n",
        "\r\n--b1--",
        "--b1 \t\r\n",
        "--",
        "\r",
        "\n",
        "Content-ID: <a>\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Type: multipart/mixed\r\n",
        "\r\n\r\n",
        " folded\r\n",
    ];
    run("multipart", 1_500, &seeds, &words, checks::multipart);
}

#[test]
fn media_types() {
    let mut seeds: Vec<Vec<u8>> = requests()
        .into_iter()
        .map(|request| request.content_type.into_bytes())
        .collect();
    seeds.push(RELATED.into());
    seeds.push(br#"multipart/related;start-info="application/soap+xml;action=\"urn:b\"""#.into());
    seeds.push(b"text/xml;\r\n\tcharset = utf-8 ; flag;=z; y=".into());
    let words = [
        "\"",
        "\\",
        ";",
        "=",
        " ",
        "\r\n\t",
        "boundary=",
        "\\\"",
        "; boundary=\"b\"",
    ];
    run("media_type", 10_000, &seeds, &words, checks::media_type);
}

#[test]
fn scim_filters() {
    let seeds = [
        "userName eq \"kim\"",
        "emails[type eq \"work\" and not (value co \"@x\")] or title pr",
        "emails[primary eq true].value",
        "members[value eq \"7\"].display",
        "members pr and (displayName sw \"a\\u00e9\\\"\" or externalId ne null)",
        "meta.lastModified gt \"2011-05-13T04:42:34Z\" and active eq \"True\"",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"7\"",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "name.familyName",
    ]
    .map(|text| text.as_bytes().to_vec());
    let words = [
        "(", ")", "not (", "not", "[", "]", "\"", "\\", " and ", " or ", " eq ", " pr", " ", "\t",
        "null", "-1.5e3", "true", "\"x\"", "emails[", "members", "id", ".", ":", "$ref", "urn:",
        "\\ud83d", "\u{e9}",
    ];
    run("scim_filter", 10_000, &seeds, &words, checks::scim_filter);
}

#[test]
fn base64_texts() {
    let long = base64(&KIM.repeat(200));
    let lines: Vec<&str> = long
        .as_bytes()
        .chunks(76)
        .map(|line| str::from_utf8(line).expect("ASCII"))
        .collect();
    let seeds = [
        "",
        "Zg==",
        "Zm8=",
        "Zm9v",
        "Zm9vYg",
        " Z m\t9\rv\nY g = =",
        "Zh==",
        "cid:1",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([long.clone(), lines.join("\r\n")]);
    let seeds: Vec<_> = seeds.map(|text| seed(3, text.as_bytes())).collect();
    let words = [
        "=", "==", "\r\n", " ", "-", "_", "A", "AA==", "\u{c}", "\u{a0}",
    ];
    run("base64", 8_000, &seeds, &words, checks::base64);
}

#[test]
fn envelopes_and_calls() {
    let seeds: Vec<_> = envelopes()
        .iter()
        .map(|envelope| seed(11, envelope))
        .collect();
    let words = [
        "<",
        ">",
        "</",
        "/>",
        "&",
        "&lt;",
        "&#13;",
        "&#x0;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x?>",
        "<!DOCTYPE a>",
        " xmlns=\"\"",
        " xmlns:a=\"b\"",
        " a:b='c'",
        " xml:lang=\"en\"",
        "<a/>",
        "<handler>",
        "</handler>",
        "cid:",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
        "\u{feff}",
        "\r",
        ":",
    ];
    run("envelope", 3_000, &seeds, &words, checks::envelope);
}

#[test]
fn csv_files() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/users.csv");
    let mut files = vec![std::fs::read(demo).expect("the demo's file")];
    let texts = [
        KIM,
        "a,\"b\r\nc\",\"\"\"\"\r\n\r\nd\re\n",
        "\u{feff}a,b\n\"x\"y,z",
        "a",
        "\"open\n",
    ];
    files.extend(texts.map(|text| text.as_bytes().to_vec()));
    if let Some(captures) = std::env::var_os("MUSTER_CAPTURES") {
        for name in ["users.csv", "users-utf8.csv"] {
            files.push(std::fs::read(Path::new(&captures).join(name)).expect("a payload"));
        }
    }
    let seeds: Vec<_> = files.iter().map(|file| seed(5, file)).collect();
    let words = [
        "\"", "\"\"", ",", "\r\n", "\n", "\r", "\n\n", ";", "\t", "\0", "\u{feff}", "\u{e9}",
    ];
    run("csv", 8_000, &seeds, &words, checks::csv);
}

#[test]
fn files_of_every_kind() {
    let table = "username,givenname\nkim,Kim\nzo\u{eb},Zo\u{eb}\n";
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for (line, row) in table.lines().enumerate() {
        for (column, text) in row.split(',').enumerate() {
            sheet
                .write(line as u32, column as u16, text)
                .expect("a cell");
        }
    }
    let utf16 = |unit: fn(u16) -> [u8; 2]| {
        let marked = format!("\u{feff}{table}");
        marked.encode_utf16().flat_map(unit).collect::<Vec<u8>>()
    };
    let files = [
        table.as_bytes().to_vec(),
        table.chars().map(|c| c as u8).collect(),
        format!("sep=;\n{}", table.replace(',', ";")).into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        workbook.save_to_buffer().expect("a workbook"),
        OLD_WORKBOOK.to_vec(),
    ];
    let seeds: Vec<_> = files.iter().map(|file| seed(5, file)).collect();
    let words = [
        "\n",
        ";",
        ",",
        "\u{feff}",
        "\u{e9}",
        "\"",
        "<",
        "PK\u{1}\u{2}",
        "\0\0",
    ];
    run("file", 1_500, &seeds, &words, checks::file);
}

#[test]
fn patch_messages() {
    let user = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"kim",
        "name":{"givenName":"Kim"},"active":true,"password":"Secret-1",
        "emails":[{"value":"a@x","type":"work","primary":true},{"value":"b@x","type":"home"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"u1"}}}"#;
    let group =
        r#"{"displayName":"Climbers","members":[{"value":"u1"},{"value":"u2","type":"User"}]}"#;
    let messages = [
        r#"{"op":"Replace","path":"emails[type eq \"work\"].value","value":"c@x"}"#,
        r#"{"op":"Add","path":"emails[type eq \"other\"].value","value":"d@x"}"#,
        r#"{"op":"add","path":"emails","value":[{"value":"b@x","type":"home","primary":"True"}]}"#,
        r#"{"op":"remove","path":"emails[not (type sw \"w\" and value co \"@\")].primary"}"#,
        r#"{"op":"replace","value":{"name.familyName":"Doe","active":"False","nickName":null,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":"u2"}}"#,
        r#"{"op":"remove","path":"members","value":[{"value":"u1"}]}"#,
        r#"{"op":"add","path":"members","value":[{"value":"u3"},"u4"]}"#,
        r#"{"op":"replace","path":"members[value eq \"u1\" or type eq \"User\"]","value":{"type":"Group"}}"#,
        r#"{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}"#,
    ];
    let seeds: Vec<Vec<u8>> = messages
        .iter()
        .flat_map(|operation| {
            [user, group]
                .map(|resource| format!("{resource}{{\"Operations\":[{operation}]}}").into_bytes())
        })
        .chain([b"\xef\xbb\xbf{\"a\":[1,-2.5e3,null],\"b\":\"\\ud83d\\ude00\"}".to_vec()])
        .collect();
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\\"",
        "\\u0000",
        "\\ud800",
        "null",
        "true",
        "1e400",
        "\"value\":",
        "\"primary\":true,",
        "\"PRIMARY\":true",
        " and ",
        " or ",
        "not (",
        " eq ",
        " pr",
        "emails",
        "members",
        "groups",
        "schemas",
        "password",
        "shoeSize",
        "urn:ietf:params:scim:schemas:core:2.0:User:",
        "\"remove\"",
        "\"add\"",
    ];
    run("patch", 8_000, &seeds, &words, checks::patch);
}

const OLD_WORKBOOK: &[u8] = include_bytes!("../../fixtures/workbooks/small.xls");

/// A sender may divide its chunks anywhere: what the first bytes determine (a byte order mark, the XML
/// declaration, the signatures of gzip and zlib) must be recognized with one byte per chunk too.
#[test]
fn first_bytes_are_recognized_with_any_size_of_the_first_chunk() {
    let server = TestApp::start();
    let mut wrong = Vec::new();
    for size in [100_000, 20, 1] {
        let call = |name: &str| call(&base64(&KIM.replace("kim", &format!("{name}{size}"))));
        let utf16 = format!("\u{feff}{}", call("utf16"));
        let latin = call("latin").replace("users.csv", "Zo\u{eb}.csv");
        let latin = format!("<?xml version='1.0' encoding='ISO-8859-1'?>{latin}");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(call("gzip").as_bytes()).expect("memory");
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(call("zlib").as_bytes()).expect("memory");
        for (name, header, body) in [
            (
                "UTF-16",
                "",
                utf16.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ),
            ("ISO-8859-1", "", latin.chars().map(|c| c as u8).collect()),
            (
                "gzip without Content-Encoding",
                "",
                gzip.finish().expect("memory"),
            ),
            (
                "zlib",
                "Content-Encoding: deflate\r\n",
                zlib.finish().expect("memory"),
            ),
        ] {
            let request = chunked("text/xml", header, &body, size);
            let head = request.windows(4).position(|four| four == b"\r\n\r\n");
            let chunk = body.len().min(size);
            let first = head.expect("a head") + 4 + format!("{chunk:x}\r\n\r\n").len() + chunk;
            // The first chunk is sent alone.
            let mut stream = server.connect();
            stream
                .write_all(&request[..first])
                .expect("the server listens");
            std::thread::sleep(Duration::from_millis(50));
            stream
                .write_all(&request[first..])
                .expect("the server listens");
            let response = Response::read(&mut stream);
            if response.status != 200 {
                wrong.push(format!(
                    "{name}, chunks of {size}: {}",
                    response.fault_text()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// Every prefix of a valid request.

/// Four valid requests: the user's name, Content-Type, and the body, which ends with its last necessary byte.
fn valid_requests() -> [(&'static str, &'static str, String); 4] {
    let file = |name| KIM.replace("kim", name);
    let swa = parts(&[
        ("Content-Type: text/xml", &call("cid:a")),
        ("Content-ID: <a>", &file("swa")),
    ]);
    let related = "multipart/related; boundary=b1; type=\"text/xml\"";
    [
        ("inline11", "text/xml", call(&base64(&file("inline11")))),
        (
            "inline12",
            "application/soap+xml",
            in_soap_12(&call(&base64(&file("inline12")))),
        ),
        (
            "mtom",
            RELATED,
            multipart(&file("mtom")).trim_end().to_owned(),
        ),
        ("swa", related, swa.trim_end().to_owned()),
    ]
}

/// Returns the response, if there is one: a server may close the connection to a client that has
/// disconnected.
fn answer(stream: &mut TcpStream) -> Option<Response> {
    let mut first = [0];
    match stream.peek(&mut first) {
        Ok(1) => Some(Response::read(stream)),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Err(error) => panic!("no response in time: {error}"),
    }
}

fn is_refusal(response: &Response) -> bool {
    matches!(response.status, 400..=599)
        && !response.body.contains(":Server</faultcode>")
        && !response.body.contains(":Receiver<")
}

/// Calls `work` with every number below `end` on a few threads.
fn each(end: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(number) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < end)
                {
                    work(number);
                }
            });
        }
    });
}

#[test]
fn every_prefix_of_a_valid_request_is_refused_when_sent_as_the_whole() {
    let server = TestApp::start();
    let started = Instant::now();
    let mut sent = 0;
    let mut stored: Vec<String> = Vec::new();
    for (name, content_type, body) in valid_requests() {
        each(body.len(), |length| {
            let response = server.post(content_type, &body.as_bytes()[..length]);
            assert!(
                is_refusal(&response),
                "{name}, {length} bytes: {response:?}"
            );
            assert!(
                response.rule().starts_with("IMP-"),
                "{name}, {length} bytes"
            );
        });
        assert_eq!(server.user_names(), stored, "{name}");
        sent += body.len();
        let whole = server.post(content_type, body.as_bytes());
        assert_eq!(whole.status, 200, "{name}: {}", whole.body);
        stored.push(name.to_owned());
    }
    eprintln!(
        "{sent} prefixes as whole bodies, in {:?}",
        started.elapsed()
    );
}

#[test]
fn every_prefix_of_a_valid_request_is_refused_when_the_client_disconnects() {
    let server = TestApp::start();
    let started = Instant::now();
    let (sent, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for (name, content_type, body) in valid_requests() {
        let head = head(content_type, &format!("Content-Length: {}\r\n", body.len()));
        let request = [head.as_bytes(), body.as_bytes()].concat();
        each(request.len(), |length| {
            let mut stream = server.connect();
            stream
                .write_all(&request[..length])
                .expect("the server listens");
            stream
                .shutdown(Shutdown::Write)
                .expect("an open connection");
            if let Some(response) = answer(&mut stream) {
                assert!(
                    is_refusal(&response),
                    "{name}, {length} bytes: {response:?}"
                );
                answered.fetch_add(1, Ordering::Relaxed);
            }
            sent.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(server.user_names(), [""; 0], "{name}");
    }
    eprintln!(
        "{sent:?} prefixes, {answered:?} answered, in {:?}",
        started.elapsed()
    );
}
