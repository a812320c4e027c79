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
pub mod decode;
pub mod delimiter;
pub mod csv;
pub mod xlsx;
pub mod inflation;
pub mod tags;
pub mod xls;
pub mod biff;
pub mod compound;
pub mod sheet_row;
pub mod cell;
pub mod number_format;
