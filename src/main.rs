//! The binary: passes the command line to [`muster::cli`] and returns its exit code.

/// A small call allocates hundreds of times; glibc's allocator takes a seventh of the processor time of a call.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    muster::cli::main()
}
