//! Spreadsheet dates: days since 1899-12-31 or 1904-01-01, with the time of day as the fraction (ECMA-376 part 1
//! §18.17.4). In the 1900 system 1900 is a leap year, which it was not.

/// A date and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub year: u64,
    pub month: u64,
    pub day: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
    pub millisecond: u64,
}

const MILLISECONDS: u64 = 86_400_000;
/// 9999-12-31, the last valid day, in both date systems.
const LAST_1900: u64 = 2_958_465;
const LAST_1904: u64 = LAST_1900 - 1_462;

impl Moment {
    /// The moment for a serial number; values outside the range give the first or the last day.
    pub(super) fn of(days: f64, is_1904: bool) -> Self {
        // Negative values and NaN give the first day.
        let whole = days.floor() as u64;
        let seconds = days.fract() * 86_400.0;
        let milliseconds = (seconds.fract() * 1_000.0).round() as u64 + seconds as u64 * 1_000;
        let (whole, time) = match milliseconds < MILLISECONDS {
            true => (whole, milliseconds),
            // Rounded up to midnight.
            false => (whole.saturating_add(1), 0),
        };
        let (year, month, day) = match is_1904 {
            true => civil(whole.min(LAST_1904) + 695_361),
            false => match whole.min(LAST_1900) {
                0 => (1899, 12, 31),
                60 => (1900, 2, 29),
                early @ 1..60 => civil(early + 693_900),
                whole => civil(whole + 693_899),
            },
        };
        Moment {
            year,
            month,
            day,
            hour: time / 3_600_000,
            minute: time / 60_000 % 60,
            second: time / 1_000 % 60,
            millisecond: time % 1_000,
        }
    }
}

/// Year, month and day for the number of days since 0000-03-01: with years that begin in March, a leap day is the
/// last day of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (month, year) = match from_march {
        0..10 => (from_march + 3, year),
        _ => (from_march - 9, year + 1),
    };
    (era * 400 + year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_match_those_of_another_reader() {
        use calamine::{ExcelDateTime, ExcelDateTimeType::DateTime};
        let same = |days: f64, is_1904: bool| {
            let moment = Moment::of(days, is_1904);
            let other = ExcelDateTime::new(days, DateTime, is_1904).to_ymd_hms_milli();
            let (year, month, day, hour, minute, second, millisecond) = other;
            let expected = Moment {
                year: year.into(),
                month: month.into(),
                day: day.into(),
                hour: hour.into(),
                minute: minute.into(),
                second: second.into(),
                millisecond: millisecond.into(),
            };
            assert_eq!(moment, expected, "{days} {is_1904}");
        };
        for is_1904 in [false, true] {
            for day in (0..3_000_000).step_by(61).chain(0..1_500) {
                same(f64::from(day), is_1904);
                same(f64::from(day) + 0.999_999_999, is_1904);
            }
            for days in [-1.0, -0.5, 1e300, f64::NAN, 46_348.416_666_666_664, 0.75] {
                same(days, is_1904);
            }
        }
    }
}
