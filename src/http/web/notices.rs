//! The messages that a page shows after a change. A redirection carries only the message's word.

use crate::http::web::views::Notice;

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The operator has signed out.
    SignedOut,
    /// The first operator's password was set.
    PasswordSet,
    /// The first operator's password was set before, or its code is no longer valid.
    FirstRunOver,
    /// A session was ended.
    Revoked,
    /// A file was discarded.
    Discarded,
    /// A running import was asked to end.
    Cancelling,
    /// An import had already ended when it was to be cancelled.
    CancelledTooLate,
    /// An import was undone.
    Undone,
    /// A correction was added.
    Mended,
    /// A correction was removed.
    MendRemoved,
}

impl After {
    const ALL: [After; 10] = [
        After::SignedOut,
        After::PasswordSet,
        After::FirstRunOver,
        After::Revoked,
        After::Discarded,
        After::Cancelling,
        After::CancelledTooLate,
        After::Undone,
        After::Mended,
        After::MendRemoved,
    ];

    /// The word in the address.
    pub fn word(self) -> &'static str {
        match self {
            After::SignedOut => "signed-out",
            After::PasswordSet => "password-set",
            After::FirstRunOver => "first-run-over",
            After::Revoked => "revoked",
            After::Discarded => "discarded",
            After::Cancelling => "cancelling",
            After::CancelledTooLate => "too-late",
            After::Undone => "undone",
            After::Mended => "mended",
            After::MendRemoved => "mend-removed",
        }
    }

    /// The message of a word in an address; none if there is no such word.
    pub fn notice(word: &str) -> Option<Notice> {
        let after = After::ALL.into_iter().find(|after| after.word() == word)?;
        let (kind, text) = match after {
            After::SignedOut => (
                "success",
                "You have signed out. Files that were not imported have been deleted.",
            ),
            After::PasswordSet => ("success", "The password is set. Sign in with it."),
            After::FirstRunOver => (
                "info",
                "The first password was set already, or the link has expired. Sign in with the password; `muster operator \
                 password admin` sets another one.",
            ),
            After::Revoked => ("success", "The session has ended."),
            After::Discarded => (
                "success",
                "The file has been deleted. Nothing was imported.",
            ),
            After::Cancelling => (
                "info",
                "The import ends after the batch that is being written. What is stored stays; you can undo it.",
            ),
            After::CancelledTooLate => ("warning", "The import had already ended."),
            After::Undone => ("success", "The import has been undone."),
            After::Mended => (
                "success",
                "The correction applies to all rows of this kind. The file is being checked again.",
            ),
            After::MendRemoved => (
                "success",
                "The correction has been removed. The file is being checked again.",
            ),
        };
        Some(Notice {
            kind,
            text: text.to_owned(),
            code: String::new(),
        })
    }
}
