//! Writes a workbook to be filled in: one sheet with a header line and an example (ECMA-376 part 1, SpreadsheetML).

use std::io::{self, Cursor, Write};

use quick_xml::escape::escape;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::formats::cell_name::{cell_name, column_letter};

/// The largest number of columns of a sheet.
const MAX_COLUMNS: usize = 16_384;

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;

const RELATIONSHIPS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

const WORKBOOK: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Users" sheetId="1" r:id="rId1"/></sheets></workbook>"#;

const WORKBOOK_RELATIONSHIPS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;

/// Three formats of cells: 0, the default; 1, text (the built-in number format 49); 2, bold text.
const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"#;

/// The positions of formats in [`STYLES`].
const TEXT: usize = 1;
const BOLD_TEXT: usize = 2;

/// A workbook with the sheet `Users`: a bold header line that stays visible, and below it an example. Every cell of
/// these columns is text, also the empty ones, so that a program keeps leading zeros and long numbers that are typed
/// in.
///
/// # Errors
/// There are no columns or more than a sheet can have.
pub fn workbook(columns: &[&str], example: &[&str]) -> io::Result<Vec<u8>> {
    if !(1..=MAX_COLUMNS).contains(&columns.len()) || example.len() > columns.len() {
        let message = format!("a sheet has 1 to {MAX_COLUMNS} columns");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", RELATIONSHIPS),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONSHIPS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet(columns, example)),
    ] {
        archive.start_file(name, SimpleFileOptions::default())?;
        archive.write_all(content.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

fn sheet(columns: &[&str], example: &[&str]) -> String {
    let last = column_letter(columns.len() - 1);
    let mut xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:{last}2"/><sheetViews><sheetView tabSelected="1" workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>"#
    );
    for (position, heading) in columns.iter().enumerate() {
        let below = example.get(position).copied().unwrap_or_default();
        let longest = heading.chars().count().max(below.chars().count());
        xml += &format!(
            r#"<col min="{number}" max="{number}" width="{width}" style="{TEXT}" customWidth="1"/>"#,
            number = position + 1,
            width = (longest + 4).clamp(14, 60),
        );
    }
    xml += "</cols><sheetData>";
    for (line, cells, format) in [(1, columns, BOLD_TEXT), (2, example, TEXT)] {
        xml += &format!(r#"<row r="{line}">"#);
        for (position, cell) in cells.iter().enumerate() {
            xml += &format!(
                r#"<c r="{}" s="{format}" t="inlineStr"><is><t xml:space="preserve">{}</t></is></c>"#,
                cell_name(position, line),
                escape(cell.replace(is_not_xml, ""))
            );
        }
        xml += "</row>";
    }
    xml += "</sheetData></worksheet>";
    xml
}

/// Whether a character cannot be in a document (XML 1.0 §2.2).
fn is_not_xml(sign: char) -> bool {
    matches!(sign, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use calamine::{Reader, Xlsx};

    use super::*;
    use crate::formats::tests::{read, row};

    const COLUMNS: [&str; 3] = ["username", "a&b <\"c\">", "télé\u{1}phone"];
    const EXAMPLE: [&str; 2] = ["Example: kim", " 0049 "];

    #[test]
    fn both_rows_are_read_as_they_were_given() {
        let file = workbook(&COLUMNS, &EXAMPLE).unwrap();
        let (_, rows) = read(&file, "template.xlsx").unwrap();
        let expected = [
            row(1, "username|a&b <\"c\">|téléphone"),
            row(2, "Example: kim| 0049 |"),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn other_readers_find_one_sheet_with_the_same_cells() {
        let file = workbook(&COLUMNS, &EXAMPLE).unwrap();
        let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(file)).unwrap();
        assert_eq!(book.sheet_names(), ["Users"]);
        let range = book.worksheet_range("Users").unwrap();
        assert_eq!(range.get_size(), (2, 3));
        let cell = |row, column| range.get_value((row, column)).unwrap().to_string();
        assert_eq!(cell(0, 1), "a&b <\"c\">");
        assert_eq!(
            (cell(1, 0), cell(1, 1)),
            (EXAMPLE[0].into(), EXAMPLE[1].into())
        );
    }

    #[test]
    fn columns_are_text_and_wide_enough_below_a_bold_frozen_header() {
        let file = workbook(&["id", &"x".repeat(30), &"y".repeat(300)], &[]).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
        let mut sheet = String::new();
        let mut part = archive.by_name("xl/worksheets/sheet1.xml").unwrap();
        part.read_to_string(&mut sheet).unwrap();
        for expected in [
            r#"<col min="1" max="1" width="14" style="1" customWidth="1"/>"#,
            r#"<col min="2" max="2" width="34" style="1" customWidth="1"/>"#,
            r#"<col min="3" max="3" width="60" style="1" customWidth="1"/>"#,
            r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#,
            r#"<c r="A1" s="2" t="inlineStr">"#,
        ] {
            assert!(sheet.contains(expected), "{expected}: {sheet}");
        }
    }

    #[test]
    fn sheets_without_columns_or_with_too_many_are_refused() {
        assert!(workbook(&[], &[]).is_err());
        assert!(workbook(&["a"], &["1", "2"]).is_err());
        let many = vec!["a"; MAX_COLUMNS + 1];
        assert!(workbook(&many, &[]).is_err());
        assert!(workbook(&many[1..], &[]).is_ok());
    }
}
