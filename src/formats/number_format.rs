//! Number formats of a workbook, as far as they change the meaning of a number: dates, durations, and numbers of
//! fixed width (ECMA-376 part 1 §18.8.30 and §18.8.31; MS-XLS 2.4.126).

/// The meaning of a number in a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// A plain number.
    Plain,
    /// A number with at least this many digits: `00000` for a staff number.
    Digits(usize),
    /// A date, a time of day, or both.
    Date,
    /// A duration, `[h]:mm:ss`.
    Duration,
}

/// The maximum width of a number.
const MAX_WIDTH: usize = 32;

impl NumberFormat {
    /// The built-in format with this number.
    pub fn builtin(number: u16) -> Self {
        match number {
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => NumberFormat::Date,
            46 => NumberFormat::Duration,
            _ => NumberFormat::Plain,
        }
    }

    /// The format with this code; only its first section counts.
    pub fn of_code(code: &str) -> Self {
        if let Some(width) = Self::width(code) {
            return NumberFormat::Digits(width);
        }
        let mut characters = code.chars();
        while let Some(character) = characters.next() {
            match character {
                ';' => break,
                // The next character is literal.
                '\\' | '_' | '*' => _ = characters.next(),
                '"' => _ = characters.find(|character| *character == '"'),
                '[' => {
                    let inside: String = characters.by_ref().take_while(|c| *c != ']').collect();
                    let elapsed = |unit: char| {
                        !inside.is_empty() && inside.chars().all(|c| c.eq_ignore_ascii_case(&unit))
                    };
                    if ['h', 'm', 's'].into_iter().any(elapsed) {
                        return NumberFormat::Duration;
                    }
                }
                'd' | 'D' | 'm' | 'M' | 'h' | 'H' | 'y' | 'Y' | 's' | 'S' => {
                    return NumberFormat::Date;
                }
                _ => {}
            }
        }
        NumberFormat::Plain
    }

    /// The width of a code that consists of at least two zeros.
    pub fn width(code: &str) -> Option<usize> {
        let zeros = code.bytes().all(|byte| byte == b'0');
        (zeros && (2..=MAX_WIDTH).contains(&code.len())).then_some(code.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_codes_are_classified() {
        use NumberFormat::{Date, Digits, Duration, Plain};
        for (code, format) in [
            ("General", Plain),
            ("0", Plain),
            ("0.00", Plain),
            ("00000", Digits(5)),
            ("#,##0.00 [$€-407]", Plain),
            ("[Red]-0.0", Plain),
            ("0.00E+00", Plain),
            ("0\" days\"", Plain),
            ("0\\d", Plain),
            ("@", Plain),
            ("0;yyyy", Plain),
            ("yyyy-mm-dd", Date),
            ("[$-409]d/m/yy h:mm AM/PM;@", Date),
            ("DD.MM.YYYY", Date),
            ("mm:ss.0", Date),
            ("[h]:mm:ss", Duration),
            ("[MM]:ss", Duration),
        ] {
            assert_eq!(NumberFormat::of_code(code), format, "{code}");
        }
        assert_eq!(NumberFormat::builtin(14), Date);
        assert_eq!(NumberFormat::builtin(46), Duration);
        assert_eq!(NumberFormat::builtin(2), Plain);
    }
}
