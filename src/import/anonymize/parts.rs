//! A cell as parts: what is kept, and what is replaced, and how.

use std::ops::Range;

use crate::import::anonymize::alphabet::is_of_word;
use crate::import::anonymize::words::{Rules, claim_uri};
use crate::import::cells::{text_marked, trimmed};
use crate::passwords::hash_schemes::digest_form::DigestForms;
use crate::passwords::rules as passwords;

/// Digits and letters of a top-level domain at the most.
const TOP_LEVEL: usize = 6;

/// Letters of a word for roles in a claim URI at the most.
const LONGEST_ROLE: usize = 12;

/// The shortest digest.
const DIGEST: usize = 22;

/// A part of a cell that is replaced; what stands between them is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub place: Range<usize>,
    pub what: What,
}

/// How a part is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// A word or a number.
    Token,
    /// A hash or a digest.
    Digest,
    /// A date.
    Date,
    /// One of the best-known passwords, with signs in it.
    Password,
}

/// What a cell comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing in it could be replaced: it has no letters and no digits.
    Empty,
    /// It is kept as a whole, because it means something.
    Word,
    /// These parts are replaced.
    Parts(Vec<Part>),
}

/// The parts of a cell.
pub(super) fn of_cell(cell: &str, rules: &Rules<'_>) -> Cell {
    if !cell.contains(char::is_alphanumeric) {
        return Cell::Empty;
    }
    let (start, uri) = match claim_uri(cell, rules) {
        Some((length, true)) => (length, Vec::new()),
        Some((length, false)) => (length, of_uri(cell, length, rules)),
        None => (0, Vec::new()),
    };
    match of_value(cell, start, rules) {
        Cell::Parts(parts) => Cell::Parts(uri.into_iter().chain(parts).collect()),
        _ if !uri.is_empty() => Cell::Parts(uri),
        value => value,
    }
}

/// The parts of a claim URI that is not known. What makes it one for roles stays.
fn of_uri(cell: &str, length: usize, rules: &Rules<'_>) -> Vec<Part> {
    let uri = cell.get(..length).unwrap_or_default();
    let is_kept = |token: &Range<usize>| {
        let word = uri.get(token.clone()).unwrap_or_default();
        word.contains("role") && word.len() <= LONGEST_ROLE || rules.keeps_token(word)
    };
    let tokens = tokens(uri).filter(|token| !is_kept(token));
    tokens
        .map(|place| Part {
            place,
            what: What::Token,
        })
        .collect()
}

/// The parts of a cell from `start` on.
fn of_value(cell: &str, start: usize, rules: &Rules<'_>) -> Cell {
    let value = trimmed(cell.get(start..).unwrap_or_default());
    let bare = text_marked(value).map_or(value, trimmed);
    // The value lies within the cell.
    let start = bare.as_ptr().addr() - cell.as_ptr().addr();
    let place = start..start + bare.len();
    if bare.is_empty() || rules.keeps(bare) {
        return Cell::Word;
    }
    let whole = |what| {
        Cell::Parts(vec![Part {
            place: place.clone(),
            what,
        }])
    };
    let lower = bare.to_lowercase();
    if is_digest(bare, rules) {
        return whole(What::Digest);
    }
    if is_date(bare) {
        return whole(What::Date);
    }
    let has_sign = !bare.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if has_sign && passwords::common().contains(&lower.as_str()) {
        return whole(What::Password);
    }
    let tokens: Vec<Part> = tokens(bare)
        .filter(|token| !is_kept(bare, token, rules))
        .map(|token| Part {
            place: start + token.start..start + token.end,
            what: What::Token,
        })
        .collect();
    match tokens.is_empty() {
        true => Cell::Word,
        false => Cell::Parts(tokens),
    }
}

/// The digits of a number of a workbook, without its exponent, as it is written there.
pub(super) fn of_number(number: &str) -> Vec<Part> {
    let end = number.find(['e', 'E']);
    let mantissa = number
        .get(..end.unwrap_or(number.len()))
        .unwrap_or_default();
    // The first digits of a number with an exponent say whether it is one that keeps all its digits.
    let kept = if end.is_some() { 3 } else { 0 };
    let tokens = tokens(mantissa).filter(|token| token.start >= kept);
    tokens
        .map(|place| Part {
            place,
            what: What::Token,
        })
        .collect()
}

fn is_digest(text: &str, rules: &Rules<'_>) -> bool {
    let is_mixed = || {
        text.bytes().any(|it| it.is_ascii_digit())
            && text.bytes().any(|it| it.is_ascii_alphabetic())
    };
    rules.passwords.recognise(text).is_some()
        || text.len() >= DIGEST && is_mixed() && !DigestForms::of(text).is_none()
}

/// The places of the words and numbers of a text.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(char::is_alphanumeric)?;
        let rest = text.get(start..)?;
        let length = rest.find(|it| !is_of_word(it)).unwrap_or(rest.len());
        at = start + length;
        Some(start..at)
    })
}

