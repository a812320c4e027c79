//! Converts one cell of a workbook to the text that a person expects.
//!
//! A number is shown with up to 15 digits and no exponent, as in a spreadsheet: 12 and not 12.0, 0.3 and not
//! 0.30000000000000004. A whole number keeps every digit in the file, and is refused if the file does not store
//! all of them. A date is in ISO 8601.

use std::io::Write;

use crate::formats::number_format::NumberFormat;
use crate::formats::row::Flaw;
use crate::formats::serial_date::Moment;

/// The content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'v> {
    /// Text.
    Text(&'v str),
    /// A number with its format.
    Number {
        number: f64,
        format: NumberFormat,
        is_1904: bool,
    },
    /// The digits of a whole number and its minimum width.
    Whole(&'v str, usize),
    /// A boolean.
    Bool(bool),
    /// No usable value.
    Flawed(Flaw),
}

/// Whole numbers up to 2⁵³ are exact in a floating-point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends the cell's text to `text`.
///
/// # Errors
/// The cell has no usable text, for example because of the error `#N/A`.
pub(super) fn write(value: Value<'_>, text: &mut Vec<u8>) -> Result<(), Flaw> {
    let written = match value {
        Value::Text(value) => {
            text.extend_from_slice(value.as_bytes());
            Ok(())
        }
        Value::Whole(digits, width) => whole(digits, width, text),
        // Larger than the largest number of a spreadsheet, which shows no digits of it.
        Value::Number { number, .. } if !number.is_finite() => return Err(Flaw::LostDigits),
        Value::Number {
            number,
            format,
            is_1904,
        } => match format {
            NumberFormat::Date => date(number, is_1904, text),
            NumberFormat::Duration => duration(number, text),
            NumberFormat::Digits(width) => self::number(number, width, text)?,
            NumberFormat::Plain => self::number(number, 0, text)?,
        },
        Value::Bool(value) => write!(text, "{value}"),
        Value::Flawed(flaw) => return Err(flaw),
    };
    // Writing to memory does not fail.
    debug_assert!(written.is_ok());
    Ok(())
}

fn number(value: f64, width: usize, text: &mut Vec<u8>) -> Result<std::io::Result<()>, Flaw> {
    if value.fract() == 0.0 {
        return match value.abs() <= EXACT {
            true => Ok(write!(text, "{:0width$}", value as i64)),
            false => Err(Flaw::LostDigits),
        };
    }
    // A spreadsheet has 15 digits; the digits after them are artifacts of its arithmetic.
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    Ok(write!(text, "{rounded}"))
}

fn whole(digits: &str, width: usize, text: &mut Vec<u8>) -> std::io::Result<()> {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let width = width.saturating_sub(sign.len());
    write!(text, "{sign}{digits:0>width$}")
}

/// A serial date: the integer part is the date, the fraction the time of day.
fn date(days: f64, is_1904: bool, text: &mut Vec<u8>) -> std::io::Result<()> {
    let moment = Moment::of(days, is_1904);
    let Moment {
        year, month, day, ..
    } = moment;
    let (hour, minute, second) = (moment.hour, moment.minute, moment.second);
    let has_time = (hour, minute, second, moment.millisecond) != (0, 0, 0, 0);
    let has_date = days >= 1.0 || !has_time;
    if has_date {
        write!(text, "{year:04}-{month:02}-{day:02}")?;
    }
    if has_date && has_time {
        text.push(b'T');
    }
    if has_time {
        write!(text, "{hour:02}:{minute:02}:{second:02}")?;
    }
    if moment.millisecond > 0 {
        write!(text, ".{:03}", moment.millisecond)?;
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

/// The value of a number in a file, in a cell with this format.
///
/// A whole number keeps its digits from the file, since a floating-point number stores only 15 or 16 digits. A
/// number with an exponent has the digits of a floating-point number, which is exact only up to 2⁵³.
pub(super) fn numeric(text: &str, format: NumberFormat, is_1904: bool) -> Value<'_> {
    let width = match format {
        NumberFormat::Plain => 0,
        NumberFormat::Digits(width) => width,
        NumberFormat::Date | NumberFormat::Duration => usize::MAX,
    };
    if width != usize::MAX
        && let Some(digits) = whole_digits(text)
    {
        return Value::Whole(digits, width);
    }
    match text.parse() {
        // Too small for a number of a spreadsheet, but not 0.
        Ok(0.0) if has_digits(text) => Value::Flawed(Flaw::LostDigits),
        // The parser also accepts words such as `inf`.
        Ok(number) if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => Value::Number {
            number,
            format,
            is_1904,
        },
        _ => Value::Text(text),
    }
}

/// Whether a digit before the exponent is not 0.
fn has_digits(number: &str) -> bool {
    let digits = number.split(['e', 'E']).next().unwrap_or_default();
    digits.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// The digits of a whole number without an exponent.
fn whole_digits(text: &str) -> Option<&str> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    // `-0` and `007` need the numeric value.
    let plain = match digits.as_bytes() {
        [] => false,
        [b'0', ..] => whole == "0",
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    (plain && fraction.bytes().all(|byte| byte == b'0')).then_some(whole)
}

/// The name of an error, if it is a known one.
pub(super) fn error_name(error: &str) -> &'static str {
    const ERRORS: [&str; 15] = [
        "#DIV/0!",
        "#N/A",
        "#NAME?",
        "#NULL!",
        "#NUM!",
        "#REF!",
        "#VALUE!",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#CONNECT!",
        "#BUSY!",
        "#UNKNOWN!",
    ];
    let known = ERRORS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(error));
    known.copied().unwrap_or("of its formula")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value<'_>) -> String {
        let mut text = Vec::new();
        match write(value, &mut text) {
            Ok(()) => String::from_utf8(text).unwrap(),
            Err(flaw) => format!("{flaw:?}"),
        }
    }

    fn of(number: f64, format: NumberFormat, is_1904: bool) -> String {
        text(Value::Number {
            number,
            format,
            is_1904,
        })
    }

    #[test]
    fn numbers_are_shown_as_in_a_spreadsheet() {
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
            (1e20, "LostDigits"),
            (f64::INFINITY, "LostDigits"),
            (f64::NAN, "LostDigits"),
            (1e-7, "0.0000001"),
        ] {
            assert_eq!(of(number, NumberFormat::Plain, false), expected);
        }
        assert_eq!(of(42.0, NumberFormat::Digits(5), false), "00042");
    }

    #[test]
    fn whole_numbers_keep_the_digits_of_the_file() {
        let plain = |written: &str| text(numeric(written, NumberFormat::Plain, false));
        for (written, expected) in [
            ("7", "7"),
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("-12", "-12"),
            ("110101199003070017", "110101199003070017"),
            ("-110101199003070017", "-110101199003070017"),
            ("110101199003070017.0", "110101199003070017"),
            ("4.91701234567E11", "491701234567"),
            ("1E400", "LostDigits"),
            ("-1E400", "LostDigits"),
            ("1E-400", "LostDigits"),
            ("0E-400", "0"),
            ("inf", "inf"),
            ("4.111111111111111E15", "4111111111111111"),
            ("1.1010119900307E+17", "LostDigits"),
            ("1.10101199003070016E17", "LostDigits"),
            ("1E+20", "LostDigits"),
            ("0.30000000000000004", "0.3"),
            ("12.0", "12"),
            ("12.50", "12.5"),
            ("inf", "inf"),
            ("many", "many"),
        ] {
            assert_eq!(plain(written), expected, "{written}");
        }
        let wide = |written: &str| text(numeric(written, NumberFormat::Digits(20), false));
        assert_eq!(wide("110101199003070017"), "00110101199003070017");
        assert_eq!(wide("-12"), "-0000000000000000012");
        let day = numeric("46348", NumberFormat::Date, false);
        assert_eq!(text(day), "2026-11-22");
    }

    #[test]
    fn dates_are_iso_8601() {
        let date = |value| of(value, NumberFormat::Date, false);
        assert_eq!(date(46_348.0), "2026-11-22");
        assert_eq!(date(46_348.0 + 10.0 / 24.0), "2026-11-22T10:00:00");
        assert_eq!(date(46_348.5 + 0.25 / 86_400.0), "2026-11-22T12:00:00.250");
        assert_eq!(date(0.75), "18:00:00");
        assert_eq!(date(61.0), "1900-03-01");
        assert_eq!(of(0.0, NumberFormat::Date, true), "1904-01-01");
        let duration = |value| of(value, NumberFormat::Duration, false);
        assert_eq!(duration(1.5), "36:00:00");
        assert_eq!(duration(-0.5), "-12:00:00");
    }

    #[test]
    fn booleans_are_words_and_errors_are_flaws() {
        assert_eq!(text(Value::Bool(true)), "true");
        let error = write(Value::Flawed(Flaw::Error("#N/A")), &mut Vec::new());
        assert_eq!(error, Err(Flaw::Error("#N/A")));
        assert_eq!(error_name("#n/a"), "#N/A");
        assert_eq!(error_name("secret"), "of its formula");
    }
}
