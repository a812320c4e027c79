//! Chooses the sheet of a workbook: the requested one, otherwise the first visible one, otherwise the first.

use crate::formats::error::{FormatError, shortened};

/// The maximum number of names in an error message.
const NAMES: usize = 20;

/// The index of the chosen sheet among the worksheets, which are given by name and visibility. A hidden sheet can be
/// requested. Names are case-insensitive, as in spreadsheet programs.
///
/// # Errors
/// There is no worksheet, or none with this name.
pub(super) fn choose<'s>(
    sheets: impl Iterator<Item = (&'s str, bool)> + Clone,
    requested: Option<&str>,
) -> Result<usize, FormatError> {
    if sheets.clone().next().is_none() {
        return Err(FormatError::NoSheet);
    }
    let Some(requested) = requested else {
        return Ok(sheets
            .clone()
            .position(|(_, is_shown)| is_shown)
            .unwrap_or_default());
    };
    let same = |name: &str| name.trim().to_lowercase() == requested.trim().to_lowercase();
    let exact = sheets.clone().position(|(name, _)| name == requested);
    if let Some(place) = exact.or_else(|| sheets.clone().position(|(name, _)| same(name))) {
        return Ok(place);
    }
    let mut existing: Vec<String> = sheets
        .clone()
        .take(NAMES)
        .map(|(name, _)| format!("{:?}", shortened(name)))
        .collect();
    if sheets.clone().count() > NAMES {
        existing.push("…".to_owned());
    }
    Err(FormatError::UnknownSheet {
        requested: shortened(requested),
        existing: existing.join(", "),
        sheets: sheets.map(|(name, _)| name.to_owned()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requested_sheet_or_first_visible_sheet_is_chosen() {
        let sheets = [
            ("Notes", false),
            ("Users", true),
            ("Größe", true),
            ("users", false),
        ];
        let choose = |requested| super::choose(sheets.into_iter(), requested).unwrap();
        assert_eq!(choose(None), 1);
        assert_eq!(choose(Some("notes")), 0);
        assert_eq!(choose(Some(" USERS ")), 1);
        assert_eq!(choose(Some("users")), 3);
        assert_eq!(choose(Some("GRÖẞE")), 2);
        let hidden = [("a", false), ("b", false)];
        assert_eq!(super::choose(hidden.into_iter(), None).unwrap(), 0);
    }

    #[test]
    fn unknown_name_lists_the_existing_names() {
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
