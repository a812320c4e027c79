//! Detects files that spreadsheet programs open and that are not workbooks: HTML, XML Spreadsheet 2003 and web
//! archives, which many programs write with the extension `.xls`.

/// The format of a file with this beginning, if a spreadsheet program can save it as a workbook.
pub(super) fn recognize(beginning: &[u8]) -> Option<&'static str> {
    // In UTF-16 every other byte of such a beginning is zero.
    let narrow: Vec<u8> = beginning
        .iter()
        .filter(|byte| **byte != 0)
        .map(u8::to_ascii_lowercase)
        .collect();
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let text = marks.iter().find_map(|mark| narrow.strip_prefix(*mark));
    let text = text.unwrap_or(&narrow).trim_ascii_start();
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    if text.starts_with(b"mime-version:") && has(b"multipart/related") {
        return Some("a web archive (.mht)");
    }
    if !text.starts_with(b"<") {
        return None;
    }
    if has(b"urn:schemas-microsoft-com:office:spreadsheet") {
        return Some("an XML Spreadsheet 2003");
    }
    const TAGS: [&[u8]; 14] = [
        b"!doctype html",
        b"html",
        b"head",
        b"body",
        b"table",
        b"meta",
        b"style",
        b"title",
        b"div",
        b"center",
        b"script",
        b"tr",
        b"thead",
        b"tbody",
    ];
    let begins = |tag: &[u8]| {
        let after = text.get(1..).and_then(|text| text.strip_prefix(tag));
        after.is_some_and(|rest| {
            rest.first()
                .is_none_or(|byte| !byte.is_ascii_alphanumeric())
        })
    };
    let is_html = TAGS.into_iter().any(begins) || has(b"<html") || has(b"<table");
    is_html.then_some("an HTML page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_files_named_xls_are_detected() {
        const HTML: Option<&str> = Some("an HTML page");
        const XML: Option<&str> = Some("an XML Spreadsheet 2003");
        let wide: Vec<u8> = "\u{feff}<HTML><table>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (beginning, found) in [
            (
                &b"<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\">"[..],
                HTML,
            ),
            (b"\xef\xbb\xbf \r\n<!DOCTYPE HTML PUBLIC", HTML),
            (b"<table border=1><tr>", HTML),
            (b"<?xml version=\"1.0\"?><html>", HTML),
            (b"<!-- export --><div><TABLE>", HTML),
            (&wide, HTML),
            (
                b"<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n\
                <Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">",
                XML,
            ),
            (
                b"<ss:Workbook xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\">",
                XML,
            ),
            (
                b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=a",
                Some("a web archive (.mht)"),
            ),
            (b"<users><user/></users>", None),
            (b"<tr1>", None),
            (b"username,title\n<html>,a", None),
            (b"", None),
        ] {
            assert_eq!(recognize(beginning), found, "{beginning:?}");
        }
    }
}
