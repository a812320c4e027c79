//! One cell of a workbook as the text that a person expects of it.
//!
//! A number is what the spreadsheet shows with 15 digits and no exponent: 12 and not 12.0, 0.3 and not
//! 0.30000000000000004. A date is ISO 8601.

use std::io::Write;

use calamine::{CellErrorType, DataRef, ExcelDateTime};

use crate::formats::row::Flaw;

/// Appends the cell's text to `text`; a whole number is filled up to `digits` digits.
///
/// # Errors
/// The cell holds an error such as `#N/A`.
pub(super) fn write(cell: &DataRef<'_>, digits: usize, text: &mut Vec<u8>) -> Result<(), Flaw> {
    let written = match cell {
        DataRef::Empty => Ok(()),
        DataRef::String(value) => text.write_all(value.as_bytes()),
        DataRef::SharedString(value) => text.write_all(value.as_bytes()),
        DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => {
            text.write_all(value.as_bytes())
        }
        DataRef::Int(value) => write!(text, "{value:0digits$}"),
        DataRef::Float(value) => number(*value, digits, text),
        DataRef::Bool(value) => write!(text, "{value}"),
        DataRef::DateTime(value) if value.is_duration() => duration(value.as_f64(), text),
        DataRef::DateTime(value) => date(value, text),
        DataRef::Error(error) => return Err(Flaw::Error(name(error))),
    };
    // Memory takes everything.
    debug_assert!(written.is_ok());
    Ok(())
}

fn number(value: f64, digits: usize, text: &mut Vec<u8>) -> std::io::Result<()> {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return write!(text, "{:0digits$}", value as i64);
    }
    if value.fract() == 0.0 {
        return write!(text, "{value}");
    }
    // A spreadsheet keeps 15 digits, and what is behind them comes of its arithmetic.
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    write!(text, "{rounded}")
}

/// Days since the epoch: the whole part is the date, the other part the time of day.
fn date(value: &ExcelDateTime, text: &mut Vec<u8>) -> std::io::Result<()> {
    let (year, month, day, hour, minute, second, millisecond) = value.to_ymd_hms_milli();
    let has_time = (hour, minute, second, millisecond) != (0, 0, 0, 0);
    let has_date = value.as_f64() >= 1.0 || !has_time;
    if has_date {
        write!(text, "{year:04}-{month:02}-{day:02}")?;
    }
    if has_date && has_time {
        text.push(b'T');
    }
    if has_time {
        write!(text, "{hour:02}:{minute:02}:{second:02}")?;
    }
    if millisecond > 0 {
        write!(text, ".{millisecond:03}")?;
    }
    Ok(())
}

/// Days as `hours:minutes:seconds`.
fn duration(days: f64, text: &mut Vec<u8>) -> std::io::Result<()> {
    let seconds = (days.abs() * 86_400.0).round() as u64;
    let sign = if days < 0.0 && seconds > 0 { "-" } else { "" };
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    write!(text, "{sign}{hours}:{minutes:02}:{:02}", seconds % 60)
}

fn name(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#GETTING_DATA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};

    fn text(cell: &DataRef<'_>) -> String {
        let mut text = Vec::new();
        write(cell, 0, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn numbers_are_what_a_person_reads() {
        for (number, expected) in [
            (12.0, "12"),
            (0.0, "0"),
            (-0.0, "0"),
            (-7.0, "-7"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.3"),
            (1234.5, "1234.5"),
            (-1.0 / 3.0, "-0.333333333333333"),
            (491_701_234_567_890.0, "491701234567890"),
            (1_234_567_890_123_456.0, "1234567890123456"),
            (1e20, "100000000000000000000"),
            (1e-7, "0.0000001"),
        ] {
            assert_eq!(text(&DataRef::Float(number)), expected);
        }
        assert_eq!(text(&DataRef::Int(7)), "7");
        let mut padded = Vec::new();
        write(&DataRef::Float(42.0), 5, &mut padded).unwrap();
        assert_eq!(padded, b"00042");
    }

    #[test]
    fn dates_are_iso_8601() {
        let date = |value| {
            text(&DataRef::DateTime(ExcelDateTime::new(
                value, DateTime, false,
            )))
        };
        assert_eq!(date(46_348.0), "2026-11-22");
        assert_eq!(date(46_348.0 + 10.0 / 24.0), "2026-11-22T10:00:00");
        assert_eq!(date(46_348.5 + 0.25 / 86_400.0), "2026-11-22T12:00:00.250");
        assert_eq!(date(0.75), "18:00:00");
        assert_eq!(date(61.0), "1900-03-01");
        let of_1904 = ExcelDateTime::new(0.0, DateTime, true);
        assert_eq!(text(&DataRef::DateTime(of_1904)), "1904-01-01");
        let duration = |value| {
            text(&DataRef::DateTime(ExcelDateTime::new(
                value, TimeDelta, false,
            )))
        };
        assert_eq!(duration(1.5), "36:00:00");
        assert_eq!(duration(-0.5), "-12:00:00");
        assert_eq!(
            text(&DataRef::DateTimeIso("2026-11-22".into())),
            "2026-11-22"
        );
    }

    #[test]
    fn truth_and_errors() {
        assert_eq!(text(&DataRef::Bool(true)), "true");
        let error = write(&DataRef::Error(CellErrorType::NA), 0, &mut Vec::new());
        assert_eq!(error, Err(Flaw::Error("#N/A")));
    }
}
