//! Reads the cells of a sheet of an .xls workbook from its records (MS-XLS 2.4).

use std::io::{Read, Seek};

use crate::formats::biff::{self, Record};
use crate::formats::compound::{Compound, u16_at, u32_at};

const FORMULA: u16 = 0x0006;
const MUL_RK: u16 = 0x00bd;
const RICH_STRING: u16 = 0x00d6;
const LABEL_SST: u16 = 0x00fd;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const BOOL_ERR: u16 = 0x0205;
const STRING: u16 = 0x0207;
const RK: u16 = 0x027e;

/// A cell and the location of its value.
#[derive(Debug)]
pub(super) struct Cell {
    pub row: u16,
    pub column: u16,
    /// The index of its format.
    pub format: u16,
    pub value: Stored,
}

/// The value of a cell.
#[derive(Debug)]
pub(super) enum Stored {
    Number(f64),
    /// The index of a shared string.
    Shared(u32),
    /// A text in the record at this offset of the stream, after `skip` bytes of it.
    Text {
        record: u32,
        skip: u8,
    },
    Bool(bool),
    Error(u8),
    /// A formula without a stored result.
    NoResult,
}

impl Cell {
    /// The row and column, from 0.
    pub(super) fn place(&self) -> (u16, u16) {
        (self.row, self.column)
    }
}

/// What the other streams of the file show about the program that wrote it: spreadsheet programs, which calculate,
/// store the type of the object or the author; libraries usually do not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Writer {
    is_program: bool,
    has_summary: bool,
}

impl Writer {
    /// Checks which streams exist.
    pub(super) fn of<R: Read + Seek>(compound: &Compound<R>) -> Self {
        Writer {
            is_program: compound.has("\u{1}CompObj"),
            has_summary: compound.has("\u{5}SummaryInformation"),
        }
    }

    /// Whether a zero or an empty text is the result of a formula with these flags. Libraries that cannot calculate
    /// write one of them for every formula, and most request a calculation; a spreadsheet program also requests one
    /// for volatile results.
    fn calculates(self, flags: u16) -> bool {
        const ASKS: u16 = 0x0003;
        self.is_program || (self.has_summary && flags & ASKS == 0)
    }
}

/// Adds the cells of a record whose data begins at `offset` in the stream; other records are ignored.
pub(super) fn read(
    record: Record<'_>,
    offset: usize,
    writer: Writer,
    cells: &mut Vec<Cell>,
) -> Option<()> {
    let data = record.data;
    let text = |skip: u8| {
        let record = u32::try_from(offset.checked_sub(4)?).ok()?;
        Some(Stored::Text { record, skip })
    };
    let value = match record.kind {
        NUMBER => Stored::Number(f64_at(data, 6)?),
        RK => Stored::Number(biff::rk(data, 6)?),
        LABEL_SST => Stored::Shared(u32_at(data, 6)?),
        LABEL | RICH_STRING => text(6)?,
        BOOL_ERR => bool_or_error(*data.get(6)?, *data.get(7)? != 0),
        FORMULA => match result(data, writer)? {
            Some(value) => value,
            None => return Some(()),
        },
        STRING => {
            // The text result of the formula before it.
            let text = text(0)?;
            if let Some(cell) = cells.last_mut()
                && matches!(cell.value, Stored::NoResult)
            {
                cell.value = text;
            }
            return Some(());
        }
        MUL_RK => {
            let column = u16_at(data, 2)?;
            let count = data.len().checked_sub(6)? / 6;
            for index in 0..count {
                cells.push(Cell {
                    row: u16_at(data, 0)?,
                    column: column.checked_add(u16::try_from(index).ok()?)?,
                    format: u16_at(data, 4 + index * 6)?,
                    value: Stored::Number(biff::rk(data, 6 + index * 6)?),
                });
            }
            return Some(());
        }
        _ => return Some(()),
    };
    cells.push(Cell {
        row: u16_at(data, 0)?,
        column: u16_at(data, 2)?,
        format: u16_at(data, 4)?,
        value,
    });
    Some(())
}

/// The result of a formula when the workbook was saved (MS-XLS 2.5.133). A text is in a later record, until which
/// there is no result; the inner `None` means an empty text.
fn result(data: &[u8], writer: Writer) -> Option<Option<Stored>> {
    let flags = u16_at(data, 14)?;
    if u16_at(data, 12)? != 0xffff {
        let number = f64_at(data, 6)?;
        return Some(Some(match number == 0.0 && !writer.calculates(flags) {
            true => Stored::NoResult,
            false => Stored::Number(number),
        }));
    }
    let value = *data.get(8)?;
    Some(match data.get(6)? {
        0 => Some(Stored::NoResult),
        1 => Some(bool_or_error(value, false)),
        2 => Some(bool_or_error(value, true)),
        _ if writer.calculates(flags) => None,
        _ => Some(Stored::NoResult),
    })
}

fn bool_or_error(value: u8, is_error: bool) -> Stored {
    match is_error {
        true => Stored::Error(value),
        false => Stored::Bool(value != 0),
    }
}

fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Writer = Writer {
        is_program: true,
        has_summary: true,
    };
    const SUMMARY: Writer = Writer {
        is_program: false,
        has_summary: true,
    };
    const LIBRARY: Writer = Writer {
        is_program: false,
        has_summary: false,
    };

    /// The value of a formula with this result and these flags, and of a text record after it if there is one.
    fn formula(result: [u8; 8], flags: u16, writer: Writer, with_text: bool) -> String {
        let data = [&[0; 6][..], &result, &flags.to_le_bytes(), &[0; 6]].concat();
        let mut cells = Vec::new();
        let record = |kind, data| Record {
            kind,
            data,
            rest: &[],
        };
        read(record(FORMULA, &data), 4, writer, &mut cells).unwrap();
        if with_text {
            read(record(STRING, b"\x01\0\0f"), 40, writer, &mut cells).unwrap();
        }
        cells
            .first()
            .map_or("empty".into(), |cell| format!("{:?}", cell.value))
    }

    #[test]
    fn formula_results_of_calculating_programs_are_used() {
        let zero = 0.0_f64.to_le_bytes();
        let one = 1.0_f64.to_le_bytes();
        let special = |kind: u8, value: u8| [kind, 0, value, 0, 0, 0, 0xff, 0xff];
        for writer in [PROGRAM, SUMMARY, LIBRARY] {
            for flags in 0..4 {
                let of = |result| formula(result, flags, writer, false);
                assert_eq!(of(one), "Number(1.0)");
                assert_eq!(of(special(1, 0)), "Bool(false)");
                assert_eq!(of(special(2, 42)), "Error(42)");
                assert_eq!(of(special(0, 0)), "NoResult", "the text record is missing");
                let text = formula(special(0, 0), flags, writer, true);
                assert_eq!(text, "Text { record: 36, skip: 0 }");
            }
        }
        for (writer, flags, is_result) in [
            (PROGRAM, 0, true),
            (PROGRAM, 1, true),
            (PROGRAM, 2, true),
            (PROGRAM, 3, true),
            (SUMMARY, 0, true),
            (SUMMARY, 1, false),
            (SUMMARY, 2, false),
            (SUMMARY, 3, false),
            (LIBRARY, 0, false),
            (LIBRARY, 2, false),
        ] {
            let results = match is_result {
                true => ["Number(0.0)", "empty"],
                false => ["NoResult", "NoResult"],
            };
            let of = |result| formula(result, flags, writer, false);
            assert_eq!([of(zero), of(special(3, 0))], results, "{writer:?} {flags}");
        }
    }
}
