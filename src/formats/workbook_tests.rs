//! Tests of workbooks as other programs write them and of malformed ones: each kind of part, cell and formula.

use rust_xlsxwriter::{Formula, Workbook};

use crate::formats::compound::tests::compound;
use crate::formats::error::FormatError;
use crate::formats::settings::Settings;
use crate::formats::tests::{packed, parts, read, read_sheet, refusal, row, sheet, workbook};

type Parts = Vec<(String, Vec<u8>)>;

fn part(name: &str, content: &str) -> (String, Vec<u8>) {
    (name.to_owned(), content.as_bytes().to_vec())
}

const SPREADSHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const REFERENCES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A minimal workbook with these rows, and with these elements after its sheets.
fn bare(rows: &str, after: &str) -> Parts {
    vec![
        part(
            "_rels/.rels",
            &format!(
                "<Relationships><Relationship Id=\"r\" Type=\"{REFERENCES}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        part(
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<Relationships><Relationship Id=\"r1\" Type=\"{REFERENCES}/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        part(
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{SPREADSHEET}\" xmlns:r=\"{REFERENCES}\"><sheets>\
                 <sheet name=\"Users\" sheetId=\"1\" r:id=\"r1\"/></sheets>{after}</workbook>"
            ),
        ),
        part(
            "xl/worksheets/sheet1.xml",
            &format!(
                "<worksheet xmlns=\"{SPREADSHEET}\"><sheetData>{rows}</sheetData></worksheet>"
            ),
        ),
    ]
}

const HEADER: &str = "<row><c t=\"inlineStr\"><is><t>user</t></is></c>\
    <c t=\"inlineStr\"><is><t>email</t></is></c></row>";

/// The second row of a minimal workbook whose e-mail is this cell.
fn second(cell: &str, after: &str, more: &[(String, Vec<u8>)]) -> String {
    let rows = format!("{HEADER}<row><c t=\"str\"><v>kim</v></c>{cell}</row>");
    let mut parts = bare(&rows, after);
    parts.extend(more.iter().cloned());
    let (_, rows) = read(&packed(&parts), "a.xlsx").unwrap();
    rows[1].1.clone()
}

#[test]
fn part_names_with_backslashes_are_read() {
    let rows: &[&[&str]] = &[&["user", "email"], &["kim", "kim@example.com"]];
    let mut parts = parts(&sheet(rows));
    for (name, content) in &mut parts {
        *name = name.replace('/', "\\");
        if name.ends_with(".rels") {
            *content = String::from_utf8_lossy(content)
                .replace("Target=\"worksheets/", "Target=\"worksheets\\")
                .into_bytes();
        }
    }
    let (_, read) = read(&packed(&parts), "a.xlsx").unwrap();
    assert_eq!(read, [row(1, "user|email"), row(2, "kim|kim@example.com")]);
}

#[test]
fn parts_in_utf_16_are_read() {
    let rows: &[&[&str]] = &[&["user", "name"], &["kim", "Šárka 李雷 <&>"]];
    let whole = parts(&sheet(rows));
    let wide =
        |text: &str, to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    for to in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["", "\u{feff}"] {
            let mut parts = whole.clone();
            for (_, content) in &mut parts {
                let text = String::from_utf8_lossy(content).replace("UTF-8", "UTF-16");
                *content = wide(&format!("{mark}{text}"), to);
            }
            let (_, read) = read(&packed(&parts), "a.xlsx").unwrap();
            assert_eq!(read, [row(1, "user|name"), row(2, "kim|Šárka 李雷 <&>")]);
        }
    }
}

