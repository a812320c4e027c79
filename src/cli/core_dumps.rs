//! No core dumps: the memory of the process holds passwords, and a dump would put them on a disk.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Sees to it that neither a crash nor a debugger of the same user writes this process's memory anywhere. A
/// program with the rights of `root` can still read it.
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

/// Also where the kernel hands dumps to a program (`core_pattern` with a `|`), which a limit does not stop.
#[cfg(target_os = "linux")]
fn not_dumpable() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
fn not_dumpable() -> io::Result<()> {
    Ok(())
}
