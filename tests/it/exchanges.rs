//! Complete exchanges in files: `fixtures/soap/NAME.request` is sent unchanged, and the response is compared with
//! `NAME.response`. With the variable `BLESS`, the response files are rewritten.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::app::{Response, TestApp};

/// The header fields that clients use.
const FIELDS: [&str; 4] = [
    "content-type",
    "www-authenticate",
    "muster-import",
    "connection",
];

static ID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").expect("a literal")
});

#[test]
fn every_request_gets_its_recorded_response() {
    let requests = requests();
    assert!(requests.len() >= 8, "{requests:?}");
    for path in requests {
        let server = TestApp::start();
        let request = std::fs::read(&path).expect("the request can be read");
        let found = as_text(&server.send(&request));
        let expected = path.with_extension("response");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &found).expect("the response can be written");
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(found, expected, "{}", path.display());
    }
}

fn requests() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/soap");
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut requests: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "request"))
        .collect();
    requests.sort();
    requests
}

/// Status, the fields of [`FIELDS`], an empty line, the body; ids are replaced.
fn as_text(response: &Response) -> String {
    let mut text = format!("{}\n", response.status);
    for field in FIELDS {
        if let Some(value) = response.header(field) {
            text.push_str(&format!("{field}: {value}\n"));
        }
    }
    text.push('\n');
    text.push_str(&response.body);
    ID.replace_all(&text, "@ID@").into_owned()
}