#[test]
fn strict_namespaces_prefixes_and_other_names_of_parts_are_read() {
    const STRICT: &str = "http://purl.oclc.org/ooxml/officeDocument/relationships";
    let parts = vec![
        part(
            "_rels/.rels",
            &format!(
                "<p:Relationships xmlns:p='p'><p:Relationship Id='r' Type='{STRICT}/officeDocument' \
                 Target='/book/users.xml'/></p:Relationships>"
            ),
        ),
        part(
            "book/_rels/users.xml.rels",
            &format!(
                "<Relationships><Relationship Id='r1' Type='{STRICT}/worksheet' Target='../one.xml'/>\
                 <Relationship Id='r2' Type='{STRICT}/sharedStrings' Target='words.xml'/>\
                 <Relationship Id='r3' Type='{STRICT}/styles' Target='forms.xml'/>\
                 <Relationship Id='r4' Type='{STRICT}/chartsheet' Target='chart.xml'/></Relationships>"
            ),
        ),
        part(
            "book/users.xml",
            "<x:workbook xmlns:x='http://purl.oclc.org/ooxml/spreadsheetml/main' xmlns:q='q' conformance='strict'>\
             <x:workbookPr date1904='true'/><x:sheets><x:sheet name='Chart' sheetId='2' q:id='r4'/>\
             <x:sheet name='Leute &amp; mehr' sheetId='1' q:id='r1'/></x:sheets></x:workbook>",
        ),
        part(
            "one.xml",
            "<x:worksheet xmlns:x='x'><x:sheetData><x:row r='1'><x:c r='A1' t='s'><x:v>0</x:v></x:c>\
             <x:c r='B1' t='s'><x:v>1</x:v></x:c></x:row><x:row r='2'><x:c r='A2' t='s'><x:v>2</x:v></x:c>\
             <x:c r='B2' s='1'><x:v>0</x:v></x:c></x:row></x:sheetData></x:worksheet>",
        ),
        part(
            "book/words.xml",
            "<x:sst xmlns:x='x'><x:si><x:t>user</x:t></x:si><x:si><x:t>since</x:t></x:si>\
             <x:si><x:r><x:t>k</x:t></x:r><x:r><x:t>im</x:t></x:r></x:si></x:sst>",
        ),
        part(
            "book/forms.xml",
            "<x:styleSheet xmlns:x='x'><x:cellXfs><x:xf numFmtId='0'/><x:xf numFmtId='14'/></x:cellXfs>\
             </x:styleSheet>",
        ),
    ];
    let (detected, rows) = read(&packed(&parts), "a.xlsx").unwrap();
    assert_eq!(rows, [row(1, "user|since"), row(2, "kim|1904-01-01")]);
    assert_eq!(detected.sheet.as_deref(), Some("Leute & mehr"));
}

#[test]
fn whole_numbers_keep_their_digits() {
    let second = |number: &str| second(&format!("<c><v>{number}</v></c>"), "", &[]);
    assert_eq!(second("110101199003070017"), "kim|110101199003070017");
    assert_eq!(second("4111111111111111"), "kim|4111111111111111");
    assert_eq!(second("1.1010119900307E+17"), "[1 is LostDigits]");
}

#[test]
fn placeholders_are_distinguished_from_results() {
    let none = "<c><f>A2&amp;\"@example.com\"</f></c>";
    let zero = "<c><f>A2&amp;\"@example.com\"</f><v>0</v></c>";
    let empty = "<c t=\"str\"><f>\"\"</f><v></v></c>";
    let text = "<c t=\"str\"><f>A2</f><v>kim@example.com</v></c>";
    let of = |program: &str| {
        let properties = format!("<Properties><Application>{program}</Application></Properties>");
        part("docProps/app.xml", &properties)
    };
    let chain = part("xl/calcChain.xml", "<calcChain/>");
    const NO_RESULT: &str = "[1 is NoResult]";
    for (after, more, of_zero, of_empty) in [
        ("", vec![], NO_RESULT, "kim|"),
        (
            "<calcPr calcId=\"191029\"/>",
            vec![of("Microsoft Excel"), chain.clone()],
            "kim|0",
            "kim|",
        ),
        (
            "<calcPr calcId=\"124519\"/>",
            vec![of("Microsoft Excel")],
            NO_RESULT,
            "kim|",
        ),
        ("<calcPr/>", vec![of("Apache POI")], NO_RESULT, "kim|"),
        (
            "<calcPr/>",
            vec![of("LibreOffice/7.6.4$Linux")],
            "kim|0",
            "kim|",
        ),
        (
            "<calcPr fullCalcOnLoad=\"1\"/>",
            vec![of("Microsoft Excel"), chain.clone()],
            NO_RESULT,
            NO_RESULT,
        ),
        (
            "<calcPr fullCalcOnLoad=\"true\"/>",
            vec![],
            NO_RESULT,
            NO_RESULT,
        ),
        (
            "<calcPr fullCalcOnLoad=\"0\"/>",
            vec![chain.clone()],
            "kim|0",
            "kim|",
        ),
        (
            "<calcPr calcCompleted=\"0\"/>",
            vec![chain.clone()],
            NO_RESULT,
            NO_RESULT,
        ),
    ] {
        assert_eq!(second(none, after, &more), NO_RESULT, "{after}");
        assert_eq!(second(zero, after, &more), of_zero, "{after}");
        assert_eq!(second(empty, after, &more), of_empty, "{after}");
        assert_eq!(second(text, after, &more), "kim|kim@example.com", "{after}");
    }
    let google = "</workbook>";
    let mut parts = bare(
        &format!("{HEADER}<row><c t=\"str\"><v>kim</v></c>{zero}</row>"),
        "",
    );
    let book = parts.iter_mut().find(|(name, _)| name == "xl/workbook.xml");
    let (_, book) = book.unwrap();
    let declared = "<workbook xmlns:mv=\"urn:schemas-microsoft-com:mac:vml\"";
    *book = String::from_utf8_lossy(book)
        .replace("<workbook", declared)
        .into_bytes();
    assert!(String::from_utf8_lossy(book).ends_with(google));
    let (_, rows) = read(&packed(&parts), "").unwrap();
    assert_eq!(rows[1].1, "kim|0");
    let written = workbook(|workbook: &mut Workbook| {
        let sheet = workbook.add_worksheet();
        sheet.write_row(0, 0, ["user", "email"]).unwrap();
        sheet.write(1, 0, "kim").unwrap();
        sheet
            .write(1, 1, Formula::new("=A2&\"@example.com\""))
            .unwrap();
    });
    assert_eq!(read(&written, "").unwrap().1[1], row(2, NO_RESULT));
}

