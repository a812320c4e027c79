//! The REST front end: imports below `/api/v1` as resources, their progress as server-sent events, and
//! the OpenAPI document.
//!
//! Answers are JSON (RFC 8259), errors are problem details (RFC 9457). Start with `routes.rs`, the table of
//! operations, then read `imports.rs`, which follows one upload from top to bottom.

pub mod routes;
pub mod front_end;
pub mod endpoint;
pub mod admission;
pub mod parameters;
pub mod form;
pub mod imports;
pub mod resources;
pub mod fields;
pub mod answer;
pub mod problem_details;
pub mod openapi;

pub use front_end::mount;
