//! Disables core dumps: the process's memory holds passwords, which a dump would write to a disk.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Prevents a crash, or a debugger run by the same user, from writing this process's memory anywhere. A program
/// with root privileges can still read it.
///
/// # Errors
/// The system refuses.
pub(super) fn forbid() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    not_dumpable()
}

/// Also covers kernels that pipe dumps to a program (`core_pattern` with a `|`), which ignore the limit.
#[cfg(target_os = "linux")]
fn not_dumpable() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
fn not_dumpable() -> io::Result<()> {
    Ok(())
}
