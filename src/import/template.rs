//! The template of a file of users, to be filled in: as CSV and as a workbook.
//!
//! Its second line is an example, which an import skips.

use std::io;

use crate::formats::csv_writer::CsvWriter;
use crate::formats::workbook_template;
use crate::users::claims::ClaimTable;

/// The columns that every template has, and their cells in the example.
const COLUMNS: [(&str, &str); 6] = [
    ("username", "Example: kim.lee"),
    ("password", "empty: the default password"),
    ("givenname", "Kim"),
    ("familyname", "Lee"),
    ("emailaddress", "kim.lee@example.com"),
    ("roles", "sales:support"),
];

/// The mark at the beginning of a file in UTF-8 by which spreadsheet programs detect the charset.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The columns of a template and the example below them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    columns: Vec<String>,
    example: Vec<String>,
}

impl Template {
    /// The template with the columns that most files have, and one for each claim of the settings.
    pub fn of(claims: &ClaimTable) -> Self {
        let (mut columns, mut example): (Vec<String>, Vec<String>) = COLUMNS
            .iter()
            .map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()))
            .unzip();
        for name in claims.configured() {
            if !COLUMNS.iter().any(|(known, _)| *known == name) {
                columns.push(name.clone());
                example.push(String::new());
            }
        }
        Template { columns, example }
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The template as CSV in UTF-8.
    ///
    /// # Errors
    /// None in practice; those of writing into memory.
    pub fn csv(&self) -> io::Result<Vec<u8>> {
        let mut writer = CsvWriter::plain(BYTE_ORDER_MARK.as_bytes().to_vec());
        for cells in [&self.columns, &self.example] {
            writer.row(cells.iter().map(String::as_str))?;
        }
        Ok(writer.into_inner())
    }

    /// The template as a workbook (`.xlsx`).
    ///
    /// # Errors
    /// The settings have more claims than a sheet has columns.
    pub fn workbook(&self) -> io::Result<Vec<u8>> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let example: Vec<&str> = self.example.iter().map(String::as_str).collect();
        workbook_template::workbook(&columns, &example)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::users::claims::Settings;

    fn claims(entries: &[(&str, &str)]) -> ClaimTable {
        let entries: HashMap<String, String> = entries
            .iter()
            .map(|(uri, name)| ((*uri).to_owned(), (*name).to_owned()))
            .collect();
        ClaimTable::new(&Settings::try_from(entries).unwrap())
    }

    #[test]
    fn columns_are_the_usual_ones_and_the_claims_of_the_settings() {
        let usual = COLUMNS.map(|(name, _)| name);
        assert_eq!(Template::of(&claims(&[])).columns(), usual);
        let table = claims(&[
            ("urn:b", "costCode"),
            ("urn:a", "badge"),
            ("urn:c", "badge"),
        ]);
        let template = Template::of(&table);
        assert_eq!(template.columns()[..6], usual);
        assert_eq!(template.columns()[6..], ["badge", "costCode"]);
        for column in template.columns() {
            assert!(table.column(column).is_some(), "{column}");
        }
    }

    #[test]
    fn csv_has_the_mark_of_its_charset_and_two_lines() {
        let csv = Template::of(&claims(&[("urn:a", "badge")])).csv().unwrap();
        let expected = "\u{feff}username,password,givenname,familyname,emailaddress,roles,badge\r\n\
                        Example: kim.lee,empty: the default password,Kim,Lee,kim.lee@example.com,\
                        sales:support,\r\n";
        assert_eq!(String::from_utf8(csv).unwrap(), expected);
    }
}
