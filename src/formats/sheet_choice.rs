//! Which sheet of a workbook is read: the one that is asked for by its name, or else the first one that can
//! be seen, or else the first.

use crate::formats::error::{FormatError, shortened};

/// Names that are repeated where none of them was meant.
const NAMES: usize = 20;

/// The place of the sheet among those with cells, each with its name and whether it can be seen. A hidden one
/// is taken where it is asked for. Names are compared in any case, as spreadsheet programs do.
///
/// # Errors
/// There is none, or none of this name.
pub(super) fn choose<'s>(
    sheets: impl Iterator<Item = (&'s str, bool)> + Clone,
    wanted: Option<&str>,
) -> Result<usize, FormatError> {
    if sheets.clone().next().is_none() {
        return Err(FormatError::NoSheet);
    }
    let Some(wanted) = wanted else {
        return Ok(sheets
            .clone()
            .position(|(_, is_shown)| is_shown)
            .unwrap_or_default());
    };
    let same = |name: &str| name.trim().to_lowercase() == wanted.trim().to_lowercase();
    let exact = sheets.clone().position(|(name, _)| name == wanted);
    if let Some(place) = exact.or_else(|| sheets.clone().position(|(name, _)| same(name))) {
        return Ok(place);
    }
    let mut there: Vec<String> = sheets
        .clone()
        .take(NAMES)
        .map(|(name, _)| format!("{:?}", shortened(name)))
        .collect();
    if sheets.count() > NAMES {
        there.push("…".to_owned());
    }
    Err(FormatError::UnknownSheet {
        wanted: shortened(wanted),
        there: there.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_chosen_by_its_name_or_is_the_first_one_seen() {
        let sheets = [
            ("Notes", false),
            ("Users", true),
            ("Größe", true),
            ("users", false),
        ];
        let choose = |wanted| super::choose(sheets.into_iter(), wanted).unwrap();
        assert_eq!(choose(None), 1);
        assert_eq!(choose(Some("notes")), 0);
        assert_eq!(choose(Some(" USERS ")), 1);
        assert_eq!(choose(Some("users")), 3);
        assert_eq!(choose(Some("GRÖẞE")), 2);
        let hidden = [("a", false), ("b", false)];
        assert_eq!(super::choose(hidden.into_iter(), None).unwrap(), 0);
    }

    #[test]
    fn an_unknown_name_lists_those_that_are_there() {
        let long = "x".repeat(100);
        let many: Vec<(&str, bool)> = (0..30).map(|_| (long.as_str(), true)).collect();
        let error = choose(
            [("Users", true), ("Notes", false)].into_iter(),
            Some("User"),
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "The workbook has no sheet \"User\"; its sheets are \"Users\", \"Notes\"."
        );
        let error = choose(many.into_iter(), Some("User"))
            .unwrap_err()
            .to_string();
        assert!(error.len() < 1_200 && error.ends_with("…."), "{error}");
        let none = choose([].into_iter(), Some("User")).unwrap_err();
        assert!(matches!(none, FormatError::NoSheet));
    }
}
