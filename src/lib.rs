//! Muster imports users in bulk into a user store.
//!
//! # Layers
//!
//! Imports run down only: a module may use modules in the layers below its own, not in its own layer or above.
//! `tests/it/layers.rs` reads the code and reports every import that breaks this rule. `ARCHITECTURE.md` has the same
//! diagram, what each module must not know, and a table of where to begin a change.
//!
//! ```text
//! 9 main
//! 8 cli            commands: demo, serve, import, send, users, imports, audit, role, organization, …
//! 7 http           soap, rest, scim, web (slices) over front_end, intake, challenge, unread, server, tls, health
//! 6 app            builds store, gate and importer once, and holds them
//! 5 provision      users and groups as resources, single and in bulk
//! 4 import  admin  rows in, report out; single users and roles
//! 3 stores  access  formats   config
//! 2 users
//! 1 scim  passwords  wire  telemetry
//! 0 clock  hex  quoted  caseless  pattern  slots  file_mode  wiped  words
//! ```
//!
//! - [`cli`]: one file for each command.
//! - [`http`]: one folder for each protocol: [`http::soap`], [`http::rest`], [`http::scim`], and [`http::web`], the
//!   admin portal; what they share is next to them.
//! - [`app`]: the objects that are built once, at start.
//! - [`provision`]: creates, changes and deletes users and groups as resources, single and in bulk.
//! - [`import`]: the path from rows to report; [`admin`]: single users and roles.
//! - [`stores`]: one folder for each store, selected by the scheme of its URL.
//! - [`access`]: authentication and authorization.
//! - [`formats`]: bytes to rows; CSV and workbooks.
//! - [`config`]: the settings, from defaults, file, environment and flags.
//! - [`users`]: the user, its rules, and the traits that stores implement.
//! - [`scim`]: the parts of SCIM that do not depend on users: schemas, paths, filters, PATCH.
//! - [`passwords`]: secrets, the password policy, hash schemes, and the pool that computes hashes.
//! - [`wire`]: the bytes of a request: multipart, base64, transfer encodings, the pipe.
//! - [`telemetry`]: the log. [`clock`]: time and ids. [`slots`]: fair scheduling. [`caseless`], [`pattern`],
//!   [`quoted`], [`hex`], [`words`]: text. [`file_mode`], [`wiped`]: private files and memory that is wiped.
//!
//! Async ends at [`wire::pipe`]: above it code awaits, below it everything takes an ordinary reader.

pub mod clock;
pub mod hex;
pub mod file_mode;
pub mod wiped;
pub mod quoted;
pub mod pattern;
pub mod caseless;
pub mod slots;
pub mod words;
pub mod config;
pub mod telemetry;
pub mod passwords;
pub mod scim;
pub mod users;
pub mod wire;
pub mod formats;
pub mod stores;
pub mod access;
pub mod import;
pub mod admin;
pub mod provision;
pub mod app;
pub mod http;
pub mod cli;
