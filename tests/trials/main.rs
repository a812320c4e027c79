//! Trials: the tests for the guarantees in `docs/reliability.md`, with a duration of some minutes. `TRIAL_SEED` repeats
//! the choices of an earlier run, `TRIAL_COUNT` sets the number of repetitions.
//!
//! Tests that take less than a minute are in `tests/it` and run with every `cargo test`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a trial ends at the first unexpected result, and uses only some of the tests' tools"
)]

#[path = "../it/exchange.rs"]
mod exchange;
/// The module path that the tests' tools use.
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
mod power_loss;
mod system_calls;
mod worst_requests;
