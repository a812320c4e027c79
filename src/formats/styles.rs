//! The number formats of an xlsx workbook, by style index (ECMA-376 part 1 §18.8).

use std::collections::HashMap;
use std::io::BufRead;

use quick_xml::events::Event;

use crate::formats::error::FormatError;
use crate::formats::memory::Memory;
use crate::formats::number_format::NumberFormat;
use crate::formats::xml_part::{XmlPart, attribute};

/// The memory for a format in bytes, estimated generously.
const COST: u64 = 64;

/// Reads the styles part.
///
/// # Errors
/// The part is not valid XML, or the formats exceed the memory limit.
pub(super) fn read<R: BufRead>(
    part: R,
    memory: &mut Memory,
) -> Result<Vec<NumberFormat>, FormatError> {
    let mut xml = XmlPart::new(part);
    let (mut codes, mut formats) = (HashMap::new(), Vec::new());
    let mut of_cells = false;
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(start) => match start.local_name().as_ref() {
                "numFmt" => {
                    let code = attribute(&start, "formatCode").unwrap_or_default();
                    if let Some(number) = number(&start) {
                        memory.take(COST)?;
                        codes.insert(number, NumberFormat::of_code(&code));
                    }
                }
                "cellXfs" => of_cells = true,
                "xf" if of_cells => {
                    memory.take(COST)?;
                    formats.push(number(&start).unwrap_or_default());
                }
                _ => {}
            },
            Event::End(end) if end.local_name().as_ref() == "cellXfs" => of_cells = false,
            _ => {}
        }
    }
    let format = |number: u32| match codes.get(&number) {
        Some(format) => *format,
        None => u16::try_from(number).map_or(NumberFormat::Plain, NumberFormat::builtin),
    };
    Ok(formats.into_iter().map(format).collect())
}

fn number(start: &quick_xml::events::BytesStart<'_>) -> Option<u32> {
    attribute(start, "numFmtId")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_formats_are_read_in_order() {
        let part = "<s:styleSheet xmlns:s='a'><s:numFmts><s:numFmt numFmtId='164' formatCode='00000'/>\
            <s:numFmt numFmtId='165' formatCode='&quot;at &quot;h:mm'/></s:numFmts>\
            <s:cellStyleXfs><s:xf numFmtId='14'/></s:cellStyleXfs>\
            <s:cellXfs><s:xf numFmtId='0'/><s:xf numFmtId='164'/><s:xf numFmtId='165'><s:a/></s:xf>\
            <s:xf numFmtId='14'/><s:xf numFmtId='46'/><s:xf/></s:cellXfs>\
            <s:dxfs><s:xf numFmtId='14'/></s:dxfs></s:styleSheet>";
        use NumberFormat::{Date, Digits, Duration, Plain};
        let formats = read(part.as_bytes(), &mut Memory::new(10_000)).unwrap();
        assert_eq!(formats, [Plain, Digits(5), Date, Date, Duration, Plain]);
        let many = format!("<cellXfs>{}</cellXfs>", "<xf/>".repeat(1_000));
        assert!(read(many.as_bytes(), &mut Memory::new(10_000)).is_err());
    }
}
