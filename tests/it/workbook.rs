//! Workbooks, and text files as spreadsheet programs write them, from the request or the terminal to the
//! store.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::users::user::User;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use crate::app::{RELATED, Response, TestApp, admin, envelope};
use crate::message::{DEFAULT_PASSWORD, FORM, include, parameters};
use crate::process::Home;

const OLD: &[u8] = include_bytes!("../../fixtures/workbooks/users.xls");

/// A call with this file as its attachment.
fn attached(name: &str, file: &[u8]) -> Vec<u8> {
    let envelope = envelope(&parameters(&include("file@test")).replace("users.csv", name));
    let mut body = format!(
        "--b1\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\n\
         Content-ID: <root>\r\n\r\n{envelope}\r\n--b1\r\nContent-Type: application/octet-stream\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <file@test>\r\n\r\n"
    )
    .into_bytes();
    body.extend(file);
    body.extend(b"\r\n--b1--\r\n");
    body
}

fn import(server: &TestApp, name: &str, file: &[u8]) -> Response {
    server.post(RELATED, &attached(name, file))
}

/// A way to send a workbook: as an attachment, inline in the envelope, or in a form.
type Channel = fn(&TestApp, &str, &[u8]) -> Response;

const CHANNELS: [Channel; 3] = [import, inline, in_a_form];

fn inline(server: &TestApp, name: &str, file: &[u8]) -> Response {
    let call = envelope(&parameters(&STANDARD.encode(file)).replace("users.csv", name));
    server.post("text/xml", call.as_bytes())
}

fn in_a_form(server: &TestApp, name: &str, file: &[u8]) -> Response {
    let mut body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"defaultPassword\"\r\n\r\n{DEFAULT_PASSWORD}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend(file);
    body.extend(b"\r\n--b--\r\n");
    server.post_as("/api/v1/imports", Some(&admin()), FORM, &[], &body)
}

