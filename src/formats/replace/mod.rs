//! Files whose content is replaced while their form stays: the same charset, delimiters, quotation marks, line
//! ends and blank lines, and workbooks with the same sheets, cells and formats.
//!
//! What stands for a text is decided by the caller; nothing here knows what a text means.

pub mod text;
pub mod document;
mod text_units;
mod text_layout;
mod workbook_copy;
