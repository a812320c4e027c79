//! The service from outside: one binary, a module for each front end or promise.
//!
//! Every test starts what it needs on a free port with a fresh data directory and stops it again, so
//! that they run in any order and together. Traffic stays on the loopback.

mod app;
mod soap;
mod xml_conformance;
