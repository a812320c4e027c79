//! Converts bytes to rows. Rows are text with a line number; nothing here depends on what a user is.
//!
//! [`open`] is the only entry point: it detects the format by the first bytes of the file and compares it
//! with the file name.

pub mod open;
pub mod settings;
pub mod kind;
mod markup;
mod not_a_table;
mod wrapped;
pub mod detected;
pub mod error;
pub mod row;
pub mod cell_name;
mod look_ahead;
pub mod decode;
pub mod charset;
mod charset_guess;
pub mod code_pages;
mod languages;
pub mod delimiter;
pub mod csv;
mod quotes;
pub mod csv_writer;
pub mod workbook_template;
pub mod xlsx;
pub mod inflation;
mod tags;
mod package;
mod utf8_part;
mod xml_part;
mod workbook_part;
mod texts;
mod styles;
mod memory;
pub mod workbook_memory;
mod sheet_cells;
pub mod xls;
mod xls_cells;
mod xls_encryption;
mod biff;
mod compound;
mod sheet_choice;
mod sheet_row;
mod cell;
mod number_format;
mod serial_date;
pub mod replace;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod workbook_tests;
