//! Bytes to rows. Rows are text with a line number; nothing here knows what a user is.
//!
//! [`open`] is the one way in: it tells by the first bytes what the file is, and compares that with
//! what it is called.

pub mod open;
pub mod settings;
pub mod kind;
pub mod detected;
pub mod error;
pub mod row;
pub mod cell_name;
mod look_ahead;
pub mod decode;
pub mod delimiter;
pub mod csv;
pub mod csv_writer;
pub mod xlsx;
pub mod inflation;
mod tags;
pub mod xls;
mod biff;
mod compound;
mod sheet_row;
mod cell;
mod number_format;
#[cfg(test)]
mod tests;
