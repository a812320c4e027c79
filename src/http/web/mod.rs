//! The admin portal: pages below `/portal/`, made on the server, for an administrator with a file of users and a
//! browser. Everything works without scripts; scripts only make it more comfortable.
//!
//! Start with `routes.rs`, the table of operations; `endpoint.rs` is the sequence from a request to its answer, and
//! `file_page.rs`, `columns_page.rs`,
//! `options_page.rs`, `check_page.rs` and `start.rs` follow a file from its upload to its import. The pages are described by `views.rs` and made from
//! `templates/`.

pub mod assets;
pub mod check;
pub mod check_page;
pub mod check_state;
pub mod columns_page;
pub mod draft;
pub mod draft_head;
pub mod drafts;
pub mod endpoint;
pub mod estimate;
pub mod fields;
pub mod file_page;
pub mod front_end;
pub mod import_pages;
pub mod kinds;
pub mod listed;
pub mod notices;
pub mod options_page;
pub mod password_files;
pub mod refusal;
pub mod reply;
pub mod routes;
pub mod session_pages;
pub mod shown;
pub mod sign_in;
pub mod start;
pub mod stored_files;
pub mod templates_for_files;
pub mod upload;
pub mod views;
pub mod visit;

pub use front_end::mount;
