//! What an xlsx workbook comes to when it is inflated, found out before it is read.
//!
//! A few kilobytes of archive can hold terabytes, and one cell can be all of them: the reader has to hold a
//! whole cell at a time, and room that cannot be made ends the whole process. So every part is inflated once,
//! counted and thrown away; the counts are of what was really there, not of what the archive says. What is kept
//! of a workbook is counted while it is read (`memory.rs`).

use std::io::{Read, Seek};

use crate::formats::error::FormatError;
use crate::formats::package::Package;
use crate::formats::tags::Tags;

/// What a workbook may come to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all parts, inflated.
    pub inflated: u64,
    /// Bytes of memory for what is kept of it.
    pub memory: u64,
}

/// What a part comes to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PartSize {
    /// Bytes, inflated.
    pub bytes: u64,
    /// The most bytes that a reader holds at once: a cell, a text, or all of it.
    pub longest: u64,
}

impl PartSize {
    /// Memory for what a reader holds at once. It is copied on its way out: from the XML, as text, as text without
    /// escapes, into the row.
    pub(super) fn held(self) -> u64 {
        self.longest.saturating_mul(4)
    }
}

/// Inflates every part of the workbook in `package` and checks what it comes to; answers what each part does.
///
/// # Errors
/// It is no workbook of this kind, damaged, or too large.
pub(super) fn check<R: Read + Seek>(
    package: &mut Package<R>,
    limits: Limits,
) -> Result<Vec<PartSize>, FormatError> {
    recognise(package)?;
    let mut sizes = Vec::with_capacity(package.len());
    let mut inflated = 0;
    let mut buffer = vec![0; 128 * 1024];
    for place in 0..package.len() {
        let mut part = package.part_at(place)?.into_inner();
        let mut tags = Tags::new();
        let before = inflated;
        loop {
            let read = part.read(&mut buffer);
            let count = read.map_err(|_| FormatError::workbook("one of its parts is damaged"))?;
            if count == 0 {
                break;
            }
            inflated += count as u64;
            if inflated > limits.inflated {
                return Err(FormatError::WorkbookTooLarge {
                    what: "when decompressed",
                    limit: limits.inflated,
                    setting: "files.workbook_inflated_bytes",
                });
            }
            tags.read(buffer.get(..count).unwrap_or_default());
        }
        let size = PartSize {
            bytes: inflated - before,
            longest: tags.longest_item(),
        };
        sizes.push(size);
        if size.held() > limits.memory {
            return Err(FormatError::WorkbookTooLarge {
                what: "in one cell",
                limit: limits.memory / 4,
                setting: "files.workbook_memory_bytes",
            });
        }
    }
    Ok(sizes)
}

/// Tells what other archives are.
fn recognise<R: Read + Seek>(package: &Package<R>) -> Result<(), FormatError> {
    let found = if package.has("xl/workbook.bin") {
        "a binary Excel workbook (.xlsb)"
    } else if package.has("content.xml") {
        "an OpenDocument file (.ods)"
    } else if package.has("word/document.xml") {
        "a Word document"
    } else if package.has("ppt/presentation.xml") {
        "a PowerPoint presentation"
    } else if package.has("index/document.iwa") || package.has("index.zip") {
        "a document of Apple Numbers or Pages"
    } else if !package.has("_rels/.rels") && !package.has("xl/workbook.xml") {
        "a ZIP archive and not a workbook"
    } else {
        return Ok(());
    };
    Err(FormatError::OtherWorkbook { found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    fn archive(parts: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn check_parts(parts: &[(&str, &[u8])]) -> String {
        let limits = Limits {
            inflated: 10_000_000,
            memory: 1_000_000,
        };
        let mut package = Package::open(archive(parts)).unwrap();
        match check(&mut package, limits) {
            Ok(_) => "good".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn other_archives_are_named() {
        assert_eq!(check_parts(&[("_rels/.rels", b"<a/>")]), "good");
        assert!(check_parts(&[("a.txt", b"")]).contains("ZIP archive"));
        assert!(check_parts(&[("content.xml", b"")]).contains(".ods"));
        assert_eq!(check_parts(&[("_rels\\.rels", b"<a/>")]), "good");
        assert!(check_parts(&[("xl/workbook.bin", b"")]).contains(".xlsb"));
    }

    #[test]
    fn what_is_really_there_counts() {
        let zeros = vec![b' '; 10_000_000];
        let large = check_parts(&[("_rels/.rels", b""), ("xl/media/a.bin", &zeros[..200_000])]);
        assert_eq!(large, "good");
        let bomb = check_parts(&[("_rels/.rels", b"<a>"), ("xl/a.bin", &zeros)]);
        assert!(bomb.contains("files.workbook_inflated_bytes"), "{bomb}");
        let cells = b"<c></c>".repeat(800_000);
        let halves = check_parts(&[("_rels/.rels", b""), ("a", &cells), ("b", &cells)]);
        assert!(
            halves.contains("10000000 bytes when it is inflated"),
            "{halves}"
        );
        let cell = [b"<c>", &zeros[..300_000], b"</c>"].concat();
        let one_cell = check_parts(&[("_rels/.rels", b""), ("a", &cell)]);
        assert!(
            one_cell.contains("files.workbook_memory_bytes"),
            "{one_cell}"
        );
    }
}
