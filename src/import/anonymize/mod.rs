//! Another file of the same form, whose import fails in the same way: for reports and support.
//!
//! What stands in cells is replaced, character by character and by one of the same kind; equal texts become
//! equal texts. What a cell comes to in an import (`signature.rs`) stays the same: a word that means something is
//! kept, a hash stays one of its scheme, a password breaks the rules that it broke. Whether the whole file does is
//! found out by importing both (`comparison.rs`).

pub mod anonymizer;
pub mod comparison;
mod headings;
mod parts;
mod words;
mod signature;
mod digests;
mod tokens;
mod alphabet;
mod draws;