fn is_kept(text: &str, token: &Range<usize>, rules: &Rules<'_>) -> bool {
    let word = text.get(token.clone()).unwrap_or_default();
    rules.keeps_token(word) || is_top_level(text, token, word)
}

/// Whether the token is the last part of the domain of an e-mail address.
fn is_top_level(text: &str, token: &Range<usize>, word: &str) -> bool {
    let before = text.get(..token.start).unwrap_or_default();
    let behind = text.get(token.end..).unwrap_or_default();
    let is_between =
        |it: char| it.is_whitespace() || matches!(it, ',' | ';' | '<' | '>' | '|' | '"');
    let address = before.rsplit(is_between).next().unwrap_or_default();
    let goes_on = behind.starts_with(['.', '-', '_', '@']);
    word.len() <= TOP_LEVEL
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && address.contains('@')
        && address.ends_with('.')
        && !goes_on
}

/// Whether the text begins with a date: `2026-12-01`, `1.12.2026`, `12/01/2026`.
fn is_date(text: &str) -> bool {
    fields(text).is_some()
}

/// The places of year, month and day in a date, and of what follows.
fn fields(text: &str) -> Option<[Range<usize>; 3]> {
    let mut parts = tokens(text);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |place: &Range<usize>| {
        let digits = text.get(place.clone())?;
        digits
            .bytes()
            .all(|it| it.is_ascii_digit())
            .then_some(digits)
    };
    let sign = |one: &Range<usize>, two: &Range<usize>| text.get(one.end..two.start);
    let between = sign(&first, &second)?;
    let is_one_sign = ["-", ".", "/"].contains(&between) && sign(&second, &third) == Some(between);
    if first.start != 0 || !is_one_sign {
        return None;
    }
    let is_below = |place: &Range<usize>, most: u32| {
        let digits = number(place)?;
        let is_in =
            digits.len() <= 2 && digits.parse().is_ok_and(|it: u32| (1..=most).contains(&it));
        is_in.then_some(())
    };
    let is_year = |place: &Range<usize>| {
        let digits = number(place)?;
        (digits.len() == 4 && digits.starts_with(['1', '2'])).then_some(())
    };
    // A time may follow, behind a `T` that belongs to the day's token.
    if is_year(&first).is_some() {
        let day = third.start..third.end.min(third.start + 2);
        is_below(&second, 12)?;
        is_below(&day, 31)?;
        return Some([first, second, day]);
    }
    is_year(&third)?;
    is_below(&first, 31)?;
    is_below(&second, 31)?;
    Some([third, first, second])
}

/// Another date in the place of one, with what `below` draws.
pub(super) fn other_date(text: &str, below: &mut dyn FnMut(usize) -> usize) -> String {
    let Some([year, one, two]) = fields(text) else {
        return text.to_owned();
    };
    let mut new = text.to_owned();
    let old_year = text.get(year.clone()).unwrap_or_default();
    let decade = old_year.get(..3).unwrap_or_default();
    let mut put = |place: Range<usize>, number: usize| {
        let width = place.len();
        // One digit stays one digit.
        let number = if width == 1 { 1 + number % 9 } else { number };
        new.replace_range(place, &format!("{number:0width$}"));
    };
    put(one, 1 + below(12));
    put(two, 1 + below(12));
    let end = below(10);
    new.replace_range(year, &format!("{decade}{end}"));
    // A time of day: other minutes and seconds in their places.
    let mut from = text.find([':']).unwrap_or(text.len());
    while let Some(digits) = new.get(from + 1..from + 3) {
        let is_pair = digits.bytes().all(|it| it.is_ascii_digit());
        if new.get(from..=from) != Some(":") || !is_pair {
            break;
        }
        new.replace_range(from + 1..from + 3, &format!("{:02}", below(60)));
        from += 3;
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_stay_dates() {
        for (date, shape) in [
            ("2026-12-01", "dddd-dd-dd"),
            ("1.12.2026", "d.dd.dddd"),
            ("12/01/1987", "dd/dd/dddd"),
            ("2026-12-01T08:15:30Z", "dddd-dd-ddTdd:dd:ddZ"),
        ] {
            assert!(is_date(date), "{date}");
            let mut number = 0;
            let mut below = |most: usize| {
                number += 1;
                (number * 7) % most
            };
            let new = other_date(date, &mut below);
            assert!(is_date(&new) && new != date, "{new}");
            let form: String = new
                .chars()
                .map(|it| if it.is_ascii_digit() { 'd' } else { it })
                .collect();
            assert_eq!(form, shape);
        }
        for text in [
            "192.168.1.1",
            "1-2-3",
            "2026-13-01",
            "99.99.2026",
            "kim-1-2",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn numbers_of_workbooks_are_their_digits() {
        let places = |number: &str| -> Vec<String> {
            let parts = of_number(number).into_iter();
            parts.map(|part| number[part.place].to_owned()).collect()
        };
        assert_eq!(places("4711"), ["4711"]);
        assert_eq!(places("-12.5"), ["12", "5"]);
        assert_eq!(places("1.23456E+15"), Vec::<String>::new());
    }
}
