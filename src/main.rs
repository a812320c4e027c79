//! The binary: hands the command line to [`muster::cli`] and its exit code to the system.

fn main() -> std::process::ExitCode {
    muster::cli::main()
}
