//! Lists of role names in one text: `A:B`, as in WSO2's service, and `"A:B":C` for names that
//! contain a colon; a quotation mark inside quotation marks is doubled.

use std::borrow::Cow;

/// The separator.
const SEPARATOR: char = ':';

/// The names in `cell`, trimmed; empty ones are left out.
pub fn split(cell: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(cell);
    std::iter::from_fn(move || {
        loop {
            let (name, remainder) = next(rest?);
            rest = remainder;
            if !name.is_empty() {
                return Some(name);
            }
        }
    })
}

/// The first name of `cell`, and the text after its separator.
fn next(cell: &str) -> (Cow<'_, str>, Option<&str>) {
    let trimmed = cell.trim_start();
    if let Some(quoted) = trimmed.strip_prefix('"')
        && let Some(end) = closing_mark(quoted)
    {
        let (name, remainder) = quoted.split_at(end);
        let remainder = remainder.get(1..).unwrap_or_default().trim_start();
        if remainder.is_empty() || remainder.starts_with(SEPARATOR) {
            let name = match name.contains('"') {
                true => Cow::Owned(name.replace("\"\"", "\"")),
                false => Cow::Borrowed(name),
            };
            return (name, remainder.strip_prefix(SEPARATOR));
        }
    }
    match cell.split_once(SEPARATOR) {
        Some((name, remainder)) => (Cow::Borrowed(name.trim()), Some(remainder)),
        None => (Cow::Borrowed(cell.trim()), None),
    }
}

/// The end of the quotation: a mark that is not doubled.
fn closing_mark(quoted: &str) -> Option<usize> {
    let mut marks = quoted.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = marks.next() {
        if marks.next_if_eq(&(at + 1)).is_none() {
            return Some(at);
        }
    }
    None
}

/// Joins `names` into a text that [`split`] can split again.
pub fn join<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut cell = String::new();
    for name in names {
        if !cell.is_empty() {
            cell.push(SEPARATOR);
        }
        if name.contains([SEPARATOR, '"']) || name.trim() != name {
            cell.push('"');
            cell.push_str(&name.replace('"', "\"\""));
            cell.push('"');
        } else {
            cell.push_str(name);
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cell: &str) -> Vec<String> {
        split(cell).map(Cow::into_owned).collect()
    }

    #[test]
    fn names_are_split_at_colons_outside_quotation_marks() {
        assert_eq!(names("admin: Internal/x ::"), ["admin", "Internal/x"]);
        assert_eq!(
            names(r#""IID:AGENT" : Investor"#),
            ["IID:AGENT", "Investor"]
        );
        assert_eq!(names(r#""say ""hi""":b"#), [r#"say "hi""#, "b"]);
        assert_eq!(names(""), Vec::<String>::new());
    }

    #[test]
    fn unmatched_quotation_mark_is_an_ordinary_character() {
        assert_eq!(names(r#""open:b"#), [r#""open"#, "b"]);
        assert_eq!(names(r#""a"b:c"#), [r#""a"b"#, "c"]);
    }

    #[test]
    fn split_is_the_inverse_of_join() {
        let all = ["admin", "a:b", "\"q\"", " blank ", "Internal/everyone"];
        assert_eq!(names(&join(all)), all);
    }
}
