//! The templates of files of users: filled in and imported, the example row is skipped and nothing else is.

use std::io::Cursor;

use muster::formats::workbook_template;
use muster::import::template::Template;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, admin};

fn import(server: &TestApp, name: &str, media_type: &str, file: &[u8]) -> Value {
    let path = format!("/api/v1/imports?fileName={name}");
    let password = "Muster-Default-Password: Harbour-Light-17";
    let response: Response = server.post_as(&path, Some(&admin()), media_type, &[password], file);
    assert_eq!(response.status, 201, "{}", response.body);
    serde_json::from_str(&response.body).unwrap()
}

fn outcome(report: &Value) -> (Value, Value, Vec<Value>) {
    let findings = report["findings"].as_array().unwrap().iter();
    let codes = findings.map(|finding| finding["code"].clone()).collect();
    (report["created"].clone(), report["skipped"].clone(), codes)
}

const SPREADSHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

#[test]
fn templates_are_imported_without_their_example() {
    let server = TestApp::start();
    let template = Template::of(&server.app.importer.claims);
    let empty = (json!(0), json!(1), vec![json!("example-skipped")]);
    let csv = template.csv().unwrap();
    let book = template.workbook().unwrap();
    for (name, media_type, file) in [
        ("template.csv", "text/csv", &csv),
        ("template.xlsx", SPREADSHEET, &book),
    ] {
        let report = import(&server, name, media_type, file);
        assert_eq!(outcome(&report), empty, "{name}: {report}");
    }

    let filled = [csv, b"ann,,Ann,Ny,ann@example.com,\r\n".to_vec()].concat();
    let report = import(&server, "filled.csv", "text/csv", &filled);
    let one = (json!(1), json!(1), vec![json!("example-skipped")]);
    assert_eq!(outcome(&report), one, "{report}");
    assert!(server.has_password("PRIMARY/ann", "Harbour-Light-17"));
    let kim = server.app.store.user("default", "PRIMARY", "kim.lee");
    assert_eq!(kim, Ok(None));
}

#[test]
fn workbook_template_is_one_sheet_for_other_readers() {
    let template = Template::of(&TestApp::start().app.importer.claims);
    let file = Cursor::new(template.workbook().unwrap());
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(file).unwrap();
    let range = calamine::Reader::worksheet_range(&mut book, "Users").unwrap();
    let cells = |row: u32| -> Vec<String> {
        let columns = u32::try_from(template.columns().len()).unwrap();
        (0..columns)
            .map(|column| range.get_value((row, column)).unwrap().to_string())
            .collect()
    };
    assert_eq!(cells(0), template.columns());
    assert_eq!(cells(1)[0], "Example: kim.lee");
}

#[test]
fn user_whose_name_only_resembles_an_example_is_imported() {
    let server = TestApp::start();
    let file = "username,givenname\nexample:ann,Example: Ann\nExample,Example:\nexample: ben,Ben\n";
    let report = import(&server, "users.csv", "text/csv", file.as_bytes());
    let expected = (json!(2), json!(1), vec![json!("example-skipped")]);
    assert_eq!(outcome(&report), expected, "{report}");
    let book = workbook_template::workbook(&["username"], &["eXample:  cleo"]).unwrap();
    let report = import(&server, "users.xlsx", SPREADSHEET, &book);
    assert_eq!(outcome(&report).1, json!(1), "{report}");
}
