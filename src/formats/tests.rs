//! Tests of complete files through the entry point.

use std::io::{self, Read, Write};

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use crate::formats::compound::tests::compound;
use crate::formats::detected::Detected;
use crate::formats::error::FormatError;
use crate::formats::kind::FileKind;
use crate::formats::open::{KnownColumns, Options, open};
use crate::formats::row::Flaw;
use crate::formats::settings::Settings;
use crate::formats::workbook_memory::WorkbookMemory;
use crate::wire::spool::SpoolSettings;

/// The column names known in these tests.
const COLUMNS: [&str; 6] = [
    "username",
    "UserName",
    "Password",
    "Claims",
    "email",
    "displayname",
];

pub(super) type Table = (Detected, Vec<(u64, String)>);

/// The line of each row, and its fields separated by bars; flawed rows in brackets.
fn read_with(file: &[u8], called: &str, settings: &Settings) -> Result<Table, FormatError> {
    read_sheet(file, called, settings, None)
}

pub(super) fn read_sheet(
    file: &[u8],
    called: &str,
    settings: &Settings,
    sheet: Option<&str>,
) -> Result<Table, FormatError> {
    let folder = tempfile::tempdir().unwrap();
    let spool = SpoolSettings {
        folder: folder.path().into(),
        limit: 1 << 30,
    };
    let options = Options {
        called: FileKind::called(called),
        charset: None,
        settings,
        spool: &spool,
        memory: &WorkbookMemory::new(settings),
        sheet,
        columns: KnownColumns(&|name| COLUMNS.contains(&name)),
    };
    let mut opened = open(file, &options)?;
    let mut rows = opened.rows()?;
    let mut all = Vec::new();
    while let Some(row) = rows.next_row()? {
        let text = match row.text() {
            Ok(text) => text.iter().collect::<Vec<_>>().join("|"),
            Err(field) => match field.flaw {
                Flaw::NotText => format!("[{} is not text]", field.position),
                Flaw::Error(error) => format!("[{} is {error}]", field.position),
                Flaw::Quotes(_) => format!("[{} has other quotes]", field.position),
                Flaw::Nul | Flaw::EndMark => format!("[{} has a control]", field.position),
                flaw => format!("[{} is {flaw:?}]", field.position),
            },
        };
        all.push((row.line(), text));
    }
    Ok((rows.detected(), all))
}

pub(super) fn read(file: &[u8], called: &str) -> Result<Table, FormatError> {
    read_with(file, called, &Settings::default())
}

pub(super) fn refusal(file: &[u8], called: &str) -> String {
    match read(file, called) {
        Ok((detected, _)) => format!("read as {detected}"),
        Err(error) => format!("{} {error}", error.code()),
    }
}

pub(super) fn row(line: u64, text: &str) -> (u64, String) {
    (line, text.to_owned())
}

pub(super) fn workbook(fill: impl FnOnce(&mut Workbook)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(&mut workbook);
    workbook.save_to_buffer().unwrap()
}

/// A workbook with one sheet of these text rows.
pub(super) fn sheet(rows: &[&[&str]]) -> Vec<u8> {
    workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        for (line, row) in rows.iter().enumerate() {
            for (column, text) in row.iter().enumerate() {
                sheet.write(line as u32, column as u16, *text).unwrap();
            }
        }
    })
}

#[test]
fn cells_are_read_as_a_spreadsheet_shows_them() {
    let file = workbook(|workbook| {
        workbook
            .add_worksheet()
            .set_hidden(true)
            .write(0, 0, "not this one")
            .unwrap();
        let sheet = workbook.add_worksheet().set_name("Leute").unwrap();
        sheet.set_active(true);
        let form = |code: &str| Format::new().set_num_format(code);
        for (column, name) in ["user", "number", "when", "active"].iter().enumerate() {
            sheet.write(1, column as u16, *name).unwrap();
        }
        let date = ExcelDateTime::from_ymd(2026, 11, 22).unwrap();
        sheet.write(2, 0, "Šárka <&> \"Q\"\n2").unwrap();
        sheet.write(2, 1, 491_701_234_567_890_i64).unwrap();
        sheet
            .write_with_format(2, 2, &date, &form("dd.mm.yyyy"))
            .unwrap();
        sheet.write(2, 3, true).unwrap();
        sheet.write_with_format(4, 1, 42, &form("00000")).unwrap();
        let noon = date.clone().and_hms(10, 0, 0).unwrap();
        sheet
            .write_with_format(4, 2, &noon, &form("yyyy-mm-dd hh:mm"))
            .unwrap();
        sheet.write(5, 0, 1.0 / 3.0).unwrap();
        sheet.write(5, 4, "beside").unwrap();
        sheet
            .write(6, 1, Formula::new("=A1&B1").set_result("text"))
            .unwrap();
        sheet
            .write(7, 3, Formula::new("=NA()").set_result("#N/A"))
            .unwrap();
        sheet.write_blank(8, 0, &form("0.00")).unwrap();
        sheet.write(9, 0, "  ").unwrap();
        sheet
            .write_with_format(10, 2, 1.5, &form("[h]:mm:ss"))
            .unwrap();
    });
    let (detected, rows) = read(&file, "a.XLSX").unwrap();
    let expected = [
        row(2, "user|number|when|active"),
        row(3, "Šárka <&> \"Q\"\n2|491701234567890|2026-11-22|true"),
        row(5, "|00042|2026-11-22T10:00:00|"),
        row(6, "0.333333333333333||||beside"),
        row(7, "|text||"),
        row(8, "[3 is #N/A]"),
        row(11, "||36:00:00|"),
    ];
    assert_eq!(rows, expected);
    assert_eq!(detected.to_string(), "xlsx, sheet \"Leute\"");
}

