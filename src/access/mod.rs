//! Authentication and authorization of callers.

pub mod settings;
pub mod basic;
pub mod bearer;
pub mod authorization;
pub mod acting;
pub mod sessions;
pub mod gate;
pub mod login_guard;
pub mod failed_logins;
pub mod first_operator;
pub mod first_run;
