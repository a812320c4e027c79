//! Bytes to rows. Rows are text with a line number; nothing here knows what a user is.

pub mod error;
pub mod row;
pub mod csv;