#[test]
fn xls_cells_are_read_like_xlsx_cells() {
    let file = include_bytes!("../../fixtures/workbooks/users.xls");
    let (detected, rows) = read(file, "a.xls").unwrap();
    let expected = [
        row(
            1,
            "username|givenname|emailaddress|mobile|department|hired|active",
        ),
        row(
            2,
            "kim|Kim Šimková|kim@example.com|491701234567890|00042|2026-11-22|true",
        ),
        // The library that wrote the file stored an empty text as the result of `=1=2`.
        row(4, "[6 is NoResult]"),
        row(5, "1001|李雷||-12|12.5||"),
        row(6, &format!("sam||{}||||", "long ".repeat(4000))),
    ];
    assert_eq!(rows, expected);
    assert_eq!(detected.to_string(), "xls, sheet \"Users\"");
}

#[test]
fn text_is_read_in_all_charsets_and_with_all_delimiters() {
    let read = |file: &[u8]| {
        let (detected, rows) = read(file, "a.csv").unwrap();
        assert_eq!(rows, [row(1, "a|b"), row(2, "Zoë|x,y")], "{detected}");
        detected.to_string()
    };
    let utf16: Vec<u8> = "\u{feff}a\tb\r\nZoë\tx,y\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(read(&utf16), "csv, UTF-16LE (byte-order mark), TABs");
    assert_eq!(
        read(b"a;b\nZo\xeb;x,y\n"),
        "csv, windows-1252 (guessed), semicolons"
    );
    assert_eq!(read("a,b\nZoë,\"x,y\"".as_bytes()), "csv, UTF-8, commas");
    let set = Settings {
        charset: "iso-8859-7".to_owned().try_into().unwrap(),
        delimiter: "semicolon".to_owned().try_into().unwrap(),
        ..Settings::default()
    };
    let (detected, rows) = read_with(b"a\n\xe1;b,c", "", &set).unwrap();
    assert_eq!(rows, [row(1, "a"), row(2, "α|b,c")]);
    assert_eq!(detected.to_string(), "csv, ISO-8859-7 (set), semicolons");
}

#[test]
fn mismatch_of_name_and_content_is_reported() {
    let xlsx = sheet(&[&["user"]]);
    let xls = include_bytes!("../../fixtures/workbooks/users.xls");
    for (file, called, code, words) in [
        (&b""[..], "a.csv", "IMP-FILE-EMPTY", "empty"),
        (b"\n\n", "a.csv", "IMP-FILE-EMPTY", "empty"),
        (
            b"a,b",
            "a.xlsx",
            "IMP-FILE-FORMAT",
            "ends in .xlsx but the file is text",
        ),
        (
            &xlsx,
            "a.csv",
            "IMP-FILE-FORMAT",
            "ends in .csv but the file is an Excel workbook (.xlsx)",
        ),
        (
            &xlsx,
            "a.xls",
            "IMP-FILE-FORMAT",
            "ends in .xls but the file is an Excel workbook (.xlsx)",
        ),
        (
            xls,
            "a.xlsx",
            "IMP-FILE-FORMAT",
            "ends in .xlsx but the file is an Excel 97-2003 workbook",
        ),
        (
            xls,
            "a.csv",
            "IMP-FILE-FORMAT",
            "ends in .csv but the file is an Excel 97-2003 workbook",
        ),
        (b"PK\x03\x04.", "a.csv", "IMP-FILE-FORMAT", "a ZIP archive"),
        (
            b"%PDF-1.7",
            "a.csv",
            "IMP-FILE-FORMAT",
            "is a PDF document; send CSV or",
        ),
        (
            b"%PDF-1.7",
            "a",
            "IMP-FILE-FORMAT",
            "is a PDF document; send CSV or",
        ),
        (
            b"<html><table>",
            "a.xls",
            "IMP-FILE-FORMAT",
            "is an HTML page; open it in a spreadsheet program, save it as an Excel workbook (.xlsx)",
        ),
        (b"a\0b,c\0\0d\n", "a.csv", "IMP-FILE-FORMAT", "NUL"),
        (
            b"\xff\xfe\0\0a\0\0\0",
            "a.csv",
            "IMP-FILE-CHARSET",
            "UTF-32",
        ),
    ] {
        let answer = refusal(file, called);
        assert!(
            answer.starts_with(code) && answer.contains(words),
            "{answer}"
        );
    }
    assert_eq!(refusal(&xlsx, "no end"), "read as xlsx, sheet \"Sheet1\"");
}