/// A workbook of one sheet with these rows of text.
fn sheet(rows: &[&[&str]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (line, row) in rows.iter().enumerate() {
        for (column, text) in row.iter().enumerate() {
            sheet.write(line as u32, column as u16, *text).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// A workbook that no library would write: these rows are the user names, below their heading.
fn minimal(rows: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let heading = "<row><c t=\"inlineStr\"><is><t>username</t></is></c></row>";
    let sheet = format!("<worksheet><sheetData>{heading}{rows}</sheetData></worksheet>");
    for (name, content) in [
        (
            "_rels/.rels",
            "<R><Relationship Id=\"r\" Type=\"a/officeDocument\" Target=\"xl/workbook.xml\"/></R>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<R><Relationship Id=\"r1\" Type=\"a/worksheet\" Target=\"sheet.xml\"/></R>",
        ),
        (
            "xl/workbook.xml",
            "<workbook xmlns:r=\"r\"><sheets><sheet name=\"Users\" r:id=\"r1\"/></sheets></workbook>",
        ),
        ("xl/sheet.xml", &sheet),
    ] {
        let form = zip::write::SimpleFileOptions::default();
        writer.start_file(name, form).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Returns the fields of a user, without ids and times.
fn line(user: &User) -> String {
    format!(
        "{} {:?} {:?} {:?} {:?}",
        user.user_name, user.given_name, user.family_name, user.email, user.attributes
    )
}

fn lines(server: &TestApp) -> Vec<String> {
    server.users().iter().map(line).collect()
}

#[test]
fn same_table_creates_the_same_users_in_every_format() {
    let table: &[&[&str]] = &[
        &["UserName", "Password", "Claims", "", ""],
        &[
            "kim",
            "",
            "http://wso2.org/claims/emailaddress=kim@example.com",
            "http://wso2.org/claims/country=France",
            "",
        ],
        &["lee"],
        &["", "", ""],
        &[
            "zoë",
            "Spring-Meadow-42",
            "",
            "http://wso2.org/claims/streetaddress=12 High Street; \"Upper\" Floor, left",
        ],
        &["two words", "", ""],
    ];
    let text = |delimiter: &str| {
        let quoted = |cell: &&str| match cell.contains([',', ';', '"']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => (*cell).to_owned(),
        };
        let row = |row: &&[&str]| row.iter().map(quoted).collect::<Vec<_>>().join(delimiter);
        table.iter().map(row).collect::<Vec<_>>().join("\r\n")
    };
    let utf16: Vec<u8> = format!("\u{feff}{}", text("\t"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin = |text: String| text.chars().map(|c| c as u8).collect::<Vec<_>>();
    let mut first: Option<(Vec<String>, Vec<u64>)> = None;
    for (name, file) in [
        ("commas.csv", text(",").into_bytes()),
        ("semicolons.CSV", text(";").into_bytes()),
        ("TABs.tsv", text("\t").into_bytes()),
        ("unicode.csv", utf16),
        ("windows.csv", latin(text(";"))),
        ("named.csv", format!("sep=;\r\n{}", text(";")).into_bytes()),
        ("workbook.XLSX", sheet(table)),
    ] {
        let server = TestApp::start();
        let response = import(&server, name, &file);
        assert!(
            response
                .fault_text()
                .contains("Success count : 3,  Failed Count : 1,"),
            "{name}: {}",
            response.body
        );
        let findings = server.last_findings();
        let failed = findings
            .iter()
            .filter(|found| found.code == "name-white-space");
        let mut at: Vec<u64> = failed.map(|found| found.line).collect();
        if name == "named.csv" {
            at.iter_mut().for_each(|line| *line -= 1);
        }
        let guessed = findings
            .iter()
            .find(|found| found.code == "charset-guessed");
        assert_eq!(guessed.is_some(), name == "windows.csv", "{name}");
        if let Some(guessed) = guessed {
            assert!(
                guessed
                    .message
                    .contains("read as windows-1252, which is a guess")
            );
        }
        let seen = (lines(&server), at);
        match &first {
            None => first = Some(seen),
            Some(first) => assert_eq!(&seen, first, "{name}"),
        }
    }
    let (users, failed) = first.unwrap();
    assert_eq!((users.len(), failed), (3, vec![6]));
}

#[test]
fn numbers_dates_and_errors_of_a_sheet_are_read() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let header = ["username", "mobile", "hired", "department", "active"];
    for (column, name) in header.iter().enumerate() {
        sheet.write(0, column as u16, *name).unwrap();
    }
    sheet.write(1, 0, 1001).unwrap();
    sheet.write(1, 1, 491_701_234_567_890_i64).unwrap();
    let date = ExcelDateTime::from_ymd(2026, 11, 22).unwrap();
    let format = Format::new().set_num_format("dd/mm/yyyy");
    sheet.write_with_format(1, 2, &date, &format).unwrap();
    sheet
        .write(1, 3, Formula::new("=\"R\"&\"D\"").set_result("RD"))
        .unwrap();
    sheet.write(1, 4, true).unwrap();
    sheet.write(3, 0, "kim").unwrap();
    sheet
        .write(3, 3, Formula::new("=NA()").set_result("#N/A"))
        .unwrap();
    sheet.write(4, 0, "lee").unwrap();
    sheet.write(4, 5, "beside").unwrap();
    let claims = "hired = \"hired\"\nactive = \"active\"\n";
    let server = TestApp::start_with(|options| {
        options.app.claims = toml::from_str(claims).expect("claims");
    });
    let response = import(&server, "users.xlsx", &workbook.save_to_buffer().unwrap());
    assert!(
        response.fault_text().contains("Failed Count : 2,"),
        "{}",
        response.body
    );
    let user = &server.users()[0];
    assert_eq!(user.user_name, "1001");
    for (name, value) in [
        ("mobile", "491701234567890"),
        ("hired", "2026-11-22"),
        ("department", "RD"),
        ("active", "true"),
    ] {
        assert_eq!(user.attributes[name], value, "{name}");
    }
    let findings = server.last_findings();
    let seen: Vec<_> = findings
        .iter()
        .map(|found| (found.line, found.code.as_ref(), found.message.as_str()))
        .collect();
    let expected = [
        (
            4,
            "cell-error",
            "the cell D4 holds the error #N/A; correct its formula or clear the cell",
        ),
        (
            5,
            "field-count",
            "the row has 6 fields and the header has 5; name every column in the header row, or \
             clear the cells next to it",
        ),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn xls_workbook_is_read() {
    let claims = "hired = \"hired\"\nactive = \"active\"\n";
    let server = TestApp::start_with(|options| {
        options.app.claims = toml::from_str(claims).expect("claims");
    });
    let response = import(&server, "users.xls", OLD);
    let fault = response.fault_text();
    assert!(
        fault.contains("Success count : 2,  Failed Count : 2,"),
        "{}",
        response.body
    );
    assert_eq!(server.user_names(), ["1001", "kim"]);
    let found = server.last_findings().remove(0);
    assert_eq!((found.line, found.code.as_ref()), (4, "formula-result"));
    let words = "the cell G4 has a formula whose result";
    assert!(found.message.contains(words), "{found:?}");
    let kim = &server.users()[1];
    assert_eq!(kim.given_name.as_deref(), Some("Kim Šimková"));
    assert_eq!(kim.attributes["department"], "00042");
    assert_eq!(kim.attributes["hired"], "2026-11-22");
}

#[test]
fn documented_file_name_extensions_are_accepted_and_no_others() {
    let xlsx = sheet(&[&["username"], &["kim"]]);
    for (name, file, rule) in [
        ("users.txt", &xlsx[..], "IMP-FILE-FORMAT"),
        ("users.xlsm", &xlsx, "IMP-FILE-FORMAT"),
        ("users", &xlsx, "IMP-FILE-FORMAT"),
        ("users.csv", &xlsx, "IMP-FILE-FORMAT"),
        ("users.xls", &xlsx, "IMP-FILE-FORMAT"),
        ("users.xlsx", OLD, "IMP-FILE-FORMAT"),
        ("users.xlsx", b"username\nkim\n", "IMP-FILE-FORMAT"),
        ("users.xls", b"<html>", "IMP-FILE-FORMAT"),
        ("users.xlsx", &xlsx[..xlsx.len() - 40], "IMP-WORKBOOK"),
        ("users.xls", &OLD[..4096], "IMP-WORKBOOK"),
        ("users.xlsx", b"", "IMP-FILE-EMPTY"),
        ("users.xlsx", &sheet(&[]), "IMP-FILE-EMPTY"),
    ] {
        let server = TestApp::start();
        let response = import(&server, name, file);
        assert_eq!(response.rule(), rule, "{name}: {}", response.body);
        assert_eq!(
            response.element("faultcode").as_deref(),
            Some("soapenv:Client")
        );
        assert_eq!(server.user_names(), [""; 0], "{name}");
        let spool = server.folder.path().join("data/spool");
        assert_eq!(
            std::fs::read_dir(spool).unwrap().count(),
            0,
            "no file remains"
        );
    }
}

#[test]
fn decompression_bomb_is_refused() {
    let cell = "x".repeat(32_000);
    let row: &[&str] = &[&cell];
    let names: Vec<String> = (0..400)
        .map(|number| format!("{number}{}", &cell[4..]))
        .collect();
    let rows: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let rows: Vec<&[&str]> = [row]
        .into_iter()
        .chain(rows.iter().map(|row| &row[..]))
        .collect();
    let bomb = sheet(&rows);
    assert!(bomb.len() < 200_000, "{} bytes", bomb.len());
    let server = TestApp::start_with(|options| {
        options.app.files.workbook_inflated_bytes = 1_000_000;
    });
    let response = import(&server, "users.xlsx", &bomb);
    assert_eq!(response.rule(), "IMP-WORKBOOK-SIZE");
    let words = "more than 1000000 bytes when decompressed";
    assert!(response.fault_text().contains(words), "{}", response.body);
}

#[test]
fn formula_without_a_result_fails_the_row_and_names_the_cell() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet
        .write_row(0, 0, ["username", "email", "displayname"])
        .unwrap();
    sheet.write_row(1, 0, ["kim", "kim@example.com"]).unwrap();
    sheet
        .write(1, 2, Formula::new("=\"Kim\"").set_result("Kim"))
        .unwrap();
    sheet.write_row(2, 0, ["lee", "", "Lee"]).unwrap();
    sheet
        .write(2, 1, Formula::new("=A3&\"@example.com\""))
        .unwrap();
    sheet
        .write(3, 0, Formula::new("=LOWER(\"PAT\")").set_result(""))
        .unwrap();
    let file = workbook.save_to_buffer().unwrap();
    for channel in CHANNELS {
        let server = TestApp::start();
        channel(&server, "users.xlsx", &file);
        assert_eq!(server.user_names(), ["kim"]);
        let kim = &server.users()[0];
        assert_eq!(kim.email.as_deref(), Some("kim@example.com"));
        let findings = server.last_findings();
        let seen: Vec<_> = findings
            .iter()
            .map(|found| (found.line, found.column.as_deref(), found.code.as_ref()))
            .collect();
        let expected = [
            (3, Some("email"), "formula-result"),
            (4, Some("username"), "formula-result"),
        ];
        assert_eq!(seen, expected);
        assert!(
            findings[0].message.starts_with("the cell B3 has a formula"),
            "{findings:?}"
        );
        assert!(
            findings[1].message.starts_with("the cell A4 has a formula"),
            "{findings:?}"
        );
    }
}

#[test]
fn integers_are_stored_exactly_or_fail_their_row() {
    let numbers = [
        "110101199003070017",
        "110101199003070018",
        "1.1010119900307E+17",
        "1001",
    ];
    let rows: String = numbers
        .iter()
        .map(|number| format!("<row><c><v>{number}</v></c></row>"))
        .collect();
    let file = minimal(&rows);
    for channel in CHANNELS {
        let server = TestApp::start();
        channel(&server, "users.xlsx", &file);
        let names = ["1001", "110101199003070017", "110101199003070018"];
        assert_eq!(server.user_names(), names);
        let found = server.last_findings().remove(0);
        assert_eq!((found.line, found.code.as_ref()), (4, "number-digits"));
        let words = "the cell A4 holds a number with more digits";
        assert!(found.message.contains(words), "{found:?}");
    }
}

#[test]
fn row_with_only_an_error_fails_and_is_not_skipped_as_blank() {
    let file = minimal("<row><c t=\"e\"><v>#N/A</v></c></row><row><c><v>1001</v></c></row>");
    for channel in CHANNELS {
        let server = TestApp::start();
        channel(&server, "users.xlsx", &file);
        assert_eq!(server.user_names(), ["1001"]);
        let found = server.last_findings().remove(0);
        assert_eq!((found.line, found.code.as_ref()), (2, "cell-error"));
        assert!(
            found.message.contains("the cell A2 holds the error #N/A"),
            "{found:?}"
        );
    }
}

#[test]
fn header_cell_with_an_error_is_named() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("Leute").unwrap();
    sheet.write(0, 0, "username").unwrap();
    sheet
        .write(0, 2, Formula::new("=NA()").set_result("#N/A"))
        .unwrap();
    sheet.write(1, 0, "kim").unwrap();
    let file = workbook.save_to_buffer().unwrap();
    for channel in CHANNELS {
        let server = TestApp::start();
        let response = channel(&server, "users.xlsx", &file);
        let words = "The cell C1 of the header row in the sheet";
        assert!(response.body.contains(words), "{}", response.body);
        assert!(response.body.contains("Leute"), "{}", response.body);
        assert_eq!(server.user_names(), [""; 0]);
    }
}

#[test]
fn unsupported_spreadsheet_formats_get_advice_to_convert_them() {
    let xml = "<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?>\
        <Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\"/>";
    let html = "<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><table/></html>";
    for (file, what) in [(xml, "an XML Spreadsheet 2003"), (html, "an HTML page")] {
        for name in ["users.xls", "users.xlsx", "users.csv"] {
            for channel in CHANNELS {
                let server = TestApp::start();
                let response = channel(&server, name, file.as_bytes());
                let words = format!(
                    "The file is {what}; open it in a spreadsheet program, save it as an Excel workbook (.xlsx)"
                );
                assert!(response.body.contains(&words), "{name}: {}", response.body);
                assert_eq!(server.user_names(), [""; 0]);
            }
        }
    }
}

#[test]
fn workbook_with_only_its_structure_protected_is_imported() {
    let file = include_bytes!("../../fixtures/workbooks/structure-rc4.xls");
    for channel in CHANNELS {
        let server = TestApp::start();
        channel(&server, "users.xls", file);
        assert_eq!(server.user_names(), ["mira", "nele", "otto"]);
    }
}

#[test]
fn table_that_begins_below_and_right_of_the_first_cell_is_read() {
    let table = |first: (u32, u16)| {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        for (row, cells) in [["username", "title"], ["mira", "Dr"], ["otto", "Ms"]]
            .iter()
            .enumerate()
        {
            for (column, text) in cells.iter().enumerate() {
                let place = (first.0 + row as u32, first.1 + column as u16);
                sheet.write(place.0, place.1, *text).expect("a cell");
            }
        }
        workbook.save_to_buffer().expect("a workbook")
    };
    for first in [(2, 1), (0, 3), (9, 0)] {
        let server = TestApp::start();
        let answer = import(&server, "users.xlsx", &table(first));
        assert_eq!(answer.status, 200, "{first:?}: {}", answer.body);
        let users = server.users();
        let seen: Vec<_> = users
            .iter()
            .map(|it| (&*it.user_name, &it.attributes["title"]))
            .collect();
        assert_eq!(
            seen,
            [("mira", &"Dr".into()), ("otto", &"Ms".into())],
            "{first:?}"
        );
    }
    let server = TestApp::start();
    let csv = ",,\n,,\n,username,title\n,mira,Dr\n,otto,Ms\n";
    let answer = import(&server, "users.csv", csv.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.user_names(), ["mira", "otto"]);
}

#[test]
fn refused_header_names_its_sheet_and_empty_columns_by_letter() {
    let mut workbook = Workbook::new();
    let cover = workbook.add_worksheet();
    cover.set_name("Cover").expect("a name");
    cover.write(0, 0, "Staff of 2026").expect("a cell");
    let users = workbook.add_worksheet();
    users.set_name("Users").expect("a name");
    for (place, text) in [(0, "username"), (2, "email")] {
        users.write(0, place, text).expect("a cell");
    }
    for (place, text) in [(0, "mira"), (1, "x"), (2, "mira@example.com")] {
        users.write(1, place, text).expect("a cell");
    }
    let file = workbook.save_to_buffer().expect("a workbook");
    for channel in crate::channels::Channel::ALL {
        let bench = crate::channels::Bench::start(channel);
        let upload = crate::channels::Upload::new("users.xlsx", &file);
        let outcome = bench.import(&upload);
        let message = outcome.refused.as_deref().expect("it is refused");
        assert!(
            message.contains("in the sheet \"Cover\""),
            "{channel:?}: {message}"
        );
        if channel.takes_options() {
            let outcome = bench.import(&upload.with(&[("sheet", "Users")]));
            let message = outcome.refused.as_deref().expect("it is refused");
            for words in ["in the sheet \"Users\"", "column B (it has no heading)"] {
                assert!(message.contains(words), "{channel:?}: {message}");
            }
        }
    }
}

#[test]
fn number_with_more_digits_than_a_spreadsheet_keeps_is_not_a_name() {
    for number in ["1E400", "-1E400", "1E-400", "1e309"] {
        let server = TestApp::start();
        let rows = format!("<row><c><v>{number}</v></c></row><row><c><v>7</v></c></row>");
        import(&server, "users.xlsx", &minimal(&rows));
        assert_eq!(server.user_names(), ["7"], "{number}");
        let codes: Vec<String> = server.findings().into_iter().map(|it| it.2).collect();
        assert_eq!(codes, ["number-digits"], "{number}");
    }
}

#[test]
fn rows_in_a_single_cell_and_texts_like_errors_fail() {
    let rows: &[&[&str]] = &[
        &["username", "email", "title"],
        &["kim,k@x.org,Dr"],
        &["lee", "l@x.org", "#ZAHL"],
        &["mia", "m@x.org", "#WAARDE!"],
    ];
    let server = TestApp::start();
    import(&server, "users.xlsx", &sheet(rows));
    assert_eq!(server.user_names(), ["lee"]);
    let codes: Vec<(u64, String)> = server
        .findings()
        .into_iter()
        .map(|it| (it.0, it.2))
        .collect();
    assert_eq!(
        codes,
        [(2, "field-count".to_owned()), (4, "cell-error".to_owned())]
    );
}

#[test]
fn truncated_workbook_is_an_interrupted_upload() {
    let server = TestApp::start();
    let whole = attached("users.xlsx", &sheet(&[&["username"], &["kim"]]));
    let response = server.post(RELATED, &whole[..whole.len() - 20]);
    assert_eq!(response.rule(), "IMP-MIME-TRUNCATED", "{}", response.body);
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn terminal_reads_workbooks_and_reports_how() {
    let home = Home::new();
    std::fs::write(home.path("users.xlsx"), sheet(&[&["username"], &["kim"]])).unwrap();
    std::fs::write(
        home.path("windows.csv"),
        b"username;givenname\nlee;Zo\xeb\n",
    )
    .unwrap();
    std::fs::write(
        home.path("greek.csv"),
        b"username|givenname\npat|\xe1,\xe2\n",
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let stdin = ["--default-password-stdin"];
        let all = [&["import"], arguments, &stdin].concat();
        home.run_with_input(&all, DEFAULT_PASSWORD)
    };
    let done = run(&["users.xlsx"]).ended(0);
    assert!(
        done.out.contains("read as xlsx, sheet \"Sheet1\""),
        "{done:?}"
    );
    let done = run(&["windows.csv"]).ended(0);
    let words = "read as csv, windows-1252 (guessed), semicolons";
    assert!(
        done.out.contains(words) && done.out.contains("charset-guessed"),
        "{done:?}"
    );
    let set = [
        "greek.csv",
        "--charset",
        "iso-8859-7",
        "--delimiter",
        "bar",
        "--json",
    ];
    let report = run(&set).ended(0).json();
    let expected = serde_json::json!({
        "kind": "csv",
        "charset": "ISO-8859-7",
        "charsetFrom": "setting",
        "delimiter": "bar",
        "sheet": null,
    });
    assert_eq!(report["file"], expected);
    let done = home.run(&["users", "show", "pat"]).ended(0);
    assert!(done.out.contains("α,β"), "{done:?}");
    let done = run(&["users.xlsx", "--charset", "latin-nine"]).ended(1);
    assert!(
        done.err.contains("\"latin-nine\" is not a known charset"),
        "{done:?}"
    );
}
