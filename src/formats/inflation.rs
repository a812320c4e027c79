//! Measures the decompressed size of an xlsx workbook before it is read.
//!
//! A few kilobytes of archive can contain terabytes, even in a single cell. The reader must hold a complete cell in
//! memory, and a failed allocation aborts the whole process. Therefore every part is decompressed once, measured
//! and discarded; the sizes are actual sizes, not those that the archive declares. The content that is kept in
//! memory is counted while it is read (`memory.rs`).

use std::io::{Read, Seek};

use crate::formats::error::FormatError;
use crate::formats::package::Package;
use crate::formats::tags::Tags;

/// The limits of a workbook.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The maximum decompressed size of all parts in bytes.
    pub inflated: u64,
    /// The maximum memory for the content that is kept, in bytes.
    pub memory: u64,
}

/// The size of a part.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PartSize {
    /// The decompressed size in bytes.
    pub bytes: u64,
    /// The largest number of bytes that a reader holds at once: a cell, a text, or the complete part.
    pub longest: u64,
}

impl PartSize {
    /// The memory for what a reader holds at once. It is copied several times: from the XML, as text, as unescaped
    /// text, and into the row.
    pub(super) fn held(self) -> u64 {
        self.longest.saturating_mul(4)
    }
}

/// Decompresses every part of the workbook in `package`, checks the limits, and returns the size of each part.
///
/// # Errors
/// The archive is not an xlsx workbook, is damaged, or is too large.
pub(super) fn check<R: Read + Seek>(
    package: &mut Package<R>,
    limits: Limits,
) -> Result<Vec<PartSize>, FormatError> {
    recognize(package)?;
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

/// Names other formats that are also archives.
fn recognize<R: Read + Seek>(package: &Package<R>) -> Result<(), FormatError> {
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
    fn other_archives_are_named_in_the_error() {
        assert_eq!(check_parts(&[("_rels/.rels", b"<a/>")]), "good");
        assert!(check_parts(&[("a.txt", b"")]).contains("ZIP archive"));
        assert!(check_parts(&[("content.xml", b"")]).contains(".ods"));
        assert_eq!(check_parts(&[("_rels\\.rels", b"<a/>")]), "good");
        assert!(check_parts(&[("xl/workbook.bin", b"")]).contains(".xlsb"));
    }

    #[test]
    fn actual_sizes_are_measured() {
        let zeros = vec![b' '; 10_000_000];
        let large = check_parts(&[("_rels/.rels", b""), ("xl/media/a.bin", &zeros[..200_000])]);
        assert_eq!(large, "good");
        let bomb = check_parts(&[("_rels/.rels", b"<a>"), ("xl/a.bin", &zeros)]);
        assert!(bomb.contains("files.workbook_inflated_bytes"), "{bomb}");
        let cells = b"<c></c>".repeat(800_000);
        let halves = check_parts(&[("_rels/.rels", b""), ("a", &cells), ("b", &cells)]);
        assert!(
            halves.contains("10000000 bytes when decompressed"),
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