#[test]
fn sheet_is_chosen_by_name_and_named_in_errors() {
    let settings = Settings::default();
    let file = workbook(|workbook: &mut Workbook| {
        for (name, cell) in [("Notes", "a"), ("Users", "user"), ("Leer", "")] {
            let sheet = workbook.add_worksheet().set_name(name).unwrap();
            sheet.set_hidden(name == "Users").write(0, 0, cell).unwrap();
        }
    });
    let old = include_bytes!("../../fixtures/workbooks/users.xls");
    let sheet = |file: &[u8], name| {
        let read = read_sheet(file, "", &settings, name);
        match read {
            Ok((detected, rows)) => format!("{}: {}", detected.sheet.unwrap(), rows[0].1),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(sheet(&file, None), "Notes: a");
    assert_eq!(sheet(&file, Some("users")), "Users: user");
    let empty = sheet(&file, Some("leer"));
    assert!(
        empty.starts_with("The sheet \"Leer\" of the workbook is empty"),
        "{empty}"
    );
    let unknown =
        "The workbook has no sheet \"Kunden\"; its sheets are \"Notes\", \"Users\", \"Leer\".";
    assert_eq!(sheet(&file, Some("Kunden")), unknown);
    assert_eq!(sheet(old, Some("NOTES")), "Notes: not this one");
    assert!(sheet(old, None).starts_with("Users: username|"));
    let unknown = "The workbook has no sheet \"x\"; its sheets are \"Notes\", \"Users\".";
    assert_eq!(sheet(old, Some("x")), unknown);

    let damaged = bare(
        &format!("{HEADER}<row r=\"7\"><c><v>1</v></c><c r=\"7\"/></row>"),
        "",
    );
    let words = "cannot be read in the sheet \"Users\" after row 7: a cell there";
    let answer = refusal(&packed(&damaged), "a.xlsx");
    assert!(answer.contains(words), "{answer}");
}

#[test]
fn workbook_with_structure_protection_only_is_read() {
    for file in [
        &include_bytes!("../../fixtures/workbooks/structure-xor.xls")[..],
        include_bytes!("../../fixtures/workbooks/structure-rc4.xls"),
        include_bytes!("../../fixtures/workbooks/structure-cryptoapi.xls"),
    ] {
        let (detected, rows) = read(file, "a.xls").unwrap();
        assert_eq!(detected.to_string(), "xls, sheet \"Users\"");
        let long = format!("Otto {}", "long ".repeat(400));
        let expected = [
            row(1, "username|email|displayname"),
            row(2, "mira|mira@example.com|Mira Falk"),
            row(3, &format!("otto|otto@example.com|{long}")),
            row(4, "nele|nele@example.com|Nele"),
        ];
        assert_eq!(rows, expected);
        // With any other password the verifier is different.
        let at = memchr::memmem::find(file, b"\x2f\x00").unwrap();
        let mut other = file.to_vec();
        let length = usize::from(u16::from_le_bytes([file[at + 2], file[at + 3]]));
        other[at + 3 + length] ^= 1;
        let answer = refusal(&other, "a.xls");
        assert!(answer.starts_with("IMP-WORKBOOK-ENCRYPTED"), "{answer}");
        for end in (0..file.len()).step_by(61) {
            let _ = read(&file[..end], "a.xls");
        }
    }
}

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, data].concat()
}

