//! Muster brings users in bulk into a user store.
//!
//! # The floors
//!
//! Imports run down only; a part knows what stands on the floors below it and nothing beside or
//! above. `tests/it/floors.rs` reads the `use` lines and names an offender.
//!
//! ```text
//! 8 main
//! 7 cli            commands: demo, serve, import, send, users, imports, audit, role, organization, …
//! 6 http           soap, rest (slices) over intake, challenge, unread, server, tls, health
//! 5 app            builds store, gate and importer once; holds them
//! 4 provision      users and groups one by one and in bulk, as resources
//! 3 import  admin  the product: rows in, report out; single users and roles
//! 2 stores  access  formats   config
//! 1 users   wire    telemetry
//! 0 clock   hex     quoted   slots   file_mode   wiped
//! ```
//!
//! - [`users`]: what a user is, the rules, and the ports that stores stand behind.
//! - [`wire`]: bytes on their way in.
//! - [`formats`]: bytes to rows; rows are text.
//! - [`stores`]: one file or folder a store, chosen by URL scheme.
//! - [`access`]: who is calling.
//! - [`import`]: the one straight line from rows to report.
//! - [`admin`]: single users and roles, looked up and changed.
//! - [`provision`]: users and groups as resources: made, changed, removed, many at once.
//! - [`http`]: one folder a tongue; [`http::soap`] owns all of SOAP, [`http::rest`] of REST.
//!
//! Async ends at [`wire::pipe`]: above it code awaits, below it everything takes an ordinary reader.

pub mod clock;
pub mod hex;
pub mod file_mode;
pub mod wiped;
pub mod quoted;
pub mod slots;
pub mod config;
pub mod telemetry;
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
