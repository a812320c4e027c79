//! How the file is sent.

use clap::ValueEnum;

/// Where the file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// In a part that the envelope includes (MTOM, XOP)
    Mtom,
    /// In a part that the envelope refers to (SOAP with Attachments)
    Swa,
    /// In the envelope, as base64
    Inline,
}