#[test]
fn damaged_and_encrypted_workbooks_are_refused() {
    let xlsx = sheet(&[&["user", "email"], &["kim", "kim@example.com"]]);
    let xls = &include_bytes!("../../fixtures/workbooks/users.xls")[..];
    let encrypted = compound("EncryptedPackage", b"");
    for (file, called, code, words) in [
        (
            &xlsx[..xlsx.len() - 30],
            "a.xlsx",
            "IMP-WORKBOOK ",
            "cut off",
        ),
        (&xlsx[..1000], "a.xlsx", "IMP-WORKBOOK ", "cut off"),
        (
            &encrypted,
            "a.xlsx",
            "IMP-WORKBOOK-ENCRYPTED",
            "remove the password",
        ),
        (
            &encrypted,
            "a.xls",
            "IMP-WORKBOOK-ENCRYPTED",
            "remove the password",
        ),
        (&xls[..2000], "a.xls", "IMP-WORKBOOK ", "cut off"),
        (
            &compound("WordDocument", b""),
            "a.xls",
            "IMP-FILE-FORMAT",
            "not a workbook",
        ),
        (
            &compound("Book", b""),
            "a.xls",
            "IMP-FILE-FORMAT",
            "Excel 95",
        ),
        (
            &compound("Workbook", b"rubbish"),
            "a.xls",
            "IMP-WORKBOOK ",
            "invalid form",
        ),
        (
            &sheet(&[]),
            "a.xlsx",
            "IMP-FILE-EMPTY",
            "The sheet \"Sheet1\" of the workbook is empty",
        ),
    ] {
        let answer = refusal(file, called);
        assert!(
            answer.starts_with(code) && answer.contains(words),
            "{answer}"
        );
    }
}

#[test]
fn workbook_limits_are_enforced() {
    let refusal = |settings: Settings| {
        let names: Vec<String> = (0..5_000).map(|number| format!("user{number}")).collect();
        let rows: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
        match read_with(&sheet(&rows), "", &settings) {
            Ok((_, rows)) => rows.len().to_string(),
            Err(error) => format!("{} {error}", error.code()),
        }
    };
    assert_eq!(refusal(Settings::default()), "5000");
    for (settings, words) in [
        (
            Settings {
                workbook_bytes: 10_000,
                ..Settings::default()
            },
            "more than 10000 bytes as sent",
        ),
        (
            Settings {
                workbook_inflated_bytes: 100_000,
                ..Settings::default()
            },
            "more than 100000 bytes when decompressed",
        ),
        (
            Settings {
                workbook_memory_bytes: 100_000,
                ..Settings::default()
            },
            "more than 100000 bytes of texts and formats",
        ),
    ] {
        let answer = refusal(settings);
        assert!(
            answer.starts_with("IMP-WORKBOOK-SIZE") && answer.contains(words),
            "{answer}"
        );
    }
}

/// A BIFF stream: the globals with one sheet, then the records of the sheet.
fn old(sheet: &[(u16, &[u8])]) -> Vec<u8> {
    let stream = |records: &[(u16, &[u8])]| {
        let one = |(kind, data): &(u16, &[u8])| {
            let length = (data.len() as u16).to_le_bytes();
            [&kind.to_le_bytes()[..], &length, data].concat()
        };
        records.iter().map(one).collect::<Vec<_>>().concat()
    };
    let bof: (u16, &[u8]) = (0x0809, b"\0\x06\x05\0");
    let globals = |start: u32| {
        let bound = [&start.to_le_bytes()[..], b"\0\0\x01\0S"].concat();
        stream(&[bof, (0x0085, &bound), (0x000a, b"")])
    };
    let start = globals(0).len() as u32;
    let sheet = [&[bof][..], sheet, &[(0x000a, b"")]].concat();
    compound("Workbook", &[globals(start), stream(&sheet)].concat())
}

