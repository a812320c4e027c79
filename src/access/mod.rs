//! Who is calling and what they may do.

pub mod basic;
pub mod gate;
pub mod first_operator;
