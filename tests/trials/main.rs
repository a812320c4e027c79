//! Trials: what the promises in `docs/reliability.md` were tried with, as runs that end by themselves within
//! minutes. `TRIAL_SEED` repeats the choices of an earlier run, `TRIAL_COUNT` sets how many there are.
//!
//! Those that take less than a minute are in `tests/it` and run with every `cargo test`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "what a trial does not expect ends it, and it uses some of the tests' tools"
)]

#[path = "../it/exchange.rs"]
mod exchange;
/// Where the tests' tools look for it.
mod app {
    pub use crate::exchange::*;
}
#[path = "../it/fault.rs"]
mod fault;
#[path = "../it/peaks.rs"]
mod peaks;
#[path = "../it/process.rs"]
mod process;

mod chosen;
mod system_calls;
mod worst_requests;
