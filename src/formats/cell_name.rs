//! The names of columns and cells in a spreadsheet: `A`, `AA`, `C7` (ECMA-376 part 1 §18.18.62).

/// The letters of the column at `position`, from 0: `A` to `Z`, then `AA`.
pub fn column_letter(position: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = position;
    loop {
        // The remainder is less than 26.
        letters.push(char::from(b'A' + (rest % 26) as u8));
        match rest / 26 {
            0 => break,
            more => rest = more - 1,
        }
    }
    letters.iter().rev().collect()
}

/// The name of the cell in the column at `position`, from 0, and the row `line`, from 1.
pub fn cell_name(position: usize, line: u64) -> String {
    format!("{}{line}", column_letter(position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_spreadsheet_letters() {
        for (position, letters) in [
            (0, "A"),
            (1, "B"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (52, "BA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ] {
            assert_eq!(column_letter(position), letters, "{position}");
        }
        assert_eq!(cell_name(2, 7), "C7");
        assert!(!column_letter(usize::MAX).is_empty());
    }
}
