//! Material that is not part of the repository: recorded requests, messages of other projects, the XML suite.
//!
//! A variable names the folder of each. Tests that need one are ignored by `cargo test`; `tests/run.sh` runs them where
//! the variable is set, and reports them as skipped where it is not.

use std::path::PathBuf;

/// The folder that a variable names. Without the variable the test fails: it has nothing to test.
pub fn folder(variable: &str) -> PathBuf {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| {
        panic!("{variable} is not set: it names the folder with what this test reads; see CONTRIBUTING.md")
    });
    assert!(
        folder.is_dir(),
        "{variable} names {}, which is no folder",
        folder.display()
    );
    folder
}
