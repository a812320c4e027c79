//! The binary: hands the command line to [`muster::cli`] and its exit code to the system.

/// A small call allocates hundreds of times, of which glibc's allocator makes a seventh of its processor time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    muster::cli::main()
}
