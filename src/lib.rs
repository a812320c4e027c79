//! Muster imports users in bulk into a user store.
//!
//! # Layers
//!
//! Imports run down only: a module may use the modules on the layers below its own, and none beside or above it.
//! `tests/it/layers.rs` reads the code and names every import that breaks this rule.
//!
//! ```text
//! 9 main
//! 8 cli            commands: demo, serve, import, send, users, imports, audit, role, organization, …
//! 7 http           soap, rest, scim (slices) over intake, challenge, unread, server, tls, health
//! 6 app            builds store, gate and importer once, and holds them
//! 5 provision      users and groups as resources, one by one and in bulk
//! 4 import  admin  rows in, report out; single users and roles
//! 3 stores  access  formats   config
//! 2 users
//! 1 scim  passwords  wire  telemetry
//! 0 clock  hex  quoted  caseless  pattern  slots  file_mode  wiped
//! ```
//!
//! - [`cli`]: one file for each command of the terminal.
//! - [`http`]: one folder for each protocol: [`http::soap`], [`http::rest`], [`http::scim`]; beside them what all
//!   of them share.
//! - [`app`]: everything that is built once at the start.
//! - [`provision`]: users and groups as resources: created, changed, deleted, one by one or many at once.
//! - [`import`]: the straight line from rows to report; [`admin`]: single users and roles.
//! - [`stores`]: one folder for each store, chosen by the scheme of its URL.
//! - [`access`]: who the caller is, and what the caller may do.
//! - [`formats`]: bytes to rows; CSV and workbooks.
//! - [`config`]: the settings, from defaults, file, environment and flags.
//! - [`users`]: what a user is, the rules for one, and the ports that stores implement.
//! - [`scim`]: the parts of SCIM that need no user: schemas, paths, filters, PATCH.
//! - [`passwords`]: secrets, rules, hash schemes, and the pool that computes hashes.
//! - [`wire`]: bytes of a request: multipart, base64, transfer encodings, the pipe.
//! - [`telemetry`]: the log. [`clock`]: time and ids. [`slots`]: fair turns. [`caseless`], [`pattern`], [`quoted`],
//!   [`hex`]: text. [`file_mode`], [`wiped`]: files and memory for one owner alone.
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