#[test]
fn all_kinds_of_biff_cell_records_are_read() {
    let number = 2.5_f64.to_le_bytes();
    let cell = |place: &[u8; 6], value: &[u8]| [&place[..], value].concat();
    let file = old(&[
        (0x0204, &cell(b"\x01\0\0\0\0\0", b"\x02\0\0Zo")),
        (0x0200, b"\0\0\0\0\xff\xff\xff\xff\0\0\xff\xff\0\0"),
        (0x0809, b"\0\x06\x20\0"),
        (0x0203, &cell(b"\x01\0\x03\0\0\0", &number)),
        (0x000a, b""),
        (0x0203, &cell(b"\0\0\x01\0\0\0", &number)),
        (0x0205, &cell(b"\0\0\x02\0\0\0", b"\x01\0")),
        (0x0205, &cell(b"\x02\0\x02\0\0\0", b"\x2a\x01")),
        (0x0006, &cell(b"\0\0\0\0\0\0", b"\0\0\0\0\0\0\xff\xff____")),
        (0x0207, b"\x01\0\0f"),
        (
            0x0006,
            &cell(b"\x04\0\x03\0\0\0", b"\x03\0\0\0\0\0\xff\xff____"),
        ),
        (
            0x0006,
            &cell(b"\x05\0\0\0\0\0", b"\0\0\0\0\0\0\xff\xff____"),
        ),
        (0x00bd, b"\x03\0\0\0\0\0\x0a\0\0\0\0\0\x0e\0\0\0\x01\0"),
    ]);
    let (_, rows) = read(&file, "a.xls").unwrap();
    let expected = [
        row(1, "f|2.5|true"),
        row(2, "Zo||"),
        row(3, "[2 is #N/A]"),
        row(4, "2|3|"),
        row(5, "[3 is NoResult]"),
        row(6, "[0 is NoResult]"),
    ];
    assert_eq!(rows, expected);
}

/// The parts of a workbook, decompressed.
pub(super) fn parts(workbook: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(io::Cursor::new(workbook)).unwrap();
    let count = archive.len();
    let part = |index| {
        let mut part = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        (part.name().unwrap().into_owned(), content)
    };
    (0..count).map(part).collect()
}

/// A workbook with these parts.
pub(super) fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(name.as_str(), stored).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn modified_parts_are_read_or_refused() {
    let whole = parts(&sheet(&[&["user", "email"], &["kim", "kim@example.com"]]));
    assert!(read(&packed(&whole), "").is_ok());
    for number in 0..whole.len() {
        let length = whole[number].1.len();
        for at in (0..length).step_by(length / 12 + 1) {
            for change in [&b""[..], b"<", b"&#0;", b"\xff", b"99999999999", b"\">"] {
                let mut changed = whole.clone();
                changed[number].1.splice(at..at + 1, change.iter().copied());
                if let Err(error) = read(&packed(&changed), "") {
                    assert!(error.code().starts_with("IMP-"), "{error}");
                }
            }
        }
        let mut changed = whole.clone();
        changed.remove(number);
        let _ = read(&packed(&changed), "");
    }
}

#[test]
fn wrong_count_of_shared_strings_is_ignored() {
    let whole = parts(&sheet(&[&["user"], &["kim"]]));
    for number in [
        "0",
        "1",
        "3",
        "999999999999",
        "99999999999999999999999",
        "-1",
        "many",
    ] {
        let mut parts = whole.clone();
        let texts = parts
            .iter_mut()
            .find(|(name, _)| name == "xl/sharedStrings.xml");
        let (_, texts) = texts.unwrap();
        let more = String::from_utf8_lossy(texts)
            .replace("uniqueCount=\"2\"", &format!("uniqueCount=\"{number}\""));
        assert_ne!(more.as_bytes(), texts.as_slice());
        *texts = more.into_bytes();
        let (_, rows) = read(&packed(&parts), "a.xlsx").unwrap();
        assert_eq!(rows, [row(1, "user"), row(2, "kim")], "{number}");
    }
}

#[test]
fn modified_workbooks_are_read_or_refused() {
    let xlsx = sheet(&[&["user", "email"], &["kim", "kim@example.com"]]);
    let xls = old(&[
        (
            0x0203,
            &[b"\0\0\x01\0\0\0", &2.5_f64.to_le_bytes()[..]].concat(),
        ),
        (0x0204, b"\0\0\x02\0\0\0\x02\0\0Zo"),
    ]);
    for file in [xlsx, xls] {
        for at in (0..file.len()).step_by(17) {
            for value in [0, 0x7f, 0xff] {
                let mut changed = file.clone();
                changed[at] = value;
                let _ = read(&changed, "");
            }
        }
    }
}