/// An .xls workbook with one sheet, a table of shared strings and cells that refer to them.
fn with_texts(count: u32, texts: &[Vec<u8>], cells: &[[u8; 10]]) -> Vec<u8> {
    let bof = record(0x0809, b"\0\x06\x05\0");
    let first = [&count.to_le_bytes()[..], &count.to_le_bytes(), &texts[0]].concat();
    let mut table = record(0x00fc, &first);
    for text in &texts[1..] {
        table.extend(record(0x003c, text));
    }
    let globals = |start: u32| {
        let bound = [&start.to_le_bytes()[..], b"\0\0\x01\0S"].concat();
        [
            &bof[..],
            &record(0x0085, &bound),
            &table,
            &record(0x000a, b""),
        ]
        .concat()
    };
    let start = globals(0).len() as u32;
    let mut stream = globals(start);
    stream.extend(&bof);
    for cell in cells {
        stream.extend(record(0x00fd, cell));
    }
    stream.extend(record(0x000a, b""));
    compound("Workbook", &stream)
}

#[test]
fn wrong_string_counts_and_empty_continue_records_are_accepted() {
    let cell = |row: u8, index: u8| [row, 0, 0, 0, 0, 0, index, 0, 0, 0];
    let expected = [row(1, "user"), row(2, "kim")];
    let together = vec![b"\x04\0\0user\x03\0\0kim".to_vec()];
    let parted = vec![
        b"\x04\0\0us".to_vec(),
        Vec::new(),
        Vec::new(),
        b"\0er".to_vec(),
        Vec::new(),
        b"\x03\0".to_vec(),
        b"\0kim".to_vec(),
        Vec::new(),
    ];
    for texts in [together, parted] {
        for count in [0, 1, 2, 3, u32::MAX] {
            let file = with_texts(count, &texts, &[cell(0, 0), cell(1, 1)]);
            assert_eq!(read(&file, "a.xls").unwrap().1, expected, "{count}");
        }
        let file = with_texts(2, &texts, &[cell(0, 0), cell(1, 7), cell(2, 1)]);
        let expected = [row(1, "user"), row(2, "[0 is NoSuchText]"), row(3, "kim")];
        assert_eq!(read(&file, "a.xls").unwrap().1, expected);
    }
}

#[test]
fn sheets_match_those_of_another_reader() {
    use calamine::{Data, Reader, Xlsx};
    let texts = [
        "plain",
        " in blanks ",
        "a\tb\r\nc",
        "_x000D_",
        "\u{1}",
        "<&>\"'",
        "Šárka 李雷 🐟",
        "=1",
    ];
    let file = workbook(|workbook: &mut Workbook| {
        let sheet = workbook.add_worksheet();
        for (line, text) in texts.iter().enumerate() {
            sheet.write(line as u32, 0, *text).unwrap();
            sheet.write(line as u32, 1, line as u32 * 7).unwrap();
        }
    });
    let mut other: Xlsx<_> = Xlsx::new(std::io::Cursor::new(&file)).unwrap();
    let range = other.worksheet_range("Sheet1").unwrap();
    let (_, rows) = read(&file, "").unwrap();
    for (line, cells) in range.rows().enumerate() {
        let cell = |data: &Data| match data {
            Data::Float(number) => number.to_string(),
            data => data.to_string(),
        };
        let expected = cells.iter().map(cell).collect::<Vec<_>>().join("|");
        assert_eq!(rows[line].1, expected);
        assert!(expected.starts_with(texts[line]), "{expected:?}");
    }
}

#[test]
fn errors_never_quote_cell_contents() {
    let secret = "Meadow-Lark-77";
    let cells = format!(
        "<row><c t=\"{secret}\"><v>{secret}</v></c></row>|<row><c r=\"{secret}\"><v>1</v></c></row>|\
         <row><c t=\"str\"><v>&{secret};</v></c></row>|<row r=\"{secret}\"><c><v>1</v></c></row>"
    );
    for rows in cells.split('|') {
        let parts = bare(&format!("{HEADER}{rows}"), "");
        let error: FormatError = read(&packed(&parts), "a.xlsx").unwrap_err();
        assert!(!error.to_string().contains("Lark"), "{error}");
    }
    let parts = bare(
        &format!("{HEADER}<row><c t=\"e\"><v>{secret}</v></c></row>"),
        "",
    );
    assert_eq!(
        read(&packed(&parts), "").unwrap().1[1],
        row(2, "[0 is of its formula]")
    );
}
