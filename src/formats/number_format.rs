//! Number formats of a workbook, as far as they change what a number says: dates, durations, and
//! numbers of a fixed width (ECMA-376 part 1 §18.8.30 and §18.8.31; MS-XLS 2.4.126).

/// What a number format makes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// A number.
    Plain,
    /// A number that is shown with so many digits at least: `00000` of a staff number.
    Digits(usize),
    /// A date, a time of day, or both.
    Date,
    /// A stretch of time, `[h]:mm:ss`.
    Duration,
}

/// Digits that a number is filled up to at the most.
const MOST_DIGITS: usize = 32;

impl NumberFormat {
    /// A format that has a number and no code of its own.
    pub fn builtin(number: u16) -> Self {
        match number {
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => NumberFormat::Date,
            46 => NumberFormat::Duration,
            _ => NumberFormat::Plain,
        }
    }

    /// A format by its code, of which the first section counts.
    pub fn of_code(code: &str) -> Self {
        if let Some(width) = Self::width(code) {
            return NumberFormat::Digits(width);
        }
        let mut characters = code.chars();
        while let Some(character) = characters.next() {
            match character {
                ';' => break,
                // The next character is text.
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

    /// Digits of a code that is zeros alone, and more than one.
    pub fn width(code: &str) -> Option<usize> {
        let zeros = code.bytes().all(|byte| byte == b'0');
        (zeros && (2..=MOST_DIGITS).contains(&code.len())).then_some(code.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_a_number_is() {
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
