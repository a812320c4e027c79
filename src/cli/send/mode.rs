//! How the file is sent.

use clap::ValueEnum;

/// Where the file travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// In a part of its own, which the envelope includes (MTOM, XOP)
    Mtom,
    /// In a part of its own, which the envelope names (SOAP with Attachments)
    Swa,
    /// In the envelope, as base64
    Inline,
}
